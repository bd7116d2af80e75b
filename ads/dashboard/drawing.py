"""Bars, bullet graphs and sparklines as integers and per cents of their width: nothing here is a float.

A graph's scale ends at 125 % of the budget, so the budget always stands at 80 % of the width.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.html import escape
from django.utils.safestring import SafeString

from ads.formats import BUDGET_AT

_FULL = 100 * 100  # hundredths of a per cent
_BUDGET = BUDGET_AT * 100
_LEAST_OVER = 160  # so that what is over by a cent is seen


@dataclass(frozen=True, slots=True)
class Bullet:
    """Positions in per cent of the width, as SVG takes them; '' is not drawn."""

    within: str
    over: str
    pace: str = ""
    projected: str = ""
    low: str = ""
    high: str = ""


def bullet(
    counted: int,
    budget: int | None,
    pace: int | None = None,
    projected: int | None = None,
    low: int | None = None,
    high: int | None = None,
) -> Bullet | None:
    """What counts against a budget, where it should be by now, and the projected end with its band, in micros.

    None where there is no budget, or one of 0, to draw against.
    """
    if not budget:
        return None
    over = min(max(_LEAST_OVER, _at(counted, budget) - _BUDGET), _FULL - _BUDGET) if counted > budget else 0
    return Bullet(
        within=_percent(min(_at(counted, budget), _BUDGET)),
        over=_percent(over) if over else "",
        pace=_place(pace, budget),
        projected=_place(projected, budget),
        low=_place(low, budget),
        high=_place(high, budget),
    )


def _place(micros: int | None, budget: int) -> str:
    return "" if micros is None else _percent(_at(micros, budget))


def _at(micros: int, budget: int) -> int:
    """Where an amount stands, in hundredths of a per cent of the width, no further than its end."""
    return max(0, min(micros * _BUDGET // budget, _FULL))


def _percent(hundredths: int) -> str:
    return f"{hundredths // 100}.{hundredths % 100:02d}"


@dataclass(frozen=True, slots=True)
class Column:
    """One day of a sparkline, in tenths of a pixel."""

    x: str
    top: str
    height: str
    over_top: str
    over_height: str
    is_today: bool


@dataclass(frozen=True, slots=True)
class Sparkline:
    """Columns in a box of 72 by 24, and the height of the budget's line ('' without a budget)."""

    columns: Sequence[Column]
    budget_y: str


_FLOOR, _HEIGHT, _STEP, _LEAST = 230, 220, 51, 8


def sparkline(days: Sequence[int], budget: int | None) -> Sparkline:
    """Spend of consecutive days in micros, the last one today, against the present daily budget."""
    top = max([*days, budget or 0, 1]) * 104 // 100 or 1
    columns = []
    for index, spent in enumerate(days):
        within = max(0, spent if budget is None else min(spent, budget)) * _HEIGHT // top
        height = max(0, spent) * _HEIGHT // top
        over = max(16, height - within) if budget is not None and spent > budget else 0
        columns.append(
            Column(
                x=_tenths(index * _STEP),
                top=_tenths(_FLOOR - within),
                height=_tenths(max(within, _LEAST)),
                over_top=_tenths(_FLOOR - within - over),
                over_height=_tenths(over) if over else "",
                is_today=index == len(days) - 1,
            )
        )
    return Sparkline(columns, "" if budget is None else _tenths(_FLOOR - budget * _HEIGHT // top))


def _tenths(value: int) -> str:
    return f"{value // 10}.{value % 10}"


# Put together from numbers alone, and without a template each: a page holds hundreds.
def bullet_svg(drawn: Bullet | None) -> SafeString:
    """A bullet graph of 24 px height, hidden from those who cannot see it: its numbers stand beside it."""
    if drawn is None:
        return SafeString("")
    parts = [
        '<svg class="bul" aria-hidden="true" focusable="false">',
        '<rect class="b-track" x="0" y="8" width="80%" height="8"/>',
        '<rect class="b-hatch-bg" x="80%" y="8" width="20%" height="8"/>',
        f'<rect class="b-spend" x="0" y="8" width="{drawn.within}%" height="8"/>',
    ]
    if drawn.over:
        parts.append(f'<rect class="b-over" x="80%" y="8" width="{drawn.over}%" height="8"/>')
    if drawn.low:
        parts.append(f'<line class="b-band" x1="{drawn.low}%" x2="{drawn.high}%" y1="21" y2="21"/>')
    if drawn.projected:
        parts.append(f'<circle class="b-proj" cx="{drawn.projected}%" cy="21" r="3"/>')
    parts.append('<line class="b-budget" x1="80%" x2="80%" y1="5" y2="17"/>')
    if drawn.pace:
        parts.append(
            f'<svg x="{drawn.pace}%" y="1" width="1" height="1" overflow="visible">'
            '<path class="b-pace" d="M-4.500 0h9L0 6Z"/></svg>'
        )
    return SafeString("".join(parts) + "</svg>")


def bar_svg(drawn: Bullet | None) -> SafeString:
    """A bar of 14 px height."""
    if drawn is None:
        return SafeString("")
    over = f'<rect class="b-over" x="80%" y="3" width="{drawn.over}%" height="8"/>' if drawn.over else ""
    return SafeString(
        '<svg class="bar" aria-hidden="true" focusable="false">'
        '<rect class="b-track" x="0" y="3" width="80%" height="8"/>'
        f'<rect class="b-spend" x="0" y="3" width="{drawn.within}%" height="8"/>{over}'
        '<line class="b-budget" x1="80%" x2="80%" y1="0" y2="14"/></svg>'
    )


def sparkline_svg(drawn: Sparkline, label: str) -> SafeString:
    """Columns of days; the label tells what they show."""
    parts = [f'<svg class="spark" viewBox="0 0 72 24" role="img" aria-label="{escape(label)}">']
    for day in drawn.columns:
        kind = "s-part" if day.is_today else "s-bar"
        parts.append(f'<rect class="{kind}" x="{day.x}" y="{day.top}" width="4" height="{day.height}"/>')
        if day.over_height:
            parts.append(
                f'<rect class="s-over" x="{day.x}" y="{day.over_top}" width="4" height="{day.over_height}"/>'
            )
    if drawn.budget_y:
        y = drawn.budget_y
        parts.append(f'<line class="s-bud" x1="0" x2="71" y1="{y}" y2="{y}"/>')
    return SafeString("".join(parts) + "</svg>")

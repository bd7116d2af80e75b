"""Bars, bullet graphs and sparklines as integers and per cents of their width: nothing here is a float.

A graph's scale ends at 125 % of the budget, so the budget always stands at 80 % of the width.
"""

from collections.abc import Sequence
from dataclasses import dataclass

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

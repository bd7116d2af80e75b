"""How money, statuses and moments read: pure, shared by every face, and never used to compute.

Money arrives in micros with its currency's ISO 4217 code; moments arrive with the calendar they are told in.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache

from babel.numbers import get_currency_symbol

from ads.currencies import minor_units
from ads.rules.money import from_micros, round_for_display
from ads.rules.periods import ONE_DAY, Calendar
from ads.rules.serving import Reason, Status

NOTHING_KNOWN = "–"
NO_LIMIT_SET = "No limit set"
BUDGET_AT = 80  # per cent of a bar's width at which the budget stands, so that the bar ends at 125 % of it


def money(micros: int, currency: str) -> str:
    """An amount as people read it, rounded half-even to the currency's minor units: "€1,234.50"."""
    return _with_symbol(round_for_display(micros, minor_units(currency)), currency)


def whole_money(micros: int, currency: str) -> str:
    """An amount in whole units, for what is only an estimate: "€249,135"."""
    return _with_symbol(round_for_display(micros, 0), currency)


def exact_money(micros: int, currency: str) -> str:
    """An amount with all the decimals it has: "$0.004", "¥120"."""
    amount = from_micros(micros)
    places = max(minor_units(currency), _places(amount))
    return _with_symbol(round_for_display(micros, places), currency)


def limit(micros: int | None, currency: str) -> str:
    """A budget as people read it, with all its decimals; words where there is none."""
    return NO_LIMIT_SET if micros is None else exact_money(micros, currency)


def left_or_over(remaining_micros: int, currency: str) -> str:
    """What is left of a budget, or by how much it is exceeded: "€3.00 left", "€18.40 over"."""
    if remaining_micros < 0:
        return f"{money(-remaining_micros, currency)} over"
    return f"{money(remaining_micros, currency)} left"


def percent_used(counted_micros: int, budget_micros: int | None) -> int | None:
    """Whole per cent of the budget, rounded down so that only what is reached reads 100; None without one."""
    return counted_micros * 100 // budget_micros if budget_micros else None


@dataclass(frozen=True, slots=True)
class Bar:
    """Widths of a bar in whole per cent: what is within the budget, and beyond it what is over."""

    within: int
    over: int


def bar(counted_micros: int, budget_micros: int | None) -> Bar | None:
    """The bar of an amount against its budget; None where there is no budget to draw it against."""
    if not budget_micros:
        return None
    within = max(0, min(counted_micros, budget_micros)) * BUDGET_AT // budget_micros
    beyond = max(0, counted_micros - budget_micros)
    over = min(100 - BUDGET_AT, max(1, beyond * BUDGET_AT // budget_micros)) if beyond else 0
    return Bar(within, over)


@dataclass(frozen=True, slots=True)
class Look:
    """A status as people see it: a shape, a word, and a tone that only repeats what both say."""

    shape: str
    word: str
    tone: str

    def __str__(self) -> str:
        return f"{self.shape} {self.word}"


_LOOKS = {
    Status.ACTIVE: Look("▶", Status.ACTIVE.word, "run"),
    Status.PAUSED: Look("‖", Status.PAUSED.word, "limit"),
    Status.INACTIVE: Look("⊘", Status.INACTIVE.word, "off"),
    Status.COMPLETED: Look("⚑", Status.COMPLETED.word, "done"),
}
_PAUSED_BY_CLOCK = Look("‖", Status.PAUSED.word, "clock")
_OF_THE_CLOCK = frozenset({Reason.FLIGHT_NOT_STARTED, Reason.OUTSIDE_DAYPARTING})


def look(status: Status, reasons: tuple[Reason, ...] = ()) -> Look:
    """How a status is shown. Paused by the clock alone is normal and has a calm tone of its own."""
    if status == Status.PAUSED and reasons and _OF_THE_CLOCK.issuperset(reasons):
        return _PAUSED_BY_CLOCK
    return _LOOKS[status]


def day(value: date) -> str:
    """A date: "Wed 18 Nov 2026"."""
    return f"{value:%a} {value.day} {value:%b %Y}"


def month(value: date) -> str:
    """The month of a date: "November 2026"."""
    return f"{value:%B %Y}"


def clock(moment: datetime, calendar: Calendar) -> str:
    """The time of day where the calendar rules: "14:05"."""
    return f"{calendar.wall_clock(moment):%H:%M}"


def moment(value: datetime, calendar: Calendar, now: datetime, *, seconds: bool = False) -> str:
    """A moment where the calendar rules: "14:05 today", "07:00 tomorrow, Thu 19 Nov", "07:00, Mon 23 Nov"."""
    wall, today = calendar.wall_clock(value), calendar.wall_clock(now).date()
    time = f"{wall:%H:%M:%S}" if seconds else f"{wall:%H:%M}"
    short_day = f"{wall:%a} {wall.day} {wall:%b}"
    if wall.date() == today:
        return f"{time} today"
    if wall.date() == today + ONE_DAY:
        return f"{time} tomorrow, {short_day}"
    if wall.year == today.year:
        return f"{time}, {short_day}"
    return f"{time}, {short_day} {wall.year}"


def city(moment: datetime, calendar: Calendar) -> str:
    """The place whose clock is told, in short: "Sao Paulo" of America/Sao_Paulo."""
    return str(calendar.zone_at(moment)).rpartition("/")[2].replace("_", " ")


def counted(number: int, singular: str, plural: str = "") -> str:
    """A number with its noun: "1 campaign", "12 campaigns"."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


@cache
def symbol(currency: str) -> str:
    """What stands before an amount: "€", "US$", and the code with a space where there is no sign."""
    sign = get_currency_symbol(currency, locale="en")
    return sign + "\N{NO-BREAK SPACE}" if sign[-1:].isalpha() and sign == currency else sign


def _with_symbol(amount: Decimal, currency: str) -> str:
    sign = "-" if amount < 0 else ""
    return f"{sign}{symbol(currency)}{amount.copy_abs():,f}"


def _places(amount: Decimal) -> int:
    exponent = amount.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0

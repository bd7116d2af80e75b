"""Pace: spend against where it should be by now. Projection: where the month ends if spend goes on like this.

Amounts are micros, in integers throughout. Times are minutes of the brand's clock on the wall, of which every
day here has 1,440: what the two days a year do on which clocks change is far below what can be projected.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Context, Decimal
from enum import StrEnum
from functools import lru_cache

from ads.rules.dayparting import Window, weekly_edges
from ads.rules.periods import ONE_DAY, month_start, next_month

MINUTES_A_DAY = 24 * 60
FOUR_WEEKS, ONE_WEEK = timedelta(days=28), timedelta(days=7)
FEWEST_DAYS = 3
ON_PACE_PERCENT, FAR_PERCENT = 5, 20

_MINUTE = 60_000_000
_DAY = MINUTES_A_DAY * _MINUTE
_WEEK = 7 * _DAY
_WHOLE_WEEK = (0, _WEEK)
_ROOT = Context(prec=60)

Week = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """When one campaign may run: in its flight, both days included, and in its windows.

    The windows are told by a clock that is `ahead` minutes ahead of the brand's.
    """

    first_day: date | None = None
    last_day: date | None = None
    windows: tuple[Window, ...] = ()
    ahead: int = 0


@dataclass(frozen=True, slots=True)
class Opening:
    """The minutes on which at least one of some campaigns may run: weeks of windows, each on spans of days."""

    weeks: tuple[tuple[Week, tuple[tuple[date, date], ...]], ...]

    def minutes(self, day: date) -> int:
        """Minutes of `day` on which one may run."""
        return self.minutes_before(day, MINUTES_A_DAY)

    def minutes_before(self, day: date, minute: int) -> int:
        """Minutes of `day`, up to the `minute`th of its clock, on which one may run."""
        open_weeks = [
            week for week, flights in self.weeks if any(first <= day <= last for first, last in flights)
        ]
        if _WHOLE_WEEK in open_weeks:
            return minute
        return _minutes(frozenset(open_weeks), day.weekday(), minute)


def opening(runs: Iterable[Run]) -> Opening:
    """Return when at least one of these campaigns may run."""
    flights: dict[Week, list[tuple[date, date]]] = {}
    for run in runs:
        flight = (run.first_day or date.min, run.last_day or date.max)
        flights.setdefault(_week(run.windows, run.ahead), []).append(flight)
    return Opening(tuple((week, _merged(spans)) for week, spans in flights.items()))


@dataclass(frozen=True, slots=True)
class PacingFacts:
    """What is known of a brand, or of one campaign, at one moment.

    `days` holds what was spent on each of the 28 days before `today`, and on some day before them if spend goes
    that far back (a missing one: nothing); `month_micros` what counts in the month so far. `been_open` tells
    when campaigns might run until now, `may_run` when they may from now on. `resumes_on` is the first day on
    which they may: today, or a later one behind a limit.
    """

    today: date
    minute: int
    month_micros: int
    days: Mapping[date, int]
    been_open: Opening
    may_run: Opening
    resumes_on: date


@dataclass(frozen=True, slots=True)
class Projection:
    """The month's end, in micros, and the band that it lies in 19 times of 20 if days vary as they did."""

    micros: int
    low_micros: int
    high_micros: int


class Direction(StrEnum):
    AHEAD = "AHEAD"
    ON_PACE = "ON_PACE"
    BEHIND = "BEHIND"


@dataclass(frozen=True, slots=True)
class Pace:
    """Where the month should be by now, in micros, and by how many whole per cent of that spend is off it."""

    expected_micros: int
    percent: int
    direction: Direction
    is_far: bool


def project(facts: PacingFacts) -> Projection | None:
    """Return where the month ends; None before there are three days of data.

        month to date + for each day left: rate(weekday) * open minutes left of that day
        rate(weekday) = spent / open minutes, of that weekday in the last four weeks

    Where there is less than four weeks of data, or the weekday was never open in them, the rate is that of
    the last seven days. Days on which no campaign might run, and none did, are left out. Of today, what is
    left of it counts. The band is twice the standard error on either side:

        variance = sum of (spent - rate * open minutes) squared / (days of data - rates)
        band = 2 * root(variance * (days left + days left squared / days of data))
    """
    past = _days_of_data(facts)
    if len(past) < FEWEST_DAYS:
        return None
    rates = _Rates(past, facts.today, has_four_weeks=_has_four_weeks(facts, past[0].day))
    left = list(_minutes_left(facts))
    rest = sum(rates.spend(day, minutes) for day, minutes in left)
    band = rates.band(sum(minutes for _, minutes in left))
    total = facts.month_micros + rest
    return Projection(total, max(facts.month_micros, total - band), total + band)


def projected_from(facts: PacingFacts) -> date | None:
    """Return the day from which the month's end can be told if spend goes on; None without any spend."""
    missing = FEWEST_DAYS - len(_days_of_data(facts))
    if missing <= 0:
        return facts.today
    is_spending = bool(facts.days.get(facts.today)) or missing < FEWEST_DAYS
    return facts.today + missing * ONE_DAY if is_spending else None


def pace(facts: PacingFacts, budget_micros: int | None) -> Pace | None:
    """Return how the month to date compares with the even line over the month's open days.

        expected = budget * (open days gone by + open share of today that is gone by) / open days of the month

    Within 5 % of that it is on pace; beyond 20 % it is far off. None without a budget, before three days of
    data, or before one open day of the month has gone by.
    """
    if not budget_micros or len(_days_of_data(facts)) < FEWEST_DAYS:
        return None
    line = even_line(facts, budget_micros)
    today = facts.today
    before = line.get(today - ONE_DAY, 0)
    if not before:
        return None
    of_today = facts.been_open.minutes(today)
    gone = facts.been_open.minutes_before(today, facts.minute)
    share = (line[today] - before) * gone // of_today if of_today else 0
    expected = before + share
    off = facts.month_micros - expected
    direction = Direction.ON_PACE
    if abs(off) * 100 > expected * ON_PACE_PERCENT:
        direction = Direction.AHEAD if off > 0 else Direction.BEHIND
    return Pace(
        expected_micros=expected,
        percent=(abs(off) * 200 + expected) // (2 * expected),
        direction=direction,
        is_far=abs(off) * 100 > expected * FAR_PERCENT,
    )


def even_line(facts: PacingFacts, budget_micros: int) -> dict[date, int]:
    """Return what should be spent by the end of each day of the month: the budget spread evenly over open days.

    It is empty where the month has no open day.
    """
    first = month_start(facts.today)
    days = [first + index * ONE_DAY for index in range((next_month(first) - first).days)]
    are_open = [_is_open(facts, day) for day in days]
    number, gone = sum(are_open), 0
    line = {}
    for day, is_open in zip(days, are_open, strict=True):
        gone += is_open
        if number:
            line[day] = budget_micros * gone // number
    return line


def _is_open(facts: PacingFacts, day: date) -> bool:
    if day > facts.today:
        return facts.may_run.minutes(day) > 0
    return facts.been_open.minutes(day) > 0 or facts.days.get(day, 0) != 0


@dataclass(frozen=True, slots=True)
class _Day:
    """A day of data: what was spent on it, and on how many minutes that was possible."""

    day: date
    spent: int
    minutes: int


def _days_of_data(facts: PacingFacts) -> list[_Day]:
    """Return the open days before today, from the first of the last four weeks that holds spend."""
    spending = [day for day, spent in facts.days.items() if spent and day < facts.today]
    if not spending:
        return []
    day = max(min(spending), facts.today - FOUR_WEEKS)
    found = []
    while day < facts.today:
        spent, minutes = facts.days.get(day, 0), facts.been_open.minutes(day)
        if minutes or spent:
            # Spend on a day that is closed by today's settings: they were others then.
            found.append(_Day(day, spent, minutes or MINUTES_A_DAY))
        day += ONE_DAY
    return found


def _has_four_weeks(facts: PacingFacts, first: date) -> bool:
    """Return whether data goes four weeks back: spend before `first`, or no open day that held none."""
    start = facts.today - FOUR_WEEKS
    return any(spent and day < start for day, spent in facts.days.items()) or not any(
        facts.been_open.minutes(start + index * ONE_DAY) for index in range((first - start).days)
    )


def _minutes_left(facts: PacingFacts) -> Iterable[tuple[date, int]]:
    """Give each day that is left of the month, with the minutes left on which campaigns may run."""
    day, end = max(facts.today, facts.resumes_on), next_month(month_start(facts.today))
    while day < end:
        gone = facts.may_run.minutes_before(day, facts.minute) if day == facts.today else 0
        yield day, facts.may_run.minutes(day) - gone
        day += ONE_DAY


class _Rates:
    """What an open minute costs on each weekday, and how much days differ from that."""

    def __init__(self, past: Sequence[_Day], today: date, *, has_four_weeks: bool) -> None:
        self._past = past
        recent = [day for day in past if day.day >= today - ONE_WEEK] or past
        self._recent = _Rate.of(recent)
        self._weekdays: dict[int, _Rate] = {}
        if has_four_weeks:
            for weekday in range(7):
                days = [day for day in past if day.day.weekday() == weekday]
                if days:
                    self._weekdays[weekday] = _Rate.of(days)

    def spend(self, day: date, minutes: int) -> int:
        """Return what so many open minutes of this day will cost."""
        return self._weekdays.get(day.weekday(), self._recent).cost(minutes)

    def band(self, minutes_left: int) -> int:
        """Return twice the standard error of what so many open minutes will cost."""
        freedom = len(self._past) - (len(self._weekdays) or 1)
        if freedom <= 0:
            return 0
        squares = sum((day.spent - self.spend(day.day, day.minutes)) ** 2 for day in self._past)
        number, minutes = len(self._past), sum(day.minutes for day in self._past)
        # With days left = minutes left * number / minutes:
        variance = squares * minutes_left * number * (minutes + minutes_left) // (freedom * minutes**2)
        return 2 * int(_ROOT.sqrt(Decimal(variance)))


@dataclass(frozen=True, slots=True)
class _Rate:
    """So many micros in so many open minutes."""

    spent: int
    minutes: int

    @classmethod
    def of(cls, days: Collection[_Day]) -> "_Rate":
        return cls(sum(day.spent for day in days), sum(day.minutes for day in days))

    def cost(self, minutes: int) -> int:
        """Return what so many minutes cost at this rate; refunds make nothing negative."""
        return max(0, self.spent * minutes // self.minutes)


@lru_cache(maxsize=8192)
def _week(windows: tuple[Window, ...], ahead: int) -> Week:
    """Return the union of the windows over a week by the brand's clock, in microseconds since Monday."""
    if not windows:
        return _WHOLE_WEEK
    edges = weekly_edges(windows)
    if not ahead or edges == _WHOLE_WEEK:
        return edges
    spans = []
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        begin = (start - ahead * _MINUTE) % _WEEK
        spans.append((begin, min(begin + end - start, _WEEK)))
        if begin + end - start > _WEEK:
            spans.append((0, begin + end - start - _WEEK))
    return tuple(edge for span in _joined(spans) for edge in span)


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def _merged(flights: Iterable[tuple[date, date]]) -> tuple[tuple[date, date], ...]:
    """Return the same days as spans that neither overlap nor touch."""
    merged: list[tuple[date, date]] = []
    for first, last in sorted(flights):
        if merged and (merged[-1][1] == date.max or first <= merged[-1][1] + ONE_DAY):
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return tuple(merged)


@lru_cache(maxsize=65536)
def _minutes(weeks: frozenset[Week], weekday: int, minute: int) -> int:
    """Return the minutes of a weekday, up to the `minute`th, that are open in at least one of the weeks."""
    start = weekday * _DAY
    end = start + minute * _MINUTE
    spans = _joined(span for week in weeks for span in zip(week[::2], week[1::2], strict=True))
    return sum(max(0, min(last, end) - max(first, start)) for first, last in spans) // _MINUTE

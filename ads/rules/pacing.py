"""Pace: spend against where it should be by now. Projection: where the month ends if spend goes on like this.

Amounts are micros, in integers throughout. Times are minutes of the brand's clock on the wall, of which every
day here has 1,440: what the two days a year do on which clocks change is far below what can be projected.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from functools import cached_property, lru_cache
from itertools import accumulate
from math import isqrt

from ads.rules.dayparting import Window, weekly_edges
from ads.rules.periods import ONE_DAY, month_start, next_month

MINUTES_A_DAY = 24 * 60
DAYS_KEPT = 31  # a month, and so four weeks with some days by which to tell whether spend goes further back
FOUR_WEEKS, ONE_WEEK = 28, timedelta(days=7)
FEWEST_DAYS = 3
LOOKED_AHEAD = 366  # days in which a flight without a last day may reach its total budget
ON_PACE_PERCENT, FAR_PERCENT = 5, 20

_MINUTE = 60_000_000
_DAY = MINUTES_A_DAY * _MINUTE
_WEEK = 7 * _DAY
_WHOLE_WEEK = (0, _WEEK)

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
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash(self.weeks))

    def __hash__(self) -> int:
        """Told once: what is asked of a brand's days is kept by it."""
        return self._hash

    def minutes(self, day: date) -> int:
        """Minutes of `day` on which one may run."""
        return self.minutes_before(day, MINUTES_A_DAY)

    def minutes_before(self, day: date, minute: int) -> int:
        """Minutes of `day`, up to the `minute`th of its clock, on which one may run."""
        if self.weeks == ALWAYS.weeks:  # most brands', and asked for each of them
            return minute
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


ALWAYS = Opening(((_WHOLE_WEEK, ((date.min, date.max),)),))


@dataclass(frozen=True)
class PacingFacts:
    """What is known of a brand, or of one campaign, at one moment.

    `days` holds what was spent on each of the DAYS_KEPT days before `today`, the oldest first; `today_micros`
    what was spent today, `month_micros` what counts in the month so far. `opening` is when campaigns that are
    switched on may run, `resumes_on` the first day on which they may: today, or a later one behind a limit.
    """

    today: date
    minute: int
    days: tuple[int, ...]
    today_micros: int
    month_micros: int
    opening: Opening
    resumes_on: date

    @cached_property
    def past(self) -> "_Past":
        """What the days of data tell."""
        return _past(self.days, self.today, self.opening)


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
    past = facts.past
    if len(past.days) < FEWEST_DAYS:
        return None
    rest, minutes_left = _ahead(facts.days, facts.today, facts.opening, facts.resumes_on)
    if facts.resumes_on <= facts.today:
        opening = facts.opening
        of_today = opening.minutes(facts.today) - opening.minutes_before(facts.today, facts.minute)
        rest += past.cost(facts.today, of_today)
        minutes_left += of_today
    band = past.band(minutes_left)
    total = facts.month_micros + rest
    return Projection(total, max(facts.month_micros, total - band), total + band)


def course(facts: PacingFacts) -> list[Projection]:
    """Return where the month stands at the end of today and of each day after it, the last being its end.

    Empty before there are three days of data.
    """
    return list(_course(facts, facts.month_micros, next_month(month_start(facts.today)) - ONE_DAY))


def _course(facts: PacingFacts, so_far: int, last_day: date) -> Iterator[Projection]:
    """Yield where spend that is at `so_far` now stands at the end of today and of each day until the last."""
    past = facts.past
    if len(past.days) < FEWEST_DAYS:
        return
    total, minutes_left, day = so_far, 0, facts.today
    while day <= last_day:
        if day >= facts.resumes_on:
            minutes = facts.opening.minutes(day)
            if day == facts.today:
                minutes -= facts.opening.minutes_before(day, facts.minute)
            total += past.cost(day, minutes)
            minutes_left += minutes
        band = past.band(minutes_left)
        yield Projection(total, max(so_far, total - band), total + band)
        day += ONE_DAY


@dataclass(frozen=True, slots=True)
class FlightOutlook:
    """Where a flight ends (None where it has no last day), and when it reaches its total budget if it does."""

    end: Projection | None
    reached_on: date | None


def flight(
    facts: PacingFacts, so_far: int, total_budget: int | None, last_day: date | None
) -> FlightOutlook | None:
    """Return where a flight goes if spend goes on; None before three days of data and after its last day.

    A flight without a last day is looked at for a year.
    """
    ends = list(_course(facts, so_far, last_day or facts.today + LOOKED_AHEAD * ONE_DAY))
    if not ends:
        return None
    return FlightOutlook(ends[-1] if last_day else None, reached_on(ends, total_budget, facts.today))


def reached_on(ends: Sequence[Projection], budget_micros: int | None, today: date) -> date | None:
    """Return the day on which a course from today on reaches the budget; None without one, or where it does not."""
    if not budget_micros:
        return None
    return next(
        (today + number * ONE_DAY for number, end in enumerate(ends) if end.micros >= budget_micros), None
    )


def open_days_left(facts: PacingFacts) -> int:
    """Return on how many days of the month after today campaigns may run."""
    end = next_month(month_start(facts.today))
    return sum(
        facts.opening.minutes(facts.today + number * ONE_DAY) > 0
        for number in range(1, (end - facts.today).days)
    )


def projected_from(facts: PacingFacts) -> date | None:
    """Return the day from which the month's end can be told if spend goes on; None without any spend."""
    missing = FEWEST_DAYS - len(facts.past.days)
    if missing <= 0:
        return facts.today
    is_spending = facts.today_micros or missing < FEWEST_DAYS
    return facts.today + missing * ONE_DAY if is_spending else None


def usual_by_now(facts: PacingFacts) -> int | None:
    """Return what today usually costs up to now, in micros; None before three days of data."""
    past = facts.past
    if len(past.days) < FEWEST_DAYS:
        return None
    return past.cost(facts.today, facts.opening.minutes_before(facts.today, facts.minute))


def usual_hour(facts: PacingFacts) -> int | None:
    """Return what an open hour of today usually costs, in micros; None before three days of data."""
    past = facts.past
    return past.cost(facts.today, 60) if len(past.days) >= FEWEST_DAYS else None


def pace(facts: PacingFacts, budget_micros: int | None) -> Pace | None:
    """Return how the month to date compares with the even line over the month's open days.

        expected = budget * (open days gone by + open share of today that is gone by) / open days of the month

    Within 5 % of that it is on pace; beyond 20 % it is far off. None without a budget, before three days of
    data, or before one open day of the month has gone by.
    """
    if not budget_micros or len(facts.past.days) < FEWEST_DAYS:
        return None
    gone = _open_days(facts)
    number, before = gone[-1], gone[facts.today.day - 1]
    if not before:
        return None
    return _against_even(facts, facts.month_micros, budget_micros, number, before)


def flight_pace(
    facts: PacingFacts, so_far: int, total_budget: int | None, first_day: date | None, last_day: date | None
) -> Pace | None:
    """Return how a flight to date compares with its total budget spread evenly over its open days.

    None without both days and a budget, before three days of data, before one open day has gone by, and after
    the last.
    """
    if not total_budget or first_day is None or last_day is None or facts.today > last_day:
        return None
    if len(facts.past.days) < FEWEST_DAYS:
        return None
    number, before = (
        _number_of_open_days(facts.opening, first_day, end) for end in (last_day + ONE_DAY, facts.today)
    )
    return _against_even(facts, so_far, total_budget, number, before) if before else None


def _number_of_open_days(opening: Opening, first_day: date, end: date) -> int:
    return sum(opening.minutes(first_day + index * ONE_DAY) > 0 for index in range((end - first_day).days))


def _against_even(facts: PacingFacts, so_far: int, budget: int, number: int, before: int) -> Pace:
    """Return how spend compares with a budget over a number of open days, so many of which lie before today."""
    minutes = facts.opening.minutes(facts.today)
    gone_today = facts.opening.minutes_before(facts.today, facts.minute)
    share = budget * gone_today // (number * minutes) if minutes else 0
    expected = budget * before // number + share
    off = so_far - expected
    direction = Direction.ON_PACE
    if abs(off) * 100 > expected * ON_PACE_PERCENT:
        direction = Direction.AHEAD if off > 0 else Direction.BEHIND
    return Pace(
        expected_micros=expected,
        percent=(abs(off) * 200 + expected) // (2 * expected),
        direction=direction,
        is_far=abs(off) * 100 > expected * FAR_PERCENT,
    )


def even_line(facts: PacingFacts, budget_micros: int) -> list[int]:
    """Return what should be spent by the end of each day of the month: the budget spread evenly over open days.

    It is empty where the month has no open day.
    """
    gone = _open_days(facts)
    return [budget_micros * days // gone[-1] for days in gone[1:]] if gone[-1] else []


@dataclass(frozen=True, slots=True)
class _Day:
    """A day of data: what was spent on it, and on how many minutes that was possible."""

    day: date
    spent: int
    minutes: int


@dataclass(frozen=True, slots=True)
class _Rate:
    """So many micros in so many open minutes."""

    spent: int
    minutes: int

    @classmethod
    def of(cls, days: Sequence[_Day]) -> "_Rate":
        return cls(sum(day.spent for day in days), sum(day.minutes for day in days))

    def cost(self, minutes: int) -> int:
        """Return what so many minutes cost at this rate; refunds make nothing negative."""
        return max(0, self.spent * minutes // self.minutes)


@dataclass(frozen=True, slots=True)
class _Past:
    """Days of data, what an open minute cost on each weekday and of late, and how much days differ from that."""

    days: tuple[_Day, ...]
    weekdays: Mapping[int, _Rate]
    recent: _Rate
    squares: int
    minutes: int

    def cost(self, day: date, minutes: int) -> int:
        """Return what so many open minutes of this day cost."""
        return self.weekdays.get(day.weekday(), self.recent).cost(minutes)

    def band(self, minutes_left: int) -> int:
        """Return twice the standard error of what so many open minutes will cost."""
        number, minutes = len(self.days), self.minutes
        freedom = number - (len(self.weekdays) or 1)
        if freedom <= 0:
            return 0
        # With days left = minutes left * number / minutes:
        spread = self.squares * minutes_left * number * (minutes + minutes_left)
        return 2 * isqrt(spread // (freedom * minutes**2))


# Days that are over are asked for again with each page; only what is gone of today differs.
@lru_cache(maxsize=8192)
def _past(spent: tuple[int, ...], today: date, opening: Opening) -> _Past:
    days, has_four_weeks = _days_of_data(spent, today, opening)
    if not days:
        return _Past((), {}, _Rate(0, 1), 0, 0)
    weekdays = {}
    if has_four_weeks:
        for weekday in range(7):
            of_weekday = [day for day in days if day.day.weekday() == weekday]
            if of_weekday:
                weekdays[weekday] = _Rate.of(of_weekday)
    recent = _Rate.of([day for day in days if day.day >= today - ONE_WEEK] or days)
    squares = sum(
        (day.spent - weekdays.get(day.day.weekday(), recent).cost(day.minutes)) ** 2 for day in days
    )
    return _Past(tuple(days), weekdays, recent, squares, sum(day.minutes for day in days))


def _days_of_data(spent: tuple[int, ...], today: date, opening: Opening) -> tuple[list[_Day], bool]:
    """Return the open days of the last four weeks from the first that holds spend, and whether it goes back so far.

    It does where there was spend before them, or where no open day of them came before the first spend.
    """
    days = [
        _Day(day, micros, opening.minutes(day))
        for day, micros in zip(_days_before(today, len(spent)), spent, strict=True)
    ]
    recent = days[-FOUR_WEEKS:]
    was_spending = any(day.spent for day in days[:-FOUR_WEEKS])
    first = 0 if was_spending else next((at for at, day in enumerate(recent) if day.spent), len(recent))
    has_four_weeks = not any(day.minutes for day in recent[:first])
    # Spend on a day that is closed by today's settings: they were others then.
    found = [
        day if day.minutes else _Day(day.day, day.spent, MINUTES_A_DAY)
        for day in recent[first:]
        if day.minutes or day.spent
    ]
    return found, has_four_weeks


@lru_cache(maxsize=8192)
def _ahead(spent: tuple[int, ...], today: date, opening: Opening, resumes_on: date) -> tuple[int, int]:
    """Return what the days of the month after today cost, and on how many minutes of them campaigns may run."""
    past = _past(spent, today, opening)
    day, end = max(today + ONE_DAY, resumes_on), next_month(month_start(today))
    cost = minutes_left = 0
    while day < end:
        minutes = opening.minutes(day)
        cost += past.cost(day, minutes)
        minutes_left += minutes
        day += ONE_DAY
    return cost, minutes_left


def _open_days(facts: PacingFacts) -> tuple[int, ...]:
    """Return how many open days of the month have gone by before its first day, its second, ... and at its end."""
    of_month = facts.days[-(facts.today.day - 1) :] if facts.today.day > 1 else ()
    were_spent_on = tuple(spent != 0 for spent in (*of_month, facts.today_micros))
    return _count_open_days(facts.today, facts.opening, were_spent_on)


@lru_cache(maxsize=8192)
def _count_open_days(today: date, opening: Opening, were_spent_on: tuple[bool, ...]) -> tuple[int, ...]:
    first = month_start(today)
    length = (next_month(first) - first).days
    spent_on = were_spent_on + (False,) * (length - len(were_spent_on))
    are_open = (
        was_spent_on or opening.minutes(first + index * ONE_DAY) > 0
        for index, was_spent_on in enumerate(spent_on)
    )
    return (0, *accumulate(are_open))


def _days_before(today: date, number: int) -> Iterator[date]:
    return (today - ago * ONE_DAY for ago in range(number, 0, -1))


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

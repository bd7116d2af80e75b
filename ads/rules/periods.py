"""A brand's days and months as half-open instants [start, end) in UTC, through every change of its time zone.

Time is divided without gap or overlap: `local_date(i) == d` exactly for
`day_start(d) <= i < day_start(d + 1)`. A date never goes back: where clocks are set back across midnight, the
day that had begun goes on. A day that a zone skips is empty.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

ONE_DAY = timedelta(days=1)
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class ZoneSpan:
    """`zone` rules from the midnight, in that zone, that begins `first_day`, until the next span begins."""

    first_day: date
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Calendar:
    """The dates of a brand: its time zone and every change of it, past and pending.

    The first span begins at date.min, the others follow in order. Before a later span begins, dates are the
    earlier zone's and at most the day before the later span's first day.
    """

    spans: tuple[ZoneSpan, ...]
    _starts: tuple[datetime, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        days = [span.first_day for span in self.spans]
        if not days or days[0] != date.min:
            raise ValueError("spans: the first span must begin at date.min")
        if any(later <= earlier for earlier, later in pairwise(days)):
            raise ValueError("spans: each span must begin on a later day than the one before it")
        starts = [_zone_day_start(span.zone, span.first_day) for span in self.spans[1:]]
        # A span that would begin after the next one has begun never rules.
        for index in range(len(starts) - 1, 0, -1):
            starts[index - 1] = min(starts[index - 1], starts[index])
        object.__setattr__(self, "_starts", tuple(starts))

    @classmethod
    def fixed(cls, zone: ZoneInfo | str) -> "Calendar":
        """Return the calendar of a brand whose zone never changed."""
        return _fixed(ZoneInfo(zone) if isinstance(zone, str) else zone)

    def zone_at(self, instant: datetime) -> ZoneInfo:
        """Return the zone that rules at `instant`."""
        return self.spans[self._index_at(in_utc(instant, "instant"))].zone

    def local_date(self, instant: datetime) -> date:
        """Return the date `instant` counts for."""
        instant = in_utc(instant, "instant")
        if not self._starts:
            return _zone_date(self.spans[0].zone, instant)
        index = self._index_at(instant)
        day = _zone_date(self.spans[index].zone, instant)
        if index == len(self._starts):
            return day
        return min(day, self.spans[index + 1].first_day - ONE_DAY)

    def wall_clock(self, instant: datetime) -> datetime:
        """Return `instant` as the clocks of the zone in force show it."""
        instant = in_utc(instant, "instant")
        return instant.astimezone(self.spans[self._index_at(instant)].zone)

    def steady_until(self, instant: datetime, until: datetime) -> datetime:
        """Return the first instant in (instant, until] at which the clock on the wall jumps, else `until`.

        It jumps where the UTC offset changes or another zone begins. Both are in UTC, a day apart at most.
        """
        index = self._index_at(instant)
        if index < len(self._starts):
            until = min(until, self._starts[index])
        return _steady_until(self.spans[index].zone, instant, until)

    def day_start(self, day: date) -> datetime:
        """Return the first instant whose local date is `day` or later, in UTC."""
        if not self._starts:
            return _zone_day_start(self.spans[0].zone, day)
        index = bisect_right(self.spans, day, key=_first_day) - 1
        start = _zone_day_start(self.spans[index].zone, day)
        return min(start, self._starts[index]) if index < len(self._starts) else start

    def day_bounds(self, day: date) -> tuple[datetime, datetime]:
        """Return [start, end) of `day`."""
        return self.day_start(day), self.day_start(day + ONE_DAY)

    def month_bounds(self, month_start: date) -> tuple[datetime, datetime]:
        """Return [start, end) of the month that begins on `month_start`."""
        return self.day_start(month_start), self.day_start(next_month(month_start))

    def switch_instants(self) -> tuple[datetime, ...]:
        """Return when each span after the first begins, in UTC."""
        return self._starts

    def _index_at(self, instant: datetime) -> int:
        return bisect_right(self._starts, instant)


def month_start(day: date) -> date:
    """Return the first day of the month of `day`."""
    return day.replace(day=1)


def next_month(month_start: date) -> date:
    """Return the first day of the month after the one that begins on `month_start`."""
    return (month_start.replace(day=1) + timedelta(days=31)).replace(day=1)


def zone_change_day(calendar: Calendar, new_zone: ZoneInfo, now: datetime) -> date:
    """Return the day from whose midnight `new_zone` rules when it is chosen at `now`.

    It is the later of tomorrow as `calendar` has it and tomorrow in the new zone, so that no date already
    given changes. A change still pending at `now` has no say in it: the new one takes its place.
    """
    return max(calendar.local_date(now), Calendar.fixed(new_zone).local_date(now)) + ONE_DAY


def in_utc(instant: datetime, name: str) -> datetime:
    """Return `instant` in UTC; a naive one raises ValueError under the argument's `name`.

    Times of one zone compare and add by the clock on the wall; only UTC does both by what has passed.
    """
    if instant.tzinfo is UTC:
        return instant
    if instant.utcoffset() is None:
        raise ValueError(f"{name}: {instant!r} has no time zone; give an aware datetime")
    return instant.astimezone(UTC)


def _steady_until(zone: ZoneInfo, instant: datetime, until: datetime) -> datetime:
    """Return the first instant in (instant, until] at which the zone's UTC offset changes, else `until`.

    Both are in UTC and about a day apart at most: a change that is undone in between goes unseen.
    """
    offset = instant.astimezone(zone).utcoffset()
    if until.astimezone(zone).utcoffset() == offset:
        return until
    base = instant.replace(microsecond=0)  # offsets change at whole seconds
    low, high = 0, int((until - base).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        same = (base + timedelta(seconds=middle)).astimezone(zone).utcoffset() == offset
        low, high = (middle, high) if same else (low, middle)
    return base + timedelta(seconds=high)


@lru_cache(maxsize=4096)
def _fixed(zone: ZoneInfo) -> Calendar:
    return Calendar((ZoneSpan(date.min, zone),))


@lru_cache(maxsize=65536)
def _zone_day_start(zone: ZoneInfo, day: date) -> datetime:
    midnight = datetime.combine(day, time.min, zone).astimezone(UTC)
    if (midnight - _INSTANT).astimezone(zone).date() < day:
        return midnight
    # Clocks jumped over midnight: the day begins with the jump.
    return _steady_until(zone, midnight - ONE_DAY, midnight)


def _zone_date(zone: ZoneInfo, instant: datetime) -> date:
    day = instant.astimezone(zone).date()
    while day < date.max and _zone_day_start(zone, day + ONE_DAY) <= instant:
        day += ONE_DAY
    return day


def _first_day(span: ZoneSpan) -> date:
    return span.first_day

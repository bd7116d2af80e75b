"""Dayparting: is an instant inside the weekly windows, and when does that change next.

The clock on the wall decides. An hour it skips gives no minutes, an hour it shows twice counts twice.
"""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import lru_cache, total_ordering

from ads.rules.periods import ONE_DAY, Calendar, in_utc

_MICROSECOND = timedelta(microseconds=1)
_DAY = ONE_DAY // _MICROSECOND
_WEEK = 7 * _DAY
_NEVER_TOGGLE: tuple[tuple[int, ...], ...] = ((), (0, _WEEK))


@total_ordering
@dataclass(frozen=True, slots=True)
class Window:
    """One weekly window [start, end) of wall-clock time, on one day (Monday = 0) or, with None, on every day.

    An end of 00:00 is the midnight that ends the day; 00:00-00:00 is the whole day. A window whose end is
    before its start ends on the following day and belongs to the day it starts on. Windows sort by day (every
    day first), start and end.
    """

    day_of_week: int | None
    start: time
    end: time

    def __post_init__(self) -> None:
        if self.day_of_week is not None and self.day_of_week not in range(7):
            raise ValueError(f"day_of_week: {self.day_of_week!r}; Monday is 0, Sunday 6, every day None")
        if self.start.tzinfo is not None or self.end.tzinfo is not None:
            raise ValueError("start, end: wall-clock times carry no time zone")
        if self.start == self.end and self.start != time.min:
            raise ValueError(f"end: {self.end} equals start; the whole day is 00:00-00:00")

    def __lt__(self, other: "Window") -> bool:
        return self._order() < other._order()

    def _order(self) -> tuple[int, time, time]:
        return (-1 if self.day_of_week is None else self.day_of_week, self.start, self.end)


def inside(windows: tuple[Window, ...], calendar: Calendar, instant: datetime) -> bool:
    """Return whether `instant` is inside the union of `windows`; without windows every instant is."""
    wall = calendar.wall_clock(instant)
    return not windows or _is_open(weekly_edges(windows), _position(wall))


def next_toggle(windows: tuple[Window, ...], calendar: Calendar, now: datetime) -> datetime | None:
    """Return the first instant (UTC) after `now` at which `inside` answers otherwise, or None."""
    instant = in_utc(now, "now")
    edges = weekly_edges(windows)
    if edges in _NEVER_TOGGLE:
        return None
    position = _position(calendar.wall_clock(instant))
    was_open = is_open = _is_open(edges, position)
    while is_open == was_open:
        index = bisect_right(edges, position)
        edge = edges[index] if index < len(edges) else _WEEK
        to_edge = (edge - position) * _MICROSECOND
        instant = calendar.steady_until(instant, instant + min(to_edge, ONE_DAY))
        position = _position(calendar.wall_clock(instant))
        is_open = _is_open(edges, position)
    return instant


def _position(wall: datetime) -> int:
    """Return the microseconds since Monday 00:00 that the clock on the wall shows."""
    seconds = ((wall.weekday() * 24 + wall.hour) * 60 + wall.minute) * 60 + wall.second
    return seconds * 1_000_000 + wall.microsecond


def _is_open(edges: tuple[int, ...], position: int) -> bool:
    return bisect_right(edges, position) % 2 == 1


@lru_cache(maxsize=8192)
def weekly_edges(windows: tuple[Window, ...]) -> tuple[int, ...]:
    """Return the union of `windows` over a week: start, end, start, end... in microseconds since Monday."""
    edges: list[int] = []
    for start, end in sorted(_pieces(windows)):
        if edges and start <= edges[-1]:
            edges[-1] = max(edges[-1], end)
        else:
            edges += (start, end)
    return tuple(edges)


def _pieces(windows: tuple[Window, ...]) -> list[tuple[int, int]]:
    pieces: list[tuple[int, int]] = []
    for window in windows:
        start, end = _time_of_day(window.start), _time_of_day(window.end)
        length = end - start if end > start else end + _DAY - start
        for day in range(7) if window.day_of_week is None else (window.day_of_week,):
            begin = day * _DAY + start
            pieces.append((begin, min(begin + length, _WEEK)))
            if begin + length > _WEEK:  # Sunday night reaches into Monday
                pieces.append((0, begin + length - _WEEK))
    return pieces


def _time_of_day(value: time) -> int:
    return ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000 + value.microsecond

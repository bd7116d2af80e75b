"""A week of windows as people see and change it: the fewest windows, half hours, and the windows of one day."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import time
from itertools import chain

from ads.rules.dayparting import Window, weekly_edges

DAYS = 7
HALF_HOURS = 48

_SECOND = 1_000_000
_HALF_HOUR = 1_800 * _SECOND
_DAY = HALF_HOURS * _HALF_HOUR
_WEEK = DAYS * _DAY

# Microseconds since Monday 00:00, the end not included.
Span = tuple[int, int]


class NothingOpenError(ValueError):
    """A week without an open minute cannot be kept: no window at all means always open."""


@dataclass(frozen=True, slots=True)
class HalfHour:
    """One half hour of the week; `opens` and `closes` are the per cents of it between which it is open."""

    opens: int
    closes: int
    is_tail: bool  # of a window of the day before

    @property
    def is_open(self) -> bool:
        """Whether any of it is open."""
        return self.closes > self.opens

    @property
    def is_partly(self) -> bool:
        """Whether only some of it is open."""
        return self.is_open and (self.opens, self.closes) != (0, 100)


def tidy(windows: Iterable[Window]) -> tuple[Window, ...]:
    """Return the fewest windows that are open at the same minutes; none where every minute is.

    What runs over midnight for less than a day in all is one window of its first day, and what is the same on
    each day is one window of every day.
    """
    return _together(_daily(_spans(tuple(windows))))


def by_day(windows: tuple[Window, ...]) -> tuple[tuple[Window, ...], ...]:
    """Return for each weekday the windows that begin on it; without windows every day is open as a whole."""
    days: list[list[Window]] = [[] for _ in range(DAYS)]
    for window in _daily(_spans(windows)):
        days[window.day_of_week or 0].append(window)
    return tuple(tuple(sorted(found)) for found in days)


def with_day(windows: tuple[Window, ...], day: int, own: Iterable[Window]) -> tuple[Window, ...]:
    """Return the windows with those that begin on `day` replaced; raise NothingOpenError where none is left."""
    others = [window for found in by_day(windows) for window in found if window.day_of_week != day]
    changed = (*others, *own)
    if not changed:
        raise NothingOpenError("nothing is open on any day")
    return tidy(changed)


def week_of(windows: Iterable[Window]) -> tuple[Window, ...]:
    """Return a week whose every day has these windows; raise NothingOpenError where there are none."""
    every_day = [replace(window, day_of_week=None) for window in windows]
    if not every_day:
        raise NothingOpenError("nothing is open on any day")
    return tidy(every_day)


def painted(windows: tuple[Window, ...], half_hours: Collection[int], *, is_open: bool) -> tuple[Window, ...]:
    """Return the windows after these half hours of the week (0 to 335) were opened or closed.

    Minutes of other half hours stay as they are. Raise NothingOpenError where none is open any more.
    """
    cells = [(number * _HALF_HOUR, (number + 1) * _HALF_HOUR) for number in sorted(half_hours)]
    spans = list(_spans(windows))
    spans = _joined([*spans, *cells]) if is_open else list(_without(spans, _joined(cells)))
    if not spans:
        raise NothingOpenError("nothing is open on any day")
    return _together(_daily(spans))


def half_hours(windows: tuple[Window, ...]) -> tuple[HalfHour, ...]:
    """Return the 336 half hours of the week, from Monday 00:00 on."""
    spans = _spans(windows)
    tails = [
        (start, start + _time_of_day(window.end))
        for window in _daily(spans)
        if _is_overnight(window)
        for start in (((window.day_of_week or 0) + 1) % DAYS * _DAY,)
    ]
    return tuple(_half_hour(number * _HALF_HOUR, spans, tails) for number in range(DAYS * HALF_HOURS))


def _half_hour(start: int, spans: Iterable[Span], tails: Iterable[Span]) -> HalfHour:
    inside = [
        (max(begin, start), min(end, start + _HALF_HOUR))
        for begin, end in spans
        if begin < start + _HALF_HOUR and end > start
    ]
    if not inside:
        return HalfHour(0, 0, is_tail=False)
    return HalfHour(
        opens=(inside[0][0] - start) * 100 // _HALF_HOUR,
        closes=-((start - inside[-1][1]) * 100 // _HALF_HOUR),
        is_tail=any(begin <= start < end for begin, end in tails),
    )


def _spans(windows: tuple[Window, ...]) -> tuple[Span, ...]:
    edges = weekly_edges(windows) if windows else (0, _WEEK)
    return tuple(zip(edges[::2], edges[1::2], strict=True))


def _daily(spans: Iterable[Span]) -> Iterator[Window]:
    """Windows of single days, in their order: pieces between midnights, put together over midnight where short."""
    pieces = list(chain.from_iterable(_pieces(span) for span in spans))
    mornings = {start: end for start, end in pieces if start % _DAY == 0}
    tails: dict[int, int] = {}  # by where the window begins
    for start, end in pieces:
        midnight = end % _WEEK
        if end % _DAY or start % _DAY == 0 or midnight not in mornings:
            continue
        morning = mornings[midnight] - midnight
        if morning < start % _DAY:
            tails[start] = morning
            del mornings[midnight]
    for start, end in pieces:
        if start % _DAY or start in mornings:
            until = tails.get(start, end % _DAY)
            yield Window(start // _DAY, _as_time(start % _DAY), _as_time(until))


def _pieces(span: Span) -> Iterator[Span]:
    start, end = span
    while start < end:
        midnight = (start // _DAY + 1) * _DAY
        yield start, min(end, midnight)
        start = midnight


def _together(windows: Iterable[Window]) -> tuple[Window, ...]:
    days: defaultdict[tuple[time, time], list[Window]] = defaultdict(list)
    for window in windows:
        days[window.start, window.end].append(window)
    if len(days.get((time.min, time.min), ())) == DAYS:
        return ()
    together = (
        [Window(None, start, end)] if len(found) == DAYS else found for (start, end), found in days.items()
    )
    return tuple(sorted(chain.from_iterable(together)))


def _joined(spans: Iterable[Span]) -> list[Span]:
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def _without(spans: Iterable[Span], gone: Iterable[Span]) -> Iterator[Span]:
    """What is left of spans; neither they nor what goes overlap among themselves."""
    taken = list(gone)
    for start, end in spans:
        for first, last in taken:
            if last <= start or first >= end:
                continue
            if first > start:
                yield start, first
            start = last
        if start < end:
            yield start, end


def _is_overnight(window: Window) -> bool:
    return time.min < window.end < window.start


def _time_of_day(value: time) -> int:
    return ((value.hour * 60 + value.minute) * 60 + value.second) * _SECOND + value.microsecond


def _as_time(value: int) -> time:
    minutes, rest = divmod(value, 60 * _SECOND)
    return time(minutes // 60, minutes % 60, rest // _SECOND, rest % _SECOND)

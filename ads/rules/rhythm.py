"""When somebody wants to be told: at once, each hour or each day, and never in their quiet hours."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum

from ads.rules.dayparting import Window, inside, next_toggle
from ads.rules.periods import ONE_DAY, Calendar

ONE_HOUR = timedelta(hours=1)


class Digest(StrEnum):
    """How messages are gathered."""

    AT_ONCE = "AT_ONCE"
    HOURLY = "HOURLY"
    DAILY = "DAILY"


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Somebody's wishes, on the clock where they live. No quiet hours where the two ends are the same."""

    calendar: Calendar
    digest: Digest = Digest.AT_ONCE
    daily_at: time = time(8)
    quiet_from: time = time.min
    quiet_until: time = time.min


def told_at(rhythm: Rhythm, now: datetime) -> datetime:
    """The moment at which what happens now is told: that of the next digest, or the end of quiet hours after it."""
    moment = _gathered_until(rhythm, now)
    if rhythm.quiet_from == rhythm.quiet_until:
        return moment
    quiet = (Window(None, rhythm.quiet_from, rhythm.quiet_until),)
    if not inside(quiet, rhythm.calendar, moment):
        return moment
    return next_toggle(quiet, rhythm.calendar, moment) or moment


def _gathered_until(rhythm: Rhythm, now: datetime) -> datetime:
    if rhythm.digest == Digest.AT_ONCE:
        return now
    wall = rhythm.calendar.wall_clock(now)
    if rhythm.digest == Digest.HOURLY:
        begun = timedelta(minutes=wall.minute, seconds=wall.second, microseconds=wall.microsecond)
        return now - begun + ONE_HOUR
    # The minute of a daily digest is a window that opens once a day, also where clocks are put forward.
    until = (datetime.combine(wall.date(), rhythm.daily_at) + ONE_DAY / 2).time()
    half_day = (Window(None, rhythm.daily_at, until),)
    moment = next_toggle(half_day, rhythm.calendar, now) or now
    if inside(half_day, rhythm.calendar, moment):
        return moment
    return next_toggle(half_day, rhythm.calendar, moment) or moment

"""When somebody should know: the rules by which alerts are due, over plain numbers. Amounts are micros."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from ads.rules.periods import ONE_DAY, month_start, next_month

# An overspend of 1000 % is the last step that anybody can ask for.
LAST_STEP = 1100
FEWEST_DAYS_TO_PROJECT = 3
MINUTES_A_DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class Level:
    """What counts against a limit at one moment; None is no limit."""

    counted: int
    limit: int | None

    def reaches(self, step: int) -> bool:
        """Whether so many per cent of the limit are spent. Of a limit of 0 the first spend is more than any."""
        return self.limit is not None and self.counted > 0 and self.counted * 100 >= self.limit * step


def is_eased(before: Level, after: Level) -> bool:
    """Return whether a person's change has taken spend further from its limit."""
    if before.limit is None:
        return False
    return after.limit is None or after.limit > before.limit or after.counted < before.counted


def steps_crossed(before: Level, after: Level, steps: Iterable[int]) -> list[int]:
    """Return the steps that were not reached before and are now, the lowest first."""
    return sorted(step for step in set(steps) if after.reaches(step) and not before.reaches(step))


def crosses_a_percent(before: int, after: int, limit: int | None) -> bool:
    """Return whether any whole per cent of a limit that did not change was crossed upward."""
    if limit is None or after <= before or after <= 0:
        return False
    if limit == 0:
        return before <= 0
    return before * 100 // limit < min(after * 100 // limit, LAST_STEP)


def may_project(today: date, minute: int) -> bool:
    """Return whether enough of the month is gone to tell where it ends: three days, or a tenth of it."""
    first = month_start(today)
    gone = (today - first).days * MINUTES_A_DAY + minute
    length = (next_month(first) - first).days * MINUTES_A_DAY
    return gone >= FEWEST_DAYS_TO_PROJECT * MINUTES_A_DAY or gone * 10 >= length


def misses(projected: int, budget: int, percent: int, *, is_known: bool) -> bool:
    """Return whether a projection is off its budget by more than so many per cent, over or under.

    What is known to miss it goes on to until it is back within nine tenths of that: a projection that wavers
    about the mark is told once.
    """
    off = abs(projected - budget)
    return off * 1000 > budget * percent * 9 if is_known else off * 100 > budget * percent


def is_spike(last_hour: int, usual_hour: int | None, times: int) -> bool:
    """Return whether the last hour's spend is above so many times that of a usual one."""
    return bool(usual_hour) and last_hour > (usual_hour or 0) * times


def time_within(spans: Iterable[tuple[datetime, datetime]]) -> timedelta:
    """Return how long at least one of these spans of time lasted."""
    total, covered = timedelta(), None
    for start, end in sorted(spans):
        begin = start if covered is None else max(start, covered)
        if end > begin:
            total += end - begin
            covered = end
    return total


def is_over(period_kind: str, starts_on: date, today: date) -> bool:
    """Return whether a day or month is over; what has no end of its own never is."""
    if period_kind == "DAY":
        return starts_on + ONE_DAY <= today
    return period_kind == "MONTH" and next_month(starts_on) <= today

"""Who needs somebody: one order of what can be wrong with a brand, from its numbers alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from ads.rules.pacing import Direction, Pace, Projection

FAR_PROJECTED_PERCENT, OFF_PROJECTED_PERCENT = 20, 5
NEARLY_PERCENT = 90


class Level(IntEnum):
    """How much a brand needs somebody; the lowest first."""

    ACT = 1
    WATCH = 2
    ON_COURSE = 3


class Cause(StrEnum):
    """One thing that is wrong, in the order in which they are told."""

    PLATFORM_DIFFERS = "PLATFORM_DIFFERS"
    MONTH_LIMIT = "MONTH_LIMIT"
    DAY_LIMIT = "DAY_LIMIT"
    SILENT = "SILENT"
    PROJECTED_FAR = "PROJECTED_FAR"
    SPEND_WHILE_OFF = "SPEND_WHILE_OFF"
    PACE_FAR = "PACE_FAR"
    DAY_NEARLY = "DAY_NEARLY"
    PROJECTED_OFF = "PROJECTED_OFF"
    PACE_OFF = "PACE_OFF"


_ORDER = {cause: number for number, cause in enumerate(Cause)}
_TO_WATCH = frozenset({Cause.DAY_NEARLY, Cause.PROJECTED_OFF, Cause.PACE_OFF})


@dataclass(frozen=True, slots=True)
class AttentionFacts:
    """What is known of a brand, amounts in micros.

    `day_stopped` and `month_stopped` are how many campaigns its daily and monthly budget keeps from running,
    `differing` how many do not do on their platform what was decided.
    """

    day_micros: int
    daily_budget_micros: int | None
    monthly_budget_micros: int | None
    day_stopped: int
    month_stopped: int
    is_silent: bool
    while_off_micros: int
    pace: Pace | None
    projection: Projection | None
    differing: int = 0


@dataclass(frozen=True, slots=True)
class Attention:
    """How much a brand needs somebody, why, and by how many per cent it is off: the more, the sooner."""

    level: Level
    causes: tuple[Cause, ...]
    percent: int

    @property
    def order(self) -> tuple[int, int, int]:
        """Where it stands among others: by level, then by what is wrong, then by how far it is off."""
        return self.level, _ORDER[self.causes[0]] if self.causes else len(_ORDER), -self.percent


def judge(facts: AttentionFacts) -> Attention:
    """Return how much a brand needs somebody, with every cause in order.

    Somebody must act where a platform does not do what was decided, a budget above 0 stops campaigns, no spend
    arrives while campaigns run, the month is projected, or its pace is, more than 20 % off, or what is off spends.
    Worth watching are 90 % of the day spent, a projection more than 5 % off, and a pace that is ahead or behind.
    """
    causes = tuple(_causes(facts))
    off = max(abs(_projected_off(facts) or 0), facts.pace.percent if facts.pace else 0)
    if not causes:
        return Attention(Level.ON_COURSE, (), off)
    return Attention(Level.WATCH if causes[0] in _TO_WATCH else Level.ACT, causes, off)


def _causes(facts: AttentionFacts) -> Iterator[Cause]:
    projected_off = abs(_projected_off(facts) or 0)
    day_stopped = facts.day_stopped and facts.daily_budget_micros
    if facts.differing:
        yield Cause.PLATFORM_DIFFERS
    if facts.month_stopped and facts.monthly_budget_micros:
        yield Cause.MONTH_LIMIT
    if day_stopped:
        yield Cause.DAY_LIMIT
    if facts.is_silent:
        yield Cause.SILENT
    if projected_off > FAR_PROJECTED_PERCENT:
        yield Cause.PROJECTED_FAR
    if facts.while_off_micros > 0:
        yield Cause.SPEND_WHILE_OFF
    if facts.pace and facts.pace.is_far:
        yield Cause.PACE_FAR
    if not day_stopped and _is_nearly(facts.day_micros, facts.daily_budget_micros):
        yield Cause.DAY_NEARLY
    if OFF_PROJECTED_PERCENT < projected_off <= FAR_PROJECTED_PERCENT:
        yield Cause.PROJECTED_OFF
    if facts.pace and not facts.pace.is_far and facts.pace.direction != Direction.ON_PACE:
        yield Cause.PACE_OFF


def _is_nearly(micros: int, budget_micros: int | None) -> bool:
    return bool(budget_micros) and micros * 100 >= (budget_micros or 0) * NEARLY_PERCENT


def _projected_off(facts: AttentionFacts) -> int | None:
    """Return by how many per cent of the budget, toward 0, the month is projected to end off it."""
    if facts.projection is None or not facts.monthly_budget_micros:
        return None
    off = facts.projection.micros - facts.monthly_budget_micros
    percent = abs(off) * 100 // facts.monthly_budget_micros
    return percent if off > 0 else -percent

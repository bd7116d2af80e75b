"""Who needs somebody, and in which order."""

from dataclasses import replace

import pytest

from ads.rules.attention import Attention, AttentionFacts, Cause, Level, judge
from ads.rules.pacing import Direction, Pace, Projection

pytestmark = pytest.mark.unit

CALM = AttentionFacts(
    day_micros=50,
    daily_budget_micros=100,
    monthly_budget_micros=1000,
    day_stopped=0,
    month_stopped=0,
    is_silent=False,
    while_off_micros=0,
    pace=Pace(500, 0, Direction.ON_PACE, is_far=False),
    projection=Projection(1000, 990, 1010),
)


def ending_at(micros: int) -> AttentionFacts:
    return replace(CALM, projection=Projection(micros, micros, micros))


def paced(percent: int, direction: Direction, *, is_far: bool = False) -> AttentionFacts:
    return replace(CALM, pace=Pace(500, percent, direction, is_far))


def test_a_brand_on_pace_toward_its_budget_is_on_course() -> None:
    assert judge(CALM) == Attention(Level.ON_COURSE, (), 0)
    assert judge(replace(CALM, pace=None, projection=None)) == Attention(Level.ON_COURSE, (), 0)


@pytest.mark.parametrize(
    ("facts", "level", "causes"),
    [
        (replace(CALM, differing=1), Level.ACT, (Cause.PLATFORM_DIFFERS,)),
        (replace(CALM, month_stopped=3), Level.ACT, (Cause.MONTH_LIMIT,)),
        (replace(CALM, day_stopped=1, day_micros=100), Level.ACT, (Cause.DAY_LIMIT,)),
        (replace(CALM, is_silent=True), Level.ACT, (Cause.SILENT,)),
        (replace(CALM, while_off_micros=1), Level.ACT, (Cause.SPEND_WHILE_OFF,)),
        (ending_at(1200), Level.WATCH, (Cause.PROJECTED_OFF,)),
        (ending_at(1210), Level.ACT, (Cause.PROJECTED_FAR,)),
        (ending_at(1059), Level.ON_COURSE, ()),
        (ending_at(1060), Level.WATCH, (Cause.PROJECTED_OFF,)),
        (ending_at(800), Level.WATCH, (Cause.PROJECTED_OFF,)),
        (ending_at(790), Level.ACT, (Cause.PROJECTED_FAR,)),
        (paced(8, Direction.AHEAD), Level.WATCH, (Cause.PACE_OFF,)),
        (paced(21, Direction.BEHIND, is_far=True), Level.ACT, (Cause.PACE_FAR,)),
        (replace(CALM, day_micros=89), Level.ON_COURSE, ()),
        (replace(CALM, day_micros=90), Level.WATCH, (Cause.DAY_NEARLY,)),
    ],
)
def test_each_cause_has_its_level(facts: AttentionFacts, level: Level, causes: tuple[Cause, ...]) -> None:
    found = judge(facts)
    assert (found.level, found.causes) == (level, causes)


def test_a_budget_of_0_is_what_somebody_wants_and_needs_nobody() -> None:
    nothing = replace(
        CALM, daily_budget_micros=0, monthly_budget_micros=0, day_stopped=2, month_stopped=2, pace=None
    )
    assert judge(nothing).level == Level.ON_COURSE


def test_all_causes_are_told_in_their_order() -> None:
    everything = AttentionFacts(
        day_micros=120,
        daily_budget_micros=100,
        monthly_budget_micros=1000,
        day_stopped=1,
        month_stopped=1,
        is_silent=True,
        while_off_micros=5,
        pace=Pace(500, 30, Direction.AHEAD, is_far=True),
        projection=Projection(1300, 1290, 1310),
        differing=1,
    )
    assert judge(everything).causes == (
        Cause.PLATFORM_DIFFERS,
        Cause.MONTH_LIMIT,
        Cause.DAY_LIMIT,
        Cause.SILENT,
        Cause.PROJECTED_FAR,
        Cause.SPEND_WHILE_OFF,
        Cause.PACE_FAR,
    )


def test_brands_stand_by_level_then_by_what_is_wrong_then_by_how_far_it_is_off() -> None:
    worst_first = [
        judge(replace(CALM, differing=1)),
        judge(replace(CALM, month_stopped=1)),
        judge(replace(CALM, day_stopped=1)),
        judge(ending_at(1500)),
        judge(ending_at(1300)),
        judge(replace(CALM, while_off_micros=9)),
        judge(replace(CALM, day_micros=95)),
        judge(paced(9, Direction.AHEAD)),
        judge(paced(7, Direction.BEHIND)),
        judge(CALM),
    ]
    mixed = [worst_first[place] for place in (4, 0, 8, 2, 6, 9, 1, 7, 3, 5)]
    assert sorted(mixed, key=lambda each: each.order) == worst_first

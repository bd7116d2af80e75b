"""When an alert is due, by numbers alone."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ads.rules.alerting import (
    LAST_STEP,
    Level,
    crosses_a_percent,
    is_eased,
    is_over,
    is_spike,
    may_project,
    misses,
    steps_crossed,
    time_within,
)

pytestmark = pytest.mark.unit

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MICROS = st.integers(-(10**12), 10**14)
LIMITS = st.one_of(st.none(), st.just(0), st.integers(1, 10**13))


class TestSteps:
    @pytest.mark.parametrize(
        ("before", "after", "limit", "crossed"),
        [
            (40, 105, 100, [50, 80, 90, 100]),
            (49, 50, 100, [50]),
            (50, 51, 100, []),
            (60, 40, 100, []),
            (0, 0, 0, []),
            (0, 1, 0, [50, 80, 90, 100]),
            (1, 2, 0, []),
            (-5, 0, 0, []),
            (0, 10**9, None, []),
        ],
    )
    def test_those_not_reached_before_and_reached_now(
        self, before: int, after: int, limit: int | None, crossed: list[int]
    ) -> None:
        assert steps_crossed(Level(before, limit), Level(after, limit), [100, 90, 80, 50]) == crossed

    @given(before=MICROS, after=MICROS, limit=LIMITS, step=st.integers(1, LAST_STEP))
    def test_none_is_crossed_where_no_whole_per_cent_is(
        self, before: int, after: int, limit: int | None, step: int
    ) -> None:
        if steps_crossed(Level(before, limit), Level(after, limit), [step]):
            assert crosses_a_percent(before, after, limit)

    def test_and_beyond_the_last_step_nothing_is_asked_for(self) -> None:
        assert crosses_a_percent(10_99, 11_00, 100)
        assert not crosses_a_percent(11_00, 99_00, 100)
        assert not crosses_a_percent(150, 159, 1_000)

    @pytest.mark.parametrize(
        ("before", "after", "eased"),
        [
            (Level(60, 100), Level(60, 200), True),
            (Level(60, 100), Level(0, 100), True),
            (Level(60, 100), Level(60, None), True),
            (Level(60, 100), Level(60, 100), False),
            (Level(60, 100), Level(60, 90), False),
            (Level(60, None), Level(60, 90), False),
        ],
    )
    def test_a_change_eases_what_it_takes_further_from_its_limit(
        self, before: Level, after: Level, eased: bool
    ) -> None:
        assert is_eased(before, after) is eased


@pytest.mark.parametrize(
    ("day", "minute", "may"),
    [
        (date(2026, 3, 1), 0, False),
        (date(2026, 3, 3), 1439, False),
        (date(2026, 3, 4), 0, True),
        (date(2026, 2, 3), 1151, False),  # a tenth of 28 days are 2 days, 19 hours and 12 minutes
        (date(2026, 2, 3), 1152, True),
    ],
)
def test_the_month_is_projected_after_three_days_or_a_tenth_of_it(day: date, minute: int, may: bool) -> None:
    assert may_project(day, minute) is may


@pytest.mark.parametrize(
    ("projected", "is_known", "missed"),
    [
        (120, False, False),
        (121, False, True),
        (80, False, False),
        (79, False, True),
        (119, True, True),
        (118, True, False),
        (82, True, False),
        (81, True, True),
    ],
)
def test_a_projection_misses_by_more_than_20_per_cent_and_ends_at_18(
    projected: int, is_known: bool, missed: bool
) -> None:
    assert misses(projected, 100, 20, is_known=is_known) is missed


def test_a_spike_is_above_so_many_times_what_is_known_to_be_usual() -> None:
    assert not is_spike(30, 10, 3)
    assert is_spike(31, 10, 3)
    assert not is_spike(31, 0, 3)
    assert not is_spike(31, None, 3)


def test_time_that_spans_share_counts_once() -> None:
    spans = [
        (NOON + 4 * HOUR, NOON + 5 * HOUR),
        (NOON, NOON + 2 * HOUR),
        (NOON + HOUR, NOON + 3 * HOUR),
        (NOON + HOUR, NOON + 2 * HOUR),
    ]
    assert time_within(spans) == 4 * HOUR
    assert time_within([]) == timedelta()


def test_days_and_months_are_over_and_a_flight_never() -> None:
    today = date(2026, 4, 1)
    assert is_over("DAY", date(2026, 3, 31), today)
    assert not is_over("DAY", today, today)
    assert is_over("MONTH", date(2026, 3, 1), today)
    assert not is_over("MONTH", today, today)
    assert not is_over("FLIGHT", date(1970, 1, 1), today)

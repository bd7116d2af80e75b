"""What people paint and write is the week that is kept, to the minute."""

from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ads.rules.dayparting import Window, weekly_edges
from ads.rules.week import NothingOpenError, by_day, half_hours, painted, tidy, week_of, with_day

pytestmark = pytest.mark.unit

MONDAY, TUESDAY, FRIDAY, SATURDAY, SUNDAY = 0, 1, 4, 5, 6
WHOLE_WEEK = (0, 7 * 24 * 3_600_000_000)


def window(day: int | None, start: str, end: str) -> Window:
    return Window(day, time.fromisoformat(start), time.fromisoformat(end))


def cell(day: int, clock: str) -> int:
    hour, minute = clock.split(":")
    return day * 48 + int(hour) * 2 + int(minute) // 30


def cells(day: int, start: str, end: str) -> list[int]:
    return list(range(cell(day, start), cell(day, end)))


DAY_OR_EVERY = st.none() | st.integers(0, 6)
CLOCKS = st.builds(
    lambda minute, second: time(minute // 60, minute % 60, second),
    st.integers(0, 1439),
    st.sampled_from([0, 0, 0, 30]),
)
WINDOWS = st.builds(
    lambda day, start, end: Window(day, start, end) if start != end else Window(day, time.min, time.min),
    DAY_OR_EVERY,
    CLOCKS,
    CLOCKS,
)
WEEKS = st.lists(WINDOWS, min_size=1, max_size=8).map(tuple)


@given(WEEKS)
def test_tidied_windows_are_open_at_the_same_minutes(windows: tuple[Window, ...]) -> None:
    tidied = tidy(windows)
    assert weekly_edges(tidied) == weekly_edges(windows) if tidied else weekly_edges(windows) == WHOLE_WEEK
    assert tidy(tidied) == tidied
    assert len(tidied) <= 7 * len(windows) + 7


@given(WEEKS, st.sets(st.integers(0, 335), min_size=1, max_size=60), st.booleans())
def test_painting_changes_the_half_hours_painted_and_no_minute_else(
    windows: tuple[Window, ...], chosen: set[int], is_open: bool
) -> None:
    try:
        after = painted(windows, chosen, is_open=is_open)
    except NothingOpenError:
        assert not is_open
        assert all(number in chosen for number, each in enumerate(half_hours(windows)) if each.is_open)
        return
    then = half_hours(after)
    for number, before in enumerate(half_hours(windows)):
        now = then[number]
        if number in chosen:
            assert (now.is_open, now.is_partly) == (is_open, False)
        else:
            assert (now.opens, now.closes) == (before.opens, before.closes)


@given(WEEKS)
def test_the_windows_of_the_days_taken_together_are_the_week(windows: tuple[Window, ...]) -> None:
    days = by_day(windows)
    assert tidy(each for day in days for each in day) == tidy(windows)
    assert all(each.day_of_week == day for day, found in enumerate(days) for each in found)


def test_what_runs_over_midnight_is_one_window_of_its_first_day() -> None:
    assert tidy([window(FRIDAY, "18:00", "00:00"), window(SATURDAY, "00:00", "02:00")]) == (
        window(FRIDAY, "18:00", "02:00"),
    )
    assert tidy([window(SUNDAY, "22:00", "00:00"), window(MONDAY, "00:00", "06:00")]) == (
        window(SUNDAY, "22:00", "06:00"),
    )


def test_what_would_be_a_day_or_longer_stays_in_days() -> None:
    assert tidy([window(FRIDAY, "10:00", "00:00"), window(SATURDAY, "00:00", "10:00")]) == (
        window(FRIDAY, "10:00", "00:00"),
        window(SATURDAY, "00:00", "10:00"),
    )


def test_what_is_the_same_on_each_day_is_one_window_of_every_day() -> None:
    assert tidy(window(day, "22:00", "06:00") for day in range(7)) == (window(None, "22:00", "06:00"),)
    assert tidy(window(day, "09:00", "17:00") for day in range(6)) == tuple(
        window(day, "09:00", "17:00") for day in range(6)
    )


def test_a_week_that_is_all_open_needs_no_window() -> None:
    assert tidy([window(None, "00:00", "12:00"), window(None, "12:00", "00:00")]) == ()
    assert tidy([]) == ()
    assert all((each.opens, each.closes, each.is_tail) == (0, 100, False) for each in half_hours(()))


def test_closing_what_is_open_all_week_leaves_the_rest_open() -> None:
    closed = [number for day in range(7) for number in cells(day, "00:00", "06:00")]
    assert painted((), closed, is_open=False) == (window(None, "06:00", "00:00"),)


def test_a_week_without_an_open_minute_is_refused() -> None:
    with pytest.raises(NothingOpenError):
        painted((window(MONDAY, "09:00", "17:00"),), cells(MONDAY, "09:00", "17:00"), is_open=False)
    with pytest.raises(NothingOpenError):
        with_day((window(MONDAY, "09:00", "17:00"),), MONDAY, ())


def test_windows_off_the_half_hour_stay_unless_painted_over() -> None:
    odd = (window(MONDAY, "09:10", "17:45"),)
    assert painted(odd, cells(MONDAY, "12:00", "13:00"), is_open=False) == (
        window(MONDAY, "09:10", "12:00"),
        window(MONDAY, "13:00", "17:45"),
    )
    assert painted(odd, cells(MONDAY, "17:30", "18:30"), is_open=True) == (window(MONDAY, "09:10", "18:30"),)
    first, last = half_hours(odd)[cell(MONDAY, "09:00")], half_hours(odd)[cell(MONDAY, "17:30")]
    assert (first.opens, first.closes, first.is_partly) == (33, 100, True)
    assert (last.opens, last.closes, last.is_partly) == (0, 50, True)


def test_the_morning_after_belongs_to_the_day_before() -> None:
    week = half_hours((window(FRIDAY, "18:00", "02:00"), window(SATURDAY, "10:00", "20:00")))
    assert week[cell(SATURDAY, "01:30")].is_tail
    assert not week[cell(SATURDAY, "10:00")].is_tail
    assert not week[cell(FRIDAY, "23:30")].is_tail
    assert not week[cell(SATURDAY, "02:00")].is_open


def test_a_day_gets_other_windows_and_the_others_stay() -> None:
    week = (window(None, "09:00", "17:00"), window(FRIDAY, "20:00", "02:00"))
    assert with_day(week, FRIDAY, [window(FRIDAY, "10:00", "12:00")]) == (
        *(window(day, "09:00", "17:00") for day in range(4)),
        window(FRIDAY, "10:00", "12:00"),
        window(SATURDAY, "09:00", "17:00"),
        window(SUNDAY, "09:00", "17:00"),
    )
    assert with_day(week, SATURDAY, ()) == (
        *(window(day, "09:00", "17:00") for day in range(5)),
        window(FRIDAY, "20:00", "02:00"),
        window(SUNDAY, "09:00", "17:00"),
    )


def test_the_windows_of_one_day_can_be_those_of_every_day() -> None:
    assert week_of([window(FRIDAY, "22:00", "06:00")]) == (window(None, "22:00", "06:00"),)
    assert week_of([window(FRIDAY, "00:00", "00:00")]) == ()
    with pytest.raises(NothingOpenError):
        week_of([])

"""Pace and projection, by worked examples and by what must hold for any brand."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ads.rules.dayparting import Window
from ads.rules.pacing import (
    DAYS_KEPT,
    MINUTES_A_DAY,
    Direction,
    FlightOutlook,
    Opening,
    Pace,
    PacingFacts,
    Projection,
    Run,
    course,
    even_line,
    flight,
    flight_pace,
    open_days_left,
    opening,
    pace,
    project,
    projected_from,
    usual_by_now,
)

pytestmark = pytest.mark.unit

UNIT = 1_000_000
ALWAYS = opening([Run()])
NEVER = opening([])
NOON = 12 * 60
MONDAY_16, SUNDAY_15 = date(2026, 11, 16), date(2026, 11, 15)
ONE_DAY = timedelta(days=1)


def window(day: int | None, start: str, end: str) -> Window:
    return Window(day, time.fromisoformat(start), time.fromisoformat(end))


def on_weekdays(start: str, end: str) -> tuple[Window, ...]:
    return tuple(window(day, start, end) for day in range(5))


def facts(
    today: date = MONDAY_16,
    minute: int = 0,
    spent: Callable[[date], int] = lambda _: 100,
    days_back: int = DAYS_KEPT,
    open_on: Opening = ALWAYS,
    resumes_on: date | None = None,
) -> PacingFacts:
    """A brand that has spent so many units on each of its days until now."""
    spending = [day if index <= days_back else None for index, day in enumerate(days_ago(today))]
    micros = [0 if day is None else spent(day) * UNIT for day in spending]
    return PacingFacts(
        today=today,
        minute=minute,
        days=tuple(reversed(micros[1:])),
        today_micros=micros[0],
        month_micros=sum(micros[: today.day]),
        opening=open_on,
        resumes_on=resumes_on or today,
    )


def days_ago(today: date) -> list[date]:
    """Today and the days before it that are kept, newest first."""
    return [today - index * ONE_DAY for index in range(DAYS_KEPT + 1)]


# Open minutes.


def test_without_a_window_every_minute_of_the_flight_is_open() -> None:
    flight = opening([Run(date(2026, 11, 10), date(2026, 11, 12))])
    assert [flight.minutes(date(2026, 11, day)) for day in (9, 10, 12, 13)] == [0, 1440, 1440, 0]
    assert ALWAYS.minutes_before(MONDAY_16, NOON) == 720
    assert NEVER.minutes(MONDAY_16) == 0


def test_minutes_on_which_two_campaigns_may_run_count_once() -> None:
    both = opening(
        [Run(windows=(window(None, "09:00", "17:00"),)), Run(windows=(window(0, "16:00", "18:00"),))]
    )
    assert both.minutes(MONDAY_16) == 9 * 60
    assert both.minutes(SUNDAY_15) == 8 * 60
    assert both.minutes_before(MONDAY_16, NOON) == 3 * 60


def test_a_window_overnight_opens_the_morning_after() -> None:
    friday = opening([Run(windows=(window(4, "22:00", "02:00"),))])
    assert [friday.minutes(date(2026, 11, day)) for day in (19, 20, 21, 22)] == [0, 120, 120, 0]


def test_windows_of_another_zone_are_told_by_the_brands_clock() -> None:
    """Monday 09:00 to 11:00 in Tokyo is Sunday 19:00 to 21:00 in New York, 14 hours behind."""
    tokyo = opening([Run(windows=(window(0, "09:00", "11:00"),), ahead=14 * 60)])
    assert tokyo.minutes(SUNDAY_15) == 120
    assert tokyo.minutes(MONDAY_16) == 0
    assert tokyo.minutes_before(SUNDAY_15, 19 * 60 + 30) == 30


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 23), st.integers(1, 23)), max_size=6), st.data())
def test_open_minutes_are_those_a_look_at_each_minute_finds(
    drawn: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    windows = tuple(Window(day, time(start), time((start + hours) % 24)) for day, start, hours in drawn)
    ahead = data.draw(st.sampled_from([0, 60, -90, 14 * 60]))
    runs = [Run(windows=(each,), ahead=ahead) for each in windows]
    minute = data.draw(st.integers(0, MINUTES_A_DAY))
    open_minutes = {
        (day * MINUTES_A_DAY + start * 60 + index - ahead) % (7 * MINUTES_A_DAY)
        for day, start, hours in drawn
        for index in range(hours * 60)
    }
    expected = sum(of_day in open_minutes for of_day in range(minute))
    assert opening(runs).minutes_before(MONDAY_16, minute) == expected


# Projection.


def test_a_steady_brand_ends_at_what_each_day_costs_times_the_days() -> None:
    """1 to 15 November at 100, and 15 whole days to come."""
    steady = replace(facts(), month_micros=1500 * UNIT)
    assert project(steady) == Projection(3000 * UNIT, 3000 * UNIT, 3000 * UNIT)


def test_each_day_left_costs_the_mean_of_its_weekday_over_four_weeks() -> None:
    """Weekdays cost 100, Saturdays and Sundays 10. From Monday 16 on: 11 weekdays and 4 days of week-ends."""
    week_ends = facts(spent=lambda day: 10 if day.weekday() > 4 else 100)
    projection = project(replace(week_ends, month_micros=1000 * UNIT))
    assert projection == Projection((1000 + 11 * 100 + 4 * 10) * UNIT, 2140 * UNIT, 2140 * UNIT)


def test_days_older_than_four_weeks_say_nothing() -> None:
    risen = facts(spent=lambda day: 100 if day >= MONDAY_16 - timedelta(days=28) else 999)
    projection = project(replace(risen, month_micros=0))
    assert projection is not None
    assert projection.micros == 1500 * UNIT


def test_with_less_than_four_weeks_of_data_each_day_left_costs_the_mean_of_the_last_seven_days() -> None:
    """Ten days of data: 50 at first, then 100 in each of the last seven days."""
    young = facts(days_back=10, spent=lambda day: 100 if day >= MONDAY_16 - timedelta(days=7) else 50)
    projection = project(replace(young, month_micros=850 * UNIT))
    assert projection is not None
    assert projection.micros == (850 + 15 * 100) * UNIT


def test_nothing_is_projected_before_three_days_of_data() -> None:
    two = facts(days_back=2)
    assert project(two) is None
    assert projected_from(two) == MONDAY_16 + ONE_DAY
    assert projected_from(facts(days_back=1)) == MONDAY_16 + 2 * ONE_DAY
    assert projected_from(facts(days_back=0)) == MONDAY_16 + 3 * ONE_DAY
    assert project(facts(days_back=3)) is not None
    assert projected_from(facts(days_back=3)) == MONDAY_16
    assert project(facts(spent=lambda _: 0)) is None
    assert projected_from(facts(spent=lambda _: 0)) is None


def test_of_today_only_what_is_left_counts() -> None:
    noon = replace(facts(minute=NOON), month_micros=1560 * UNIT)
    projection = project(noon)
    assert projection is not None
    assert projection.micros == (1560 + 50 + 14 * 100) * UNIT


def test_days_on_which_no_campaign_may_run_neither_weigh_nor_cost() -> None:
    """Only weekdays are open: 11 of the 15 days to come, and the closed week-ends do not lower the mean."""
    weekdays = opening([Run(windows=on_weekdays("09:00", "17:00"))])
    closed = facts(open_on=weekdays, spent=lambda day: 0 if day.weekday() > 4 else 80)
    projection = project(replace(closed, month_micros=0))
    assert projection == Projection(880 * UNIT, 880 * UNIT, 880 * UNIT)


def test_the_flights_end_ends_the_projection() -> None:
    until_20 = opening([Run(last_day=date(2026, 11, 20))])
    projection = project(replace(facts(open_on=until_20), month_micros=0))
    assert projection is not None
    assert projection.micros == 500 * UNIT


def test_a_weekday_that_was_never_open_costs_what_the_last_seven_days_cost_a_minute() -> None:
    """From today on there are week-ends, half as long: 11 days of 100, 4 of 50."""
    opened = opening(
        [
            Run(windows=on_weekdays("00:00", "00:00")),
            Run(first_day=MONDAY_16, windows=(window(5, "00:00", "12:00"), window(6, "00:00", "12:00"))),
        ]
    )
    weekdays = facts(open_on=opened, spent=lambda day: 0 if day.weekday() > 4 else 100)
    projection = project(replace(weekdays, month_micros=0))
    assert projection is not None
    assert projection.micros == 1300 * UNIT


def test_spend_on_a_day_that_is_closed_by_todays_settings_counts_as_a_whole_day() -> None:
    from_today = opening([Run(first_day=MONDAY_16)])
    projection = project(replace(facts(open_on=from_today), month_micros=0))
    assert projection is not None
    assert projection.micros == 1500 * UNIT


def test_behind_a_limit_only_days_after_it_cost() -> None:
    today = replace(facts(minute=NOON), month_micros=1560 * UNIT)
    tomorrow = project(replace(today, resumes_on=MONDAY_16 + ONE_DAY))
    assert tomorrow is not None
    assert tomorrow.micros == (1560 + 14 * 100) * UNIT
    next_month = project(replace(today, resumes_on=date(2026, 12, 1)))
    assert next_month == Projection(1560 * UNIT, 1560 * UNIT, 1560 * UNIT)


def test_the_band_is_twice_the_standard_error() -> None:
    """Four days of 110 and three of 90 make a mean of 101.43; their squares off it sum to 685.71.

    With 7 days of data and 15 days left: 2 * root(685.71 / 6 * (15 + 15 * 15 / 7)) = 146.80.
    """
    swinging = facts(days_back=7, spent=lambda day: 110 if day.day % 2 else 90)
    projection = project(replace(swinging, month_micros=0))
    assert projection is not None
    assert projection.micros == 15 * (710 * UNIT // 7)
    assert (projection.high_micros - projection.micros) // 10_000 == 14680
    assert projection.high_micros - projection.micros == projection.micros - projection.low_micros


def test_a_band_never_reaches_below_what_is_spent_already() -> None:
    wild = facts(today=date(2026, 11, 30), minute=1439, spent=lambda day: 1000 if day.day % 2 else 0)
    projection = project(wild)
    assert projection is not None
    assert projection.low_micros == wild.month_micros


def test_refunds_make_no_projection_negative() -> None:
    refunded = facts(spent=lambda day: 10 if day.day % 3 else -90)
    projection = project(replace(refunded, month_micros=40 * UNIT))
    assert projection is not None
    assert projection.micros >= 40 * UNIT


def test_what_is_usual_by_now_follows_the_open_minutes_that_have_gone_by() -> None:
    office = opening([Run(windows=(window(None, "09:00", "17:00"),))])
    assert usual_by_now(facts(minute=10 * 60, open_on=office, spent=lambda _: 80)) == 10 * UNIT
    assert usual_by_now(facts(days_back=2)) is None


# Pace.


def test_the_even_line_reaches_the_budget_on_the_last_open_day() -> None:
    weekdays = opening([Run(windows=on_weekdays("09:00", "17:00"))])
    closed = facts(open_on=weekdays, spent=lambda _: 0)
    line = even_line(closed, 2100 * UNIT)
    assert len(line) == 30
    assert line[:2] == [0, 100 * UNIT]  # the first is a Sunday
    assert line[5:8] == [500 * UNIT, 500 * UNIT, 500 * UNIT]
    assert line[-1] == 2100 * UNIT
    assert even_line(replace(closed, opening=NEVER), 2100 * UNIT) == []


@pytest.mark.parametrize(
    ("spent", "percent", "direction", "is_far"),
    [
        (1550, 0, Direction.ON_PACE, False),
        (1627, 5, Direction.ON_PACE, False),
        (1628, 5, Direction.AHEAD, False),
        (1473, 5, Direction.ON_PACE, False),
        (1472, 5, Direction.BEHIND, False),
        (1860, 20, Direction.AHEAD, False),
        (1861, 20, Direction.AHEAD, True),
        (1240, 20, Direction.BEHIND, False),
        (1239, 20, Direction.BEHIND, True),
        (0, 100, Direction.BEHIND, True),
        (4650, 200, Direction.AHEAD, True),
    ],
)
def test_pace_compares_the_month_to_date_with_the_even_line(
    spent: int, percent: int, direction: Direction, is_far: bool
) -> None:
    """At noon of the 16th, 15.5 of 30 days have gone by: 1,550 of 3,000."""
    now = replace(facts(minute=NOON), month_micros=spent * UNIT)
    assert pace(now, 3000 * UNIT) == Pace(1550 * UNIT, percent, direction, is_far)


def test_pace_counts_open_days_and_of_today_its_open_minutes() -> None:
    """10 weekdays of 21 have gone by, and at noon three of eight hours of the eleventh."""
    weekdays = opening([Run(windows=on_weekdays("09:00", "17:00"))])
    now = facts(minute=NOON, open_on=weekdays, spent=lambda day: 8 * (day.weekday() < 5))
    found = pace(now, 2100 * UNIT)
    assert found is not None
    assert found.expected_micros == (1000 + 100 * 3 // 8) * UNIT + UNIT // 2


def test_there_is_no_pace_without_a_budget_without_data_or_before_one_open_day_has_gone_by() -> None:
    assert pace(facts(), None) is None
    assert pace(facts(), 0) is None
    assert pace(facts(days_back=2), 3000 * UNIT) is None
    assert pace(facts(today=date(2026, 11, 1), minute=NOON), 3000 * UNIT) is None
    assert pace(facts(today=date(2026, 11, 2)), 3000 * UNIT) is not None


@given(
    st.lists(st.integers(0, 10**12), min_size=DAYS_KEPT, max_size=DAYS_KEPT),
    st.integers(0, 1439),
    st.integers(1, 30),
    st.integers(0, 10**13),
)
def test_whatever_was_spent_the_month_ends_inside_its_band_and_at_no_less_than_is_spent(
    micros: list[int], minute: int, day: int, month: int
) -> None:
    today = date(2026, 11, day)
    days = tuple(micros)
    now = PacingFacts(today, minute, days, 0, month, ALWAYS, today)
    projection = project(now)
    if projection is None:
        assert not any(days[:-2])
        return
    assert month <= projection.low_micros <= projection.micros <= projection.high_micros
    twice = tuple(2 * amount for amount in days)
    doubled = project(replace(now, days=twice, month_micros=2 * month))
    assert doubled is not None
    assert abs(doubled.micros - 2 * projection.micros) <= 31


@given(
    spent=st.lists(st.integers(0, 400), min_size=7, max_size=7),
    day=st.integers(1, 30),
    minute=st.integers(0, MINUTES_A_DAY - 1),
    resumes_in=st.integers(0, 40),
    weekdays_only=st.booleans(),
)
def test_the_course_ends_where_the_month_is_projected_and_never_goes_back(
    spent: list[int], day: int, minute: int, resumes_in: int, weekdays_only: bool
) -> None:
    today = date(2026, 11, day)
    known = facts(
        today,
        minute,
        lambda day: spent[day.weekday()],
        open_on=opening([Run(windows=on_weekdays("09:00", "17:00"))]) if weekdays_only else ALWAYS,
        resumes_on=today + resumes_in * ONE_DAY,
    )
    way = course(known)
    projection = project(known)
    assert projection is not None or way == []
    if projection is not None:
        assert way[-1] == projection
        assert len(way) == 30 - today.day + 1
        assert way == sorted(way, key=lambda each: each.micros)
        assert way[0].micros >= known.month_micros


def test_days_left_are_open_days_after_today() -> None:
    assert open_days_left(facts(date(2026, 11, 18))) == 12
    assert open_days_left(facts(date(2026, 11, 30))) == 0
    office = opening([Run(windows=on_weekdays("09:00", "17:00"))])
    assert open_days_left(facts(date(2026, 11, 18), open_on=office)) == 8
    assert open_days_left(facts(date(2026, 11, 18), open_on=NEVER)) == 0


# A flight against its total budget.

CHRISTMAS = date(2026, 12, 20)


def test_a_flight_ends_at_what_each_day_left_costs_and_reaches_its_total_on_a_day() -> None:
    steady = facts(minute=NOON)
    # 5,000 so far, half of the 16th and 34 whole days of 100 until 20 December.
    assert flight(steady, 5_000 * UNIT, 8_000 * UNIT, CHRISTMAS) == FlightOutlook(
        Projection(8_450 * UNIT, 8_450 * UNIT, 8_450 * UNIT), date(2026, 12, 16)
    )
    assert flight(steady, 5_000 * UNIT, 8_451 * UNIT, CHRISTMAS) == FlightOutlook(
        Projection(8_450 * UNIT, 8_450 * UNIT, 8_450 * UNIT), None
    )
    assert flight(steady, 5_000 * UNIT, None, CHRISTMAS) == FlightOutlook(
        Projection(8_450 * UNIT, 8_450 * UNIT, 8_450 * UNIT), None
    )


def test_a_total_that_is_reached_exactly_is_reached_on_that_day() -> None:
    assert flight(facts(), 5_000 * UNIT, 5_100 * UNIT, CHRISTMAS) == FlightOutlook(
        Projection(8_500 * UNIT, 8_500 * UNIT, 8_500 * UNIT), MONDAY_16
    )


def test_a_flight_without_a_last_day_has_no_end_and_may_reach_its_total_within_a_year() -> None:
    assert flight(facts(), 0, 10_000 * UNIT, None) == FlightOutlook(None, date(2027, 2, 23))
    assert flight(facts(), 0, 36_700 * UNIT, None) == FlightOutlook(None, MONDAY_16 + 366 * ONE_DAY)
    assert flight(facts(), 0, 36_701 * UNIT, None) == FlightOutlook(None, None)


def test_a_flight_costs_only_on_days_on_which_it_may_run() -> None:
    weekdays = opening([Run(None, date(2026, 11, 27), on_weekdays("09:00", "17:00"))])
    spent = facts(spent=lambda day: 100 if day.weekday() < 5 else 0, open_on=weekdays)
    assert flight(spent, 0, None, date(2026, 11, 27)) == FlightOutlook(Projection(*[1_000 * UNIT] * 3), None)
    behind_a_limit = replace(spent, resumes_on=date(2026, 11, 19))
    assert flight(behind_a_limit, 0, None, date(2026, 11, 27)) == FlightOutlook(
        Projection(*[700 * UNIT] * 3), None
    )
    never_again = replace(spent, resumes_on=date.max)
    assert flight(never_again, 40 * UNIT, 30 * UNIT, date(2026, 11, 27)) == FlightOutlook(
        Projection(*[40 * UNIT] * 3), MONDAY_16
    )


def test_of_a_flight_that_is_over_or_has_too_few_days_of_data_nothing_is_told() -> None:
    assert flight(facts(), 5_000 * UNIT, 8_000 * UNIT, SUNDAY_15) is None
    assert flight(facts(days_back=2), 200 * UNIT, 8_000 * UNIT, CHRISTMAS) is None
    assert flight(facts(days_back=3), 300 * UNIT, 8_000 * UNIT, CHRISTMAS) is not None


def test_the_pace_of_a_flight_compares_it_with_its_total_spread_over_its_open_days() -> None:
    first, last = date(2026, 11, 9), date(2026, 11, 22)  # 14 days, 7 gone by
    steady = facts(minute=NOON)
    assert flight_pace(steady, 840 * UNIT, 1_400 * UNIT, first, last) == Pace(
        750 * UNIT, 12, Direction.AHEAD, is_far=False
    )
    assert flight_pace(steady, 750 * UNIT, 1_400 * UNIT, first, last) == Pace(
        750 * UNIT, 0, Direction.ON_PACE, is_far=False
    )
    weekdays = replace(steady, opening=opening([Run(first, last, on_weekdays("00:00", "00:00"))]))
    assert flight_pace(weekdays, 400 * UNIT, 1_000 * UNIT, first, last) == Pace(
        550 * UNIT, 27, Direction.BEHIND, is_far=True
    )


def test_there_is_no_pace_of_a_flight_without_days_budget_or_data() -> None:
    first, last = date(2026, 11, 9), date(2026, 11, 22)
    assert flight_pace(facts(), UNIT, None, first, last) is None
    assert flight_pace(facts(), UNIT, 0, first, last) is None
    assert flight_pace(facts(), UNIT, UNIT, None, last) is None
    assert flight_pace(facts(), UNIT, UNIT, first, None) is None
    assert flight_pace(facts(), UNIT, UNIT, first, SUNDAY_15) is None
    assert flight_pace(facts(), UNIT, UNIT, MONDAY_16, last) is None
    assert flight_pace(facts(days_back=2), UNIT, UNIT, first, last) is None

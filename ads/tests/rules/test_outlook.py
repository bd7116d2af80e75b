"""When a campaign runs again if nothing but time passes."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ads.rules.dayparting import Window
from ads.rules.outlook import runs_again
from ads.rules.periods import Calendar
from ads.rules.serving import BrandFacts, CampaignFacts, decide

pytestmark = pytest.mark.unit

PARIS, TOKYO = Calendar.fixed("Europe/Paris"), Calendar.fixed("Asia/Tokyo")
TODAY = date(2026, 11, 18)  # a Wednesday
NOW = datetime(2026, 11, 18, 13, 5, tzinfo=UTC)  # 14:05 in Paris
HOUR = timedelta(hours=1)

BRAND = BrandFacts(True, PARIS, None, None, {}, {})
CAMPAIGN = CampaignFacts(BRAND, True, None, None, None, None, None, {}, {}, 0, (), PARIS)


def campaign(brand: dict[str, Any] | None = None, **facts: Any) -> CampaignFacts:
    return CAMPAIGN._replace(brand=replace(BRAND, **(brand or {})), **facts)


def again(facts: CampaignFacts, now: datetime = NOW) -> str | None:
    """As the clock in Paris shows it."""
    at = runs_again(facts, now)
    return None if at is None else f"{PARIS.wall_clock(at):%Y-%m-%d %H:%M}"


def test_what_runs_runs_now() -> None:
    assert again(campaign()) == "2026-11-18 14:05"


def test_behind_a_daily_budget_it_is_midnight() -> None:
    assert again(campaign({"daily_budget_micros": 5, "days": {TODAY: 5}})) == "2026-11-19 00:00"
    assert again(campaign(daily_budget_micros=5, days={TODAY: 9})) == "2026-11-19 00:00"


def test_behind_a_monthly_budget_it_is_the_first() -> None:
    month = {date(2026, 11, 1): 5}
    assert again(campaign({"monthly_budget_micros": 5, "months": month})) == "2026-12-01 00:00"
    assert again(campaign(monthly_budget_micros=5, months=month)) == "2026-12-01 00:00"


def test_a_window_that_opens_in_a_reached_day_waits_for_the_next() -> None:
    windows = (Window(None, time(18), time(22)),)
    assert again(campaign(windows=windows)) == "2026-11-18 18:00"
    reached = campaign({"daily_budget_micros": 5, "days": {TODAY: 5}}, windows=windows)
    assert again(reached) == "2026-11-19 18:00"


def test_windows_are_told_by_the_clock_of_their_own_zone() -> None:
    windows = (Window(None, time(9), time(17)),)
    assert again(campaign(windows=windows, window_calendar=TOKYO)) == "2026-11-19 01:00"


def test_a_flight_begins_and_one_that_is_over_never_does() -> None:
    assert again(campaign(start_date=date(2026, 11, 29))) == "2026-11-29 00:00"
    assert again(campaign(end_date=date(2026, 11, 17))) is None
    over_by_then = campaign({"daily_budget_micros": 5, "days": {TODAY: 5}}, end_date=TODAY)
    assert again(over_by_then) is None


def test_what_somebody_has_to_change_is_no_matter_of_time() -> None:
    assert again(campaign(enabled=False)) is None
    assert again(campaign({"is_active": False})) is None
    assert again(campaign(total_budget_micros=5, total_micros=5)) is None
    assert again(campaign({"daily_budget_micros": 0})) is None
    assert again(campaign(monthly_budget_micros=0)) is None


def test_spend_dated_ahead_takes_its_day_too() -> None:
    days = {TODAY: 5, TODAY + timedelta(days=1): 7}
    assert again(campaign({"daily_budget_micros": 5, "days": days})) == "2026-11-20 00:00"


@given(
    hours=st.lists(st.tuples(st.integers(0, 22), st.integers(1, 6)), max_size=3),
    weekday=st.one_of(st.none(), st.integers(0, 6)),
    spent=st.lists(st.integers(0, 2), min_size=2, max_size=2),
    starts_in=st.one_of(st.none(), st.integers(-1, 3)),
    lasts=st.one_of(st.none(), st.integers(0, 6)),
    zone=st.sampled_from([PARIS, TOKYO]),
)
@settings(max_examples=60, deadline=None)
def test_it_is_the_first_hour_at_which_the_rule_lets_it_run(
    hours: list[tuple[int, int]],
    weekday: int | None,
    spent: list[int],
    starts_in: int | None,
    lasts: int | None,
    zone: Calendar,
) -> None:
    start = None if starts_in is None else TODAY + timedelta(days=starts_in)
    end = None if lasts is None else (start or TODAY) + timedelta(days=lasts)
    facts = campaign(
        {"daily_budget_micros": 2, "days": {TODAY: spent[0]}},
        daily_budget_micros=1,
        days={TODAY + timedelta(days=1): spent[1]},
        start_date=start,
        end_date=end,
        windows=tuple(Window(weekday, time(at), time((at + long) % 24)) for at, long in hours),
        window_calendar=zone,
    )
    now = NOW.replace(minute=0)
    found = runs_again(facts, now)
    each_hour = (now + number * HOUR for number in range(24 * 16))
    assert found == next((at for at in each_hour if not decide(facts, at).reasons), None)

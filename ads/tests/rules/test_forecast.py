"""When it runs again, or stops, if only time goes by."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from itertools import islice
from typing import Any

import pytest

from ads.rules.dayparting import Window
from ads.rules.forecast import outlook, steps
from ads.rules.periods import Calendar
from ads.rules.serving import BrandFacts, CampaignFacts, Reason, Status

pytestmark = pytest.mark.unit

UTC_DAYS = Calendar.fixed("UTC")
TODAY = date(2026, 3, 10)
OFFICE_HOURS = (Window(None, time(9), time(17)),)


def at(clock: str, day: int = 10) -> datetime:
    return datetime.combine(date(2026, 3, day), time.fromisoformat(clock), UTC)


def facts(
    *, brand_days: Mapping[date, int] | None = None, brand_budget: int | None = None, **more: Any
) -> CampaignFacts:
    brand = BrandFacts(
        is_active=True,
        calendar=UTC_DAYS,
        daily_budget_micros=brand_budget,
        monthly_budget_micros=None,
        days=brand_days or {},
        months={},
    )
    usual: dict[str, Any] = {
        "brand": brand, "enabled": True, "start_date": None, "end_date": None, "daily_budget_micros": None,
        "monthly_budget_micros": None, "total_budget_micros": None, "days": {}, "months": {},
        "total_micros": 0, "windows": (), "window_calendar": UTC_DAYS,
    }  # fmt: skip
    return CampaignFacts(**usual | more)


def test_it_runs_again_when_the_last_thing_that_stands_against_it_is_gone() -> None:
    found = outlook(facts(brand_days={TODAY: 100}, brand_budget=100, windows=OFFICE_HOURS), at("12:00"))
    assert found.decision.reasons == (Reason.BRAND_DAILY,)
    assert found.changes is not None
    assert (found.changes.at, found.changes.decision.status) == (at("09:00", 11), Status.ACTIVE)
    assert found.lifted == (
        (Reason.BRAND_DAILY, at("00:00", 11)),
        (Reason.OUTSIDE_DAYPARTING, at("09:00", 11)),
    )


def test_what_runs_is_told_when_it_stops_and_why() -> None:
    found = outlook(facts(windows=OFFICE_HOURS), at("12:00"))
    assert found.changes is not None
    assert (found.changes.at, found.changes.decision.reasons) == (at("17:00"), (Reason.OUTSIDE_DAYPARTING,))
    assert found.lifted == ()


def test_time_alone_never_lifts_a_switch_off_or_a_total_budget() -> None:
    assert outlook(facts(enabled=False, windows=OFFICE_HOURS), at("12:00")).changes is None
    assert outlook(facts(total_budget_micros=5, total_micros=5), at("12:00")).changes is None
    assert outlook(facts(end_date=date(2026, 3, 9)), at("12:00")).changes is None
    assert outlook(facts(brand_budget=0, windows=OFFICE_HOURS), at("12:00")).changes is None
    assert outlook(facts(), at("12:00")).changes is None


def test_steps_follow_the_windows_without_end() -> None:
    found = list(islice(steps(facts(windows=OFFICE_HOURS), at("12:00")), 3))
    assert [(step.at, step.decision.status) for step in found] == [
        (at("17:00"), Status.PAUSED),
        (at("09:00", 11), Status.ACTIVE),
        (at("17:00", 11), Status.PAUSED),
    ]

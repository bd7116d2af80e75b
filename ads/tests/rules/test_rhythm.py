"""When somebody is told: at once, by the hour or the day, and not in their quiet hours."""

from datetime import UTC, datetime, time
from typing import Any

import pytest

from ads.rules.periods import Calendar
from ads.rules.rhythm import Digest, Rhythm, told_at

pytestmark = pytest.mark.unit

UTC_CLOCK = Calendar.fixed("UTC")
BERLIN = Calendar.fixed("Europe/Berlin")
NIGHT: dict[str, Any] = {"quiet_from": time(22), "quiet_until": time(7)}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("happened", "told"),
    [
        ("2026-03-10 12:00", "2026-03-10 12:00"),
        ("2026-03-10 21:59:59", "2026-03-10 21:59:59"),
        ("2026-03-10 22:00", "2026-03-11 07:00"),
        ("2026-03-11 00:00", "2026-03-11 07:00"),
        ("2026-03-11 06:59:59", "2026-03-11 07:00"),
        ("2026-03-11 07:00", "2026-03-11 07:00"),
    ],
)
def test_quiet_hours_over_midnight_hold_back_until_they_end(happened: str, told: str) -> None:
    assert told_at(Rhythm(UTC_CLOCK, **NIGHT), at(happened)) == at(told)


def test_quiet_hours_within_a_day_and_none_at_all() -> None:
    noon = Rhythm(UTC_CLOCK, quiet_from=time(12), quiet_until=time(13, 30))
    assert told_at(noon, at("2026-03-10 12:00")) == at("2026-03-10 13:30")
    assert told_at(Rhythm(UTC_CLOCK), at("2026-03-10 03:00")) == at("2026-03-10 03:00")
    assert told_at(Rhythm(UTC_CLOCK, quiet_from=time(9), quiet_until=time(9)), at("2026-03-10 09:00")) == at(
        "2026-03-10 09:00"
    )


@pytest.mark.parametrize(
    ("happened", "told"),
    [
        ("2026-01-10 05:30", "2026-01-10 06:00"),  # winter: 07:00 there is 06:00 UTC
        ("2026-07-10 04:30", "2026-07-10 05:00"),  # summer
        ("2026-03-29 00:30", "2026-03-29 05:00"),  # the night that loses an hour
        ("2026-10-25 00:30", "2026-10-25 06:00"),  # the night that has one twice
    ],
)
def test_quiet_hours_end_by_the_clock_on_the_wall(happened: str, told: str) -> None:
    assert told_at(Rhythm(BERLIN, **NIGHT), at(happened)) == at(told)


def test_quiet_hours_that_end_in_an_hour_that_does_not_exist_end_where_it_would_be() -> None:
    rhythm = Rhythm(BERLIN, quiet_from=time(1), quiet_until=time(2, 30))
    assert told_at(rhythm, at("2026-03-29 00:30")) == at("2026-03-29 01:00")


@pytest.mark.parametrize(
    ("zone", "happened", "told"),
    [
        ("UTC", "2026-03-10 12:00", "2026-03-10 13:00"),
        ("UTC", "2026-03-10 12:59:59.999999", "2026-03-10 13:00"),
        ("Asia/Kathmandu", "2026-03-10 12:00", "2026-03-10 12:15"),
        ("Europe/Berlin", "2026-10-25 00:30", "2026-10-25 01:00"),
    ],
)
def test_an_hourly_digest_comes_on_the_full_hour(zone: str, happened: str, told: str) -> None:
    assert told_at(Rhythm(Calendar.fixed(zone), Digest.HOURLY), at(happened)) == at(told)


@pytest.mark.parametrize(
    ("happened", "told"),
    [
        ("2026-03-10 07:59:59", "2026-03-10 08:00"),
        ("2026-03-10 08:00", "2026-03-11 08:00"),
        ("2026-03-10 19:59", "2026-03-11 08:00"),
        ("2026-03-10 20:00", "2026-03-11 08:00"),
        ("2026-03-10 23:00", "2026-03-11 08:00"),
    ],
)
def test_a_daily_digest_comes_at_its_hour(happened: str, told: str) -> None:
    assert told_at(Rhythm(UTC_CLOCK, Digest.DAILY, time(8)), at(happened)) == at(told)


def test_a_daily_digest_holds_its_hour_where_clocks_change() -> None:
    rhythm = Rhythm(BERLIN, Digest.DAILY, time(2, 30))
    assert told_at(rhythm, at("2026-03-28 12:00")) == at("2026-03-29 01:00")
    assert told_at(rhythm, at("2026-10-24 12:00")) == at("2026-10-25 00:30")


def test_a_digest_that_falls_into_quiet_hours_comes_when_they_end() -> None:
    daily = Rhythm(UTC_CLOCK, Digest.DAILY, time(6), **NIGHT)
    hourly = Rhythm(UTC_CLOCK, Digest.HOURLY, **NIGHT)
    assert told_at(daily, at("2026-03-10 12:00")) == at("2026-03-11 07:00")
    assert told_at(hourly, at("2026-03-10 21:30")) == at("2026-03-11 07:00")
    assert told_at(hourly, at("2026-03-10 20:30")) == at("2026-03-10 21:00")

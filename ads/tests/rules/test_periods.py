"""Days and months divide time: every instant belongs to exactly one day, whatever the clocks do."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ads.rules.periods import Calendar, ZoneSpan, month_start, next_month, zone_change_day

pytestmark = pytest.mark.unit

ONE_DAY = timedelta(days=1)
ONE_MINUTE = timedelta(minutes=1)
TICK = timedelta(microseconds=1)

# Each with a day on which its clocks, or its calendar, did something worth a test.
PLACES = {
    "Europe/Paris": [date(2025, 3, 30), date(2025, 10, 26)],
    "America/New_York": [date(2025, 3, 9), date(2025, 11, 2)],
    "America/Santiago": [date(2024, 4, 7), date(2024, 9, 8)],
    "Africa/Cairo": [date(2023, 4, 28), date(2023, 10, 27)],
    "Asia/Beirut": [date(2024, 3, 31), date(2024, 10, 27)],
    "America/Havana": [date(2024, 3, 10), date(2024, 11, 3)],
    "Australia/Lord_Howe": [date(2025, 4, 6), date(2025, 10, 5)],
    "Asia/Kathmandu": [date(1986, 1, 1), date(2025, 5, 1)],
    "Pacific/Apia": [date(2011, 12, 30)],
    "America/St_Johns": [date(2010, 3, 14), date(2010, 11, 7)],
    "Africa/Lagos": [date(2025, 1, 1)],
    "Pacific/Pago_Pago": [date(2025, 1, 1)],
    "Pacific/Kiritimati": [date(2025, 1, 1)],
}


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def changed(calendar: Calendar, zone: ZoneInfo, now: datetime) -> Calendar:
    """The calendar after somebody chose `zone` at `now`: what was pending gives way."""
    begun = 1 + sum(start <= now for start in calendar.switch_instants())
    return Calendar((*calendar.spans[:begun], ZoneSpan(zone_change_day(calendar, zone, now), zone)))


def dates_by_the_minute(calendar: Calendar, start: datetime, minutes: int) -> Iterator[tuple[datetime, date]]:
    """Watch the clocks of all zones: dates only go forward, the last zone whose first day has come rules."""
    peaks = [date.min] * len(calendar.spans)
    for minute in range(-2 * 1440, minutes):
        instant = start + minute * ONE_MINUTE
        ruling = 0
        for index, span in enumerate(calendar.spans):
            peaks[index] = max(peaks[index], instant.astimezone(span.zone).date())
            if peaks[index] >= span.first_day:
                ruling = index
        if minute >= 0:
            ends = [span.first_day - ONE_DAY for span in calendar.spans[ruling + 1 : ruling + 2]]
            yield instant, min([peaks[ruling], *ends])


@st.composite
def places(draw: st.DrawFn) -> tuple[Calendar, datetime]:
    """A calendar of one zone, and noon UTC of a day to look at."""
    zone = draw(st.sampled_from(sorted(PLACES)))
    day = draw(st.sampled_from(PLACES[zone]))
    return Calendar.fixed(zone), datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


@st.composite
def moved_places(draw: st.DrawFn) -> tuple[Calendar, datetime]:
    """A calendar of two to four zones, changed within days of each other, the last change maybe pending."""
    calendar, noon = draw(places())
    hours = draw(st.lists(st.integers(-72, 72), min_size=1, max_size=3))
    for hour in sorted(hours):
        zone = ZoneInfo(draw(st.sampled_from(sorted(PLACES))))
        calendar = changed(calendar, zone, noon + timedelta(hours=hour))
    return calendar, noon


@st.composite
def arbitrary_spans(draw: st.DrawFn) -> tuple[Calendar, datetime]:
    """Spans nobody could have made by hand: a later one may begin before the one it follows."""
    _, noon = draw(places())
    zones = st.sampled_from(sorted(PLACES)).map(ZoneInfo)
    days = sorted(draw(st.sets(st.integers(-3, 3), min_size=1, max_size=3)))
    spans = [ZoneSpan(noon.date() + day * ONE_DAY, draw(zones)) for day in days]
    return Calendar((ZoneSpan(date.min, draw(zones)), *spans)), noon


any_place = places() | moved_places() | arbitrary_spans()


def assert_one_day_holds(calendar: Calendar, instant: datetime) -> None:
    day = calendar.local_date(instant)
    for other in (day + offset * ONE_DAY for offset in range(-3, 4)):
        start, end = calendar.day_bounds(other)
        assert (start <= instant < end) == (other == day), (other, start, end)


# Exact values


@pytest.mark.parametrize(
    ("zone", "day", "start", "end"),
    [
        pytest.param("Africa/Cairo", "2023-04-28", "2023-04-27T22:00", "2023-04-28T21:00", id="Cairo spring"),
        pytest.param("Africa/Cairo", "2023-10-26", "2023-10-25T21:00", "2023-10-26T22:00", id="Cairo autumn"),
        pytest.param("Asia/Beirut", "2024-03-31", "2024-03-30T22:00", "2024-03-31T21:00", id="Beirut spring"),
        pytest.param("Asia/Beirut", "2024-10-26", "2024-10-25T21:00", "2024-10-26T22:00", id="Beirut autumn"),
        pytest.param(
            "America/Havana", "2024-03-10", "2024-03-10T05:00", "2024-03-11T04:00", id="Havana spring"
        ),
        pytest.param(
            "America/Havana", "2024-11-03", "2024-11-03T04:00", "2024-11-04T05:00", id="Havana autumn"
        ),
        pytest.param(
            "America/Santiago", "2024-09-08", "2024-09-08T04:00", "2024-09-09T03:00", id="Santiago spring"
        ),
        pytest.param(
            "America/Santiago", "2024-04-06", "2024-04-06T03:00", "2024-04-07T04:00", id="Santiago autumn"
        ),
        pytest.param("Europe/Paris", "2025-03-30", "2025-03-29T23:00", "2025-03-30T22:00", id="Paris spring"),
        pytest.param("Europe/Paris", "2025-10-26", "2025-10-25T22:00", "2025-10-26T23:00", id="Paris autumn"),
        pytest.param(
            "America/New_York", "2025-03-09", "2025-03-09T05:00", "2025-03-10T04:00", id="New York spring"
        ),
        pytest.param(
            "America/New_York", "2025-11-02", "2025-11-02T04:00", "2025-11-03T05:00", id="New York autumn"
        ),
        pytest.param(
            "Australia/Lord_Howe", "2025-10-05", "2025-10-04T13:30", "2025-10-05T13:00", id="Lord Howe spring"
        ),
        pytest.param(
            "Australia/Lord_Howe", "2025-04-06", "2025-04-05T13:00", "2025-04-06T13:30", id="Lord Howe autumn"
        ),
        pytest.param("Asia/Kathmandu", "2025-05-01", "2025-04-30T18:15", "2025-05-01T18:15", id="Kathmandu"),
        pytest.param(
            "Asia/Kathmandu", "1986-01-01", "1985-12-31T18:30", "1986-01-01T18:15", id="Kathmandu 1986"
        ),
        pytest.param("Africa/Lagos", "2025-01-01", "2024-12-31T23:00", "2025-01-01T23:00", id="Lagos"),
        pytest.param(
            "America/Toronto",
            "1919-03-31",
            "1919-03-31T04:30",
            "1919-04-01T04:00",
            id="gap from 23:30 to 00:30",
        ),
        pytest.param(
            "America/St_Johns", "2010-11-06", "2010-11-06T02:30", "2010-11-07T02:30", id="St Johns before"
        ),
        pytest.param(
            "America/St_Johns", "2010-11-07", "2010-11-07T02:30", "2010-11-08T03:30", id="back at 00:01"
        ),
        pytest.param("Pacific/Apia", "2011-12-29", "2011-12-29T10:00", "2011-12-30T10:00", id="Apia before"),
        pytest.param("Pacific/Apia", "2011-12-30", "2011-12-30T10:00", "2011-12-30T10:00", id="Apia skipped"),
        pytest.param("Pacific/Apia", "2011-12-31", "2011-12-30T10:00", "2011-12-31T10:00", id="Apia after"),
    ],
)
def test_case_8_a_day_starts_at_the_first_instant_that_has_its_date(
    zone: str, day: str, start: str, end: str
) -> None:
    calendar = Calendar.fixed(zone)
    bounds = calendar.day_bounds(date.fromisoformat(day))
    assert bounds == (utc(start), utc(end))
    assert all(bound.tzinfo is UTC for bound in bounds)


def test_case_8_where_clocks_go_back_over_midnight_the_new_day_goes_on() -> None:
    calendar = Calendar.fixed("America/St_Johns")
    again_evening = utc("2010-11-07T03:00")
    assert calendar.wall_clock(again_evening).isoformat() == "2010-11-06T23:30:00-03:30"
    assert calendar.local_date(again_evening) == date(2010, 11, 7)


@pytest.mark.parametrize(
    ("zone", "month", "start", "end"),
    [
        pytest.param(
            "Europe/Paris", "2025-03-01", "2025-02-28T23:00", "2025-03-31T22:00", id="with a change"
        ),
        pytest.param(
            "America/Asuncion", "2023-10-01", "2023-10-01T04:00", "2023-11-01T03:00", id="begins in a gap"
        ),
        pytest.param("Africa/Lagos", "2024-12-01", "2024-11-30T23:00", "2024-12-31T23:00", id="december"),
    ],
)
def test_case_8_a_month_starts_with_its_first_day(zone: str, month: str, start: str, end: str) -> None:
    assert Calendar.fixed(zone).month_bounds(date.fromisoformat(month)) == (utc(start), utc(end))


def test_case_9_each_zone_rolls_at_its_own_midnight() -> None:
    instant = utc("2025-05-31T23:30")
    assert Calendar.fixed("Africa/Lagos").local_date(instant) == date(2025, 6, 1)
    assert Calendar.fixed("Asia/Kathmandu").local_date(instant) == date(2025, 6, 1)
    assert Calendar.fixed("America/New_York").local_date(instant) == date(2025, 5, 31)
    assert Calendar.fixed("UTC").local_date(instant) == date(2025, 5, 31)
    assert Calendar.fixed("Africa/Lagos").local_date(utc("2025-05-31T22:59:59.999999")) == date(2025, 5, 31)
    assert Calendar.fixed("Africa/Lagos").local_date(utc("2025-05-31T23:00")) == date(2025, 6, 1)


def test_case_10_moving_east_shortens_the_last_day_of_the_old_zone() -> None:
    now = utc("2025-06-10T15:00")  # the 10th in New York, already the 11th in Tokyo
    calendar = changed(Calendar.fixed("America/New_York"), ZoneInfo("Asia/Tokyo"), now)
    assert calendar.spans[1] == ZoneSpan(date(2025, 6, 12), ZoneInfo("Asia/Tokyo"))
    assert calendar.switch_instants() == (utc("2025-06-11T15:00"),)
    assert calendar.day_bounds(date(2025, 6, 10)) == (utc("2025-06-10T04:00"), utc("2025-06-11T04:00"))
    assert calendar.day_bounds(date(2025, 6, 11)) == (utc("2025-06-11T04:00"), utc("2025-06-11T15:00"))
    assert calendar.day_bounds(date(2025, 6, 12)) == (utc("2025-06-11T15:00"), utc("2025-06-12T15:00"))


def test_case_10_moving_west_the_old_zone_waits_at_the_day_before() -> None:
    now = utc("2025-06-10T16:00")  # the 11th in Tokyo, the 10th in New York
    calendar = changed(Calendar.fixed("Asia/Tokyo"), ZoneInfo("America/New_York"), now)
    assert calendar.spans[1] == ZoneSpan(date(2025, 6, 12), ZoneInfo("America/New_York"))
    assert calendar.day_bounds(date(2025, 6, 11)) == (utc("2025-06-10T15:00"), utc("2025-06-12T04:00"))
    waiting = utc("2025-06-11T20:00")
    assert calendar.wall_clock(waiting).isoformat() == "2025-06-12T05:00:00+09:00"
    assert calendar.local_date(waiting) == date(2025, 6, 11)
    assert calendar.local_date(utc("2025-06-12T04:00")) == date(2025, 6, 12)


def test_case_10_clocks_and_zone_switch_at_the_midnight_of_the_new_zone() -> None:
    calendar = changed(Calendar.fixed("Europe/Paris"), ZoneInfo("Africa/Lagos"), utc("2025-06-10T12:00"))
    switch = utc("2025-06-10T23:00")
    assert calendar.switch_instants() == (switch,)
    assert calendar.zone_at(switch - TICK) == ZoneInfo("Europe/Paris")
    assert calendar.zone_at(switch) == ZoneInfo("Africa/Lagos")
    assert calendar.wall_clock(switch - TICK).isoformat() == "2025-06-11T00:59:59.999999+02:00"
    assert calendar.wall_clock(switch).isoformat() == "2025-06-11T00:00:00+01:00"


def test_case_10_a_late_record_takes_the_zone_of_its_instant() -> None:
    calendar = changed(Calendar.fixed("America/New_York"), ZoneInfo("Asia/Tokyo"), utc("2025-06-10T15:00"))
    assert calendar.local_date(utc("2025-06-09T20:00")) == date(2025, 6, 9)  # the 10th in Tokyo


def test_case_10_a_second_change_takes_the_place_of_the_one_pending() -> None:
    first = changed(Calendar.fixed("America/New_York"), ZoneInfo("Asia/Tokyo"), utc("2025-06-10T12:00"))
    assert first.spans[1].first_day == date(2025, 6, 11)
    second = changed(first, ZoneInfo("Europe/Paris"), utc("2025-06-10T13:00"))
    assert second.spans[1:] == (ZoneSpan(date(2025, 6, 11), ZoneInfo("Europe/Paris")),)


def test_case_10_while_the_old_zone_waits_a_second_change_moves_no_date() -> None:
    first = changed(Calendar.fixed("Asia/Tokyo"), ZoneInfo("America/New_York"), utc("2025-06-10T16:00"))
    waiting = utc("2025-06-11T20:00")  # the 12th in Tokyo, counted as the 11th
    second = changed(first, ZoneInfo("America/Chicago"), waiting)
    assert second.spans[1:] == (ZoneSpan(date(2025, 6, 12), ZoneInfo("America/Chicago")),)
    assert second.local_date(waiting) == date(2025, 6, 11)


def test_case_10_a_move_across_25_hours_may_leave_a_day_empty() -> None:
    now = utc("2025-06-11T09:30")  # 22:30 of the 10th in Pago Pago, 23:30 of the 11th on Kiritimati
    calendar = changed(Calendar.fixed("Pacific/Pago_Pago"), ZoneInfo("Pacific/Kiritimati"), now)
    switch = utc("2025-06-11T10:00")
    assert calendar.spans[1].first_day == date(2025, 6, 12)
    assert calendar.day_bounds(date(2025, 6, 10)) == (utc("2025-06-10T11:00"), switch)
    assert calendar.day_bounds(date(2025, 6, 11)) == (switch, switch)
    assert calendar.day_bounds(date(2025, 6, 12))[0] == switch


def test_a_span_that_would_begin_after_the_next_one_never_rules() -> None:
    spans = [
        ZoneSpan(date.min, ZoneInfo("UTC")),
        ZoneSpan(date(2025, 6, 11), ZoneInfo("Pacific/Pago_Pago")),
        ZoneSpan(date(2025, 6, 12), ZoneInfo("Pacific/Kiritimati")),
    ]
    calendar = Calendar(tuple(spans))
    switch = utc("2025-06-11T10:00")
    assert calendar.switch_instants() == (switch, switch)
    assert calendar.zone_at(switch - TICK) == ZoneInfo("UTC")
    assert calendar.zone_at(switch) == ZoneInfo("Pacific/Kiritimati")
    assert calendar.local_date(switch - TICK) == date(2025, 6, 10)


# Properties


@settings(deadline=None, max_examples=300)
@given(any_place, st.integers(-(4 * 86_400 * 10**6), 4 * 86_400 * 10**6))
def test_every_instant_belongs_to_exactly_one_day(
    place: tuple[Calendar, datetime], microseconds: int
) -> None:
    calendar, noon = place
    assert_one_day_holds(calendar, noon + timedelta(microseconds=microseconds))


@settings(deadline=None, max_examples=300)
@given(any_place, st.integers(-4, 4), st.sampled_from([-TICK, timedelta(0), TICK]))
def test_the_division_holds_at_the_edges_of_days(
    place: tuple[Calendar, datetime], days: int, shift: timedelta
) -> None:
    calendar, noon = place
    edge = calendar.day_start(noon.date() + days * ONE_DAY)
    assert_one_day_holds(calendar, edge + shift)
    assert calendar.local_date(edge - TICK) < calendar.local_date(edge)


@settings(deadline=None, max_examples=40)
@given(any_place)
def test_dates_are_those_of_somebody_who_watches_the_clocks(place: tuple[Calendar, datetime]) -> None:
    calendar, noon = place
    for instant, day in dates_by_the_minute(calendar, noon - 4 * ONE_DAY, 8 * 1440):
        assert calendar.local_date(instant) == day, instant


@pytest.mark.slow
@settings(deadline=None, max_examples=150)
@given(any_place)
def test_dates_are_those_of_somebody_who_watches_the_clocks_long(place: tuple[Calendar, datetime]) -> None:
    calendar, noon = place
    for instant, day in dates_by_the_minute(calendar, noon - 6 * ONE_DAY, 12 * 1440):
        assert calendar.local_date(instant) == day, instant


@settings(deadline=None, max_examples=200)
@given(moved_places(), st.sampled_from(sorted(PLACES)), st.integers(-96 * 60, 96 * 60))
def test_case_10_a_new_zone_leaves_every_date_given_so_far_and_begins_later(
    place: tuple[Calendar, datetime], zone: str, minutes: int
) -> None:
    before, noon = place
    now = noon + minutes * ONE_MINUTE
    # A change that is pending or about to be made is no date given: look at a calendar as it stood.
    before = Calendar(before.spans[: 1 + sum(start <= now for start in before.switch_instants())])
    after = changed(before, ZoneInfo(zone), now)
    assert after.switch_instants()[-1] > now
    assert after.spans[-1].first_day > max(before.local_date(now), Calendar.fixed(zone).local_date(now))
    for hours in range(0, 24 * 8, 5):
        past = now - timedelta(hours=hours)
        assert after.local_date(past) == before.local_date(past)
        assert after.zone_at(past) == before.zone_at(past)


@settings(deadline=None)
@given(places(), st.integers(-30, 30))
def test_days_last_23_to_25_hours_but_for_the_one_samoa_left_out(
    place: tuple[Calendar, datetime], days: int
) -> None:
    calendar, noon = place
    day = noon.date() + days * ONE_DAY
    start, end = calendar.day_bounds(day)
    left_out = calendar == Calendar.fixed("Pacific/Apia") and day == date(2011, 12, 30)
    assert end - start == timedelta(0) if left_out else 23 <= (end - start) / timedelta(hours=1) <= 25


@pytest.mark.slow
@pytest.mark.parametrize("years", [range(1970, 1990), range(1990, 2010), range(2010, 2038)], ids=str)
def test_the_division_holds_around_every_change_of_every_zone(years: range) -> None:
    for zone in sorted(available_timezones()):
        calendar = Calendar.fixed(zone)
        for day in days_of_change(ZoneInfo(zone), years):
            for near in (day + offset * ONE_DAY for offset in range(-1, 3)):
                edge = calendar.day_start(near)
                for instant in (edge - TICK, edge, edge + timedelta(minutes=20), edge + timedelta(hours=5)):
                    assert_one_day_holds(calendar, instant)
                assert edge.astimezone(ZoneInfo(zone)).date() >= near
                assert (edge - TICK).astimezone(ZoneInfo(zone)).date() < near


@lru_cache
def days_of_change(zone: ZoneInfo, years: range) -> list[date]:
    days: list[date] = []
    noon = datetime(years.start, 1, 1, 12, tzinfo=UTC)
    before = noon.astimezone(zone).utcoffset()
    while noon.year < years.stop:
        noon += ONE_DAY
        if (offset := noon.astimezone(zone).utcoffset()) != before:
            before = offset
            days.append(noon.date())
    return days


# What is taken and what is refused


@pytest.mark.parametrize(
    ("day", "first", "following"),
    [("2024-02-29", "2024-02-01", "2024-03-01"), ("2025-12-31", "2025-12-01", "2026-01-01")],
)
def test_months_begin_on_the_first(day: str, first: str, following: str) -> None:
    assert month_start(date.fromisoformat(day)) == date.fromisoformat(first)
    assert next_month(date.fromisoformat(first)) == date.fromisoformat(following)


def test_an_instant_may_be_given_in_any_zone() -> None:
    calendar = Calendar.fixed("Europe/Paris")
    first = datetime(2025, 10, 26, 2, 30, tzinfo=ZoneInfo("Europe/Paris"))
    assert calendar.wall_clock(first).fold == 0
    assert calendar.wall_clock(first.replace(fold=1)).fold == 1
    assert calendar.local_date(datetime(2025, 10, 26, 20, tzinfo=ZoneInfo("America/New_York"))) == date(
        2025, 10, 27
    )


def test_the_last_day_of_the_calendar_has_a_date() -> None:
    assert Calendar.fixed("UTC").local_date(utc("9999-12-31T12:00")) == date.max


def test_a_naive_instant_is_refused_by_the_name_of_its_argument() -> None:
    naive = datetime(2025, 1, 1)  # noqa: DTZ001
    calendar = Calendar.fixed("UTC")
    for method in (calendar.local_date, calendar.wall_clock, calendar.zone_at):
        with pytest.raises(ValueError, match=r"instant: .* has no time zone"):
            method(naive)
    with pytest.raises(ValueError, match="has no time zone"):
        zone_change_day(calendar, ZoneInfo("UTC"), naive)


@pytest.mark.parametrize("name", ["+02:00", "UTC+2", "Mars/Olympus"])
def test_case_6_offsets_and_unknown_names_are_no_zones(name: str) -> None:
    with pytest.raises(ZoneInfoNotFoundError):
        Calendar.fixed(name)


def test_spans_begin_at_the_beginning_and_go_forward() -> None:
    zone = ZoneInfo("UTC")
    with pytest.raises(ValueError, match=r"must begin at date\.min"):
        Calendar(())
    with pytest.raises(ValueError, match=r"must begin at date\.min"):
        Calendar((ZoneSpan(date(2025, 1, 1), zone),))
    with pytest.raises(ValueError, match="must begin on a later day"):
        Calendar(
            (ZoneSpan(date.min, zone), ZoneSpan(date(2025, 1, 2), zone), ZoneSpan(date(2025, 1, 2), zone))
        )


def test_equal_calendars_are_one_key() -> None:
    assert Calendar.fixed("Europe/Paris") == Calendar.fixed(ZoneInfo("Europe/Paris"))
    assert (
        len({Calendar.fixed("Europe/Paris"), Calendar((ZoneSpan(date.min, ZoneInfo("Europe/Paris")),))}) == 1
    )
    assert Calendar.fixed("Europe/Paris") != Calendar.fixed("Europe/Berlin")

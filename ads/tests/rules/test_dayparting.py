"""Windows are told by the clock on the wall, minute by minute, whatever the clock does."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ads.rules.dayparting import Window, inside, next_toggle
from ads.rules.periods import Calendar, ZoneSpan, zone_change_day

pytestmark = pytest.mark.unit

ONE_MINUTE = timedelta(minutes=1)
TICK = timedelta(microseconds=1)
MONDAY, TUESDAY, SATURDAY, SUNDAY = 0, 1, 5, 6
EVERY_DAY = None
LAGOS = Calendar.fixed("Africa/Lagos")
PARIS = Calendar.fixed("Europe/Paris")
NEW_YORK = Calendar.fixed("America/New_York")

DAYS_TO_WATCH = [
    ("Europe/Paris", date(2025, 3, 30)),
    ("Europe/Paris", date(2025, 10, 26)),
    ("America/New_York", date(2025, 3, 9)),
    ("America/New_York", date(2025, 11, 2)),
    ("America/Santiago", date(2024, 4, 7)),
    ("America/Santiago", date(2024, 9, 8)),
    ("Africa/Cairo", date(2023, 4, 28)),
    ("Africa/Cairo", date(2023, 10, 27)),
    ("America/Havana", date(2024, 3, 10)),
    ("America/Havana", date(2024, 11, 3)),
    ("Australia/Lord_Howe", date(2025, 4, 6)),
    ("Australia/Lord_Howe", date(2025, 10, 5)),
    ("Asia/Kathmandu", date(1986, 1, 1)),
    ("Asia/Kathmandu", date(2025, 5, 1)),
]


def window(day: int | None, start: str, end: str) -> Window:
    return Window(day, time.fromisoformat(start), time.fromisoformat(end))


def at(zone: str, text: str, *, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


def lagos(text: str) -> datetime:
    return at("Africa/Lagos", text)


# The oracle: it looks at a clock on a wall and at the windows, one after the other.


def is_open_on_the_wall(windows: tuple[Window, ...], wall: datetime) -> bool:
    if not windows:
        return True
    clock, today = wall.time(), wall.weekday()
    yesterday = 6 if today == 0 else today - 1
    midnight = time(0)
    for one in windows:
        today_counts = one.day_of_week is None or one.day_of_week == today
        yesterday_counts = one.day_of_week is None or one.day_of_week == yesterday
        if one.end == midnight:
            if today_counts and clock >= one.start:
                return True
        elif one.start < one.end:
            if today_counts and one.start <= clock < one.end:
                return True
        elif (today_counts and clock >= one.start) or (yesterday_counts and clock < one.end):
            return True
    return False


@lru_cache
def walls(zone: str, day: date) -> list[tuple[datetime, datetime]]:
    """Every minute from a day and a half before `day` for 18 days, with what the clock on the wall shows."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=36)
    instants = [start + minute * ONE_MINUTE for minute in range(18 * 1440)]
    return [(instant, instant.astimezone(ZoneInfo(zone))) for instant in instants]


def first_change(
    windows: tuple[Window, ...], minutes: list[tuple[datetime, datetime]], index: int
) -> datetime | None:
    """The first minute after the one at `index` in which the oracle answers otherwise."""
    before = is_open_on_the_wall(windows, minutes[index][1])
    for instant, wall in minutes[index + 1 :]:
        if is_open_on_the_wall(windows, wall) != before:
            return instant
    return None


# Near the hours in which clocks jump, and anywhere.
edges = st.sampled_from(
    [0, 1, 15, 30, 45, 60, 90, 119, 120, 121, 150, 180, 540, 1020, 1380, 1439]
) | st.integers(0, 1439)
times = edges.map(lambda minute: time(minute // 60, minute % 60))
any_window = st.builds(
    # Equal times become the whole day: any other window of no length is refused.
    lambda day, start, end: Window(day, start, end) if start != end else whole_day(day),
    st.none() | st.integers(0, 6),
    times,
    times,
)
any_windows = st.lists(any_window, min_size=1, max_size=4).map(tuple)


def whole_day(day: int | None) -> Window:
    return Window(day, time(0), time(0))


# Exact values


def test_case_1_the_start_is_inside_and_the_end_is_not() -> None:
    office = (window(EVERY_DAY, "09:00", "17:00"),)
    assert not inside(office, LAGOS, lagos("2025-05-05T08:59:59.999999"))
    assert inside(office, LAGOS, lagos("2025-05-05T09:00"))
    assert inside(office, LAGOS, lagos("2025-05-05T16:59:59"))
    assert inside(office, LAGOS, lagos("2025-05-05T16:59:59.999999"))
    assert not inside(office, LAGOS, lagos("2025-05-05T17:00"))


def test_case_1_an_end_of_midnight_is_the_midnight_that_ends_the_day() -> None:
    evening = (window(MONDAY, "18:00", "00:00"),)
    assert inside(evening, LAGOS, lagos("2025-05-05T23:59:59.999999"))
    assert not inside(evening, LAGOS, lagos("2025-05-06T00:00"))
    assert not inside(evening, LAGOS, lagos("2025-05-05T00:00"))
    assert next_toggle(evening, LAGOS, lagos("2025-05-05T18:00")) == lagos("2025-05-06T00:00")


def test_case_2_a_window_of_no_length_is_refused() -> None:
    with pytest.raises(ValueError, match="end: 09:00:00 equals start; the whole day is 00:00-00:00"):
        window(MONDAY, "09:00", "09:00")


def test_case_2_midnight_to_midnight_is_the_whole_day() -> None:
    monday = (window(MONDAY, "00:00", "00:00"),)
    assert inside(monday, LAGOS, lagos("2025-05-05T00:00"))
    assert inside(monday, LAGOS, lagos("2025-05-05T23:59:59.999999"))
    assert not inside(monday, LAGOS, lagos("2025-05-04T23:59:59.999999"))
    assert not inside(monday, LAGOS, lagos("2025-05-06T00:00"))
    assert next_toggle(monday, LAGOS, lagos("2025-05-05T12:00")) == lagos("2025-05-06T00:00")
    assert next_toggle(monday, LAGOS, lagos("2025-05-06T00:00")) == lagos("2025-05-12T00:00")


def test_case_3_an_overnight_window_belongs_to_the_day_it_starts_on() -> None:
    night = (window(MONDAY, "22:00", "06:00"),)
    assert not inside(night, LAGOS, lagos("2025-05-05T05:59"))
    assert not inside(night, LAGOS, lagos("2025-05-05T21:59:59"))
    assert inside(night, LAGOS, lagos("2025-05-05T22:00"))
    assert inside(night, LAGOS, lagos("2025-05-06T05:59"))
    assert not inside(night, LAGOS, lagos("2025-05-06T06:00"))
    assert not inside(night, LAGOS, lagos("2025-05-06T22:00"))


def test_case_3_the_night_from_sunday_to_monday_is_sundays() -> None:
    night = (window(SUNDAY, "22:00", "06:00"),)
    assert inside(night, LAGOS, lagos("2025-05-04T23:00"))
    assert inside(night, LAGOS, lagos("2025-05-05T05:59"))
    assert not inside(night, LAGOS, lagos("2025-05-04T05:59"))
    assert next_toggle(night, LAGOS, lagos("2025-05-04T23:00")) == lagos("2025-05-05T06:00")
    assert next_toggle(night, LAGOS, lagos("2025-05-05T06:00")) == lagos("2025-05-11T22:00")


def test_case_3_an_overnight_window_of_every_day_is_open_every_night() -> None:
    nights = (window(EVERY_DAY, "22:00", "06:00"),)
    for day in range(4, 12):
        assert inside(nights, LAGOS, lagos(f"2025-05-{day:02}T05:59"))
        assert not inside(nights, LAGOS, lagos(f"2025-05-{day:02}T06:00"))
        assert inside(nights, LAGOS, lagos(f"2025-05-{day:02}T22:00"))


@pytest.mark.parametrize(
    "windows",
    [
        pytest.param((window(MONDAY, "09:00", "12:00"), window(MONDAY, "12:00", "17:00")), id="touching"),
        pytest.param((window(MONDAY, "09:00", "14:00"), window(MONDAY, "11:00", "17:00")), id="overlapping"),
        pytest.param(
            (window(MONDAY, "09:00", "17:00"), window(EVERY_DAY, "11:00", "12:00")), id="one in another"
        ),
        pytest.param((window(MONDAY, "11:00", "17:00"), window(MONDAY, "09:00", "11:30")), id="in any order"),
    ],
)
def test_case_4_the_union_counts(windows: tuple[Window, ...]) -> None:
    assert not inside(windows, LAGOS, lagos("2025-05-05T08:59"))
    for hour in range(9, 17):
        assert inside(windows, LAGOS, lagos(f"2025-05-05T{hour:02}:00"))
    assert not inside(windows, LAGOS, lagos("2025-05-05T17:00"))
    assert next_toggle(windows, LAGOS, lagos("2025-05-05T09:00")) == lagos("2025-05-05T17:00")


def test_case_4_windows_that_cover_the_week_never_close() -> None:
    always = (window(EVERY_DAY, "06:00", "22:00"), window(EVERY_DAY, "22:00", "06:00"))
    for hour in range(24 * 8):
        assert inside(always, PARIS, at("Europe/Paris", "2025-03-25T00:00") + timedelta(hours=hour))
    assert next_toggle(always, PARIS, at("Europe/Paris", "2025-03-25T00:00")) is None
    assert next_toggle((whole_day(EVERY_DAY),), PARIS, at("Europe/Paris", "2025-03-25T00:00")) is None


def test_case_4_the_end_of_the_week_is_no_edge_where_sunday_runs_into_monday() -> None:
    both = (window(SUNDAY, "20:00", "00:00"), window(MONDAY, "00:00", "04:00"))
    assert next_toggle(both, LAGOS, lagos("2025-05-04T20:00")) == lagos("2025-05-05T04:00")


def test_case_5_without_windows_it_is_always_on() -> None:
    assert inside((), LAGOS, lagos("2025-05-05T03:00"))
    assert next_toggle((), LAGOS, lagos("2025-05-05T03:00")) is None


def test_case_5_one_window_closes_every_other_time_of_every_day() -> None:
    monday = (window(MONDAY, "09:00", "17:00"),)
    start = lagos("2025-05-05T00:00")
    open_minutes = [
        minute for minute in range(7 * 1440) if inside(monday, LAGOS, start + minute * ONE_MINUTE)
    ]
    assert open_minutes == list(range(9 * 60, 17 * 60))


def test_case_6_nine_to_five_in_new_york_is_closed_at_five_in_the_morning() -> None:
    office = (window(EVERY_DAY, "09:00", "17:00"),)
    five_local = datetime(2025, 1, 15, 10, 0, tzinfo=UTC)
    assert NEW_YORK.wall_clock(five_local).isoformat() == "2025-01-15T05:00:00-05:00"
    assert not inside(office, NEW_YORK, five_local)
    assert inside(office, Calendar.fixed("UTC"), five_local)
    assert next_toggle(office, NEW_YORK, five_local) == datetime(2025, 1, 15, 14, 0, tzinfo=UTC)


def test_case_6_the_zones_summer_time_moves_the_window() -> None:
    office = (window(EVERY_DAY, "09:00", "17:00"),)
    assert next_toggle(office, NEW_YORK, datetime(2025, 1, 15, tzinfo=UTC)) == datetime(
        2025, 1, 15, 14, tzinfo=UTC
    )
    assert next_toggle(office, NEW_YORK, datetime(2025, 7, 15, tzinfo=UTC)) == datetime(
        2025, 7, 15, 13, tzinfo=UTC
    )


def minutes_open(windows: tuple[Window, ...], calendar: Calendar, start: datetime, hours: int) -> int:
    return sum(inside(windows, calendar, start + minute * ONE_MINUTE) for minute in range(hours * 60))


@pytest.mark.parametrize(
    ("start", "end", "minutes"),
    [("02:00", "03:00", 0), ("02:15", "02:45", 0), ("01:30", "02:30", 30), ("01:00", "04:00", 120)],
)
def test_case_7_an_hour_that_does_not_exist_gives_no_minutes(start: str, end: str, minutes: int) -> None:
    windows = (window(SUNDAY, start, end),)
    assert minutes_open(windows, PARIS, at("Europe/Paris", "2025-03-30T00:00"), 23) == minutes


@pytest.mark.parametrize(
    ("start", "end", "minutes"),
    [("02:00", "03:00", 120), ("02:15", "02:45", 60), ("01:30", "02:30", 90), ("01:00", "04:00", 240)],
)
def test_case_7_an_hour_that_occurs_twice_counts_twice(start: str, end: str, minutes: int) -> None:
    windows = (window(SUNDAY, start, end),)
    assert minutes_open(windows, PARIS, at("Europe/Paris", "2025-10-26T00:00"), 25) == minutes


def test_case_7_a_window_that_starts_in_the_missing_hour_opens_with_the_jump() -> None:
    windows = (window(SUNDAY, "02:30", "05:00"),)
    jump = datetime(2025, 3, 30, 1, 0, tzinfo=UTC)
    assert next_toggle(windows, PARIS, jump - timedelta(minutes=10)) == jump
    assert next_toggle(windows, PARIS, jump - timedelta(minutes=9, microseconds=7)) == jump
    assert not inside(windows, PARIS, jump - TICK)
    assert inside(windows, PARIS, jump)


def test_case_7_a_window_that_ends_in_the_missing_hour_closes_with_the_jump() -> None:
    windows = (window(SUNDAY, "01:00", "02:30"),)
    assert next_toggle(windows, PARIS, at("Europe/Paris", "2025-03-30T01:00")) == datetime(
        2025, 3, 30, 1, 0, tzinfo=UTC
    )


def test_case_7_a_window_within_the_missing_hour_waits_for_the_next_week() -> None:
    windows = (window(SUNDAY, "02:15", "02:45"),)
    assert next_toggle(windows, PARIS, at("Europe/Paris", "2025-03-29T12:00")) == at(
        "Europe/Paris", "2025-04-06T02:15"
    )


def test_case_7_a_window_within_the_repeated_hour_opens_and_closes_twice() -> None:
    windows = (window(SUNDAY, "02:15", "02:45"),)
    toggles = [at("Europe/Paris", "2025-10-26T00:00")]
    for _ in range(5):
        toggle = next_toggle(windows, PARIS, toggles[-1])
        assert toggle is not None
        toggles.append(toggle)
    assert toggles[1:] == [
        datetime(2025, 10, 26, 0, 15, tzinfo=UTC),
        datetime(2025, 10, 26, 0, 45, tzinfo=UTC),
        datetime(2025, 10, 26, 1, 15, tzinfo=UTC),
        datetime(2025, 10, 26, 1, 45, tzinfo=UTC),
        at("Europe/Paris", "2025-11-02T02:15"),
    ]


def test_case_7_clocks_set_back_over_an_edge_reopen_the_window() -> None:
    windows = (window(SUNDAY, "01:00", "02:30"),)
    assert next_toggle(windows, PARIS, datetime(2025, 10, 26, 0, 0, tzinfo=UTC)) == datetime(
        2025, 10, 26, 0, 30, tzinfo=UTC
    )
    assert next_toggle(windows, PARIS, datetime(2025, 10, 26, 0, 30, tzinfo=UTC)) == datetime(
        2025, 10, 26, 1, 0, tzinfo=UTC
    )
    assert next_toggle(windows, PARIS, datetime(2025, 10, 26, 1, 0, tzinfo=UTC)) == datetime(
        2025, 10, 26, 1, 30, tzinfo=UTC
    )


def test_case_10_a_schedule_switches_with_the_zone() -> None:
    now = datetime(2025, 6, 10, 12, tzinfo=UTC)
    day = zone_change_day(NEW_YORK, ZoneInfo("Asia/Tokyo"), now)
    calendar = Calendar((*NEW_YORK.spans, ZoneSpan(day, ZoneInfo("Asia/Tokyo"))))
    switch = at("Asia/Tokyo", "2025-06-11T00:00")  # 11:00 of the 10th in New York
    assert calendar.switch_instants() == (switch,)
    office = (window(EVERY_DAY, "09:00", "17:00"),)
    assert next_toggle(office, calendar, now) == at("America/New_York", "2025-06-10T09:00")
    assert next_toggle(office, calendar, at("America/New_York", "2025-06-10T09:00")) == switch
    assert next_toggle(office, calendar, switch) == at("Asia/Tokyo", "2025-06-11T09:00")


def test_edges_are_exact_to_the_microsecond() -> None:
    odd = (window(EVERY_DAY, "09:00:30.000001", "17:00:00.5"),)
    opens, closes = lagos("2025-05-05T09:00:30.000001"), lagos("2025-05-05T17:00:00.500000")
    assert next_toggle(odd, LAGOS, lagos("2025-05-05T08:00:00.000007")) == opens
    assert next_toggle(odd, LAGOS, opens - TICK) == opens
    assert next_toggle(odd, LAGOS, opens) == closes
    assert next_toggle(odd, LAGOS, closes - TICK) == closes


def test_an_instant_may_be_given_in_any_zone_and_the_answer_is_in_utc() -> None:
    windows = (window(SUNDAY, "02:15", "02:45"),)
    twice = datetime(2025, 10, 26, 2, 30, tzinfo=ZoneInfo("Europe/Paris"))
    first, second = next_toggle(windows, PARIS, twice), next_toggle(windows, PARIS, twice.replace(fold=1))
    assert first == datetime(2025, 10, 26, 0, 45, tzinfo=UTC)
    assert second == datetime(2025, 10, 26, 1, 45, tzinfo=UTC)
    assert first is not None
    assert first.tzinfo is UTC


@pytest.mark.parametrize("windows", [(), (window(EVERY_DAY, "09:00", "17:00"),)])
def test_a_naive_instant_is_refused(windows: tuple[Window, ...]) -> None:
    naive = datetime(2025, 1, 1)  # noqa: DTZ001
    with pytest.raises(ValueError, match=r"instant: .* has no time zone"):
        inside(windows, LAGOS, naive)
    with pytest.raises(ValueError, match=r"now: .* has no time zone"):
        next_toggle(windows, LAGOS, naive)


@pytest.mark.parametrize("day", [-1, 7, "1"])
def test_a_day_that_is_no_weekday_is_refused(day: int) -> None:
    with pytest.raises(ValueError, match=r"day_of_week: .*; Monday is 0, Sunday 6"):
        Window(day, time(9), time(17))


@pytest.mark.parametrize(("start", "end"), [(time(9, tzinfo=UTC), time(17)), (time(9), time(17, tzinfo=UTC))])
def test_a_time_with_a_zone_of_its_own_is_refused(start: time, end: time) -> None:
    with pytest.raises(ValueError, match="carry no time zone"):
        Window(MONDAY, start, end)


def test_windows_sort_by_day_start_and_end_with_every_day_first() -> None:
    ordered = [
        window(EVERY_DAY, "22:00", "23:00"),
        window(MONDAY, "09:00", "12:00"),
        window(MONDAY, "09:00", "17:00"),
        window(MONDAY, "10:00", "11:00"),
        window(TUESDAY, "08:00", "09:00"),
    ]
    assert sorted([ordered[index] for index in (3, 1, 4, 0, 2)]) == ordered
    assert ordered[0] <= ordered[0] < ordered[1]


# Properties against the oracle


def assert_inside_as_on_the_wall(place: tuple[str, date], windows: tuple[Window, ...], days: int) -> None:
    calendar = Calendar.fixed(place[0])
    for instant, wall in walls(*place)[: days * 1440]:
        assert inside(windows, calendar, instant) == is_open_on_the_wall(windows, wall), wall


def assert_toggles_as_on_the_wall(
    place: tuple[str, date], windows: tuple[Window, ...], index: int, microseconds: int
) -> None:
    calendar = Calendar.fixed(place[0])
    minutes = walls(*place)
    now = minutes[index][0] + timedelta(microseconds=microseconds)
    assert next_toggle(windows, calendar, now) == first_change(windows, minutes, index)


each_place = st.sampled_from(DAYS_TO_WATCH)
first_three_days = st.integers(0, 3 * 1440 - 1)
microseconds_of_a_minute = st.integers(0, 60 * 10**6 - 1)


@settings(deadline=None, max_examples=100)
@given(each_place, any_windows)
def test_every_minute_is_as_the_clock_on_the_wall_says(
    place: tuple[str, date], windows: tuple[Window, ...]
) -> None:
    assert_inside_as_on_the_wall(place, windows, 4)


@pytest.mark.slow
@settings(deadline=None, max_examples=300)
@given(each_place, any_windows)
def test_every_minute_is_as_the_clock_on_the_wall_says_long(
    place: tuple[str, date], windows: tuple[Window, ...]
) -> None:
    assert_inside_as_on_the_wall(place, windows, 9)


@settings(deadline=None, max_examples=300)
@given(each_place, any_windows, first_three_days, microseconds_of_a_minute)
def test_the_next_toggle_is_the_first_minute_in_which_the_clock_says_otherwise(
    place: tuple[str, date], windows: tuple[Window, ...], index: int, microseconds: int
) -> None:
    assert_toggles_as_on_the_wall(place, windows, index, microseconds)


@pytest.mark.slow
@settings(deadline=None, max_examples=2000)
@given(each_place, any_windows, first_three_days, microseconds_of_a_minute)
def test_the_next_toggle_is_the_first_minute_in_which_the_clock_says_otherwise_long(
    place: tuple[str, date], windows: tuple[Window, ...], index: int, microseconds: int
) -> None:
    assert_toggles_as_on_the_wall(place, windows, index, microseconds)


@pytest.mark.parametrize("place", DAYS_TO_WATCH, ids=str)
@pytest.mark.parametrize(
    "windows",
    [
        pytest.param((window(EVERY_DAY, "00:00", "00:30"),), id="00:00-00:30"),
        pytest.param((window(EVERY_DAY, "23:30", "00:00"),), id="23:30-00:00"),
        pytest.param((window(EVERY_DAY, "22:00", "06:00"),), id="22:00-06:00"),
        pytest.param(
            (window(EVERY_DAY, "02:15", "02:45"), window(EVERY_DAY, "01:00", "01:20")), id="small hours"
        ),
        pytest.param((whole_day(SATURDAY),), id="saturday"),
    ],
)
def test_jumping_from_toggle_to_toggle_misses_none_and_makes_none_up(
    place: tuple[str, date], windows: tuple[Window, ...]
) -> None:
    minutes = walls(*place)[: 5 * 1440]
    calendar = Calendar.fixed(place[0])
    assert jumps(windows, calendar, minutes[0][0], minutes[-1][0]) == changes(
        [(instant, is_open_on_the_wall(windows, wall)) for instant, wall in minutes]
    )


@settings(deadline=None, max_examples=40)
@given(
    each_place,
    st.lists(
        st.tuples(each_place.map(lambda place: ZoneInfo(place[0])), st.integers(-48, 60)),
        min_size=1,
        max_size=3,
    ),
    any_windows,
)
def test_case_10_toggles_follow_the_clocks_through_changes_of_zone(
    place: tuple[str, date], moves: list[tuple[ZoneInfo, int]], windows: tuple[Window, ...]
) -> None:
    zone, day = place
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    calendar = Calendar.fixed(zone)
    for new_zone, hours in sorted(moves, key=lambda move: move[1]):
        first_day = zone_change_day(calendar, new_zone, midnight + timedelta(hours=hours))
        kept = tuple(span for span in calendar.spans if span.first_day < first_day)
        calendar = Calendar((*kept, ZoneSpan(first_day, new_zone)))

    def wall(instant: datetime) -> datetime:
        begun = sum(start <= instant for start in calendar.switch_instants())
        return instant.astimezone(calendar.spans[begun].zone)

    instants = [midnight + minute * ONE_MINUTE for minute in range(-1440, 4 * 1440)]
    expected = changes([(instant, is_open_on_the_wall(windows, wall(instant))) for instant in instants])
    assert jumps(windows, calendar, instants[0], instants[-1]) == expected


def changes(answers: list[tuple[datetime, bool]]) -> list[datetime]:
    return [instant for (_, before), (instant, now) in pairwise(answers) if now != before]


def jumps(windows: tuple[Window, ...], calendar: Calendar, start: datetime, end: datetime) -> list[datetime]:
    found: list[datetime] = []
    now = next_toggle(windows, calendar, start)
    while now is not None and now <= end:
        found.append(now)
        now = next_toggle(windows, calendar, now)
    return found

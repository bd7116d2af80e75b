"""The rule: what stands against a campaign, in which order, and when time alone changes it."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ads.rules.dayparting import Window, inside
from ads.rules.money import to_micros
from ads.rules.periods import Calendar, ZoneSpan, month_start, next_month, zone_change_day
from ads.rules.serving import BrandFacts, CampaignFacts, Decision, Reason, Status, decide, reached, status_of

pytestmark = pytest.mark.unit

ONE_DAY = timedelta(days=1)
ONE_MINUTE = timedelta(minutes=1)
TICK = timedelta(microseconds=1)
PARIS = Calendar.fixed("Europe/Paris")
TODAY = date(2025, 5, 14)  # a Wednesday
MAY, JUNE = date(2025, 5, 1), date(2025, 6, 1)


PLAIN_BRAND = BrandFacts(
    is_active=True,
    calendar=PARIS,
    daily_budget_micros=None,
    monthly_budget_micros=None,
    days={},
    months={},
)


def brand(**facts: Any) -> BrandFacts:
    return replace(PLAIN_BRAND, **facts)


PLAIN_CAMPAIGN = CampaignFacts(
    brand=PLAIN_BRAND,
    enabled=True,
    start_date=None,
    end_date=None,
    daily_budget_micros=None,
    monthly_budget_micros=None,
    total_budget_micros=None,
    days={},
    months={},
    total_micros=0,
    windows=(),
    window_calendar=PARIS,
)


def campaign(**facts: Any) -> CampaignFacts:
    return PLAIN_CAMPAIGN._replace(**facts)


def paris(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Paris")).astimezone(UTC)


NOON = paris("2025-05-14T12:00")
MIDNIGHT = paris("2025-05-15T00:00")
FIRST_OF_JUNE = paris("2025-06-01T00:00")
NINE_TO_FIVE = (Window(None, time(9), time(17)),)
EVENING = (Window(None, time(18), time(22)),)

# Facts that give one reason each at NOON, and the instant at which time alone takes it away.
ONE_REASON: list[tuple[Reason, CampaignFacts, datetime | None]] = [
    (Reason.BRAND_INACTIVE, campaign(brand=brand(is_active=False)), None),
    (Reason.SWITCHED_OFF, campaign(enabled=False), None),
    (Reason.FLIGHT_NOT_STARTED, campaign(start_date=date(2025, 5, 15)), MIDNIGHT),
    (Reason.FLIGHT_ENDED, campaign(end_date=date(2025, 5, 13)), None),
    (Reason.BRAND_DAILY, campaign(brand=brand(daily_budget_micros=50, days={TODAY: 50})), MIDNIGHT),
    (Reason.BRAND_MONTHLY, campaign(brand=brand(monthly_budget_micros=50, months={MAY: 50})), FIRST_OF_JUNE),
    (Reason.CAMPAIGN_DAILY, campaign(daily_budget_micros=50, days={TODAY: 50}), MIDNIGHT),
    (Reason.CAMPAIGN_MONTHLY, campaign(monthly_budget_micros=50, months={MAY: 50}), FIRST_OF_JUNE),
    (Reason.CAMPAIGN_TOTAL, campaign(total_budget_micros=50, total_micros=50), None),
    (Reason.OUTSIDE_DAYPARTING, campaign(windows=EVENING), paris("2025-05-14T18:00")),
]

EVERYTHING_AGAINST_IT = campaign(
    brand=brand(
        is_active=False,
        daily_budget_micros=50,
        days={TODAY: 50},
        monthly_budget_micros=50,
        months={MAY: 50},
    ),
    enabled=False,
    start_date=date(2025, 5, 15),
    end_date=date(2025, 5, 13),
    daily_budget_micros=50,
    days={TODAY: 50},
    monthly_budget_micros=50,
    months={MAY: 50},
    total_budget_micros=50,
    total_micros=50,
    windows=EVENING,
)


# Words


def test_the_reasons_are_told_in_this_order_and_these_words() -> None:
    assert [(reason.value, reason.words) for reason in Reason] == [
        ("BRAND_INACTIVE", "Brand is switched off"),
        ("SWITCHED_OFF", "Switched off by a person"),
        ("FLIGHT_NOT_STARTED", "Flight not started"),
        ("FLIGHT_ENDED", "Flight ended"),
        ("BRAND_DAILY", "Brand daily budget reached"),
        ("BRAND_MONTHLY", "Brand monthly budget reached"),
        ("CAMPAIGN_DAILY", "Campaign daily budget reached"),
        ("CAMPAIGN_MONTHLY", "Campaign monthly budget reached"),
        ("CAMPAIGN_TOTAL", "Campaign total budget reached"),
        ("OUTSIDE_DAYPARTING", "Outside dayparting window"),
    ]


def test_a_reason_is_told_in_the_same_words_within_a_sentence() -> None:
    assert Reason.BRAND_DAILY.in_sentence == "brand daily budget reached"
    assert [reason.in_sentence.lower() for reason in Reason] == [reason.words.lower() for reason in Reason]


def test_no_reason_is_found_within_another() -> None:
    assert [(one, other) for one in Reason for other in Reason if one != other and one in other] == []


def test_statuses_are_stored_by_their_names() -> None:
    assert [status.value for status in Status] == ["ACTIVE", "PAUSED", "INACTIVE", "COMPLETED"]


# Limits


@pytest.mark.parametrize(
    ("spent", "budget", "is_reached"),
    [
        pytest.param("49.99", "50", False, id="case 20: 49.99 of 50"),
        pytest.param("49.999999", "50", False, id="case 20: a micro below"),
        pytest.param("50.00", "50", True, id="case 20: 50.00 of 50"),
        pytest.param("100", "50", True, id="case 20: 100 of 50"),
        pytest.param("1000000", None, False, id="case 21: no budget"),
        pytest.param("0", "0", True, id="case 21: a budget of nothing"),
        pytest.param("-5", "0", False, id="more refunded than spent"),
    ],
)
def test_a_limit_is_reached_by_spending_all_of_it(spent: str, budget: str | None, is_reached: bool) -> None:
    limit = None if budget is None else to_micros(budget)
    assert reached(to_micros(spent), limit) is is_reached
    facts = campaign(brand=brand(daily_budget_micros=limit, days={TODAY: to_micros(spent)}))
    assert decide(facts, NOON).reasons == ((Reason.BRAND_DAILY,) if is_reached else ())


def test_case_20_ten_times_ten_cents_pause_a_budget_of_one() -> None:
    spent = sum(to_micros("0.1") for _ in range(10))
    facts = campaign(brand=brand(daily_budget_micros=to_micros("1.00"), days={TODAY: spent}))
    assert decide(facts, NOON).status is Status.PAUSED


def test_case_21_a_budget_of_zero_never_runs_and_no_midnight_changes_it() -> None:
    facts = campaign(brand=brand(daily_budget_micros=0, monthly_budget_micros=0))
    assert decide(facts, NOON) == Decision(Status.PAUSED, (Reason.BRAND_DAILY, Reason.BRAND_MONTHLY), None)


def test_case_22_both_campaigns_of_a_brand_stop_at_the_brands_limit() -> None:
    acme = brand(daily_budget_micros=100, days={TODAY: 180})
    for spent in (90, 90):
        facts = campaign(brand=acme, daily_budget_micros=100, days={TODAY: spent})
        assert decide(facts, NOON).reasons == (Reason.BRAND_DAILY,)


@pytest.mark.parametrize(("reason", "facts", "until"), ONE_REASON, ids=[row[0] for row in ONE_REASON])
def test_case_22_each_reason_stands_alone_until_time_takes_it_away(
    reason: Reason, facts: CampaignFacts, until: datetime | None
) -> None:
    decision = decide(facts, NOON)
    assert decision == Decision(status_of((reason,)), (reason,), until)
    if until is not None:
        assert decide(facts, until - TICK).reasons == (reason,)
        assert decide(facts, until).reasons == ()


@pytest.mark.parametrize(
    ("reasons", "status"),
    [
        ((), Status.ACTIVE),
        ((Reason.BRAND_INACTIVE,), Status.INACTIVE),
        ((Reason.SWITCHED_OFF,), Status.INACTIVE),
        ((Reason.FLIGHT_NOT_STARTED,), Status.PAUSED),
        ((Reason.FLIGHT_ENDED,), Status.COMPLETED),
        ((Reason.BRAND_DAILY,), Status.PAUSED),
        ((Reason.BRAND_MONTHLY,), Status.PAUSED),
        ((Reason.CAMPAIGN_DAILY,), Status.PAUSED),
        ((Reason.CAMPAIGN_MONTHLY,), Status.PAUSED),
        ((Reason.CAMPAIGN_TOTAL,), Status.PAUSED),
        ((Reason.OUTSIDE_DAYPARTING,), Status.PAUSED),
        ((Reason.SWITCHED_OFF, Reason.FLIGHT_ENDED, Reason.BRAND_DAILY), Status.INACTIVE),
        ((Reason.FLIGHT_ENDED, Reason.BRAND_DAILY), Status.COMPLETED),
        ((Reason.FLIGHT_NOT_STARTED, Reason.FLIGHT_ENDED), Status.PAUSED),
    ],
)
def test_case_22_the_status_follows_the_first_reason(reasons: tuple[Reason, ...], status: Status) -> None:
    assert status_of(reasons) is status


def test_case_22_every_reason_is_kept_in_order() -> None:
    decision = decide(EVERYTHING_AGAINST_IT, NOON)
    assert decision.reasons == tuple(Reason)
    assert decision.status is Status.INACTIVE


def test_case_22_nothing_against_it_is_active_and_stays_so() -> None:
    assert decide(campaign(), NOON) == Decision(Status.ACTIVE, (), None)


# Days and months


def test_case_14_a_day_that_is_over_and_one_to_come_pause_nobody_today() -> None:
    yesterday, tomorrow = TODAY - ONE_DAY, TODAY + ONE_DAY
    facts = campaign(brand=brand(daily_budget_micros=50, days={yesterday: 500, TODAY: 49, tomorrow: 50}))
    assert decide(facts, NOON) == Decision(Status.ACTIVE, (), MIDNIGHT)
    assert decide(facts, MIDNIGHT).reasons == (Reason.BRAND_DAILY,)
    assert decide(facts, MIDNIGHT).next_transition_at == paris("2025-05-16T00:00")


def test_a_midnight_whose_new_day_is_spent_as_well_is_no_transition() -> None:
    days = {TODAY + offset * ONE_DAY: 50 for offset in range(3)}
    facts = campaign(daily_budget_micros=50, days=days)
    assert decide(facts, NOON).next_transition_at == paris("2025-05-17T00:00")


def test_a_later_day_that_is_spent_is_the_transition() -> None:
    facts = campaign(daily_budget_micros=50, days={TODAY + 4 * ONE_DAY: 50})
    assert decide(facts, NOON).next_transition_at == paris("2025-05-18T00:00")


def test_a_later_month_that_is_spent_is_the_transition() -> None:
    facts = campaign(monthly_budget_micros=50, months={MAY: 49, JUNE: 50})
    assert decide(facts, NOON).next_transition_at == FIRST_OF_JUNE
    assert decide(facts, FIRST_OF_JUNE).reasons == (Reason.CAMPAIGN_MONTHLY,)
    assert decide(facts, FIRST_OF_JUNE).next_transition_at == paris("2025-07-01T00:00")


def test_a_refund_ahead_reopens_a_budget_of_zero_for_its_day() -> None:
    facts = campaign(daily_budget_micros=0, days={TODAY + ONE_DAY: -5})
    assert decide(facts, NOON).next_transition_at == MIDNIGHT
    assert decide(facts, MIDNIGHT) == Decision(Status.ACTIVE, (), paris("2025-05-16T00:00"))


def test_a_day_the_zone_skips_is_no_transition_whatever_it_holds() -> None:
    apia = Calendar.fixed("Pacific/Apia")
    before, skipped = date(2011, 12, 29), date(2011, 12, 30)
    now = datetime(2011, 12, 29, 20, tzinfo=UTC)
    assert apia.local_date(now) == before
    jump = datetime(2011, 12, 30, 10, tzinfo=UTC)
    spent_after = brand(calendar=apia, daily_budget_micros=50, days={skipped: 50, skipped + ONE_DAY: 0})
    assert decide(campaign(brand=spent_after), now).next_transition_at is None
    spent_before = brand(calendar=apia, daily_budget_micros=50, days={before: 50, skipped: 50})
    assert decide(campaign(brand=spent_before), now).next_transition_at == jump
    spent_both = brand(calendar=apia, daily_budget_micros=50, days={before: 50, skipped + ONE_DAY: 50})
    assert decide(campaign(brand=spent_both), now).next_transition_at == datetime(
        2011, 12, 31, 10, tzinfo=UTC
    )


def test_a_month_whose_first_day_is_left_out_begins_with_its_second() -> None:
    now = datetime(
        2025, 6, 1, 9, 30, tzinfo=UTC
    )  # 22:30 on 31 May in Pago Pago, 23:30 on 1 June on Kiritimati
    pago_pago, kiritimati = Calendar.fixed("Pacific/Pago_Pago"), ZoneInfo("Pacific/Kiritimati")
    first_day = zone_change_day(pago_pago, kiritimati, now)
    assert first_day == date(2025, 6, 2)
    moved = Calendar((*pago_pago.spans, ZoneSpan(first_day, kiritimati)))
    facts = campaign(brand=brand(calendar=moved), monthly_budget_micros=50, months={JUNE: 50})
    switch = datetime(2025, 6, 1, 10, tzinfo=UTC)
    assert decide(facts, now) == Decision(Status.ACTIVE, (), switch)
    assert decide(facts, switch).reasons == (Reason.CAMPAIGN_MONTHLY,)


def test_a_midnight_missed_by_three_days_changes_nothing_but_a_delay() -> None:
    facts = campaign(brand=brand(daily_budget_micros=50, days={TODAY: 80}))
    assert decide(facts, NOON).status is Status.PAUSED
    assert decide(facts, NOON + 3 * ONE_DAY) == Decision(Status.ACTIVE, (), None)


def test_case_9_each_brands_day_rolls_at_its_own_midnight() -> None:
    for zone, hour in [("Africa/Lagos", 23), ("Europe/Paris", 22), ("UTC", 24), ("America/New_York", 28)]:
        facts = campaign(brand=brand(calendar=Calendar.fixed(zone), daily_budget_micros=50, days={TODAY: 50}))
        expected = datetime(2025, 5, 14, tzinfo=UTC) + timedelta(hours=hour)
        assert decide(facts, NOON).next_transition_at == expected


def test_case_10_days_and_flights_switch_with_the_brands_zone() -> None:
    first_day = zone_change_day(PARIS, ZoneInfo("America/New_York"), NOON)
    assert first_day == date(2025, 5, 15)
    moved = Calendar((*PARIS.spans, ZoneSpan(first_day, ZoneInfo("America/New_York"))))
    switch = datetime(2025, 5, 15, 4, tzinfo=UTC)
    spent = campaign(brand=brand(calendar=moved, daily_budget_micros=50, days={TODAY: 50}))
    assert decide(spent, NOON).next_transition_at == switch
    ends_today = campaign(brand=brand(calendar=moved), end_date=TODAY)
    assert decide(ends_today, NOON).next_transition_at == switch
    assert decide(ends_today, switch - TICK).status is Status.ACTIVE
    assert decide(ends_today, switch).status is Status.COMPLETED


# Flights and windows


def test_a_flight_runs_from_its_first_day_to_the_end_of_its_last() -> None:
    facts = campaign(start_date=date(2025, 5, 15), end_date=date(2025, 5, 16))
    assert decide(facts, NOON) == Decision(Status.PAUSED, (Reason.FLIGHT_NOT_STARTED,), MIDNIGHT)
    end = paris("2025-05-17T00:00")
    assert decide(facts, MIDNIGHT) == Decision(Status.ACTIVE, (), end)
    assert decide(facts, end - TICK) == Decision(Status.ACTIVE, (), end)
    assert decide(facts, end) == Decision(Status.COMPLETED, (Reason.FLIGHT_ENDED,), None)


def test_a_flight_that_begins_in_a_gap_of_the_clocks_begins_with_the_jump() -> None:
    cairo = brand(calendar=Calendar.fixed("Africa/Cairo"))
    facts = campaign(brand=cairo, start_date=date(2023, 4, 28))
    now = datetime(2023, 4, 27, 12, tzinfo=UTC)
    assert decide(facts, now).next_transition_at == datetime(2023, 4, 27, 22, tzinfo=UTC)


def test_a_flight_for_ever_never_ends() -> None:
    facts = campaign(start_date=date.min, end_date=date.max)
    assert decide(facts, NOON) == Decision(Status.ACTIVE, (), None)


def test_case_27_a_flight_that_ended_is_not_revived_by_budgets_but_by_a_later_end() -> None:
    ended = campaign(
        brand=brand(daily_budget_micros=10**9), end_date=date(2025, 5, 13), total_budget_micros=10**9
    )
    assert decide(ended, NOON).status is Status.COMPLETED
    assert decide(campaign(end_date=TODAY), NOON) == Decision(Status.ACTIVE, (), MIDNIGHT)


def test_case_26_a_persons_switch_off_stands_whatever_the_time() -> None:
    facts = campaign(
        enabled=False, brand=brand(daily_budget_micros=50, days={TODAY: 50}), windows=NINE_TO_FIVE
    )
    for hours in range(0, 24 * 40, 7):
        decision = decide(facts, NOON + timedelta(hours=hours))
        assert decision.status is Status.INACTIVE
        assert decision.reasons[0] is Reason.SWITCHED_OFF


def test_case_28_an_inactive_brand_stops_a_campaign_that_is_wanted() -> None:
    assert decide(campaign(brand=brand(is_active=False)), NOON).reasons == (Reason.BRAND_INACTIVE,)


def test_a_pause_by_the_clock_ends_with_the_next_window() -> None:
    facts = campaign(windows=NINE_TO_FIVE)
    evening = paris("2025-05-14T17:00")
    assert decide(facts, NOON) == Decision(Status.ACTIVE, (), evening)
    morning = paris("2025-05-15T09:00")
    assert decide(facts, evening) == Decision(Status.PAUSED, (Reason.OUTSIDE_DAYPARTING,), morning)
    assert decide(facts, morning).status is Status.ACTIVE


def test_case_6_windows_go_by_their_own_zone_and_days_by_the_brands() -> None:
    new_york = Calendar.fixed("America/New_York")
    facts = campaign(windows=NINE_TO_FIVE, window_calendar=new_york, daily_budget_micros=50, days={TODAY: 50})
    decision = decide(facts, NOON)  # 06:00 in New York
    assert decision.reasons == (Reason.CAMPAIGN_DAILY, Reason.OUTSIDE_DAYPARTING)
    assert decision.next_transition_at == paris("2025-05-14T15:00")
    assert decide(facts, paris("2025-05-14T15:00")) == Decision(
        Status.PAUSED, (Reason.CAMPAIGN_DAILY,), paris("2025-05-14T23:00")
    )
    assert decide(facts, paris("2025-05-14T23:00")).next_transition_at == MIDNIGHT


def test_a_reason_that_does_not_decide_the_status_is_still_a_transition() -> None:
    facts = campaign(enabled=False, windows=NINE_TO_FIVE)
    assert decide(facts, NOON).next_transition_at == paris("2025-05-14T17:00")


def test_the_earliest_of_all_changes_is_the_next() -> None:
    facts = campaign(
        brand=brand(daily_budget_micros=50, days={TODAY: 50}, monthly_budget_micros=50, months={MAY: 50}),
        end_date=date(2025, 5, 20),
        windows=NINE_TO_FIVE,
    )
    assert decide(facts, NOON).next_transition_at == paris("2025-05-14T17:00")
    assert decide(facts, paris("2025-05-14T17:00")).next_transition_at == MIDNIGHT


def test_what_was_decided_of_one_brand_is_not_told_of_another_like_it() -> None:
    for spent, status in [(49, Status.ACTIVE), (50, Status.PAUSED), (49, Status.ACTIVE)]:
        facts = campaign(brand=brand(daily_budget_micros=50, days={TODAY: spent}))
        assert decide(facts, NOON).status is status


def test_now_may_be_given_in_any_zone_also_in_the_hour_that_comes_twice() -> None:
    facts = campaign(windows=(Window(None, time(2, 15), time(2, 45)),))
    first = datetime(2025, 10, 26, 2, 30, tzinfo=ZoneInfo("Europe/Paris"))
    assert decide(facts, first).next_transition_at == datetime(2025, 10, 26, 0, 45, tzinfo=UTC)
    assert decide(facts, first.replace(fold=1)).next_transition_at == datetime(
        2025, 10, 26, 1, 45, tzinfo=UTC
    )


def test_a_naive_now_is_refused() -> None:
    with pytest.raises(ValueError, match=r"now: .* has no time zone"):
        decide(campaign(), datetime(2025, 5, 14))  # noqa: DTZ001


# The oracle: the ten sentences of the rule, one after the other.


def oracle(facts: CampaignFacts, now: datetime) -> tuple[str, list[str]]:
    today = facts.brand.calendar.local_date(now)
    month = date(today.year, today.month, 1)

    def full(counted: int | None, budget: int | None) -> bool:
        return False if budget is None else (counted or 0) >= budget

    against = {
        "BRAND_INACTIVE": facts.brand.is_active is False,
        "SWITCHED_OFF": facts.enabled is False,
        "FLIGHT_NOT_STARTED": today < (facts.start_date or date.min),
        "FLIGHT_ENDED": today > (facts.end_date or date.max),
        "BRAND_DAILY": full(facts.brand.days.get(today), facts.brand.daily_budget_micros),
        "BRAND_MONTHLY": full(facts.brand.months.get(month), facts.brand.monthly_budget_micros),
        "CAMPAIGN_DAILY": full(facts.days.get(today), facts.daily_budget_micros),
        "CAMPAIGN_MONTHLY": full(facts.months.get(month), facts.monthly_budget_micros),
        "CAMPAIGN_TOTAL": full(facts.total_micros, facts.total_budget_micros),
        "OUTSIDE_DAYPARTING": not inside(facts.windows, facts.window_calendar, now),
    }
    reasons = [name for name, stands in against.items() if stands]
    if not reasons:
        return "ACTIVE", reasons
    if reasons[0] in {"BRAND_INACTIVE", "SWITCHED_OFF"}:
        return "INACTIVE", reasons
    return ("COMPLETED" if reasons[0] == "FLIGHT_ENDED" else "PAUSED"), reasons


# Days around which something happens at once: clocks that jump, months that end, a day left out.
BUSY_DAYS = [
    ("Europe/Paris", date(2025, 3, 31)),
    ("America/New_York", date(2025, 11, 1)),
    ("America/Santiago", date(2024, 9, 8)),
    ("Africa/Cairo", date(2023, 10, 27)),
    ("Asia/Beirut", date(2024, 3, 31)),
    ("America/Havana", date(2024, 11, 3)),
    ("America/Asuncion", date(2023, 10, 1)),
    ("Australia/Lord_Howe", date(2025, 10, 5)),
    ("Asia/Kathmandu", date(1985, 12, 31)),
    ("Pacific/Apia", date(2011, 12, 30)),
    ("America/St_Johns", date(2010, 11, 7)),
    ("Africa/Lagos", date(2024, 2, 29)),
]
zones = st.sampled_from([zone for zone, _ in BUSY_DAYS])
counted = st.sampled_from([-5, 0, 49, 50, 51, 100])
budgets = st.sampled_from([None, None, 0, 50, 100])
minutes_of_day = st.sampled_from([0, 15, 30, 60, 90, 120, 150, 180, 540, 1020, 1380]) | st.integers(0, 1439)
times = minutes_of_day.map(lambda minute: time(minute // 60, minute % 60))
whole_days = st.builds(Window, st.none() | st.integers(0, 6), st.just(time(0)), st.just(time(0)))
other_windows = st.tuples(st.none() | st.integers(0, 6), times, times).filter(lambda row: row[1] != row[2])
some_windows = st.lists(whole_days | other_windows.map(lambda row: Window(*row)), min_size=1, max_size=3)


@st.composite
def calendars(draw: st.DrawFn, noon: datetime, zone: str) -> Calendar:
    """The calendar of `zone`, moved to other zones up to twice about `noon`."""
    calendar = Calendar.fixed(zone)
    for hours in sorted(draw(st.lists(st.integers(-60, 60), max_size=2))):
        new_zone = ZoneInfo(draw(zones))
        first_day = zone_change_day(calendar, new_zone, noon + timedelta(hours=hours))
        kept = tuple(span for span in calendar.spans if span.first_day < first_day)
        calendar = Calendar((*kept, ZoneSpan(first_day, new_zone)))
    return calendar


@st.composite
def situations(draw: st.DrawFn) -> tuple[CampaignFacts, datetime]:
    """Random facts about a busy day, and noon UTC of it."""
    zone, day = draw(st.sampled_from(BUSY_DAYS))
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    near = st.integers(-4, 4).map(lambda offset: day + offset * ONE_DAY)
    this_month = month_start(day)
    months = st.sampled_from([month_start(this_month - ONE_DAY), this_month, next_month(this_month)])
    mostly = st.sampled_from([True, True, True, False])
    calendar = draw(calendars(noon, zone))
    has_windows = draw(st.booleans())
    facts = CampaignFacts(
        brand=BrandFacts(
            is_active=draw(mostly),
            calendar=calendar,
            daily_budget_micros=draw(budgets),
            monthly_budget_micros=draw(budgets),
            days=draw(st.dictionaries(near, counted, max_size=6)),
            months=draw(st.dictionaries(months, counted)),
        ),
        enabled=draw(mostly),
        start_date=draw(st.none() | near),
        end_date=draw(st.none() | near),
        daily_budget_micros=draw(budgets),
        monthly_budget_micros=draw(budgets),
        total_budget_micros=draw(budgets),
        days=draw(st.dictionaries(near, counted, max_size=6)),
        months=draw(st.dictionaries(months, counted)),
        total_micros=draw(counted),
        windows=tuple(draw(some_windows)) if has_windows else (),
        window_calendar=draw(calendars(noon, draw(zones))) if draw(st.booleans()) else calendar,
    )
    return facts, noon


def assert_jumping_is_deciding_every_minute(facts: CampaignFacts, start: datetime, minutes: int) -> None:
    told = [(start, oracle(facts, start))]
    for instant in (start + minute * ONE_MINUTE for minute in range(1, minutes)):
        if (now_told := oracle(facts, instant)) != told[-1][1]:
            told.append((instant, now_told))

    decision = decide(facts, start)
    jumped = [(start, (decision.status.value, [reason.value for reason in decision.reasons]))]
    while (at := decision.next_transition_at) is not None and at < start + minutes * ONE_MINUTE:
        decision = decide(facts, at)
        jumped.append((at, (decision.status.value, [reason.value for reason in decision.reasons])))
    assert jumped == told


@settings(deadline=None, max_examples=400)
@given(situations(), st.integers(-3 * 86_400 * 10**6, 3 * 86_400 * 10**6))
def test_status_and_reasons_are_those_of_the_rule_read_aloud(
    situation: tuple[CampaignFacts, datetime], microseconds: int
) -> None:
    facts, noon = situation
    now = noon + timedelta(microseconds=microseconds)
    decision = decide(facts, now)
    assert (decision.status.value, [reason.value for reason in decision.reasons]) == oracle(facts, now)
    at = decision.next_transition_at
    if at is not None:
        assert at > now
        assert at.tzinfo is UTC
        assert decide(facts, at - TICK).reasons == decision.reasons
        assert decide(facts, at).reasons != decision.reasons


@settings(deadline=None, max_examples=80)
@given(situations())
def test_jumping_from_transition_to_transition_is_deciding_every_minute(
    situation: tuple[CampaignFacts, datetime],
) -> None:
    facts, noon = situation
    assert_jumping_is_deciding_every_minute(facts, noon - 2 * ONE_DAY, 4 * 1440)


@pytest.mark.slow
@settings(deadline=None, max_examples=250)
@given(situations())
def test_jumping_from_transition_to_transition_is_deciding_every_minute_long(
    situation: tuple[CampaignFacts, datetime],
) -> None:
    facts, noon = situation
    assert_jumping_is_deciding_every_minute(facts, noon - 4 * ONE_DAY, 9 * 1440)


YEAR = CampaignFacts(
    brand=BrandFacts(
        is_active=True,
        calendar=Calendar.fixed("UTC"),
        daily_budget_micros=100,
        monthly_budget_micros=1000,
        days={date(2025, 3, 30): 100, date(2025, 10, 26): 100, date(2025, 11, 2): 100, date(2025, 9, 7): 100},
        months={date(2025, 4, 1): 1000, date(2025, 5, 1): 1000, date(2025, 12, 1): 1000},
    ),
    enabled=True,
    start_date=date(2025, 1, 20),
    end_date=date(2025, 12, 24),
    daily_budget_micros=50,
    monthly_budget_micros=None,
    total_budget_micros=5000,
    days={date(2025, 2, 28): 50, date(2025, 3, 1): 50},
    months={},
    total_micros=0,
    windows=(
        Window(None, time(9), time(17)),
        Window(5, time(22), time(3)),
        Window(6, time(1, 30), time(2, 30)),
    ),
    window_calendar=Calendar.fixed("UTC"),
)


@pytest.mark.slow
@pytest.mark.once
@pytest.mark.parametrize("zone", [zone for zone, _ in BUSY_DAYS])
def test_a_year_of_jumps_is_a_year_of_minutes(zone: str) -> None:
    calendar = Calendar.fixed(zone)
    facts = YEAR._replace(brand=replace(YEAR.brand, calendar=calendar), window_calendar=calendar)
    assert_jumping_is_deciding_every_minute(facts, datetime(2025, 1, 1, tzinfo=UTC), 365 * 1440)

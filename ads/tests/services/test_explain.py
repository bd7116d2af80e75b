"""Why a campaign does not run, and why it did not run then: from what was known at that moment."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from freezegun import freeze_time

from ads.actor import acting_as
from ads.models import Brand, Campaign, Cause, DaypartingSchedule, Kind, PeriodKind
from ads.rules.dayparting import Window
from ads.rules.serving import Reason, Status
from ads.services import BudgetService, CampaignService, enforcement, periods
from ads.services.as_of import NotKnownThen, Switch
from ads.services.explain import Explanation, FlightLevel, LimitLevel, SwitchLevel, WindowLevel, explain
from ads.services.standings import Standing
from ads.tests.factories import BrandFactory, CampaignFactory, DaypartingScheduleFactory
from ads.tests.moments import NOON

pytestmark = pytest.mark.django_db

ONE = 1_000_000
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LATER = NOON + 2 * DAY


@pytest.fixture
def campaign() -> Campaign:
    """Of Acme: 100.00 a day and 2,000.00 a month, in UTC; made a day before noon."""
    with freeze_time(NOON - DAY):
        return CampaignFactory.create(brand=BrandFactory.create(name="Acme"), name="Summer Sale")


def spend(campaign: Campaign, amount: int | str, at: datetime = NOON, **options: object) -> None:
    with freeze_time(at):
        BudgetService.record_spend(campaign, Decimal(amount), **options)  # type: ignore[arg-type]


def limit(explanation: Explanation, reason: Reason) -> LimitLevel:
    level = explanation.level(reason)
    assert isinstance(level, LimitLevel)
    return level


def window(explanation: Explanation) -> WindowLevel:
    level = explanation.level(Reason.OUTSIDE_DAYPARTING)
    assert isinstance(level, WindowLevel)
    return level


def switch(explanation: Explanation, reason: Reason) -> Switch:
    level = explanation.level(reason)
    assert isinstance(level, SwitchLevel)
    return level.switch


def reasons_at(campaign: Campaign, at: datetime) -> tuple[Reason, ...]:
    return explain(campaign, at=at, now=LATER).decision.reasons


# Now


def test_every_level_is_told_in_the_order_of_the_rule(campaign: Campaign) -> None:
    explanation = explain(campaign, now=NOON)
    assert [level.reason for level in explanation.levels] == list(Reason)
    assert [level.stands for level in explanation.levels] == [False] * 10
    assert (explanation.campaign, explanation.brand, explanation.currency) == ("Summer Sale", "Acme", "USD")
    assert (explanation.at, explanation.zone) == (NOON, "UTC")


def test_a_limit_is_told_with_what_was_spent_waived_counts_and_remains(campaign: Campaign) -> None:
    spend(campaign, 40)
    with freeze_time(NOON):
        BudgetService.reset_budgets()
    spend(campaign, "120.50")
    explanation = explain(campaign, now=NOON)
    level = limit(explanation, Reason.BRAND_DAILY)
    assert (level.stands, level.kind, level.starts_on) == (True, PeriodKind.DAY, date(2026, 3, 10))
    assert level.standing == Standing(160_500_000, 40 * ONE, 100 * ONE)
    assert (level.standing.counted, level.standing.remaining) == (120_500_000, -20_500_000)
    month = limit(explanation, Reason.BRAND_MONTHLY)
    assert (month.stands, month.starts_on, month.standing) == (
        False,
        date(2026, 3, 1),
        Standing(160_500_000, 0, 2000 * ONE),
    )


def test_what_a_campaign_without_budgets_has_spent_is_told_too(campaign: Campaign) -> None:
    spend(campaign, 7)
    spend(campaign, 5, occurred_at=NOON - 40 * DAY)
    explanation = explain(campaign, now=NOON)
    assert limit(explanation, Reason.CAMPAIGN_DAILY).standing == Standing(7 * ONE, 0, None)
    assert limit(explanation, Reason.CAMPAIGN_MONTHLY).standing == Standing(7 * ONE, 0, None)
    assert limit(explanation, Reason.CAMPAIGN_TOTAL).standing == Standing(12 * ONE, 0, None)


def test_a_campaigns_own_budgets_stand_against_it(campaign: Campaign) -> None:
    with freeze_time(NOON):
        Campaign.objects.update(
            daily_budget_micros=ONE, monthly_budget_micros=2 * ONE, total_budget_micros=3 * ONE
        )
    spend(campaign, 3)
    assert explain(campaign, now=NOON).decision.reasons == (
        Reason.CAMPAIGN_DAILY,
        Reason.CAMPAIGN_MONTHLY,
        Reason.CAMPAIGN_TOTAL,
    )


def test_a_window_is_told_with_the_clock_and_the_zone_where_it_rules(campaign: Campaign) -> None:
    with freeze_time(NOON):
        DaypartingScheduleFactory.create(campaign=campaign, day_of_week=1, timezone="America/New_York")
    explanation = explain(campaign, now=NOON)
    level = window(explanation)
    assert (level.stands, level.zone) == (True, "America/New_York")
    assert level.windows == (Window(1, time(9), time(17)),)
    assert (level.wall_clock.hour, level.wall_clock.minute) == (8, 0)
    assert level.toggles_at == NOON + HOUR == explanation.decision.next_transition_at


def test_the_flight_is_told_beside_the_brands_today(campaign: Campaign) -> None:
    with freeze_time(NOON):
        Brand.objects.get().save()
        Campaign.objects.update(start_date=date(2026, 3, 11), end_date=date(2026, 3, 12))
    levels = {level.reason: level for level in explain(campaign, now=NOON).levels}
    today = date(2026, 3, 10)
    assert levels[Reason.FLIGHT_NOT_STARTED] == FlightLevel(
        Reason.FLIGHT_NOT_STARTED, True, date(2026, 3, 11), today
    )
    assert levels[Reason.FLIGHT_ENDED] == FlightLevel(Reason.FLIGHT_ENDED, False, date(2026, 3, 12), today)


def test_who_switched_a_campaign_off_and_when_is_told_from_the_history(campaign: Campaign) -> None:
    user = User.objects.create_user("ann")
    with freeze_time(NOON - HOUR):
        CampaignService.switch_off(campaign, by=user)
    with freeze_time(NOON):
        Campaign.objects.update(daily_budget_micros=5)
    assert switch(explain(campaign, now=NOON), Reason.SWITCHED_OFF) == Switch(False, NOON - HOUR, "ann")


def test_a_command_that_switched_it_off_is_told_from_the_status_change(campaign: Campaign) -> None:
    with freeze_time(NOON):
        CampaignService.switch_off(campaign, by="command line (root)")
    told = switch(explain(campaign, now=NOON), Reason.SWITCHED_OFF)
    assert (told.off_since, told.by) == (NOON, "command line (root)")


def test_an_archived_campaign_says_since_when(campaign: Campaign) -> None:
    with freeze_time(NOON):
        CampaignService.archive(campaign, by="ann")
    assert switch(explain(campaign, now=NOON), Reason.SWITCHED_OFF) == Switch(False, NOON, "ann", NOON)


def test_a_brand_switched_off_and_on_again_counts_from_the_last_time(campaign: Campaign) -> None:
    brand = Brand.objects.get()
    for hours, is_active in ((3, False), (2, True), (1, False)):
        with freeze_time(NOON - hours * HOUR), acting_as("ann"):
            brand.is_active = is_active
            brand.save()
    told = explain(campaign, now=NOON)
    assert switch(told, Reason.BRAND_INACTIVE) == Switch(False, NOON - HOUR, "ann")
    assert switch(told, Reason.SWITCHED_OFF) == Switch(True)


def test_live_it_is_what_the_rule_says_whatever_is_stored(campaign: Campaign) -> None:
    spend(campaign, 100)
    tomorrow = NOON + DAY
    explanation = explain(campaign, now=tomorrow)
    assert explanation.decision == CampaignService.decide_now(campaign, now=tomorrow)
    assert (explanation.decision.status, explanation.stored.status) == (Status.ACTIVE, Status.PAUSED)
    assert explanation.stored.since == NOON


def test_a_stale_instance_is_explained_as_it_is_stored(campaign: Campaign) -> None:
    stale = Campaign.objects.get()
    with freeze_time(NOON):
        CampaignService.switch_off(campaign)
    assert explain(stale, now=NOON).stored.status == Status.INACTIVE


def test_the_last_ten_changes_are_told_oldest_first(campaign: Campaign) -> None:
    for minute in range(12):
        with freeze_time(NOON + minute * MINUTE), acting_as("ann"):
            Campaign.objects.update(enabled=bool(minute % 2))
    changes = explain(campaign, now=LATER).changes
    assert [change.at for change in changes] == [NOON + minute * MINUTE for minute in range(2, 12)]
    last = changes[-1]
    assert (last.from_status, last.from_reasons) == (Status.INACTIVE, (Reason.SWITCHED_OFF,))
    assert (last.to_status, last.reasons, last.cause, last.by) == (Status.ACTIVE, (), Cause.SETTINGS, "ann")


def test_it_writes_nothing(campaign: Campaign) -> None:
    spend(campaign, 100)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        explain(campaign, now=NOON)
        explain(campaign, at=NOON, now=LATER)
    assert {query["sql"].split()[0] for query in queries} == {"SELECT"}


# Then


def test_budgets_count_as_they_were_then(campaign: Campaign) -> None:
    brand = Brand.objects.get()
    spend(campaign, 100)
    with freeze_time(NOON + HOUR):
        brand.daily_budget = Decimal(150)
        brand.save()
    assert reasons_at(campaign, NOON - MINUTE) == ()
    assert reasons_at(campaign, NOON + MINUTE) == (Reason.BRAND_DAILY,)
    assert reasons_at(campaign, NOON + HOUR + MINUTE) == ()
    then = limit(explain(campaign, at=NOON + MINUTE, now=LATER), Reason.BRAND_DAILY)
    assert then.standing == Standing(100 * ONE, 0, 100 * ONE)


def test_spend_recorded_later_did_not_count_yet(campaign: Campaign) -> None:
    spend(campaign, 60)
    spend(campaign, 60, NOON + HOUR, occurred_at=NOON - HOUR)
    before = explain(campaign, at=NOON + MINUTE, now=LATER)
    assert limit(before, Reason.BRAND_DAILY).standing == Standing(60 * ONE, 0, 100 * ONE)
    assert before.decision.status == Status.ACTIVE
    after = explain(campaign, at=NOON + HOUR, now=LATER)
    assert limit(after, Reason.BRAND_DAILY).standing == Standing(120 * ONE, 0, 100 * ONE)
    assert after.decision.reasons == after.stored.reasons == (Reason.BRAND_DAILY,)


def test_a_waiver_counts_from_its_moment_on(campaign: Campaign) -> None:
    spend(campaign, 120)
    with freeze_time(NOON + HOUR):
        BudgetService.reset_budgets(daily=True, monthly=True)
    then = explain(campaign, at=NOON + HOUR - MINUTE, now=LATER)
    assert limit(then, Reason.BRAND_DAILY).standing == Standing(120 * ONE, 0, 100 * ONE)
    now = explain(campaign, at=NOON + HOUR, now=LATER)
    assert limit(now, Reason.BRAND_DAILY).standing == Standing(120 * ONE, 120 * ONE, 100 * ONE)
    assert limit(now, Reason.BRAND_MONTHLY).standing == Standing(120 * ONE, 120 * ONE, 2000 * ONE)
    assert limit(now, Reason.CAMPAIGN_DAILY).standing == Standing(120 * ONE, 120 * ONE, None)
    assert limit(now, Reason.CAMPAIGN_TOTAL).standing == Standing(120 * ONE, 0, None)


def test_spend_of_other_campaigns_counts_for_the_brand_alone(campaign: Campaign) -> None:
    sister = CampaignFactory.create(brand=campaign.brand)
    spend(sister, 100)
    spend(CampaignFactory.create(), 5)
    then = explain(campaign, at=NOON + MINUTE, now=LATER)
    assert limit(then, Reason.BRAND_DAILY).standing.spent == 100 * ONE
    assert limit(then, Reason.CAMPAIGN_TOTAL).standing.spent == 0


def test_windows_rule_as_they_were_then(campaign: Campaign) -> None:
    with freeze_time(NOON):
        evening = DaypartingScheduleFactory.create(campaign=campaign, start_time=time(18), end_time=time(20))
    with freeze_time(NOON + HOUR):
        evening.start_time = time(11)
        evening.save()
    with freeze_time(NOON + 2 * HOUR):
        evening.delete()
        DaypartingScheduleFactory.create(
            campaign=campaign, start_time=time(1), end_time=time(2), timezone="Asia/Tokyo"
        )
    assert reasons_at(campaign, NOON - MINUTE) == ()
    assert reasons_at(campaign, NOON + MINUTE) == (Reason.OUTSIDE_DAYPARTING,)
    assert reasons_at(campaign, NOON + HOUR) == ()
    last = window(explain(campaign, at=NOON + 3 * HOUR, now=LATER))
    assert (last.windows, last.zone) == ((Window(None, time(1), time(2)),), "Asia/Tokyo")


def test_a_window_deleted_in_bulk_was_open_until_then(campaign: Campaign) -> None:
    with freeze_time(NOON):
        DaypartingScheduleFactory.create(campaign=campaign, start_time=time(18), end_time=time(20))
    with freeze_time(NOON + HOUR):
        DaypartingSchedule.objects.all().delete()
    assert reasons_at(campaign, NOON + MINUTE) == (Reason.OUTSIDE_DAYPARTING,)
    assert reasons_at(campaign, NOON + HOUR) == ()


def test_a_switch_is_as_it_was_then_and_names_its_person(campaign: Campaign) -> None:
    user = User.objects.create_user("ann")
    with freeze_time(NOON):
        CampaignService.switch_off(campaign, by=user)
    with freeze_time(NOON + HOUR):
        CampaignService.switch_on(campaign, by=user)
    assert switch(explain(campaign, at=NOON - MINUTE, now=LATER), Reason.SWITCHED_OFF) == Switch(True)
    assert switch(explain(campaign, at=NOON + MINUTE, now=LATER), Reason.SWITCHED_OFF) == Switch(
        False, NOON, "ann"
    )
    assert switch(explain(campaign, at=LATER, now=LATER), Reason.SWITCHED_OFF) == Switch(True)


def test_a_flight_is_as_it_was_planned_then(campaign: Campaign) -> None:
    with freeze_time(NOON):
        Campaign.objects.update(end_date=date(2026, 3, 9))
    with freeze_time(NOON + HOUR):
        Campaign.objects.update(end_date=date(2026, 3, 20))
    then = explain(campaign, at=NOON + MINUTE, now=LATER).decision
    assert (then.status, then.reasons) == (Status.COMPLETED, (Reason.FLIGHT_ENDED,))
    assert reasons_at(campaign, NOON + HOUR) == ()


def test_a_change_of_zone_still_to_come_was_known_from_when_it_was_made(campaign: Campaign) -> None:
    brand = Brand.objects.get()
    spend(campaign, 100)
    with freeze_time(NOON + HOUR):
        brand.timezone = "Asia/Tokyo"  # rules from 11 March, 00:00 in Tokyo
        brand.save()
    before = explain(campaign, at=NOON + MINUTE, now=LATER)
    pending = explain(campaign, at=NOON + 2 * HOUR, now=LATER)
    assert [span.zone.key for span in before.calendar.spans] == ["UTC"]
    assert [span.zone.key for span in pending.calendar.spans] == ["UTC", "Asia/Tokyo"]
    assert pending.calendar == Brand.objects.get().calendar
    assert before.decision.next_transition_at == datetime(2026, 3, 11, tzinfo=UTC)
    assert pending.decision.next_transition_at == datetime(2026, 3, 10, 15, tzinfo=UTC)
    assert explain(campaign, at=LATER, now=LATER).zone == "Asia/Tokyo"


def test_a_change_of_zone_taken_back_before_it_came_was_pending_in_between(campaign: Campaign) -> None:
    brand = Brand.objects.get()
    for hours, zone in ((0, "Asia/Tokyo"), (2, "")):
        with freeze_time(NOON + hours * HOUR):
            brand.timezone = zone
            brand.save()
    in_between = explain(campaign, at=NOON + HOUR, now=LATER)
    after = explain(campaign, at=NOON + 3 * HOUR, now=LATER)
    assert [(span.first_day, span.zone.key) for span in in_between.calendar.spans[1:]] == [
        (date(2026, 3, 11), "Asia/Tokyo")
    ]
    assert [span.zone.key for span in after.calendar.spans] == ["UTC"]


def test_what_was_stored_is_the_last_change_before(campaign: Campaign) -> None:
    spend(campaign, 100)
    with freeze_time(NOON + DAY):
        periods.rollover(NOON + DAY)
    missed = explain(campaign, at=NOON + DAY - HOUR, now=LATER)
    assert (missed.decision.status, missed.stored.status, missed.stored.since) == (
        Status.ACTIVE,
        Status.PAUSED,
        NOON,
    )
    assert explain(campaign, at=NOON, now=LATER).stored.reasons == (Reason.BRAND_DAILY,)


def test_before_the_first_change_it_was_what_that_one_found(campaign: Campaign) -> None:
    spend(campaign, 100)
    stored = explain(campaign, at=NOON - HOUR, now=LATER).stored
    assert (stored.status, stored.reasons, stored.since) == (Status.ACTIVE, (), None)


def test_without_any_change_it_is_what_it_still_is(campaign: Campaign) -> None:
    stored = explain(campaign, at=NOON, now=LATER).stored
    assert (stored.status, stored.reasons) == (Status.ACTIVE, ())


def test_the_changes_on_both_sides_of_the_moment_are_told(campaign: Campaign) -> None:
    for minute in range(14):
        with freeze_time(NOON + minute * MINUTE):
            Campaign.objects.update(enabled=bool(minute % 2))
    changes = explain(campaign, at=NOON + 6 * MINUTE, now=LATER).changes
    assert [change.at for change in changes] == [NOON + minute * MINUTE for minute in range(2, 12)]


def test_a_moment_before_the_campaign_or_still_to_come_is_refused(campaign: Campaign) -> None:
    with pytest.raises(NotKnownThen, match="Summer Sale was not there yet"):
        explain(campaign, at=NOON - 2 * DAY, now=NOON)
    with pytest.raises(NotKnownThen, match="still to come"):
        explain(campaign, at=NOON + MINUTE, now=NOON)


def test_a_moment_without_a_zone_is_refused_by_name(campaign: Campaign) -> None:
    with pytest.raises(ValueError, match=r"^at: "):
        explain(campaign, at=datetime(2026, 3, 10, 12), now=NOON)  # noqa: DTZ001


@pytest.mark.parametrize("at", [None, NOON + MINUTE])
def test_history_does_not_add_queries(campaign: Campaign, at: datetime | None) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            explain(campaign, at=at, now=LATER)
        return len(queries)

    with freeze_time(NOON):
        CampaignService.switch_off(campaign, by="ann")
    few = count()
    for minute in range(20):
        spend(campaign, 30, NOON - minute * HOUR, occurred_at=NOON - minute * DAY)
    with freeze_time(NOON):
        for number in range(4):
            Campaign.objects.update(daily_budget_micros=number)
            DaypartingScheduleFactory.create(campaign=campaign, day_of_week=number)
        BudgetService.reset_budgets(daily=True, monthly=True)
    assert count() == few <= 13


def test_at_each_change_of_a_day_of_all_sorts_it_is_what_was_decided(campaign: Campaign) -> None:
    brand = Brand.objects.get()
    with freeze_time(NOON):
        DaypartingScheduleFactory.create(campaign=campaign, start_time=time(9), end_time=time(14))
        enforcement.sweep(NOON)
    spend(campaign, 90)
    spend(campaign, 20, NOON + HOUR)
    with freeze_time(NOON + 90 * MINUTE):
        BudgetService.reset_budgets(daily=True)
    with freeze_time(NOON + 100 * MINUTE):
        brand.monthly_budget = Decimal(110)
        brand.save()
    enforcement.tick(NOON + 2 * HOUR + 10 * timedelta(seconds=1))
    spend(campaign, "-5", NOON + 3 * HOUR, kind=Kind.REFUND)
    with freeze_time(NOON + 4 * HOUR):
        CampaignService.archive(campaign)
    changes = list(campaign.status_changes.order_by("pk"))
    assert len(changes) == 6
    for change in changes:
        then = explain(campaign, at=change.at, now=LATER)
        assert (then.decision.status, then.decision.reasons) == (change.to_status, change.reasons)

"""What is looked at every minute: raised once while it holds, ended by itself, and then armed again."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from freezegun import freeze_time

from ads.models import Alert, AlertRule, Brand, Campaign, QuarantinedSpend
from ads.services import BudgetService, CampaignService, alert_checks, alerts, enforcement, ingest, release
from ads.services.records import SpendEvent
from ads.tests.factories import BrandFactory, CampaignFactory, DaypartingScheduleFactory
from ads.tests.moments import NOON

pytestmark = pytest.mark.django_db

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def unlimited() -> Campaign:
    """Runs since 1 March, at noon, for a brand that has no budget."""
    with freeze_time(NOON - 9 * DAY):
        return CampaignFactory.create(
            name="Sale", brand__name="Acme", brand__daily_budget=None, brand__monthly_budget=None
        )


def spend(campaign: Campaign, amount: int | str, at: datetime) -> None:
    BudgetService.record_spend(campaign, Decimal(amount), occurred_at=at, now=at)


def spend_every_day(campaign: Campaign, amount: int, *, days: int = 9) -> None:
    for ago in range(days, 0, -1):
        spend(campaign, amount, NOON - ago * DAY)


def check(now: datetime) -> tuple[int, int]:
    """Runs it three times: the second and third do nothing."""
    settled = alert_checks.check(now)
    for _ in range(2):
        assert alert_checks.check(now) == alerts.Settled(0, 0)
    return settled.raised, settled.ended


def going_on(kind: str) -> list[Alert]:
    return list(Alert.objects.filter(kind=kind, ended_at=None).order_by("pk"))


def only(*kinds: str) -> None:
    AlertRule.objects.exclude(kind__in=kinds).update(is_active=False)


class TestProjection:
    @pytest.fixture
    def campaign(self, unlimited: Campaign) -> Campaign:
        """Its brand has 2,000.00 for March."""
        only("PROJECTION")
        Brand.objects.filter(pk=unlimited.brand_id).update(monthly_budget_micros=2_000_000_000)
        return unlimited

    @pytest.mark.parametrize(("a_day", "projected"), [(100, 3050), (20, 610)])
    def test_over_or_under_by_more_than_the_rule_says(
        self, campaign: Campaign, a_day: int, projected: int
    ) -> None:
        spend_every_day(campaign, a_day)
        assert check(NOON) == (1, 0)
        (alert,) = going_on("PROJECTION")
        assert alert.facts == {"projected_micros": projected * 10**6}
        assert (alert.spent, alert.budget) == (Decimal(9 * a_day), Decimal(2000))
        assert (alert.period_kind, alert.campaign) == ("MONTH", None)

    def test_nothing_while_it_is_on_course_or_by_less(self, campaign: Campaign) -> None:
        spend_every_day(campaign, 75)  # 2,287.50: 14 %
        assert check(NOON) == (0, 0)

    def test_nothing_in_the_first_three_days(self, campaign: Campaign) -> None:
        with freeze_time(NOON - 20 * DAY):
            for ago in range(20, 8, -1):
                spend(campaign, 200, NOON - ago * DAY)
        assert check(NOON - 8 * DAY) == (0, 0)
        assert check(NOON - 6 * DAY) == (1, 0)

    def test_it_ends_by_itself_and_may_come_again(self, campaign: Campaign) -> None:
        spend_every_day(campaign, 100)
        check(NOON)
        Brand.objects.filter(pk=campaign.brand_id).update(monthly_budget_micros=3_000_000_000)
        assert check(NOON + HOUR) == (0, 1)
        ended = Alert.objects.get()
        assert (ended.ended_at, ended.resolved_at, ended.resolved_by) == (NOON + HOUR, NOON + HOUR, "")
        Brand.objects.filter(pk=campaign.brand_id).update(monthly_budget_micros=2_000_000_000)
        assert check(NOON + 2 * HOUR) == (1, 0)
        assert Alert.objects.count() == 2

    def test_one_that_wavers_about_the_mark_is_told_once(self, campaign: Campaign) -> None:
        spend_every_day(campaign, 80)  # 2,440.00: 22 %
        check(NOON)
        Brand.objects.filter(pk=campaign.brand_id).update(monthly_budget_micros=2_050_000_000)  # 19 %
        assert check(NOON) == (0, 0)
        Brand.objects.filter(pk=campaign.brand_id).update(monthly_budget_micros=2_100_000_000)  # 16 %
        assert check(NOON) == (0, 1)

    def test_another_month_is_another_alert(self, campaign: Campaign) -> None:
        spend_every_day(campaign, 100)
        check(NOON)
        april = NOON.replace(month=4)
        for ago in range(8, 0, -1):
            spend(campaign, 100, april - ago * DAY)
        assert check(april) == (1, 1)

    def test_who_resolves_it_is_not_told_again_while_it_goes_on(self, campaign: Campaign) -> None:
        spend_every_day(campaign, 100)
        check(NOON)
        alerts.resolve([Alert.objects.get().pk], NOON)
        assert check(NOON + HOUR) == (0, 0)
        Brand.objects.filter(pk=campaign.brand_id).update(monthly_budget_micros=3_000_000_000)
        assert check(NOON + 2 * HOUR) == (0, 1)
        assert Alert.objects.get().resolved_at == NOON

    def test_a_rule_switched_off_ends_what_it_has_raised(self, campaign: Campaign) -> None:
        spend_every_day(campaign, 100)
        check(NOON)
        AlertRule.objects.create(kind="PROJECTION", brand=campaign.brand, percent=20, is_active=False)
        assert check(NOON) == (0, 1)


class TestDeadFeed:
    @pytest.fixture(autouse=True)
    def rules(self, db: None) -> None:
        only("DEAD_FEED")

    def test_after_a_day_of_running_without_a_record(self, unlimited: Campaign) -> None:
        spend(unlimited, 1, NOON)
        assert check(NOON + 24 * HOUR - timedelta(seconds=1)) == (0, 0)
        assert check(NOON + 24 * HOUR) == (1, 0)
        (alert,) = going_on("DEAD_FEED")
        assert alert.facts == {"last_at": NOON.isoformat(), "hours": 24}
        assert (alert.brand, alert.campaign, alert.period_kind) == (unlimited.brand, None, "")
        spend(unlimited, 1, NOON + 30 * HOUR)
        assert check(NOON + 30 * HOUR) == (0, 1)

    def test_a_late_record_shows_that_something_arrives(self, unlimited: Campaign) -> None:
        spend(unlimited, 1, NOON)
        BudgetService.record_spend(unlimited, 1, occurred_at=NOON - 2 * DAY, now=NOON + 20 * HOUR)
        assert check(NOON + 30 * HOUR) == (0, 0)

    def test_only_the_hours_of_running_count(self, unlimited: Campaign) -> None:
        """Open from 09:00 to 17:00: five hours on the 10th, eight on each later day."""
        spend(unlimited, 1, NOON)
        with freeze_time(NOON):
            DaypartingScheduleFactory.create(campaign=unlimited)
        moment, end = NOON, NOON + 10 * DAY
        while moment < end:
            enforcement.tick(moment)
            if alert_checks.check(moment + timedelta(minutes=1)).raised:
                break
            moment += HOUR
        assert moment == NOON.replace(day=13, hour=12)
        enforcement.tick(NOON.replace(day=13, hour=17))
        assert check(NOON.replace(day=13, hour=17)) == (0, 0)  # it stays at night

    def test_not_of_what_people_have_switched_off(self, unlimited: Campaign) -> None:
        spend(unlimited, 1, NOON)
        CampaignService.switch_off(unlimited)
        assert check(NOON + 3 * DAY) == (0, 0)

    def test_of_a_campaign_that_has_a_rule_of_its_own(self, unlimited: Campaign) -> None:
        AlertRule.objects.create(kind="DEAD_FEED", brand=unlimited.brand, campaign=unlimited, hours=6)
        other = CampaignFactory.create(brand=unlimited.brand)
        spend(unlimited, 1, NOON)
        spend(other, 1, NOON + 5 * HOUR)
        assert check(NOON + 6 * HOUR) == (1, 0)
        assert [alert.campaign for alert in going_on("DEAD_FEED")] == [unlimited]


class TestSpendWhileOff:
    def test_of_a_campaign_that_a_person_switched_off(self, unlimited: Campaign) -> None:
        only("SPEND_WHILE_OFF")
        with freeze_time(NOON):
            CampaignService.switch_off(unlimited)
        spend(unlimited, "12.50", NOON + HOUR)
        assert check(NOON + HOUR) == (1, 0)
        (alert,) = going_on("SPEND_WHILE_OFF")
        assert (alert.campaign, alert.spent, alert.period_kind) == (unlimited, Decimal("12.50"), "DAY")
        spend(unlimited, 1, NOON + 2 * HOUR)
        assert check(NOON + 2 * HOUR) == (0, 0)
        assert check(NOON + DAY) == (0, 1)

    def test_not_of_one_that_runs(self, unlimited: Campaign) -> None:
        only("SPEND_WHILE_OFF")
        spend(unlimited, 1, NOON)
        assert check(NOON) == (0, 0)


class TestQuarantine:
    def test_until_nothing_waits_any_more(self, unlimited: Campaign) -> None:
        only("QUARANTINE")
        events = [
            SpendEvent(campaign_id=unlimited.pk, amount_micros=1, currency="EUR", external_id=x) for x in "ab"
        ]
        list(ingest.ingest_events(events, source="feed", now=NOON))
        assert check(NOON) == (1, 0)
        (alert,) = going_on("QUARANTINE")
        assert (alert.brand, alert.facts) == (unlimited.brand, {"records": 2})
        release.dismiss(QuarantinedSpend.objects.values_list("pk", flat=True), now=NOON)
        assert check(NOON) == (0, 1)

    def test_of_no_brand(self, db: None) -> None:
        only("QUARANTINE")
        row = QuarantinedSpend.objects.create(
            identity="0" * 32,
            problem="UNKNOWN_CAMPAIGN",
            reason="?",
            mode="EVENTS",
            source="x",
            received_at=NOON,
        )
        assert check(NOON) == (1, 0)
        assert going_on("QUARANTINE")[0].brand is None
        QuarantinedSpend.objects.filter(pk=row.pk).update(state="DISMISSED", resolved_at=NOON)
        assert check(NOON) == (0, 1)


class TestSpike:
    @pytest.fixture(autouse=True)
    def usual(self, unlimited: Campaign) -> Campaign:
        """10.00 in each hour."""
        only("SPIKE")
        spend_every_day(unlimited, 240)
        return unlimited

    def test_an_hour_above_three_times_the_usual_is_told_once_a_day(self, usual: Campaign) -> None:
        spend(usual, 30, NOON)
        assert check(NOON) == (0, 0)
        spend(usual, "0.01", NOON)
        assert check(NOON) == (1, 0)
        (alert,) = going_on("SPIKE")
        assert alert.facts == {"hour_micros": 30_010_000, "usual_micros": 10_000_000}
        assert check(NOON + 2 * HOUR) == (0, 0)
        assert check(NOON.replace(day=11, hour=0)) == (0, 1)

    def test_what_came_before_the_last_hour_does_not_count(self, usual: Campaign) -> None:
        spend(usual, 30, NOON - HOUR)
        spend(usual, 30, NOON)
        assert check(NOON) == (0, 0)


class TestPeriodsThatAreOver:
    def test_their_alerts_end(self, campaign: Campaign) -> None:
        only("THRESHOLD", "BUDGET_PAUSE")
        spend(campaign, 100, NOON)
        assert check(NOON + 11 * HOUR) == (0, 0)
        assert check(NOON + 12 * HOUR) == (0, 2)


class TestCost:
    def test_the_queries_do_not_grow_with_the_brands(self, db: None) -> None:
        def make() -> None:
            with freeze_time(NOON - 9 * DAY):
                brand = BrandFactory.create(daily_budget=None, monthly_budget=Decimal(2000))
                campaigns = CampaignFactory.create_batch(3, brand=brand)
            AlertRule.objects.create(kind="DEAD_FEED", brand=brand, campaign=campaigns[0], hours=6)
            spend_every_day(campaigns[0], 300)
            with freeze_time(NOON):
                CampaignService.switch_off(campaigns[1])
            spend(campaigns[1], 100, NOON)

        def queries(work: Callable[[], object]) -> int:
            with CaptureQueriesContext(connection) as captured:
                work()
            return len(captured)

        make()
        alert_checks.check(NOON)
        alone = queries(lambda: alert_checks.check(NOON))
        for _ in range(5):
            make()
        alert_checks.check(NOON)
        assert Alert.objects.filter(ended_at=None).count() >= 12
        assert queries(lambda: alert_checks.check(NOON)) == alone

"""New days, missed ones, repeated ones; and resets by people."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from freezegun import freeze_time

from ads.models import Brand, BrandPeriod, BrandQuerySet, Campaign, CampaignPeriod, Kind, SpendLog, Waiver
from ads.rules.serving import Reason, Status
from ads.services import BudgetService, enforcement, ingest, periods, reconcile
from ads.services.records import SpendEvent
from ads.tests.factories import BrandFactory, CampaignFactory
from ads.tests.moments import NOON, brand_day, changes, state

pytestmark = pytest.mark.django_db

ACTIVE = (Status.ACTIVE, ())
MIDNIGHT = datetime(2026, 3, 11, tzinfo=UTC)


def run_schedule(now: datetime) -> None:
    """What the scheduled tasks do, once."""
    periods.rollover(now)
    enforcement.tick(now)
    enforcement.sweep(now)


@pytest.fixture
def spent_out(campaign: Campaign) -> Campaign:
    """Paused at noon: the brand's 100.00 of 10 March are spent."""
    periods.rollover(NOON)
    with freeze_time(NOON):
        campaign.save()
        BudgetService.record_spend(campaign, 100)
    return campaign


class TestRollover:
    def test_a_new_day_is_another_row_and_resumes_what_may_run(self, spent_out: Campaign) -> None:
        done = periods.rollover(MIDNIGHT)
        assert (done.brands, done.campaigns.resumed) == (1, 1)
        assert state(spent_out) == ACTIVE
        days = BrandPeriod.objects.filter(kind="DAY").order_by("starts_on")
        assert [(day.starts_on, day.spent, day.budget, day.closed_at) for day in days] == [
            (date(2026, 3, 10), Decimal(100), Decimal(100), MIDNIGHT),
            (date(2026, 3, 11), Decimal(0), Decimal(100), None),
        ]
        assert CampaignPeriod.objects.get(kind="DAY").closed_at == MIDNIGHT
        assert CampaignPeriod.objects.get(kind="MONTH").closed_at is None
        assert changes(spent_out)[-1] == "PAUSED>ACTIVE - ROLLOVER"

    def test_running_it_0_1_or_10_times_gives_the_same_state(self, spent_out: Campaign) -> None:
        enforcement.tick(MIDNIGHT)  # without any rollover
        assert state(spent_out) == ACTIVE
        for _ in range(10):
            periods.rollover(MIDNIGHT + timedelta(minutes=1))
        assert state(spent_out) == ACTIVE
        assert changes(spent_out) == ["ACTIVE>PAUSED BRAND_DAILY SPEND", "PAUSED>ACTIVE - CLOCK"]
        assert BrandPeriod.objects.filter(kind="DAY").count() == 2

    @pytest.mark.parametrize("missed", [timedelta(hours=3), timedelta(days=3)], ids=["3 hours", "3 days"])
    def test_a_missed_midnight_loses_and_wipes_nothing(self, spent_out: Campaign, missed: timedelta) -> None:
        late = MIDNIGHT + missed
        with freeze_time(MIDNIGHT + timedelta(minutes=30)):
            BudgetService.record_spend(spent_out, 7)  # while nothing was running
        run_schedule(late)
        assert state(spent_out) == ACTIVE
        assert brand_day(spent_out.brand, date(2026, 3, 10)) == 100
        assert brand_day(spent_out.brand, date(2026, 3, 11)) == 7
        opened = (
            BrandPeriod.objects.filter(kind="DAY").order_by("starts_on").values_list("starts_on", flat=True)
        )
        assert list(opened) == [
            date(2026, 3, 10) + timedelta(days=number) for number in range(missed.days + 2)
        ]
        assert reconcile.reconcile(late).differences == []

    def test_a_missed_first_of_the_month_opens_the_month_and_resumes(self) -> None:
        with freeze_time("2026-01-31 12:00"):
            campaign = CampaignFactory.create(brand__daily_budget=None, brand__monthly_budget=Decimal(50))
            periods.rollover(datetime(2026, 1, 31, 12, tzinfo=UTC))
            BudgetService.record_spend(campaign, 60)
        assert state(campaign) == (Status.PAUSED, (Reason.BRAND_MONTHLY,))
        run_schedule(datetime(2026, 2, 3, 4, tzinfo=UTC))
        assert state(campaign) == ACTIVE
        months = BrandPeriod.objects.filter(kind="MONTH").order_by("starts_on")
        assert [(month.starts_on, month.spent, month.closed_at is None) for month in months] == [
            (date(2026, 1, 1), Decimal(60), False),
            (date(2026, 2, 1), Decimal(0), True),
        ]

    def test_a_closed_day_keeps_its_budget_and_an_open_one_follows_edits(self, spent_out: Campaign) -> None:
        with freeze_time(MIDNIGHT + timedelta(hours=1)):
            periods.rollover(MIDNIGHT)
            Brand.objects.update(daily_budget_micros=70_000_000)
        days = BrandPeriod.objects.filter(kind="DAY").order_by("starts_on")
        assert [day.budget for day in days] == [100, 70]

    def test_an_edit_after_a_months_end_does_not_reach_back_into_it(self, spent_out: Campaign) -> None:
        april = datetime(2026, 4, 2, tzinfo=UTC)
        with freeze_time(april):  # the rollover was missed
            Brand.objects.update(monthly_budget_micros=9_000_000)
        periods.rollover(april)
        months = BrandPeriod.objects.filter(kind="MONTH").order_by("starts_on")
        assert [month.budget for month in months] == [2000, 9]

    def test_a_day_first_seen_after_its_end_is_closed_from_the_start(self, spent_out: Campaign) -> None:
        with freeze_time(MIDNIGHT + timedelta(hours=2)):
            BudgetService.record_spend(spent_out, 5, occurred_at=NOON - timedelta(days=3))
        day = BrandPeriod.objects.get(kind="DAY", starts_on=date(2026, 3, 7))
        assert (day.spent, day.budget) == (Decimal(5), Decimal(100))
        assert day.closed_at == MIDNIGHT + timedelta(hours=2)
        assert BrandPeriod.objects.get(kind="MONTH").closed_at is None

    def test_late_spend_adds_to_a_closed_day(self, spent_out: Campaign) -> None:
        periods.rollover(MIDNIGHT)
        with freeze_time(MIDNIGHT + timedelta(hours=2)):
            BudgetService.record_spend(spent_out, 5, occurred_at=NOON)
        assert brand_day(spent_out.brand, NOON.date()) == 105
        assert state(spent_out) == ACTIVE

    def test_a_sweep_that_waited_over_midnight_decides_for_the_new_day(
        self, spent_out: Campaign, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lock = BrandQuerySet.lock
        Campaign._base_manager.update(reason_codes="BRAND_MONTHLY")  # what is right is not locked
        with freeze_time(MIDNIGHT - timedelta(seconds=1)) as frozen:

            def wait_for_the_lock(queryset: BrandQuerySet, brand_ids: set[int], **how: bool) -> list[Brand]:
                frozen.tick(timedelta(seconds=2))
                return lock(queryset, brand_ids, **how)

            monkeypatch.setattr(BrandQuerySet, "lock", wait_for_the_lock)
            enforcement.sweep(MIDNIGHT - timedelta(seconds=1))
        assert state(spent_out) == ACTIVE

    def test_a_long_ingest_decides_for_the_moment_it_has_come_to(
        self, spent_out: Campaign, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ingest, "SLICE", 1)
        with freeze_time(MIDNIGHT - timedelta(seconds=1)) as frozen:
            events = [
                SpendEvent(campaign_id=spent_out.pk, amount_micros=amount, kind=kind, occurred_at=NOON)
                for amount, kind in ((1, Kind.SPEND), (-90_000_000, Kind.REFUND))
            ]
            answers = ingest.ingest_events(events, source="api", now=MIDNIGHT - timedelta(seconds=1))
            next(answers)
            frozen.tick(timedelta(seconds=2))
            BudgetService.record_spend(spent_out, 100)  # the new day's
            assert state(spent_out)[0] == Status.PAUSED
            assert [answer.booked_micros for answer in answers] == [-90_000_000]
        assert state(spent_out) == (Status.PAUSED, (Reason.BRAND_DAILY,))

    def test_only_brands_that_entered_a_new_day_are_touched(self) -> None:
        tokyo, utc = BrandFactory.create(timezone="Asia/Tokyo"), BrandFactory.create()
        periods.rollover(NOON)
        assert periods.rollover(NOON + timedelta(hours=3)).brands == 1  # midnight in Tokyo
        tokyo.refresh_from_db()
        utc.refresh_from_db()
        assert (tokyo.opened_on, utc.opened_on) == (date(2026, 3, 11), date(2026, 3, 10))


class TestReset:
    @freeze_time(NOON)
    def test_a_reset_at_noon_waives_what_was_spent_and_keeps_the_ledger(self, spent_out: Campaign) -> None:
        result = BudgetService.reset_budgets(by="ann")
        assert [str(waiver) for waiver in result.waivers] == [
            "100.00 of day 2026-03-10 waived",
            "100.00 of day 2026-03-10 waived",
        ]
        assert [change.sentence for change in result.changes] == [
            "Resuming campaign Summer Sale (Acme): nothing stands against it"
        ]
        assert state(spent_out) == ACTIVE
        assert brand_day(spent_out.brand, NOON.date()) == 100
        assert SpendLog.objects.count() == 1
        assert set(Waiver.objects.values_list("by", flat=True)) == {"ann"}
        BudgetService.record_spend(spent_out, Decimal("99.99"))
        assert state(spent_out) == ACTIVE
        BudgetService.record_spend(spent_out, Decimal("0.01"))
        assert state(spent_out) == (Status.PAUSED, (Reason.BRAND_DAILY,))

    @freeze_time(NOON)
    def test_a_doubled_reset_waives_nothing_more(self, spent_out: Campaign) -> None:
        BudgetService.reset_budgets(by="ann")
        again = BudgetService.reset_budgets(by="ann")
        assert again.waivers == []
        assert again.changes == []
        assert Waiver.objects.count() == 2

    @freeze_time(NOON)
    def test_it_asks_as_often_for_many_brands_as_for_one(self) -> None:
        def asked(brands: int) -> int:
            chosen = BrandFactory.create_batch(brands)
            for brand in chosen:
                for campaign in CampaignFactory.create_batch(2, brand=brand):
                    BudgetService.record_spend(campaign, 60)
            with CaptureQueriesContext(connection) as queries:
                result = BudgetService.reset_budgets(brands=chosen, daily=True)
            assert [waiver.campaign_id is None for waiver in result.waivers] == [True, False, False] * brands
            assert {waiver.amount for waiver in result.waivers} == {60, 120}
            assert len(result.changes) == 2 * brands
            return len(queries)

        asked(1)  # fills the caches
        assert asked(1) == asked(7)

    @freeze_time(NOON)
    def test_a_dry_run_tells_the_same_and_changes_nothing(self, spent_out: Campaign) -> None:
        result = BudgetService.reset_budgets(dry_run=True, by="ann")
        assert len(result.waivers) == 2
        assert len(result.changes) == 1
        assert state(spent_out) == (Status.PAUSED, (Reason.BRAND_DAILY,))
        assert not Waiver.objects.exists()

    @pytest.mark.parametrize(
        ("now", "asked", "kinds"),
        [
            ("2026-03-10 12:00", {}, {"DAY"}),
            ("2026-03-01 12:00", {}, {"DAY", "MONTH"}),
            ("2026-03-01 12:00", {"daily": True}, {"DAY"}),
            ("2026-03-10 12:00", {"monthly": True}, {"MONTH"}),
            ("2026-03-10 12:00", {"daily": True, "monthly": True}, {"DAY", "MONTH"}),
        ],
    )
    def test_the_day_and_on_the_first_the_month_or_what_is_asked_for(
        self, campaign: Campaign, now: str, asked: dict[str, bool], kinds: set[str]
    ) -> None:
        with freeze_time(now):
            BudgetService.record_spend(campaign, 10)
            result = BudgetService.reset_budgets(by="ann", **asked)  # type: ignore[arg-type]
        assert {waiver.kind for waiver in result.waivers} == kinds

    @freeze_time(NOON)
    def test_one_campaign_alone_or_one_brand_with_all_its_campaigns(self, spent_out: Campaign) -> None:
        other = CampaignFactory.create(daily_budget=Decimal(5))
        BudgetService.record_spend(other, 5)
        BudgetService.reset_budgets(campaign=other, by="ann")
        assert state(other) == ACTIVE
        assert [waiver.campaign for waiver in Waiver.objects.all()] == [other]
        BudgetService.reset_budgets(brands=[spent_out.brand], by="ann")
        assert state(spent_out) == ACTIVE
        assert Waiver.objects.filter(brand=other.brand, campaign=None).count() == 0

    @freeze_time(NOON)
    def test_a_total_budget_is_never_waived(self) -> None:
        campaign = CampaignFactory.create(total_budget=Decimal(5))
        BudgetService.record_spend(campaign, 5)
        BudgetService.reset_budgets(daily=True, monthly=True, by="ann")
        assert state(campaign) == (Status.PAUSED, (Reason.CAMPAIGN_TOTAL,))

    @freeze_time(NOON)
    def test_a_refund_after_a_reset_counts_signed_and_the_next_reset_waives_less(
        self, spent_out: Campaign
    ) -> None:
        BudgetService.reset_budgets(by="ann")
        BudgetService.reverse_spend(SpendLog.objects.get(), "wrong")
        summary = BudgetService.get_brand_summary(spent_out.brand)
        assert (summary["current_daily_spend"], summary["daily_remaining"]) == (Decimal(-100), Decimal(200))
        BudgetService.reset_budgets(by="ann")
        assert BudgetService.get_brand_summary(spent_out.brand)["current_daily_spend"] == 0
        assert reconcile.reconcile(NOON).differences == []

    @freeze_time(NOON)
    def test_the_scheduled_rollover_never_waives(self, spent_out: Campaign) -> None:
        run_schedule(MIDNIGHT)
        assert not Waiver.objects.exists()

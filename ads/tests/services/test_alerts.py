"""Steps of budgets: crossed once, armed again by a raise or a reset, and never in the way of a pause."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from freezegun import freeze_time
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ads.models import Alert, AlertRule, AlertStep, Brand, Campaign, Delivery, Kind, SpendLog
from ads.rules.serving import Reason, Status
from ads.services import BudgetService, alerts, ingest
from ads.services.records import SpendEvent
from ads.tests.factories import BrandFactory, CampaignFactory, WebhookEndpointFactory
from ads.tests.moments import NOON, state

pytestmark = pytest.mark.django_db

LATER = NOON + timedelta(minutes=5)


def spend(campaign: Campaign, amount: int | str | Decimal, *, now: datetime = NOON) -> SpendLog:
    kind = Kind.SPEND if Decimal(amount) > 0 else Kind.REFUND
    return BudgetService.record_spend(campaign, Decimal(amount), kind=kind, now=now)


def give(brand: Brand, *, daily: int | None, now: datetime = NOON) -> None:
    with freeze_time(now):
        brand.refresh_from_db()
        brand.daily_budget = None if daily is None else Decimal(daily)
        brand.save()


def told(kind: str = "THRESHOLD") -> list[tuple[str, list[int], bool]]:
    """Of each alert, the oldest first: whose and of which period it is, its steps, and whether it goes on."""
    return [
        (
            f"{alert.campaign or alert.brand} {alert.period_kind}",
            [step.step for step in alert.steps.order_by("step")],
            alert.ended_at is None,
        )
        for alert in Alert.objects.filter(kind=kind).order_by("pk")
    ]


class TestSteps:
    def test_from_40_to_105_per_cent_is_one_alert_with_all_steps(self, campaign: Campaign) -> None:
        spend(campaign, 40)
        assert told() == []
        spend(campaign, 65, now=LATER)
        assert told() == [("Acme DAY", [50, 80, 90, 100], True)]
        alert = Alert.objects.get(kind="THRESHOLD")
        assert (alert.spent, alert.budget, alert.raised_at) == (Decimal(105), Decimal(100), LATER)
        assert alert.starts_on == NOON.date()
        assert told("OVERSPEND") == []
        assert told("BUDGET_PAUSE") == [("Acme DAY", [100], True)]

    def test_a_later_step_joins_the_alert_and_asks_for_somebody_again(self, campaign: Campaign) -> None:
        spend(campaign, 50)
        alert = Alert.objects.get()
        alerts.acknowledge([alert.pk], NOON)
        alerts.resolve([alert.pk], NOON)
        spend(campaign, 30, now=LATER)
        alert.refresh_from_db()
        assert told() == [("Acme DAY", [50, 80], True)]
        assert (alert.raised_at, alert.changed_at, alert.spent) == (NOON, LATER, Decimal(80))
        assert (alert.acknowledged_at, alert.resolved_at, alert.resolved_by) == (None, None, "")

    def test_the_edges_are_exact(self, campaign: Campaign) -> None:
        spend(campaign, "49.999999")
        assert told() == []
        spend(campaign, "0.000001")
        assert told() == [("Acme DAY", [50], True)]

    def test_a_step_is_crossed_once_whatever_is_refunded(self, campaign: Campaign) -> None:
        spend(campaign, 85)
        alerts.acknowledge([Alert.objects.get().pk], NOON)
        spend(campaign, -60)
        spend(campaign, 60, now=LATER)
        assert told() == [("Acme DAY", [50, 80], True)]
        alert = Alert.objects.get()
        assert (alert.changed_at, alert.acknowledged_at) == (NOON, NOON)
        assert AlertStep.objects.count() == 2

    def test_a_raise_arms_again_what_it_takes_spend_back_below(
        self, brand: Brand, campaign: Campaign
    ) -> None:
        spend(campaign, 105)
        give(brand, daily=200, now=LATER)  # 52.5 %
        assert told() == [("Acme DAY", [50, 80, 90, 100], False)]
        assert told("BUDGET_PAUSE") == [("Acme DAY", [100], False)]
        alert = Alert.objects.get(kind="THRESHOLD")
        assert (alert.ended_at, alert.resolved_at, alert.resolved_by) == (LATER, LATER, "")
        spend(campaign, 55)  # 80 %
        assert told() == [("Acme DAY", [50, 80, 90, 100], False), ("Acme DAY", [80], True)]
        spend(campaign, 40)  # 100 %
        assert told()[1:] == [("Acme DAY", [80, 90, 100], True)]
        assert told("BUDGET_PAUSE") == [("Acme DAY", [100], False), ("Acme DAY", [100], True)]

    def test_what_is_still_crossed_after_a_raise_is_no_alert_of_its_own(
        self, brand: Brand, campaign: Campaign
    ) -> None:
        spend(campaign, 105)
        give(brand, daily=200)  # 52.5 %: 50 stays crossed
        spend(campaign, -10)
        spend(campaign, 10)
        assert told() == [("Acme DAY", [50, 80, 90, 100], False)]

    def test_a_raise_that_takes_spend_below_nothing_arms_nothing(
        self, brand: Brand, campaign: Campaign
    ) -> None:
        spend(campaign, 85)
        give(brand, daily=105)  # 80.9 %
        assert told() == [("Acme DAY", [50, 80], True)]

    def test_what_a_refund_has_taken_below_is_not_armed_by_a_lower_or_the_same_budget(
        self, brand: Brand, campaign: Campaign
    ) -> None:
        spend(campaign, 60)
        spend(campaign, -20)
        give(brand, daily=100)
        give(brand, daily=95)
        spend(campaign, 20)
        assert told() == [("Acme DAY", [50], True)]
        spend(campaign, -20)
        give(brand, daily=96)
        assert told() == [("Acme DAY", [50], False)]

    def test_a_reset_arms_again_and_a_dry_run_does_not(self, brand: Brand, campaign: Campaign) -> None:
        spend(campaign, 85)
        BudgetService.reset_budgets(brands=[brand], dry_run=True, now=NOON)
        assert told() == [("Acme DAY", [50, 80], True)]
        BudgetService.reset_budgets(brands=[brand], now=NOON)
        assert told() == [("Acme DAY", [50, 80], False)]
        spend(campaign, 55)
        assert told()[1:] == [("Acme DAY", [50], True)]

    def test_a_lowered_budget_crosses_upward(self, brand: Brand, campaign: Campaign) -> None:
        spend(campaign, 40)
        give(brand, daily=40, now=LATER)
        assert told() == [("Acme DAY", [50, 80, 90, 100], True)]
        assert Alert.objects.get(kind="THRESHOLD").budget == 40

    def test_a_budget_taken_away_arms_again_and_one_given_crosses(
        self, brand: Brand, campaign: Campaign
    ) -> None:
        spend(campaign, 60)
        give(brand, daily=None)
        assert told() == [("Acme DAY", [50], False)]
        give(brand, daily=70)
        assert told()[1:] == [("Acme DAY", [50, 80], True)]

    def test_of_a_budget_of_0_the_first_spend_is_all(self, brand: Brand, campaign: Campaign) -> None:
        give(brand, daily=0)
        assert not Alert.objects.exists()
        spend(campaign, "0.01")
        assert told() == [("Acme DAY", [50, 80, 90, 100], True)]
        assert told("OVERSPEND") == [("Acme DAY", [110], True)]
        assert told("BUDGET_PAUSE") == []  # nothing is to be spent: that is what people asked for

    def test_a_new_rule_tells_nothing_of_the_past(self, brand: Brand, campaign: Campaign) -> None:
        AlertRule.objects.filter(kind="THRESHOLD").delete()
        spend(campaign, 85)
        AlertRule.objects.create(kind="THRESHOLD", name="Mine", brand=brand, steps=[60, 80, 95])
        spend(campaign, 5)
        assert told() == []
        spend(campaign, 5)
        assert told() == [("Acme DAY", [95], True)]

    def test_a_period_that_is_over_is_told_nothing_of(self, campaign: Campaign) -> None:
        event = SpendEvent(campaign_id=campaign.pk, amount_micros=100_000_000, spent_on=date(2026, 3, 9))
        ingest.record(event, brand_id=campaign.brand_id, source="file", now=NOON)
        assert told() == []  # 100.00 of 2,000.00 this month
        event = SpendEvent(campaign_id=campaign.pk, amount_micros=900_000_000, spent_on=date(2026, 3, 9))
        ingest.record(event, brand_id=campaign.brand_id, source="file", now=NOON)
        assert told() == [("Acme MONTH", [50], True)]

    def test_another_day_is_another_alert(self, campaign: Campaign) -> None:
        for day in range(3):
            spend(campaign, 55, now=NOON + timedelta(days=day))
        assert told() == [("Acme DAY", [50], True)] * 3

    def test_a_campaigns_budgets_have_alerts_of_their_own(self, brand: Brand) -> None:
        campaign = CampaignFactory.create(brand=brand, name="Sale", daily_budget=10, total_budget=20)
        spend(campaign, 10)
        assert told() == [("Sale DAY", [50, 80, 90, 100], True), ("Sale FLIGHT", [50], True)]
        assert told("BUDGET_PAUSE") == [("Sale DAY", [100], True)]
        campaign.daily_budget = Decimal(15)
        with freeze_time(NOON):
            campaign.save()
        assert told() == [("Sale DAY", [50, 80, 90, 100], False), ("Sale FLIGHT", [50], True)]

    def test_overspend_is_told_where_it_is_beyond_what_the_rule_says(self, campaign: Campaign) -> None:
        spend(campaign, "109.99")
        assert told("OVERSPEND") == []
        spend(campaign, "0.01")
        assert told("OVERSPEND") == [("Acme DAY", [110], True)]


class TestWhoseRule:
    def test_the_most_specific_rule_rules(self, brand: Brand) -> None:
        campaign = CampaignFactory.create(brand=brand, name="Sale", daily_budget=10)
        AlertRule.objects.create(kind="THRESHOLD", brand=brand, steps=[70])
        AlertRule.objects.create(kind="THRESHOLD", brand=brand, campaign=campaign, steps=[30])
        spend(campaign, 9)
        other = CampaignFactory.create(brand=brand, name="Other", daily_budget=10)
        spend(other, 9)
        assert told() == [("Sale DAY", [30], True), ("Other DAY", [70], True)]

    def test_switched_off_it_silences_where_it_rules(self, brand: Brand, campaign: Campaign) -> None:
        AlertRule.objects.create(kind="THRESHOLD", brand=brand, is_active=False)
        spend(campaign, 105)
        assert told() == []
        assert told("BUDGET_PAUSE") == [("Acme DAY", [100], True)]

    def test_it_may_be_for_the_month_alone(self, brand: Brand, campaign: Campaign) -> None:
        AlertRule.objects.filter(kind="THRESHOLD").update(period_kinds=["MONTH"])
        spend(campaign, 1000)
        assert told() == [("Acme MONTH", [50], True)]


class TestPausedByABudget:
    def test_a_budget_that_pauses_40_campaigns_is_one_alert(self, brand: Brand) -> None:
        campaigns = CampaignFactory.create_batch(40, brand=brand)
        spend(campaigns[0], 100)
        alert = Alert.objects.get(kind="BUDGET_PAUSE")
        assert (alert.brand, alert.campaign, alert.facts) == (brand, None, {"campaigns": 40})
        assert (alert.spent, alert.budget) == (Decimal(100), Decimal(100))

    def test_it_is_told_once_a_day_whatever_is_refunded(self, campaign: Campaign) -> None:
        spend(campaign, 100)
        spend(campaign, -50)
        assert state(campaign) == (Status.ACTIVE, ())
        spend(campaign, 50)
        assert told("BUDGET_PAUSE") == [("Acme DAY", [100], True)]

    def test_who_pauses_for_another_reason_is_not_told_of(self, campaign_with_dayparting: Campaign) -> None:
        assert not Alert.objects.exists()


class TestNothingIsHeldBack:
    @pytest.mark.parametrize("table", ["ads_alertrule", "ads_alert", "ads_alertstep"])
    def test_by_a_broken_table(self, campaign: Campaign, table: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {table} RENAME TO gone")
        spend(campaign, 105)
        assert state(campaign) == (Status.PAUSED, (Reason.BRAND_DAILY,))
        assert SpendLog.objects.get().amount == 105

    def test_by_a_broken_rule(
        self, brand: Brand, campaign: Campaign, caplog: pytest.LogCaptureFixture
    ) -> None:
        AlertRule.objects.filter(kind="THRESHOLD").update(steps="many")
        spend(campaign, 105)
        assert state(campaign) == (Status.PAUSED, (Reason.BRAND_DAILY,))
        assert "Raising alerts failed, the rest goes on" in caplog.text
        give(brand, daily=200)
        assert state(campaign) == (Status.ACTIVE, ())
        assert told("BUDGET_PAUSE") == [("Acme DAY", [100], True)]


class TestCost:
    def queries(self, work: Callable[[], object]) -> list[str]:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            work()
        return [query["sql"] for query in captured.captured_queries]

    def test_where_no_per_cent_is_crossed_nothing_is_asked(self, campaign: Campaign) -> None:
        spend(campaign, "1.50")
        asked = self.queries(lambda: spend(campaign, "0.10"))
        assert not [sql for sql in asked if "ads_alert" in sql]

    def test_where_no_step_is_crossed_only_the_rules_are_asked_for(self, campaign: Campaign) -> None:
        spend(campaign, 1)
        asked = self.queries(lambda: spend(campaign, 20))
        assert len([sql for sql in asked if "ads_alert" in sql]) == 1

    def test_it_does_not_grow_with_the_budgets_that_are_crossed(self) -> None:
        def crossing(number: int) -> int:
            campaigns = [
                CampaignFactory.create(brand=BrandFactory.create(monthly_budget=None), daily_budget=30)
                for _ in range(number)
            ]
            events = [SpendEvent(campaign_id=each.pk, amount_micros=60_000_000) for each in campaigns]
            asked = self.queries(lambda: list(ingest.ingest_events(events, source="test", now=NOON)))
            return len([sql for sql in asked if "ads_alert" in sql])

        assert crossing(1) == crossing(10)


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, int]]:
    """Spend, refunds, new budgets (0 to none) and resets, in any order."""
    one = st.one_of(
        st.tuples(st.just("spend"), st.integers(1, 120)),
        st.tuples(st.just("refund"), st.integers(1, 60)),
        st.tuples(st.just("budget"), st.sampled_from([-1, 0, 20, 50, 100, 150, 300])),
        st.tuples(st.just("reset"), st.just(0)),
    )
    return draw(st.lists(one, min_size=1, max_size=10))


class TestAgainstAModel:
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(history=histories())
    def test_any_history(self, history: list[tuple[str, int]], db: None) -> None:
        """A step is latched when it is crossed upward; only people's changes take latches off."""
        brand = BrandFactory.create(daily_budget=100, monthly_budget=None)
        campaign = CampaignFactory.create(brand=brand)
        counted, budget = 0, 100
        latched: set[int] = set()
        crossed: list[int] = []

        def reached(step: int) -> bool:
            return budget >= 0 and counted > 0 and counted * 100 >= budget * step

        for what, number in history:
            before = {step for step in (50, 80, 90, 100) if reached(step)}
            is_eased = what == "reset" and counted > 0
            if what == "spend":
                counted += number
                spend(campaign, number)
            elif what == "refund":
                counted -= number
                spend(campaign, -number)
            elif what == "budget":
                is_eased = budget >= 0 and (number < 0 or number > budget)
                budget = number
                give(brand, daily=None if number < 0 else number)
            else:
                counted = 0
                BudgetService.reset_budgets(brands=[brand], daily=True, now=NOON)
            after = {step for step in (50, 80, 90, 100) if reached(step)}
            if is_eased:
                latched &= after
            crossed += sorted(after - before - latched)
            latched |= after - before
            steps = AlertStep.objects.filter(alert__brand=brand, alert__kind="THRESHOLD")
            assert list(steps.order_by("pk").values_list("step", flat=True)) == crossed
            assert set(steps.filter(rearmed_at=None).values_list("step", flat=True)) == latched
            assert Alert.objects.filter(brand=brand, kind="THRESHOLD", ended_at=None).count() <= 1


def test_the_rules_for_everywhere_are_seeded_and_stay_as_people_made_them() -> None:
    from ads.services.alert_rules import seed_alert_rules

    assert sorted(AlertRule.objects.values_list("kind", flat=True)) == [
        "BUDGET_PAUSE", "CHANNEL_FAILING", "DEAD_FEED", "OVERSPEND", "PLATFORM_DRIFT", "PROJECTION", "QUARANTINE",
        "SPEND_WHILE_OFF", "SPIKE", "THRESHOLD",
    ]  # fmt: skip
    AlertRule.objects.filter(kind="OVERSPEND").update(percent=25, name="Ours", is_active=False)
    AlertRule.objects.filter(kind="SPIKE").delete()
    seed_alert_rules()
    rule = AlertRule.objects.get(kind="OVERSPEND")
    assert (rule.percent, rule.name, rule.is_active) == (25, "Ours", False)
    assert AlertRule.objects.get(kind="SPIKE").times == 3
    assert AlertRule.objects.count() == 10


class TestOthersAreTold:
    def test_of_each_threshold_and_of_the_alert(self, campaign: Campaign) -> None:
        WebhookEndpointFactory.create(event_types=["budget.threshold_crossed", "alert.raised"])
        spend(campaign, 55)
        spend(campaign, 50)
        alert = Alert.objects.get(kind="THRESHOLD")
        payloads = {each.payload["id"]: each.payload for each in Delivery.objects.filter(kind="WEBHOOK")}
        pause = Alert.objects.get(kind="BUDGET_PAUSE")
        assert {key: each["type"] for key, each in payloads.items()} == {
            f"alert:{alert.pk}": "alert.raised",
            f"alert:{pause.pk}": "alert.raised",
            **{f"threshold:{alert.pk}:{step}": "budget.threshold_crossed" for step in (50, 80, 90, 100)},
        }
        last = payloads[f"threshold:{alert.pk}:100"]["data"]
        assert (last["threshold"], last["alert_kind"]) == (100, "THRESHOLD")
        assert (last["brand_name"], last["kind"], last["starts_on"]) == ("Acme", "DAY", "2026-03-10")
        assert (last["spent"], last["budget"], last["currency"]) == ("105.00", "100.00", "USD")

    def test_an_alert_stands_though_telling_of_it_fails(
        self, campaign: Campaign, caplog: pytest.LogCaptureFixture
    ) -> None:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE ads_alertnotification RENAME TO gone")
        spend(campaign, 105)
        assert told() == [("Acme DAY", [50, 80, 90, 100], True)]
        assert state(campaign) == (Status.PAUSED, (Reason.BRAND_DAILY,))
        assert "Telling people of alerts failed" in caplog.text

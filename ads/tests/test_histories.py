"""Random histories: whatever happens in whatever order, totals equal the ledger and statuses equal the rule."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from django.db import transaction
from freezegun import freeze_time
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ads.models import Brand, Campaign, Kind, SpendLog, StatusChange
from ads.rules.serving import decide
from ads.services import BudgetService, CampaignService, enforcement, ingest, periods, reconcile
from ads.services.facts import load_brand_facts, load_campaign_facts
from ads.services.records import SpendSnapshot
from ads.tests.factories import BrandFactory, CampaignFactory, DaypartingScheduleFactory

START = datetime(2026, 3, 27, 20, tzinfo=UTC)  # near clock changes in Europe and a month's end
ZONES = ["UTC", "Europe/Paris", "America/New_York", "Asia/Tokyo", "Africa/Cairo"]
BUDGETS = st.one_of(st.none(), st.sampled_from([Decimal(0), Decimal(5), Decimal("12.5"), Decimal(40)]))
AMOUNTS = st.integers(1, 9_000_000)


class History(RuleBasedStateMachine):
    """Two brands with two campaigns each, and everything that people, feeds and the clock may do to them."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        with freeze_time(self.now):
            brands = [BrandFactory.create(timezone=zone, daily_budget=Decimal(20)) for zone in ZONES[:2]]
            self.campaigns = [CampaignFactory.create(brand=brand) for brand in brands for _ in range(2)]

    def campaign(self, index: int) -> Campaign:
        return Campaign.objects.get(pk=self.campaigns[index].pk)

    @rule(minutes=st.sampled_from([1, 30, 200, 1500, 5000]), opens=st.booleans())
    def time_passes(self, minutes: int, opens: bool) -> None:
        self.now += timedelta(minutes=minutes)
        if opens:
            periods.rollover(self.now)
        enforcement.tick(self.now)

    @rule(index=st.integers(0, 3), micros=AMOUNTS, hours=st.integers(-60, 23), key=st.integers(0, 5))
    def spend(self, index: int, micros: int, hours: int, key: int) -> None:
        campaign, moment = self.campaign(index), self.now + timedelta(hours=hours)
        amount = Decimal(micros) / 10**6
        with freeze_time(self.now):
            external_id = f"{index}-{key}-{micros}-{moment}" if key else None
            BudgetService.record_spend(campaign, amount, occurred_at=moment, external_id=external_id)

    @rule(index=st.integers(0, 3), micros=AMOUNTS, days=st.integers(0, 35))
    def a_feed_restates(self, index: int, micros: int, days: int) -> None:
        day = (self.now - timedelta(days=days)).date()
        record = SpendSnapshot(campaign_id=self.campaigns[index].pk, day=day, amount_micros=micros)
        list(ingest.ingest_snapshots([record], source="feed", now=self.now))

    @rule(index=st.integers(0, 3), micros=AMOUNTS)
    def refund(self, index: int, micros: int) -> None:
        with freeze_time(self.now):
            BudgetService.record_spend(self.campaign(index), -Decimal(micros) / 10**6, kind=Kind.REFUND)

    @precondition(lambda self: SpendLog.objects.filter(reverses_id=None).exists())
    @rule(pick=st.integers(0, 10**6))
    def reverse(self, pick: int) -> None:
        reversed_ids = SpendLog.objects.exclude(reverses_id=None).values("reverses_id")
        logs = list(SpendLog.objects.filter(reverses_id=None).exclude(pk__in=reversed_ids))
        if logs:
            with freeze_time(self.now):
                BudgetService.reverse_spend(logs[pick % len(logs)], "mistake")

    @rule(index=st.integers(0, 3), daily=BUDGETS, monthly=BUDGETS, enabled=st.booleans())
    def people_change_things(
        self, index: int, daily: Decimal | None, monthly: Decimal | None, enabled: bool
    ) -> None:
        campaign = self.campaign(index)
        with freeze_time(self.now):
            campaign.daily_budget, campaign.total_budget, campaign.enabled = daily, monthly, enabled
            campaign.save()
            brand = campaign.brand
            brand.daily_budget, brand.monthly_budget = monthly, daily
            brand.save()

    @rule(index=st.integers(0, 3), zone=st.sampled_from(ZONES))
    def a_brand_moves(self, index: int, zone: str) -> None:
        with freeze_time(self.now):
            Brand.objects.filter(pk=self.campaigns[index].brand_id).update(timezone=zone)

    @rule(index=st.integers(0, 3), hour=st.integers(0, 23), length=st.integers(1, 23))
    def a_window(self, index: int, hour: int, length: int) -> None:
        with freeze_time(self.now):
            DaypartingScheduleFactory.create(
                campaign=self.campaign(index), start_time=time(hour), end_time=time((hour + length) % 24)
            )

    @rule(index=st.integers(0, 3), off=st.booleans())
    def a_person_switches(self, index: int, off: bool) -> None:
        with freeze_time(self.now):
            (CampaignService.switch_off if off else CampaignService.switch_on)(self.campaign(index), by="ann")

    @rule(daily=st.booleans(), monthly=st.booleans())
    def reset(self, daily: bool, monthly: bool) -> None:
        BudgetService.reset_budgets(daily=daily, monthly=monthly, by="ann", now=self.now)

    @invariant()
    def totals_equal_the_ledger(self) -> None:
        assert reconcile.reconcile(self.now).differences == []

    @invariant()
    def what_is_stored_is_what_the_rule_says_now(self) -> None:
        brands = load_brand_facts(list(Brand.objects.all()), self.now)
        for stored, facts in load_campaign_facts(Campaign.objects.all(), brands, self.now):
            decision = decide(facts, self.now)
            assert (stored.status, stored.reason_codes, stored.next_transition_at) == (
                decision.status,
                ",".join(decision.reasons),
                decision.next_transition_at,
            )

    @invariant()
    def status_changes_are_an_unbroken_chain(self) -> None:
        for campaign in self.campaigns:
            rows = list(StatusChange.objects.filter(campaign=campaign).order_by("pk"))
            for before, after in pairwise(rows):
                assert (before.to_status, before.reason_codes) == (after.from_status, after.from_reason_codes)
            if rows:
                now = Campaign.objects.get(pk=campaign.pk)
                assert (now.status, now.reason_codes) == (rows[-1].to_status, rows[-1].reason_codes)


@pytest.mark.django_db
def test_totals_and_statuses_are_right_after_every_step_of_random_histories() -> None:
    class Rolled(History):
        def __init__(self) -> None:
            self.atomic = transaction.atomic()
            self.atomic.__enter__()
            super().__init__()

        def teardown(self) -> None:
            transaction.set_rollback(True)
            self.atomic.__exit__(None, None, None)

    run_state_machine_as_test(
        Rolled,
        settings=settings(
            max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


@pytest.mark.django_db
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    start=st.integers(0, 23),
    length=st.integers(1, 23),
    zone=st.sampled_from(ZONES),
    spend=st.lists(st.tuples(st.integers(-20, 23), AMOUNTS), max_size=3),
)
def test_jumping_from_transition_to_transition_is_what_deciding_every_ten_minutes_gives(
    start: int, length: int, zone: str, spend: list[tuple[int, int]]
) -> None:
    with freeze_time(START):
        campaign = CampaignFactory.create(brand__timezone=zone, brand__daily_budget=Decimal(5))
        DaypartingScheduleFactory.create(
            campaign=campaign, start_time=time(start), end_time=time((start + length) % 24)
        )
        for hours, micros in spend:
            BudgetService.record_spend(
                campaign, Decimal(micros) / 10**6, occurred_at=START + timedelta(hours=hours)
            )
    now = START
    while now < START + timedelta(hours=36):
        enforcement.tick(now)
        campaign.refresh_from_db()
        live = CampaignService.decide_now(campaign, now=now)
        assert (campaign.status, campaign.reasons) == (live.status, live.reasons)
        now += timedelta(minutes=10)

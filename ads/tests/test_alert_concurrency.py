"""Alerts under many writers at once: one alert, with each step once; and what happens without what holds that."""

from functools import partial

import pytest
from django.db import connection
from django.utils import timezone

from ads.models import Alert, AlertRule, AlertStep, Campaign, QuarantinedSpend, SpendLog
from ads.services import alert_checks, alerts
from ads.tests.moments import state
from ads.tests.test_concurrency import (
    PAUSED,
    Race,
    campaign_of,
    committed,
    in_threads,
    on_postgresql,
    race,
    spend,
    take_out_the_lock,
    waiting_writers,
)
from budget_system.testing.fixtures import CommittedDatabase

pytestmark = pytest.mark.integration

WRITER = """
import sys
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import django
from django.db import connection

django.setup()

from ads.models import Campaign
from ads.services import BudgetService

campaign = Campaign.objects.get(pk=int(sys.argv[1]))


def write(_):
    BudgetService.record_spend(campaign, Decimal("2.03125"))
    connection.close()


print("ready", flush=True)
sys.stdin.readline()
with ThreadPoolExecutor(8) as pool:
    list(pool.map(write, range(8)))
"""


@pytest.fixture
def campaign(transactional_db: None) -> Campaign:
    """A campaign of Acme, which may spend 100.00 a day."""
    return campaign_of("Acme")


def steps() -> list[int]:
    return list(
        AlertStep.objects.filter(alert__kind="THRESHOLD").order_by("step").values_list("step", flat=True)
    )


class TestSteps:
    def test_when_32_writers_in_4_processes_take_a_brand_from_40_to_105_per_cent(
        self, committed_database: CommittedDatabase
    ) -> None:
        campaign = campaign_of("Acme", name="Summer Sale")
        spend(campaign, 40)
        in_threads(*waiting_writers(4, WRITER, campaign, committed_database))
        assert SpendLog.objects.count() == 33
        assert state(campaign) == PAUSED
        assert Alert.objects.filter(kind="THRESHOLD").count() == 1
        assert Alert.objects.filter(kind="BUDGET_PAUSE").count() == 1
        assert steps() == [50, 80, 90, 100]

    @committed
    @on_postgresql
    def test_the_lock_lets_no_two_raise_at_once(
        self, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        result = self.both_cross(campaign, monkeypatch)
        assert not result.met
        assert Alert.objects.filter(kind="THRESHOLD").count() == 1
        assert steps() == [50, 80, 90]

    @committed
    @on_postgresql
    def test_without_it_the_index_still_holds_them_one(
        self, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        take_out_the_lock(monkeypatch)
        assert self.both_cross(campaign, monkeypatch).met
        assert Alert.objects.filter(kind="THRESHOLD").count() == 1
        assert steps() == [50, 80, 90]

    @committed
    @on_postgresql
    def test_control_without_both_there_are_two(
        self, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        take_out_the_lock(monkeypatch)
        take_out_the_index(monkeypatch)
        try:
            assert self.both_cross(campaign, monkeypatch).met
            assert Alert.objects.filter(kind="THRESHOLD").count() == 2
        finally:
            put_back_the_index()

    def both_cross(self, campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> Race:
        """One takes the day from 40 to 60 per cent, the other by 30 more."""
        AlertRule.objects.exclude(kind="THRESHOLD").update(is_active=False)
        spend(campaign, 40)
        point = (alerts, "_insert")
        first, second = partial(spend, campaign, 20), partial(spend, campaign, 30)
        return race(monkeypatch, first, second, stops_at=point, comes_to=point)


@committed
class TestWhatIsLookedAt:
    """Two checks that both have seen nothing raised yet."""

    def race(self, monkeypatch: pytest.MonkeyPatch) -> int:
        now = timezone.now()
        QuarantinedSpend.objects.create(
            identity="0" * 32,
            problem="UNKNOWN_CAMPAIGN",
            reason="?",
            mode="EVENTS",
            source="x",
            received_at=now,
        )
        point, check = (alerts, "_settle"), partial(alert_checks.check, now)
        assert race(monkeypatch, check, check, stops_at=point, comes_to=point).met
        return Alert.objects.count()

    def test_is_raised_once(self, transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.race(monkeypatch) == 1

    def test_control_without_the_index_twice(
        self, transactional_db: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        take_out_the_index(monkeypatch)
        try:
            assert self.race(monkeypatch) == 2
        finally:
            put_back_the_index()


def take_out_the_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts, "ONCE", "")
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX alert_once_until_ended")


def put_back_the_index() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM ads_alertnotification")
        cursor.execute("DELETE FROM ads_alertstep")
        cursor.execute("DELETE FROM ads_alert")
        cursor.execute("CREATE UNIQUE INDEX alert_once_until_ended ON ads_alert (key) WHERE ended_at IS NULL")

"""/healthz, /readyz and /metrics: what they answer, to whom, and what they keep to themselves."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db import OperationalError, connection
from django.db.backends.utils import CursorWrapper
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from freezegun import freeze_time
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from ads import tasks
from ads.models import BrandPeriod, Campaign, JobProgress
from ads.rules.serving import Status
from ads.services import BudgetService, counting, enforcement, health, heartbeats, periods, reconcile
from ads.services.sweeping import sweep_part
from ads.tests.factories import (
    BrandFactory,
    CampaignFactory,
    ChannelFactory,
    DaypartingScheduleFactory,
    DeliveryFactory,
)
from ads.tests.moments import NOON
from budget_system.celery import app

pytestmark = pytest.mark.django_db
TOKEN = "read-the-numbers-please"
SECOND = timedelta(seconds=1)
Sample = tuple[str, tuple[tuple[str, str], ...]]


@pytest.fixture(autouse=True)
def noon() -> Iterator[None]:
    with freeze_time(NOON):
        yield


@pytest.fixture
def alive() -> None:
    """Beat and a worker were seen just now, and a sweep has ended."""
    heartbeats.note(heartbeats.BEAT, NOON)
    heartbeats.note(heartbeats.WORKER, NOON)
    sweep_part(0, 1, NOON)


def failed(client: Client) -> list[str]:
    response = client.get("/readyz")
    names: list[str] = response.json()["failed"]
    assert response.status_code == (503 if names else 200)
    assert response.json()["status"] == ("failed" if names else "ok")
    return names


class TestAlive:
    def test_answers_without_asking_anything_of_anybody(self, client: Client) -> None:
        with CaptureQueriesContext(connection) as queries:
            response = client.get("/healthz", headers={"Host": "10.1.2.3:8000"})
        assert (response.status_code, response.json()) == (200, {"status": "ok"})
        assert len(queries) == 0
        assert not response.cookies
        assert response.headers["Cache-Control"] == "no-store"

    def test_only_reading_is_possible(self, client: Client) -> None:
        assert client.head("/healthz").status_code == 200
        for path in ("/healthz", "/readyz", "/metrics"):
            assert client.post(path).status_code == 405


@pytest.mark.usefixtures("alive")
class TestReady:
    def test_where_all_is_there(self, client: Client) -> None:
        assert failed(client) == []

    def test_a_silent_beat_or_worker_is_named(self, client: Client) -> None:
        now = NOON + health.SILENT_AFTER + SECOND
        with freeze_time(now):
            assert failed(client) == ["beat", "worker"]
            heartbeats.note(heartbeats.BEAT, now)
            assert failed(client) == ["worker"]
            tasks.heartbeat()
            assert failed(client) == []

    def test_a_sweep_that_is_too_old_is_named(self, client: Client) -> None:
        now = NOON + health.SWEPT_WITHIN + SECOND
        with freeze_time(now):
            heartbeats.note(heartbeats.BEAT, now)
            heartbeats.note(heartbeats.WORKER, now)
            assert failed(client) == ["sweep"]
            sweep_part(0, 1, now)
            assert failed(client) == []

    def test_a_sweep_is_done_when_all_its_parts_are(self, client: Client, settings: Settings) -> None:
        settings.SWEEP_PARTS = 2
        now = NOON + health.SWEPT_WITHIN + SECOND
        with freeze_time(now):
            heartbeats.note(heartbeats.BEAT, now)
            heartbeats.note(heartbeats.WORKER, now)
            sweep_part(0, 2, now)
            assert failed(client) == ["sweep"]
            sweep_part(1, 2, now)
            assert failed(client) == []

    def test_the_first_sweep_has_its_time_from_when_beat_came(self, client: Client) -> None:
        JobProgress.objects.filter(name__startswith="sweep").delete()
        assert failed(client) == []
        JobProgress.objects.all().delete()
        assert failed(client) == ["beat", "worker", "sweep"]

    def test_missing_migrations_are_named(self, client: Client) -> None:
        MigrationRecorder.Migration.objects.filter(app="ads").latest("pk").delete()
        assert failed(client) == ["migrations"]

    def test_a_broker_that_is_away_is_named_and_its_address_is_not(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(app.conf, "broker_write_url", "redis://:hush@127.0.0.1:1/0")
        response = client.get("/readyz")
        assert response.json() == {"status": "failed", "failed": ["broker"]}

    def test_without_the_database_all_that_needs_it_is_named_and_nothing_is_asked_twice(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[str] = []

        def away(cursor: CursorWrapper, sql: str, params: object = None) -> None:
            asked.append(sql)
            raise OperationalError("connection to server at 10.0.0.5 failed: password hush")

        monkeypatch.setattr(CursorWrapper, "execute", away)
        response = client.get("/readyz")
        assert response.json()["failed"] == ["database", "migrations", "beat", "worker", "sweep"]
        assert asked == ["SELECT 1"]
        assert b"hush" not in response.content


def numbers(client: Client, now: datetime = NOON) -> dict[Sample, float]:
    """All samples of ours that /metrics tells, by name and labels."""
    with freeze_time(now):
        response = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/plain; version=")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(response.content.decode())
        for sample in family.samples
        if sample.name.startswith("ads_")
    }


class TestWhoMayReadMetrics:
    def test_nobody_before_a_setting_opens_them(self, client: Client) -> None:
        response = client.get("/metrics", headers={"Authorization": "Bearer "})
        assert response.status_code == 404
        assert b"ads_" not in response.content

    @pytest.mark.parametrize(
        "given", ["", "Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x"]
    )
    def test_not_without_the_token(self, client: Client, settings: Settings, given: str) -> None:
        settings.METRICS_TOKEN = TOKEN
        response = client.get("/metrics", headers={"Authorization": given})
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert b"ads_" not in response.content

    def test_with_the_token(self, client: Client, settings: Settings) -> None:
        settings.METRICS_TOKEN = TOKEN
        assert numbers(client)["ads_database_up", ()] == 1

    @pytest.mark.parametrize(
        ("address", "status"),
        [("10.1.2.3", 200), ("10.2.0.1", 401), ("fd00::1", 200), ("", 401), ("unix", 401)],
    )
    def test_from_an_address_that_is_named(
        self, client: Client, settings: Settings, address: str, status: int
    ) -> None:
        settings.METRICS_NETWORKS = ["10.1.0.0/16", "fd00::1"]
        headers = {"X-Forwarded-For": "10.1.2.3", "Authorization": "Bearer "}
        response = client.get("/metrics", REMOTE_ADDR=address, headers=headers)
        assert response.status_code == status


class TestMetrics:
    @pytest.fixture(autouse=True)
    def is_open(self, settings: Settings) -> None:
        settings.METRICS_TOKEN = TOKEN

    def test_an_empty_system_has_no_backlog_and_no_overspend(self, client: Client) -> None:
        assert numbers(client) == {
            ("ads_database_up", ()): 1,
            ("ads_safety_net_finds_total", ()): 0,
            ("ads_due_campaigns", ()): 0,
            ("ads_due_age_seconds", ()): 0,
            ("ads_quarantined_records", ()): 0,
            ("ads_outbox_deliveries", ()): 0,
            ("ads_outbox_age_seconds", ()): 0,
            ("ads_outbox_overdue_seconds", ()): 0,
            ("ads_outbox_dead_letters", ()): 0,
            ("ads_failing_channels", ()): 0,
        }

    def test_what_the_database_knows(self, client: Client) -> None:
        acme, euro = BrandFactory.create(), BrandFactory.create(currency="EUR", daily_budget=None)
        campaign = CampaignFactory.create(brand=acme)
        idle = CampaignFactory.create(brand=euro)
        DaypartingScheduleFactory.create(campaign=idle)
        periods.rollover(NOON)
        BudgetService.record_spend(campaign, Decimal("100.25"), source="meta", now=NOON)
        BudgetService.record_spend(idle, Decimal("2000.5"), source="tiktok", now=NOON)
        counting.count_new(NOON + 120 * SECOND)
        for later in (0, 10):
            heartbeats.note(heartbeats.WORKER, NOON + later * SECOND)
        heartbeats.note(heartbeats.BEAT, NOON)
        sweep_part(0, 1, NOON)
        BrandPeriod.objects.filter(brand=acme, kind="DAY").update(spent_micros=1)
        assert len(reconcile.verify_next_slice(NOON).differences) == 1
        BrandPeriod.objects.filter(brand=acme, kind="DAY").update(spent_micros=100_250_000)

        found = numbers(client, NOON + timedelta(hours=5, seconds=30))
        assert found == {
            ("ads_database_up", ()): 1,
            ("ads_spend_records_total", (("source", "meta"),)): 1,
            ("ads_spend_records_total", (("source", "tiktok"),)): 1,
            ("ads_feed_age_seconds", (("source", "meta"),)): 18_030,
            ("ads_feed_age_seconds", (("source", "tiktok"),)): 18_030,
            (
                "ads_status_changes_total",
                (("cause", "SPEND"), ("reason", "BRAND_DAILY"), ("status", "PAUSED")),
            ): 1,
            (
                "ads_status_changes_total",
                (("cause", "SPEND"), ("reason", "BRAND_MONTHLY"), ("status", "PAUSED")),
            ): 1,
            ("ads_safety_net_finds_total", ()): 0,
            ("ads_due_campaigns", ()): 1,
            ("ads_due_age_seconds", ()): 30,
            ("ads_overspent_brands", (("currency", "USD"), ("period", "DAY"))): 1,
            ("ads_overspend_micros", (("currency", "USD"), ("period", "DAY"))): 250_000,
            ("ads_overspent_brands", (("currency", "EUR"), ("period", "MONTH"))): 1,
            ("ads_overspend_micros", (("currency", "EUR"), ("period", "MONTH"))): 500_000,
            ("ads_heartbeat_age_seconds", (("part", "beat"),)): 18_030,
            ("ads_heartbeat_age_seconds", (("part", "worker"),)): 18_020,
            ("ads_sweep_duration_seconds", (("part", "0/1"),)): 0,
            ("ads_sweep_age_seconds", ()): 18_030,
            ("ads_reconcile_differences", ()): 1,
            ("ads_reconcile_age_seconds", ()): 18_030,
            ("ads_quarantined_records", ()): 0,
            ("ads_outbox_deliveries", ()): 0,
            ("ads_outbox_age_seconds", ()): 0,
            ("ads_outbox_overdue_seconds", ()): 0,
            ("ads_outbox_dead_letters", ()): 0,
            ("ads_failing_channels", ()): 0,
        }

    def test_yesterdays_overspend_is_no_longer_told(self, client: Client) -> None:
        brand = BrandFactory.create()
        BudgetService.record_spend(CampaignFactory.create(brand=brand), Decimal(150), now=NOON)
        periods.rollover(NOON)
        day = ("ads_overspent_brands", (("currency", "USD"), ("period", "DAY")))
        assert numbers(client)[day] == 1
        periods.rollover(NOON + timedelta(days=1))
        assert day not in numbers(client)

    def test_finds_of_the_safety_net_are_counted(self, client: Client) -> None:
        CampaignFactory.create()
        Campaign._base_manager.update(status=Status.PAUSED, reason_codes="BRAND_DAILY")
        enforcement.sweep(NOON)
        counting.count_new(NOON + 120 * SECOND)
        assert numbers(client)["ads_safety_net_finds_total", ()] == 1

    def test_a_source_that_told_nothing_for_two_weeks_is_taken_for_gone(self, client: Client) -> None:
        BudgetService.record_spend(CampaignFactory.create(), Decimal(1), source="meta", now=NOON)
        counting.count_new(NOON + 120 * SECOND)
        found = numbers(client, NOON + timedelta(days=15))
        assert ("ads_feed_age_seconds", (("source", "meta"),)) not in found
        assert found["ads_spend_records_total", (("source", "meta"),)] == 1

    def test_what_waits_to_be_delivered(self, client: Client) -> None:
        DeliveryFactory.create(created_at=NOON - 90 * SECOND, due_at=NOON + SECOND)
        DeliveryFactory.create(created_at=NOON - 60 * SECOND, due_at=NOON - 30 * SECOND)
        DeliveryFactory.create(created_at=NOON - 900 * SECOND, due_at=NOON - 900 * SECOND, state="DEAD")
        ChannelFactory.create(failing_since=NOON)
        found = numbers(client)
        assert found["ads_outbox_deliveries", ()] == 2
        assert found["ads_outbox_age_seconds", ()] == 90
        assert found["ads_outbox_overdue_seconds", ()] == 30
        assert found["ads_outbox_dead_letters", ()] == 1
        assert found["ads_failing_channels", ()] == 1

    def test_as_many_queries_whatever_there_is(self, client: Client) -> None:
        def cost() -> int:
            with CaptureQueriesContext(connection) as queries:
                numbers(client)
            return len(queries)

        before = cost()
        for brand in BrandFactory.create_batch(5):
            for campaign in CampaignFactory.create_batch(3, brand=brand):
                BudgetService.record_spend(campaign, Decimal(50), source=f"s{campaign.pk}", now=NOON)
        counting.count_new(NOON + 120 * SECOND)
        assert cost() == before <= 15

    def test_without_the_database_that_is_what_is_told(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away(cursor: CursorWrapper, sql: str, params: object = None) -> None:
            raise OperationalError("away")

        monkeypatch.setattr(CursorWrapper, "execute", away)
        assert numbers(client) == {("ads_database_up", ()): 0}

    def test_files_of_what_processes_count_that_are_gone_take_nothing_else_with_them(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "/nonexistent")
        assert numbers(client)["ads_database_up", ()] == 1

    def test_requests_are_counted_by_what_they_ask_for(self, client: Client) -> None:
        client.get("/sign-in/")
        response = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        assert (
            'django_http_requests_latency_seconds_by_view_method_count{method="GET",view="dashboard:sign-in"}'
            in response.content.decode()
        )


def test_time_is_told_in_words() -> None:
    told = [health.ago(timedelta(seconds=seconds)) for seconds in (-1, 0, 119, 120, 7_199, 7_200, 172_800)]
    assert told == ["0 s", "0 s", "119 s", "2 min", "119 min", "2 h", "2 days"]
    assert timezone.now() == NOON

"""Seeing in earnest: a real worker and beat that show that they live, and web processes that count together."""

import json
from pathlib import Path

import httpx
import pytest
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from prometheus_client.parser import text_string_to_metric_families

from ads.models import HistoryCount
from ads.services import BudgetService, health, heartbeats
from ads.tests.api.server import Server
from ads.tests.factories import CampaignFactory
from budget_system.processes import stop_process, wait_until
from budget_system.testing.fixtures import CeleryProcesses, CommittedDatabase

SECONDS = 120
TOKEN = "read-the-numbers-please"

pytestmark = pytest.mark.integration


def test_beat_and_worker_show_that_they_live_and_log_in_json(celery_processes: CeleryProcesses) -> None:
    campaign = CampaignFactory.create(name="Summer Sale")
    long_ago = timezone.now().replace(year=2025)
    BudgetService.record_spend(campaign, 5, source="meta", occurred_at=long_ago, now=long_ago)
    second, _ = IntervalSchedule.objects.get_or_create(every=1, period=IntervalSchedule.SECONDS)
    names = ("Show that work is done", "Count what happened")
    PeriodicTask.objects.exclude(name__in=names).update(enabled=False)
    PeriodicTask.objects.filter(name__in=names).update(interval=second)
    assert {"beat", "worker"} <= set(health.failing(timezone.now()))

    worker = celery_processes.start_worker(LOG_FORMAT="json")
    beat = celery_processes.start_beat(LOG_FORMAT="json")
    wait_until(
        lambda: len(heartbeats.last_seen()) == 2 and HistoryCount.objects.exists(),
        seconds=SECONDS,
        what="signs of life",
    )
    assert not {"beat", "worker", "sweep"} & set(health.failing(timezone.now()))
    assert HistoryCount.objects.get().sort == "meta"

    celery_processes.send("ads.tasks.enforce_budgets")
    BudgetService.record_spend(campaign, 96)
    for process in (worker, beat):
        stop_process(process, seconds=10)
    lines = [json.loads(line) for line in celery_processes.log("worker").splitlines() if line[:1] == "{"]
    assert any("succeeded in" in line["event"] and line["task_id"] in line["event"] for line in lines)
    assert "Traceback" not in celery_processes.log("worker") + celery_processes.log("beat")


@pytest.mark.once
def test_all_processes_of_a_server_count_together(
    committed_database: CommittedDatabase, tmp_path: Path
) -> None:
    server = Server(committed_database, tmp_path)
    server.env |= {"METRICS_TOKEN": TOKEN, "DB_POOL_SIZE": "0", "CELERY_BROKER_URL": "memory://"}
    try:
        server.start()
        site = server.url.removesuffix("/api/v1")
        before = counted(site)
        for _ in range(20):
            assert httpx.get(f"{site}/healthz").is_success
            httpx.get(f"{site}/api/v1/nothing")
        assert {counted(site) for _ in range(10)} == {before + 20}
    finally:
        server.stop()


def counted(site: str) -> float:
    """How many requests /metrics tells of; those for /metrics itself are not."""
    text = httpx.get(f"{site}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text
    return next(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "django_http_requests_before_middlewares_total"
    )

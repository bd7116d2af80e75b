"""The numbers of `/metrics`: what the database knows, read when it is asked, and what web processes count.

A number from the database is right whichever process answers, and whichever did what it tells of.
"""

import logging
import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from django.db import DatabaseError, connection
from django.db.models import Count, F, Min, Sum
from django.db.models.functions import TruncMonth
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from ads.models import (
    BrandPeriod,
    Campaign,
    Cause,
    Delivery,
    DeliveryState,
    HistoryCount,
    HistoryKind,
    JobProgress,
    NotificationChannel,
    PeriodKind,
    QuarantinedSpend,
    QuarantineState,
)
from ads.services import heartbeats
from ads.services.backup import BACKUP
from ads.services.health import last_sweep
from ads.services.reconcile import VERIFY

logger = logging.getLogger("ads.measures")

# A source that has told nothing for longer is taken for one that is no more.
FEEDS_OF = timedelta(days=14)

Metrics = Iterator[Metric]


def exposition(now: datetime) -> bytes:
    """All numbers in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Database(now))
    place = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if place and Path(place).is_dir():  # or somebody has cleaned up
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
    return generate_latest(registry) + generate_latest(REGISTRY)


class _Database(Collector):
    """What the database knows. Where it does not answer, that is all that is told of it."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def describe(self) -> list[Metric]:
        return []  # or registering would already ask the database

    def collect(self) -> Metrics:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            found = [metric for measure in MEASURES for metric in measure(self._now)]
        except DatabaseError as error:
            logger.warning("The database's numbers cannot be read: %s", error)
            found = []
        yield GaugeMetricFamily("ads_database_up", "Whether the database could be read.", int(bool(found)))
        yield from found


def _gauge(name: str, documentation: str, value: int | None) -> Metrics:
    """A gauge without labels; none where there is no value."""
    if value is not None:
        yield GaugeMetricFamily(name, documentation, value)


def _seconds(since: datetime | None, now: datetime) -> int | None:
    return None if since is None else max(0, (now - since) // timedelta(seconds=1))


def _histories(now: datetime) -> Metrics:
    spend = CounterMetricFamily("ads_spend_records", "Rows appended to the ledger.", labels=["source"])
    feeds = GaugeMetricFamily(
        "ads_feed_age_seconds", "Since the newest row of a source of the last 14 days.", labels=["source"]
    )
    changes = CounterMetricFamily(
        "ads_status_changes",
        "Changes of status, by the status they led to, the first reason for it and what caused them.",
        labels=["status", "reason", "cause"],
    )
    finds = 0
    for counted in HistoryCount.objects.order_by("kind", "sort"):
        if counted.kind == HistoryKind.SPEND:
            spend.add_metric([counted.sort], counted.count)
            if now - counted.last_at <= FEEDS_OF:
                feeds.add_metric([counted.sort], _seconds(counted.last_at, now) or 0)
            continue
        status, reason, cause = counted.sort.split(",")
        changes.add_metric([status, reason or "NONE", cause], counted.count)
        finds += counted.count if cause == Cause.SWEEP else 0
    yield from (spend, feeds, changes)
    yield CounterMetricFamily(
        "ads_safety_net_finds", "Changes of status that only the sweep found: should be 0.", finds
    )


def _due(now: datetime) -> Metrics:
    due = Campaign.objects.filter(next_transition_at__lte=now)
    backlog = due.aggregate(count=Count("pk"), oldest=Min("next_transition_at"))
    yield from _gauge(
        "ads_due_campaigns", "Campaigns whose time to be decided again has come.", backlog["count"]
    )
    yield from _gauge(
        "ads_due_age_seconds",
        "For how long the first of them has waited.",
        _seconds(backlog["oldest"], now) or 0,
    )


def _overspend(_now: datetime) -> Metrics:
    labels = ["currency", "period"]
    brands = GaugeMetricFamily(
        "ads_overspent_brands",
        "Brands that spent more than their budget of the current period.",
        labels=labels,
    )
    micros = GaugeMetricFamily(
        "ads_overspend_micros", "How much more, in millionths of the currency's unit.", labels=labels
    )
    for kind, current in (
        (PeriodKind.DAY, F("brand__opened_on")),
        (PeriodKind.MONTH, TruncMonth("brand__opened_on")),
    ):
        over = BrandPeriod.objects.filter(kind=kind, starts_on=current, spent_micros__gt=F("budget_micros"))
        for currency, number, amount in (
            over.order_by()
            .values_list("brand__currency")
            .annotate(number=Count("pk"), amount=Sum(F("spent_micros") - F("budget_micros")))
        ):
            brands.add_metric([currency, kind], number)
            micros.add_metric([currency, kind], int(amount))
    yield from (brands, micros)


def _jobs(now: datetime) -> Metrics:
    jobs = JobProgress.objects.in_bulk()
    alive = GaugeMetricFamily(
        "ads_heartbeat_age_seconds", "Since a part of the system was last seen alive.", labels=["part"]
    )
    for name, part in ((heartbeats.BEAT, "beat"), (heartbeats.WORKER, "worker")):
        if name in jobs:
            alive.add_metric([part], _seconds(jobs[name].updated_at, now) or 0)
    yield alive
    sweeps = GaugeMetricFamily(
        "ads_sweep_duration_seconds", "How long a part of the last sweep took.", labels=["part"]
    )
    for name, job in jobs.items():
        if name.startswith("sweep ") and job.took_ms is not None:
            sweeps.add_metric([name.removeprefix("sweep ")], job.took_ms / 1000)
    yield sweeps
    if VERIFY in jobs:
        differences = max(jobs[VERIFY].found, jobs[VERIFY].found_before)
        yield from _gauge(
            "ads_reconcile_differences",
            "Totals that differed from the ledger when all were last compared, or so far since: should be 0.",
            differences,
        )
        yield from _gauge(
            "ads_reconcile_age_seconds",
            "Since totals were last compared.",
            _seconds(jobs[VERIFY].updated_at, now),
        )
    if BACKUP in jobs:
        age = _seconds(jobs[BACKUP].finished_at, now)
        yield from _gauge("ads_backup_age_seconds", "Since `backup_database` last made a backup.", age)


def _sweep(now: datetime) -> Metrics:
    age = _seconds(last_sweep(), now)
    yield from _gauge("ads_sweep_age_seconds", "Since all campaigns were last decided again.", age)


def _quarantine(_now: datetime) -> Metrics:
    waiting = QuarantinedSpend.objects.filter(state=QuarantineState.OPEN).count()
    yield from _gauge("ads_quarantined_records", "Records that wait for a person to match them.", waiting)


def _outbox(now: datetime) -> Metrics:
    waiting = Delivery.objects.filter(state=DeliveryState.PENDING).aggregate(
        count=Count("pk"), oldest=Min("created_at"), due=Min("due_at")
    )
    yield from _gauge(
        "ads_outbox_deliveries", "Webhooks and messages that are not delivered yet.", waiting["count"]
    )
    yield from _gauge(
        "ads_outbox_age_seconds",
        "Since the oldest of them was written.",
        _seconds(waiting["oldest"], now) or 0,
    )
    yield from _gauge(
        "ads_outbox_overdue_seconds",
        "For how long the first of them has waited to be tried.",
        _seconds(waiting["due"], now) or 0,
    )
    dead = Delivery.objects.filter(state=DeliveryState.DEAD).count()
    yield from _gauge("ads_outbox_dead_letters", "Deliveries of the last month that were given up.", dead)
    failing = NotificationChannel.objects.failing().count()
    yield from _gauge("ads_failing_channels", "Channels that did not deliver when last tried.", failing)


MEASURES: tuple[Callable[[datetime], Metrics], ...] = (
    _histories,
    _due,
    _overspend,
    _jobs,
    _sweep,
    _quarantine,
    _outbox,
)

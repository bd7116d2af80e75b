"""One function a figure. Each returns a rate in records per second, a latency, or bytes."""

import gc
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from statistics import quantiles

from django.db import connection, transaction
from django.utils import timezone

from ads.models import Campaign
from ads.services import BudgetService, ingest
from ads.services.ledger import LOG_COLUMNS, LOG_TYPES
from ads.services.records import Result, SpendEvent

COPY_ROWS = 5_000


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    gc.collect()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def bare_copy(events: Sequence[SpendEvent], now: datetime) -> float:
    """Binary COPY into a table with the ledger's columns, indexes and keys, in transactions of 5,000 rows."""
    brand_of = dict(Campaign.objects.order_by().values_list("pk", "brand_id"))
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bare")
        cursor.execute("CREATE TABLE bare (LIKE ads_spendlog INCLUDING ALL)")
        cursor.execute("ALTER TABLE bare ADD FOREIGN KEY (campaign_id) REFERENCES ads_campaign")
    rows = [
        (
            number, brand_of[event.campaign_id], event.campaign_id, event.kind.value, event.amount_micros,
            event.occurred_at, now.date(), now, "bare", event.external_id, "", "", False, None, None,
        )
        for number, event in enumerate(events, 1)
    ]  # fmt: skip

    def copy() -> None:
        for start in range(0, len(rows), COPY_ROWS):
            with transaction.atomic(), connection.cursor() as cursor:
                sql = f"COPY bare ({', '.join(LOG_COLUMNS)}) FROM STDIN (FORMAT binary)"
                with cursor.copy(sql) as copying:
                    copying.set_types(LOG_TYPES)
                    for row in rows[start : start + COPY_ROWS]:
                        copying.write_row(row)

    return len(rows) / seconds(copy)


def bulk_ingest(events: Sequence[SpendEvent], now: datetime, *, source: str) -> float:
    """Everything: checks, identities, ledger, totals, decisions and status changes."""
    counts: dict[Result, int] = {}

    def book() -> None:
        for answer in ingest.ingest_events(events, source=source, now=now):
            counts[answer.result] = counts.get(answer.result, 0) + 1

    took = seconds(book)
    if set(counts) - {Result.ACCEPTED, Result.DUPLICATE}:
        raise AssertionError(f"not all events were taken: {counts}")
    return len(events) / took


def parallel_ingest(count: int, *, writers: int, brands: str) -> float:
    """The same by several processes at once, each with its share of the events over all these campaigns."""
    command = [sys.executable, "-m", "benchmarks.writer", str(count // writers), brands]
    processes = [
        subprocess.Popen([*command, f"writer {number}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for number in range(writers)
    ]
    for process in processes:
        if process.stdout is None or process.stdout.readline() != b"ready\n":
            raise AssertionError("a writer did not become ready")

    def all_write() -> None:
        for process in processes:
            if process.stdin is not None:
                process.stdin.close()
        for process in processes:
            if process.wait():
                raise AssertionError("a writer failed")

    return count / seconds(all_write)


def one_by_one(campaigns: Sequence[Campaign], count: int, *, prefix: str) -> list[float]:
    """Seconds that each `record_spend` took, with an id each."""
    took: list[float] = []
    for number in range(count):
        campaign = campaigns[number % len(campaigns)]
        began = time.perf_counter()
        BudgetService.record_spend(
            campaign, Decimal("0.01"), source="single", external_id=f"{prefix}-{number}"
        )
        took.append(time.perf_counter() - began)
    return took


def naive_loop(count: int) -> float:
    """What one would write first: insert, read the brand, add, save it. No lock, no decision, no identity."""
    from benchmarks.naive import NaiveBrand, NaiveSpend, tables

    with tables():
        brand_id = NaiveBrand._default_manager.create(name="Naive", spent=Decimal(0)).pk

        def loop() -> None:
            for number in range(count):
                NaiveSpend._default_manager.create(
                    brand_id=brand_id, campaign_id=number % 50, amount=Decimal("0.01"),
                    occurred_at=timezone.now(), source="naive", external_id=f"naive-{number}",
                )  # fmt: skip
                brand = NaiveBrand._default_manager.get(pk=brand_id)
                brand.spent += Decimal("0.01")
                brand.save()

        return count / seconds(loop)


def fill_ledger(campaign_ids: Sequence[int], count: int, now: datetime) -> None:
    """So many rows straight into ledger and identities, spread over a year; totals are left aside."""
    with connection.cursor() as cursor:
        # Only what is there afterwards matters: no keys are checked, and identities arrive in their index's order.
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            """
            INSERT INTO ads_spendlog (brand_id, campaign_id, kind, amount_micros, occurred_at, spent_on,
                recorded_at, source, external_id, description, recorded_by, while_off)
            SELECT c.brand_id, c.id, 'SPEND', 10000, %(now)s, %(today)s::date - (n %% 365)::int, %(now)s, 'past',
                'past-' || n, '', '', false
            FROM generate_series(1, %(count)s) n
            JOIN ads_campaign c ON c.id = (%(ids)s::bigint[])[1 + n %% %(owners)s]
            """,
            {
                "now": now,
                "today": now.date(),
                "count": count,
                "ids": list(campaign_ids),
                "owners": len(campaign_ids),
            },
        )
        cursor.execute(
            """
            INSERT INTO ads_spendkey (key, content, log_id)
            SELECT md5(external_id)::uuid AS key, md5('c')::uuid, id FROM ads_spendlog WHERE source = 'past' ORDER BY 1
            """
        )
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("ANALYZE ads_spendlog, ads_spendkey")


def p99(took: Sequence[float]) -> float:
    """The latency that one in a hundred exceeds, in milliseconds."""
    return quantiles(took, n=100)[98] * 1000


def peak_memory(command: Sequence[str]) -> tuple[float, int]:
    """Run a program; how long it took, in seconds, and the most memory it held, in bytes."""
    began = time.perf_counter()
    pid = os.posix_spawn(command[0], list(command), os.environ)
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise AssertionError(f"{' '.join(command)} failed")
    return time.perf_counter() - began, usage.ru_maxrss * 1024

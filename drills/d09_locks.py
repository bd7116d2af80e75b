"""A brand's lock is held for minutes, transactions idle, pg_dump runs: others go on; unsorted input: no deadlock."""

import random
import shlex
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from decimal import Decimal
from multiprocessing import get_context
from pathlib import Path
from unittest.mock import patch

import psycopg
from django.db import OperationalError, connection, connections
from django.utils import timezone

from ads.models import Brand, BrandQuerySet, SpendLog
from ads.rules.money import from_micros
from ads.services import BudgetService, enforcement, ingest
from ads.services.records import SpendEvent
from ads.tests.schedule import every_second
from budget_system.processes import wait_until
from drills.agency import books, in_the_ledger, make_agency
from drills.figures import Figure, at_least, at_most, exactly, none_of
from drills.load import in_the_books, start_load
from drills.stage import Stage

WRITERS = 8
MICROS, PER_BATCH = 10_000, 100


def drill(stage: Stage) -> Iterator[Figure]:
    """First the locks of others, then the storm."""
    yield from _locks_of_others(stage)
    yield from _storm(stage)


def control(stage: Stage) -> Iterator[Figure]:
    """The storm, with brands locked in the order in which they come."""

    locking = BrandQuerySet.locking

    def in_any_order(
        self: BrandQuerySet, brand_ids: Sequence[int], **options: bool
    ) -> tuple[str, list[str | int]]:
        sql, params = locking(self, brand_ids, **options)
        return sql.replace("ORDER BY id", "ORDER BY random()"), params

    with patch.object(BrandQuerySet, "locking", in_any_order):
        yield from _storm(stage)


def _locks_of_others(stage: Stage) -> Iterator[Figure]:
    campaigns = make_agency(brands=6, campaigns=3, daily_budget=Decimal(50))
    held, others = [each.pk for each in campaigns[:3]], [each.pk for each in campaigns[3:]]
    every_second("Enforce what is due", "Open new days", "Sweep everything")
    stage.server.start()
    stage.processes.start_worker("worker", "--concurrency=2")
    stage.processes.start_beat()
    with ExitStack() as sessions:
        for statement in [
            "SELECT FROM ads_brand WHERE id = %s FOR UPDATE",
            *["SELECT FROM ads_brand WHERE id = %s"] * 5,
        ]:
            session = sessions.enter_context(
                psycopg.connect(stage.database.url)
            )  # a transaction that stays open
            session.execute(statement.encode(), [campaigns[0].brand_id])
        of_held = start_load(stage, campaigns[:3], clients=2)
        load = start_load(stage, campaigns[3:])
        wait_until(lambda: load.senders.answered > 5, seconds=60, what="the load")
        until = time.monotonic() + stage.size(900, quick=20)
        copy = _copied(stage)
        _make_due(held)
        late = 0
        while time.monotonic() < until:
            late = max(late, _overdue(others))
            time.sleep(1)
        yield exactly("requests of the brand that is held, answered", of_held.senders.answered, 0)
        yield at_least("of them, told to come back", of_held.senders.tally["503"], 1)
    yield at_most("the others waited for what was due", late, 60, "s")
    yield from load.ended()
    took = sorted(load.senders.took)
    yield at_most("99 % of the others' requests took", int(took[len(took) * 99 // 100] * 1000), 2000, "ms")
    failed = sorted(set(load.senders.tally) - {"200", "impatient"})
    yield none_of("requests of the others not answered, or refused", failed)
    yield from of_held.ended()
    yield from in_the_books(load, of_held)
    yield exactly("ledger and totals of what was dumped", copy[0], copy[1])


def _make_due(campaign_ids: list[int]) -> None:
    """As if the clock had come to what changes them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE ads_campaign SET next_transition_at = now() WHERE id = ANY(%s)", [campaign_ids]
        )


def _overdue(campaign_ids: list[int]) -> int:
    """For how many seconds one has waited for a tick; if none does, they are made due."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM now() - min(next_transition_at)) FROM ads_campaign "
            "WHERE id = ANY(%s) AND next_transition_at <= now()",
            [campaign_ids],
        )
        (seconds,) = cursor.fetchone()
    if seconds is None:
        _make_due(campaign_ids)
    return int(seconds or 0)


def _copied(stage: Stage) -> tuple[int, int]:
    """Ledger and totals, in micros, of a database made of what pg_dump has written just now."""
    programs = Path(shlex.split((stage.postgresql.data / "postmaster.opts").read_text())[0]).parent
    file, url = stage.directory / "dump", stage.database.url.replace("/budgets?", "/copy?")
    subprocess.run(
        [programs / "pg_dump", "--format=custom", f"--file={file}", stage.database.url], check=True
    )
    with psycopg.connect(stage.database.url, autocommit=True) as session:
        session.execute("CREATE DATABASE copy")
    subprocess.run([programs / "pg_restore", f"--dbname={url}", file], check=True)
    with psycopg.connect(url) as session:
        ledger = session.execute("SELECT sum(amount_micros)::bigint FROM ads_spendlog").fetchone()
        totals = session.execute(
            "SELECT sum(spent_micros)::bigint FROM ads_brandperiod WHERE kind = 'MONTH'"
        ).fetchone()
    assert ledger is not None
    assert totals is not None
    return ledger[0], totals[0]


def _storm(stage: Stage) -> Iterator[Figure]:
    campaigns = make_agency(brands=12, campaigns=2, daily_budget=Decimal(5))
    rows, amount = SpendLog.objects.count(), in_the_ledger()
    batches = stage.size(8, quick=2)
    pks = [campaign.pk for campaign in campaigns]
    connections.close_all()
    with get_context("fork").Pool(WRITERS) as writers:
        failed = writers.starmap(_write, [(pks, number, batches) for number in range(WRITERS)])
    time.sleep(1)  # the server counts with a delay
    with connection.cursor() as cursor:
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = 'budgets'")
        yield exactly("deadlocks", cursor.fetchone()[0], 0)
    yield none_of("batches given up", [str(each) for each in failed if each])
    booked = WRITERS * batches * PER_BATCH
    yield from books(timezone.now(), rows=rows + booked, amount=amount + from_micros(MICROS) * booked)


def _write(pks: list[int], number: int, batches: int) -> int:
    """How many batches failed; between them, somebody changes budgets and the safety net is cast."""
    chance, failed = random.Random(number), 0
    for turn in range(batches):
        ids = [f"{number}-{turn}-{index}" for index in range(PER_BATCH)]
        events = [
            SpendEvent(campaign_id=chance.choice(pks), amount_micros=MICROS, external_id=each) for each in ids
        ]
        try:
            list(ingest.ingest_events(events, source="storm", now=timezone.now()))
            brands = list(Brand.objects.order_by("?")[:6])
            BudgetService.reset_budgets(brands=brands)
            enforcement.sweep(timezone.now())
        except OperationalError:
            failed += 1
    return failed

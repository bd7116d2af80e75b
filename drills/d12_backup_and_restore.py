"""A backup while spend comes in, the database lost, restored, and the last minutes sent again: exact."""

import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple
from unittest import mock
from uuid import uuid4

import psycopg
from django.db import DatabaseError, connection, connections
from django.utils import timezone

from ads.models import SpendLog
from ads.rules.money import from_micros
from ads.services import identity
from ads.services.ingest import ingest_events
from ads.services.records import SpendEvent
from budget_system.processes import wait_until
from drills.agency import books, make_agency
from drills.figures import Figure, at_least, exactly, told
from drills.stage import Stage

SENDERS, BATCH = 4, 100
OVERLAP_SECONDS = 1.0  # as much longer as the replay goes back: what is there already counts once
SECONDS = 300


class Sent(NamedTuple):
    """A batch as its sender remembers it."""

    first: int
    answered_at: float


def drill(stage: Stage) -> Iterator[Figure]:
    """The commands are those of docs/operations.md."""
    count = stage.size(200_000, quick=8_000)
    pks = [each.pk for each in make_agency(brands=5, campaigns=4, daily_budget=Decimal(count) / 10)]
    backup = stage.directory / "budgets.dump"
    connections.close_all()
    with get_context("fork").Pool(SENDERS) as pool:
        sending = pool.starmap_async(_send, [(pks, number, count) for number in range(SENDERS)])
        wait_until(
            lambda: SpendLog.objects.count() > count // 3, seconds=SECONDS, what="a third of the spend"
        )
        began = time.time()
        _run(stage, "pg_dump", "--format=custom", f"--file={backup}", stage.database.url)
        yield told("the backup took", round((time.time() - began) * 1000), "ms")
        sent = list(chain(*sending.get(SECONDS)))
    _lose_database(stage.database.url)
    _run(stage, "pg_restore", "--no-owner", "--exit-on-error", f"--dbname={stage.database.url}", str(backup))
    stage.database.manage("migrate", "--verbosity=0")
    stage.database.manage("reconcile_spend")
    kept = SpendLog.objects.count()
    yield at_least("records that the backup does not have", count - kept, 1)
    again = [batch for batch in sent if batch.answered_at > began - OVERLAP_SECONDS]
    yield at_least("records sent again that it has", len(again) * BATCH - (count - kept), 1)
    for batch in again:
        _book(pks, batch.first)
    yield exactly("history can be rewritten", _rewrites_history(), False)
    yield from books(timezone.now(), rows=count, amount=from_micros(sum(map(_micros, range(count)))))


def control(stage: Stage) -> Iterator[Figure]:
    """Nobody knows a record again."""
    with mock.patch.object(identity, "record_key", side_effect=lambda *_: uuid4().bytes):
        yield from drill(replace(stage, is_quick=True))


def _send(pks: list[int], number: int, count: int) -> list[Sent]:
    """Every so manyeth batch, one after another."""
    batches = []
    for first in range(number * BATCH, count, SENDERS * BATCH):
        _book(pks, first)
        batches.append(Sent(first, time.time()))
    return batches


def _book(pks: list[int], first: int) -> None:
    events = [
        SpendEvent(campaign_id=pks[n % len(pks)], amount_micros=_micros(n), external_id=f"event-{n}")
        for n in range(first, first + BATCH)
    ]
    for answer in ingest_events(events, source="adserver", now=timezone.now()):
        assert answer.result in ("accepted", "duplicate"), answer


def _micros(number: int) -> int:
    return 1_000_000 + number


def _run(stage: Stage, program: str, *arguments: str) -> None:
    """One of the programs that stand beside the server's own."""
    server = Path((stage.postgresql.data / "postmaster.opts").read_text().split()[0])
    subprocess.run([str(server.with_name(program)), *arguments], check=True)


def _lose_database(url: str) -> None:
    """With an empty one in its place."""
    connections.close_all()
    with psycopg.connect(url.replace("/budgets?", "/postgres?"), autocommit=True) as server:
        server.execute("DROP DATABASE budgets WITH (FORCE)")
        server.execute("CREATE DATABASE budgets")


def _rewrites_history() -> bool:
    """Whether the guards did not come back."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE ads_spendlog SET amount_micros = 1")
    except DatabaseError:
        return False
    return True

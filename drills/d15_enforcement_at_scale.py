"""4 workers and 2 beats at 100,000 campaigns under constant spend, killed 20 times: nobody runs over budget."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from ctypes import c_int
from dataclasses import dataclass
from multiprocessing import get_context
from random import Random
from unittest import mock

from django.db import connection, connections
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from ads.models import Kind, StatusChange
from ads.rules.money import from_micros
from ads.services import booking, enforcement, ingest
from ads.services.records import SpendEvent
from benchmarks.by_hand import REASONS
from benchmarks.crowd import BUDGET, CAMPAIGNS_EACH, make_crowd
from drills.agency import books
from drills.figures import Figure, at_least, exactly, told
from drills.stage import Stage

FORK = get_context("fork")
WORKERS, BEATS, WRITERS = 4, 2, 2
EVENTS_AT_ONCE = 100
EVERY_SECONDS = {"Enforce what is due": 1, "Open new days": 2, "Sweep everything": 3}
# What a killed worker held goes to another soon.
SETTINGS = """
from budget_system.settings import *
CELERY_BROKER_TRANSPORT_OPTIONS |= {"visibility_timeout": 5}
"""
OVER_BUDGET = f"""
    SELECT count(*) FROM ({REASONS}) AS found
    WHERE was_status = 'ACTIVE' AND reasons ~ '(DAILY|MONTHLY|TOTAL)'
"""  # noqa: S608 - nothing is put in


def drill(stage: Stage) -> Iterator[Figure]:
    """Two processes book all the while; between the kills and after each the database is asked who runs over."""
    yield from _enforce(stage, stage.size(100_000, quick=1_000), stage.size(20, quick=3))


def control(stage: Stage) -> Iterator[Figure]:
    """Who books does not decide: that is left to the tick, the rollover and the sweep every three seconds."""
    with mock.patch.object(booking, "_decide"):
        yield from _enforce(stage, 1_000, 6)


def _enforce(stage: Stage, campaigns: int, kills: int) -> Iterator[Figure]:
    make_crowd(campaigns, timezone.now(), is_spent=False)
    _keep_the_schedule_busy()
    writers = [_Writer(stage.seed, number, campaigns) for number in range(WRITERS)]
    crew = _start_crew(stage)
    over = list[int]()
    for _ in range(kills):
        over += _look_for(stage.chance.uniform(0.5, 2))
        victim = stage.chance.choice(crew)
        os.killpg(victim.process.pid, signal.SIGKILL)
        victim.process.wait()
        over.append(_over_budget())
        victim.process = victim.start()
    batches = [writer.stop() for writer in writers]
    stage.processes.stop()
    over.append(_over_budget())
    now = timezone.now()
    left = enforcement.tick(now).changed
    missed = enforcement.sweep(now).changed
    changes = StatusChange.objects.count()
    yield at_least("looks at who runs", len(over), 2 * kills + 1)
    yield exactly("most active over budget at any look", max(over), 0)
    yield at_least("changes of status", changes, campaigns // 2)
    yield told("of them by the clock after the end", left)
    yield exactly("that a last sweep found missed", missed, 0)
    events = [
        event
        for number, count in enumerate(batches)
        for batch in range(count)
        for event in _events(stage.seed, number, batch, campaigns)
    ]
    amount = from_micros(sum(event.amount_micros for event in events))
    yield from books(timezone.now(), rows=len(events), amount=amount)


@dataclass
class _Member:
    start: Callable[[], "subprocess.Popen[bytes]"]
    process: "subprocess.Popen[bytes]"


def _start_crew(stage: Stage) -> list[_Member]:
    """Workers and beats, each known by how it is started again."""
    (stage.directory / "quick_settings.py").write_text(SETTINGS)
    env = {
        "DJANGO_SETTINGS_MODULE": "quick_settings",
        "PYTHONPATH": str(stage.directory),
        "SWEEP_PARTS": str(WORKERS),
    }
    starts: list[Callable[[], subprocess.Popen[bytes]]] = [
        *(lambda name=f"worker{n}": stage.processes.start_worker(name, **env) for n in range(WORKERS)),
        *(lambda name=f"beat{n}": stage.processes.start_beat(name, **env) for n in range(BEATS)),
    ]
    return [_Member(start, start()) for start in starts]


def _keep_the_schedule_busy() -> None:
    PeriodicTask.objects.exclude(name__in=EVERY_SECONDS).update(enabled=False)
    for name, seconds in EVERY_SECONDS.items():
        interval, _ = IntervalSchedule.objects.get_or_create(every=seconds, period=IntervalSchedule.SECONDS)
        PeriodicTask.objects.filter(name=name).update(interval=interval)


def _look_for(seconds: float) -> list[int]:
    """How many ran over their budgets, again and again for so long."""
    deadline, over = time.monotonic() + seconds, list[int]()
    while not over or time.monotonic() < deadline:
        over.append(_over_budget())
    return over


def _over_budget() -> int:
    """How many campaigns run though a budget is reached, by a statement that knows nothing of the rule's code."""
    with connection.cursor() as cursor:
        cursor.execute(OVER_BUDGET, {"now": timezone.now()})
        return int(cursor.fetchone()[0])


class _Writer:
    """A process that books batch after batch until it is told that it is over."""

    def __init__(self, seed: int, number: int, campaigns: int) -> None:
        self._seed, self._number, self._campaigns = seed, number, campaigns
        self._is_over, self._batches = FORK.Event(), FORK.Value(c_int, 0)
        connections.close_all()
        self._process = FORK.Process(target=self._write, daemon=True)
        self._process.start()

    def _write(self) -> None:
        while not self._is_over.is_set():
            events = _events(self._seed, self._number, self._batches.value, self._campaigns)
            list(ingest.ingest_events(events, source=f"writer {self._number}", now=timezone.now()))
            self._batches.value += 1

    def stop(self) -> int:
        """How many batches it has booked in all."""
        self._is_over.set()
        self._process.join()
        return int(self._batches.value)


def _events(seed: int, number: int, batch: int, campaigns: int) -> list[SpendEvent]:
    """Of few brands, which reach their budgets and fall below them again as spend and refunds take turns."""
    chance = Random(f"{seed} {number} {batch}")
    brands = max(2, campaigns // CAMPAIGNS_EACH // 10)
    is_refund = batch // brands % 2 == 1
    events = []
    for index in range(EVENTS_AT_ONCE):
        micros = chance.randrange(BUDGET // 400, BUDGET // 40)
        events.append(
            SpendEvent(
                campaign_id=1 + chance.randrange(brands * CAMPAIGNS_EACH),
                amount_micros=-micros if is_refund else micros,
                kind=Kind.REFUND if is_refund else Kind.SPEND,
                external_id=f"{batch}-{index}",
            )
        )
    return events

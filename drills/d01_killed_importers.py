"""SIGKILL of 20 workers, one after another, during one import of 200,000 events with a tenth of them twice: exact."""

import os
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from django.core.files.base import File
from django.test import override_settings
from django.utils import timezone

from ads.importers import Options
from ads.models import Campaign, ImportMode, ImportState, SpendImport, SpendLog
from ads.rules.money import from_micros
from ads.services import import_jobs
from budget_system.processes import wait_until
from drills.agency import books, make_agency
from drills.figures import Figure, at_least, exactly
from drills.stage import Stage

COLUMNS = {"date": "Day", "campaign": "Campaign", "amount": "Cost", "id": "Id"}
SECONDS = 180  # for any one step


def drill(stage: Stage) -> Iterator[Figure]:
    """Each time another worker goes on: every second one is killed while it reads, the others while they book."""
    yield from _import(stage, stage.size(200_000, quick=20_000), stage.size(20, quick=2))


def control(stage: Stage) -> Iterator[Figure]:
    """The workers know no record again."""
    yield from _import(stage, 20_000, 1, "--include=drills.forgetful")


def _import(stage: Stage, events: int, kills: int, *options: str) -> Iterator[Figure]:
    distinct = events * 9 // 10
    amount = from_micros(sum(map(_micros, range(distinct))))
    campaigns = make_agency(brands=1, campaigns=10, daily_budget=from_micros(5_000 * distinct))
    path = _write(stage, campaigns, events, distinct)
    media = str(stage.directory / "media")
    request = import_jobs.Request(
        brand=campaigns[0].brand, options=Options(columns=COLUMNS), mode=ImportMode.EVENTS, source="adserver"
    )
    with override_settings(MEDIA_ROOT=media), path.open("rb") as file:
        record = import_jobs.upload(File(file), path.name, request, now=timezone.now())

    worker = stage.processes.start_worker("worker0", *options, MEDIA_ROOT=media)
    stage.processes.send("ads.tasks.work_on_import", record.pk)
    _wait_for("the check", lambda: _state() == ImportState.CHECKED)
    import_jobs.confirm(record)
    stage.processes.send("ads.tasks.work_on_import", record.pk)
    killed_at_work = 0
    for kill in range(1, kills + 1):
        if kill % 2:
            _wait_for("more rows", partial(_has_booked, distinct * kill // (kills + 1)))
        else:
            _wait_for("a look into the file", _reads)
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
        killed_at_work += _state() == ImportState.IMPORTING
        SpendImport.objects.update(held_until=timezone.now())  # as if the time that it is held for had passed
        worker = stage.processes.start_worker(f"worker{kill}", *options, MEDIA_ROOT=media)
        stage.processes.send("ads.tasks.go_on_with_imports")
    _wait_for("the end", lambda: _state() not in SpendImport.AT_WORK)

    record.refresh_from_db()
    yield at_least("workers killed while they imported", killed_at_work, kills)
    yield exactly("state of the import", record.state, ImportState.DONE)
    counted = (record.rows, record.accepted, record.duplicates)
    yield exactly("rows, recorded, repeated", counted, (events, distinct, events - distinct))
    yield from books(timezone.now(), rows=distinct, amount=amount)


def _write(stage: Stage, campaigns: list[Campaign], events: int, distinct: int) -> Path:
    """A table with so many rows in any order, so many of them different."""
    numbers = [*range(distinct), *stage.chance.sample(range(distinct), events - distinct)]
    stage.chance.shuffle(numbers)
    path, day = stage.directory / "events.csv", timezone.now().date()
    with path.open("w") as file:
        file.write("Day,Campaign,Cost,Id\n")
        for n in numbers:
            name = campaigns[n % len(campaigns)].name
            file.write(f"{day},{name},{from_micros(_micros(n))},event-{n}\n")
    return path


def _micros(number: int) -> int:
    return 10_000 + number


def _state() -> str:
    return SpendImport.objects.get().state


def _reads() -> bool:
    return SpendImport.objects.get().stage == "Reading"


def _has_booked(rows: int) -> bool:
    return SpendLog.objects.count() > rows


def _wait_for(what: str, is_so: Callable[[], bool]) -> None:
    wait_until(is_so, seconds=SECONDS, what=what)

"""Files that nobody can read and work that kills its process each time: let go after five tries, the rest goes on."""

import gzip
import io
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

from django.core.files.base import ContentFile
from django.test import override_settings
from django.utils import timezone

from ads.importers import Options
from ads.models import Brand, ImportMode, ImportState, SpendImport
from ads.services import import_jobs
from budget_system.processes import wait_until
from drills import deadly
from drills.agency import books, make_agency
from drills.figures import Figure, at_most, exactly
from drills.memory import memory_stays
from drills.stage import Stage

COLUMNS = {"date": "Day", "campaign": "Campaign", "amount": "Cost", "id": "Id"}
HEADER = b"Day,Campaign,Cost,Id\n"
TRIES = 5
WORST_SECONDS = 4 * 5 + 10  # until it is let go, the pauses in between included
SECONDS = 180


def drill(stage: Stage) -> Iterator[Figure]:
    """Two processes serve all queues, so whatever hangs or dies is in everybody's way."""
    (campaign,) = make_agency(brands=1, campaigns=1, daily_budget=Decimal(10))
    worker, notes = _start(stage)
    stage.processes.send("drills.die")
    good = HEADER + f"{timezone.now().date()},{campaign.name},12.34,1\n".encode()
    with override_settings(MEDIA_ROOT=str(stage.directory / "media")):
        for name, content in {**_poison(stage), deadly.FILE_NAME: good, "good.csv": good}.items():
            _upload(campaign.brand, name, content)
    _work_until(stage, lambda: not SpendImport.objects.filter(state=ImportState.CHECKING).exists())
    import_jobs.confirm(SpendImport.objects.get(file_name="good.csv"))
    _work_until(stage, lambda: not SpendImport.objects.filter(state=ImportState.IMPORTING).exists())
    wait_until(lambda: notes.read_text().count("task") >= TRIES, seconds=SECONDS, what="the last try")
    time.sleep(10)  # for one more, were there one

    yield exactly("tries of a task that kills its process", notes.read_text().count("task"), TRIES)
    yield exactly("tries of a file that kills its reader", notes.read_text().count("file"), TRIES)
    taken = SpendImport.objects.exclude(state=ImportState.REFUSED).values_list("file_name", flat=True)
    yield exactly("files taken in", list(taken), ["good.csv"])
    yield exactly("processes lost", stage.processes.log("worker").count("exited with 'signal 9"), 2 * TRIES)
    yield from books(timezone.now(), rows=1, amount=Decimal("12.34"))
    yield from memory_stays(stage, worker, tasks=stage.size(200_000, quick=1_000))


def control(stage: Stage) -> Iterator[Figure]:
    """A message comes again each time, as Celery has it without a limit."""
    _, notes = _start(stage)
    stage.processes.send("drills.die_for_ever")
    time.sleep(WORST_SECONDS)
    yield at_most("tries of a task that kills its process", notes.read_text().count("task"), TRIES)


def _start(stage: Stage) -> tuple[subprocess.Popen[bytes], Path]:
    notes = stage.directory / "notes"
    notes.touch()
    env = {deadly.NOTES: str(notes), "MEDIA_ROOT": str(stage.directory / "media")}
    options = ("--include=drills.deadly", "--concurrency=2")
    return stage.processes.start_worker("worker", *options, **env), notes


def _poison(stage: Stage) -> dict[str, bytes]:
    """What is no table, claims to be one, or grows to gigabytes when it is opened."""
    noise, zeros = stage.chance.randbytes(100_000), b"0" * 1_000_000
    sheet = io.BytesIO()
    with zipfile.ZipFile(sheet, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/worksheets/sheet1.xml", zeros * 300)
    return {
        "noise.csv": noise,
        "noise.xlsx": noise,
        "cut.csv.gz": gzip.compress(noise)[:5_000],
        "bomb.csv.gz": gzip.compress(zeros * 300),
        "bomb.xlsx": sheet.getvalue(),
        "one-line.csv": HEADER + zeros * 5,
        "nothing.csv": b"",
        "nul.csv": HEADER + b"\x00" * 1_000,
        "deep.ndjson": b'{"Day":' + b"[" * 100_000,
        "page.csv": b"<html><body>Please sign in</body></html>",
    }


def _upload(brand: Brand, name: str, content: bytes) -> None:
    request = import_jobs.Request(
        brand=brand, options=Options(columns=COLUMNS), mode=ImportMode.EVENTS, source="adserver"
    )
    import_jobs.upload(ContentFile(content), name, request, now=timezone.now())


def _work_until(stage: Stage, is_so: Callable[[], bool]) -> None:
    """As Beat would go on; the minute and a half that a dead reader holds its file for passes at once."""
    deadline = time.monotonic() + SECONDS
    while not is_so() and time.monotonic() < deadline:
        SpendImport.objects.filter(file_name=deadly.FILE_NAME).update(held_until=timezone.now())
        stage.processes.send("ads.tasks.go_on_with_imports")
        time.sleep(0.5)

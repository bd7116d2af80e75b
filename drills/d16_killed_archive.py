"""SIGKILL of 20 runs that move old months into files, and of 20 that bring one back: not a row is lost or twice."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from importlib.util import find_spec

from django.db.models import Count, Sum
from django.utils import timezone

from ads.models import ArchivedMonth, Campaign, SealedDay, SpendLog
from ads.rules.money import from_micros
from ads.services import reconcile
from ads.services.ingest import ingest_events
from ads.services.records import SpendEvent
from budget_system.environment import BASE_DIR
from budget_system.processes import start_process, wait_until
from drills.agency import books, make_agency
from drills.figures import Figure, NotRun, at_least, exactly, none_of
from drills.stage import Stage

MONTHS = (date(2024, 1, 1), date(2024, 2, 1))
BEFORE = "2024-03"
SECONDS = 180  # for any one step


Held = tuple[int, Decimal]  # rows and their sum


def drill(stage: Stage) -> Iterator[Figure]:
    """Every second run is killed while rows move, the others at any moment before; each time the books are counted."""
    if find_spec("pyarrow") is None:
        raise NotRun("PyArrow is not installed: requirements-archive.txt")
    rows, kills = stage.size(200_000, quick=100_000), stage.size(20, quick=4)
    campaigns = make_agency(brands=5, campaigns=4, daily_budget=None)
    amount = _spend(campaigns, rows)
    files = stage.directory / "archive"
    files.mkdir()
    archive = ["archive_spend", "--before", BEFORE, "--to", str(files)]

    held = (rows, amount)

    leaving = [rows * left // kills for left in range(kills - 1, 0, -1)]
    yield from _kill(stage, archive, leaving, held)
    stage.database.manage(*archive)
    (in_ledger, _), (in_files, _) = _held()
    yield exactly("rows in the ledger", in_ledger, 0)
    yield exactly("rows in files", in_files, rows)
    yield exactly("months sealed", ArchivedMonth.objects.exclude(sealed_at=None).count(), len(MONTHS))

    months = list(ArchivedMonth.objects.order_by("month"))
    coming = [rows // 2 * back // kills for back in range(1, kills)]
    yield from _kill(stage, ["restore_spend", str(files / months[0].file_name)], coming, held)
    for month in ArchivedMonth.objects.all():
        stage.database.manage("restore_spend", str(files / month.file_name))
    yield exactly("months that are not back", ArchivedMonth.objects.count(), 0)
    yield from books(timezone.now(), rows=rows, amount=amount)


def _spend(campaigns: Sequence[Campaign], rows: int) -> Decimal:
    """So much in both months; its sum."""
    events = [
        SpendEvent(
            campaign_id=campaigns[n % len(campaigns)].pk,
            amount_micros=1_000_000 + n,
            external_id=f"event-{n}",
            occurred_at=datetime.combine(MONTHS[n % 2], datetime.min.time(), UTC) + timedelta(hours=n % 600),
        )
        for n in range(rows)
    ]
    for answer in ingest_events(events, source="adserver", now=timezone.now()):
        assert answer.result == "accepted", answer
    return from_micros(sum(event.amount_micros for event in events))


def _kill(stage: Stage, command: Sequence[str], counts: Sequence[int], held: Held) -> Iterator[Figure]:
    """Runs it again and again, killed soon after it began and where the ledger has come to each count in turn."""
    at_work, wrong = 0, list[str]()
    for count in counts:
        before = SpendLog.objects.count()
        process = _start(stage, command)
        time.sleep(stage.chance.uniform(0.5, 2))
        _kill_it(process)
        wrong += _not_closed(held)
        process = _start(stage, command)
        wait_until(
            partial(_is_past, count, before, process), seconds=SECONDS, what=f"{count} rows in the ledger"
        )
        _kill_it(process)
        at_work += ArchivedMonth.objects.filter(sealed_at=None).exists()
        wrong += _not_closed(held)
    yield at_least(f"{command[0]} killed while rows moved", at_work, len(counts) // 2)
    yield none_of("looks at which ledger and files were not all there is", wrong)


def _start(stage: Stage, command: Sequence[str]) -> subprocess.Popen[bytes]:
    manage = [sys.executable, str(BASE_DIR / "manage.py"), *command]
    return start_process(manage, env=stage.database.env, cwd=BASE_DIR, log=stage.directory / "command.log")


def _kill_it(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _is_past(count: int, before: int, process: subprocess.Popen[bytes]) -> bool:
    """Whether the ledger has come to this count, from above or from below, or nothing moves any more."""
    now = SpendLog.objects.count()
    return (now <= count if count < before else now >= count) or process.poll() is not None


def _held() -> tuple[Held, Held]:
    """Rows and amount in the ledger, and of what has left it."""
    log = SpendLog.objects.aggregate(rows=Count("pk"), micros=Sum("amount_micros"))
    out = SealedDay.objects.aggregate(rows=Sum("row_count"), micros=Sum("amount_micros"))
    ledger, files = ((int(each["rows"] or 0), from_micros(int(each["micros"] or 0))) for each in (log, out))
    return ledger, files


def _not_closed(held: Held) -> list[str]:
    (rows, amount), (rows_out, amount_out) = _held()
    found = [str(each) for each in reconcile.reconcile(timezone.now()).differences]
    if (rows + rows_out, amount + amount_out) != held:
        found.append(f"{rows} + {rows_out} rows, {amount} + {amount_out}")
    return found

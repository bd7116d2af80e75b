"""What has to be so for the system to do its work: each check says what is wrong, and what to do about it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import celery
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from kombu.exceptions import OperationalError

from ads.models import JobProgress
from ads.services import heartbeats
from ads.services.sweeping import job_name

# Both are written every 20 s at most.
SILENT_AFTER = timedelta(seconds=90)
# A sweep begins every 5 minutes.
SWEPT_WITHIN = timedelta(minutes=15)
BROKER_SECONDS = 2


class Level(StrEnum):
    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found, and what is to be done where it is not OK."""

    name: str
    level: Level
    said: str
    todo: str = ""


def ok(name: str, said: str) -> Finding:
    return Finding(name, Level.OK, said)


def warn(name: str, said: str, todo: str) -> Finding:
    return Finding(name, Level.WARN, said, todo)


def fail(name: str, said: str, todo: str) -> Finding:
    return Finding(name, Level.FAIL, said, todo)


Check = Callable[[datetime], Finding]


def database(_now: datetime) -> Finding:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        todo = "Start the database, or correct DATABASE_URL (or the DB_ settings)."
        return fail("database", f"It cannot be reached: {first_line(error)}.", todo)
    return ok("database", f"{connection.display_name} answers.")


def migrations(_now: datetime) -> Finding:
    executor = MigrationExecutor(connection)
    missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    if missing:
        return fail("migrations", f"{missing} are not applied.", "Run `manage.py migrate`.")
    return ok("migrations", "All are applied.")


def broker(_now: datetime) -> Finding:
    try:
        with celery.current_app.connection_for_write(connect_timeout=BROKER_SECONDS) as broker_connection:
            broker_connection.ensure_connection(max_retries=1, timeout=BROKER_SECONDS)
    except (OperationalError, OSError) as error:
        todo = (
            "Start Redis or Valkey, or correct CELERY_BROKER_URL. Spend is taken and pauses happen meanwhile."
        )
        return fail("broker", f"It cannot be reached: {first_line(error)}.", todo)
    return ok("broker", "It answers.")


def beat(now: datetime) -> Finding:
    todo = "Start beat: `celery -A budget_system beat`. Without it no window, midnight or sweep is seen to."
    return _alive("beat", heartbeats.last_seen(), heartbeats.BEAT, now, todo)


def worker(now: datetime) -> Finding:
    todo = (
        "Start a worker: `celery -A budget_system worker`; if one runs, see whether its queue is long, and "
        "whether “Show that work is done” is enabled under Periodic tasks."
    )
    return _alive("worker", heartbeats.last_seen(), heartbeats.WORKER, now, todo)


def _alive(name: str, seen: Mapping[str, JobProgress], key: str, now: datetime, todo: str) -> Finding:
    if key not in seen:
        return fail(name, "It has never been seen.", todo)
    silence = now - seen[key].updated_at
    if silence > SILENT_AFTER:
        return fail(name, f"It was last seen {ago(silence)} ago.", todo)
    return ok(name, f"It was seen {ago(silence)} ago.")


def sweep(now: datetime) -> Finding:
    """The safety net. It need not have been cast before beat has been there for as long as it may take."""
    swept = last_sweep()
    since = swept
    if since is None:
        beats = heartbeats.last_seen()
        since = beats[heartbeats.BEAT].started_at if heartbeats.BEAT in beats else None
    todo = "See what the worker's log says of enforce_budgets; more SWEEP_PARTS and workers make it faster."
    if since is None or now - since > SWEPT_WITHIN:
        said = "Never." if swept is None else f"All was decided again {ago(now - swept)} ago."
        return fail("sweep", said, todo)
    return ok("sweep", "Not yet." if swept is None else f"All was decided again {ago(now - swept)} ago.")


def last_sweep() -> datetime | None:
    """When all parts of a sweep were last done; None where one of them never was."""
    names = [job_name(part, settings.SWEEP_PARTS) for part in range(settings.SWEEP_PARTS)]
    done = [job.finished_at for job in JobProgress.objects.in_bulk(names).values() if job.finished_at]
    return min(done) if len(done) == len(names) else None


NECESSARY: Mapping[str, Check] = {
    "database": database,
    "migrations": migrations,
    "broker": broker,
    "beat": beat,
    "worker": worker,
    "sweep": sweep,
}


NEED_NO_DATABASE = frozenset(
    {"database", "broker", "cache", "settings", "static files", "media", "time zones", "mail", "errors"}
)
SEE_TO_DATABASE = "See to the database and its migrations first."


def failing(now: datetime) -> list[str]:
    """The names of the necessary checks that fail; those that need the database fail with it."""
    return [name for name, finding in examine(NECESSARY, now).items() if finding.level == Level.FAIL]


def examine(checks: Mapping[str, Check], now: datetime) -> dict[str, Finding]:
    """What each of these checks finds, in their order. Where the database is away, those that ask it do not wait."""
    found: dict[str, Finding] = {}
    for name, check in checks.items():
        is_away = "database" in found and found["database"].level == Level.FAIL
        if is_away and name not in NEED_NO_DATABASE:
            found[name] = fail(name, "It cannot be told without the database.", SEE_TO_DATABASE)
        else:
            found[name] = _examined(name, check, now)
    return found


def _examined(name: str, check: Check, now: datetime) -> Finding:
    try:
        return check(now)
    except DatabaseError as error:
        return fail(name, f"It cannot be told: {first_line(error)}.", SEE_TO_DATABASE)


def ago(past: timedelta) -> str:
    """So much time in words, such as "40 s", "12 min", "3 h", "2 days"."""
    seconds = int(past.total_seconds())
    for size, unit in ((172_800, "days"), (7_200, "h"), (120, "min")):
        if seconds >= size:
            return f"{seconds // {'days': 86_400, 'h': 3_600, 'min': 60}[unit]} {unit}"
    return f"{max(0, seconds)} s"


def first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")

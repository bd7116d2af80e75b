"""A look at a whole installation: what is necessary, and all else that is set wrong or going wrong unnoticed."""

import random
import tempfile
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from django.conf import settings
from django.contrib.staticfiles.storage import ManifestFilesMixin, staticfiles_storage
from django.core.cache import cache
from django.core.checks import Tags, run_checks
from django.core.mail import get_connection
from django.db import DatabaseError, InterfaceError, connection
from django.db.models import Count, Min
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from redis.exceptions import RedisError

from ads import guards
from ads.beat import ENTRIES
from ads.models import (
    Brand,
    Campaign,
    Delivery,
    DeliveryState,
    NotificationChannel,
    QuarantinedSpend,
    QuarantineState,
)
from ads.services import health, heartbeats, replica
from ads.services.health import Check, Finding, Level, ago, fail, first_line, ok, warn
from ads.services.reconcile import reconcile
from budget_system import sentry
from budget_system.replica import has_replica

# Beat writes down every 3 minutes when it sent what.
SYNCED_EVERY = timedelta(minutes=3)
SKEW_TO_NAME = timedelta(seconds=2)
SKEW_TOO_LARGE = timedelta(seconds=20)
DUE_TO_NAME = timedelta(minutes=1)
DUE_TOO_LONG = timedelta(minutes=5)
# Beat has the outbox drained every 10 s.
OVERDUE_TO_NAME = timedelta(minutes=2)
OVERDUE_TOO_LONG = timedelta(minutes=10)
BRANDS_COMPARED = 20
MAIL_SECONDS = 5


def examine(now: datetime) -> list[Finding]:
    """What all checks find, in the order in which one would look."""
    return list(health.examine(CHECKS, now).values())


def _settings(_now: datetime) -> Finding:
    if settings.DEBUG:
        return warn(
            "settings", "DEBUG is on: errors are shown in full.", "Set DEBUG=false but for developing."
        )
    found = run_checks(tags=[Tags.security], include_deployment_checks=True)
    if found:
        said = "Not safe on the internet: " + "; ".join(_sentence(message.msg) for message in found) + "."
        todo = "In production set SECURE=true and what it then asks for; the trial on this machine needs none of it."
        return warn("settings", said, todo)
    return ok("settings", "Safe for production.")


def _sentence(text: str) -> str:
    return text.partition(". ")[0].rstrip(".").replace("\n", " ")


def _guards(_now: datetime) -> Finding:
    missing = guards.missing()
    if missing:
        todo = "Run `manage.py migrate`, which puts them back, and find out who dropped them."
        return fail("guards", f"History could be changed: {_named(missing)} missing.", todo)
    return ok("guards", "The database refuses to change history.")


def _replica(_now: datetime) -> Finding:
    if not has_replica():
        return ok("replica", "There is none: reports read the primary too.")
    try:
        standing = replica.look()
    except (DatabaseError, InterfaceError) as error:
        todo = "Start it, or correct REPLICA_DATABASE_URL."
        said = f"It cannot be asked, so reports read the primary: {first_line(error)}."
        return warn("replica", said, todo)
    if not standing.is_copy:
        todo = (
            "Let REPLICA_DATABASE_URL lead to a streaming replica of this very database, or leave it empty."
        )
        return fail("replica", "It is no replica of this database, so reports read the primary.", todo)
    how_far = "" if standing.behind is None else f" by {ago(standing.behind)}"
    if not standing.is_near:
        todo = "See pg_stat_replication on the primary and the replica's log."
        return warn("replica", f"It is behind{how_far}, so reports read the primary.", todo)
    return ok("replica", f"It is behind{how_far}." if standing.behind else "It has all that the primary has.")


def _cache(_now: datetime) -> Finding:
    if "locmem" in settings.CACHES["default"]["BACKEND"]:
        said = "Each process has its own: each counts requests to the API for itself."
        return warn("cache", said, "Set CACHE_URL to a Redis, or use one as CELERY_BROKER_URL.")
    try:
        cache.set("doctor", 1, timeout=10)
        answered = cache.get("doctor") == 1
    except (RedisError, OSError):
        answered = False
    if not answered:
        todo = "Start the Redis of CACHE_URL (or of the broker), or correct it."
        return warn("cache", "It does not answer: requests to the API are not limited.", todo)
    return ok("cache", "It answers.")


def _schedule(now: datetime) -> Finding:
    rows = {row.name: row for row in PeriodicTask.objects.select_related("interval")}
    beat = heartbeats.last_seen().get(heartbeats.BEAT)
    seen_first = None if beat is None else beat.started_at
    missing, disabled, late = [], [], []
    for entry in ENTRIES:
        row = rows.get(entry.name)
        if row is None:
            missing.append(entry.name)
        elif not row.enabled:
            disabled.append(entry.name)
        elif row.interval is not None:
            since: datetime | None = row.last_run_at or seen_first
            if since is None or now - since > 2 * row.interval.schedule.run_every + SYNCED_EVERY:
                late.append(f"{entry.name} ({'never' if since is None else f'{ago(now - since)} ago'})")
    if missing:
        return fail(
            "schedule", f"Without entry: {_named(missing)}.", "Run `manage.py migrate`, which makes them."
        )
    if late:
        return fail("schedule", f"Not sent in time: {_named(late)}.", "Start beat, or see what its log says.")
    if disabled:
        todo = "Enable them in the admin under Periodic tasks, unless somebody means it."
        return warn("schedule", f"Switched off: {_named(disabled)}.", todo)
    return ok("schedule", f"All {len(ENTRIES)} entries are sent in time.")


def _clock(_now: datetime) -> Finding:
    if connection.vendor != "postgresql":
        return ok("clock", "The database has this machine's.")
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (theirs,) = cursor.fetchone()
    skew = abs(timezone.now() - theirs)
    if skew > SKEW_TO_NAME:
        level = fail if skew > SKEW_TOO_LARGE else warn
        said = f"This machine's and the database's are {ago(skew)} apart."
        return level(
            "clock", said, "Let both follow a time server (NTP): midnights and windows follow these clocks."
        )
    return ok("clock", "This machine's and the database's agree.")


def _static_files(_now: datetime) -> Finding:
    if not isinstance(staticfiles_storage, ManifestFilesMixin):
        return ok("static files", "They are served from where they are.")
    if not (Path(settings.STATIC_ROOT) / "staticfiles.json").exists():
        return fail("static files", "They are not collected: pages fail.", "Run `manage.py collectstatic`.")
    return ok("static files", "They are collected.")


def _media(_now: datetime) -> Finding:
    try:
        Path(settings.MEDIA_ROOT).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=settings.MEDIA_ROOT):
            pass
    except OSError as error:
        todo = "Give the user who runs this the right to write in MEDIA_ROOT, or name another folder."
        return fail("media", f"Files cannot be uploaded: {error.strerror}.", todo)
    return ok("media", "Files can be uploaded.")


def _time_zones(_now: datetime) -> Finding:
    if not available_timezones():
        return fail("time zones", "There are none.", "Run `pip install tzdata`.")
    return ok("time zones", f"There are {len(available_timezones())}.")


def _zones_of_brands(_now: datetime) -> Finding:
    named = Brand.objects.exclude(timezone="").order_by().values_list("timezone", flat=True).distinct()
    unknown = sorted({str(zone) for zone in named if not _exists(str(zone))})
    if unknown:
        todo = "Run `pip install --upgrade tzdata`, or give the brands another zone."
        return fail("zones of brands", f"Not known here: {_named(unknown)}.", todo)
    return ok("zones of brands", "All are known.")


def _exists(zone: str) -> bool:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        return False
    return True


def _mail(_now: datetime) -> Finding:
    if "console" in settings.EMAIL_BACKEND:
        return warn("mail", "It is printed where the worker logs, and not sent.", "Set EMAIL_URL.")
    backend = settings.EMAIL_BACKEND.rpartition(".")[0].rpartition(".")[2]
    if backend != "smtp":
        return ok("mail", f"It goes to {backend}.")
    try:
        with get_connection(timeout=MAIL_SECONDS):
            pass
    except OSError:  # smtplib's errors are of this kind
        todo = "Correct EMAIL_URL, or start the mail server."
        return warn("mail", "The mail server does not let us in: no mail is sent.", todo)
    return ok("mail", "The mail server lets us in.")


def _due(now: datetime) -> Finding:
    due = Campaign.objects.filter(next_transition_at__lte=now)
    backlog = due.aggregate(count=Count("pk"), oldest=Min("next_transition_at"))
    oldest = backlog["oldest"]
    waiting = timedelta() if oldest is None else now - oldest
    if waiting > DUE_TO_NAME:
        level = fail if waiting > DUE_TOO_LONG else warn
        said = f"{backlog['count']} campaigns wait to be decided, the first for {ago(waiting)}."
        return level("due", said, "See whether a worker runs and what its log says of enforce_dayparting.")
    return ok("due", "No campaign waits to be decided.")


def _quarantine(_now: datetime) -> Finding:
    waiting = QuarantinedSpend.objects.filter(state=QuarantineState.OPEN).count()
    if waiting:
        return warn(
            "quarantine", f"Records that are not counted: {waiting}.", "Match or dismiss them in the admin."
        )
    return ok("quarantine", "Nothing waits for a person.")


def _totals(now: datetime) -> Finding:
    ids = list(Brand.objects.values_list("pk", flat=True))
    sample = random.sample(ids, min(len(ids), BRANDS_COMPARED))
    report = reconcile(now, brand_ids=sample)
    if report.differences:
        todo = "Run `manage.py reconcile_spend`, and with --repair; please report it: it ought not to happen."
        said = f"{len(report.differences)} of {report.periods} totals of {report.brands} brands differ from the ledger."
        return fail("totals", said, todo)
    return ok("totals", f"{report.periods} totals of {report.brands} brands equal the ledger.")


def _channels(_now: datetime) -> Finding:
    failing = list(NotificationChannel.objects.failing().order_by("name").values_list("name", flat=True))
    if failing:
        todo = "See in the admin under Channels what went wrong, and try them there."
        return warn("channels", f"Did not deliver when last tried: {_named(failing)}.", todo)
    return ok("channels", "All delivered when last tried.")


def _outbox(now: datetime) -> Finding:
    due = Delivery.objects.filter(state=DeliveryState.PENDING).aggregate(first=Min("due_at"))["first"]
    waiting = timedelta() if due is None else now - due
    if waiting > OVERDUE_TO_NAME:
        level = fail if waiting > OVERDUE_TOO_LONG else warn
        todo = "Start a worker for the queue “effects”; see what its log says of deliver_effects."
        return level("outbox", f"Webhooks and messages wait to be tried, the first for {ago(waiting)}.", todo)
    return ok("outbox", "What is due is tried in time.")


def _errors(_now: datetime) -> Finding:
    if settings.SENTRY_DSN and not sentry.is_installed():
        todo = "Run `pip install -r requirements-sentry.txt`."
        return warn(
            "errors", "SENTRY_DSN is set and Sentry's library is not installed: nothing is reported.", todo
        )
    return ok(
        "errors", "They are reported to Sentry." if settings.SENTRY_DSN else "They are in the log alone."
    )


def _named(names: Iterable[str]) -> str:
    return ", ".join(names)


CHECKS: Mapping[str, Check] = {
    "settings": _settings,
    "database": health.database,
    "migrations": health.migrations,
    "guards": _guards,
    "replica": _replica,
    "broker": health.broker,
    "cache": _cache,
    "beat": health.beat,
    "worker": health.worker,
    "schedule": _schedule,
    "sweep": health.sweep,
    "due": _due,
    "totals": _totals,
    "quarantine": _quarantine,
    "clock": _clock,
    "time zones": _time_zones,
    "zones of brands": _zones_of_brands,
    "static files": _static_files,
    "media": _media,
    "mail": _mail,
    "channels": _channels,
    "outbox": _outbox,
    "errors": _errors,
}


def worst(findings: Iterable[Finding]) -> Level:
    """The worst level among these."""
    levels = {finding.level for finding in findings}
    return next((level for level in (Level.FAIL, Level.WARN) if level in levels), Level.OK)

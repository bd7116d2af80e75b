"""doctor: looks at everything, says what to do in words, and ends with 1 where something fails."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.db.backends.utils import CursorWrapper
from django_celery_beat.models import PeriodicTask
from freezegun import freeze_time
from pytest_django import Settings

from ads import guards
from ads.models import Brand, BrandPeriod, Campaign, Delivery
from ads.services import BudgetService, doctor, health, heartbeats, periods
from ads.services.doctor import CHECKS
from ads.services.health import Finding, Level, fail, ok, warn
from ads.services.sweeping import sweep_part
from ads.tests.factories import (
    BrandFactory,
    CampaignFactory,
    ChannelFactory,
    DaypartingScheduleFactory,
    DeliveryFactory,
)
from ads.tests.moments import NOON
from budget_system.celery import app

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def sound(settings: Settings, tmp_path: Path) -> Iterator[None]:
    """An installation in which all is well at noon."""
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "c"}}
    settings.SECURE_SSL_REDIRECT = settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    settings.SECURE_HSTS_SECONDS = 3600
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = settings.SECURE_HSTS_PRELOAD = True
    settings.SECRET_KEY = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    set_clock_of_database(NOON)
    with freeze_time(NOON):
        call_command("createcachetable", "c")
        PeriodicTask.objects.update(last_run_at=NOON)
        heartbeats.note(heartbeats.BEAT, NOON)
        heartbeats.note(heartbeats.WORKER, NOON)
        sweep_part(0, 1, NOON)
        yield


def set_clock_of_database(at: datetime) -> None:
    """Lets the server's clock stand at this moment, until the test is taken back."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL search_path = public, pg_catalog")
            cursor.execute(
                "CREATE OR REPLACE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql "
                f"AS $$ SELECT timestamptz '{at.isoformat()}' $$"
            )


def found(name: str) -> Finding:
    return health.examine({name: CHECKS[name]}, NOON)[name]


def run(*arguments: str) -> tuple[list[str], str]:
    """What is printed, and said by a run that fails."""
    out, said = StringIO(), ""
    try:
        call_command("doctor", *arguments, stdout=out, no_color=True)
    except CommandError as error:
        said = f"{error} ({error.returncode})"
    return out.getvalue().splitlines(), said


def test_where_all_is_well_each_check_says_so() -> None:
    lines, error = run()
    assert error == ""
    assert [line[:4] for line in lines[:-1]] == ["OK  "] * len(CHECKS)
    assert [line[6:21].strip() for line in lines[:-1]] == list(CHECKS)
    assert lines[-1] == "All is well."


def test_what_fails_is_told_with_what_to_do_and_ends_with_1() -> None:
    PeriodicTask.objects.filter(name="Open new days").delete()
    lines, error = run()
    assert error == "Checks that failed: 1 of 23. (1)"
    at = lines.index("FAIL  schedule         Without entry: Open new days.")
    assert lines[at + 1] == "                       -> Run `manage.py migrate`, which makes them."
    assert "All is well." not in lines


def test_what_is_to_be_considered_is_told_and_does_not_fail(settings: Settings) -> None:
    settings.DEBUG = True
    lines, error = run()
    assert error == ""
    assert lines[0] == "WARN  settings         DEBUG is on: errors are shown in full."
    assert "All is well." not in lines


def test_for_programs_it_is_json() -> None:
    lines, error = run("--json")
    told = json.loads("\n".join(lines))
    assert error == ""
    assert [each["name"] for each in told] == list(CHECKS)
    assert told[1] == {
        "name": "database",
        "level": "OK",
        "said": f"{connection.display_name} answers.",
        "todo": "",
    }


class TestFindings:
    def test_settings_that_are_not_for_the_internet(self, settings: Settings) -> None:
        assert found("settings") == ok("settings", "Safe for production.")
        settings.SESSION_COOKIE_SECURE = False
        assert found("settings").said == (
            "Not safe on the internet: SESSION_COOKIE_SECURE is not set to True."
        )
        assert found("settings").level == Level.WARN

    def test_a_guard_that_was_dropped(self) -> None:
        with guards.lifted():
            assert found("guards").level == Level.FAIL
            assert "ads_spendlog_" in found("guards").said
        assert found("guards").level == Level.OK

    def test_no_replica_is_nothing_to_consider(self) -> None:
        assert found("replica") == ok("replica", "There is none: reports read the primary too.")

    def test_a_cache_of_each_process_alone(self, settings: Settings) -> None:
        settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
        assert found("cache").said.startswith("Each process has its own")

    def test_a_cache_that_does_not_answer(self, settings: Settings) -> None:
        settings.CACHES = {
            "default": {
                "BACKEND": "django.core.cache.backends.redis.RedisCache",
                "LOCATION": "redis://127.0.0.1:1/0",
            }
        }
        assert found("cache").said == "It does not answer: requests to the API are not limited."

    def test_a_broker_that_is_away(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(app.conf, "broker_write_url", "redis://:hush@127.0.0.1:1/0")
        assert found("broker").level == Level.FAIL
        assert "hush" not in found("broker").said

    def test_an_entry_that_a_person_switched_off_and_one_that_is_late(self) -> None:
        PeriodicTask.objects.filter(name="Sweep everything").update(enabled=False)
        assert found("schedule") == warn(
            "schedule",
            "Switched off: Sweep everything.",
            "Enable them in the admin under Periodic tasks, unless somebody means it.",
        )
        PeriodicTask.objects.filter(name="Open new days").update(last_run_at=NOON - 301 * SECOND)
        assert found("schedule") == fail(
            "schedule",
            "Not sent in time: Open new days (5 min ago).",
            "Start beat, or see what its log says.",
        )
        PeriodicTask.objects.filter(name="Open new days").update(last_run_at=NOON - 300 * SECOND)
        assert found("schedule").level == Level.WARN

    def test_an_entry_that_never_ran_has_its_time_from_when_beat_came(self) -> None:
        PeriodicTask.objects.update(last_run_at=None)
        assert found("schedule").level == Level.OK

    def test_campaigns_that_wait_to_be_decided(self) -> None:
        assert found("due") == ok("due", "No campaign waits to be decided.")
        DaypartingScheduleFactory.create()
        Campaign._base_manager.update(next_transition_at=NOON - 61 * SECOND)
        assert found("due").level == Level.WARN
        Campaign._base_manager.update(next_transition_at=NOON - 301 * SECOND)
        assert found("due").level == Level.FAIL
        assert found("due").said == "1 campaigns wait to be decided, the first for 5 min."

    def test_totals_that_differ_from_the_ledger(self) -> None:
        BudgetService.record_spend(CampaignFactory.create(), Decimal(5), now=NOON)
        assert found("totals").said == "5 totals of 1 brands equal the ledger."
        BrandPeriod.objects.filter(kind="DAY").update(spent_micros=1)
        assert found("totals").said == "1 of 5 totals of 1 brands differ from the ledger."
        assert BrandPeriod.objects.get(kind="DAY").spent_micros == 1

    def test_a_zone_that_is_not_known_here(self) -> None:
        BrandFactory.create(timezone="Asia/Kathmandu")
        assert found("zones of brands").level == Level.OK
        Brand._base_manager.update(timezone="Mars/Olympus")
        assert found("zones of brands").said == "Not known here: Mars/Olympus."

    def test_static_files_that_are_not_collected(self, settings: Settings, tmp_path: Path) -> None:
        settings.STATIC_ROOT = tmp_path
        settings.STORAGES = settings.STORAGES | {
            "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}
        }
        assert found("static files").level == Level.FAIL
        (tmp_path / "staticfiles.json").touch()
        assert found("static files").level == Level.OK

    def test_a_folder_for_uploads_that_cannot_be_written(self, settings: Settings, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        settings.MEDIA_ROOT = tmp_path / "file"
        assert found("media").said == "Files cannot be uploaded: File exists."

    def test_a_mail_server_that_is_not_there(self, settings: Settings) -> None:
        assert found("mail") == ok("mail", "It goes to locmem.")
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
        assert found("mail").level == Level.WARN

    def test_mail_that_is_printed(self, settings: Settings) -> None:
        settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
        assert found("mail").said == "It is printed where the worker logs, and not sent."

    def test_what_is_due_and_not_tried(self) -> None:
        DeliveryFactory.create(due_at=NOON - 120 * SECOND)
        assert found("outbox") == ok("outbox", "What is due is tried in time.")
        Delivery.objects.update(due_at=NOON - 121 * SECOND)
        assert found("outbox").level == Level.WARN
        Delivery.objects.update(due_at=NOON - 601 * SECOND)
        assert found("outbox").level == Level.FAIL
        assert found("outbox").said == "Webhooks and messages wait to be tried, the first for 10 min."
        Delivery.objects.update(state="DEAD")
        assert found("outbox").level == Level.OK

    def test_a_channel_that_does_not_deliver(self) -> None:
        assert found("channels").level == Level.OK
        ChannelFactory.create(name="#acme", failing_since=NOON)
        assert found("channels").said == "Did not deliver when last tried: #acme."

    def test_sentry_without_its_library(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        settings.SENTRY_DSN = "https://key@sentry.example/1"
        monkeypatch.setattr("budget_system.sentry.find_spec", lambda _: None)
        assert found("errors").level == Level.WARN
        assert "requirements-sentry.txt" in found("errors").todo

    @pytest.mark.parametrize(
        ("seconds", "level"), [(2, Level.OK), (-3, Level.WARN), (20, Level.WARN), (21, Level.FAIL)]
    )
    def test_a_clock_that_differs_from_the_databases(self, seconds: int, level: Level) -> None:
        set_clock_of_database(NOON + seconds * SECOND)
        if connection.vendor == "sqlite":
            assert found("clock") == ok("clock", "The database has this machine's.")
        else:
            assert found("clock").level == level


def test_without_the_database_the_rest_is_looked_at_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(cursor: CursorWrapper, sql: str, params: object = None) -> None:
        raise OperationalError("away")

    monkeypatch.setattr(CursorWrapper, "execute", away)
    findings = {finding.name: finding for finding in doctor.examine(NOON)}
    assert findings["database"].said == "It cannot be reached: away."
    assert findings["worker"].said == "It cannot be told without the database."
    assert findings["broker"].level == findings["media"].level == Level.OK


def test_it_changes_nothing() -> None:
    periods.rollover(NOON)
    BudgetService.record_spend(CampaignFactory.create(), Decimal(5), now=NOON)
    before = list(BrandPeriod.objects.values()), list(Campaign.objects.values())
    run()
    assert before == (list(BrandPeriod.objects.values()), list(Campaign.objects.values()))

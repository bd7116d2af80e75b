"""A real worker and a real beat, in processes of their own, on a real broker and a database in which all commits."""

import os
import pickle
import signal
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

import kombu
import pytest
from django.db import connection, transaction
from django.utils import timezone

from ads.models import Brand, BrandPeriod, Campaign, Waiver
from ads.rules.serving import Reason, Status
from ads.services import BudgetService, enforcement, periods, reconcile
from ads.services.moments import passing
from ads.tests.factories import BrandFactory, CampaignFactory, DaypartingScheduleFactory
from ads.tests.moments import changes, state, zone_where_it_is
from ads.tests.schedule import every_second
from budget_system.processes import wait_until
from budget_system.testing.fixtures import CeleryProcesses

SECONDS = 120  # after which a test gives up
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

RUNNING = (Status.ACTIVE, ())
PAUSED = (Status.PAUSED, (Reason.BRAND_DAILY,))

pytestmark = pytest.mark.integration


def campaign_of(brand: str, name: str, *, hour: int = 12) -> Campaign:
    """A campaign of a brand that may spend 100.00 a day and is where it is now this hour."""
    owner = BrandFactory.create(name=brand, timezone=zone_where_it_is(hour))
    return CampaignFactory.create(brand=owner, name=name)


def spend(campaign: Campaign, amount: int, at: datetime, now: datetime | None = None) -> None:
    BudgetService.record_spend(campaign, Decimal(amount), occurred_at=at, now=now or at)


class Yesterday:
    """How three brands stood at 16:00 yesterday, when the worker was last seen. It is noon now.

    Since then Acme's new day has reached its budget, for which spend was known before; Globex, which had spent
    all of yesterday's, has entered a new day; and a window of Initech's has closed and opened.
    """

    def __init__(self) -> None:
        now = timezone.now()
        then = now - 20 * HOUR
        self.acme = campaign_of("Acme", "Summer Sale")
        self.globex = campaign_of("Globex", "Winter Sale")
        self.initech = campaign_of("Initech", "Office Hours")
        DaypartingScheduleFactory.create(campaign=self.initech)
        periods.rollover(then)
        spend(self.acme, 100, at=now - 11 * HOUR, now=then)
        spend(self.globex, 100, at=then)
        enforcement.sweep(then + 4 * HOUR)
        assert self.states() == [RUNNING, PAUSED, (Status.PAUSED, (Reason.OUTSIDE_DAYPARTING,))]

    def states(self) -> list[tuple[Status, tuple[Reason, ...]]]:
        return [state(each) for each in (self.acme, self.globex, self.initech)]

    def is_made_right(self) -> bool:
        return self.states() == [PAUSED, RUNNING, RUNNING]

    def has_changed_once(self) -> None:
        """Each campaign changed once since; which task came first does not matter."""
        paused, resumed = "ACTIVE>PAUSED BRAND_DAILY", "PAUSED>ACTIVE -"
        assert without_causes(self.acme) == [paused]
        assert without_causes(self.globex) == [paused, resumed]
        assert without_causes(self.initech) == ["ACTIVE>PAUSED OUTSIDE_DAYPARTING", resumed]


def without_causes(campaign: Campaign) -> list[str]:
    return [change.rpartition(" ")[0] for change in changes(campaign)]


def eventually(what: str, is_so: Callable[[], bool]) -> None:
    wait_until(is_so, seconds=SECONDS, what=what)


def test_the_schedule_fires_and_changes_campaigns(celery_processes: CeleryProcesses) -> None:
    yesterday = Yesterday()
    every_second("Enforce what is due", "Open new days")
    celery_processes.start_worker()
    celery_processes.start_beat()
    eventually("what is due", yesterday.is_made_right)
    eventually("the new day", lambda: not Brand.objects.filter(opened_on__lt=local_today()).exists())
    for line in (
        "Pausing campaign Summer Sale (Acme): Brand daily budget reached",
        "Resuming campaign Winter Sale (Globex): nothing stands against it",
        "Resuming campaign Office Hours (Initech): nothing stands against it",
    ):
        eventually(line, partial(is_logged, celery_processes, line))
    yesterday.has_changed_once()
    assert "Traceback" not in celery_processes.log("worker")


def is_logged(processes: CeleryProcesses, line: str) -> bool:
    return processes.log("worker").count(line) == 1


def test_two_beats_at_once_do_no_harm(celery_processes: CeleryProcesses) -> None:
    yesterday = Yesterday()
    every_second("Enforce what is due", "Open new days", "Sweep everything")
    celery_processes.start_beat("one")
    celery_processes.start_beat("other")
    celery_processes.start_worker("worker", "--concurrency=2")

    def times(name: str, words: str) -> int:
        return celery_processes.log(name).count(words)

    def both_have_sent() -> bool:
        return all(times(beat, "Sending due task") >= 6 for beat in ("one", "other"))

    eventually("both beats", both_have_sent)
    eventually("the worker", lambda: times("worker", "succeeded in") >= 12)
    assert yesterday.is_made_right()
    yesterday.has_changed_once()
    assert "Traceback" not in celery_processes.log("worker")


def local_today() -> date:
    return Brand.objects.all()[0].calendar.local_date(timezone.now())


QUICK = """
from budget_system.settings import *
CELERY_BROKER_TRANSPORT_OPTIONS |= {"visibility_timeout": 2}
"""


def test_a_worker_killed_in_the_middle_loses_nothing(
    celery_processes: CeleryProcesses, tmp_path: Path
) -> None:
    """As when its machine dies: the message goes to another worker when its visibility time-out is over."""
    yesterday = Yesterday()
    (tmp_path / "quick_settings.py").write_text(QUICK)
    env = {"DJANGO_SETTINGS_MODULE": "quick_settings", "PYTHONPATH": str(tmp_path)}
    worker = celery_processes.start_worker("first", **env)
    with transaction.atomic():
        Brand.objects.lock(list(Brand.objects.values_list("pk", flat=True)))
        celery_processes.send("ads.tasks.check_and_update_campaign_status")
        eventually(
            "the task",
            lambda: (
                "check_and_update_campaign_status" in celery_processes.log("first").partition("ready.")[2]
            ),
        )
        eventually("its wait for a lock", somebody_waits_for_a_lock)
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
    assert not yesterday.is_made_right()
    assert "succeeded" not in celery_processes.log("first")
    celery_processes.start_worker("second", **env)
    eventually("the second worker", yesterday.is_made_right)
    yesterday.has_changed_once()


def somebody_waits_for_a_lock() -> bool:
    if connection.vendor == "sqlite":
        return True  # who waits there cannot be seen
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])


class Malicious:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.trace,)


def test_a_worker_refuses_all_but_json_and_goes_on(celery_processes: CeleryProcesses, tmp_path: Path) -> None:
    yesterday = Yesterday()
    celery_processes.start_worker()
    trace = tmp_path / "executed"
    with kombu.Connection(celery_processes.broker_url) as broker, broker.Producer() as producer:
        for body, content_type in (
            (pickle.dumps([[Malicious(trace)], {}, {}]), "application/x-python-serialize"),
            (b"[[], {}, {}]", "application/x-yaml"),
            (b"enforce budgets", "text/plain"),
        ):
            producer.publish(
                body,
                content_type=content_type,
                content_encoding="binary",
                headers={"task": "ads.tasks.enforce_budgets", "id": "1", "lang": "py"},
                routing_key="celery",
            )
    celery_processes.send("ads.tasks.zero_all_spend")
    celery_processes.database.manage(
        "shell", "-c", "from ads import tasks; tasks.check_and_update_campaign_status.delay()",
        CELERY_BROKER_URL=celery_processes.broker_url,
    )  # fmt: skip
    eventually("the task by hand", lambda: "succeeded in" in celery_processes.log("worker"))
    assert yesterday.is_made_right()
    yesterday.has_changed_once()
    log = celery_processes.log("worker")
    for content in ("pickle", "yaml", "text/plain"):
        assert f"Refusing to deserialize untrusted content of type {content}" in log
    assert "Received unregistered task of type 'ads.tasks.zero_all_spend'" in log
    assert log.count("succeeded in") == 1
    assert not trace.exists()


def test_a_midnight_missed_by_3_hours_and_one_by_3_days(celery_processes: CeleryProcesses) -> None:
    """One run of the tasks after the worker's return, and all is as if it had never been away."""
    hours = campaign_of("Hours", "Away for three hours", hour=3)
    again = campaign_of("Again", "Spent out again", hour=3)
    days = campaign_of("Days", "Away for three days", hour=3)
    calendar = hours.brand.calendar
    today = calendar.local_date(timezone.now())
    midnight = calendar.day_start(today)
    for campaign, last_seen in (
        (hours, midnight - HOUR),
        (again, midnight - HOUR),
        (days, midnight - 2 * DAY - HOUR),
    ):
        with transaction.atomic():
            periods._roll_over(last_seen, passing(last_seen), Brand.objects.lock([campaign.brand_id]))
        spend(campaign, 100, at=last_seen)
    spend(hours, 40, at=midnight + HOUR)
    spend(again, 100, at=midnight + HOUR)
    spend(days, 30, at=midnight - HOUR)
    assert [state(each) for each in (hours, again, days)] == [PAUSED] * 3

    celery_processes.start_worker()
    celery_processes.send("ads.tasks.reset_daily_monthly_spends")
    celery_processes.send("ads.tasks.enforce_dayparting")
    eventually("both tasks", lambda: celery_processes.log("worker").count("succeeded in") == 2)

    assert [state(each) for each in (hours, again, days)] == [RUNNING, PAUSED, RUNNING]
    paused = "ACTIVE>PAUSED BRAND_DAILY SPEND"
    assert changes(hours) == changes(days) == [paused, "PAUSED>ACTIVE - ROLLOVER"]
    assert changes(again) == [paused]
    assert days_of(hours.brand) == [(today - DAY, 100, False), (today, 40, True)]
    assert days_of(again.brand) == [(today - DAY, 100, False), (today, 100, True)]
    assert days_of(days.brand) == [
        (today - 3 * DAY, 100, False),
        (today - 2 * DAY, 0, False),
        (today - DAY, 30, False),
        (today, 0, True),
    ]
    assert not Waiver.objects.exists()
    assert reconcile.reconcile(timezone.now()).differences == []


def days_of(brand: Brand) -> list[tuple[date, Decimal | int, bool]]:
    """Each day of the brand, what was spent on it, and whether it is still open."""
    rows = BrandPeriod.objects.filter(brand=brand, kind="DAY").order_by("starts_on")
    return [(row.starts_on, row.spent, row.closed_at is None) for row in rows]

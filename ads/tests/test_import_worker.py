"""Imports in earnest: given in the admin, done by a real worker, killed in the middle, and exact all the same."""

import os
import signal
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import Sum
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from ads.models import Brand, Campaign, ImportState, SpendImport, SpendLog
from ads.services import reconcile
from ads.tests.admin.browser import act_url, page_url
from ads.tests.factories import BrandFactory
from budget_system.processes import wait_until
from budget_system.testing.fixtures import CeleryProcesses

SECONDS = 120  # after which a test gives up
CAMPAIGNS, DAYS = 40, 500

pytestmark = [pytest.mark.integration, pytest.mark.once, pytest.mark.slow]


def eventually(what: str, is_so: Callable[[], bool]) -> None:
    wait_until(is_so, seconds=SECONDS, what=what)


def large_file() -> bytes:
    """Every campaign's spend of each day: 1 cent more for each row."""
    first, cents = date(2024, 1, 1), 0
    lines = ["Day,Campaign,Cost"]
    for number in range(CAMPAIGNS):
        for day in range(DAYS):
            cents += 1
            lines.append(f"{first + timedelta(days=day)},Campaign {number},{cents // 100}.{cents % 100:02}")
    return "\n".join(lines).encode()


def is_in(state: ImportState) -> bool:
    return SpendImport.objects.get().state == state


def test_a_worker_killed_in_the_middle_of_an_import_loses_and_doubles_nothing(
    celery_processes: CeleryProcesses, settings: Any, tmp_path: Path
) -> None:
    settings.STORAGES = settings.STORAGES | {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    }
    settings.MEDIA_ROOT = tmp_path / "media"
    brand = BrandFactory.create(daily_budget=None, monthly_budget=None)
    client = Client()
    client.force_login(User.objects.create_superuser("ada"))
    env = {"MEDIA_ROOT": str(settings.MEDIA_ROOT)}

    form = {"brand": brand.pk, "mode": "snapshot", "file_format": "generic", "create_campaigns": "on"}
    form |= {"date_column": "Day", "campaign_column": "Campaign", "amount_column": "Cost"}
    file = SimpleUploadedFile("large.csv", large_file())
    assert client.post(reverse("admin:ads_spendimport_add"), {"upload": file, **form}).status_code == 302
    record = SpendImport.objects.get()
    celery_processes.send("ads.tasks.work_on_import", record.pk)
    worker = celery_processes.start_worker("first", **env)
    eventually("the check", lambda: is_in(ImportState.CHECKED))
    total = sum(range(1, CAMPAIGNS * DAYS + 1))
    assert (
        f"Record 20,000 rows: ${Decimal(total) / 100:,.2f}." in client.get(page_url(record)).content.decode()
    )
    assert (SpendLog.objects.count(), Campaign.objects.count()) == (0, 0)

    client.post(act_url(record, "record"))
    celery_processes.send("ads.tasks.work_on_import", record.pk)
    eventually("some of it", SpendLog.objects.exists)
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    assert 0 < SpendLog.objects.count() < CAMPAIGNS * DAYS
    assert is_in(ImportState.IMPORTING)

    SpendImport.objects.update(held_until=timezone.now())  # the time that it was held for passes
    celery_processes.start_worker("second", **env)
    celery_processes.send("ads.tasks.go_on_with_imports")
    eventually("the rest", lambda: is_in(ImportState.DONE))
    record.refresh_from_db()
    assert (record.rows, record.accepted, record.duplicates) == (20_000, 20_000, 0)
    assert (record.booked_micros, record.campaigns_created) == (total * 10_000, CAMPAIGNS)
    assert SpendLog.objects.count() == CAMPAIGNS * DAYS
    assert SpendLog.objects.aggregate(sum=Sum("amount_micros"))["sum"] == total * 10_000
    assert set(SpendLog.objects.values_list("recorded_by", flat=True).distinct()) == {"ada"}
    assert reconcile.reconcile(timezone.now()).differences == []
    assert Brand.objects.get() == brand
    shown = client.get(page_url(record)).content.decode()
    assert "20,000 rows are recorded" in shown

    client.post(act_url(record, "undo"))
    celery_processes.send("ads.tasks.work_on_import", record.pk)
    eventually("the undo", lambda: is_in(ImportState.UNDONE))
    assert SpendLog.objects.aggregate(sum=Sum("amount_micros"))["sum"] == 0
    assert SpendLog.objects.count() == 2 * CAMPAIGNS * DAYS

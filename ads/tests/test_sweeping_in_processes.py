"""The safety net cast by several processes at once, one of which is killed in the midst of a transaction."""

import os
import signal
import subprocess
import sys
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from ads.models import Brand, Campaign, JobProgress, StatusChange
from ads.rules.serving import Status
from ads.services import enforcement
from ads.services.sweeping import HELD_FOR, sweep_part
from ads.tests.factories import BrandFactory, CampaignFactory
from budget_system.environment import BASE_DIR
from budget_system.testing.fixtures import CommittedDatabase

SECONDS = 120  # after which a test gives up

pytestmark = pytest.mark.integration

PART = """
import sys
import threading
from datetime import datetime

import django

django.setup()

from ads.services import enforcement
from ads.services.sweeping import sweep_part

part, now, hangs = int(sys.argv[1]), datetime.fromisoformat(sys.argv[2]), sys.argv[3] == "hangs"
enforcement.LOOKED_AT_ONCE = 3  # a brand at a time
record, recorded = enforcement._record, []


def hang_at_the_second(changes, **of):
    record(changes, **of)
    recorded.append(changes)
    if hangs and len(recorded) == 2:  # both written, only the first committed
        print("in the midst", flush=True)
        threading.Event().wait()


enforcement._record = hang_at_the_second
sweep_part(part, 2, now)
"""


@pytest.fixture
def brands(committed_database: CommittedDatabase) -> list[Brand]:
    """Eight of three campaigns each, all of them wrongly off."""
    found = BrandFactory.create_batch(8)
    for brand in found:
        CampaignFactory.create_batch(3, brand=brand)
    Campaign._base_manager.update(status=Status.PAUSED, reason_codes="BRAND_DAILY")
    return found


def start(database: CommittedDatabase, part: int, now: datetime, how: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PART, str(part), now.isoformat(), how]
    return subprocess.Popen(command, env=database.env, cwd=BASE_DIR, text=True, stdout=subprocess.PIPE)


def right(part: int) -> int:
    """How many campaigns of this part of the brands run again."""
    running = Campaign.objects.filter(status=Status.ACTIVE).values_list("brand_id", flat=True)
    return sum(brand_id % 2 == part for brand_id in running)


def test_a_killed_part_is_gone_on_with_and_each_campaign_changes_once(
    committed_database: CommittedDatabase, brands: list[Brand], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    first = start(committed_database, 0, now, "hangs")
    assert first.stdout is not None
    assert first.stdout.readline() == "in the midst\n"
    second = start(committed_database, 1, now, "goes on")
    os.kill(first.pid, signal.SIGKILL)
    assert (first.wait(SECONDS), second.wait(SECONDS)) == (-signal.SIGKILL, 0)
    assert (right(0), right(1)) == (3, 12)

    monkeypatch.setattr(enforcement, "LOOKED_AT_ONCE", 3)
    sweep_part(0, 2, now + timedelta(seconds=1))
    assert right(0) == 3
    sweep_part(0, 2, now + HELD_FOR + timedelta(seconds=30))
    assert right(0) == 12
    assert StatusChange.objects.count() == 24
    assert StatusChange.objects.values("campaign").distinct().count() == 24
    numbers = StatusChange.objects.order_by("brand_id", "sequence").values_list("brand_id", "sequence")
    assert list(numbers) == [(brand.pk, number) for brand in brands for number in (1, 2, 3)]
    assert list(JobProgress.objects.values_list("position", "held_until")) == [(0, None), (0, None)]

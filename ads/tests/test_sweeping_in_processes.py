"""The safety net cast by several processes at once, one of which is killed in the midst of a transaction."""

import os
import signal
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from multiprocessing import get_context
from multiprocessing.process import BaseProcess

import pytest
from django.db import connections
from django.utils import timezone

from ads.models import Brand, Campaign, JobProgress, StatusChange
from ads.rules.serving import Status
from ads.services import enforcement
from ads.services.sweeping import HELD_FOR, sweep_part
from ads.tests.factories import BrandFactory, CampaignFactory
from budget_system.testing.fixtures import CommittedDatabase

SECONDS = 60  # after which a test gives up
FORK = get_context("fork")

pytestmark = pytest.mark.integration


@pytest.fixture
def brands(committed_database: CommittedDatabase) -> list[Brand]:
    """Eight of three campaigns each, all of them wrongly off."""
    found = BrandFactory.create_batch(8)
    for brand in found:
        CampaignFactory.create_batch(3, brand=brand)
    Campaign._base_manager.update(status=Status.PAUSED, reason_codes="BRAND_DAILY")
    return found


def start(work: Callable[..., object], *args: object) -> BaseProcess:
    """A process of its own, with a connection of its own."""
    connections.close_all()
    process = FORK.Process(target=work, args=args, daemon=True)
    process.start()
    return process


def right(part: int) -> int:
    """How many campaigns of this part of the brands run again."""
    running = Campaign.objects.filter(status=Status.ACTIVE).values_list("brand_id", flat=True)
    return sum(brand_id % 2 == part for brand_id in running)


def test_a_killed_part_is_gone_on_with_and_each_campaign_changes_once(
    brands: list[Brand], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    monkeypatch.setattr(enforcement, "LOOKED_AT_ONCE", 3)  # a brand at a time
    in_the_midst = FORK.Event()
    record, recorded = enforcement._record, []

    def hang_at_the_second(changes: Sequence[enforcement.Change], **of: object) -> None:
        record(changes, **of)  # type: ignore[arg-type]
        recorded.append(changes)
        if len(recorded) == 2:  # both written, only the first committed
            in_the_midst.set()
            threading.Event().wait()

    with monkeypatch.context() as hanging:
        hanging.setattr(enforcement, "_record", hang_at_the_second)
        first = start(sweep_part, 0, 2, now)
    second = start(sweep_part, 1, 2, now)
    assert in_the_midst.wait(SECONDS)
    assert first.pid is not None
    os.kill(first.pid, signal.SIGKILL)
    for process in (first, second):
        process.join(SECONDS)
    assert (first.exitcode, second.exitcode) == (-signal.SIGKILL, 0)
    assert (right(0), right(1)) == (3, 12)

    assert decided_by_another(0, now + timedelta(seconds=1)) == 3
    assert decided_by_another(0, now + HELD_FOR + timedelta(seconds=30)) == 12
    assert StatusChange.objects.count() == 24
    assert StatusChange.objects.values("campaign").distinct().count() == 24
    numbers = StatusChange.objects.order_by("brand_id", "sequence").values_list("brand_id", "sequence")
    assert list(numbers) == [(brand.pk, number) for brand in brands for number in (1, 2, 3)]
    assert list(JobProgress.objects.values_list("position", "held_until")) == [(0, None), (0, None)]


def decided_by_another(part: int, now: datetime) -> int:
    """How many campaigns of this part run when another process has taken its turn."""
    process = start(sweep_part, part, 2, now)
    process.join(SECONDS)
    assert process.exitcode == 0
    return right(part)

"""The drill: clients that send until they are answered, a server and a worker that are killed meanwhile; nothing
is lost, nothing counted twice. docs/development.md tells how to run the large one.
"""

import os
import random
import signal
import time
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db.models import Sum

from ads.models import Campaign, SpendKey, SpendLog, StatusChange
from ads.rules.money import from_micros
from ads.services import CampaignService, reconcile
from ads.tests.api.senders import Event, Senders, made_up_event
from ads.tests.api.server import Server
from ads.tests.factories import BrandFactory, CampaignFactory
from budget_system.testing.fixtures import CeleryProcesses

EVENTS = int(os.environ.get("DRILL_EVENTS", "3000"))
IS_LARGE = EVENTS >= 50_000  # a Celery worker is then killed as well
CLIENTS, KILLS = 4, 12 if IS_LARGE else 2
PER_REQUEST = max(10, EVENTS // 400)
PATIENCE_SECONDS = 600

pytestmark = [pytest.mark.integration, pytest.mark.slow]


class Worker:
    """A Celery worker that has work to do, and is killed at it."""

    def __init__(self, processes: CeleryProcesses) -> None:
        self.processes = processes
        self.number = 0
        self.start()

    def start(self) -> None:
        self.number += 1
        self.process = self.processes.start_worker(f"worker{self.number}")
        for task in ("enforce_budgets", "verify_ledger") * 20:
            self.processes.send(f"ads.tasks.{task}")

    def kill_and_start(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.start()


def made_up(campaigns: list[Campaign], chance: random.Random) -> tuple[list[Event], list[Event]]:
    """So many events, and a tenth of them again, in any order; first the events, each once."""
    ids = [campaign.pk for campaign in campaigns]
    events = [made_up_event(ids, number, chance) for number in range(EVENTS)]
    sent = events + chance.sample(events, EVENTS // 10)
    chance.shuffle(sent)
    return events, sent


def test_nothing_is_lost_or_counted_twice_while_all_is_killed(
    server: Server, everything: str, request: pytest.FixtureRequest
) -> None:
    worker = Worker(request.getfixturevalue("celery_processes")) if IS_LARGE else None
    chance = random.Random(1)
    brands = BrandFactory.create_batch(10, daily_budget=Decimal(EVENTS // 20), monthly_budget=None)
    campaigns = [campaign for brand in brands for campaign in CampaignFactory.create_batch(5, brand=brand)]
    events, to_send = made_up(campaigns, chance)
    requests = [to_send[start : start + PER_REQUEST] for start in range(0, len(to_send), PER_REQUEST)]
    senders, number = Senders([server.url], everything, iter(requests), CLIENTS), len(requests)
    began = time.monotonic()
    senders.start()
    for kill in range(1, KILLS + 1):
        while senders.answered < number * kill // (KILLS + 1):
            time.sleep(0.01)
        server.kill()
        if worker is not None:
            worker.kill_and_start()
        server.start()
    senders.join(PATIENCE_SECONDS)
    seconds = time.monotonic() - began

    expected = sum((Decimal(event["amount"]) for event in events), Decimal(0))
    rows = SpendLog.objects.count()
    booked = from_micros(int(SpendLog.objects.aggregate(micros=Sum("amount_micros"))["micros"]))
    print(
        f"\n{len(to_send)} events, {EVENTS} of them distinct, in {number} requests over {seconds:.1f} s; "
        f"{KILLS} kills, {senders.tally.total() - number} retries: {dict(senders.tally)}; "
        f"{rows} rows, sum {booked} of {expected}"
    )
    assert senders.answered == number
    assert senders.unexpected == []
    assert rows == SpendKey.objects.count() == EVENTS
    assert booked == expected
    now = datetime.now(UTC)
    assert reconcile.reconcile(now).differences == []
    for campaign in Campaign.objects.select_related("brand"):
        assert campaign.status == CampaignService.decide_now(campaign, now=now).status
    for brand in brands:
        numbers = StatusChange.objects.filter(brand=brand).order_by("pk").values_list("sequence", flat=True)
        assert list(numbers) == list(range(1, len(numbers) + 1))
    assert senders.tally.total() > number  # or nothing was in the way of anything

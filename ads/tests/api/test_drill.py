"""The drill: clients that send until they are answered, a server and a worker that are killed meanwhile; nothing
is lost, nothing counted twice. docs/development.md tells how to run the large one.
"""

import os
import random
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest
from django.db.models import Sum

from ads.models import Campaign, SpendKey, SpendLog, StatusChange
from ads.rules.money import from_micros
from ads.services import CampaignService, reconcile
from ads.tests.api.server import Server, client
from ads.tests.factories import BrandFactory, CampaignFactory
from budget_system.testing.fixtures import CeleryProcesses

EVENTS = int(os.environ.get("DRILL_EVENTS", "3000"))
IS_LARGE = EVENTS >= 50_000  # a Celery worker is then killed as well
CLIENTS, KILLS = 4, 12 if IS_LARGE else 2
PER_REQUEST = max(10, EVENTS // 400)

pytestmark = [pytest.mark.integration, pytest.mark.slow]

Event = dict[str, Any]


@dataclass
class Drill:
    """What is to be sent, in requests, and what came of it."""

    requests: list[list[Event]]
    chance: random.Random
    tally: Counter[str] = field(default_factory=Counter)
    answered: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def next_request(self) -> list[Event] | None:
        with self._lock:
            return self.requests.pop() if self.requests else None

    def note(self, **what: int) -> None:
        with self._lock:
            self.tally.update(what)

    def done(self) -> None:
        with self._lock:
            self.answered += 1


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
    events = [
        {
            "campaign": chance.choice(campaigns).pk,
            "external_id": f"event-{number}",
            "amount": str(from_micros(chance.randrange(1, 2_000_000))),
            "source": "adserver",
            "occurred_at": datetime.now(UTC).isoformat(),
        }
        for number in range(EVENTS)
    ]
    sent = events + chance.sample(events, EVENTS // 10)
    chance.shuffle(sent)
    return events, sent


def send_until_answered(drill: Drill, server: Server, token: str, number: int) -> None:
    """A client that loses patience now and then, and sends the same again until it is answered."""
    chance = random.Random(number)
    with client(server, token, seconds=10) as http:
        while (items := drill.next_request()) is not None:
            headers = {"Idempotency-Key": f"{number}-{len(drill.requests)}"} if chance.random() < 0.5 else {}
            while not sent(drill, http, items, headers, chance):
                time.sleep(0.1)
            drill.done()


def sent(
    drill: Drill, http: httpx.Client, items: list[Event], headers: dict[str, str], chance: random.Random
) -> bool:
    """Whether it was answered that everything is stored."""
    patience = 0.02 if chance.random() < 0.1 else 10
    try:
        response = http.post("/spend", json=items, headers=headers, timeout=patience)
    except httpx.TransportError as error:
        drill.note(**{type(error).__name__: 1})
        return False
    drill.note(**{str(response.status_code): 1})
    if response.status_code != httpx.codes.OK:
        assert response.status_code in (409, 503), response.text
        return False
    counts = response.json()["counts"]
    assert counts["conflict"] == counts["refused"] == 0, response.text
    return True


def test_nothing_is_lost_or_counted_twice_while_all_is_killed(
    server: Server, everything: str, request: pytest.FixtureRequest
) -> None:
    worker = Worker(request.getfixturevalue("celery_processes")) if IS_LARGE else None
    chance = random.Random(1)
    brands = BrandFactory.create_batch(10, daily_budget=Decimal(EVENTS // 20), monthly_budget=None)
    campaigns = [campaign for brand in brands for campaign in CampaignFactory.create_batch(5, brand=brand)]
    events, to_send = made_up(campaigns, chance)
    requests = [to_send[start : start + PER_REQUEST] for start in range(0, len(to_send), PER_REQUEST)]
    drill, number = Drill(requests, chance), len(requests)
    threads = [
        threading.Thread(target=send_until_answered, args=(drill, server, everything, each))
        for each in range(CLIENTS)
    ]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for kill in range(1, KILLS + 1):
        while drill.answered < number * kill // (KILLS + 1):
            time.sleep(0.01)
        server.kill()
        if worker is not None:
            worker.kill_and_start()
        server.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - began

    expected = sum((Decimal(event["amount"]) for event in events), Decimal(0))
    rows = SpendLog.objects.count()
    booked = from_micros(int(SpendLog.objects.aggregate(micros=Sum("amount_micros"))["micros"]))
    print(
        f"\n{len(to_send)} events, {EVENTS} of them distinct, in {number} requests over {seconds:.1f} s; "
        f"{KILLS} kills, {drill.tally.total() - number} retries: {dict(drill.tally)}; "
        f"{rows} rows, sum {booked} of {expected}"
    )
    assert drill.answered == number
    assert rows == SpendKey.objects.count() == EVENTS
    assert booked == expected
    now = datetime.now(UTC)
    assert reconcile.reconcile(now).differences == []
    for campaign in Campaign.objects.select_related("brand"):
        assert campaign.status == CampaignService.decide_now(campaign, now=now).status
    for brand in brands:
        numbers = StatusChange.objects.filter(brand=brand).order_by("pk").values_list("sequence", flat=True)
        assert list(numbers) == list(range(1, len(numbers) + 1))
    assert drill.tally.total() > number  # or nothing was in the way of anything

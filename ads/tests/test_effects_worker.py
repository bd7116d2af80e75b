"""Effects in earnest: real workers, a real receiver, a broker that dies, and what a kill in the middle leaves."""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from django.utils import timezone

from ads.models import AlertRule, Campaign, Delivery, DeliveryState, DeliveryTarget, WebhookEndpoint
from ads.services import BudgetService
from ads.services.effects import SILENT_SECONDS
from ads.services.outbound import TOTAL_SECONDS
from ads.tests.factories import BrandFactory, CampaignFactory, WebhookEndpointFactory
from ads.tests.receiver import Receiver, Reply, receiving
from budget_system.processes import wait_until
from budget_system.testing.fixtures import CeleryProcesses, CommittedDatabase

SECONDS = 120  # after which a test gives up
TASK = "ads.tasks.deliver_effects"

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture(autouse=True)
def only_changes_of_status(committed_database: CommittedDatabase) -> None:
    """No alerts, so that what is counted here is one event for each pause."""
    AlertRule.objects.all().delete()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def trusting(*receivers: Receiver) -> dict[str, str]:
    """The environment of a worker that may reach these."""
    return {"OUTBOUND_TRUSTED_HOSTS": ",".join(each.host for each in receivers)}


def eventually(what: str, is_so: Callable[[], bool]) -> None:
    wait_until(is_so, seconds=SECONDS, what=what)


def all_delivered() -> bool:
    return not Delivery.objects.exclude(state=DeliveryState.DELIVERED).exists()


def campaigns(many: int) -> list[Campaign]:
    """So many that one unit of spend pauses, each by its own budget."""
    brand = BrandFactory.create(daily_budget=None, monthly_budget=None)
    return CampaignFactory.create_batch(many, brand=brand, daily_budget=Decimal(1))


def pause(*paused: Campaign) -> None:
    """Has each pause by spend."""
    for campaign in paused:
        BudgetService.record_spend(campaign, Decimal(1))


def test_a_worker_killed_before_it_marked_what_it_sent_has_it_sent_again_with_the_same_id(
    celery_processes: CeleryProcesses, receiver: Receiver
) -> None:
    endpoint = WebhookEndpointFactory.create(url=receiver.url)
    receiver.reply = lambda _: hang(receiver)
    pause(*campaigns(1))
    worker = celery_processes.start_worker("first", **trusting(receiver))
    celery_processes.send_to("effects", TASK)
    eventually("the request", lambda: len(receiver.received) == 1)
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    assert Delivery.objects.get().state == DeliveryState.PENDING

    receiver.reply = lambda _: Reply()
    celery_processes.start_worker("second", **trusting(receiver))
    celery_processes.send_to("effects", TASK)
    time.sleep(1)
    assert len(receiver.received) == 1  # the first still holds it
    Delivery.objects.update(held_until=timezone.now())  # the time that it was held for passes
    DeliveryTarget.objects.update(free_at=timezone.now())
    celery_processes.send_to("effects", TASK)
    eventually("the delivery", all_delivered)
    first, second = receiver.received
    assert first.event_id == second.event_id
    assert first.verified(endpoint.secret) == second.verified(endpoint.secret)


def test_two_workers_send_nothing_twice(celery_processes: CeleryProcesses, receiver: Receiver) -> None:
    for _ in range(4):
        WebhookEndpointFactory.create(url=receiver.url)
    pause(*campaigns(25))
    for name in ("one", "two"):
        celery_processes.start_worker(name, **trusting(receiver))
    for _ in range(8):
        celery_processes.send_to("effects", TASK)
    eventually("all deliveries", all_delivered)
    assert len(receiver.received) == 100
    assert set(Counter(receiver.event_ids).values()) == {4}  # once to each endpoint
    assert {row.attempts for row in Delivery.objects.all()} == {1}


PAUSES_WITHOUT_A_BROKER = """
import logging, sys
from decimal import Decimal
from ads.models import Campaign
from ads.services import BudgetService
logging.getLogger("ads").addHandler(logging.StreamHandler(sys.stdout))
for campaign in Campaign.objects.order_by("pk"):
    BudgetService.record_spend(campaign, Decimal(1))
"""


def test_a_dead_broker_costs_one_short_wait_and_beat_delivers_when_it_is_back(
    celery_processes: CeleryProcesses, committed_database: CommittedDatabase, receiver: Receiver
) -> None:
    WebhookEndpointFactory.create(url=receiver.url)
    campaigns(6)
    dead = {"CELERY_BROKER_URL": "redis://127.0.0.1:1/0"}
    began = time.monotonic()
    said = committed_database.manage("shell", "-c", PAUSES_WITHOUT_A_BROKER, **dead)
    assert time.monotonic() - began < SILENT_SECONDS  # the broker's client would try for minutes
    assert said.count("No worker could be told of new effects") == 1
    assert Delivery.objects.filter(state=DeliveryState.PENDING).count() == 6

    celery_processes.start_worker("effects", "--queues=effects", **trusting(receiver))
    celery_processes.start_beat()
    eventually("all deliveries", all_delivered)
    assert len(set(receiver.event_ids)) == len(receiver.event_ids) == 6


def test_a_receiver_that_hangs_delays_neither_ingest_nor_enforcement_nor_another_receiver(
    celery_processes: CeleryProcesses, receiver: Receiver
) -> None:
    first, *others = campaigns(31)
    receiver.reply = lambda _: hang(receiver)
    hanging = WebhookEndpointFactory.create(url=receiver.url)
    with receiving() as quick:
        env = trusting(receiver, quick)
        celery_processes.start_worker("worker", "--queues=celery,ingest,enforcement", **env)
        celery_processes.start_worker("effects", "--queues=effects", "--concurrency=2", **env)
        well = WebhookEndpointFactory.create(url=quick.url)
        stop = threading.Event()
        ringing = threading.Thread(target=ring, args=(celery_processes, stop))
        ringing.start()
        try:
            pause(first)
            eventually("a request that hangs", lambda: bool(receiver.received))
            began = time.monotonic()
            pause(*others)
            # Had each waited for an attempt on it, they would have taken ten times as long.
            assert time.monotonic() - began < len(others) * TOTAL_SECONDS / 10

            Campaign._base_manager.update(status="ACTIVE", reason_codes="")
            celery_processes.send("ads.tasks.enforce_budgets")
            eventually("the pauses", lambda: not Campaign.objects.active().exists())
            eventually("what the other is told", lambda: is_done(well))
        finally:
            stop.set()
            ringing.join()
        assert len(quick.received) == 2 * 31
        assert Delivery.objects.filter(endpoint=hanging, state=DeliveryState.DELIVERED).count() == 0
        # One attempt at a time, so that the other process of the worker is free for others.
        assert len(receiver.received) <= 1 + (time.monotonic() - began) / TOTAL_SECONDS


def is_done(endpoint: WebhookEndpoint) -> bool:
    return not Delivery.objects.filter(endpoint=endpoint).exclude(state=DeliveryState.DELIVERED).exists()


def ring(processes: CeleryProcesses, stop: threading.Event) -> None:
    """What commits do in a system whose broker this process knows."""
    while not stop.wait(0.2):
        processes.send_to("effects", TASK)


def hang(receiver: Receiver) -> Reply:
    """An answer that comes when the test is over."""
    receiver.over.wait(SECONDS)
    return Reply()

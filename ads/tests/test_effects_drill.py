"""The drill of effects: workers killed, answers dropped, Redis emptied; each effect arrives, and counts once.

A target tells what it ought to have got and what it got; another kind of effect is one more of them in `targets`.
EFFECTS_DRILL_EVENTS is how many pauses there are, 20 if it is not given; EFFECTS_DRILL_KILLS how often a worker is
killed, twice if it is not given. In a small drill time passes faster: nobody waits for what is tried again later.
"""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from decimal import Decimal

import pytest
import redis
from django.utils import timezone

from ads.channels.mail import message_id
from ads.models import (
    Alert,
    AlertKind,
    AlertRule,
    Campaign,
    ChannelKind,
    Delivery,
    DeliveryKind,
    DeliveryState,
    DeliveryTarget,
    PlatformConnection,
    PlatformState,
    StatusChange,
)
from ads.services import BudgetService
from ads.tests.factories import BrandFactory, CampaignFactory, ChannelFactory, WebhookEndpointFactory
from ads.tests.mailbox import taking_mail
from ads.tests.platform_stub import OURS, TOKEN, at_acme, connect, running_stub
from ads.tests.receiver import Received, Reply, receiving
from budget_system.testing.fixtures import CeleryProcesses, CommittedDatabase

EVENTS = int(os.environ.get("EFFECTS_DRILL_EVENTS", "20"))
KILLS = int(os.environ.get("EFFECTS_DRILL_KILLS", "2"))
FLUSHES = 3
TRUSTED = "OUTBOUND_TRUSTED_HOSTS"
DROPPED = 0.2
IS_SMALL = KILLS < 10
SECONDS = 240 + 30 * KILLS + EVENTS  # after which it gives up

pytestmark = [pytest.mark.integration, pytest.mark.slow]


class Losses:
    """Loses a fifth of the answers, and counts them."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self.lost = 0

    def __call__(self) -> bool:
        is_lost = self._dice.random() < DROPPED
        self.lost += is_lost
        return is_lost


@dataclass(frozen=True)
class Target:
    """Something that is to be told, and hears it through bad wires."""

    name: str
    expected: Callable[[], set[str]]
    got: Callable[[], list[str]]
    losses: Losses
    env: Mapping[str, str] = field(default_factory=dict)


@pytest.fixture
def campaigns(committed_database: CommittedDatabase) -> list[Campaign]:
    """Each of an account of a platform, and with a budget of its own."""
    brand = BrandFactory.create(daily_budget=None, monthly_budget=None)
    return [
        CampaignFactory.create(brand=brand, daily_budget=Decimal(1), **at_acme(f"c{number}"))
        for number in range(EVENTS)
    ]


@pytest.fixture
def targets(campaigns: list[Campaign]) -> Iterator[list[Target]]:
    AlertRule.objects.all().delete()
    with ExitStack() as open_ones:
        yield [webhook(open_ones), mail(open_ones), platform(open_ones, campaigns)]


def webhook(open_ones: ExitStack) -> Target:
    """A receiver that takes in what it gets, and in a fifth of the cases does not say so."""
    receiver = open_ones.enter_context(receiving())
    endpoint = WebhookEndpointFactory.create(url=receiver.url, event_types=["campaign.status_changed"])
    losses = Losses(42)

    def reply(request: Received) -> Reply:
        request.verified(endpoint.secret)
        time.sleep(0.05)
        return Reply(0) if losses() else Reply()

    receiver.reply = reply
    return Target(
        "webhook",
        expected=lambda: {f"status:{each.brand_id}:{each.sequence}" for each in StatusChange.objects.all()},
        got=lambda: receiver.event_ids,
        losses=losses,
        env={"OUTBOUND_TRUSTED_HOSTS": receiver.host},
    )


def mail(open_ones: ExitStack) -> Target:
    """A mail server that takes in what it gets, and in a fifth of the cases hangs up instead of saying so."""
    mailbox = open_ones.enter_context(taking_mail())
    mailbox.hangs_up = losses = Losses(43)
    AlertRule.objects.create(kind=AlertKind.BUDGET_PAUSE, name="Pauses")
    ChannelFactory.create(kind=ChannelKind.EMAIL, address="team@agency.example")

    def expected() -> set[str]:
        keys = Delivery.objects.filter(kind=DeliveryKind.MESSAGE).values_list("key", flat=True)
        assert len(keys) == Alert.objects.count()
        return {message_id(key) for key in keys}

    return Target(
        "mail",
        expected=expected,
        got=lambda: [str(each["message-id"]) for each in mailbox.received],
        losses=losses,
        env={"EMAIL_URL": mailbox.url},
    )


def platform(open_ones: ExitStack, campaigns: list[Campaign]) -> Target:
    """A platform that does what it is told, in a fifth of the cases does not say so, and logs each change once."""
    stub = open_ones.enter_context(running_stub(**{each.external_id: "running" for each in campaigns}))
    stub.loses_answer = losses = Losses(44)
    connect(stub)
    return Target(
        "platform",
        expected=lambda: {f"{each.external_id} paused by {OURS}" for each in campaigns},
        got=lambda: [f"{change['id']} {change['status']} by {change['actor']}" for change in stub.changes],
        losses=losses,
        env={"PLATFORM_ACME": TOKEN, "OUTBOUND_TRUSTED_HOSTS": stub.url.removeprefix("http://")},
    )


@dataclass
class Workers:
    """The effects' workers: one at a time, to be killed and started again."""

    processes: CeleryProcesses
    env: Mapping[str, str]
    killed: int = 0
    running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.running = self.processes.start_worker(
            f"effects{self.killed}", "--queues=effects", "--concurrency=2", **self.env
        )

    def kill(self) -> None:
        assert self.running is not None
        os.killpg(self.running.pid, signal.SIGKILL)
        self.running.wait()
        self.killed += 1
        if IS_SMALL:
            PlatformConnection.objects.update(held_until=None)
            Delivery.objects.update(held_until=None)


def time_passes() -> None:
    """What is to be tried again later, and nobody is at work on, is due."""
    now = timezone.now()
    Delivery.objects.filter(state=DeliveryState.PENDING, held_until=None).update(due_at=now)
    at_work = Delivery.objects.filter(held_until__gt=now).values("target")
    DeliveryTarget.objects.exclude(name__in=at_work).update(free_at=now)
    PlatformConnection.objects.update(next_try_at=None)
    PlatformState.objects.exclude(drift_since=None).update(next_try_at=now)


def is_quiet() -> bool:
    """Whether everything was told, and every platform does what was decided as far as the system knows."""
    is_told = not Delivery.objects.filter(state=DeliveryState.PENDING).exists()
    return is_told and not PlatformState.objects.exclude(drift_since=None).exists()


def environment(targets: Iterable[Target]) -> dict[str, str]:
    """What the workers are told of all targets."""
    hosts = [each.env[TRUSTED] for each in targets if TRUSTED in each.env]
    return {key: value for each in targets for key, value in each.env.items()} | {TRUSTED: ",".join(hosts)}


def test_each_effect_arrives_and_counts_once(
    celery_processes: CeleryProcesses, broker_url: str, campaigns: list[Campaign], targets: list[Target]
) -> None:
    began = time.monotonic()
    workers = Workers(celery_processes, environment(targets))
    celery_processes.start_beat()
    workers.start()

    batches = [campaigns[start :: KILLS + 1] for start in range(KILLS + 1)]
    # The last time nobody starts anew afterwards.
    flush_after = {KILLS * (number + 1) // FLUSHES for number in range(FLUSHES)}
    with redis.Redis.from_url(broker_url) as broker:
        for number, batch in enumerate(batches):
            for campaign in batch:
                BudgetService.record_spend(campaign, Decimal(1))
                celery_processes.send_to("effects", "ads.tasks.deliver_effects")
                celery_processes.send_to("effects", "ads.tasks.work_on_platforms")
            if number in flush_after:
                broker.flushall()
            if number < KILLS:
                time.sleep(random.uniform(0, 2))
                workers.kill()
                workers.start()

    deadline = time.monotonic() + SECONDS
    while not is_quiet() and time.monotonic() < deadline:
        time.sleep(1)
        if IS_SMALL:
            time_passes()
            celery_processes.send_to("effects", "ads.tasks.deliver_effects")
            celery_processes.send_to("effects", "ads.tasks.work_on_platforms")

    seconds = time.monotonic() - began
    print(f"\n{EVENTS} pauses, {workers.killed} kills, {len(flush_after)} flushes, {seconds:.0f} s")
    for target in targets:
        got = target.got()
        print(
            f"{target.name}: {len(target.expected())} expected, {len(got)} received, "
            f"{len(got) - len(set(got))} of them again, {target.losses.lost} answers lost"
        )
        assert set(got) == target.expected(), target.name
        assert len(target.expected()) == EVENTS
    assert workers.killed == KILLS
    assert not Campaign.objects.active().exists()
    assert set(Delivery.objects.values_list("state", flat=True)) == {DeliveryState.DELIVERED}

"""Alerts told by real processes: each once, however many drain the outbox, and whatever hangs or is killed."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from ads.models import (
    AlertKind,
    AlertRule,
    Campaign,
    Delivery,
    DeliveryState,
    DeliveryTarget,
    NotificationChannel,
)
from ads.rights import VIEWER
from ads.rules.serving import Status
from ads.services import BudgetService
from ads.tests.factories import BrandFactory, CampaignFactory, ChannelFactory
from ads.tests.mailbox import Mailbox, taking_mail
from ads.tests.people import take_role
from ads.tests.receiver import Received, Receiver, Reply, receiving
from budget_system.environment import BASE_DIR
from budget_system.processes import wait_until
from budget_system.testing.fixtures import CeleryProcesses, CommittedDatabase

pytestmark = pytest.mark.integration

BRANDS = 10
DRAIN = """
import django; django.setup()
from django.utils import timezone
from ads.services import effects
effects.drain(timezone.now())
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with taking_mail() as mailbox:
        yield mailbox


def env_for(database: CommittedDatabase, receiver: Receiver, mailbox: Mailbox) -> dict[str, str]:
    return database.env | {
        "OUTBOUND_TRUSTED_HOSTS": receiver.host,
        "EMAIL_URL": mailbox.url,
        "ALERT_SETTLE_SECONDS": "0",
        "SECRET_KEY": "x" * 50,
    }


def make_alerts(receiver: Receiver, brands: int = BRANDS) -> list[Campaign]:
    """Brands that Slack and a person are told of, each spent out in one step."""
    AlertRule.objects.exclude(kind=AlertKind.THRESHOLD).update(is_active=False)
    ChannelFactory.create(name="#alerts", address=receiver.url)
    nina = take_role(User.objects.create_user("nina", "nina@agency.example"), VIEWER)
    campaigns = []
    for number in range(brands):
        brand = BrandFactory.create(name=f"Brand {number}")
        brand.assigned_to.add(nina)
        campaign = CampaignFactory.create(brand=brand)
        BudgetService.record_spend(campaign, Decimal(105))
        campaigns.append(campaign)
    Delivery.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    return campaigns


def expected(brands: int = BRANDS) -> Counter[str]:
    return Counter(
        f"Brand {number}: 50, 80, 90 and 100 % of the daily budget reached" for number in range(brands)
    )


def headings(receiver: Receiver) -> Counter[str]:
    return Counter(request.payload["text"] for request in receiver.received)


def is_settled() -> bool:
    return not Delivery.objects.filter(state=DeliveryState.PENDING).exists()


@pytest.mark.slow
def test_four_processes_that_drain_at_once_tell_each_alert_once(
    committed_database: CommittedDatabase, receiver: Receiver, mailbox: Mailbox
) -> None:
    make_alerts(receiver)
    env = env_for(committed_database, receiver, mailbox)
    drains = [subprocess.Popen([sys.executable, "-c", DRAIN], env=env, cwd=BASE_DIR) for _ in range(4)]
    assert [drain.wait(60) for drain in drains] == [0, 0, 0, 0]
    if not is_settled():  # who found the target taken has left it to the others
        subprocess.run([sys.executable, "-c", DRAIN], env=env, cwd=BASE_DIR, check=True)
    assert is_settled()
    assert headings(receiver) == expected()
    assert Counter(mailbox.subjects) == expected()


@pytest.mark.slow
def test_what_a_killed_process_was_sending_is_sent_again_with_the_same_id(
    committed_database: CommittedDatabase, receiver: Receiver, mailbox: Mailbox
) -> None:
    make_alerts(receiver, brands=1)
    NotificationChannel.objects.filter(kind="slack").update(is_active=False)
    env = env_for(committed_database, receiver, mailbox)
    asked: list[str] = []

    def kill_at_the_end(line: str) -> str:
        """The mail has arrived, and nobody is left to write that down."""
        asked.append(line)
        if line.upper() == "QUIT":
            os.kill(drain.pid, signal.SIGKILL)
        return ""

    mailbox.refuse = kill_at_the_end
    drain = subprocess.Popen([sys.executable, "-c", DRAIN], env=env, cwd=BASE_DIR)
    assert drain.wait(60) == -signal.SIGKILL
    assert len(mailbox.received) == 1
    mailbox.refuse = lambda _: ""
    Delivery.objects.update(held_until=None)
    DeliveryTarget.objects.update(free_at=timezone.now())
    subprocess.run([sys.executable, "-c", DRAIN], env=env, cwd=BASE_DIR, check=True)
    assert is_settled()
    assert len(mailbox.received) == 2
    assert len({mail["message-id"] for mail in mailbox.received}) == 1


@pytest.mark.slow
def test_a_channel_that_hangs_is_seen_within_a_minute_and_holds_up_neither_the_pause_nor_the_mail(
    celery_processes: CeleryProcesses, receiver: Receiver, mailbox: Mailbox
) -> None:
    def hang(_: Received) -> Reply:
        receiver.over.wait()
        return Reply()

    receiver.reply = hang
    (campaign,) = make_alerts(receiver, brands=1)
    campaign.refresh_from_db()
    assert campaign.status == Status.PAUSED

    env = env_for(celery_processes.database, receiver, mailbox)
    celery_processes.start_worker("effects", "--queues=celery,effects", **env)
    celery_processes.send("ads.tasks.deliver_effects")
    slack = NotificationChannel.objects.get(kind="slack")

    def is_seen() -> bool:
        celery_processes.send("ads.tasks.deliver_effects")
        time.sleep(1)
        slack.refresh_from_db()
        return slack.failing_since is not None and len(mailbox.received) == 1

    wait_until(is_seen, seconds=120, what="the channel that hangs")
    assert "No answer within 10 seconds" in slack.last_error

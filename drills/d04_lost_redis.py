"""Redis emptied three times, then stopped for minutes: the API answers, nothing is lost, nobody is told twice."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from decimal import Decimal
from itertools import chain

from django.conf import settings
from django.utils import timezone
from redis import Redis

from ads.models import AlertKind, AlertRule, Campaign, ChannelKind, Delivery, DeliveryState
from ads.tests.api.server import client
from ads.tests.factories import ChannelFactory, WebhookEndpointFactory
from ads.tests.mailbox import taking_mail
from ads.tests.receiver import receiving
from budget_system.processes import NotReadyError, wait_until
from drills.agency import books, make_agency, make_token
from drills.figures import Figure, at_most, exactly, none_of, told
from drills.stage import Stage

CLIENTS = 4
FLUSHES = 3
ENOUGH_SECONDS = 120


def drill(stage: Stage) -> Iterator[Figure]:
    """Beat looks for what nobody was told of."""
    yield from _lose(
        stage, stage.size(800, quick=80), stage.size(600, quick=10), ENOUGH_SECONDS, has_beat=True
    )


def control(stage: Stage) -> Iterator[Figure]:
    """There are only the bells, which were rung in vain."""
    yield from _lose(stage, 80, 10, ENOUGH_SECONDS // 4, has_beat=False)


def _lose(stage: Stage, events: int, stopped: int, patience: int, *, has_beat: bool) -> Iterator[Figure]:
    """One half of the events meets a Redis that is emptied now and then, the other half none."""
    campaigns = make_agency(brands=4, campaigns=events // 4, daily_budget=None)
    Campaign.objects.update(daily_budget_micros=1_000_000)
    AlertRule.objects.all().delete()
    AlertRule.objects.create(kind=AlertKind.BUDGET_PAUSE, name="Pauses")
    token, pks = make_token(), [campaign.pk for campaign in campaigns]
    with taking_mail() as mailbox, receiving() as receiver, Redis.from_url(stage.broker.url) as broker:
        ChannelFactory.create(kind=ChannelKind.EMAIL, address="team@agency.example")
        WebhookEndpointFactory.create(url=receiver.url, event_types=["campaign.status_changed"])
        env = {"EMAIL_URL": mailbox.url, "OUTBOUND_TRUSTED_HOSTS": receiver.host}
        stage.server.env |= {"API_REQUESTS_PER_MINUTE": "100000", "ALERT_SETTLE_SECONDS": "1"}
        stage.server.start()
        stage.processes.start_worker("worker", "--concurrency=2", **env)
        if has_beat:
            stage.processes.start_beat()
        with ThreadPoolExecutor(CLIENTS + 1) as pool:
            emptying = pool.submit(_empty, broker, stopped / 2)
            answers = _send(pool, stage, token, pks[: events // 2], stopped / 2)
            emptying.result()
            stage.broker.stop()
            answers += _send(pool, stage, token, pks[events // 2 :], stopped)
        stage.broker.start()
        began = time.monotonic()
        with suppress(NotReadyError):
            wait_until(lambda: not _backlog(broker), seconds=patience, what="the end of the backlog")
        yield at_most("seconds until the backlog was gone", round(time.monotonic() - began), patience)

        troubles = [answer for answer, _ in answers if not answer.startswith("2")]
        yield none_of("answers of the API but 2xx", troubles)
        yield told("the slowest", max(took for _, took in answers), "ms")
        yield exactly("still to be told", _backlog(broker), 0)
        yield from _told_once("mails", [str(mail["message-id"]) for mail in mailbox.received], events)
        yield from _told_once("webhooks", receiver.event_ids, events)
    yield from books(timezone.now(), rows=events, amount=Decimal(events))


def _empty(broker: Redis, seconds: float) -> None:
    for _ in range(FLUSHES):
        time.sleep(seconds / (FLUSHES + 1))
        broker.flushall()


def _send(
    pool: ThreadPoolExecutor, stage: Stage, token: str, pks: list[int], seconds: float
) -> list[tuple[str, int]]:
    """Brings each of these campaigns to its budget, spread over that time; each answer and its milliseconds."""
    pause = seconds * CLIENTS / len(pks)

    def send(number: int) -> list[tuple[str, int]]:
        answers = []
        with client(stage.server, token) as http:
            for pk in pks[number::CLIENTS]:
                event = {"campaign": pk, "amount": "1.00", "external_id": f"event-{pk}", "source": "drill"}
                began = time.monotonic()
                answer = http.post("/spend", json=[event])
                answers.append(
                    (f"{answer.status_code} {answer.text}", int((time.monotonic() - began) * 1_000))
                )
                time.sleep(pause)
        return answers

    return list(chain(*pool.map(send, range(CLIENTS))))


def _backlog(broker: Redis) -> int:
    """What is still to be told, and messages that nobody has taken."""
    waiting = Delivery.objects.filter(state=DeliveryState.PENDING).count()
    return waiting + sum(int(broker.llen(queue.name)) for queue in settings.CELERY_TASK_QUEUES)


def _told_once(what: str, ids: list[str], expected: int) -> Iterator[Figure]:
    yield exactly(f"{what} that arrived", len(set(ids)), expected)
    yield exactly(f"{what} that arrived twice", len(ids) - len(set(ids)), 0)

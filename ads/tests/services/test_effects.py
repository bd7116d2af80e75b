"""The outbox: written with what caused it, sent at least once, later and later where it fails, given up in the end."""

import logging
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from celery import current_app
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from kombu.exceptions import OperationalError
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from ads.errors import DeliveryFailed
from ads.models import Delivery, DeliveryAttempt, DeliveryKind, DeliveryState, DeliveryTarget, WebhookEndpoint
from ads.services import effects
from ads.services.effects import Drained, drain, enqueue, redeliver
from ads.tests.factories import AdministratorFactory, WebhookEndpointFactory
from ads.tests.moments import NOON
from ads.tests.receiver import Receiver, Reply, receiving

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)

pytestmark = pytest.mark.django_db


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    with receiving() as receiver:
        settings.OUTBOUND_TRUSTED_HOSTS = ["127.0.0.1"]
        yield receiver


@pytest.fixture
def endpoint(receiver: Receiver) -> WebhookEndpoint:
    return WebhookEndpointFactory.create(url=receiver.url)


def delivery(endpoint: WebhookEndpoint, name: str = "first", at: datetime = NOON, **more: Any) -> Delivery:
    """One that is not written yet."""
    return Delivery(
        key=f"{endpoint.target}:{name}",
        kind=DeliveryKind.WEBHOOK,
        target=endpoint.target,
        endpoint=endpoint,
        payload={"id": name},
        created_at=at,
        due_at=at,
        **more,
    )


def written(endpoint: WebhookEndpoint, *names: str, at: datetime = NOON) -> list[Delivery]:
    enqueue([delivery(endpoint, name, at) for name in names])
    return list(Delivery.objects.filter(endpoint=endpoint).order_by("pk"))


def states() -> dict[str, str]:
    return {row.key.rpartition(":")[2]: row.state for row in Delivery.objects.all()}


class TestEnqueueing:
    def test_is_two_queries_whatever_their_number(self, endpoint: WebhookEndpoint) -> None:
        written(endpoint, "before")
        costs = []
        for many in (1, 50):
            with CaptureQueriesContext(connection) as queries:
                enqueue([delivery(endpoint, f"{many}-{number}") for number in range(many)])
            costs.append(len(queries))
        # The target is known by then: a look for it, and the insertion.
        assert costs == [2, 2]

    def test_of_nothing_is_none(self) -> None:
        with CaptureQueriesContext(connection) as queries:
            enqueue([])
        assert len(queries) == 0

    def test_of_a_key_that_is_there_changes_nothing(self, endpoint: WebhookEndpoint) -> None:
        written(endpoint, "first")
        drain(NOON)
        enqueue(
            [delivery(endpoint, at=NOON + HOUR), delivery(endpoint, "second"), delivery(endpoint, "second")]
        )
        assert states() == {"first": "DELIVERED", "second": "PENDING"}

    def test_is_taken_back_with_the_transaction(
        self, endpoint: WebhookEndpoint, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
    ) -> None:
        with django_capture_on_commit_callbacks() as hooks, transaction.atomic():
            written(endpoint, "first")
            transaction.set_rollback(True)
        assert (Delivery.objects.count(), hooks) == (0, [])


@pytest.mark.django_db(transaction=True)
class TestRinging:
    @pytest.fixture
    def rung(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """What was sent to the broker, which is none of ours."""
        sent: list[str] = []
        monkeypatch.setattr(current_app, "send_task", lambda name, **_: sent.append(name))
        monkeypatch.setattr(effects._Bell, "silent_until", time.monotonic())
        return sent

    def test_happens_once_a_transaction_and_after_it(
        self,
        endpoint: WebhookEndpoint,
        rung: list[str],
    ) -> None:
        with transaction.atomic():
            written(endpoint, "first")
            with transaction.atomic():
                written(endpoint, "second")
            assert rung == []
        assert rung == ["ads.tasks.deliver_effects"]

    def test_that_failed_is_followed_by_none_for_half_a_minute_and_fails_nobody(
        self,
        endpoint: WebhookEndpoint,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        tried: list[str] = []

        def dead(name: str, **_: object) -> None:
            tried.append(name)
            raise OperationalError("connection refused")

        monkeypatch.setattr(current_app, "send_task", dead)
        monkeypatch.setattr(effects._Bell, "silent_until", time.monotonic())
        with caplog.at_level(logging.WARNING, logger="ads"):
            for number in range(3):
                written(endpoint, f"{number}")
        assert len(tried) == 1
        assert [record.getMessage() for record in caplog.records] == [
            "No worker could be told of new effects, so they wait for Beat: connection refused"
        ]
        monkeypatch.setattr(
            effects._Bell, "silent_until", effects._Bell.silent_until - effects.SILENT_SECONDS
        )
        written(endpoint, "later")
        assert len(tried) == 2


class TestSending:
    def test_is_done_once_and_written_down(self, receiver: Receiver, endpoint: WebhookEndpoint) -> None:
        written(endpoint, "first", "second")
        assert drain(NOON) == Drained(delivered=2)
        assert drain(NOON) == Drained()
        assert receiver.event_ids == ["first", "second"]
        assert list(DeliveryAttempt.objects.values_list("answer_code", "error")) == [(204, "")] * 2
        assert {(row.attempts, row.state, row.held_until) for row in Delivery.objects.all()} == {
            (1, "DELIVERED", None)
        }

    def test_waits_until_it_is_due(self, receiver: Receiver, endpoint: WebhookEndpoint) -> None:
        written(endpoint, "first", at=NOON + 10 * SECOND)
        assert drain(NOON) == Drained()
        assert drain(NOON + 10 * SECOND) == Drained(delivered=1)

    def test_does_not_happen_twice_while_it_is_held(
        self, receiver: Receiver, endpoint: WebhookEndpoint
    ) -> None:
        written(endpoint, "first", "second")
        meanwhile: list[Drained] = []

        send = effects.SENDERS[DeliveryKind.WEBHOOK].send

        class Meanwhile:
            prepare = effects.SENDERS[DeliveryKind.WEBHOOK].prepare

            def send(self, delivery: Delivery) -> int | None:
                meanwhile.append(drain(NOON))
                return send(delivery)

        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(effects.SENDERS, DeliveryKind.WEBHOOK, Meanwhile())
            assert drain(NOON) == Drained(delivered=2)
        assert meanwhile == [Drained(), Drained()]
        assert receiver.event_ids == ["first", "second"]

    def test_that_nobody_finished_happens_again_with_the_same_id(
        self, receiver: Receiver, endpoint: WebhookEndpoint
    ) -> None:
        """Whoever is killed between sending and marking leaves a delivery that is held for a while."""
        written(endpoint, "first")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(effects, "_settle", killed)
            with pytest.raises(KeyboardInterrupt):
                drain(NOON)
        assert drain(NOON + 10 * SECOND) == Drained()
        assert drain(NOON + effects.HELD_FOR + SECOND) == Drained(delivered=1)
        assert receiver.event_ids == ["first", "first"]


def killed(*_: object) -> None:
    raise KeyboardInterrupt


def broken(receiver: Receiver, code: int = 500, **headers: str) -> None:
    receiver.reply = lambda _: Reply(code, {name.replace("_", "-"): value for name, value in headers.items()})


class TestFailing:
    def test_comes_again_later_and_later_up_to_an_hour_and_is_given_up_after_three_days(
        self, receiver: Receiver, endpoint: WebhookEndpoint
    ) -> None:
        broken(receiver)
        (row,) = written(endpoint, "first")
        now, pauses = NOON, []
        while row.state == "PENDING":
            drain(now)
            row.refresh_from_db()
            pauses.append(row.due_at - now)
            now = max(row.due_at, DeliveryTarget.objects.get().free_at)
        doubled = [min(5 * SECOND * 2 ** min(number, 12), HOUR) for number in range(len(pauses))]
        assert all(
            longest * 3 / 4 <= pause <= longest + SECOND
            for pause, longest in zip(pauses[:-1], doubled, strict=False)
        )
        assert timedelta(days=3) <= now - NOON <= timedelta(days=3, hours=2)
        assert row.state == "DEAD"
        assert row.last_error == "Answered 500"
        assert DeliveryAttempt.objects.count() == row.attempts == len(receiver.received)
        assert set(receiver.event_ids) == {"first"}
        assert drain(now + DAY) == Drained()

    def test_waits_as_long_as_the_answer_asks_but_no_longer_than_an_hour(
        self, receiver: Receiver, endpoint: WebhookEndpoint
    ) -> None:
        broken(receiver, 503, retry_after="600")
        (row,) = written(endpoint, "first")
        drain(NOON)
        row.refresh_from_db()
        assert 600 * SECOND <= row.due_at - NOON <= 602 * SECOND
        broken(receiver, 503, retry_after="86400")
        drain(NOON + HOUR)
        row.refresh_from_db()
        assert HOUR <= row.due_at - NOON - HOUR <= HOUR + 2 * SECOND

    def test_in_a_way_that_is_final_is_given_up_at_once(
        self, receiver: Receiver, endpoint: WebhookEndpoint
    ) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("ads.services.webhooks.outbound.post", refuse_for_good)
            written(endpoint, "first")
            assert drain(NOON) == Drained(dead=1)

    def test_in_a_way_nobody_foresaw_holds_up_nobody(
        self, receiver: Receiver, endpoint: WebhookEndpoint, caplog: pytest.LogCaptureFixture
    ) -> None:
        other = WebhookEndpointFactory.create(url=receiver.url)
        enqueue([delivery(endpoint, "first"), delivery(other, "second")])
        Delivery.objects.filter(endpoint=endpoint).update(payload={})
        assert drain(NOON) == Drained(delivered=1, failed=1)
        assert Delivery.objects.get(endpoint=endpoint).last_error == "KeyError: 'id'"
        assert receiver.event_ids == ["second"]

    def test_target_gets_few_tries_however_much_waits_for_it(
        self, receiver: Receiver, endpoint: WebhookEndpoint
    ) -> None:
        broken(receiver)
        written(endpoint, *(f"{number:02}" for number in range(50)))
        assert drain(NOON) == Drained(failed=2)  # a second one at once, in case the first was to blame
        assert drain(NOON + SECOND) == Drained()
        assert drain(NOON + 6 * SECOND) == Drained(failed=1)
        target = DeliveryTarget.objects.get()
        assert target.failures == 3
        assert target.failing_since is not None
        assert target.failing_since - NOON < SECOND

    def test_target_that_is_well_again_gets_all(self, receiver: Receiver, endpoint: WebhookEndpoint) -> None:
        broken(receiver)
        written(endpoint, *(f"{number:02}" for number in range(20)))
        drain(NOON)
        receiver.reply = lambda _: Reply()
        assert drain(NOON + HOUR) == Drained(delivered=20)
        target = DeliveryTarget.objects.get()
        assert (target.failures, target.failing_since) == (0, None)

    def test_one_of_many_does_not_stop_the_others(
        self, receiver: Receiver, endpoint: WebhookEndpoint
    ) -> None:
        receiver.reply = lambda request: Reply(400 if request.event_id == "poison" else 204)
        written(endpoint, "a", "poison", "b", "c")
        assert drain(NOON) == Drained(delivered=3, failed=1)
        assert states() == {"a": "DELIVERED", "poison": "PENDING", "b": "DELIVERED", "c": "DELIVERED"}

    def test_target_holds_up_no_other(self, receiver: Receiver, endpoint: WebhookEndpoint) -> None:
        with receiving() as well:
            broken(receiver)
            other = WebhookEndpointFactory.create(url=well.url)
            written(endpoint, *(f"lost {number}" for number in range(100)))
            written(other, *(f"kept {number}" for number in range(10)))
            assert drain(NOON) == Drained(delivered=10, failed=2)
            assert len(well.received) == 10

    def test_target_leaves_what_waits_behind_it_to_be_given_up_too(
        self, receiver: Receiver, endpoint: WebhookEndpoint
    ) -> None:
        broken(receiver)
        written(endpoint, *(f"{number}" for number in range(5)))
        drain(NOON)
        assert drain(NOON + 3 * DAY - HOUR).dead == 0
        assert drain(NOON + 3 * DAY).dead == 5
        assert set(states().values()) == {"DEAD"}
        untried = Delivery.objects.get(key__endswith=":4")
        assert untried.last_error == "Not tried: what was sent before it failed."

    def test_of_the_workers_gives_nothing_up(self, receiver: Receiver, endpoint: WebhookEndpoint) -> None:
        """No worker ran for a week: everything is still to be tried."""
        written(endpoint, "first")
        assert drain(NOON + 7 * DAY) == Drained(delivered=1)


def refuse_for_good(*_: object) -> None:
    raise DeliveryFailed("Never", permanent=True)


class TestRedelivery:
    def test_sends_the_same_again_with_the_same_id(
        self, receiver: Receiver, endpoint: WebhookEndpoint
    ) -> None:
        (row,) = written(endpoint, "first")
        drain(NOON)
        person = AdministratorFactory.create(username="ada")
        redeliver(row, by=person)
        row.refresh_from_db()
        assert (row.state, row.redelivered_by) == ("PENDING", "ada")
        assert drain(row.due_at) == Drained(delivered=1)
        assert receiver.event_ids == ["first", "first"]
        assert receiver.received[0].body == receiver.received[1].body
        assert row.tries.count() == 2

    def test_gives_a_dead_letter_three_more_days(self, receiver: Receiver, endpoint: WebhookEndpoint) -> None:
        (row,) = written(endpoint, "first")
        Delivery.objects.update(state=DeliveryState.DEAD, attempts=90)
        broken(receiver)
        redeliver(row, by=None)
        row.refresh_from_db()
        assert drain(row.due_at) == Drained(failed=1)
        row.refresh_from_db()
        assert row.give_up_at - row.due_at > 3 * DAY - 10 * SECOND
        assert row.attempts == 1


class TestForgetting:
    def test_takes_what_was_settled_a_month_ago_with_its_attempts(
        self, receiver: Receiver, endpoint: WebhookEndpoint
    ) -> None:
        written(endpoint, "delivered")
        drain(NOON)
        written(endpoint, "dead", "pending")
        Delivery.objects.filter(key__endswith=":dead").update(state=DeliveryState.DEAD)
        written(endpoint, "young", at=NOON + DAY)
        Delivery.objects.filter(key__endswith=":young").update(state=DeliveryState.DEAD)
        assert effects.forget(NOON + 30 * DAY) == 0
        assert effects.forget(NOON + 30 * DAY + SECOND) == 2
        assert set(states()) == {"pending", "young"}
        assert DeliveryAttempt.objects.count() == 0


class TestQueries:
    def test_of_one_delivery_do_not_grow_with_what_waits(
        self, receiver: Receiver, endpoint: WebhookEndpoint
    ) -> None:
        def cost(many: int) -> int:
            written(endpoint, *(f"{many} {number}" for number in range(many)))
            with CaptureQueriesContext(connection) as queries:
                assert drain(NOON + many * SECOND) == Drained(delivered=many)
            return len(queries)

        one, eleven, twenty_one = cost(1), cost(11), cost(21)
        assert twenty_one - eleven == eleven - one
        assert (eleven - one) / 10 <= 16

    def test_of_nothing_due_are_two(self, endpoint: WebhookEndpoint) -> None:
        written(endpoint, "later", at=NOON + HOUR)
        with CaptureQueriesContext(connection) as queries:
            drain(NOON)
        assert len([query for query in queries if "SAVEPOINT" not in query["sql"]]) == 2

"""Effects leave through an outbox: written with what caused them, delivered at least once after the commit."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from random import randint
from typing import Protocol

from celery import current_app
from django.db import DatabaseError, connection, transaction
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from ads.actor import Actor, acting_as, actor_name
from ads.errors import DeliveryFailed
from ads.models import Delivery, DeliveryAttempt, DeliveryKind, DeliveryState, DeliveryTarget
from ads.services.moments import passing
from ads.services.transactions import retrying

logger = logging.getLogger("ads.effects")

TASK = "ads.tasks.deliver_effects"
PLATFORMS_TASK = "ads.tasks.work_on_platforms"
SILENT_SECONDS = 30  # after a ring that failed: a dead broker costs each more than half a second
ROWS_PER_STATEMENT = 2_000

# Longer than a sender may take. What a killed worker held is sent again after it.
HELD_FOR = timedelta(seconds=20)
DRAIN_SECONDS = 30
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(hours=1)
GIVE_UP_AFTER = timedelta(days=3)
KEPT_FOR = timedelta(days=30)
ERROR_LENGTH = 500


class Sender(Protocol):
    """How deliveries of a kind are sent. Both raise DeliveryFailed, permanent where trying again is no use."""

    def prepare(self, delivery: Delivery, now: datetime) -> None:
        """Checks, and may compose the payload anew, in the transaction that claims the delivery."""

    def send(self, delivery: Delivery) -> int | None:
        """Sends it, outside any transaction, in at most 15 seconds; returns the answer's code if it has one."""


SENDERS: dict[DeliveryKind, Sender] = {}


@dataclass(slots=True)
class Drained:
    """What became of the deliveries that were due."""

    delivered: int = 0
    failed: int = 0
    dead: int = 0


@dataclass(frozen=True, slots=True)
class _Claim:
    """A delivery that nobody else may send until then; or why it could not be prepared."""

    delivery: Delivery
    held_until: datetime
    unprepared: DeliveryFailed | None


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How a try ended; `was_sent` is False where it could not even be prepared."""

    was_sent: bool
    began: datetime
    ended: datetime
    answer_code: int | None
    failure: DeliveryFailed | None


def enqueue(deliveries: Sequence[Delivery]) -> None:
    """Writes these in the caller's transaction, but for those whose key is there already; rings after it."""
    if not deliveries:
        return
    # In one order, so that no two writers wait for each other.
    rows = sorted({delivery.key: delivery for delivery in deliveries}.values(), key=lambda row: row.key)
    for row in rows:
        row.give_up_at = row.due_at + GIVE_UP_AFTER
    _make_targets({row.target for row in rows}, rows[0].created_at)
    Delivery.objects.bulk_create(
        rows,
        batch_size=ROWS_PER_STATEMENT,
        update_conflicts=True,
        unique_fields=["key"],
        update_fields=["key"],  # a row that is there already stays as it is
    )
    ring()


def _make_targets(names: set[str], now: datetime) -> None:
    known = set(DeliveryTarget.objects.filter(name__in=names).values_list("name", flat=True))
    DeliveryTarget.objects.bulk_create(
        [DeliveryTarget(name=name, free_at=now) for name in sorted(names - known)],
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["name"],
    )


def ring(task: str = TASK) -> None:
    """Has a worker look after the commit, at most once a transaction. Never raises; Beat looks anyway."""
    bell = _BELLS[task]
    if all(hook[1] is not bell for hook in connection.run_on_commit):
        transaction.on_commit(bell, robust=True)


class _Bell:
    """When this process may ring again."""

    silent_until = time.monotonic()


def _ring(task: str) -> None:
    if time.monotonic() < _Bell.silent_until:
        return
    try:
        current_app.send_task(task, ignore_result=True)
    except Exception as error:  # whatever a broker's client raises
        _Bell.silent_until = time.monotonic() + SILENT_SECONDS
        logger.warning("No worker could be told of new effects, so they wait for Beat: %s", error)


# One function a task, which a transaction can be seen to hold already.
_BELLS = {task: partial(_ring, task) for task in (TASK, PLATFORMS_TASK)}


def drain(now: datetime) -> Drained:
    """Sends what is due, each target in its turn, for half a minute at most; then rings for the rest."""
    clock, drained = passing(now), Drained()
    drained.dead += _give_up(now)
    end = time.monotonic() + DRAIN_SECONDS
    while time.monotonic() < end:
        claim = _claim(clock())
        if claim is None:
            return drained
        began = clock()
        answer_code, failure = None, claim.unprepared
        if failure is None:
            answer_code, failure = _send(claim.delivery)
        state = _settle(claim, _Outcome(claim.unprepared is None, began, clock(), answer_code, failure))
        drained.delivered += state == DeliveryState.DELIVERED
        drained.failed += state == DeliveryState.PENDING
        drained.dead += state == DeliveryState.DEAD
    ring()
    return drained


def _give_up(now: datetime) -> int:
    """What waits behind a target that fails is given up too, without a try of its own."""
    failing = DeliveryTarget.objects.filter(failures__gt=0)
    untried = When(last_error="", then=Value("Not tried: what was sent before it failed."))
    return (
        waiting(now)
        .filter(give_up_at__lte=now, target__in=failing.values("name"))
        .update(state=DeliveryState.DEAD, last_error=Case(untried, default=F("last_error")))
    )


@retrying
def _claim(now: datetime) -> _Claim | None:
    due = waiting(now).filter(due_at__lte=now)
    has_due = Exists(due.filter(target=OuterRef("name")))
    targets = DeliveryTarget.objects.filter(has_due, free_at__lte=now).order_by("free_at", "pk")
    target = targets.select_for_update(skip_locked=True).first()
    if target is None:
        return None
    # A statement of its own sees what was delivered while that one waited for its turn.
    delivery = due.filter(target=target.name).order_by("due_at", "pk").first()
    if delivery is None:
        return None
    unprepared = _prepare(delivery, now)
    delivery.attempts += 1
    held_until = now + HELD_FOR
    delivery.held_until = target.free_at = held_until
    delivery.save(update_fields=["attempts", "held_until", "payload"])
    target.save(update_fields=["free_at"])
    return _Claim(delivery, held_until, unprepared)


def waiting(now: datetime) -> QuerySet[Delivery]:
    """Deliveries that are still to be made and that nobody is sending at this moment."""
    free = Q(held_until__isnull=True) | Q(held_until__lte=now)
    return Delivery.objects.filter(free, state=DeliveryState.PENDING)


def _prepare(delivery: Delivery, now: datetime) -> DeliveryFailed | None:
    try:
        with transaction.atomic():
            SENDERS[DeliveryKind(delivery.kind)].prepare(delivery, now)
    except DeliveryFailed as failure:
        return failure
    except DatabaseError:
        raise
    except Exception as error:  # one that cannot be prepared must not hold up all others
        return _unforeseen(delivery, error)
    return None


def _send(delivery: Delivery) -> tuple[int | None, DeliveryFailed | None]:
    try:
        return SENDERS[DeliveryKind(delivery.kind)].send(delivery), None
    except DeliveryFailed as failure:
        return failure.answer_code, failure
    except Exception as error:
        return None, _unforeseen(delivery, error)


def _unforeseen(delivery: Delivery, error: Exception) -> DeliveryFailed:
    logger.exception("Delivery %s failed in a way that nobody foresaw", delivery)
    return DeliveryFailed(f"{type(error).__name__}: {error}")


@retrying
def _settle(claim: _Claim, outcome: _Outcome) -> DeliveryState:
    """Writes down how the try ended, unless another holds the delivery meanwhile."""
    delivery, failure, now = claim.delivery, outcome.failure, outcome.ended
    error = str(failure)[:ERROR_LENGTH] if failure else ""
    DeliveryAttempt.objects.create(
        delivery_id=delivery.pk,
        at=outcome.began,
        duration_ms=(now - outcome.began) // timedelta(milliseconds=1),
        answer_code=outcome.answer_code,
        error=error,
    )
    state = _state_after(delivery, failure, now)
    held = Delivery.objects.filter(pk=delivery.pk, held_until=claim.held_until)
    held.update(
        state=state,
        held_until=None,
        delivered_at=now if state == DeliveryState.DELIVERED else None,
        due_at=now + _until_next(delivery.attempts, failure) if failure else delivery.due_at,
        last_error=error,
    )
    _settle_target(claim, outcome)
    return state


def _settle_target(claim: _Claim, outcome: _Outcome) -> None:
    """After a first failure something else is tried at once; a target that fails again and again is left alone."""
    failure, now = outcome.failure, outcome.ended
    target = DeliveryTarget.objects.filter(name=claim.delivery.target, free_at=claim.held_until)
    if not outcome.was_sent:
        target.update(free_at=now)
    elif failure is None:
        target.update(free_at=now, failures=0, failing_since=None)
    else:
        failures = target.values_list("failures", flat=True).first() or 0
        leave_alone = failures > 0 or failure.retry_after is not None
        target.update(
            free_at=now + _until_next(failures, failure) if leave_alone else now,
            failures=F("failures") + 1,
            failing_since=Coalesce("failing_since", Value(now)),
        )


def _state_after(delivery: Delivery, failure: DeliveryFailed | None, now: datetime) -> DeliveryState:
    if failure is None:
        return DeliveryState.DELIVERED
    is_over = failure.permanent or now >= delivery.give_up_at
    return DeliveryState.DEAD if is_over else DeliveryState.PENDING


def _until_next(failures: int, failure: DeliveryFailed) -> timedelta:
    """Five seconds, doubled with each failure up to an hour, less up to a quarter; longer where it was asked for."""
    longest = min(FIRST_PAUSE * 2 ** min(max(failures - 1, 0), 10), LONGEST_PAUSE)
    milliseconds = longest // timedelta(milliseconds=1)
    pause = timedelta(milliseconds=randint(milliseconds * 3 // 4, milliseconds))  # noqa: S311
    return max(pause, min(timedelta(seconds=failure.retry_after or 0), LONGEST_PAUSE))


def redeliver(delivery: Delivery, by: Actor) -> None:
    """Sends it again, with the same content and id, for up to three days from now."""
    now = timezone.now()
    with transaction.atomic(), acting_as(by):
        Delivery.objects.filter(pk=delivery.pk).update(
            state=DeliveryState.PENDING,
            due_at=now,
            give_up_at=now + GIVE_UP_AFTER,
            attempts=0,
            held_until=None,
            delivered_at=None,
            redelivered_by=actor_name(),
        )
        ring()


def forget(now: datetime) -> int:
    """Deletes what was settled and is older than 30 days, a slice at a time; returns how many deliveries."""
    forgotten = 0
    old = Delivery.objects.exclude(state=DeliveryState.PENDING).filter(created_at__lt=now - KEPT_FOR)
    while ids := list(old.order_by("created_at").values_list("pk", flat=True)[:ROWS_PER_STATEMENT]):
        forgotten += Delivery.objects.filter(pk__in=ids).delete()[1]["ads.Delivery"]
    return forgotten

"""A request named by its sender's key runs once, and whoever sends it again gets the answer of the first time.

Claiming the key and keeping the answer are transactions of their own, so that no lock is held while the
request runs. A server killed in between leaves a claim without an answer; after a while another may take it
over and run the request again, which is safe because each record of spend is counted once.
"""

import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError

from ads.errors import BudgetSystemError
from ads.models import ApiToken, IdempotencyRecord
from ads.services.forgetting import delete

KEPT_FOR = timedelta(hours=24)
# Longer than nearly any request takes. One that takes longer runs twice, and counts once.
TAKEN_OVER_AFTER = timedelta(seconds=10)
FASTEST = 1


class KeyReused(BudgetSystemError):
    """The key came before with another request."""


class StillRunning(BudgetSystemError):
    """The same request is being worked on, or was when its server died; there is no answer yet."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to run the request and to give its answer."""

    record_id: int
    started_at: datetime


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """The answer of the first time."""

    http_status: int
    body: bytes


def claim(token: ApiToken, key: str, digest: str, now: datetime) -> Claim | KeptAnswer:
    """Claims the key for the request of this digest; returns the answer instead where there is one.

    Raises KeyReused or StillRunning.
    """
    try:
        record, is_new = IdempotencyRecord.objects.get_or_create(
            token=token, key=key, defaults={"digest": digest, "created_at": now, "started_at": now}
        )
    except IntegrityError:  # written by another meanwhile, and given up again
        raise StillRunning from None
    if is_new:
        return Claim(record.pk, now)
    if record.digest != digest:
        raise KeyReused
    if record.answer_status is not None and record.answer is not None:
        return KeptAnswer(record.answer_status, zlib.decompress(record.answer))
    return _take_over(record, now)


def keep_answer(claimed: Claim, http_status: int, body: bytes) -> None:
    """From now on the same request gets this answer."""
    IdempotencyRecord.objects.filter(pk=claimed.record_id, started_at=claimed.started_at).update(
        answer_status=http_status, answer=zlib.compress(body, FASTEST)
    )


def give_up(claimed: Claim) -> None:
    """The request changed nothing: the next one with this key runs, whatever it says."""
    IdempotencyRecord.objects.filter(pk=claimed.record_id, started_at=claimed.started_at).delete()


def forget(now: datetime) -> int:
    """Deletes what is older than a day; returns how many."""
    return delete(IdempotencyRecord.objects.filter(created_at__lt=now - KEPT_FOR))


def _take_over(record: IdempotencyRecord, now: datetime) -> Claim:
    if now - record.started_at < TAKEN_OVER_AFTER:
        raise StillRunning
    unchanged = IdempotencyRecord.objects.filter(
        pk=record.pk, started_at=record.started_at, answer_status__isnull=True
    )
    if not unchanged.update(started_at=now):
        raise StillRunning
    return Claim(record.pk, now)

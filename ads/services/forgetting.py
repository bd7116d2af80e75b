"""Rows that mean nothing any more, forgotten once a day: nobody asks for them, and some name people and addresses."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import QuerySet

from ads.services import wrong_tokens

ROWS_PER_DELETE = 1_000


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many rows of each kind were deleted."""

    sessions: int
    sign_ins: int
    addresses: int


def forget(now: datetime) -> Forgotten:
    """Deletes sessions that have expired, and failed sign-ins and wrong tokens of which the wait is over."""
    return Forgotten(
        sessions=delete(Session.objects.filter(expire_date__lt=now)),
        sign_ins=delete(AccessAttempt.objects.filter(attempt_time__lt=now - settings.AXES_COOLOFF_TIME)),
        addresses=wrong_tokens.forget(now),
    )


def delete(rows: QuerySet[Any, Any]) -> int:
    """Deletes these rows, a slice at a time, and returns how many; one that is in force again by then stays."""
    deleted = 0
    while keys := list(rows.order_by().values_list("pk", flat=True)[:ROWS_PER_DELETE]):
        deleted += rows.filter(pk__in=keys).delete()[1].get(rows.model._meta.label, 0)
    return deleted

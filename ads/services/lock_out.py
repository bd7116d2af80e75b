"""Lock-out: who signs in wrongly too often waits. The count is in the database."""

from datetime import datetime, timedelta
from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import Max, QuerySet, Sum

# One address may fail as often with names that differ: people of an office share one, and so do guesses at
# one password for everybody.
NAMES_PER_ADDRESS = 10


class SignInHandler(AxesDatabaseHandler):  # type: ignore[misc]  # untyped
    """Counts a name's failures from one address, and a tenth of all failures from it."""

    def get_failures(self, request: Any, credentials: dict[str, Any] | None = None) -> int:
        of_name: int = super().get_failures(request, credentials)
        if request.axes_ip_address is None:  # what comes by a socket comes from everybody
            return of_name
        of_address = _failures(_recent(request.axes_attempt_time).filter(ip_address=request.axes_ip_address))
        return max(of_name, of_address // NAMES_PER_ADDRESS)


def locked_until(username: str, address: str | None, now: datetime) -> datetime | None:
    """When this name may be tried from this address again; None where it may be now."""
    of_address = _recent(now).filter(ip_address=address)
    limits = [(of_address.filter(username=username), 1)]
    if address is not None:
        limits.append((of_address, NAMES_PER_ADDRESS))
    for failed, names in limits:
        if _failures(failed) >= settings.AXES_FAILURE_LIMIT * names:
            last: datetime | None = failed.aggregate(last=Max("attempt_time"))["last"]
            return None if last is None else last + settings.AXES_COOLOFF_TIME
    return None


def is_locked(username: str, now: datetime) -> bool:
    """Whether this name is locked out somewhere."""
    of_name = (
        _recent(now).filter(username=username).values("ip_address").annotate(all=Sum("failures_since_start"))
    )
    return bool(of_name.filter(all__gte=settings.AXES_FAILURE_LIMIT).exists())


def unlock(username: str) -> int:
    """Forgets this name's failures, wherever they came from; returns how many there were."""
    failed = AccessAttempt.objects.filter(username=username)
    count = _failures(failed)
    failed.delete()
    return count


def _recent(now: datetime) -> "QuerySet[Any]":
    cool_off: timedelta = settings.AXES_COOLOFF_TIME
    recent: QuerySet[Any] = AccessAttempt.objects.filter(attempt_time__gte=now - cool_off).order_by()
    return recent


def _failures(failed: "QuerySet[Any]") -> int:
    count: int | None = failed.aggregate(all=Sum("failures_since_start"))["all"]
    return count or 0

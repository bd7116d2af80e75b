"""Lock-out of addresses that try one wrong API token after the other.

Counted in the database, so that a Redis that is emptied lets nobody try again. A right token is let in from
a locked address too: 256 random bits are not found by guessing, and one program with an old token must not
stop all others of its office. What the lock-out saves is the work that guesses make, and it is told in the log.
"""

import logging
from datetime import datetime, timedelta

from django.db.models import F

from ads.models import WrongTokens

logger = logging.getLogger("ads.api")

LIMIT = 20
LOCKED_FOR = timedelta(minutes=15)


def seconds_locked(address: str, now: datetime) -> int:
    """For how long no wrong token of this address is looked at; 0 where the next one is."""
    recent = WrongTokens.objects.filter(address=address, count__gte=LIMIT, last_at__gt=now - LOCKED_FOR)
    last_at = recent.values_list("last_at", flat=True).first()
    return 0 if last_at is None else int((last_at + LOCKED_FOR - now).total_seconds()) + 1


def count(address: str, now: datetime) -> None:
    """Counts one more, and forgets the addresses that have paused."""
    forget(now)
    row, _ = WrongTokens.objects.get_or_create(address=address, defaults={"last_at": now})
    WrongTokens.objects.filter(pk=row.pk).update(count=F("count") + 1, last_at=now)
    if row.count + 1 == LIMIT:
        logger.warning("%d wrong API tokens came from one address; it is locked out for a while.", LIMIT)


def forget(now: datetime) -> int:
    """Forgets the addresses that have paused; returns how many."""
    return WrongTokens.objects.filter(last_at__lte=now - LOCKED_FOR).delete()[0]

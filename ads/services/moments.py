"""The moment it is by now, for work that takes a while."""

from collections.abc import Callable
from datetime import datetime

from django.utils import timezone


def passing(now: datetime) -> Callable[[], datetime]:
    """A clock that stands at `now` when it is made, goes on as time does, and never back.

    Who waits for a lock, or works through many brands, must not decide for the moment at which it began: it
    would take back what was decided meanwhile.
    """
    began = timezone.now()
    return lambda: max(now, now + (timezone.now() - began))

"""The moment it is by now, for work that takes a while."""

from collections.abc import Callable
from datetime import datetime, timedelta
from time import monotonic_ns


def passing(now: datetime) -> Callable[[], datetime]:
    """A clock that stands at `now` when it is made and goes on from there.

    Who waits for a lock, or works through many brands, must not decide for the moment at which it began: it
    would take back what was decided meanwhile.
    """
    began = monotonic_ns()
    return lambda: now + timedelta(microseconds=(monotonic_ns() - began) // 1_000)

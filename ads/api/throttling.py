"""How many requests a token may make: a window of a minute that slides, counted in Django's cache.

With Redis behind the cache all processes count together; without it each counts for itself. A Redis that
cannot be reached stops nobody: it is asked again after a while.
"""

import logging
import time
from contextlib import suppress
from datetime import datetime

from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError

from ads.api.problems import Problem
from ads.models import ApiToken

logger = logging.getLogger("ads.api")

WINDOW_SECONDS = 60
ASKED_AGAIN_AFTER_SECONDS = 30


class Throttle:
    """Counts the requests of each token in the minutes of the clock, and weighs the last minute by what of it
    lies within the past 60 seconds."""

    def __init__(self) -> None:
        self._silent_until = 0  # of the process's own clock, in seconds

    def check(self, token: ApiToken, now: datetime) -> None:
        """Counts this request; raises a Problem that says when to come back where it is one too many."""
        limit: int = settings.API_REQUESTS_PER_MINUTE
        if not limit or time.monotonic() < self._silent_until:
            return
        try:
            wait = _count(token.pk, limit, now)
        except RedisError as error:
            logger.warning("Requests are not counted for the moment: %s", error)
            self._silent_until = int(time.monotonic()) + ASKED_AGAIN_AFTER_SECONDS
            return
        if wait:
            detail = f"This token may make {limit} requests a minute. Come back in {wait} s."
            raise Problem("throttled", 429, detail, headers={"Retry-After": str(wait)})


throttle = Throttle()


def _count(token_id: int, limit: int, now: datetime) -> int:
    """Seconds to wait; 0 where the request may go on, which is then counted."""
    minute, second = divmod(int(now.timestamp()), WINDOW_SECONDS)
    current, previous = f"api-requests:{token_id}:{minute}", f"api-requests:{token_id}:{minute - 1}"
    counted = cache.get_many([current, previous])
    wait = seconds_to_wait(counted.get(previous, 0), counted.get(current, 0), second, limit)
    if wait == 0:
        cache.add(current, 0, timeout=2 * WINDOW_SECONDS)
        with suppress(ValueError):  # it is not there: Redis was emptied this moment
            cache.incr(current)
    return wait


def seconds_to_wait(previous: int, current: int, second: int, limit: int) -> int:
    """Until one more request fits, at this second of the minute, with so many in this and in the last one."""
    if current >= limit:
        return WINDOW_SECONDS - second + seconds_to_wait(current, 0, 0, limit)
    room = (limit - current) * WINDOW_SECONDS
    # previous * (60 - s) / 60 + current < limit, solved for the first whole second s
    first_free = WINDOW_SECONDS - (room - 1) // previous if previous else 0
    return max(0, first_free - second)

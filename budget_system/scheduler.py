"""Beat's scheduler: the one that keeps the schedule in the database, and shows that it is alive."""

import logging
import time
from typing import Any

from django.db import DatabaseError, close_old_connections
from django.utils import timezone
from django_celery_beat.schedulers import DatabaseScheduler

NOTED_EVERY_SECONDS = 15

logger = logging.getLogger("ads.beat")


class Scheduler(DatabaseScheduler):  # type: ignore[misc] # it has no types
    """Writes a row each time it has gone round, at most every few seconds, whether or not the broker answers."""

    _note_at = 0.0

    def tick(self, *args: Any, **kwargs: Any) -> float:
        if time.monotonic() >= self._note_at:
            self._note_at = time.monotonic() + NOTED_EVERY_SECONDS
            self._note()
        until_next: float = super().tick(*args, **kwargs)
        return until_next

    def _note(self) -> None:
        from ads.services import heartbeats

        close_old_connections()
        try:
            heartbeats.note(heartbeats.BEAT, timezone.now())
        except DatabaseError as error:
            logger.warning("Beat could not write down that it is alive: %s", error)

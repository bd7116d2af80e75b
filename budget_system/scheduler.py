"""Beat's scheduler: the one that keeps the schedule in the database, and shows that it is alive."""

import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import DatabaseError, close_old_connections
from django.utils import timezone
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

NOTED_EVERY_SECONDS = 15
A_YEAR = timedelta(days=366)

logger = logging.getLogger("ads.beat")


class Entry(ModelEntry):  # type: ignore[misc] # it has no types
    """One that seems to have run later than now ran by a clock that was put back since: it is due.

    Once too often does no harm; to wait for that clock does.
    """

    last_run_at: datetime

    def is_due(self) -> Any:
        now = timezone.now()
        if self.last_run_at > now:
            self.last_run_at = now - A_YEAR
        return super().is_due()


class Scheduler(DatabaseScheduler):  # type: ignore[misc] # it has no types
    """Writes a row each time it has gone round, at most every few seconds, whether or not the broker answers."""

    Entry = Entry
    _note_at = 0.0
    _ticked_at = datetime.min.replace(tzinfo=UTC)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        was, self._ticked_at = self._ticked_at, timezone.now()
        if self._ticked_at < was:
            # The clock was put back: what was planned by the old one would wait until it comes there again.
            self._heap = None
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

"""A clock that shows the moment being replayed."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.utils import timezone


class ReplayedClock:
    """What Django's clock shows while a history is replayed: settings saved then are dated then, too."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    @contextmanager
    def shown(self) -> Iterator[None]:
        """In this process, Django's clock shows this one's moment inside, and the time again afterwards."""
        real = timezone.now
        timezone.now = self._read
        try:
            yield
        finally:
            timezone.now = real

    def _read(self) -> datetime:
        return self.moment

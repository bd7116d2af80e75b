"""A clock that can be put forward and back while processes go by it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.utils import timezone


@dataclass
class Clock:
    """How far it is ahead of the machine's stands in a file."""

    file: Path
    ahead: timedelta = timedelta()

    def now(self) -> datetime:
        return timezone.now() + self.ahead

    def set(self, moment: datetime) -> None:
        self.move(moment - self.now())

    def move(self, by: timedelta) -> None:
        self.ahead += by
        beside = self.file.with_suffix(".new")
        beside.write_text(str(self.ahead.total_seconds()))
        beside.replace(self.file)

    @property
    def env(self) -> dict[str, str]:
        """What makes a process go by this clock."""
        return {"PYTHONPATH": str(Path(__file__).parent / "moved_clock"), "DRILL_CLOCK": str(self.file)}

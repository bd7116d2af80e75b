"""A clock that can be put forward and back while processes go by it: libfaketime's (Debian: `faketime`)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.utils import timezone

from drills.figures import NotRun


@dataclass
class Clock:
    """What is put between a process and the machine's clock; what measures how long something takes goes on."""

    file: Path
    ahead: timedelta = timedelta()

    def now(self) -> datetime:
        return timezone.now() + self.ahead

    def set(self, moment: datetime) -> None:
        self.move(moment - self.now())

    def move(self, by: timedelta) -> None:
        self.ahead += by
        beside = self.file.with_suffix(".new")
        beside.write_text(f"{self.ahead.total_seconds():+.3f}")
        beside.replace(self.file)

    @property
    def env(self) -> dict[str, str]:
        """What makes a process go by this clock; it looks every second how that was put."""
        library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
        if library is None:
            raise NotRun("libfaketime is not installed (Debian: apt-get install faketime)")
        return {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

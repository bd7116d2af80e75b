"""Loaded before all else by a process whose clock a drill puts forward and back (drills/clock.py).

What measures how long something takes goes on as ever. libfaketime does the same from outside, but leaves Python's
sleep broken where it leaves the monotonic clock alone.
"""

import datetime
import os
import time
from pathlib import Path
from typing import Any

_datetime, _time = datetime.datetime, time.time
_file = Path(os.environ["DRILL_CLOCK"])


def _ahead() -> float:
    return float(_file.read_text())


class _Kind(type):
    def __instancecheck__(cls, thing: object) -> bool:
        return isinstance(thing, _datetime)


class _Moved(datetime.datetime, metaclass=_Kind):
    def __new__(cls, *args: Any, **kwargs: Any) -> datetime.datetime:  # type: ignore[misc] # all others stay what they are
        return _datetime(*args, **kwargs)

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:  # type: ignore[override]
        return _datetime.now(tz) + datetime.timedelta(seconds=_ahead())

    @classmethod
    def utcnow(cls) -> datetime.datetime:  # type: ignore[override]
        return cls.now(datetime.UTC).replace(tzinfo=None)


datetime.datetime = _Moved  # type: ignore[misc]
time.time = lambda: _time() + _ahead()

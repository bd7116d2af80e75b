"""Signs of life of what runs apart from the site, as rows: a broker that loses all it holds forgets none."""

from collections.abc import Mapping
from datetime import datetime

from ads.models import JobProgress

BEAT = "heartbeat of beat"
# Sent by beat, carried by the broker, written by a worker: it proves all three.
WORKER = "heartbeat of worker"


def note(name: str, now: datetime) -> None:
    """Writes down that this part is alive."""
    if not JobProgress.objects.filter(name=name).update(updated_at=now):
        JobProgress.objects.get_or_create(name=name, defaults={"started_at": now})


def last_seen() -> Mapping[str, JobProgress]:
    """The parts that were ever alive: `started_at` is when they were first, `updated_at` when they were last."""
    return JobProgress.objects.in_bulk([BEAT, WORKER])

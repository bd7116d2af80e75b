"""PostgreSQL is stopped at once five times, sessions are ended every 2 s: exact, web back in 5 s, worker in 15 s."""

import time
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from django.db import DatabaseError, connections
from django.utils import timezone

from ads.services import heartbeats
from ads.tests.api.senders import Event, Senders
from ads.tests.schedule import every_second
from budget_system.processes import wait_until
from drills.agency import make_agency
from drills.figures import Figure, at_least, at_most, none_of
from drills.load import in_the_books, start_load
from drills.stage import Stage


def drill(stage: Stage, kind: type[Senders] = Senders) -> Iterator[Figure]:
    """Web, worker and beat go on by themselves; nobody starts them again."""
    campaigns = make_agency(brands=5, campaigns=4, daily_budget=Decimal(500))
    every_second("Show that work is done", "Enforce what is due", "Open new days", "Sweep everything")
    stage.server.start()
    stage.processes.start_worker("worker", "--concurrency=2")
    stage.processes.start_beat()
    _wait_for_work()
    load = start_load(stage, campaigns, kind=kind)
    web, worker = [], []
    for _ in range(stage.size(5, quick=1)):
        time.sleep(stage.size(5, quick=2))
        stage.postgresql.stop_at_once()
        time.sleep(stage.size(3, quick=1))
        stage.postgresql.start()
        ready = time.monotonic()
        _wait_for_work()
        worker.append(time.monotonic() - ready)
        time.sleep(max(0, 6 - worker[-1]))  # for whatever of the site has not noticed yet
        web.append(load.senders.last_failure(ready, until=time.monotonic()))
    ended = 0
    for _ in range(stage.size(30, quick=3)):
        time.sleep(2)
        ended += stage.postgresql.end_sessions()
    stopped = [str(each.args) for each in stage.processes.started if each.poll() is not None]
    yield at_most("the site refused last after the database was back", _decimal(max(web)), 5, "s")
    yield at_most("worker and beat were back after", _decimal(max(worker)), 15, "s")
    yield at_least("sessions ended", ended, stage.size(100, quick=10))
    yield none_of("processes that ended", stopped + ([] if stage.server.is_up else ["the site"]))
    yield from load.ended()
    yield from in_the_books(load)


class Forgetful(Senders):
    share_with_key = 0

    def _before_again(self, items: list[Event]) -> None:
        for item in items:
            item["external_id"] += "'"


def control(stage: Stage) -> Iterator[Figure]:
    """What is sent again comes under other ids."""
    yield from drill(stage, Forgetful)


def _wait_for_work() -> None:
    now = timezone.now()
    wait_until(lambda: _is_work_done_after(now), seconds=60, what="worker and beat")


def _is_work_done_after(since: datetime) -> bool:
    """Whether a worker has shown itself since then, which it does when beat asks it to."""
    try:
        seen = heartbeats.last_seen().get(heartbeats.WORKER)
    except DatabaseError:
        connections.close_all()
        return False
    return seen is not None and seen.updated_at > since


def _decimal(seconds: float) -> Decimal:
    return Decimal(f"{seconds:.1f}")

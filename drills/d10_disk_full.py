"""The disk under the database fills up under load: 503 and nothing half-written, and back within a minute of room."""

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal

from django.db import connection, connections

from ads.tests.schedule import every_second
from budget_system.processes import NotReadyError, wait_until
from drills.agency import make_agency
from drills.figures import Figure, NotRun, at_least, at_most
from drills.load import Load, in_the_books, start_load
from drills.postgres import PostgreSQL
from drills.stage import Stage

MEGABYTE = 1_000_000


def drill(stage: Stage) -> Iterator[Figure]:
    """The whole server, its log of changes too, is on a file system of its own, and a stranger's file takes it up."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER SYSTEM SET max_wal_size = '64MB'")
    campaigns = make_agency(brands=5, campaigns=4, daily_budget=Decimal(500))
    every_second("Show that work is done", "Enforce what is due", "Open new days", "Sweep everything")
    connections.close_all()
    with _on_a_small_disk(stage.postgresql), _started_again_when_it_ends(stage.postgresql):
        stage.server.start()
        stage.processes.start_worker()
        stage.processes.start_beat()
        load = start_load(stage, campaigns)
        wait_until(lambda: load.senders.answered > 20, seconds=60, what="the load")
        refused = []
        for _ in range(stage.size(3, quick=1)):
            refused.append(_fill_up(stage, load))
            (stage.postgresql.data / "filler").unlink()
            room = time.monotonic()
            wait_until(lambda since=room: _is_answered(load, since), seconds=120, what="an answer")  # type: ignore[misc]
            time.sleep(5)
            yield at_most(
                "the site refused last, after there was room",
                int(load.senders.last_failure(room, time.monotonic())),
                60,
                "s",
            )
        yield at_least("requests refused while it was full", min(refused), 1)
        yield from load.ended()
        yield from in_the_books(load)
        for process in reversed(stage.processes.started):
            process.terminate()
        stage.server.stop()
        connections.close_all()


def _fill_up(stage: Stage, load: Load) -> int:
    """Takes all room for a while, what becomes free too; returns how many requests were refused."""
    began = time.monotonic()
    tally = load.senders.tally
    before = tally["503"]
    with (stage.postgresql.data / "filler").open("ab", buffering=0) as filler:
        while time.monotonic() < began + stage.size(40, quick=10) or (
            tally["503"] == before and time.monotonic() < began + 120
        ):
            for size in (MEGABYTE, 4096):
                with suppress(OSError):
                    while True:
                        filler.write(bytes(size))
            time.sleep(0.1)
    return tally["503"] - before


def _is_answered(load: Load, since: float) -> bool:
    return any(at > since and what == "200" for at, what in load.senders.moments[-50:])


@contextmanager
def _on_a_small_disk(server: PostgreSQL) -> Iterator[None]:
    if os.geteuid() != 0:
        raise NotRun("a file system is mounted, which only root may")
    server.stop_at_once()
    data, beside = server.data, server.data.with_name("beside")
    subprocess.run(["cp", "-a", data, beside], check=True)  # noqa: S607
    used = sum(each.stat().st_size for each in beside.rglob("*") if each.is_file())
    owner = data.stat()
    size = f"size={used + 100 * MEGABYTE},mode=700,uid={owner.st_uid},gid={owner.st_gid}"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "drill", data], check=False)  # noqa: S607
    if mounted.returncode:
        raise NotRun("no file system can be mounted here")
    try:
        subprocess.run(["cp", "-a", f"{beside}/.", data], check=True)  # noqa: S607
        (data / "postmaster.pid").unlink(missing_ok=True)
        server.start()
        yield
        server.stop_at_once()
    finally:
        subprocess.run(["umount", "--lazy", data], check=True)  # noqa: S607
        shutil.rmtree(beside)


@contextmanager
def _started_again_when_it_ends(server: PostgreSQL) -> Iterator[None]:
    """As systemd does, or Docker: a server that finds no room for its log of changes gives up."""
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(1):
            if not server.is_running:
                with suppress(NotReadyError):
                    server.start()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        is_over.set()
        watcher.join()

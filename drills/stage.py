"""What a drill plays on: a database, a broker and a site of its own, started as in production."""

import os
import random
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ads.tests.api.server import Server
from benchmarks.server import environment, postgresql
from budget_system.broker import broker_command
from budget_system.processes import free_port, port_is_free, start_process, stop_process, wait_until
from budget_system.testing.fixtures import CeleryProcesses, CommittedDatabase, run_manage
from drills.postgres import PostgreSQL

READY_SECONDS = 60


@dataclass
class Broker:
    """A Redis-compatible server that can be stopped and started again."""

    directory: Path
    port: int

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it and return when it listens. From the main thread."""
        command = broker_command(self.directory, port=self.port)
        self.process = start_process(command, env=os.environ, cwd=self.directory, log=self.directory / "log")
        wait_until(
            lambda: not port_is_free(self.port),
            seconds=READY_SECONDS,
            what="the broker",
            process=self.process,
        )

    def stop(self) -> None:
        stop_process(self.process, seconds=10)


@dataclass
class Stage:
    """All that one drill needs; `size` makes it small where a quick run was asked for."""

    seed: int
    is_quick: bool
    directory: Path
    broker: Broker
    database: CommittedDatabase
    postgresql: PostgreSQL
    processes: CeleryProcesses
    server: Server
    chance: random.Random

    def size(self, full: int, quick: int) -> int:
        """How many of something there are."""
        return quick if self.is_quick else full


@contextmanager
def stage(engine: str, seed: int, *, is_quick: bool) -> Iterator[Stage]:
    """Set it up, lead this process's Django to its database, and leave nothing behind."""
    with ExitStack() as after:
        directory = Path(after.enter_context(tempfile.TemporaryDirectory(prefix="budget-drill-")))
        database = CommittedDatabase(after.enter_context(_database(engine, directory)))
        database_server = PostgreSQL(database.url)
        if engine == "postgresql":
            after.callback(database_server.stop_at_once)  # its keeper knows only the one that it has started
        broker_directory = directory / "broker"
        broker_directory.mkdir()
        broker = Broker(broker_directory, free_port())
        broker.start()
        after.callback(broker.stop)
        processes = CeleryProcesses(broker.url, database, directory)
        after.callback(processes.stop)
        server = Server(database, directory)
        server.env["CELERY_BROKER_URL"] = broker.url
        after.callback(server.stop)
        yield Stage(
            seed,
            is_quick,
            directory,
            broker,
            database,
            database_server,
            processes,
            server,
            random.Random(seed),
        )


@contextmanager
def _database(engine: str, directory: Path) -> Iterator[str]:
    """A migrated database on which Django is set up."""
    if engine == "postgresql":
        with postgresql() as url:
            yield url
        return
    url = f"sqlite:///{directory}/drill.sqlite3"
    os.environ |= environment(url)
    run_manage(dict(os.environ), "migrate", "--verbosity=0")
    import django

    django.setup()
    yield url

"""Fixtures for tests that need what a request or a task meets in earnest: committed data and real processes.

A test that uses `committed_database` is not marked `django_db`: it has a database of its own in which
everything commits, so that other processes and threads see it.
"""

import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from celery import Celery
from pytest_django import DjangoDbBlocker

from budget_system.broker import broker_command
from budget_system.environment import BASE_DIR
from budget_system.processes import free_port, start_process, stop_process, wait_until

READY_SECONDS = 120


@pytest.fixture(scope="session")
def broker_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the URL of a real Redis-compatible server, one for each test process."""
    directory = tmp_path_factory.mktemp("broker")
    port = free_port()
    command = broker_command(directory, port=port)
    process = start_process(command, env=os.environ, cwd=directory, log=directory / "log")
    url = f"redis://127.0.0.1:{port}/0"
    client = redis.Redis.from_url(url)

    def answers() -> bool:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False

    wait_until(answers, seconds=READY_SECONDS, what="the broker", process=process)
    yield url
    client.close()
    stop_process(process, seconds=10)


@dataclass(frozen=True)
class CommittedDatabase:
    """A migrated database of one test's own, to which Django's connections lead while the test runs."""

    url: str

    @property
    def env(self) -> dict[str, str]:
        """The environment in which another process uses this database and the project's own settings."""
        return os.environ | {
            "DATABASE_URL": self.url,
            "DJANGO_SETTINGS_MODULE": "budget_system.settings",
        }

    def manage(self, *arguments: str, **env: str) -> str:
        """Run manage.py in a process of its own; return what it printed, raise when it fails."""
        return run_manage(self.env | env, *arguments)


def run_manage(env: dict[str, str], *arguments: str) -> str:
    """Run manage.py in this environment; raise with its output when it fails."""
    command = [sys.executable, str(BASE_DIR / "manage.py"), *arguments]
    done = subprocess.run(command, env=env, cwd=BASE_DIR, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"manage.py {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


@pytest.fixture(scope="session")
def migrated_template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the URL of an empty migrated database that tests copy, because migrating takes seconds."""
    with _empty_database(tmp_path_factory.mktemp("template")) as url:
        run_manage(CommittedDatabase(url).env, "migrate", "--verbosity=0")
        yield url


@pytest.fixture
def committed_database(
    migrated_template: str, tmp_path: Path, django_db_blocker: DjangoDbBlocker
) -> Iterator[CommittedDatabase]:
    """Give a migrated database of the test's own in which everything commits, used by this process too."""
    with copied_database(migrated_template, tmp_path, django_db_blocker) as database:
        yield database


@contextmanager
def copied_database(template: str, directory: Path, blocker: DjangoDbBlocker) -> Iterator[CommittedDatabase]:
    """Make a copy of the migrated database, lead this process to it, and drop it afterwards."""
    with (
        _empty_database(directory, template=template) as url,
        blocker.unblock(),
        _default_connection_at(_database_name(url)),
    ):
        yield CommittedDatabase(url)


@dataclass
class CeleryProcesses:
    """Starts real Celery processes on a broker and a database, and stops those it started."""

    broker_url: str
    database: CommittedDatabase
    directory: Path
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _client: Celery = field(init=False)

    def __post_init__(self) -> None:
        self._client = Celery("tests", broker=self.broker_url, set_as_current=False)

    def start_worker(self, name: str = "worker", *options: str, **env: str) -> subprocess.Popen[bytes]:
        """Start a worker and return when it answers a ping."""
        process = self._start(name, "worker", f"--hostname={name}@test", "--concurrency=1", *options, **env)
        wait_until(
            lambda: bool(self._client.control.ping([f"{name}@test"], timeout=0.5)),
            seconds=READY_SECONDS,
            what=f"the worker {name}",
            process=process,
        )
        return process

    def start_beat(self, name: str = "beat", *options: str, **env: str) -> subprocess.Popen[bytes]:
        """Start beat and return when its scheduler runs."""
        process = self._start(name, "beat", "--pidfile=", *options, **env)
        wait_until(
            lambda: "beat: Starting..." in self.log(name),
            seconds=READY_SECONDS,
            what=f"the beat {name}",
            process=process,
        )
        return process

    def send(self, task: str, *args: Any, **kwargs: Any) -> None:
        """Put a message for this task on the broker, as `delay` would."""
        self._client.send_task(task, args, kwargs, ignore_result=True)

    def send_to(self, queue: str, task: str) -> None:
        """Put a message for this task into a queue, as a route would."""
        self._client.send_task(task, queue=queue, ignore_result=True)

    def log(self, name: str) -> str:
        """Return what the process of this name has printed so far."""
        return (self.directory / f"{name}.log").read_text(errors="replace")

    def stop(self) -> None:
        """Stop all that still run, the last one first."""
        for process in reversed(self.started):
            stop_process(process, seconds=10)
        self._client.close()

    def _start(self, name: str, *arguments: str, **env: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "celery", "-A", "budget_system", *arguments, "--loglevel=INFO"]
        process = start_process(
            command,
            env=self.database.env | {"CELERY_BROKER_URL": self.broker_url} | env,
            cwd=BASE_DIR,
            log=self.directory / f"{name}.log",
        )
        self.started.append(process)
        return process


@pytest.fixture
def celery_processes(
    broker_url: str, committed_database: CommittedDatabase, tmp_path: Path
) -> Iterator[CeleryProcesses]:
    """Give what starts real workers and beats on the test's own database and an emptied broker."""
    with redis.Redis.from_url(broker_url) as client:
        client.flushall()
    processes = CeleryProcesses(broker_url, committed_database, tmp_path)
    yield processes
    processes.stop()


@contextmanager
def _empty_database(directory: Path, template: str = "") -> Iterator[str]:
    """Make a database on the engine of this run, as a copy of another if one is named; drop it afterwards."""
    engine_url = os.environ["DATABASE_URL"]
    if engine_url.startswith("sqlite"):
        path = directory / "committed.sqlite3"
        if template:
            shutil.copy(_database_name(template), path)
        yield f"sqlite:///{path}"
        return
    name = f"committed_{uuid.uuid4().hex}"
    with psycopg.connect(_at(engine_url, "postgres"), autocommit=True) as server:
        copied = f" TEMPLATE {_database_name(template)}" if template else ""
        server.execute(f"CREATE DATABASE {name}{copied}".encode())
        yield _at(engine_url, name)
        server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _at(url: str, name: str) -> str:
    """Return the URL of another database on the same server."""
    return url.replace("/budgets?", f"/{name}?")


def _database_name(url: str) -> str:
    """Return what Django calls the database at one of our URLs: a SQLite file's path or a name."""
    return url.removeprefix("sqlite:///").removeprefix("postgresql://postgres@/").partition("?")[0]


@contextmanager
def _default_connection_at(name: str) -> Iterator[None]:
    """Lead Django's connections, of all threads, to another database, as Django's test runner does."""
    from django.db import connection, connections

    usual = connection.settings_dict["NAME"]
    connection.close()
    connections.settings["default"]["NAME"] = connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        connection.close()
        connections.settings["default"]["NAME"] = connection.settings_dict["NAME"] = usual

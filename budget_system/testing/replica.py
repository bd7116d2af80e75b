"""A streaming replica of the tests' PostgreSQL server, kept beside its data and gone with it."""

import os
import shutil
import signal
import subprocess
from pathlib import Path
from uuid import uuid4

import psycopg

from budget_system.processes import start_process, stop_process, wait_until
from budget_system.testing.postgres import program

READY_SECONDS = 120
OPTIONS = ("-c", "wal_retrieve_retry_interval=100ms")  # a test need not wait for 5 s


class StreamingReplica:
    """The copy of a server whose host, in its URL, is the directory of its data."""

    def __init__(self, primary_url: str) -> None:
        self._primary_url = primary_url
        primary = Path(primary_url.partition("?host=")[2])
        self._owner = primary.stat().st_uid  # who runs a server, which is not root
        self.data = primary.parent / f"replica-{uuid4().hex}"
        self.data.mkdir(mode=0o700)
        os.chown(self.data, self._owner, -1)
        source = f"postgresql://postgres@/?host={primary}"
        options = ("--write-recovery-conf", "--checkpoint=fast", "--no-sync")
        subprocess.run(
            [program("pg_basebackup"), "--pgdata", self.data, "--dbname", source, *options],
            check=True,
            capture_output=True,
            user=self._owner,
            cwd="/",
        )
        for copied in self.data.glob(".s.PGSQL.*"):  # the primary's socket is locked in its data
            copied.unlink()
        self.start()

    def url(self, database: str) -> str:
        """The address of the copy of a database of this name."""
        return f"postgresql://postgres@/{database}?host={self.data}"

    def start(self) -> None:
        """Start it and return when it answers."""
        command = [program("postgres"), "-D", self.data, "-k", self.data, "-h", "", *OPTIONS]
        self._process = start_process(
            [str(part) for part in command],
            env=os.environ,
            cwd=Path("/"),
            log=self.data.with_suffix(".log"),
            owner=self._owner,
        )
        wait_until(self._answers, seconds=READY_SECONDS, what="the replica", process=self._process)

    def stop(self) -> None:
        """Stop it at once, as a machine stops."""
        self._process.send_signal(signal.SIGQUIT)
        stop_process(self._process, seconds=READY_SECONDS)

    def remove(self) -> None:
        """Stop it and remove its data."""
        self.stop()
        shutil.rmtree(self.data)

    def promote(self) -> None:
        """It becomes a primary, as a restored database does: with a history of its own from here on."""
        self.execute("SELECT pg_promote()")

    def pause(self) -> None:
        """From now on it replays nothing, whatever it receives."""
        self.execute("SELECT pg_wal_replay_pause()")
        wait_until(
            lambda: self.execute("SELECT pg_get_wal_replay_pause_state()") == "paused",
            seconds=READY_SECONDS,
            what="the pause",
        )

    def resume(self) -> None:
        """It replays again."""
        self.execute("SELECT pg_wal_replay_resume()")

    def disconnect(self) -> None:
        """From now on it receives nothing."""
        self._follows = self._settings.read_text()
        self.execute("ALTER SYSTEM SET primary_conninfo = ''")
        self.execute("SELECT pg_reload_conf()")
        wait_until(
            lambda: self.execute("SELECT count(*) FROM pg_stat_wal_receiver") == 0,
            seconds=READY_SECONDS,
            what="the replica's parting",
        )

    def connect(self) -> None:
        """It receives again, after `disconnect`."""
        self._settings.write_text(self._follows)
        self.execute("SELECT pg_reload_conf()")

    def catch_up(self) -> None:
        """Return when it has all that the primary has now."""
        with psycopg.connect(self._primary_url.replace("/budgets?", "/postgres?")) as primary:
            primary.execute("SET LOCAL synchronous_commit = on")
            primary.execute("SELECT pg_logical_emit_message(true, '', '')")  # its commit is flushed
            primary.commit()
            (place,) = primary.execute("SELECT pg_current_wal_flush_lsn()::text").fetchone() or ("",)
        wait_until(
            lambda: bool(self.execute(f"SELECT pg_last_wal_replay_lsn() >= '{place}'")),
            seconds=READY_SECONDS,
            what="the replica's way to its primary",
        )

    @property
    def _settings(self) -> Path:
        return self.data / "postgresql.auto.conf"

    def _answers(self) -> bool:
        try:
            return bool(self.execute("SELECT true"))
        except psycopg.OperationalError:
            return False

    def execute(self, statement: str) -> object:
        """Ask it something in a session of its own; return the first value, if there is one."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            found = connection.execute(statement.encode())
            row = found.fetchone() if found.description else None
            return row[0] if row else None

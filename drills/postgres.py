"""The drill's PostgreSQL server, to be stopped in the midst of its work and started again."""

import os
import shlex
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from budget_system.processes import wait_until

READY_SECONDS = 60


@dataclass
class PostgreSQL:
    """The server at a URL of which the host is its directory, as `benchmarks.server.postgresql` gives it."""

    url: str
    _process: subprocess.Popen[bytes] | None = None  # since it was started anew

    @property
    def data(self) -> Path:
        return Path(self.url.partition("?host=")[2])

    def stop_at_once(self) -> None:
        """As `pg_ctl stop -m immediate` does: nothing is written any more. No harm where it does not run."""
        with suppress(FileNotFoundError, ProcessLookupError):
            pid = int((self.data / "postmaster.pid").read_text().split()[0])
            os.kill(pid, signal.SIGQUIT)
            wait_until(lambda: not self._lives(pid), seconds=READY_SECONDS, what="PostgreSQL's end")

    def start(self) -> None:
        """Start it as it was started before, as its directory's owner, and return when it answers."""
        owner = self.data.stat()
        command = shlex.split((self.data / "postmaster.opts").read_text())
        with (self.data / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                user=owner.st_uid,
                group=owner.st_gid,
                extra_groups=[],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(self.answers, seconds=READY_SECONDS, what="PostgreSQL", process=self._process)

    @property
    def is_running(self) -> bool:
        """Whether the process is there that `start` has started."""
        return self._process is not None and self._process.poll() is None

    def answers(self) -> bool:
        try:
            with self._connection() as connection:
                return connection.execute("SELECT 1").fetchone() == (1,)
        except psycopg.OperationalError:
            return False

    def end_sessions(self) -> int:
        """Ends every session of the drill's database but this one; returns how many there were."""
        with self._connection() as connection:
            ended = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = 'budgets' AND backend_type = 'client backend'"
            )
            return ended.rowcount

    def _connection(self) -> psycopg.Connection:
        return psycopg.connect(self.url.replace("/budgets?", "/postgres?"), autocommit=True)

    def _lives(self, pid: int) -> bool:
        if self._process is not None and self._process.pid == pid:
            return self._process.poll() is None
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return True

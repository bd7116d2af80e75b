"""The site as it is served: a real gunicorn on a test's own database, to be killed and started again."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from budget_system.environment import BASE_DIR
from budget_system.processes import free_port, start_process, stop_process, wait_until
from budget_system.testing.fixtures import CommittedDatabase

READY_SECONDS = 120


@dataclass
class Server:
    """Two worker processes of four threads each, as in production."""

    database: CommittedDatabase
    directory: Path
    port: int = field(default_factory=free_port)
    env: dict[str, str] = field(default_factory=lambda: {"API_REQUESTS_PER_MINUTE": "0", "DB_POOL_SIZE": "8"})
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/v1"

    @property
    def is_up(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start it and return when it answers. From the main thread."""
        command = [
            sys.executable, "-m", "gunicorn", "budget_system.wsgi:application", "--no-control-socket",
            f"--bind=127.0.0.1:{self.port}", "--workers=2", "--threads=4", "--graceful-timeout=5",
        ]  # fmt: skip
        self.process = start_process(
            command, env=self.database.env | self.env, cwd=BASE_DIR, log=self.directory / "gunicorn.log"
        )
        wait_until(self._answers, seconds=READY_SECONDS, what="gunicorn", process=self.process)

    def collect_static(self) -> None:
        """Does what an installation does: without it no page can be shown, not even that there is none."""
        self.env["STATIC_ROOT"] = str(self.directory / "static")
        command = [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity=0"]
        subprocess.run(command, env=os.environ | self.database.env | self.env, cwd=BASE_DIR, check=True)

    def kill(self) -> None:
        """SIGKILL to it and all its workers, in the midst of whatever they do."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None:
            stop_process(self.process, seconds=10)

    def log(self) -> str:
        return (self.directory / "gunicorn.log").read_text(errors="replace")

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/nothing").status_code == httpx.codes.NOT_FOUND
        except httpx.TransportError:
            return False


def client(server: Server, token: str, *, seconds: int = 30) -> httpx.Client:
    """A program that uses the API over the network."""
    return httpx.Client(
        base_url=server.url, headers={"Authorization": f"Bearer {token}"}, timeout=seconds, trust_env=False
    )

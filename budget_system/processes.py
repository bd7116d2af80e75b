"""Child processes that never outlive their parent, and how to wait for them. Needs no Django."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG = 1
POLL_SECONDS = 0.05

_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


class NotReadyError(RuntimeError):
    """Something did not become ready in time, or ended before it was."""


def start_process(
    command: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path, owner: int | None = None
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own (a Ctrl-C does not reach it), its output going to `log`.

    With an owner's user id it runs as that user, as programs want it that refuse to be root's.

    On Linux the kernel kills it when this process dies, however it dies. With SIGKILL, because a worker that
    is asked to stop and whose broker has gone waits for the broker. Call it from the main thread: the kernel
    means the thread that started the child.
    """
    parent = os.getpid()

    def die_with_parent() -> None:
        if _prctl is not None:
            _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # it died in between
                os._exit(1)

    with log.open("wb") as output:
        return subprocess.Popen(
            command,
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=owner,
            preexec_fn=die_with_parent,
        )


def stop_process(process: subprocess.Popen[bytes], *, seconds: float) -> None:
    """End a process with SIGTERM, and what is left of its session after so many seconds with SIGKILL."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_until(
    ready: Callable[[], bool], *, seconds: float, what: str, process: subprocess.Popen[bytes] | None = None
) -> None:
    """Ask `ready` until it says yes; raise NotReadyError when time is up or the process has ended."""
    deadline = time.monotonic() + seconds
    while not ready():
        if process is not None and process.poll() is not None:
            raise NotReadyError(f"{what} ended with exit code {process.returncode} before it was ready")
        if time.monotonic() > deadline:
            raise NotReadyError(f"{what} was not ready after {seconds:g} s")
        time.sleep(POLL_SECONDS)


def port_is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback address now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """Return a port of the loopback address on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

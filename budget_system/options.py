"""The command line of `./start.sh`. Nothing but the standard library: --help is told before anything is installed."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

VAR = Path(__file__).resolve().parent.parent / "var"


@dataclass(frozen=True)
class Options:
    """What the person asked for on the command line."""

    port: int
    flower_port: int
    empty: bool
    sample_data: bool
    data: Path

    @property
    def env_file(self) -> Path:
        """Where the settings chosen here are kept, for commands that are to work on the same system."""
        return self.data / ("empty.env" if self.empty else "trial.env")


def parse(arguments: Sequence[str] | None) -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="./start.sh", description="Run the whole system in the foreground.")
    parser.add_argument("--empty", action="store_true", help="start without sample data, for real use")
    parser.add_argument(
        "--sample-data",
        action="store_true",
        help="sample data and simulation, also in a database of your own",
    )
    parser.add_argument("--port", type=port_number, default=8000, help="port of the site (default: 8000)")
    parser.add_argument(
        "--flower-port", type=port_number, default=5555, help="port of Flower (default: 5555)"
    )
    parser.add_argument("--data", type=Path, default=VAR, help="where all is kept (default: var)")
    given = parser.parse_args(arguments)
    if given.empty and given.sample_data:
        parser.error("--empty and --sample-data contradict each other")
    given.data = given.data.absolute()
    return Options(**vars(given))


def port_number(text: str) -> int:
    """Read a port from the command line."""
    port = int(text) if text.isdecimal() else 0
    if not 1 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"'{text}' is no port number from 1 to 65535")
    return port


if __name__ == "__main__":
    parse(None)

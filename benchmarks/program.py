"""A benchmark as a program: its options, a server for it, its figures as a table and as JSON."""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.figures import HEAD, Figure, shown, write
from benchmarks.server import postgresql


def measure(
    prog: str, about: str | None, run: Callable[[int], Iterator[Figure]], *, can_keep: bool = False
) -> None:
    """Take every figure of `run` on one server; `run` is told by how much to divide its sizes."""
    parser = argparse.ArgumentParser(prog=prog, description=about)
    parser.add_argument("--quick", action="store_true", help="a tenth of everything: to see that it works")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.set_defaults(keep=None)
    if can_keep:
        parser.add_argument(
            "--keep", type=Path, help="keep the database in this folder, or measure the one there"
        )
    options = parser.parse_args()
    with postgresql(options.keep):
        print(HEAD)
        figures = [shown(figure) for figure in run(10 if options.quick else 1)]
    if options.json:
        write(figures, options.json)

"""What was measured: printed as a table, and kept as JSON."""

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

HEAD = f"{'':44} {'':>12}              {'ratio':>7}  against       bar"


@dataclass
class Figure:
    """One line of the table: what was measured, and how it compares."""

    name: str
    value: float
    unit: str
    ratio: float | None = None
    against: str = ""
    bar: str = ""


def shown(figure: Figure) -> Figure:
    """The same, after printing it as a line of the table."""
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
    print(
        f"{figure.name:44} {figure.value:12,.0f} {figure.unit:10} {ratio:>10}  {figure.against:13} {figure.bar}",
        flush=True,
    )
    return figure


def write(figures: Sequence[Figure], path: Path) -> None:
    """Keeps them in a file, with what they were measured on."""
    machine = {"python": platform.python_version(), "machine": platform.machine()}
    found = {"machine": machine, "figures": [asdict(figure) for figure in figures]}
    path.write_text(json.dumps(found, indent=2) + "\n")

"""What a drill counted or measured, and the bar it has to meet."""

from dataclasses import dataclass
from decimal import Decimal

Number = int | Decimal


class NotRun(Exception):
    """Something that the drill needs is not here; the message says what."""


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    name: str
    measured: str
    bar: str
    holds: bool


def exactly(name: str, measured: object, expected: object) -> Figure:
    """What must be just so."""
    return Figure(name, str(measured), f"= {expected}", measured == expected)


def at_most(name: str, measured: Number, most: Number, unit: str = "") -> Figure:
    """What may not be more."""
    return Figure(name, f"{measured} {unit}".strip(), f"<= {most} {unit}".strip(), measured <= most)


def at_least(name: str, measured: Number, least: Number, unit: str = "") -> Figure:
    """What may not be less, such as how often something was in the way."""
    return Figure(name, f"{measured} {unit}".strip(), f">= {least} {unit}".strip(), measured >= least)


def none_of(name: str, found: list[str]) -> Figure:
    """What may not be found at all; the first that was is shown."""
    shown = f"{len(found)}: {found[0]}"[:60] if found else "0"
    return Figure(name, shown, "= 0", not found)


def told(name: str, measured: object, unit: str = "") -> Figure:
    """What is good to know and has no bar."""
    return Figure(name, f"{measured} {unit}".strip(), "", True)

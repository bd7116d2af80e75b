"""Finds the platforms: every module of this folder that has `FORMATS` is one."""

import pkgutil
from collections.abc import Sequence
from functools import cache
from importlib import import_module

from ads.importers.formats import Format

PACKAGE = "ads.importers"


@cache
def formats() -> tuple[Format, ...]:
    """All formats, by the names of their modules."""
    folder = import_module(PACKAGE).__path__
    modules = [import_module(f"{PACKAGE}.{module.name}") for module in pkgutil.iter_modules(folder)]
    return tuple(format_ for module in modules for format_ in getattr(module, "FORMATS", ()))


def format_names() -> list[str]:
    """What --format may be given."""
    return sorted({format_.platform for format_ in formats()})


def recognised(header: Sequence[str]) -> list[Format]:
    """The formats of which this row is the header: one, if all is well."""
    return [format_ for format_ in formats() if format_.is_marked_by(header)]

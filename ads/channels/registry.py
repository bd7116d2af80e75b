"""Finds the channels: every module of this folder that has `CHANNEL` is one."""

import pkgutil
from functools import cache
from importlib import import_module

from ads.channels.channel import Channel

PACKAGE = "ads.channels"


@cache
def channels() -> dict[str, Channel]:
    """All channels by the names that are stored, in the order of their modules."""
    folder = import_module(PACKAGE).__path__
    modules = [import_module(f"{PACKAGE}.{module.name}") for module in pkgutil.iter_modules(folder)]
    found = [module.CHANNEL for module in modules if hasattr(module, "CHANNEL")]
    return {channel.name: channel for channel in found}


def channel_named(name: str) -> Channel:
    """The channel of this name; KeyError where there is none."""
    return channels()[name]

"""What each way of telling somebody has."""

from collections.abc import Callable
from dataclasses import dataclass

from ads.channels.message import Message


@dataclass(frozen=True, slots=True)
class Channel:
    """A way of telling somebody: what it needs, and how it sends."""

    name: str  # as it is stored
    title: str  # as people know it
    address_title: str
    help_text: str
    check: Callable[[str], str]  # the address as it is stored; raises ValidationError
    send: Callable[[str, Message], None]  # raises DeliveryFailed
    mask: Callable[[str], str]  # the address as it is shown once it is stored

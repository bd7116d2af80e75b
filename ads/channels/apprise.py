"""The many other services that the library Apprise knows: an extra, imported only where such a channel is used.

Apprise opens its own connections. While it sends, each goes to an address that was checked, as ours do; services
that it reaches otherwise than over HTTP are refused.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.util import find_spec
from typing import Any

from django.core.exceptions import ValidationError

from ads.channels.channel import Channel
from ads.channels.message import Message
from ads.errors import DeliveryFailed
from ads.services import outbound

MISSING = "The library Apprise is not installed here: pip install -r requirements-apprise.txt"
# What was refused in the message that is being sent; None where none is.
_refused: ContextVar[list[outbound.AddressRefused] | None] = ContextVar("apprise_refused", default=None)


def check(address: str) -> str:
    """An address of Apprise's, such as discord://..., of a service that is reached over HTTP."""
    address = address.strip()
    if find_spec("apprise") is None:
        raise ValidationError(f"{MISSING}.")
    if any(each.isspace() or each == "," for each in address):
        raise ValidationError("Give one address, without spaces and commas.")
    _service(address)
    return address


def _service(address: str) -> Any:
    import apprise

    service = apprise.Apprise.instantiate(address, suppress_exceptions=True)
    if service is None:
        raise ValidationError(
            "Apprise does not know this address. Its services and their addresses: "
            "https://github.com/caronc/apprise/wiki"
        )
    if not hasattr(sys.modules[type(service).__module__], "requests"):
        raise ValidationError(f"{service.service_name} is not reached over HTTP, so it cannot be used here.")
    return service


def send(address: str, message: Message) -> None:
    """Sends it; of what went wrong Apprise tells little more than that it did."""
    if find_spec("apprise") is None:
        raise DeliveryFailed(f"{MISSING}.")
    try:
        service = _service(address)
    except ValidationError as error:
        raise DeliveryFailed(error.messages[0], permanent=True) from error
    with _checked_connections() as refused:
        is_sent = service.notify(title=message.subject, body=message.as_text(), body_format="text")
    if refused:
        raise DeliveryFailed(f"{service.service_name}: {refused[0]}.", permanent=refused[0].permanent)
    if not is_sent:
        raise DeliveryFailed(f"{service.service_name} did not take the message.")


@contextmanager
def _checked_connections() -> Iterator[list[outbound.AddressRefused]]:
    """Has what this thread opens checked meanwhile; holds what was refused, because Apprise says nothing of it."""
    refused: list[outbound.AddressRefused] = []
    _guard_urllib3()
    token = _refused.set(refused)
    try:
        yield refused
    finally:
        _refused.reset(token)


@cache
def _guard_urllib3() -> None:
    """Through the one function by which urllib3, below Apprise, opens connections."""
    from urllib3.util import connection

    connect = connection.create_connection

    def create_connection(address: tuple[str, int], *args: Any, **kwargs: Any) -> Any:
        refused = _refused.get()
        if refused is None:
            return connect(address, *args, **kwargs)
        try:
            found = outbound.checked(*address)
        except outbound.AddressRefused as error:
            refused.append(error)
            raise OSError(str(error)) from error
        except DeliveryFailed as error:
            raise OSError(str(error)) from error
        return connect((str(found[0]), address[1]), *args, **kwargs)

    connection.create_connection = create_connection


def mask(address: str) -> str:
    """Which service it is, without what makes it work."""
    return f"{address.partition('://')[0]}://…"


CHANNEL = Channel(
    name="apprise",
    title="Another service (Apprise)",
    address_title="Apprise address",
    help_text="An address of the library Apprise, which knows Discord, Telegram, PagerDuty and many others; such as "
    "discord://WebhookID/WebhookToken. How each is written: https://github.com/caronc/apprise/wiki",
    check=check,
    send=send,
    mask=mask,
)

"""The one way out: HTTP to addresses that people name, never to one inside this network unless it is trusted.

A name is resolved, every address it has is checked, and the connection goes to an address that was checked, so
that an answer of DNS that changes meanwhile changes nothing. Redirects are not followed and proxies are ignored.
"""

import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTime
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

import httpcore
import httpx
from django.conf import settings

from ads.errors import DeliveryFailed, NoAnswer

CONNECT_SECONDS = 5
TOTAL_SECONDS = 10
READ_AT_MOST = 65_536
TOLD_OF_ANSWER = 300

Address = IPv4Address | IPv6Address

# What the standard library does not count among the special addresses, or counts only in newer versions.
REFUSED = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15",
        "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64",
        "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10",
        "ff00::/8",
    )
)  # fmt: skip


class AddressRefused(DeliveryFailed):
    """The address is inside a network, or special in another way, and no trusted host."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the body is cut at 64 KiB."""

    code: int
    headers: Mapping[str, str]
    body: bytes


def is_public(address: Address) -> bool:
    """Whether the address is one of the open internet, and no way round to another."""
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return False
    in_table = any(address in network for network in REFUSED if network.version == address.version)
    return address.is_global and not in_table


def is_trusted(host: str, port: int) -> bool:
    """Whether OUTBOUND_TRUSTED_HOSTS names this host, with or without its port."""
    name = host.lower().rstrip(".").strip("[]")
    named = f"[{name}]" if ":" in name else name
    return not {name, named, f"{named}:{port}"}.isdisjoint(settings.OUTBOUND_TRUSTED_HOSTS)


def request(
    method: str, url: str, *, headers: Mapping[str, str] | None = None, content: bytes | None = None
) -> Answer:
    """Sends one request and returns its answer, whatever its code; raises DeliveryFailed where there is none."""
    given = {"User-Agent": "ad-budget-system", "Accept-Encoding": "identity"} | dict(headers or {})
    try:
        with _client() as client, client.stream(method, url, headers=given, content=content) as response:
            return Answer(response.status_code, response.headers, _beginning(response))
    except DeliveryFailed:
        raise
    except httpx.TimeoutException:
        raise DeliveryFailed(f"No answer within {TOTAL_SECONDS} seconds") from None
    except (httpx.NetworkError, httpx.RemoteProtocolError) as error:
        raise NoAnswer(f"{type(error).__name__}: {error}") from None
    except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, UnicodeError) as error:
        raise DeliveryFailed(f"{type(error).__name__}: {error}") from None


def post(url: str, content: bytes, headers: Mapping[str, str]) -> Answer:
    """Posts this; raises DeliveryFailed unless it is accepted with a code from 200 to 299."""
    answer = request("POST", url, headers=headers, content=content)
    if not 200 <= answer.code < 300:
        said = answer.body[:TOLD_OF_ANSWER].decode(errors="replace").strip()
        raise DeliveryFailed(
            f"Answered {answer.code}{': ' if said else ''}{said}",
            answer_code=answer.code,
            retry_after=retry_after(answer),
        )
    return answer


def retry_after(answer: Answer) -> int | None:
    """The seconds that the answer asks to wait, if it says so in seconds."""
    text = answer.headers.get("retry-after", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def _beginning(response: httpx.Response) -> bytes:
    body = bytearray()
    for block in response.iter_raw():
        body += block
        if len(body) >= READ_AT_MOST:
            break
    return bytes(body[:READ_AT_MOST])


@contextmanager
def _client() -> Iterator[httpx.Client]:
    with httpx.Client(
        transport=_Transport(),
        timeout=httpx.Timeout(TOTAL_SECONDS, connect=CONNECT_SECONDS),
        follow_redirects=False,
        trust_env=False,
    ) as client:
        yield client


class _Transport(httpx.HTTPTransport):
    """httpx's own, over connections that were checked; each serves one request."""

    def __init__(self) -> None:
        super().__init__(verify=_tls(), trust_env=False)
        self._pool = httpcore.ConnectionPool(
            ssl_context=_tls(), max_keepalive_connections=0, network_backend=_CheckedBackend()
        )


@cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)


class _CheckedBackend(httpcore.SyncBackend):
    """Connects to addresses that were checked, and gives each connection ten seconds in all."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        end = time.monotonic() + TOTAL_SECONDS
        addresses = checked(host, port)
        for address in addresses:
            left = min(CONNECT_SECONDS, end - time.monotonic())
            try:
                stream = super().connect_tcp(str(address), port, left, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if address == addresses[-1] or time.monotonic() >= end - 1:
                    raise
            else:
                return _TimedStream(stream, end)
        raise AssertionError("a name that resolves has an address")

    def connect_unix_socket(self, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
        raise AddressRefused("A socket of this machine is no address")


class _TimedStream(httpcore.NetworkStream):
    """A connection of which nothing takes longer than what is left of its time."""

    def __init__(self, stream: httpcore.NetworkStream, end: float) -> None:
        self._stream = stream
        self._end = end

    def _left(self, timeout: float | None) -> float:
        left = self._end - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout
        return left if timeout is None else min(timeout, left)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, self._left(timeout))
        return _TimedStream(secured, self._end)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def checked(host: str, port: int) -> list[Address]:
    """The addresses of a host; raises AddressRefused if one of them is refused."""
    addresses = _resolved(host, port)
    if not is_trusted(host, port):
        for address in addresses:
            if not is_public(address):
                raise AddressRefused(
                    f"{host} is at {address}, which is not on the open internet", permanent=True
                )
    return addresses


def _resolved(host: str, port: int) -> list[Address]:
    # The system's resolver knows no time-out of ours; what it hangs in must not hold up the next.
    found: Future[list[Any]] = Future()
    threading.Thread(target=_resolve, args=(host, port, found), daemon=True).start()
    try:
        places = found.result(CONNECT_SECONDS)
    except NotInTime:
        raise DeliveryFailed(f"{host} was not resolved within {CONNECT_SECONDS} seconds") from None
    except (OSError, UnicodeError) as error:
        raise DeliveryFailed(f"{host} has no address: {error}") from None
    return list(dict.fromkeys(ip_address(str(place[0])) for *_, place in places))


def _resolve(host: str, port: int, found: Future[list[Any]]) -> None:
    try:
        found.set_result(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except Exception as error:  # for whoever waits
        found.set_exception(error)

"""The one way out: by real connections, to a listener on loopback that must see none of them."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

import pytest
from pytest_django import Settings

from ads.errors import DeliveryFailed
from ads.services import outbound
from ads.services.outbound import AddressRefused
from ads.tests.receiver import Receiver, Reply, receiving

pytestmark = pytest.mark.unit

SPECIAL = {
    "loopback": "127.0.0.1",
    "loopback, elsewhere": "127.8.9.1",
    "loopback, in two parts": "127.1",
    "loopback, in three parts": "127.0.1",
    "loopback, as one number": "2130706433",
    "loopback, in hexadecimal": "0x7f000001",
    "loopback, partly in hexadecimal": "0x7f.1",
    "loopback, in octal": "0177.0.0.1",
    "this host": "0.0.0.0",  # noqa: S104
    "this host, as one number": "0",
    "this network": "0.1.2.3",
    "private, class A": "10.0.0.1",
    "private, class B": "172.16.0.1",
    "private, class B, the last": "172.31.255.254",
    "private, class C": "192.168.0.1",
    "shared": "100.64.0.1",
    "shared, the last": "100.127.255.254",
    "link-local, where clouds tell secrets": "169.254.169.254",
    "protocol assignments": "192.0.0.8",
    "documentation": "192.0.2.1",
    "documentation, second": "198.51.100.1",
    "documentation, third": "203.0.113.1",
    "6to4 relays": "192.88.99.1",
    "benchmarks": "198.18.0.1",
    "multicast": "224.0.0.1",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "IPv6 loopback": "[::1]",
    "IPv6 loopback, in full": "[0:0:0:0:0:0:0:1]",
    "IPv6 unspecified": "[::]",
    "IPv4-mapped": "[::ffff:127.0.0.1]",
    "IPv4-mapped, in hexadecimal": "[::ffff:7f00:1]",
    "IPv4-mapped, private": "[::ffff:10.0.0.1]",
    "IPv4-mapped, public": "[::ffff:93.184.215.14]",
    "IPv4-compatible": "[::127.0.0.1]",
    "IPv4-translated": "[::ffff:0:127.0.0.1]",
    "NAT64": "[64:ff9b::127.0.0.1]",
    "NAT64, public": "[64:ff9b::93.184.215.14]",
    "NAT64, local": "[64:ff9b:1::7f00:1]",
    "6to4": "[2002:7f00:1::]",
    "Teredo": "[2001:0:7f00:1::]",
    "ORCHID": "[2001:20::1]",
    "IPv6 documentation": "[2001:db8::1]",
    "IPv6 documentation, second": "[3fff::1]",
    "segment routing": "[5f00::1]",
    "discard": "[100::1]",
    "unique local": "[fd00::1]",
    "unique local, where clouds tell secrets": "[fd00:ec2::254]",
    "IPv6 link-local": "[fe80::1]",
    "IPv6 site-local": "[fec0::1]",
    "IPv6 multicast": "[ff02::1]",
    "a name": "localhost",
    "a name with a dot at its end": "localhost.",
    "a name in capitals": "LOCALHOST",
}

MALFORMED = {"0177.0.0.1"}
HERE = [
    "127.0.0.1", "127.8.9.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0.0.0.0", "0",  # noqa: S104
    "[::1]", "[::]", "[::ffff:127.0.0.1]", "localhost", "localhost.",
]  # fmt: skip


@pytest.fixture
def listener(settings: Settings) -> Iterator[Receiver]:
    """Listens on every address of this machine."""
    settings.OUTBOUND_TRUSTED_HOSTS = []
    with receiving(everywhere=True) as receiver:
        yield receiver


def port(receiver: Receiver) -> int:
    return receiver.server.server_port


class Names:
    """What DNS says, which may change from one question to the next; numbers are resolved as ever."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **answers: list[list[str]]) -> None:
        self.asked: list[str] = []
        self.answers = answers
        self.system = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self.getaddrinfo)

    def getaddrinfo(self, host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        name = str(host).partition(".")[0]
        if name not in self.answers:
            return self.system(host, port, *args, **kwargs)
        self.asked.append(name)
        known = self.answers[name]
        addresses = known.pop(0) if len(known) > 1 else known[0]
        return [
            place for address in addresses for place in self.system(address, port, type=socket.SOCK_STREAM)
        ]


class TestSpecialAddresses:
    @pytest.mark.parametrize("host", SPECIAL.values(), ids=SPECIAL)
    def test_are_refused_before_anything_is_sent(self, listener: Receiver, host: str) -> None:
        with pytest.raises(DeliveryFailed) as failure:
            outbound.request("GET", f"http://{host}:{port(listener)}/")
        # A form that is not even resolved, or no URL at all, leads nowhere either.
        assert (
            isinstance(failure.value, AddressRefused) or host in MALFORMED or "has no" in str(failure.value)
        )
        assert listener.connections == 0

    def test_would_have_been_seen_by_the_listener(
        self, listener: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The control: without the check the connections come. Only those that lead to this machine are tried."""
        monkeypatch.setattr(outbound, "is_public", lambda _: True)
        for host in HERE:
            with suppress(DeliveryFailed):
                outbound.request("POST", f"http://{host}:{port(listener)}/", content=b"{}")
        assert listener.connections >= 10

    @pytest.mark.parametrize(
        "address", ["93.184.215.14", "8.8.8.8", "1.1.1.1", "2606:4700::1111", "2a00:1450::1"]
    )
    def test_others_are_public(self, address: str) -> None:
        assert outbound.is_public(ip_address(address))


class TestNames:
    def test_with_one_address_too_many_is_refused_as_a_whole(
        self, listener: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        Names(monkeypatch, both=[["93.184.215.14", "127.0.0.1"]])
        with pytest.raises(AddressRefused, match=r"both\.example is at 127\.0\.0\.1"):
            outbound.request("GET", f"http://both.example:{port(listener)}/")
        assert listener.connections == 0

    def test_that_change_between_check_and_connection_lead_nowhere_else(
        self, listener: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whoever asks twice gets loopback the second time. A public address stands in for the one checked."""
        names = Names(monkeypatch, rebinds=[["93.184.215.14"], ["127.0.0.1"]])
        tried: list[Any] = []

        def connect(address: tuple[str, int], *_: Any, **__: Any) -> socket.socket:
            tried.append(address)
            raise OSError("unreachable")

        monkeypatch.setattr(socket, "create_connection", connect)
        with pytest.raises(DeliveryFailed, match="ConnectError"):
            outbound.request("GET", f"http://rebinds.example:{port(listener)}/")
        assert names.asked == ["rebinds"]
        assert tried == [("93.184.215.14", port(listener))]
        assert listener.connections == 0

    def test_that_nobody_knows_fail(self, listener: Receiver) -> None:
        with pytest.raises(DeliveryFailed, match=r"nobody\.invalid has no address"):
            outbound.request("GET", "http://nobody.invalid/")

    def test_that_take_too_long_to_resolve_fail_in_time(
        self, listener: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(outbound, "CONNECT_SECONDS", 0.2)
        over = threading.Event()
        resolved: list[bool] = []
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: resolved.append(over.wait()))
        with pytest.raises(DeliveryFailed, match="was not resolved within"):
            outbound.request("GET", "http://slow.example/")
        assert resolved == []
        over.set()


class TestTrustedHosts:
    @pytest.mark.parametrize("trusted", ["127.0.0.1", "127.0.0.1:{port}"])
    def test_are_reached(self, listener: Receiver, settings: Settings, trusted: str) -> None:
        settings.OUTBOUND_TRUSTED_HOSTS = [trusted.format(port=port(listener))]
        assert outbound.request("POST", listener.url, content=b"{}").code == 204
        assert listener.connections == 1

    @pytest.mark.parametrize("trusted", ["127.0.0.1:1", "127.0.0.2", "localhost", ""])
    def test_are_no_others(self, listener: Receiver, settings: Settings, trusted: str) -> None:
        settings.OUTBOUND_TRUSTED_HOSTS = [trusted]
        with pytest.raises(AddressRefused):
            outbound.request("POST", listener.url, content=b"{}")
        assert listener.connections == 0


@pytest.fixture
def trusted(listener: Receiver, settings: Settings) -> Receiver:
    settings.OUTBOUND_TRUSTED_HOSTS = ["127.0.0.1"]
    return listener


class TestAnswers:
    def test_that_redirect_are_not_followed(self, trusted: Receiver) -> None:
        with receiving() as inside:
            trusted.reply = lambda _: Reply(307, {"location": inside.url})
            with pytest.raises(DeliveryFailed, match="Answered 307") as failure:
                outbound.post(trusted.url, b"{}", {})
            assert failure.value.answer_code == 307
            assert inside.connections == 0

    def test_are_read_up_to_a_bound(self, trusted: Receiver) -> None:
        trusted.reply = lambda _: Reply(200, body=b"x" * 10_000_000)
        assert len(outbound.request("POST", trusted.url, content=b"{}").body) == outbound.READ_AT_MOST

    def test_that_refuse_say_so_in_their_own_words(self, trusted: Receiver) -> None:
        trusted.reply = lambda _: Reply(503, {"retry-after": "120"}, b"down for repair")
        with pytest.raises(DeliveryFailed, match=r"^Answered 503: down for repair$") as failure:
            outbound.post(trusted.url, b"{}", {})
        assert (failure.value.answer_code, failure.value.retry_after) == (503, 120)

    @pytest.mark.parametrize("reply", [Reply(0), Reply(999)], ids=["nothing", "a code that there is not"])
    def test_that_are_none_are_failures(self, trusted: Receiver, reply: Reply) -> None:
        trusted.reply = lambda _: reply
        with pytest.raises(DeliveryFailed):
            outbound.post(trusted.url, b"{}", {})

    def test_that_hang_end_in_time(self, trusted: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(outbound, "TOTAL_SECONDS", 0.5)
        trusted.reply = lambda _: hang(trusted)
        with pytest.raises(DeliveryFailed, match="No answer within"):
            outbound.post(trusted.url, b"{}", {})

    def test_that_drip_end_in_time_too(self, trusted: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(outbound, "TOTAL_SECONDS", 1)
        drip = socket.create_server(("127.0.0.1", 0))
        thread = threading.Thread(target=drip_at, args=(drip,), daemon=True)
        thread.start()
        with pytest.raises(DeliveryFailed, match="No answer within"):
            outbound.post(f"http://127.0.0.1:{drip.getsockname()[1]}/", b"{}", {})
        drip.close()
        thread.join(5)


def hang(receiver: Receiver) -> Reply:
    """An answer that comes when the test is over, so that a test which waits for it does not end."""
    receiver.over.wait()
    return Reply()


def drip_at(server: socket.socket) -> None:
    """A header of which a byte comes every tenth of a second, for ever."""
    connection, _ = server.accept()
    with connection:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        try:
            while True:
                connection.sendall(b"x")
                time.sleep(0.1)
        except OSError:
            pass


def test_proxies_of_the_environment_are_ignored(trusted: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://{proxy.host}")
        assert outbound.post(trusted.url, b"{}", {}).code == 204
        assert proxy.connections == 0


def test_the_certificate_is_checked_against_the_name_and_not_the_address(
    trusted: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the server is asked for in the handshake is the name, and without a trusted certificate nothing is sent."""
    asked: list[str | None] = []
    server = socket.create_server(("127.0.0.1", 0))
    Names(monkeypatch, receiver=[["127.0.0.1"]])

    def serve() -> None:
        connection, _ = server.accept()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.sni_callback = lambda _, name, __: asked.append(name)
        try:
            with context.wrap_socket(connection, server_side=True):
                pass
        except OSError:
            pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outbound, "is_trusted", lambda *_: True)
        with pytest.raises(DeliveryFailed):
            outbound.post(f"https://receiver.example:{server.getsockname()[1]}/", b"{}", {})
    thread.join(5)
    server.close()
    assert asked == ["receiver.example"]

"""What webhooks are sent to: a real HTTP server on loopback that keeps what it got and answers as it is told."""

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook


@dataclass(frozen=True)
class Received:
    """One request as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def payload(self) -> Any:
        return json.loads(self.body)

    @property
    def event_id(self) -> str:
        return self.headers["webhook-id"]

    def verified(self, secret: str) -> Any:
        """The payload; raises WebhookVerificationError where it was not signed with this secret."""
        return Webhook(secret).verify(self.body, dict(self.headers))


@dataclass(frozen=True)
class Reply:
    """What is answered; a code of 0 hangs up without a word."""

    code: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Receiver:
    """Each request is kept before `reply` is asked what to answer."""

    def __init__(self, *, everywhere: bool = False) -> None:
        self.received: list[Received] = []
        self.reply: Callable[[Received], Reply] = lambda _: Reply()
        self.over = threading.Event()  # ends what hangs
        self.connections = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def setup(self) -> None:
                receiver.connections += 1
                super().setup()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Received(self.path, headers, body)
                receiver.received.append(request)
                reply = receiver.reply(request)
                if not reply.code:
                    self.connection.close()
                    return
                self.send_response(reply.code)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)

            def log_message(self, *args: Any) -> None:
                """Not into the output of the tests."""

        class Server(ThreadingHTTPServer):
            def server_bind(self) -> None:
                if everywhere and socket.has_dualstack_ipv6():
                    self.socket.close()
                    self.socket = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
                    self.server_address = self.socket.getsockname()
                    self.server_name, self.server_port = "everywhere", self.socket.getsockname()[1]
                    return
                super().server_bind()

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server.server_port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}/hook"

    @property
    def event_ids(self) -> list[str]:
        return [request.event_id for request in self.received]


@contextmanager
def receiving(*, everywhere: bool = False) -> Iterator[Receiver]:
    """Listens while inside: on loopback, or on every address of this machine, IPv6 ones too where there are."""
    receiver = Receiver(everywhere=everywhere)
    thread = threading.Thread(
        target=receiver.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
    )
    thread.start()
    try:
        yield receiver
    finally:
        receiver.over.set()
        receiver.server.shutdown()
        receiver.server.server_close()
        thread.join()

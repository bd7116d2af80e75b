"""A platform on loopback that speaks the documented shapes of generic HTTP, and misbehaves when told to."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.utils import timezone

from ads.models import PlatformConnection, PlatformMode
from ads.services import platform_states

TOKEN = "a-token-of-the-platform"
OURS, JANE = "system@agency", "jane@agency"


@dataclass
class Stub:
    """Campaigns by id, who did what, every request; and how it answers the next ones."""

    campaigns: dict[str, str] = field(default_factory=dict)
    changes: list[dict[str, str]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    reads: list[int] = field(default_factory=list)  # of how many campaigns at once
    has_log: bool = True
    broken_log: bool = False
    codes: list[int] = field(default_factory=list)  # of the next answers, without doing anything
    headers: dict[str, str] = field(default_factory=dict)  # of those answers
    lose_answers: int = 0  # of the next writes: done, and no answer given
    loses_answer: Callable[[], bool] = lambda: False  # whether the next is lost, whatever was done
    fails_at: str = ""  # the campaign that it cannot pause or resume
    ignores_writes: bool = False  # answers well and does nothing
    hangs: Event | None = None
    url: str = ""

    def turn(self, campaign: str, status: str, actor: str, at: datetime | None = None) -> None:
        """Somebody changes a campaign; what changes nothing is in no log."""
        if self.campaigns.get(campaign) == status:
            return
        self.campaigns[campaign] = status
        moment = (at or datetime.now(UTC)).isoformat()
        self.changes.append({"id": campaign, "status": status, "actor": actor, "at": moment})

    @property
    def writes(self) -> list[str]:
        """Requests that ask for a change."""
        return [request for request in self.requests if request.startswith("POST")]


class _Handler(BaseHTTPRequestHandler):
    stub: Stub

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        stub = self.stub
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        place = urlsplit(self.path)
        stub.requests.append(f"{self.command} {place.path}")
        if place.path == "/campaigns":
            stub.reads.append(len(parse_qs(place.query)["id"]))
        if stub.hangs is not None:
            stub.hangs.wait(30)
            return
        if stub.codes:
            self._answer(stub.codes.pop(0), {"error": "as told"}, stub.headers)
        elif self.headers["Authorization"] != f"Bearer {TOKEN}":
            self._answer(401, {"error": "no right"})
        elif self.command == "GET":
            self._read(place.path, parse_qs(place.query))
        else:
            self._write(place.path, json.loads(body))

    def _read(self, path: str, asked: dict[str, list[str]]) -> None:
        assert asked["account"] == ["acme"]
        stub, ids = self.stub, asked["id"]
        if path == "/campaigns":
            found = [{"id": each, "status": stub.campaigns[each]} for each in ids if each in stub.campaigns]
            self._answer(200, {"campaigns": found})
        elif stub.broken_log:
            self._answer(500, {"error": "as told"})
        elif stub.has_log:
            changes = [change for change in stub.changes if change["id"] in ids]
            if "since" in asked:
                since = datetime.fromisoformat(asked["since"][0])
                changes = [each for each in changes if datetime.fromisoformat(each["at"]) >= since]
            self._answer(200, {"changes": changes})
        else:
            self._answer(404, {"error": "no change log"})

    def _write(self, path: str, sent: dict[str, Any]) -> None:
        assert sent == {"account": "acme"}
        stub = self.stub
        _, _, campaign, what = path.split("/")
        if campaign == stub.fails_at:
            self._answer(500, {"error": "always"})
            return
        if campaign not in stub.campaigns:
            self._answer(404, {"error": "no such campaign"})
            return
        if not stub.ignores_writes:
            stub.turn(campaign, "paused" if what == "pause" else "running", OURS)
        if stub.lose_answers:
            stub.lose_answers -= 1
            self.close_connection = True
            return
        self._answer(200, {"id": campaign, "status": stub.campaigns[campaign]})

    def _answer(self, code: int, content: object, headers: dict[str, str] | None = None) -> None:
        if self.stub.loses_answer():
            self.close_connection = True
            return
        body = json.dumps(content).encode()
        self.send_response(code)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Says nothing."""


@contextmanager
def running_stub(**campaigns: str) -> Iterator[Stub]:
    """The platform while it runs, with these campaigns, such as c1="running"."""
    stub = Stub(dict(campaigns))
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"stub": stub}))
    server.daemon_threads = True
    stub.url = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield stub
    finally:
        if stub.hangs is not None:
            stub.hangs.set()
        server.shutdown()
        server.server_close()


def at_acme(external_id: str) -> dict[str, str]:
    """Settings of a campaign that is on the account of `connect`."""
    return {"platform": "dsp", "account": "acme", "external_id": external_id}


def connect(stub: Stub, **more: Any) -> PlatformConnection:
    """A connection to the platform, allowed to act."""
    given = {"mode": PlatformMode.ACT} | more
    account = PlatformConnection.objects.create(
        adapter="http",
        platform="dsp",
        account="acme",
        url=stub.url,
        credentials="PLATFORM_ACME",
        own_name=OURS,
        **given,
    )
    platform_states.follow_connection(account, timezone.now())
    return account

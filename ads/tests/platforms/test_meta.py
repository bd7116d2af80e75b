"""The adapter of Meta, with the official library, against a local server that speaks the Graph API's shapes."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from ads.errors import DeliveryFailed
from ads.platforms import Access, Platform, speak_to
from ads.rules.platforms import Observed, Pause

session = pytest.importorskip("facebook_business.session", reason="facebook-business is not installed")

pytestmark = [pytest.mark.integration, pytest.mark.once]

TOKEN, ACCOUNT = "EAAB-token", "act_77"
SECRET = json.dumps({"access_token": TOKEN, "app_secret": "s"})


@dataclass
class Graph:
    """Campaigns of one ad account, its activities, the requests, and the error that comes next."""

    campaigns: dict[str, str] = field(default_factory=dict)
    activities: list[dict[str, Any]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    asked: list[dict[str, list[str]]] = field(default_factory=list)
    error: tuple[int, dict[str, Any], dict[str, str]] | None = None

    def answer(self, method: str, path: str, given: dict[str, list[str]]) -> tuple[int, Any, dict[str, str]]:
        self.requests.append(f"{method} {path}")
        self.asked.append(given)
        assert given["access_token"] == [TOKEN]
        assert "appsecret_proof" in given
        if self.error is not None:
            code, error, headers = self.error
            return code, {"error": error}, headers
        if path == f"/{ACCOUNT}/campaigns":
            (condition,) = json.loads(given["filtering"][0])
            data = [
                {"id": each, "configured_status": self.campaigns[each]}
                for each in condition["value"]
                if each in self.campaigns
            ]
            return 200, {"data": data, "paging": {"cursors": {"before": "a", "after": "b"}}}, {}
        if path == f"/{ACCOUNT}/activities":
            return 200, {"data": self.activities, "paging": {}}, {}
        campaign = path.removeprefix("/")
        if campaign not in self.campaigns:
            gone = {"message": "Unsupported post request.", "type": "GraphMethodException", "code": 100}
            return 400, {"error": gone | {"error_subcode": 33}}, {}
        self.campaigns[campaign] = given["status"][0]
        return 200, {"success": True}, {}


@pytest.fixture
def graph(monkeypatch: pytest.MonkeyPatch) -> Iterator[Graph]:
    graph = Graph()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer()

        def do_POST(self) -> None:
            self.answer()

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            place = urlsplit(self.path)
            path = "/" + place.path.split("/", 2)[2].rstrip("/")  # without the version
            given = parse_qs(place.query) | parse_qs(body)
            code, content, headers = graph.answer(self.command, path, given)
            self.send_response(code)
            for name, value in ({"Content-Type": "application/json"} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    monkeypatch.setattr(session.FacebookSession, "GRAPH", f"http://127.0.0.1:{server.server_port}")
    yield graph
    server.shutdown()
    server.server_close()


@pytest.fixture
def meta(graph: Graph) -> Platform:
    return speak_to("meta", Access(ACCOUNT, SecretStr(SECRET)))


def activity(object_id: str, actor: str, hour: int, became: Any, **more: str) -> dict[str, Any]:
    return {
        "event_type": "update_campaign_run_status",
        "event_time": f"2026-03-10T{hour:02}:00:00+0000",
        "object_id": object_id,
        "actor_name": actor,
        "extra_data": json.dumps(became),
    } | more


def test_reads_every_campaign_that_there_is_in_one_request(graph: Graph, meta: Platform) -> None:
    graph.campaigns = {"1": "ACTIVE", "2": "PAUSED", "3": "ARCHIVED", "4": "DELETED", "5": "ACTIVE"}
    assert meta.read(["1", "2", "3", "4", "9"]) == {
        "1": Observed.RUNNING,
        "2": Observed.PAUSED,
        "3": Observed.GONE,
        "4": Observed.GONE,
    }
    assert graph.requests == [f"GET /{ACCOUNT}/campaigns"]
    assert "DELETED" in graph.asked[0]["effective_status"][0]


def test_the_account_may_be_given_with_or_without_its_beginning(graph: Graph) -> None:
    speak_to("meta", Access("77", SecretStr(SECRET))).read(["1"])
    assert graph.requests == [f"GET /{ACCOUNT}/campaigns"]


def test_pauses_and_resumes(graph: Graph, meta: Platform) -> None:
    graph.campaigns = {"1": "ACTIVE", "2": "ACTIVE"}
    assert meta.pause(["1"]) == {}
    assert graph.campaigns == {"1": "PAUSED", "2": "ACTIVE"}
    assert meta.resume(["1"]) == {}
    assert graph.campaigns == {"1": "ACTIVE", "2": "ACTIVE"}
    assert graph.requests == ["POST /1", "POST /1"]


def test_tells_what_is_wrong_with_one_campaign(graph: Graph, meta: Platform) -> None:
    assert meta.pause(["9"]) == {"9": "Answered 100: Unsupported post request."}


@pytest.mark.parametrize(
    ("code", "error", "headers", "message", "retry_after"),
    [
        (400, {"message": "Expired token", "code": 190}, {}, "Answered 190: Expired token", None),
        (500, {"message": "Try later", "code": 2, "is_transient": True}, {}, "Answered 2: Try later", None),
        (
            400,
            {"message": "Too many calls", "code": 17},
            {"x-business-use-case-usage": '{"77": [{"type": "x", "estimated_time_to_regain_access": 7}]}'},
            "Answered 17: Too many calls",
            420,
        ),
        (400, {"message": "Too many calls", "code": 80004}, {}, "Answered 80004: Too many calls", None),
    ],
)
def test_tells_what_is_wrong_with_the_account(
    graph: Graph,
    meta: Platform,
    code: int,
    error: dict[str, Any],
    headers: dict[str, str],
    message: str,
    retry_after: int | None,
) -> None:
    graph.error = (code, error, headers)
    with pytest.raises(DeliveryFailed, match=message) as failure:
        meta.pause(["1"])
    assert failure.value.retry_after == retry_after
    assert TOKEN not in str(failure.value)
    with pytest.raises(DeliveryFailed, match=message):
        meta.read(["1"])


def test_a_platform_that_is_not_there_is_told(meta: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session.FacebookSession, "GRAPH", "http://127.0.0.1:9")
    with pytest.raises(DeliveryFailed, match="No answer: ConnectionError"):
        meta.read(["1"])


def test_the_last_pause_is_that_of_who_began_it(graph: Graph, meta: Platform) -> None:
    pending = {"run_status": {"old_value": 1, "new_value": 4}, "new_value": "Pending process"}
    inactive = {"run_status": {"old_value": 4, "new_value": 15}, "new_value": "Inactive"}
    active = {"run_status": {"old_value": 15, "new_value": 1}, "new_value": "Active"}
    graph.activities = [
        activity("1", "Meta", 13, inactive),
        activity("1", "Jane Doe", 12, pending),
        activity("1", "Budget system", 11, inactive),
        activity("2", "Budget system", 11, {"new_value": "Inactive"}),
        activity("2", "Jane Doe", 12, active),
        activity("3", "Jane Doe", 12, inactive, event_type="update_ad_set_run_status"),
        activity("4", "Jane Doe", 12, active),
        activity("5", "Jane Doe", 12, inactive),
    ]
    since = datetime(2026, 3, 10, tzinfo=UTC)
    assert meta.last_pauses(["1", "2", "3", "4"], since) == {
        "1": Pause("Jane Doe", datetime(2026, 3, 10, 12, tzinfo=UTC)),
        "2": Pause("Budget system", datetime(2026, 3, 10, 11, tzinfo=UTC)),
    }
    assert graph.asked[0]["category"] == ["STATUS"]


@pytest.mark.parametrize("secret", ["", "EAAB", "{}", '{"token": "x"}'])
def test_a_secret_of_another_shape_is_refused_without_being_told(secret: str) -> None:
    with pytest.raises(DeliveryFailed, match="The secret is not as documented") as failure:
        speak_to("meta", Access(ACCOUNT, SecretStr(secret)))
    assert "EAAB" not in str(failure.value)

"""Lines of the log: for people or as JSON, with the ids of request and task, and never with a secret."""

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any, Literal

import pytest
import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from pydantic import SecretStr

from ads import tasks
from ads.api.problems import no_such_address
from budget_system import logs
from budget_system.celery import app
from budget_system.environment import Environment

pytestmark = pytest.mark.once
Write = Callable[..., str]
SECRETS = ["the-secret-key-of-this-site", 'pass"word', "metrics-token-of-ours", "short"]


def formatter(log_format: Literal["line", "json"]) -> logging.Formatter:
    before = structlog.get_config()
    chosen: dict[str, Any] = logs.configuration(log_format, secrets=SECRETS)["formatters"]["chosen"]
    structlog.configure(**before)
    made: logging.Formatter = chosen.pop("()")(**chosen)
    return made


@pytest.fixture(params=["line", "json"])
def write(request: pytest.FixtureRequest) -> Iterator[Write]:
    """Logs a message and returns the finished line, in both formats."""
    yield lambda *args, **kwargs: written(request.param, *args, **kwargs)
    structlog.contextvars.clear_contextvars()


def written(log_format: Literal["line", "json"], message: str, *args: object, **kwargs: Any) -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter(log_format))
    logger = logging.Logger("ads.test")
    logger.addHandler(handler)
    logger.error(message, *args, **kwargs)
    return stream.getvalue()


def test_json_is_one_object_on_one_line_with_the_ids() -> None:
    with structlog.contextvars.bound_contextvars(request_id="r1", task_id="t1"):
        try:
            raise ValueError("no such thing")
        except ValueError:
            line = written("json", "Wrong:\n%s", "käse", exc_info=True)
    assert line.count("\n") == 1
    told = json.loads(line)
    assert told.pop("exception").endswith("ValueError: no such thing")
    assert told.pop("timestamp").endswith("Z")
    assert told == {
        "event": "Wrong:\nkäse",
        "level": "error",
        "logger": "ads.test",
        "request_id": "r1",
        "task_id": "t1",
    }


def test_for_people_the_ids_follow_what_is_said() -> None:
    with structlog.contextvars.bound_contextvars(task_id="t1"):
        line = written("line", "Pausing campaign %s", "Summer Sale")
    assert line.partition(" ")[2] == "ERROR ads.test: Pausing campaign Summer Sale (task_id=t1)\n"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("key the-secret-key-of-this-site.", "key [hidden]."),
        ("it is pass\"word", "it is [hidden]"),
        ("Authorization: Bearer abcdefghijklmnopqrstuvwxyz012345", "Authorization: Bearer [hidden]"),
        ("abt_0123abcd_" + "a" * 43 + " was used", "[hidden] was used"),
        ("whsec_c2VjcmV0c2VjcmV0 signs", "[hidden] signs"),
        ("redis://:hunter2@cache:6379/0", "redis://:[hidden]@cache:6379/0"),
        ("postgresql://ann:hunter2@db/budgets", "postgresql://ann:[hidden]@db/budgets"),
        ("to https://hooks.slack.com/services/T0/B0/hunter2 now", "to https://hooks.slack.com/services/[hidden] now"),
        ("https://x.azure.com/1?sp=2&sig=hunter2", "https://x.azure.com/1?sp=2&sig=[hidden]"),
        ("password=hunter2&next=/", "password=[hidden]&next=/"),
        ("GET /hook?token=hunter2&a=1", "GET /hook?token=[hidden]&a=1"),
        ("{'password': 'hunter2', 'name': 'ann'}", "{'password': '[hidden]', 'name': 'ann'}"),
        ("Cookie: sessionid=hunter2; theme=dark", "Cookie: sessionid=[hidden]; theme=dark"),
        ("SECRET_KEY is not set", "SECRET_KEY is not set"),
        ("This token is not known.", "This token is not known."),
        ("a short word", "a short word"),
        ("Pausing campaign Basic Instinct (Acme)", "Pausing campaign Basic Instinct (Acme)"),
    ],
)  # fmt: skip
def test_what_is_secret_is_hidden_and_nothing_else(write: Write, said: str, told: str) -> None:
    in_json = json.dumps(told)[1:-1]
    line = write("%s", said)
    assert told in line or in_json in line
    assert "hunter2" not in line


def test_a_secret_in_a_traceback_is_hidden(write: Write) -> None:
    def fail(url: str) -> None:
        raise ConnectionError(f"cannot reach {url}")

    try:
        fail("redis://:hunter2@cache/0")
    except ConnectionError:
        line = write("Down", exc_info=sys.exc_info())
    assert "cannot reach redis://:[hidden]@cache/0" in line
    assert "hunter2" not in line


def test_the_value_of_every_secret_setting_is_known_to_the_log() -> None:
    secret = {name for name, each in Environment.model_fields.items() if each.annotation is SecretStr}
    assert {"secret_key", "database_url", "db_password", "metrics_token", "sentry_dsn"} <= secret
    values: dict[str, Any] = {name: SecretStr(f"value-of-{name}") for name in secret}
    given = Environment.model_construct(set(values), **values)
    assert set(given.secrets()) == {f"value-of-{name}" for name in secret}
    assert Environment.model_construct().secrets() == []
    assert settings.SECRET_KEY in settings.LOGGING["formatters"]["chosen"]["secrets"]


def fails(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("no such luck")


urlpatterns = [path("fails/", fails), path("api/nothing/", no_such_address)]


@pytest.mark.django_db
@pytest.mark.urls("budget_system.tests.test_logs")
class TestRequests:
    @pytest.fixture
    def lines(self, caplog: pytest.LogCaptureFixture) -> Callable[[], list[dict[str, Any]]]:
        caplog.set_level(logging.INFO, logger="django_structlog")
        return lambda: [record.msg for record in caplog.records if isinstance(record.msg, dict)]

    def test_an_answer_names_the_id_that_the_log_has(self, client: Client, lines: Callable[[], Any]) -> None:
        response = client.get("/api/nothing/", headers={"X-Request-ID": "forged\r\nline"})
        (line,) = lines()
        assert (line["event"], line["code"], line["request"]) == (
            "request_finished",
            404,
            "GET /api/nothing/",
        )
        assert line["request_id"] == response.headers["X-Request-ID"]
        assert "forged" not in str(line)
        assert {"ip", "user_id", "user_agent"} & set(line) == set()

    def test_so_does_one_that_failed(self, lines: Callable[[], Any]) -> None:
        response = Client(raise_request_exception=False).get("/fails/")
        (line,) = lines()
        assert (response.status_code, line["event"]) == (500, "request_failed")
        assert line["request_id"] == response.headers["X-Request-ID"]

    def test_each_request_has_an_id_of_its_own(self, client: Client) -> None:
        ids = {client.get("/api/nothing/").headers["X-Request-ID"] for _ in range(3)}
        assert len(ids) == 3

    def test_probes_leave_no_line(self, client: Client, lines: Callable[[], Any]) -> None:
        for probe in ("/healthz", "/readyz", "/metrics"):
            client.get(probe)
        assert lines() == []


def test_a_message_to_a_worker_carries_the_requests_id() -> None:
    with app.connection_for_write() as connection, connection.SimpleQueue("celery") as queue:
        queue.clear()
        with structlog.contextvars.bound_contextvars(request_id="r1"):
            tasks.heartbeat.delay()
        message = queue.get(timeout=60)
        message.ack()
    headers: Any = message.headers
    assert headers["__django_structlog__"]["request_id"] == "r1"

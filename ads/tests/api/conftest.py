"""What the tests of the API share: tokens, and a client that speaks JSON."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from freezegun import freeze_time

from ads.models import Brand, Scope
from ads.rights import ACCOUNT_MANAGER, Role
from ads.services import tokens
from ads.tests.api.server import Server
from ads.tests.moments import NOON
from ads.tests.people import take_role
from budget_system.testing.fixtures import CommittedDatabase

ALL = tuple(Scope.values)
JSON = "application/json"
NDJSON = "application/x-ndjson"


@dataclass
class Api:
    """A program that uses the API with a token ('' for none)."""

    token: str
    headers: dict[str, str] = field(default_factory=dict)
    _client: Client = field(default_factory=lambda: Client(raise_request_exception=False))

    def get(self, path: str, **headers: str) -> "Answer":
        return self._send("GET", path, b"", "", headers)

    def post(self, path: str, body: Any = None, content_type: str = JSON, **headers: str) -> "Answer":
        return self._send("POST", path, _encoded(body), content_type, headers)

    def patch(self, path: str, body: Any, **headers: str) -> "Answer":
        return self._send("PATCH", path, _encoded(body), JSON, headers)

    def send(self, method: str, path: str) -> "Answer":
        return self._send(method, path, b"", "", {})

    def _send(
        self, method: str, path: str, body: bytes, content_type: str, headers: dict[str, str]
    ) -> "Answer":
        authorization = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        response = self._client.generic(
            method, f"/api/v1{path}", body, content_type, headers=authorization | self.headers | headers
        )
        return Answer(response)


class Answer:
    """What came back."""

    def __init__(self, response: Any) -> None:
        self.code = response.status_code
        self.headers = response.headers
        self.content = response.content

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def problem(self) -> str:
        """The code of a problem, which everything with such a status must be."""
        assert self.code >= 400, self.content
        assert self.headers["Content-Type"] == "application/problem+json"
        told = self.json
        assert told["status"] == self.code
        assert told["title"]
        assert told["detail"]
        kind: str = told["type"]
        return kind.removeprefix("urn:problem-type:budgets:")

    @property
    def fields(self) -> list[str]:
        """The fields that a problem names."""
        return [error["field"] for error in self.json["errors"]]


def _encoded(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    return b"" if body is None else json.dumps(body).encode()


class Clock:
    """Stands still at noon or goes on. To stop it looks at every module, so it is stopped for many tests at once."""

    def __init__(self) -> None:
        self._noon = freeze_time(NOON)
        self._stands = False

    def set(self, *, stands: bool) -> None:
        if stands and not self._stands:
            self._noon.start()
        if self._stands and not stands:
            self._noon.stop()
        self._stands = stands


@pytest.fixture(scope="module")
def clock() -> Iterator[Clock]:
    clock = Clock()
    yield clock
    clock.set(stands=False)


@pytest.fixture(autouse=True)
def _at_noon(request: pytest.FixtureRequest, clock: Clock) -> None:
    """It is always the same moment, but for tests with other processes in them."""
    clock.set(stands=not {"committed_database", "server"} & set(request.fixturenames))


@pytest.fixture(autouse=True)
def _nothing_counted() -> Iterator[None]:
    """Requests of one test are not counted in the next."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_superuser("ann")


@pytest.fixture
def api(user: User) -> Api:
    """May everything, with a superuser's rights."""
    return Api(tokens.issue(user, "everything", ALL).text)


Enter = Callable[..., Api]


@pytest.fixture
def enter(db: None) -> Enter:
    """Makes a user with a role who has only these brands, and a token of these scopes for them."""

    def make(*brands: Brand, scopes: tuple[str, ...] = ALL, role: Role = ACCOUNT_MANAGER) -> Api:
        user = User.objects.create_user(f"user {User.objects.count()}")
        user.brands.set(brands)
        take_role(user, role)
        return Api(tokens.issue(user, "some", scopes).text)

    return make


@pytest.fixture
def server(committed_database: CommittedDatabase, tmp_path: Path) -> Iterator[Server]:
    """A real server on the test's own database; start() and stop() are the test's to call as well."""
    running = Server(committed_database, tmp_path)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def everything(committed_database: CommittedDatabase) -> str:
    """A token that may everything, in the committed database."""
    return tokens.issue(User.objects.create_superuser("ann"), "everything", ALL).text


def event(campaign: Any, external_id: str = "1", amount: str = "10.00", **more: Any) -> dict[str, Any]:
    """A spend event as it is sent."""
    name = getattr(campaign, "pk", campaign)
    return {"campaign": name, "external_id": external_id, "amount": amount} | more

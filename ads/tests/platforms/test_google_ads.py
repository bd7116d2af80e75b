"""The adapter of Google Ads, with the official library, against a local gRPC server of the library's own protos."""

import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from ads.errors import DeliveryFailed
from ads.platforms import Access, Platform, speak_to
from ads.rules.platforms import Observed, Pause

pytest.importorskip("google.ads.googleads.client", reason="google-ads is not installed")
grpc = pytest.importorskip("grpc")

pytestmark = [pytest.mark.integration, pytest.mark.once]

CUSTOMER = "1234567890"
SECRET = {
    "developer_token": "dev-token",
    "client_id": "id",
    "client_secret": "secret",
    "refresh_token": "refresh",
}
# The status that an error in the trailing metadata comes with.
FAILURE = "google.ads.googleads.{}.errors.googleadsfailure-bin"


@dataclass
class Account:
    """Campaigns of a customer by id, change events, what was asked; and the error that comes next."""

    campaigns: dict[int, str] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    zone: str = "America/New_York"
    queries: list[str] = field(default_factory=list)
    metadata: list[dict[str, str]] = field(default_factory=list)
    mutations: int = 0
    error: str = ""
    code: Any = None
    hangs: float = 0


class Server:
    """Answers GoogleAdsService.Search and CampaignService.Mutate for one account."""

    def __init__(self, client: Any, account: Account) -> None:
        self.client, self.account = client, account
        self.services = type(client.get_type("SearchGoogleAdsRequest")).__module__
        self.version = re.search(r"\.(v\d+)\.", self.services)[1]  # type: ignore[index]

    def handlers(self) -> list[Any]:
        return [
            self.handler("GoogleAdsService", "Search", self.search, "SearchGoogleAds"),
            self.handler("CampaignService", "MutateCampaigns", self.mutate, "MutateCampaigns"),
        ]

    def handler(self, service: str, method: str, answer: Any, types: str) -> Any:
        request, response = (type(self.client.get_type(types + each)) for each in ("Request", "Response"))
        rpc = grpc.unary_unary_rpc_method_handler(
            answer, request_deserializer=request.deserialize, response_serializer=response.serialize
        )
        name = f"google.ads.googleads.{self.version}.services.{service}"
        return grpc.method_handlers_generic_handler(name, {method: rpc})

    def search(self, request: Any, context: Any) -> Any:
        self.meet(request, context)
        self.account.queries.append(request.query)
        response = self.client.get_type("SearchGoogleAdsResponse")
        rows = self.change_events() if "FROM change_event" in request.query else self.statuses(request.query)
        response.results.extend(rows)
        return response

    def statuses(self, query: str) -> Iterator[Any]:
        asked = [int(each) for each in re.findall(r"\d+", query.partition(" IN ")[2])]
        for each in asked:
            if each in self.account.campaigns:
                row = self.client.get_type("GoogleAdsRow")
                row.campaign.id = each
                row.campaign.status = self.client.enums.CampaignStatusEnum[self.account.campaigns[each]]
                yield row

    def change_events(self) -> Iterator[Any]:
        for given in self.account.events:
            row = self.client.get_type("GoogleAdsRow")
            row.customer.time_zone = self.account.zone
            event = row.change_event
            event.campaign = f"customers/{CUSTOMER}/campaigns/{given['id']}"
            event.change_date_time, event.user_email = given["at"], given["by"]
            event.client_type = self.client.enums.ChangeClientTypeEnum.GOOGLE_ADS_AUTOMATED_RULE
            operation = given.get("operation", "UPDATE")
            event.resource_change_operation = self.client.enums.ResourceChangeOperationEnum[operation]
            event.changed_fields.paths.extend(given.get("fields", ["status"]))
            event.new_resource.campaign.status = self.client.enums.CampaignStatusEnum[given["to"]]
            yield row

    def mutate(self, request: Any, context: Any) -> Any:
        self.meet(request, context)
        self.account.mutations += 1
        assert request.partial_failure
        response = self.client.get_type("MutateCampaignsResponse")
        failure = self.client.get_type("GoogleAdsFailure")
        for index, operation in enumerate(request.operations):
            assert list(operation.update_mask.paths) == ["status"]
            number = int(operation.update.resource_name.rpartition("/")[2])
            result = self.client.get_type("MutateCampaignResult")
            if number in self.account.campaigns:
                self.account.campaigns[number] = operation.update.status.name
                result.resource_name = operation.update.resource_name
            else:
                error = self.client.get_type("GoogleAdsError")
                error.message = "Resource was not found."
                place = type(error.location).FieldPathElement(field_name="operations", index=index)
                error.location.field_path_elements.append(place)
                failure.errors.append(error)
            response.results.append(result)
        if failure.errors:
            response.partial_failure_error.code = 3
            detail = response.partial_failure_error.details.add()
            detail.value = type(failure).serialize(failure)
        return response

    def meet(self, request: Any, context: Any) -> None:
        assert request.customer_id == CUSTOMER
        self.account.metadata.append(dict(context.invocation_metadata()))
        if self.account.hangs:
            time.sleep(self.account.hangs)
        if self.account.error:
            failure = self.client.get_type("GoogleAdsFailure")
            error = self.client.get_type("GoogleAdsError")
            error.message = self.account.error
            failure.errors.append(error)
            key = FAILURE.format(self.version)
            context.set_trailing_metadata([(key, type(failure).serialize(failure)), ("request-id", "r")])
            context.abort(self.account.code, "refused")


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """The server, to which the library's channels lead without TLS and without asking for a token."""
    from google.ads.googleads import oauth2
    from google.ads.googleads.client import GoogleAdsClient
    from google.auth.credentials import AnonymousCredentials

    monkeypatch.setattr(oauth2, "get_credentials", lambda _: AnonymousCredentials())
    account = Account()
    client = GoogleAdsClient.load_from_dict(SECRET | {"use_proto_plus": True})
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers(Server(client, account).handlers())
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    for name in ("GoogleAdsService", "CampaignService"):
        transport = type(client.get_service(name).transport)
        channel = staticmethod(lambda *_, **__: grpc.insecure_channel(f"127.0.0.1:{port}"))
        monkeypatch.setattr(transport, "create_channel", channel)
    yield account
    server.stop(None)


@pytest.fixture
def google(account: Account) -> Platform:
    access = Access("123-456-7890", SecretStr(json.dumps(SECRET)), manager_account="111-222-3333")
    return speak_to("google_ads", access)


def test_reads_every_campaign_that_there_is_in_one_request(account: Account, google: Platform) -> None:
    account.campaigns = {1: "ENABLED", 2: "PAUSED", 3: "REMOVED", 4: "ENABLED"}
    assert google.read(["1", "2", "3", "9"]) == {
        "1": Observed.RUNNING,
        "2": Observed.PAUSED,
        "3": Observed.GONE,
    }
    assert account.queries == [
        "SELECT campaign.id, campaign.status FROM campaign WHERE campaign.id IN (1, 2, 3, 9)"
    ]
    assert account.metadata[0]["developer-token"] == "dev-token"
    assert account.metadata[0]["login-customer-id"] == "1112223333"


def test_asks_nothing_of_ids_that_cannot_be(account: Account, google: Platform) -> None:
    assert google.read(["x) OR 1=1", ""]) == {}
    assert google.last_pauses(["'"], None) == {}
    assert account.queries == []


def test_pauses_and_resumes_many_in_one_request(account: Account, google: Platform) -> None:
    account.campaigns = {1: "ENABLED", 2: "ENABLED", 3: "ENABLED"}
    assert google.pause(["1", "2"]) == {}
    assert account.campaigns == {1: "PAUSED", 2: "PAUSED", 3: "ENABLED"}
    assert google.resume(["2"]) == {}
    assert account.campaigns == {1: "PAUSED", 2: "ENABLED", 3: "ENABLED"}
    assert account.mutations == 2


def test_tells_what_is_wrong_with_one_campaign_and_does_the_others(
    account: Account, google: Platform
) -> None:
    account.campaigns = {1: "ENABLED", 3: "ENABLED"}
    assert google.pause(["1", "2", "3"]) == {"2": "Resource was not found."}
    assert account.campaigns == {1: "PAUSED", 3: "PAUSED"}


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("PERMISSION_DENIED", "Answered: The customer is not enabled."),
        ("RESOURCE_EXHAUSTED", "No answer: ResourceExhausted: 429 refused"),
        ("UNAVAILABLE", "Answered: The customer is not enabled."),
    ],
)
def test_tells_what_is_wrong_with_the_account(
    account: Account, google: Platform, code: str, told: str
) -> None:
    account.error, account.code = "The customer is not enabled.", grpc.StatusCode[code]
    for ask in (google.read, google.pause):
        with pytest.raises(DeliveryFailed) as failure:
            ask(["1"])
        assert str(failure.value) == told


def test_gives_up_on_an_account_that_hangs(
    account: Account, google: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ads.platforms import google_ads

    monkeypatch.setitem(google_ads.ONCE, "timeout", 1)
    account.hangs = 2
    with pytest.raises(DeliveryFailed, match="No answer: DeadlineExceeded"):
        google.read(["1"])


def test_the_last_pause_is_told_on_our_clock(account: Account, google: Platform) -> None:
    account.events = [
        {"id": 1, "by": "jane@agency", "at": "2026-03-10 08:00:00.123456", "to": "PAUSED"},
        {"id": 1, "by": "system@agency", "at": "2026-03-10 07:00:00", "to": "PAUSED"},
        {"id": 2, "by": "jane@agency", "at": "2026-03-10 08:00:00", "to": "ENABLED"},
        {"id": 2, "by": "system@agency", "at": "2026-03-10 07:00:00", "to": "PAUSED"},
        {"id": 3, "by": "jane@agency", "at": "2026-03-10 08:00:00", "to": "PAUSED", "fields": ["name"]},
        {"id": 4, "by": "", "at": "2026-03-10 08:00:00", "to": "PAUSED"},
        {
            "id": 5,
            "by": "jane@agency",
            "at": "2026-03-10 08:00:00",
            "to": "UNSPECIFIED",
            "operation": "REMOVE",
        },
    ]
    eight = datetime(2026, 3, 10, 12, tzinfo=UTC)
    assert google.last_pauses(["1", "2", "3", "4", "5"], None) == {
        "1": Pause("jane@agency", eight.replace(microsecond=123456)),
        "2": Pause("system@agency", eight.replace(hour=11)),
        "4": Pause("GOOGLE_ADS_AUTOMATED_RULE", eight),
        "5": Pause("jane@agency", eight),
    }
    (query,) = account.queries
    assert "change_event.campaign IN ('customers/1234567890/campaigns/1', " in query
    assert query.endswith("LIMIT 10000")


def test_the_log_is_asked_for_no_more_than_it_keeps(account: Account, google: Platform) -> None:
    now = datetime.now(UTC)
    google.last_pauses(["1"], now - timedelta(days=400))
    google.last_pauses(["1"], now - timedelta(hours=1))
    begins = [re.search(r">= '([\d-]+)'", query)[1] for query in account.queries]  # type: ignore[index]
    assert begins == [f"{now - timedelta(days=29):%Y-%m-%d}", f"{now - timedelta(hours=25):%Y-%m-%d}"]


@pytest.mark.parametrize("secret", ["", "token", "[]", "{}", '{"developer_token": "dev-token"}'])
def test_a_secret_of_another_shape_is_refused_without_being_told(secret: str) -> None:
    with pytest.raises(DeliveryFailed, match="The secret is not as documented") as failure:
        speak_to("google_ads", Access(CUSTOMER, SecretStr(secret)))
    assert "dev-token" not in str(failure.value)

"""Google Ads, through its official library google-ads: campaigns' status, and the account's change events."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from google.ads.googleads.client import GoogleAdsClient
from google.ads.googleads.errors import GoogleAdsException
from google.api_core.exceptions import GoogleAPICallError
from google.auth.exceptions import GoogleAuthError
from grpc import RpcError

from ads.errors import DeliveryFailed
from ads.platforms import TIMEOUT_SECONDS, Access, Platform
from ads.rules.platforms import Observed, Pause

STATES = {"ENABLED": Observed.RUNNING, "PAUSED": Observed.PAUSED, "REMOVED": Observed.GONE}
LOG_GOES_BACK = timedelta(days=29)
A_DAY = timedelta(days=1)  # the log is asked in the account's days, which are not ours
# One attempt of so many seconds: whoever asks has a back-off of their own.
ONCE = {"timeout": TIMEOUT_SECONDS, "retry": None}
NOT_AS_DOCUMENTED = (
    'The secret is not as documented: {"developer_token": "...", "client_id": "...", "client_secret": "...", '
    '"refresh_token": "..."}'
)


def connect(access: Access) -> Platform:
    """The customer's account, spoken to with the developer token and credentials of the secret."""
    try:
        given = json.loads(access.secret.get_secret_value())
        settings = {**given, "use_proto_plus": True}
        if access.manager_account:
            settings["login_customer_id"] = _digits(access.manager_account)
        with _answering():
            client = GoogleAdsClient.load_from_dict(settings)
    except (ValueError, TypeError):
        raise DeliveryFailed(NOT_AS_DOCUMENTED) from None
    return GoogleAdsPlatform(client, _digits(access.account))


class GoogleAdsPlatform:
    reads_at_once = 200
    writes_at_once = 200

    def __init__(self, client: GoogleAdsClient, customer: str) -> None:
        self._client = client
        self._customer = customer

    def read(self, ids: Sequence[str]) -> Mapping[str, Observed]:
        numbers = _numbers(ids)
        if not numbers:
            return {}
        rows = self._search(
            f"SELECT campaign.id, campaign.status FROM campaign WHERE campaign.id IN ({', '.join(numbers)})"  # noqa: S608
        )
        return {str(row.campaign.id): _state(row.campaign.status.name) for row in rows}

    def pause(self, ids: Sequence[str]) -> Mapping[str, str]:
        return self._set("PAUSED", ids)

    def resume(self, ids: Sequence[str]) -> Mapping[str, str]:
        return self._set("ENABLED", ids)

    def last_pauses(self, ids: Sequence[str], since: datetime | None) -> Mapping[str, Pause]:
        numbers = _numbers(ids)
        if not numbers:
            return {}
        now = datetime.now(UTC)
        begin = max((since or now - LOG_GOES_BACK) - A_DAY, now - LOG_GOES_BACK)
        names = ", ".join(f"'customers/{self._customer}/campaigns/{number}'" for number in numbers)
        rows = self._search(
            "SELECT customer.time_zone, change_event.campaign, change_event.change_date_time, "  # noqa: S608
            "change_event.user_email, change_event.client_type, change_event.changed_fields, "
            "change_event.new_resource, change_event.resource_change_operation FROM change_event "
            f"WHERE change_event.change_date_time >= '{begin:%Y-%m-%d}' "
            f"AND change_event.change_date_time <= '{now + A_DAY:%Y-%m-%d}' "
            f"AND change_event.change_resource_type = 'CAMPAIGN' AND change_event.campaign IN ({names}) "
            "ORDER BY change_event.change_date_time DESC LIMIT 10000"
        )
        pauses = [(_campaign_of(row), _pause(row)) for row in rows if _stops_it(row.change_event)]
        return dict(sorted(pauses, key=lambda pause: pause[1].at))

    def _set(self, status: str, ids: Sequence[str]) -> Mapping[str, str]:
        service = self._client.get_service("CampaignService")
        request = self._client.get_type("MutateCampaignsRequest")
        request.customer_id, request.partial_failure = self._customer, True
        operation = type(self._client.get_type("CampaignOperation"))
        for each in ids:
            name = service.campaign_path(self._customer, each)
            request.operations.append(
                operation(update={"resource_name": name, "status": status}, update_mask={"paths": ["status"]})
            )
        with _answering():
            answer = service.mutate_campaigns(request=request, **ONCE)
        return dict(self._problems(answer.partial_failure_error, ids))

    def _problems(self, status: Any, ids: Sequence[str]) -> Iterator[tuple[str, str]]:
        """What went wrong with which campaign; an error that names none went wrong with all."""
        failure_type = type(self._client.get_type("GoogleAdsFailure"))
        for detail in status.details:
            for error in failure_type.deserialize(detail.value).errors:
                places = [each.index for each in error.location.field_path_elements]
                for each in ids if not places else [ids[places[0]]]:
                    yield each, error.message

    def _search(self, query: str) -> list[Any]:
        service = self._client.get_service("GoogleAdsService")
        request = self._client.get_type("SearchGoogleAdsRequest")
        request.customer_id, request.query = self._customer, query
        with _answering():
            return list(service.search(request=request, **ONCE))


@contextmanager
def _answering() -> Iterator[None]:
    """Turns what the library raises into DeliveryFailed."""
    try:
        yield
    except GoogleAdsException as error:
        told = "; ".join(each.message for each in error.failure.errors)
        raise DeliveryFailed(f"Answered: {told}") from None
    except (GoogleAPICallError, GoogleAuthError, RpcError) as error:
        raise DeliveryFailed(f"No answer: {type(error).__name__}: {error}") from None


def _stops_it(event: Any) -> bool:
    if event.resource_change_operation.name == "REMOVE":
        return True
    became = event.new_resource.campaign.status.name
    return "status" in event.changed_fields.paths and became in STATES and became != "ENABLED"


def _campaign_of(row: Any) -> str:
    return str(row.change_event.campaign).rpartition("/")[2]


def _pause(row: Any) -> Pause:
    """The event is told on the account's clock."""
    event = row.change_event
    wall = datetime.fromisoformat(event.change_date_time)
    at = wall.replace(tzinfo=ZoneInfo(row.customer.time_zone)).astimezone(UTC)
    return Pause(event.user_email or event.client_type.name, at)


def _digits(account: str) -> str:
    """123-456-7890 as the API wants it."""
    return account.replace("-", "").strip()


def _numbers(ids: Sequence[str]) -> list[str]:
    """Those that can be ids of campaigns at all."""
    return [each for each in ids if each.isascii() and each.isdecimal()]


def _state(status: str) -> Observed:
    if status not in STATES:
        raise DeliveryFailed(f"Answered with a status that is not known: {status}")
    return STATES[status]

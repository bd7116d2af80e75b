"""Meta, through its official library facebook-business: campaigns' status, and the account's activities."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from facebook_business.adobjects.adaccount import AdAccount
from facebook_business.adobjects.campaign import Campaign
from facebook_business.api import FacebookAdsApi
from facebook_business.exceptions import FacebookRequestError
from facebook_business.session import FacebookSession
from pydantic import BaseModel, SecretStr, ValidationError
from requests import RequestException

from ads.errors import DeliveryFailed
from ads.platforms import TIMEOUT_SECONDS, Access, Platform
from ads.rules.platforms import Observed, Pause

STATES = {
    "ACTIVE": Observed.RUNNING,
    "PAUSED": Observed.PAUSED,
    "ARCHIVED": Observed.GONE,
    "DELETED": Observed.GONE,
}
# Left out, a list has only campaigns that were not deleted or archived.
EVERY_STATUS = ["ACTIVE", "PAUSED", "DELETED", "ARCHIVED", "IN_PROCESS", "WITH_ISSUES"]
LOG_GOES_BACK = timedelta(days=28)
MOST_READ = 2_000  # of the activities, the newest
STATUS_CHANGED = "update_campaign_run_status"
# A switch is several steps, of which the platform itself makes the later ones in its own name.
THE_PLATFORM_ITSELF = "Meta"
ACTIVE = 1
NO_SUCH_CAMPAIGN = 100
THROTTLED = frozenset({4, 17, 32, 613, 80000, 80004})
TOO_MANY_MINUTES = 60


class Secret(BaseModel):
    """What the variable of the environment holds, as JSON. The app's secret, if given, signs each request."""

    access_token: SecretStr
    app_secret: SecretStr | None = None


def connect(access: Access) -> Platform:
    """The ad account, spoken to with a system user's token."""
    try:
        secret = Secret.model_validate_json(access.secret.get_secret_value())
    except ValidationError:
        raise DeliveryFailed('The secret is not as documented: {"access_token": "..."}') from None
    session = FacebookSession(
        app_secret=secret.app_secret.get_secret_value() if secret.app_secret else None,
        access_token=secret.access_token.get_secret_value(),
        timeout=TIMEOUT_SECONDS,
    )
    return MetaPlatform(FacebookAdsApi(session), access.account)


class MetaPlatform:
    reads_at_once = 50
    writes_at_once = 1

    def __init__(self, api: FacebookAdsApi, account: str) -> None:
        self._api = api
        self._account = AdAccount(f"act_{account.removeprefix('act_')}", api=api)

    def read(self, ids: Sequence[str]) -> Mapping[str, Observed]:
        params = {
            "filtering": [{"field": "id", "operator": "IN", "value": list(ids)}],
            "effective_status": EVERY_STATUS,
            "limit": self.reads_at_once,
        }
        with _answering():
            found = list(self._account.get_campaigns(fields=["configured_status"], params=params))
        return {each["id"]: _state(each["configured_status"]) for each in found if each["id"] in ids}

    def pause(self, ids: Sequence[str]) -> Mapping[str, str]:
        return self._set("PAUSED", ids)

    def resume(self, ids: Sequence[str]) -> Mapping[str, str]:
        return self._set("ACTIVE", ids)

    def last_pauses(self, ids: Sequence[str], since: datetime | None) -> Mapping[str, Pause]:
        now = datetime.now(UTC)
        begin = max(since or now - LOG_GOES_BACK, now - LOG_GOES_BACK)
        params = {"category": "STATUS", "since": int(begin.timestamp()), "limit": 500}
        fields = ["event_type", "event_time", "object_id", "actor_name", "extra_data"]
        with _answering():
            activities = list(islice(self._account.get_activities(fields=fields, params=params), MOST_READ))
        pauses = [
            (each["object_id"], Pause(each["actor_name"], _moment(each["event_time"])))
            for each in activities
            if each.get("object_id") in ids and _stops_it(each)
        ]
        return dict(sorted(pauses, key=lambda pause: pause[1].at))

    def _set(self, status: str, ids: Sequence[str]) -> Mapping[str, str]:
        problems = {}
        for each in ids:
            try:
                with _answering():
                    Campaign(each, api=self._api).api_update(params={"status": status})
            except DeliveryFailed as failure:
                if failure.answer_code != NO_SUCH_CAMPAIGN:
                    raise
                problems[each] = str(failure)
        return problems


@contextmanager
def _answering() -> Iterator[None]:
    """Turns what the library raises into DeliveryFailed; its code is Meta's."""
    try:
        yield
    except FacebookRequestError as error:
        code = error.api_error_code()
        raise DeliveryFailed(
            f"Answered {code or error.http_status()}: {error.api_error_message() or error.get_message()}",
            answer_code=code,
            retry_after=_seconds_until_more(error) if code in THROTTLED else None,
        ) from None
    except RequestException as error:
        raise DeliveryFailed(f"No answer: {type(error).__name__}") from None


def _seconds_until_more(error: FacebookRequestError) -> int | None:
    """When the platform says that it answers again, which it says in minutes."""
    try:
        usage = json.loads(error.http_headers()["x-business-use-case-usage"])
        minutes = max(each["estimated_time_to_regain_access"] for uses in usage.values() for each in uses)
    except (KeyError, ValueError, TypeError, AttributeError):
        return None
    return min(int(minutes), TOO_MANY_MINUTES) * 60 or None


def _stops_it(activity: Any) -> bool:
    """Whether somebody changed its status to another than active; the first step of that is enough."""
    if activity["event_type"] != STATUS_CHANGED or activity.get("actor_name") in {None, THE_PLATFORM_ITSELF}:
        return False
    try:
        told = json.loads(activity["extra_data"])
        became = told.get("run_status", {}).get("new_value", told.get("new_value"))
    except (KeyError, ValueError, AttributeError):
        return True
    return became not in {ACTIVE, "Active"}


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z").astimezone(UTC)


def _state(status: str) -> Observed:
    if status not in STATES:
        raise DeliveryFailed(f"Answered with a status that is not known: {status}")
    return STATES[status]

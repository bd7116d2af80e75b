"""Generic HTTP: any platform behind a small service that speaks the shapes of docs/platforms.md."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from pydantic import AwareDatetime, BaseModel, ValidationError

from ads.errors import DeliveryFailed
from ads.platforms import Access, Platform
from ads.rules.platforms import Observed, Pause
from ads.services import outbound
from ads.services.outbound import Answer

# The service refuses the campaign and not the account: there is no such one, or it cannot be done to it.
OF_ONE_CAMPAIGN = frozenset({400, 404, 409, 410, 422})
NO_CHANGE_LOG = frozenset({404, 501})
STATES = {"running": Observed.RUNNING, "paused": Observed.PAUSED, "gone": Observed.GONE}
TOLD_OF_ANSWER = 200

M = TypeVar("M", bound=BaseModel)


class _Campaign(BaseModel):
    id: str
    status: str


class _Campaigns(BaseModel):
    campaigns: list[_Campaign]


class _Change(BaseModel):
    id: str
    status: str
    actor: str
    at: AwareDatetime


class _Changes(BaseModel):
    changes: list[_Change]


def connect(access: Access) -> Platform:
    """The account, at the address that the connection names."""
    return HttpPlatform(access)


class HttpPlatform:
    reads_at_once = 50
    writes_at_once = 1

    def __init__(self, access: Access) -> None:
        self._access = access

    def read(self, ids: Sequence[str]) -> Mapping[str, Observed]:
        found = _parsed(_Campaigns, self._get("/campaigns", id=list(ids)))
        return {each.id: _state(each.status) for each in found.campaigns if each.id in ids}

    def pause(self, ids: Sequence[str]) -> Mapping[str, str]:
        return self._ask("pause", ids)

    def resume(self, ids: Sequence[str]) -> Mapping[str, str]:
        return self._ask("resume", ids)

    def last_pauses(self, ids: Sequence[str], since: datetime | None) -> Mapping[str, Pause]:
        asked: dict[str, Any] = {"id": list(ids)} | ({} if since is None else {"since": since.isoformat()})
        answer = self._get("/changes", **asked, accepts=NO_CHANGE_LOG)
        if answer.code in NO_CHANGE_LOG:
            return {}
        changes = sorted(_parsed(_Changes, answer).changes, key=lambda change: change.at)
        stopped = (change for change in changes if _state(change.status) != Observed.RUNNING)
        return {change.id: Pause(change.actor, change.at) for change in stopped if change.id in ids}

    def _ask(self, what: str, ids: Sequence[str]) -> Mapping[str, str]:
        problems = {}
        for each in ids:
            body = json.dumps({"account": self._access.account}).encode()
            answer = self._send("POST", f"/campaigns/{quote(each, safe='')}/{what}", body, OF_ONE_CAMPAIGN)
            if answer.code in OF_ONE_CAMPAIGN:
                problems[each] = _told(answer)
        return problems

    def _get(self, path: str, *, accepts: frozenset[int] = frozenset(), **asked: Any) -> Answer:
        query = urlencode({"account": self._access.account, **asked}, doseq=True)
        return self._send("GET", f"{path}?{query}", None, accepts)

    def _send(self, method: str, path: str, body: bytes | None, accepts: frozenset[int]) -> Answer:
        headers = {"Authorization": f"Bearer {self._access.secret.get_secret_value()}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        answer = outbound.request(method, self._access.url.rstrip("/") + path, headers=headers, content=body)
        if not 200 <= answer.code < 300 and answer.code not in accepts:
            raise DeliveryFailed(
                _told(answer), answer_code=answer.code, retry_after=outbound.retry_after(answer)
            )
        return answer


def _parsed(model: type[M], answer: Answer) -> M:
    try:
        return model.model_validate_json(answer.body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise DeliveryFailed(f"The answer is not as documented: {where} {first['msg']}".strip()) from None


def _state(status: str) -> Observed:
    if status not in STATES:
        raise DeliveryFailed(f"The answer is not as documented: “{status[:50]}” is no status")
    return STATES[status]


def _told(answer: Answer) -> str:
    said = answer.body[:TOLD_OF_ANSWER].decode(errors="replace").strip()
    return f"Answered {answer.code}{': ' if said else ''}{said}"

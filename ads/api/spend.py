"""Spend: recorded as events or as totals so far, and read back from the ledger."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Query, Router
from pydantic import Field

from ads.api import schemas
from ads.api.auth import can_read, can_write_spend, token_of
from ads.api.bodies import read_items
from ads.api.idempotency import idempotent
from ads.api.lookups import brand_or_404, campaign_or_404
from ads.api.openapi import items_of
from ads.api.pages import Day, Id, PageParameters, cut, next_after, refuse_unknown
from ads.api.problems import Problem, invalid
from ads.api.recording import EVENTS, SNAPSHOTS, Outcome, record_items
from ads.api.shapes import amount, answer
from ads.models import Kind, SpendLog
from ads.services.records import Result

router = Router(tags=["Spend"])
STATUSES = {Result.ACCEPTED: 201, Result.QUARANTINED: 202}


@router.post(
    "/spend",
    auth=can_write_spend,
    response={
        200: schemas.EventAnswer | schemas.EventAnswers,
        201: schemas.EventAnswer,
        202: schemas.EventAnswer,
    },
    openapi_extra=items_of(schemas.SpendEvent),
)
@idempotent
def record_spend(request: HttpRequest) -> HttpResponse:
    """Records one event, or up to 10,000 at once: a list, {"items": [...]}, or NDJSON.

    One event is answered 201 when it is new, 200 when it came before, 202 when it waits in quarantine for a
    person, 409 when its id came with other content, 422 when it can never be counted. Many are answered 200,
    each with its own result in their order: all that is good is booked. What is answered is stored.
    """
    items, is_single = read_items(request)
    outcomes = record_items(items, EVENTS, token_of(request), timezone.now())
    return _answer_to_one(outcomes[0], _event) if is_single else _answer_to_many(outcomes, _event)


@router.post(
    "/spend/snapshots",
    auth=can_write_spend,
    response={
        200: schemas.SnapshotAnswer | schemas.SnapshotAnswers,
        201: schemas.SnapshotAnswer,
        202: schemas.SnapshotAnswer,
    },
    openapi_extra=items_of(schemas.SpendSnapshot),
)
@idempotent
def record_snapshots(request: HttpRequest) -> HttpResponse:
    """Records totals so far: each replaces the last one of its source, campaign, line, date and hour.

    The ledger gets the difference, which may be negative. Answered like events.
    """
    items, is_single = read_items(request)
    outcomes = record_items(items, SNAPSHOTS, token_of(request), timezone.now())
    return _answer_to_one(outcomes[0], _snapshot) if is_single else _answer_to_many(outcomes, _snapshot)


class SpendParameters(PageParameters):
    brand: Id | None = Field(None, description="Of this brand.")
    campaign: Id | None = Field(None, description="Of this campaign.")
    kind: Kind | None = Field(None, description="Of this kind.")
    source: str | None = Field(None, max_length=64, pattern=schemas.NO_NUL, description="From this source.")
    spent_from: Day | None = Field(None, description="Counting for this date or a later one.")
    spent_to: Day | None = Field(None, description="Counting for this date or an earlier one.")


COLUMNS = (
    "id", "brand", "campaign", "kind", "amount_micros", "brand__currency", "occurred_at", "spent_on",
    "recorded_at", "source", "external_id", "description", "recorded_by", "while_off", "reverses_id",
)  # fmt: skip
_LOOKUPS = {"kind": "kind", "source": "source", "spent_from": "spent_on__gte", "spent_to": "spent_on__lte"}


@router.get("/spend", auth=can_read, response={200: schemas.SpendPage})
def list_spend(request: HttpRequest, parameters: Annotated[SpendParameters, Query()]) -> HttpResponse:
    """The rows of the ledger, oldest first.

    Within one brand rows become visible in the order of their ids: who asks for one brand's again and again,
    each time with the last `next`, skips none.
    """
    refuse_unknown(request, SpendParameters)
    token = token_of(request)
    rows = token.visible(SpendLog.objects.all()).filter(pk__gt=parameters.after)
    if parameters.brand is not None:
        rows = rows.filter(brand=brand_or_404(token, parameters.brand))
    if parameters.campaign is not None:
        rows = rows.filter(campaign=campaign_or_404(token, parameters.campaign))
    asked = parameters.model_dump(include=set(_LOOKUPS), exclude_none=True)
    rows = rows.filter(**{_LOOKUPS[name]: value for name, value in asked.items()})
    found = list(rows.order_by("pk").values_list(*COLUMNS)[: parameters.limit + 1])
    page, has_more = cut(found, parameters.limit)
    next_page = next_after([row[0] for row in page], parameters)
    return answer({"next": next_page, "has_more": has_more, "items": [_row(row) for row in page]})


def _row(row: tuple[Any, ...]) -> dict[str, Any]:
    shown = dict(zip(schemas.SpendRow.model_fields, row, strict=True))
    return shown | {"amount": amount(shown["amount"])}


def _event(outcome: Outcome) -> dict[str, Any]:
    return {"result": outcome.result.value, "id": outcome.log_id, "errors": outcome.errors}


def _snapshot(outcome: Outcome) -> dict[str, Any]:
    return _event(outcome) | {"booked": amount(outcome.booked_micros)}


def _answer_to_one(outcome: Outcome, shape: Any) -> HttpResponse:
    if outcome.result == Result.REFUSED:
        raise invalid(outcome.errors)
    if outcome.result == Result.CONFLICT:
        raise Problem("conflict", 409, outcome.errors[0].message, outcome.errors, more={"id": outcome.log_id})
    return answer(shape(outcome), http_status=STATUSES.get(outcome.result, 200))


def _answer_to_many(outcomes: Sequence[Outcome], shape: Any) -> HttpResponse:
    counted = Counter(outcome.result for outcome in outcomes)
    counts = {result.value: counted[result] for result in Result}
    return answer({"counts": counts, "items": [shape(outcome) for outcome in outcomes]})

"""Alerts: what people are told, with the words they read; and handling them."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Query, Router
from pydantic import Field

from ads.actor import acting_as
from ads.api import schemas
from ads.api.auth import can_handle_alerts, can_read, token_of
from ads.api.bodies import refuse_body
from ads.api.idempotency import idempotent
from ads.api.lookups import brand_or_404
from ads.api.openapi import IDEMPOTENCY_KEY
from ads.api.pages import Id, PageParameters, cut, next_after, refuse_unknown
from ads.api.problems import not_found
from ads.api.shapes import answer, optional_amount
from ads.models import Alert, AlertKind, ApiToken
from ads.services import alert_words, alerts

router = Router(tags=["Alerts"])


class AlertParameters(PageParameters):
    brand: Id | None = Field(None, description="Of this brand.")
    kind: AlertKind | None = Field(None, description="Of this kind.")
    resolved: bool = Field(False, description="True for the resolved ones, which the list leaves out.")


@router.get("/alerts", auth=can_read, response={200: schemas.AlertPage})
def list_alerts(request: HttpRequest, parameters: Annotated[AlertParameters, Query()]) -> HttpResponse:
    """What is open, acknowledged or snoozed, the oldest first."""
    refuse_unknown(request, AlertParameters)
    token, now = token_of(request), timezone.now()
    rows = token.visible(Alert.objects.with_owners())
    rows = rows.filter(pk__gt=parameters.after, resolved_at__isnull=not parameters.resolved)
    if parameters.brand is not None:
        rows = rows.filter(brand=brand_or_404(token, parameters.brand))
    if parameters.kind is not None:
        rows = rows.filter(kind=parameters.kind)
    page, has_more = cut(list(rows.order_by("pk")[: parameters.limit + 1]), parameters.limit)
    next_page = next_after([alert.pk for alert in page], parameters)
    items = [_told(alert, now) for alert in page]
    return answer(schemas.AlertPage(items=items, next=next_page, has_more=has_more))


@router.post(
    "/alerts/{int:alert_id}/acknowledge",
    auth=can_handle_alerts,
    response={200: schemas.AlertOut},
    openapi_extra=IDEMPOTENCY_KEY,
)
@idempotent
def acknowledge(request: HttpRequest, alert_id: int) -> HttpResponse:
    """Says that somebody looks after it. One that is acknowledged or resolved already stays as it is."""
    return _handled(request, alert_id, alerts.acknowledge)


@router.post(
    "/alerts/{int:alert_id}/resolve",
    auth=can_handle_alerts,
    response={200: schemas.AlertOut},
    openapi_extra=IDEMPOTENCY_KEY,
)
@idempotent
def resolve(request: HttpRequest, alert_id: int) -> HttpResponse:
    """Says that what was to be done is done. While it goes on it is not raised again."""
    return _handled(request, alert_id, alerts.resolve)


def _handled(request: HttpRequest, alert_id: int, act: Callable[[list[int], datetime], int]) -> HttpResponse:
    refuse_body(request)
    token, now = token_of(request), timezone.now()
    alert = _alert_or_404(token, alert_id)
    with acting_as(token.user):
        act([alert.pk], now)
    return answer(_told(_alert_or_404(token, alert_id), now))


def _alert_or_404(token: ApiToken, alert_id: int) -> Alert:
    alert = token.visible(Alert.objects.with_owners()).filter(pk=alert_id).first()
    if alert is None:
        raise not_found("alert")
    return alert


def _told(alert: Alert, now: datetime) -> schemas.AlertOut:
    steps = [step.step for step in alert.steps.all()]
    return schemas.AlertOut(
        id=alert.pk,
        kind=AlertKind(alert.kind),
        brand=alert.brand_id,
        campaign=alert.campaign_id,
        state=alert.state(now),
        title=alert_words.title(alert, steps),
        lines=alert_words.lines(alert),
        steps=steps,
        period=alert.period_kind or None,
        starts_on=alert.starts_on,
        spent=optional_amount(alert.spent_micros),
        budget=optional_amount(alert.budget_micros),
        raised_at=alert.raised_at,
        changed_at=alert.changed_at,
        acknowledged_by=alert.acknowledged_by,
        snoozed_until=alert.snoozed_until,
        resolved_at=alert.resolved_at,
        resolved_by=alert.resolved_by,
        ended_at=alert.ended_at,
    )

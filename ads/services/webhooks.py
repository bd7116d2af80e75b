"""Webhooks: what happens is told to the endpoints that asked for it, signed as Standard Webhooks says."""

import json
import secrets
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone
from standardwebhooks import Webhook

from ads.errors import DeliveryFailed
from ads.models import Brand, Delivery, DeliveryKind, EventType, WebhookEndpoint
from ads.rights import MODEL_BACKEND, Right
from ads.services import endpoints, outbound
from ads.services.effects import enqueue
from ads.services.given import given

VERSION = 1
CAMPAIGNS_PER_STATEMENT = 2_000
PING = "endpoint.ping"
GONE = 410


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. The key names it for ever: letters, digits, `-`, `_` and `:` only."""

    type: EventType
    key: str
    brand_id: int
    campaign_id: int | None
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Listener:
    """An endpoint and the brands it is told of, of those asked about."""

    endpoint: WebhookEndpoint
    brand_ids: Collection[int]


def emit(events: Sequence[Event], now: datetime) -> None:
    """Writes deliveries for the endpoints that want these events, in the caller's transaction.

    The number of queries depends neither on the events nor on the endpoints; without an endpoint it is one.
    """
    if not events:
        return
    listeners = _listeners({event.type for event in events}, {event.brand_id for event in events})
    wanted = [
        (event, listener.endpoint)
        for event in events
        for listener in listeners
        if event.type in listener.endpoint.event_types and event.brand_id in listener.brand_ids
    ]
    told = {event.key: event for event, _ in wanted}
    payloads = _payloads(told.values(), now)
    enqueue([_delivery(event, endpoint, payloads[event.key], now) for event, endpoint in wanted])


def is_wanted(event_type: EventType) -> bool:
    """Whether any endpoint asks for events of this type: for those whose data costs queries."""
    return bool(_endpoints({event_type}))


def _endpoints(types: Collection[str]) -> list[WebhookEndpoint]:
    active = WebhookEndpoint.objects.filter(is_active=True, owner__is_active=True)
    return [endpoint for endpoint in active if not set(types).isdisjoint(endpoint.event_types)]


def _listeners(types: Collection[str], brand_ids: Collection[int]) -> list[_Listener]:
    endpoints = _endpoints(types)
    if not endpoints:
        return []
    seen = _seen({endpoint.owner_id for endpoint in endpoints}, brand_ids)
    narrowed = _pairs(
        WebhookEndpoint.brands.through._default_manager.filter(
            webhookendpoint__in=[each.pk for each in endpoints if not each.all_brands], brand__in=brand_ids
        ).values_list("webhookendpoint_id", "brand_id")
    )
    return [
        _Listener(
            each,
            seen[each.owner_id] if each.all_brands else seen[each.owner_id] & narrowed.get(each.pk, set()),
        )
        for each in endpoints
    ]


def _seen(owner_ids: Collection[int], brand_ids: Collection[int]) -> dict[int, set[int]]:
    """By owner, which of these brands they see: what `visible_to` says, for many people at once."""
    see, see_all = (
        set(
            User.objects.with_perm(right.permission, backend=MODEL_BACKEND)
            .filter(pk__in=owner_ids)
            .values_list("pk", flat=True)
        )
        for right in (Right.SEE, Right.SEE_ALL_BRANDS)
    )
    assigned = _pairs(
        Brand.assigned_to.through._default_manager.filter(
            user__in=see - see_all, brand__in=brand_ids
        ).values_list("user_id", "brand_id")
    )
    return {
        owner_id: set(brand_ids) if owner_id in see & see_all else assigned.get(owner_id, set())
        for owner_id in owner_ids
    }


def _pairs(rows: Iterable[tuple[int, int]]) -> dict[int, set[int]]:
    by_first: dict[int, set[int]] = {}
    for first, second in rows:
        by_first.setdefault(first, set()).add(second)
    return by_first


def _payloads(events: Collection[Event], now: datetime) -> dict[str, dict[str, Any]]:
    """What is told of each event, by its key; events of a campaign are numbered in the order they are given in."""
    counted = Counter(event.campaign_id for event in events if event.campaign_id is not None)
    last = _take_numbers(counted)
    numbers = {campaign_id: count(last[campaign_id] - many + 1) for campaign_id, many in counted.items()}
    return {
        event.key: {
            "type": str(event.type),
            "version": VERSION,
            "id": event.key,
            "timestamp": _moment(now),
            "sequence": None if event.campaign_id is None else next(numbers[event.campaign_id]),
            "data": {"brand": event.brand_id, "campaign": event.campaign_id, **event.data},
        }
        for event in events
    }


def _moment(now: datetime) -> str:
    return now.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _take_numbers(counted: Mapping[int, int]) -> dict[int, int]:
    """Takes so many numbers of each campaign; returns the last of each."""
    last: dict[int, int] = {}
    # In one order, so that no two writers wait for each other.
    wanted = sorted(counted.items())
    for start in range(0, len(wanted), CAMPAIGNS_PER_STATEMENT):
        rows, params = given(("bigint", "bigint"), wanted[start : start + CAMPAIGNS_PER_STATEMENT])
        sql = f"""
            WITH taken (campaign_id, many) AS ({rows})
            INSERT INTO ads_eventsequence (campaign_id, last) SELECT campaign_id, many FROM taken WHERE true
            ON CONFLICT (campaign_id) DO UPDATE SET last = ads_eventsequence.last + excluded.last
            RETURNING campaign_id, last
        """  # noqa: S608 - only placeholders are put in
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            last.update(cursor.fetchall())
    return last


def _delivery(event: Event, endpoint: WebhookEndpoint, payload: dict[str, Any], now: datetime) -> Delivery:
    return Delivery(
        key=f"{endpoint.target}:{event.key}",
        kind=DeliveryKind.WEBHOOK,
        target=endpoint.target,
        endpoint=endpoint,
        brand_id=event.brand_id,
        campaign_id=event.campaign_id,
        payload=payload,
        created_at=now,
        due_at=now,
    )


def ping(endpoint: WebhookEndpoint, now: datetime) -> Delivery:
    """Has a test sent to this endpoint alone, whatever it asks for."""
    key = f"ping:{endpoint.pk}:{secrets.token_hex(8)}"
    payload = {
        "type": PING,
        "version": VERSION,
        "id": key,
        "timestamp": _moment(now),
        "sequence": None,
        "data": {"endpoint": endpoint.name},
    }
    delivery = Delivery(
        key=f"{endpoint.target}:{key}",
        kind=DeliveryKind.WEBHOOK,
        target=endpoint.target,
        endpoint=endpoint,
        payload=payload,
        created_at=now,
        due_at=now,
    )
    with transaction.atomic():
        enqueue([delivery])
    return delivery


def readable(payload: Mapping[str, Any]) -> str:
    """What is told, for people to read."""
    return json.dumps(payload, ensure_ascii=False, indent=2)


class WebhookSender:
    """Posts deliveries to their endpoints."""

    def prepare(self, delivery: Delivery, now: datetime) -> None:
        """Refuses what the endpoint is not to be told any more."""
        endpoint = WebhookEndpoint.objects.select_related("owner").get(deliveries=delivery)
        delivery.endpoint = endpoint
        if not endpoint.is_active:
            raise DeliveryFailed("The endpoint is switched off", permanent=True)
        if delivery.brand_id is not None and not _sees(endpoint, delivery.brand_id):
            raise DeliveryFailed(
                "The endpoint or its owner has no right to this brand any more", permanent=True
            )

    def send(self, delivery: Delivery) -> int:
        """Posts the payload, signed for this moment."""
        if delivery.endpoint is None:
            raise AssertionError("a webhook has an endpoint")
        now = timezone.now()
        event_id = delivery.payload["id"]
        body = json.dumps(delivery.payload, ensure_ascii=False, separators=(",", ":"))
        signed = [Webhook(secret).sign(event_id, now, body) for secret in delivery.endpoint.secrets(now)]
        headers = {
            "Content-Type": "application/json",
            "webhook-id": event_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signed),
        }
        try:
            return outbound.post(delivery.endpoint.url, body.encode(), headers).code
        except DeliveryFailed as failure:
            if failure.answer_code == GONE:
                endpoints.give_up(delivery.endpoint, "It answered 410 Gone.", now)
            raise


def _sees(endpoint: WebhookEndpoint, brand_id: int) -> bool:
    seen = Brand.objects.visible_to(endpoint.owner).filter(pk=brand_id)
    return (seen if endpoint.all_brands else seen.filter(pk__in=endpoint.brands.values("pk"))).exists()

"""Webhook endpoints: made with a secret that is shown once, rotated, tried, and switched off where they fail."""

import secrets
from base64 import b64encode
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import transaction
from django.db.models import Count, F, OuterRef, Subquery
from django.urls import reverse

from ads.channels import Note
from ads.models import (
    Brand,
    Delivery,
    DeliveryAttempt,
    DeliveryState,
    DeliveryTarget,
    EventType,
    WebhookEndpoint,
)
from ads.services import mail, outbound
from ads.services.effects import waiting

SECRET_BYTES = 32
OLD_SECRET_KEPT_FOR = timedelta(hours=24)
FAILING_AT_MOST = timedelta(days=3)
MOST_DEAD_LETTERS = 100
SWITCHED_OFF = "The endpoint was switched off."


def new_secret() -> str:
    """32 random bytes, in the form that Standard Webhooks gives secrets."""
    return f"whsec_{b64encode(secrets.token_bytes(SECRET_BYTES)).decode()}"


@transaction.atomic
def make(
    owner: User,
    name: str,
    url: str,
    event_types: Collection[str],
    *,
    brands: Collection[Brand] | None = None,
    now: datetime,
) -> WebhookEndpoint:
    """Makes one that is told of the owner's brands, or of `brands` alone; its secret is to be shown once.

    Raises ValidationError for an address that cannot be used, an event type that there is not, and a brand that the
    owner does not see.
    """
    check_url(url)
    check_event_types(event_types)
    check_brands(owner, brands or ())
    endpoint = WebhookEndpoint.objects.create(
        name=name,
        url=url,
        owner=owner,
        all_brands=brands is None,
        event_types=sorted(set(event_types)),
        secret=new_secret(),
        created_at=now,
        switched_on_at=now,
    )
    endpoint.brands.set(brands or ())
    return endpoint


def change(
    endpoint: WebhookEndpoint,
    name: str,
    url: str,
    event_types: Collection[str],
    *,
    brands: Collection[Brand] | None,
) -> None:
    """Gives it these settings, from the next event on; the address holds for what still waits, too."""
    check_url(url)
    check_event_types(event_types)
    check_brands(endpoint.owner, brands or ())
    with transaction.atomic():
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(
            name=name, url=url, event_types=sorted(set(event_types)), all_brands=brands is None
        )
        endpoint.brands.set(brands or ())


def check_url(url: str) -> None:
    """Raises ValidationError unless it is https, or http to a host that is trusted, and no special address.

    A name is looked up when something is sent, each time anew.
    """
    parts = urlsplit(url)
    try:
        host, port = parts.hostname or "", parts.port or (80 if parts.scheme == "http" else 443)
    except ValueError:
        host, port = "", 0
    trusted = outbound.is_trusted(host, port)
    if not host or parts.scheme not in {"http", "https"}:
        raise ValidationError({"url": "Give an address such as https://example.com/hook."})
    if not trusted:
        URLValidator(schemes=["http", "https"])(url)
    if parts.scheme == "http" and not trusted:
        raise ValidationError({"url": "Give an address that begins with https://."})
    if parts.username or parts.password:
        raise ValidationError({"url": "Leave the user name out; requests are signed instead."})
    try:
        address = ip_address(host)
    except ValueError:
        return
    if not trusted and not outbound.is_public(address):
        raise ValidationError({"url": f"{host} is not on the open internet."})


def check_event_types(event_types: Collection[str]) -> None:
    """Raises ValidationError unless these are some of the event types that there are."""
    unknown = [event_type for event_type in event_types if event_type not in EventType.values]
    if unknown or not event_types:
        given = (
            f"“{unknown[0]}” is no event type"
            if unknown
            else "An endpoint that asks for nothing hears nothing"
        )
        raise ValidationError({"event_types": f"{given}; give one or more of {', '.join(EventType.values)}"})


def check_brands(owner: User, brands: Collection[Brand]) -> None:
    """Raises ValidationError for a brand that the owner does not see."""
    seen = set(
        Brand.objects.visible_to(owner)
        .filter(pk__in=[each.pk for each in brands])
        .values_list("pk", flat=True)
    )
    for brand in brands:
        if brand.pk not in seen:
            raise ValidationError({"brands": f"{owner.get_username()} has no right to {brand}"})


@transaction.atomic
def rotate(endpoint: WebhookEndpoint, now: datetime) -> str:
    """Gives it a new secret and returns that; for a day requests are signed with the old one too."""
    secret = new_secret()
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(
        previous_secret=F("secret"), previous_secret_until=now + OLD_SECRET_KEPT_FOR, secret=secret
    )
    return secret


@transaction.atomic
def switch_on(endpoint: WebhookEndpoint, now: datetime) -> None:
    """Tells it what happens from now on. What it missed can be redelivered."""
    WebhookEndpoint.objects.filter(pk=endpoint.pk, is_active=False).update(
        is_active=True, switched_off_at=None, switched_off_why="", switched_on_at=now
    )
    DeliveryTarget.objects.filter(name=endpoint.target).update(free_at=now, failures=0, failing_since=None)


@transaction.atomic
def switch_off(endpoint: WebhookEndpoint, why: str, now: datetime) -> bool:
    """Sends it nothing from now on; what waits is a dead letter. False where it was off already."""
    done = WebhookEndpoint.objects.filter(pk=endpoint.pk, is_active=True).update(
        is_active=False, switched_off_at=now, switched_off_why=why
    )
    waiting(now).filter(endpoint=endpoint).update(
        state=DeliveryState.DEAD, give_up_at=now, held_until=None, last_error=SWITCHED_OFF
    )
    return bool(done)


@transaction.atomic
def give_up(endpoint: WebhookEndpoint, why: str, now: datetime) -> None:
    """Switches off one that keeps failing, and tells its owner."""
    if switch_off(endpoint, why, now):
        page = reverse("admin:ads_webhookendpoint_change", args=(endpoint.pk,))
        note = Note(
            f"Webhook endpoint “{endpoint.name}” was switched off",
            [
                f"{endpoint.url} was switched off: {why}",
                "What was not delivered is kept for 30 days.",
                "When the receiver works again, switch the endpoint on and redeliver its dead letters.",
            ],
            f"{settings.SITE_URL}{page}",
        )
        mail.send(
            endpoint.owner,
            note,
            key=f"endpoint:{endpoint.pk}:off:{int(now.timestamp())}",
            why="You are told because the endpoint is yours.",
            now=now,
        )


@dataclass(frozen=True, slots=True)
class FailingEndpoint:
    """An endpoint that is on and takes nothing, since when, and what its last failure said."""

    endpoint: WebhookEndpoint
    since: datetime
    why: str


def failing_for(person: AbstractBaseUser | AnonymousUser) -> list[FailingEndpoint]:
    """The endpoints of this person that take nothing, the longest first. Two queries, one where none fails."""
    targets = DeliveryTarget.objects.filter(failing_since__isnull=False).order_by("failing_since", "pk")
    failing = dict(targets.values_list("name", "failing_since"))
    if not failing:
        return []
    failures = DeliveryAttempt.objects.filter(delivery__endpoint=OuterRef("pk")).exclude(error="")
    why = Subquery(failures.order_by("-at", "-pk").values("error")[:1])
    managed = WebhookEndpoint.objects.managed_by(person).filter(is_active=True).annotate(why=why)
    by_target = {endpoint.target: endpoint for endpoint in managed}
    return [
        FailingEndpoint(by_target[name], since, by_target[name].__dict__["why"] or "")
        for name, since in failing.items()
        if name in by_target and since is not None
    ]


def give_up_failing(now: datetime) -> int:
    """Switches off the endpoints that failed for three days, or left too many dead letters; returns how many."""
    failing = dict(
        DeliveryTarget.objects.filter(failing_since__lte=now - FAILING_AT_MOST).values_list(
            "name", "failing_since"
        )
    )
    dead = Delivery.objects.filter(
        state=DeliveryState.DEAD,
        endpoint__is_active=True,
        created_at__gte=F("endpoint__switched_on_at"),
    )
    dead_letters = dict(dead.order_by().values_list("endpoint_id").annotate(Count("pk")))
    given_up = 0
    for endpoint in WebhookEndpoint.objects.filter(is_active=True).select_related("owner"):
        since, many = failing.get(endpoint.target), dead_letters.get(endpoint.pk, 0)
        if since is not None:
            give_up(endpoint, f"It has failed since {since:%Y-%m-%d %H:%M} UTC.", now)
        elif many >= MOST_DEAD_LETTERS:
            give_up(endpoint, f"It left {many} dead letters.", now)
        else:
            continue
        given_up += 1
    return given_up

"""What happened last with the brands of a person: campaigns that paused or run again, and settings changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from django.apps import apps
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import OuterRef, Subquery

from ads.models import Brand, StatusChange
from ads.models.status import StatusChangeQuerySet
from ads.rules.serving import Reason, Status

MOST, MOST_READ = 6, 120
_CHANGED = "~"


@dataclass(frozen=True, slots=True)
class StatusNews:
    """Campaigns of a brand that changed together, to the same status for the same first reason."""

    at: datetime
    brand_id: int
    brand_name: str
    campaigns: int
    campaign_id: int
    campaign_name: str
    status: Status
    reasons: tuple[Reason, ...]
    cause: str
    by: str


@dataclass(frozen=True, slots=True)
class BudgetNews:
    """A budget that somebody changed, from what to what in micros (None: no limit)."""

    at: datetime
    brand_id: int
    brand_name: str
    currency: str
    campaign_name: str
    budget: str
    before: int | None
    after: int | None
    by: str


News = StatusNews | BudgetNews


def load_latest(person: AbstractBaseUser | AnonymousUser, most: int = MOST) -> list[News]:
    """The newest of it, newest first, of the brands that this person has a right to. Five queries."""
    news: list[News] = [
        *status_news(StatusChange.objects.visible_to(person)),
        *_budget_news(person, "Brand"),
        *_budget_news(person, "Campaign"),
    ]
    return sorted(news, key=lambda each: each.at, reverse=True)[:most]


def status_news(rows: StatusChangeQuerySet) -> Iterator[StatusNews]:
    """What the newest of these, newest first, tell. Windows that open and close by the clock are left out."""

    def together(change: StatusChange) -> tuple[object, ...]:
        return change.brand_id, change.at, change.to_status, change.reasons[:1], change.cause, change.by

    for _, group in groupby(rows.newest(MOST_READ), together):
        alike = list(group)
        first = alike[0]
        yield StatusNews(
            at=first.at,
            brand_id=first.brand_id,
            brand_name=first.brand.name,
            campaigns=len(alike),
            campaign_id=first.campaign_id,
            campaign_name=first.campaign.name,
            status=Status(first.to_status),
            reasons=first.reasons[:1],
            cause=first.cause,
            by=first.by,
        )


def _budget_news(person: AbstractBaseUser | AnonymousUser, name: str) -> Iterator[BudgetNews]:
    """Changes of budgets, from the history of the settings of brands or campaigns."""
    history: Any = apps.get_model("ads", f"Historical{name}")
    to_brand = "id" if name == "Brand" else "brand_id"
    brands = Brand.objects.visible_to(person)
    columns = [field.name for field in history._meta.fields if field.name.endswith("_budget_micros")]
    before = history.objects.filter(id=OuterRef("id"), history_id__lt=OuterRef("history_id"))
    newest = list(
        history.objects.filter(history_type=_CHANGED, **{f"{to_brand}__in": brands.order_by().values("pk")})
        .annotate(previous=Subquery(before.order_by("-history_id").values("history_id")[:1]))
        .select_related("history_user")
        .only("name", to_brand, "history_date", "history_user__username", *columns)
        .order_by("-history_id")[:MOST_READ]
    )
    previous = history.objects.only(*columns).in_bulk([row.previous for row in newest if row.previous])
    changed = [
        (row, column)
        for row in newest
        if row.previous in previous
        for column in columns
        if getattr(previous[row.previous], column) != getattr(row, column)
    ]
    named = Brand.objects.only("name", "currency").in_bulk({getattr(row, to_brand) for row, _ in changed})
    for row, column in changed:
        brand = named[getattr(row, to_brand)]
        yield BudgetNews(
            at=row.history_date,
            brand_id=brand.pk,
            brand_name=brand.name,
            currency=brand.currency,
            campaign_name="" if name == "Brand" else row.name,
            budget=column.removesuffix("_budget_micros"),
            before=getattr(previous[row.previous], column),
            after=getattr(row, column),
            by=row.history_user.get_username() if row.history_user else "",
        )

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
from ads.models.campaign import reasons_from_codes
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

    found = rows.newest(MOST_READ).values_list(
        "brand_id",
        "brand__name",
        "at",
        "to_status",
        "reason_codes",
        "cause",
        "by",
        "campaign_id",
        "campaign__name",
    )
    for of_all, group in groupby(
        found, lambda change: (*change[:4], change[4].partition(",")[0], *change[5:7])
    ):
        brand_id, brand_name, at, status, reason, cause, by = of_all
        alike = list(group)
        *_, campaign_id, campaign_name = alike[0]
        yield StatusNews(
            at=at,
            brand_id=brand_id,
            brand_name=brand_name,
            campaigns=len(alike),
            campaign_id=campaign_id,
            campaign_name=campaign_name,
            status=Status(status),
            reasons=reasons_from_codes(reason),
            cause=cause,
            by=by,
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
        .order_by("-history_id")
        .values("previous", to_brand, "name", "history_date", "history_user__username", *columns)[:MOST_READ]
    )
    ids = [row["previous"] for row in newest if row["previous"]]
    previous = {
        row["history_id"]: row
        for row in history.objects.filter(pk__in=ids).order_by().values("history_id", *columns)
    }
    changed = [
        (row, column)
        for row in newest
        if row["previous"] in previous
        for column in columns
        if previous[row["previous"]][column] != row[column]
    ]
    told = Brand.objects.filter(pk__in={row[to_brand] for row, _ in changed}).order_by()
    brand_of = {
        pk: (brand_name, currency) for pk, brand_name, currency in told.values_list("pk", "name", "currency")
    }
    for row, column in changed:
        brand_name, currency = brand_of[row[to_brand]]
        yield BudgetNews(
            at=row["history_date"],
            brand_id=row[to_brand],
            brand_name=brand_name,
            currency=currency,
            campaign_name="" if name == "Brand" else row["name"],
            budget=column.removesuffix("_budget_micros"),
            before=previous[row["previous"]][column],
            after=row[column],
            by=row["history_user__username"] or "",
        )

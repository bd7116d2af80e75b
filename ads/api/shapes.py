"""Turns brands, campaigns and their history into what the API answers with."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from django.http import HttpResponse
from pydantic import BaseModel
from pydantic_core import to_json

from ads.api import schemas
from ads.models import Brand, Campaign, StatusChange
from ads.rules.money import from_micros
from ads.rules.periods import month_start
from ads.rules.serving import Decision, Reason, Status
from ads.services.serving import decide_live
from ads.services.standings import (
    BrandStanding,
    CampaignStanding,
    Standing,
    stand_brands,
    stand_campaigns,
)

JSON = "application/json"


def answer(body: BaseModel | dict[str, Any], *, http_status: int = 200, **headers: str) -> HttpResponse:
    """A JSON response; names of headers are given with underscores."""
    content = to_json(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(content, status=http_status, content_type=JSON, headers=named)


def amount(micros: int) -> str:
    """Micros as the string of an amount, all its decimals and at least two."""
    return f"{from_micros(micros):f}"


def optional_amount(micros: int | None) -> str | None:
    """The same for what may be absent."""
    return None if micros is None else amount(micros)


def brands_out(brands: Sequence[Brand], now: datetime) -> list[schemas.BrandOut]:
    """These brands as they stand at this moment. Two queries."""
    standings = stand_brands(brands, now)
    return [schemas.BrandOut.model_validate(brand_fields(brand, standings[brand.pk])) for brand in brands]


def brand_fields(brand: Brand, standing: BrandStanding) -> dict[str, Any]:
    """A brand's fields of BrandOut."""
    return {
        "id": brand.pk,
        "name": brand.name,
        "currency": brand.currency,
        "timezone": brand.zone_name,
        "is_active": brand.is_active,
        "archived_at": brand.archived_at,
        "daily_budget": optional_amount(brand.daily_budget_micros),
        "monthly_budget": optional_amount(brand.monthly_budget_micros),
        "today": standing.today,
        "day": _period(standing.day, standing.today),
        "month": _period(standing.month, month_start(standing.today)),
        "campaigns": {status: standing.campaigns.get(status, 0) for status in Status},
    }


def campaigns_out(campaigns: Sequence[Campaign], now: datetime) -> list[schemas.CampaignOut]:
    """These campaigns, read with their brands, as they stand and are decided at this moment. Three queries."""
    standings = stand_campaigns(campaigns, now)
    brands = {campaign.brand_id: campaign.brand for campaign in campaigns}
    rows = Campaign.objects.filter(pk__in=[campaign.pk for campaign in campaigns])
    decisions = dict(decide_live(list(brands.values()), rows, now))
    return [
        schemas.CampaignOut.model_validate(
            campaign_fields(campaign, standings[campaign.pk], decisions[campaign.pk], now)
        )
        for campaign in campaigns
        if campaign.pk in decisions  # else it was deleted in between
    ]


def campaign_fields(
    campaign: Campaign, standing: CampaignStanding, decision: Decision, now: datetime
) -> dict[str, Any]:
    """A campaign's fields of CampaignOut."""
    return {
        "id": campaign.pk,
        "brand": campaign.brand_id,
        "name": campaign.name,
        "platform": campaign.platform,
        "account": campaign.account,
        "external_id": campaign.external_id,
        "currency": campaign.brand.currency,
        "enabled": campaign.enabled,
        "archived_at": campaign.archived_at,
        "start_date": campaign.start_date,
        "end_date": campaign.end_date,
        "daily_budget": optional_amount(campaign.daily_budget_micros),
        "monthly_budget": optional_amount(campaign.monthly_budget_micros),
        "total_budget": optional_amount(campaign.total_budget_micros),
        "day": _period(standing.day, standing.today),
        "month": _period(standing.month, month_start(standing.today)),
        "total": _period(standing.flight, None),
        "status": campaign.status,
        "status_since": campaign.status_since,
        "reasons": _reasons(campaign.reasons),
        "decision": {
            "may_run": not decision.reasons,
            "status": decision.status,
            "reasons": _reasons(decision.reasons),
            "next_transition_at": decision.next_transition_at,
            "decided_at": now,
        },
    }


def changes_out(changes: Iterable[StatusChange]) -> list[schemas.StatusChangeOut]:
    """These changes of status."""
    return [
        schemas.StatusChangeOut.model_validate(
            {
                "id": change.pk,
                "brand": change.brand_id,
                "sequence": change.sequence,
                "campaign": change.campaign_id,
                "from_status": change.from_status,
                "from_reasons": _reasons(change.from_reasons),
                "to_status": change.to_status,
                "reasons": _reasons(change.reasons),
                "cause": change.cause,
                "by": change.by,
                "at": change.at,
            }
        )
        for change in changes
    ]


def _period(standing: Standing, starts_on: date | None) -> dict[str, Any]:
    return {
        "starts_on": starts_on,
        "budget": optional_amount(standing.budget),
        "spent": amount(standing.spent),
        "waived": amount(standing.waived),
        "current": amount(standing.counted),
        "remaining": optional_amount(standing.remaining),
        "reached": standing.is_reached,
    }


def _reasons(reasons: Iterable[Reason]) -> list[dict[str, str]]:
    return [{"code": reason.value, "words": reason.words} for reason in reasons]

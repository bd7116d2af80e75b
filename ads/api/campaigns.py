"""Campaigns: budgets, spend, status with every reason, the live decision; and switching them."""

from typing import Annotated

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Query, Router
from pydantic import Field

from ads.api import schemas, settings_changes
from ads.api.auth import can_manage, can_read, can_switch, token_of
from ads.api.bodies import read_object, refuse_body
from ads.api.idempotency import idempotent
from ads.api.lookups import brand_or_404, campaign_or_404
from ads.api.openapi import IDEMPOTENCY_KEY, body_of
from ads.api.pages import Id, PageParameters, cut, next_after, refuse_unknown
from ads.api.shapes import answer, campaigns_out
from ads.models import Campaign
from ads.rules.serving import Status
from ads.services import CampaignService

router = Router(tags=["Campaigns"])


class CampaignParameters(PageParameters):
    brand: Id | None = Field(None, description="Of this brand.")
    status: Status | None = Field(None, description="With this status.")
    platform: str | None = Field(None, max_length=64, pattern=schemas.NO_NUL, description="On this platform.")
    external_id: str | None = Field(
        None, max_length=255, pattern=schemas.NO_NUL, description="With this id on its platform."
    )
    archived: bool = Field(False, description="True for the archived ones, which lists leave out.")


@router.get("/campaigns", auth=can_read, response={200: schemas.CampaignPage})
def list_campaigns(request: HttpRequest, parameters: Annotated[CampaignParameters, Query()]) -> HttpResponse:
    """All campaigns, each with what it spent and with the decision of this moment."""
    refuse_unknown(request, CampaignParameters)
    token = token_of(request)
    rows = token.visible(Campaign.objects.select_related("brand"))
    rows = rows.filter(pk__gt=parameters.after, archived_at__isnull=not parameters.archived)
    if parameters.brand is not None:
        rows = rows.filter(brand=brand_or_404(token, parameters.brand))
    asked = parameters.model_dump(include={"status", "platform", "external_id"}, exclude_none=True)
    page = list(rows.filter(**asked).order_by("pk")[: parameters.limit + 1])
    campaigns, has_more = cut(page, parameters.limit)
    next_page = next_after([campaign.pk for campaign in campaigns], parameters)
    items = campaigns_out(campaigns, timezone.now())
    return answer(schemas.CampaignPage(items=items, next=next_page, has_more=has_more))


@router.get("/campaigns/{int:campaign_id}", auth=can_read, response={200: schemas.CampaignOut})
def get_campaign(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """One campaign, with what it spent and with the decision of this moment."""
    return _told(campaign_or_404(token_of(request), campaign_id))


@router.patch(
    "/campaigns/{int:campaign_id}",
    auth=can_manage,
    response={200: schemas.ChangedCampaign},
    openapi_extra=body_of(schemas.CampaignChange),
)
def change_campaign(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Changes budgets or the flight, or switches the campaign. It is decided again before the answer."""
    change = read_object(request, schemas.CampaignChange)
    return answer(settings_changes.change_campaign(token_of(request), campaign_id, change))


@router.post(
    "/campaigns/{int:campaign_id}/switch-off",
    auth=can_switch,
    response={200: schemas.CampaignOut},
    openapi_extra=IDEMPOTENCY_KEY,
)
@idempotent
def switch_off(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Switches it off; no automation undoes that."""
    refuse_body(request)
    token = token_of(request)
    campaign = campaign_or_404(token, campaign_id)
    CampaignService.switch_off(campaign, by=token.user)
    return _told(campaign)


@router.post(
    "/campaigns/{int:campaign_id}/switch-on",
    auth=can_switch,
    response={200: schemas.CampaignOut},
    openapi_extra=IDEMPOTENCY_KEY,
)
@idempotent
def switch_on(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Switches it on; it runs at once if nothing else stands against it."""
    refuse_body(request)
    token = token_of(request)
    campaign = campaign_or_404(token, campaign_id)
    CampaignService.switch_on(campaign, by=token.user)
    return _told(campaign)


def _told(campaign: Campaign) -> HttpResponse:
    (told,) = campaigns_out([campaign], timezone.now())
    return answer(told)

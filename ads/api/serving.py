"""What may run now, for ad servers that ask often."""

from hashlib import sha256
from typing import Annotated

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.cache import get_conditional_response
from ninja import Query, Router
from pydantic import BaseModel, Field

from ads.api import schemas
from ads.api.auth import can_read, token_of
from ads.api.lookups import brand_or_404
from ads.api.openapi import UNLESS_CHANGED
from ads.api.pages import Id, refuse_unknown
from ads.api.shapes import answer
from ads.models import Brand, Campaign
from ads.services.serving import may_run

router = Router(tags=["Serving"])


class ServingParameters(BaseModel):
    brand: Id | None = Field(None, description="Of this brand.")
    platform: str | None = Field(None, max_length=64, pattern=schemas.NO_NUL, description="On this platform.")


@router.get(
    "/serving", auth=can_read, response={200: schemas.Serving, 304: None}, openapi_extra=UNLESS_CHANGED
)
def list_serving(request: HttpRequest, parameters: Annotated[ServingParameters, Query()]) -> HttpResponse:
    """The campaigns that may run at this moment, decided anew for this answer.

    Ask again with If-None-Match: an unchanged list is answered 304, without a body.
    """
    refuse_unknown(request, ServingParameters)
    token = token_of(request)
    brands = token.visible(Brand.objects.all())
    if parameters.brand is not None:
        brands = brands.filter(pk=brand_or_404(token, parameters.brand).pk)
    campaigns = Campaign.objects.all()
    if parameters.platform is not None:
        campaigns = campaigns.filter(platform=parameters.platform)
    running = may_run(brands, campaigns, timezone.now())
    response = answer(
        {
            "campaigns": [
                {
                    "id": each.campaign_id,
                    "brand": each.brand_id,
                    "platform": each.platform,
                    "account": each.account,
                    "external_id": each.external_id,
                }
                for each in running.campaigns
            ],
            "next_transition_at": running.next_transition_at,
        },
        Cache_Control="private, no-cache",
        Vary="Authorization",
    )
    return _unless_unchanged(request, response)


def _unless_unchanged(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    etag = f'"{sha256(response.content).hexdigest()[:32]}"'
    response["ETag"] = etag
    conditional = get_conditional_response(request, etag=etag, response=response)
    return conditional or response

"""Brands: what they spent and may spend, and the changes of their campaigns' statuses."""

from typing import Annotated

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Query, Router
from pydantic import Field

from ads.api import schemas, settings_changes
from ads.api.auth import can_manage, can_read, token_of
from ads.api.bodies import read_object
from ads.api.lookups import brand_or_404
from ads.api.openapi import body_of
from ads.api.pages import PageParameters, cut, next_after, refuse_unknown
from ads.api.shapes import answer, brands_out, changes_out
from ads.models import Brand, StatusChange

router = Router(tags=["Brands"])


class BrandParameters(PageParameters):
    archived: bool = Field(False, description="True for the archived ones, which lists leave out.")


@router.get("/brands", auth=can_read, response={200: schemas.BrandPage})
def list_brands(request: HttpRequest, parameters: Annotated[BrandParameters, Query()]) -> HttpResponse:
    """All brands, each with what it spent in its current day and month."""
    refuse_unknown(request, BrandParameters)
    visible = token_of(request).visible(Brand.objects.all())
    rows = visible.filter(pk__gt=parameters.after, archived_at__isnull=not parameters.archived)
    brands, has_more = cut(list(rows.order_by("pk")[: parameters.limit + 1]), parameters.limit)
    next_page = next_after([brand.pk for brand in brands], parameters)
    items = brands_out(brands, timezone.now())
    return answer(schemas.BrandPage(items=items, next=next_page, has_more=has_more))


@router.get("/brands/{int:brand_id}", auth=can_read, response={200: schemas.BrandOut})
def get_brand(request: HttpRequest, brand_id: int) -> HttpResponse:
    """One brand, with what it spent in its current day and month."""
    (brand,) = brands_out([brand_or_404(token_of(request), brand_id)], timezone.now())
    return answer(brand)


@router.patch(
    "/brands/{int:brand_id}",
    auth=can_manage,
    response={200: schemas.ChangedBrand},
    openapi_extra=body_of(schemas.BrandChange),
)
def change_brand(request: HttpRequest, brand_id: int) -> HttpResponse:
    """Changes budgets, or switches the brand on or off. Its campaigns are decided again before the answer."""
    change = read_object(request, schemas.BrandChange)
    return answer(settings_changes.change_brand(token_of(request), brand_id, change))


@router.get("/brands/{int:brand_id}/status-changes", auth=can_read, response={200: schemas.StatusChangePage})
def list_status_changes(
    request: HttpRequest, brand_id: int, parameters: Annotated[PageParameters, Query()]
) -> HttpResponse:
    """The changes of its campaigns' statuses and reasons since `after`, a sequence without gaps.

    The next page of the last one is empty until something changes: ask for it again and again, and nothing
    is skipped.
    """
    refuse_unknown(request, PageParameters)
    brand = brand_or_404(token_of(request), brand_id)
    rows = StatusChange.objects.filter(brand=brand, sequence__gt=parameters.after).order_by("sequence")
    changes, has_more = cut(list(rows[: parameters.limit + 1]), parameters.limit)
    return answer(
        schemas.StatusChangePage(
            items=changes_out(changes),
            next=next_after([change.sequence for change in changes], parameters),
            has_more=has_more,
        )
    )

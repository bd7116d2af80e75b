"""A long list of campaigns by brand and name: how many there are, and any page of it at the cost of one page."""

from collections import Counter
from collections.abc import Collection, Iterable

from django.db.models import BooleanField, Count, ExpressionWrapper, Q

from ads.models import CampaignQuerySet
from ads.services.given import OneOf

IS_LIVE = Q(archived_at__isnull=True, brand__archived_at__isnull=True)
ARCHIVED = "archived"

# By the brand's id and the campaign's status; archived ones, or those of an archived brand, stand under `ARCHIVED`.
Numbers = Counter[tuple[int, str]]


def count_by_brand(campaigns: CampaignQuerySet, archived_brands: Collection[int]) -> Numbers:
    """How many campaigns each brand has in each status. One query."""
    numbers: Numbers = Counter()
    is_live = ExpressionWrapper(Q(archived_at__isnull=True), BooleanField())
    rows = campaigns.order_by().values_list("brand_id", "status", is_live)
    for brand_id, status, is_kept, number in rows.annotate(number=Count("*")):
        is_shown = is_kept and brand_id not in archived_brands
        numbers[brand_id, status if is_shown else ARCHIVED] += number
    return numbers


def page_of(
    campaigns: CampaignQuerySet, numbers: Iterable[tuple[int, int]], start: int, size: int
) -> CampaignQuerySet:
    """Those of these campaigns that come from the `start`th on, when the brands, in their order, have so many each.

    Only the brands of the page are read and sorted, however many campaigns come before.
    """
    before = skipped = 0
    chosen: list[int] = []
    for brand_id, number in numbers:
        if start < before + number and before < start + size:
            if not chosen:
                skipped = start - before
            chosen.append(brand_id)
        before += number
    return campaigns.filter(OneOf("brand_id", chosen))[skipped : skipped + size]

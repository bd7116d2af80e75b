"""What people do to many brands or campaigns at once: one transaction, one decision, and what followed."""

from datetime import datetime

from django.utils import timezone

from ads.actor import Actor, acting_as
from ads.models import Brand, BrandQuerySet, Campaign, CampaignQuerySet
from ads.services import consequences
from ads.services.campaigns import CampaignService
from ads.services.enforcement import Change
from ads.services.transactions import retrying


@retrying
def switch_brands(brands: BrandQuerySet, *, on: bool, by: Actor = None) -> list[Change]:
    """Switched off, none of a brand's campaigns runs; what people asked of each stays."""
    with acting_as(by):
        point = consequences.mark(_ids(brands))
        brands.exclude(is_active=on).update(is_active=on)
        return consequences.since(point)


@retrying
def archive_brands(brands: BrandQuerySet, *, by: Actor = None, now: datetime | None = None) -> list[Change]:
    """Off and out of the lists, still accepting spend; what people asked of the campaigns stays."""
    with acting_as(by):
        point = consequences.mark(_ids(brands))
        brands.filter(archived_at__isnull=True).update(archived_at=now or timezone.now())
        return consequences.since(point)


@retrying
def restore_brands(brands: BrandQuerySet, *, by: Actor = None) -> list[Change]:
    """Back from the archive."""
    with acting_as(by):
        point = consequences.mark(_ids(brands))
        brands.filter(archived_at__isnull=False).update(archived_at=None)
        return consequences.since(point)


@retrying
def switch_campaigns(campaigns: CampaignQuerySet, *, on: bool, by: Actor = None) -> list[Change]:
    """Switched on, a campaign runs at once if nothing else stands against it; no automation undoes an off."""
    with acting_as(by):
        point = consequences.mark(_brand_ids(campaigns))
        campaigns.exclude(enabled=on).update(enabled=on)
        return consequences.since(point)


@retrying
def archive_campaigns(
    campaigns: CampaignQuerySet, *, by: Actor = None, now: datetime | None = None
) -> list[Change]:
    """Off and out of the lists, still accepting spend."""
    with acting_as(by):
        point = consequences.mark(_brand_ids(campaigns))
        campaigns.filter(archived_at__isnull=True).update(archived_at=now or timezone.now())
        return consequences.since(point)


@retrying
def restore_campaigns(campaigns: CampaignQuerySet, *, by: Actor = None) -> list[Change]:
    """Back from the archive, as people had asked of them before."""
    with acting_as(by):
        point = consequences.mark(_brand_ids(campaigns))
        campaigns.filter(archived_at__isnull=False).update(archived_at=None)
        return consequences.since(point)


@retrying
def copy_campaigns(campaigns: CampaignQuerySet, *, by: Actor = None) -> list[Campaign]:
    """Copies of all of them, as `CampaignService.copy` makes one."""
    Brand.objects.lock(_brand_ids(campaigns))
    return [CampaignService.copy(campaign, by=by) for campaign in campaigns.order_by("pk")]


def _ids(brands: BrandQuerySet) -> set[int]:
    return set(brands.order_by().values_list("pk", flat=True))


def _brand_ids(campaigns: CampaignQuerySet) -> set[int]:
    return set(campaigns.order_by().values_list("brand_id", flat=True))

"""Campaigns that do not do on their platform what was decided, for whoever shows them."""

from collections.abc import Collection
from datetime import datetime

from ads.models import Campaign, PlatformState
from ads.rules.platforms import TOLD_AFTER
from ads.services.given import OneOf


def lasting_differences(brand_ids: Collection[int], now: datetime) -> list[PlatformState]:
    """Those of these brands that have lasted for five minutes, the longest first. One query."""
    states = PlatformState.objects.filter(
        OneOf("campaign__brand_id", brand_ids), drift_since__lte=now - TOLD_AFTER, connection__is_active=True
    )
    return list(states.select_related("campaign", "connection").order_by("drift_since", "pk"))


def states_of(campaigns: Collection[Campaign]) -> dict[int, PlatformState]:
    """What is known of these campaigns on their platforms, by campaign; one that is not connected has none."""
    states = PlatformState.objects.filter(
        campaign__in=[campaign.pk for campaign in campaigns], connection__is_active=True
    )
    return {state.campaign_id: state for state in states.select_related("connection")}

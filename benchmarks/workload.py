"""The brands, campaigns and events that all measurements share; the same ones in every run."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

from ads.models import Brand, Campaign
from ads.services.records import SpendEvent

SEED = 20_260_310


def make_brands(count: int, campaigns_each: int, *, prefix: str, reached: bool = True) -> list[int]:
    """Brands with campaigns; one brand in ten reaches its daily budget. Returns the campaigns' ids."""
    Brand.objects.bulk_create(
        [
            Brand(
                name=f"{prefix} {number}",
                daily_budget_micros=20_000_000 if reached and number % 10 == 0 else 10**15,
            )
            for number in range(count)
        ]
    )
    brands = list(Brand.objects.filter(name__startswith=f"{prefix} ").order_by("pk"))
    Campaign.objects.bulk_create(
        [
            Campaign(brand=brand, name=f"Campaign {number}")
            for brand in brands
            for number in range(campaigns_each)
        ],
        batch_size=2_000,
    )
    return list(Campaign.objects.filter(brand__in=brands).order_by("pk").values_list("pk", flat=True))


def make_events(
    campaign_ids: Sequence[int], count: int, now: datetime, *, prefix: str, duplicates_percent: int = 10
) -> list[SpendEvent]:
    """Events in no order, as they come; so many in a hundred repeat an earlier one, content and all."""
    chance = random.Random(f"{SEED} {prefix}")  # noqa: S311
    events: list[SpendEvent] = []
    for number in range(count):
        if events and chance.randrange(100) < duplicates_percent:
            events.append(events[chance.randrange(len(events))])
            continue
        events.append(
            SpendEvent(
                campaign_id=chance.choice(campaign_ids),
                amount_micros=chance.randrange(1_000, 200_000),
                occurred_at=now - timedelta(seconds=chance.randrange(3_000)),
                external_id=f"{prefix}-{number:09}",
                currency="USD",
            )
        )
    return events

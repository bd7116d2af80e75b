"""What a write brings about: the campaigns whose status or reasons are others afterwards."""

from collections.abc import Collection
from dataclasses import dataclass

from ads.models import Brand, StatusChange
from ads.rules.serving import Status
from ads.services.enforcement import Change


@dataclass(frozen=True, slots=True)
class Mark:
    """A point in the history of some brands, which are locked until the transaction ends."""

    brand_ids: frozenset[int]
    last_change: int


def mark(brand_ids: Collection[int]) -> Mark:
    """Locks the brands and remembers where their history stands. Inside the transaction of the write."""
    Brand.objects.lock(brand_ids)
    last = StatusChange.objects.order_by("-pk").values_list("pk", flat=True).first()
    return Mark(frozenset(brand_ids), last or 0)


def since(point: Mark) -> list[Change]:
    """Every campaign's change from the mark until now, several of one campaign taken together.

    Exact, in the transaction of the mark: nobody else writes statuses of brands that it holds locked.
    """
    rows = StatusChange.objects.filter(brand_id__in=point.brand_ids, pk__gt=point.last_change)
    first: dict[int, StatusChange] = {}
    last: dict[int, StatusChange] = {}
    for row in rows.select_related("campaign", "brand").order_by("pk"):
        first.setdefault(row.campaign_id, row)
        last[row.campaign_id] = row
    changes = [_change(first[pk], last[pk]) for pk in first]
    return [
        change
        for change in changes
        if (change.from_status, change.from_reasons) != (change.to_status, change.reasons)
    ]


def _change(first: StatusChange, last: StatusChange) -> Change:
    return Change(
        campaign_id=last.campaign_id,
        campaign=last.campaign.name,
        brand_id=last.brand_id,
        brand=last.brand.name,
        from_status=Status(first.from_status),
        from_reasons=first.from_reasons,
        to_status=Status(last.to_status),
        reasons=last.reasons,
    )

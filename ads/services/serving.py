"""What may run at this moment, worked out from what is known now and not read from a stored status."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from ads.models import Brand, BrandQuerySet, Campaign, CampaignQuerySet
from ads.rules.serving import Decision, decide
from ads.services.facts import load_brand_facts, load_campaign_facts


@dataclass(frozen=True, slots=True)
class Running:
    """A campaign that may run, as its platform knows it."""

    campaign_id: int
    brand_id: int
    platform: str
    account: str
    external_id: str


@dataclass(frozen=True, slots=True)
class MayRun:
    """What may run, by id, and when time alone will next change that list."""

    campaigns: list[Running]
    next_transition_at: datetime | None


def decide_live(
    brands: Sequence[Brand], campaigns: QuerySet[Campaign], now: datetime
) -> Iterator[tuple[int, Decision]]:
    """The decision for each of these campaigns of these brands, read just now, by its id. Two queries."""
    for stored, facts in load_campaign_facts(campaigns, load_brand_facts(brands, now), now):
        yield stored.campaign_id, decide(facts, now)


def may_run(brands: BrandQuerySet, campaigns: CampaignQuerySet, now: datetime) -> MayRun:
    """Those of these campaigns, of these brands, against which nothing stands. Four queries."""
    # Only a person changes these, so time makes none of the campaigns left out here run.
    on = list(brands.filter(is_active=True, archived_at__isnull=True).order_by())
    switched_on = campaigns.filter(
        brand_id__in=[brand.pk for brand in on], enabled=True, archived_at__isnull=True
    ).order_by()
    running: set[int] = set()
    transitions: list[datetime] = []
    for campaign_id, decision in decide_live(on, switched_on, now):
        if not decision.reasons:
            running.add(campaign_id)
        if decision.next_transition_at is not None:
            transitions.append(decision.next_transition_at)
    rows = switched_on.values_list("pk", "brand_id", "platform", "account", "external_id")
    found = [Running(*row) for row in rows if row[0] in running]
    return MayRun(sorted(found, key=lambda each: each.campaign_id), min(transitions, default=None))

"""The campaigns of one brand with where each stands and what time alone brings next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, IntegerField, Value, When

from ads.models import Brand, Campaign
from ads.rules.outlook import runs_again
from ads.rules.serving import Reason, Status, decide
from ads.services.facts import load_brand_facts, load_campaign_facts
from ads.services.standings import CampaignStanding, stand_campaigns

# What somebody may want to do something about comes first.
_ORDER = (Status.PAUSED, Status.ACTIVE, Status.INACTIVE, Status.COMPLETED)


@dataclass(frozen=True, slots=True)
class CampaignRow:
    """A campaign as decided last, and what comes by the clock.

    One that runs stops at `stops_at` for the reasons `stopped_by`; one that does not runs again at `again_at`.
    None: time alone does not bring it. The present moment: the next decision brings it.
    """

    campaign: Campaign
    standing: CampaignStanding
    stops_at: datetime | None
    stopped_by: tuple[Reason, ...]
    again_at: datetime | None


def load_campaigns(brand: Brand, status: Status | None, most: int, now: datetime) -> list[CampaignRow]:
    """The brand's campaigns (archived ones aside), all or those of one status, `most` at most. Four queries."""
    chosen = Campaign.objects.filter(brand=brand, archived_at__isnull=True)
    if status is not None:
        chosen = chosen.filter(status=status)
    order = Case(
        *(When(status=each, then=Value(number)) for number, each in enumerate(_ORDER)),
        output_field=IntegerField(),
    )
    campaigns = list(chosen.order_by(order, "name", "pk")[:most])
    for campaign in campaigns:
        campaign.brand = brand
    return rows_of(campaigns, now)


def rows_of(campaigns: Sequence[Campaign], now: datetime) -> list[CampaignRow]:
    """These campaigns, read with their brands, in their order."""
    if not campaigns:
        return []
    standings = stand_campaigns(campaigns, now)
    brands = {campaign.brand_id: campaign.brand for campaign in campaigns}
    wanted = Campaign.objects.filter(pk__in=[campaign.pk for campaign in campaigns])
    facts = {
        stored.campaign_id: known
        for stored, known in load_campaign_facts(wanted, load_brand_facts(list(brands.values()), now), now)
    }
    rows = []
    for campaign in campaigns:
        known = facts[campaign.pk]
        decision = decide(known, now)
        is_running = campaign.status == Status.ACTIVE
        stops_at = (now if decision.reasons else decision.next_transition_at) if is_running else None
        rows.append(
            CampaignRow(
                campaign,
                standings[campaign.pk],
                stops_at,
                decide(known, stops_at).reasons if stops_at else (),
                None if is_running else runs_again(known, now),
            )
        )
    return rows

"""Which of our campaigns a platform's campaign is, and creating those that are missing."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from ads.importers.records import Problem, shorten
from ads.importers.spool import Owner
from ads.models import Brand, Campaign
from ads.services.transactions import retrying

LONGEST_NAME = 200
IDS_PER_QUERY = 1_000


@dataclass(frozen=True, slots=True)
class Unmatched:
    """Why a campaign of a file is none of ours, or cannot be told."""

    problem: Problem
    reason: str


@dataclass(frozen=True, slots=True)
class NewCampaign:
    """A campaign of a platform that is to be created; external_id is '' where it only has a name."""

    account: str
    external_id: str
    name: str


@dataclass(frozen=True, slots=True)
class _Known:
    pk: int
    brand_id: int
    account: str


def match_campaigns(brand: Brand, platform: str, owners: Sequence[Owner]) -> dict[Owner, int | Unmatched]:
    """The campaign of each owner: by (platform, account, id), else by (platform, id) where one side has no
    account, else, for owners without an id, by its exact name in the brand."""
    by_id = _known_by_id(platform, {owner.campaign_id for owner in owners if owner.campaign_id})
    by_name = _known_by_name(brand, {owner.name for owner in owners if not owner.campaign_id})
    return {
        owner: _match(brand, owner, by_id[owner.campaign_id])
        if owner.campaign_id
        else by_name.get(owner.name, _unknown(f"“{shorten(owner.name)}”"))
        for owner in owners
    }


@retrying
def create_campaigns(brand: Brand, platform: str, title: str, wanted: Sequence[NewCampaign]) -> list[int]:
    """Creates enabled campaigns and returns their ids, in order; one that has come up meanwhile is taken.

    A name that the brand has already gets the platform's id appended.
    """
    Brand.objects.lock({brand.pk})
    owners = [Owner(new.account, new.external_id, "" if new.external_id else new.name) for new in wanted]
    matches = match_campaigns(brand, platform, owners)
    taken = set(Campaign.objects.filter(brand=brand).order_by().values_list("name", flat=True))
    found: list[int | Campaign] = []
    for new, owner in zip(wanted, owners, strict=True):
        match = matches[owner]
        if isinstance(match, int):
            found.append(match)
            continue
        name = _free_name(new, title, taken)
        taken.add(name)
        found.append(
            Campaign(
                brand=brand, name=name, platform=platform, account=new.account, external_id=new.external_id
            )
        )
    Campaign.objects.bulk_create([campaign for campaign in found if isinstance(campaign, Campaign)])
    return [campaign if isinstance(campaign, int) else campaign.pk for campaign in found]


def _free_name(new: NewCampaign, title: str, taken: set[str]) -> str:
    base = new.name or f"{title} {new.external_id}"
    name, number = base[:LONGEST_NAME], 1
    while name in taken:
        suffix = f" ({new.external_id or 'imported'}{'' if number == 1 else f', {number}'})"
        name, number = f"{base[: LONGEST_NAME - len(suffix)]}{suffix}", number + 1
    return name


def _match(brand: Brand, owner: Owner, known: Sequence[_Known]) -> int | Unmatched:
    exact = [one for one in known if one.account == owner.account]
    loose = [one for one in known if not one.account or not owner.account]
    ours = [one for one in exact or loose if one.brand_id == brand.pk]
    if len(ours) == 1:
        return ours[0].pk
    shown = f"{shorten(owner.campaign_id)}"
    if ours:
        reason = f"campaign {shown} is known in {len(ours)} accounts, and the file does not say in which"
        return Unmatched(Problem.CAMPAIGN, reason)
    if exact or loose:
        return Unmatched(Problem.FOREIGN_CAMPAIGN, f"campaign {shown} is one of another brand")
    return _unknown(shown)


def _unknown(shown: str) -> Unmatched:
    reason = f"campaign {shown} is not known; create it, or let the import do so (--create-campaigns)"
    return Unmatched(Problem.UNKNOWN_CAMPAIGN, reason)


def _known_by_id(platform: str, ids: set[str]) -> defaultdict[str, list[_Known]]:
    known: defaultdict[str, list[_Known]] = defaultdict(list)
    wanted = sorted(ids)
    for start in range(0, len(wanted), IDS_PER_QUERY):
        rows = Campaign.objects.filter(
            platform=platform, external_id__in=wanted[start : start + IDS_PER_QUERY]
        )
        for pk, brand_id, account, external_id in rows.order_by("pk").values_list(
            "pk", "brand_id", "account", "external_id"
        ):
            known[external_id].append(_Known(pk, brand_id, account))
    return known


def _known_by_name(brand: Brand, names: set[str]) -> dict[str, int]:
    known: dict[str, int] = {}
    wanted = sorted(names)
    for start in range(0, len(wanted), IDS_PER_QUERY):
        rows = Campaign.objects.filter(brand=brand, name__in=wanted[start : start + IDS_PER_QUERY])
        known.update(rows.order_by().values_list("name", "pk"))
    return known

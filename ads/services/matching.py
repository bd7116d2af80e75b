"""Which of our campaigns a platform's campaign is, learning it from a person, and creating those that are missing."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ads.actor import actor_name
from ads.importers.records import Problem, fitted, shorten
from ads.importers.spool import Owner
from ads.models import Brand, Campaign, CampaignAlias, SealedDay
from ads.services.records import CAMPAIGN_LEVEL
from ads.services.transactions import retrying

LONGEST_NAME = 200
IDS_PER_QUERY = 1_000


@dataclass(frozen=True, slots=True)
class Match:
    """Our campaign. `line` tells apart the totals of several that are matched to one."""

    campaign_id: int
    line: str = ""


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


def match_campaigns(brand: Brand, platform: str, owners: Sequence[Owner]) -> dict[Owner, Match | Unmatched]:
    """The campaign of each owner: the one that a person matched, else by (platform, account, id), else by
    (platform, id) where one side has no account, else, for owners without an id, by its exact name in the brand."""
    learned = _learned(brand, platform, owners)
    by_id = _known_by_id(platform, {owner.campaign_id for owner in owners if owner.campaign_id})
    by_name = _known_by_name(brand, {owner.name for owner in owners if not owner.campaign_id})
    return {
        owner: learned.get(owner)
        or (
            _match(brand, owner, by_id[owner.campaign_id])
            if owner.campaign_id
            else by_name.get(owner.name) or _unknown_name(owner.name)
        )
        for owner in owners
    }


def learn(campaign: Campaign, called: Iterable[tuple[str, Owner]], now: datetime) -> None:
    """From now on what platforms call so is this campaign, whatever its own id says. The brand is locked."""
    CampaignAlias.objects.bulk_create(
        [
            CampaignAlias(
                brand_id=campaign.brand_id,
                campaign=campaign,
                platform=platform,
                account=owner.account,
                external_id=owner.campaign_id,
                name=owner.name,
                created_at=now,
                created_by=actor_name(),
            )
            for platform, owner in sorted(set(called))
        ],
        update_conflicts=True,
        unique_fields=["brand", "platform", "account", "external_id", "name"],
        update_fields=["campaign", "created_at", "created_by"],
    )


def has_counted(alias: CampaignAlias) -> bool:
    """Whether its campaign has spend since: without the alias, days that are restated would count a second time."""
    since = alias.created_at
    return (
        alias.campaign.spend_logs.filter(recorded_at__gte=since).exists()
        or SealedDay.objects.filter(campaign=alias.campaign, last_recorded_at__gte=since).exists()
    )


def _learned(brand: Brand, platform: str, owners: Sequence[Owner]) -> dict[Owner, Match]:
    aliases = CampaignAlias.objects.filter(brand=brand, platform=platform).order_by()
    known = {
        Owner(account, external_id, name): campaign_id
        for account, external_id, name, campaign_id in aliases.values_list(
            "account", "external_id", "name", "campaign_id"
        )
    }
    return {owner: aliased(known[owner], owner) for owner in owners if owner in known}


def aliased(campaign_id: int, owner: Owner) -> Match:
    """A match that a person made. Ids are unique on a platform, names only within an account."""
    name = f"{owner.account}|{owner.name}" if owner.account else owner.name
    return Match(campaign_id, fitted(f"{CAMPAIGN_LEVEL}={owner.campaign_id or name}"))


@retrying
def create_campaigns(
    brand: Brand, platform: str, title: str, wanted: Sequence[NewCampaign], *, why: str = ""
) -> list[int]:
    """Creates enabled campaigns and returns their ids, in order; one that has come up meanwhile is taken.

    Their history says `why`.

    A name that the brand has already gets the platform's id appended.
    """
    Brand.objects.lock({brand.pk})
    owners = [Owner(new.account, new.external_id, "" if new.external_id else new.name) for new in wanted]
    matches = match_campaigns(brand, platform, owners)
    taken = set(Campaign.objects.filter(brand=brand).order_by().values_list("name", flat=True))
    found: list[int | Campaign] = []
    for new, owner in zip(wanted, owners, strict=True):
        match = matches[owner]
        if isinstance(match, Match):
            found.append(match.campaign_id)
            continue
        name = _free_name(new, title, taken)
        taken.add(name)
        campaign = Campaign(
            brand=brand, name=name, platform=platform, account=new.account, external_id=new.external_id
        )
        campaign._change_reason = why or None  # type: ignore[attr-defined]
        found.append(campaign)
    Campaign.objects.bulk_create([campaign for campaign in found if isinstance(campaign, Campaign)])
    return [campaign if isinstance(campaign, int) else campaign.pk for campaign in found]


def _free_name(new: NewCampaign, title: str, taken: set[str]) -> str:
    base = new.name or f"{title} {new.external_id}"
    name, number = base[:LONGEST_NAME], 1
    while name in taken:
        suffix = f" ({new.external_id or 'imported'}{'' if number == 1 else f', {number}'})"
        name, number = f"{base[: LONGEST_NAME - len(suffix)]}{suffix}", number + 1
    return name


def _match(brand: Brand, owner: Owner, known: Sequence[_Known]) -> Match | Unmatched:
    exact = [one for one in known if one.account == owner.account]
    loose = [one for one in known if not one.account or not owner.account]
    ours = [one for one in exact or loose if one.brand_id == brand.pk]
    if len(ours) == 1:
        return Match(ours[0].pk)
    shown = f"{shorten(owner.campaign_id)}"
    if ours:
        reason = f"campaign {shown} is known in {len(ours)} accounts, and the file does not say in which"
        return Unmatched(Problem.CAMPAIGN, reason)
    if exact or loose:
        return Unmatched(Problem.FOREIGN_CAMPAIGN, f"campaign {shown} is one of another brand")
    return _unknown(shown)


def _unknown_name(name: str) -> Unmatched:
    if name:
        return _unknown(f"“{shorten(name)}”")
    return Unmatched(
        Problem.NO_CAMPAIGN, "the file has no column with campaigns; say which campaign it is of"
    )


def _unknown(shown: str) -> Unmatched:
    reason = f"campaign {shown} is not known; match it to one of the brand's, or let the import create it"
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


def _known_by_name(brand: Brand, names: set[str]) -> dict[str, Match]:
    known: dict[str, Match] = {}
    wanted = sorted(names)
    for start in range(0, len(wanted), IDS_PER_QUERY):
        rows = Campaign.objects.filter(brand=brand, name__in=wanted[start : start + IDS_PER_QUERY])
        known |= {name: Match(pk) for name, pk in rows.order_by().values_list("name", "pk")}
    return known

"""Lets the agency's campaigns go on spending, one small step after the other."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from random import Random

from ads.models import Brand, Campaign, CampaignQuerySet, Kind
from ads.rules.money import MICROS_PER_UNIT
from ads.rules.serving import CampaignFacts, Reason, decide
from ads.sample_data.agency import ACCOUNTS, AGENCY, SampleBrand, SampleCampaign
from ads.sample_data.spending import minor_unit_micros, usual_micros
from ads.services.facts import load_brand_facts, load_campaign_facts
from ads.services.ingest import ingest_events
from ads.services.records import Answer, SpendEvent

HURRY = 40  # times the usual pace, so that a limit is reached within minutes
LATE_ONE_IN = 60  # steps
REFUND_ONE_IN = 40  # steps
JUST_OVER_PERCENT = 6  # of the daily budget: what a refund of invalid clicks may believably bring back
HOUR = timedelta(hours=1)

SAMPLES: dict[str, tuple[SampleBrand, SampleCampaign]] = {
    campaign.external_id: (sample, campaign) for sample in AGENCY for campaign in sample.campaigns
}


@dataclass(frozen=True, slots=True)
class Player:
    """A campaign of the agency with its facts, and what stands against it at this moment."""

    campaign_id: int
    sample: SampleCampaign
    sample_brand: SampleBrand
    brand: Brand
    facts: CampaignFacts
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Simulation:
    """Writes `rate` records in each step; steps come every `interval`, which sets the amounts."""

    random: Random
    interval: timedelta
    rate: int

    def step(self, now: datetime, *, at_most: int | None = None) -> list[Answer]:
        """Books what some campaigns that may run have just spent, and now and then something rarer."""
        players = _load_players(now)
        by_source: defaultdict[str, list[SpendEvent]] = defaultdict(list)
        for number, (player, event) in enumerate(islice(self._events(players, now), at_most)):
            external_id = f"live-{now:%Y%m%d%H%M%S%f}-{number}"
            by_source[player.sample.platform].append(replace(event, external_id=external_id))
        return [
            answer
            for source, events in sorted(by_source.items())
            for answer in ingest_events(events, source=source, now=now)
        ]

    def _events(self, players: Sequence[Player], now: datetime) -> Iterator[tuple[Player, SpendEvent]]:
        running = [player for player in players if not player.reasons]
        for _ in range(self.rate if running else 0):
            player = self.random.choice(running)
            yield player, self._spend(player, len(running), now)
        if players and self.random.randrange(LATE_ONE_IN) == 0:
            player = self.random.choice(players)
            late = now - timedelta(minutes=self.random.randint(90, 1500))
            yield player, replace(self._spend(player, len(players), late), description="Reported late")
        if self.random.randrange(REFUND_ONE_IN) == 0:
            yield from self._refund(players, now)

    def _spend(self, player: Player, number_of_players: int, occurred_at: datetime) -> SpendEvent:
        """What the campaign spends between two of its turns, at its usual pace or in a hurry."""
        usual = usual_micros(
            player.sample_brand, player.sample, player.facts.brand.calendar, occurred_at - HOUR, occurred_at
        )
        if player.sample_brand.in_a_hurry:
            usual = player.sample.usual_day * MICROS_PER_UNIT // 24 * HURRY
        turns = HOUR * self.rate // (self.interval * number_of_players) or 1
        return SpendEvent(
            campaign_id=player.campaign_id,
            amount_micros=_in_coins(usual * self.random.randint(50, 150) // 100 // turns, player.brand),
            occurred_at=occurred_at,
            currency=player.brand.currency,
        )

    def _refund(self, players: Sequence[Player], now: datetime) -> Iterator[tuple[Player, SpendEvent]]:
        """A platform takes back invalid clicks, and a brand just over its day's budget runs again."""
        just_over = [player for player in players if _is_just_over(player, now)]
        if not just_over:
            return
        player = self.random.choice(just_over)
        limit = player.brand.daily_budget_micros or 0
        micros = _counted_today(player, now) - limit * self.random.randint(96, 98) // 100
        yield (
            player,
            SpendEvent(
                campaign_id=player.campaign_id,
                amount_micros=-_in_coins(micros, player.brand),
                kind=Kind.REFUND,
                occurred_at=now,
                currency=player.brand.currency,
                description="Invalid clicks",
            ),
        )


def has_players() -> bool:
    """Whether any of the agency's campaigns is there, by whatever name."""
    return _campaigns().exists()


def _campaigns() -> CampaignQuerySet:
    return Campaign.objects.filter(account__in=ACCOUNTS.values(), external_id__in=SAMPLES)


def _load_players(now: datetime) -> list[Player]:
    campaigns = _campaigns()
    players = []
    external_ids = dict(campaigns.order_by().values_list("pk", "external_id"))
    brands = {brand.pk: brand for brand in Brand.objects.filter(campaigns__in=campaigns).distinct()}
    brand_facts = load_brand_facts(list(brands.values()), now)
    for stored, facts in load_campaign_facts(campaigns, brand_facts, now):
        sample_brand, sample = SAMPLES[external_ids[stored.campaign_id]]
        reasons = decide(facts, now).reasons
        player = Player(stored.campaign_id, sample, sample_brand, brands[stored.brand_id], facts, reasons)
        players.append(player)
    return players


def _is_just_over(player: Player, now: datetime) -> bool:
    limit = player.brand.daily_budget_micros or 0
    return (
        player.reasons == (Reason.BRAND_DAILY,)
        and _counted_today(player, now) - limit <= limit * JUST_OVER_PERCENT // 100
    )


def _counted_today(player: Player, now: datetime) -> int:
    brand = player.facts.brand
    return brand.days.get(brand.calendar.local_date(now), 0)


def _in_coins(micros: int, brand: Brand) -> int:
    """Whole coins of the brand's currency, one at least."""
    unit = minor_unit_micros(brand.currency)
    return max(micros // unit, 1) * unit

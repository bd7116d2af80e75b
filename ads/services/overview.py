"""All brands of a person by who needs attention, in a constant number of queries however many there are."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from math import isqrt
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Count, Exists, Max, OuterRef, Q, Sum

from ads.models import Brand, BrandQuerySet, Campaign, PlatformState, SpendLog, StatusChange
from ads.rules import pacing
from ads.rules.attention import Attention, AttentionFacts, judge
from ads.rules.pacing import Direction, Pace, PacingFacts, Projection
from ads.rules.periods import ONE_DAY, Calendar, month_start
from ads.rules.serving import Reason, Status
from ads.services.given import OneOf
from ads.services.pacing import load_pacing
from ads.services.platform_differences import lasting_differences
from ads.services.standings import BrandStanding, Standing, stand_brands

Person = AbstractBaseUser | AnonymousUser

SILENT_AFTER = timedelta(hours=4)
# A source that reports whole days says nothing of yesterday before its file comes.
SILENT_AFTER_BY_DAY = timedelta(hours=36)
LOOK_BACK_FOR_RECORDS = 3 * ONE_DAY
SPARKLINE_DAYS = 14


@dataclass(frozen=True, slots=True)
class Stopped:
    """How many campaigns a brand's budget keeps from running, and since when."""

    campaigns: int
    since: datetime | None


_NOTHING_STOPPED = Stopped(0, None)
_BUDGETS = (Reason.BRAND_DAILY, Reason.BRAND_MONTHLY)


@dataclass(frozen=True, slots=True)
class Silence:
    """No spend has been recorded for too long: since when, and by which source (None: not for days)."""

    since: datetime | None
    source: str


@dataclass(frozen=True, slots=True)
class SpendWhileOff:
    """Today's spend on campaigns that are off or completed, in micros, and the one that spent most."""

    micros: int
    campaigns: int
    campaign_id: int
    campaign_name: str


@dataclass(frozen=True, slots=True)
class BrandRow:
    """A brand as the overview shows it."""

    pk: int
    name: str
    currency: str
    is_active: bool
    is_mine: bool
    standing: BrandStanding
    facts: PacingFacts
    pace: Pace | None
    projection: Projection | None
    attention: Attention
    day_stopped: Stopped
    month_stopped: Stopped
    silence: Silence | None
    while_off: SpendWhileOff | None
    differing: Sequence[PlatformState]

    @property
    def calendar(self) -> Calendar:
        return self.standing.calendar

    @property
    def day(self) -> Standing:
        return self.standing.day

    @property
    def month(self) -> Standing:
        return self.standing.month

    @property
    def projected_from(self) -> date | None:
        return pacing.projected_from(self.facts)

    @property
    def last_days(self) -> Sequence[int]:
        """What was spent on each of the last days, today's last."""
        return (*self.facts.days[-(SPARKLINE_DAYS - 1) :], self.facts.today_micros)

    @property
    def running(self) -> int:
        return self.standing.running

    @property
    def paused(self) -> int:
        return self.standing.campaigns.get(Status.PAUSED, 0)

    @property
    def off(self) -> int:
        """Campaigns that a person switched off, or whose flight is over."""
        return self.standing.total - self.running - self.paused

    @property
    def is_over_budget(self) -> bool:
        return (self.day.remaining or 0) < 0 or (self.month.remaining or 0) < 0


class Filter(StrEnum):
    """Brands of one kind; `OTHERS` are those that do not stand above the list already."""

    OTHERS = "others"
    ALL = "all"
    MINE = "mine"
    OVER = "over"
    AHEAD = "ahead"
    BEHIND = "behind"
    PAUSED = "paused"
    OFF = "off"

    def takes(self, row: BrandRow) -> bool:
        """Whether the brand is of this kind."""
        return _TAKES[self](row)


_TAKES: dict[Filter, Callable[[BrandRow], bool]] = {
    Filter.OTHERS: lambda _: True,
    Filter.ALL: lambda _: True,
    Filter.MINE: lambda row: row.is_mine,
    Filter.OVER: lambda row: row.is_over_budget,
    Filter.AHEAD: lambda row: row.pace is not None and row.pace.direction == Direction.AHEAD,
    Filter.BEHIND: lambda row: row.pace is not None and row.pace.direction == Direction.BEHIND,
    Filter.PAUSED: lambda row: row.paused > 0,
    Filter.OFF: lambda row: not row.is_active,
}


@dataclass(frozen=True, slots=True)
class CurrencyTotal:
    """What the brands of one currency spent this month and today, against their budgets, in micros.

    Brands without a monthly budget are counted apart, in `unlimited`. What cannot be told of any, or today's
    budget where some brand has none, is None.
    """

    currency: str
    brands: int
    running: int
    paused: int
    off: int
    month: int
    month_budget: int
    expected: int | None
    projection: Projection | None
    today: int
    today_budget: int | None
    unlimited: Sequence[str]
    unlimited_month: int


def load_overview(person: Person, now: datetime) -> list[BrandRow]:
    """Every brand that this person has a right to (archived ones aside), those that need somebody first."""
    rows = load_rows(Brand.objects.visible_to(person).filter(archived_at__isnull=True), person, now)
    return sorted(rows, key=lambda row: (row.attention.order, not row.is_active, row.name.casefold(), row.pk))


def load_rows(chosen: BrandQuerySet, person: Person, now: datetime) -> list[BrandRow]:
    """These brands as this person's overview shows them."""
    mine = Brand.assigned_to.through.objects.filter(brand_id=OuterRef("pk"), user__pk=person.pk or 0)
    brands = list(chosen.annotate(is_mine=Exists(mine)).order_by("name", "pk"))
    standings = stand_brands(brands, now)
    paces = load_pacing(brands, standings, now)
    stopped = _stopped(standings)
    signals = _Signals(
        stopped[Reason.BRAND_DAILY],
        stopped[Reason.BRAND_MONTHLY],
        _silences(standings, paces, now),
        _spend_while_off(standings),
        _differing(standings, now),
    )
    return [_row(brand, standings[brand.pk], paces[brand.pk], signals) for brand in brands]


@dataclass(frozen=True, slots=True)
class _Signals:
    """What stands out, by the brand's id."""

    stopped_days: Mapping[int, Stopped]
    stopped_months: Mapping[int, Stopped]
    silences: Mapping[int, Silence]
    while_off: Mapping[int, SpendWhileOff]
    differing: Mapping[int, Sequence[PlatformState]]


def _row(brand: Any, standing: BrandStanding, facts: PacingFacts, signals: _Signals) -> BrandRow:
    pk = brand.pk
    pace = pacing.pace(facts, brand.monthly_budget_micros) if brand.is_active else None
    projection = pacing.project(facts) if brand.is_active else None
    day_stopped = signals.stopped_days.get(pk, _NOTHING_STOPPED)
    month_stopped = signals.stopped_months.get(pk, _NOTHING_STOPPED)
    while_off = signals.while_off.get(pk)
    attention = judge(
        AttentionFacts(
            day_micros=standing.day.counted,
            daily_budget_micros=brand.daily_budget_micros,
            monthly_budget_micros=brand.monthly_budget_micros,
            day_stopped=day_stopped.campaigns,
            month_stopped=month_stopped.campaigns,
            is_silent=pk in signals.silences,
            while_off_micros=while_off.micros if while_off else 0,
            pace=pace,
            projection=projection,
            differing=len(signals.differing.get(pk, ())),
        )
    )
    return BrandRow(
        pk=pk,
        name=brand.name,
        currency=brand.currency,
        is_active=brand.is_active,
        is_mine=brand.is_mine,
        standing=standing,
        facts=facts,
        pace=pace,
        projection=projection,
        attention=attention,
        day_stopped=day_stopped,
        month_stopped=month_stopped,
        silence=signals.silences.get(pk),
        while_off=while_off,
        differing=signals.differing.get(pk, ()),
    )


def total_by_currency(rows: Iterable[BrandRow]) -> list[CurrencyTotal]:
    """What all brands of each currency add up to; the currency of most brands first."""
    of_currency: defaultdict[str, list[BrandRow]] = defaultdict(list)
    for row in rows:
        of_currency[row.currency].append(row)
    totals = [_total(currency, found) for currency, found in of_currency.items()]
    return sorted(totals, key=lambda total: (-total.brands, total.currency))


def _total(currency: str, rows: Sequence[BrandRow]) -> CurrencyTotal:
    limited = [row for row in rows if row.month.budget is not None]
    unlimited = [row for row in rows if row.month.budget is None]
    daily = [row.day.budget for row in rows]
    return CurrencyTotal(
        currency=currency,
        brands=len(rows),
        running=sum(row.running for row in rows),
        paused=sum(row.paused for row in rows),
        off=sum(row.off for row in rows),
        month=sum(row.month.spent for row in limited),
        month_budget=sum(row.month.budget or 0 for row in limited),
        expected=_expected(limited),
        projection=_projected(limited),
        today=sum(row.day.spent for row in rows),
        today_budget=None if None in daily else sum(budget or 0 for budget in daily),
        unlimited=[row.name for row in unlimited],
        unlimited_month=sum(row.month.spent for row in unlimited),
    )


def _expected(rows: Sequence[BrandRow]) -> int | None:
    """Where these brands should be by now; those of which it cannot be told are taken to be there."""
    if not any(row.pace for row in rows):
        return None
    return sum(row.pace.expected_micros if row.pace else row.month.counted for row in rows)


def _projected(rows: Sequence[BrandRow]) -> Projection | None:
    """Where these brands end, as if independent of each other; those without a projection stay where they are."""
    known = [row.projection for row in rows if row.projection]
    if not known:
        return None
    end = sum(row.projection.micros if row.projection else row.month.counted for row in rows)
    band = isqrt(sum((each.high_micros - each.micros) ** 2 for each in known))
    return Projection(end, end - band, end + band)


def _stopped(standings: Mapping[int, BrandStanding]) -> dict[Reason, dict[int, Stopped]]:
    """Of the brands that have reached a budget of theirs, which campaigns that stops, and since when."""
    reached = {reason: _that_reached(standings, reason) for reason in _BUDGETS}
    # Not of those that a person switched off, or that are over.
    campaigns = Campaign.objects.filter(
        OneOf("brand_id", set().union(*reached.values())), archived_at__isnull=True, status=Status.PAUSED
    )
    counts = [Count("pk", filter=Q(reason_codes__contains=reason.value)) for reason in _BUDGETS]
    numbers = list(campaigns.order_by().values_list("brand_id").annotate(days=counts[0], months=counts[1]))
    stopped: dict[Reason, dict[int, Stopped]] = {}
    for place, reason in enumerate(_BUDGETS):
        since = _stopped_since(reached[reason], reason)
        stopped[reason] = {
            pk: Stopped(number[place], since.get(pk))
            for pk, *number in numbers
            if pk in reached[reason] and number[place]
        }
    return stopped


def _that_reached(standings: Mapping[int, BrandStanding], reason: Reason) -> dict[int, BrandStanding]:
    return {
        pk: standing
        for pk, standing in standings.items()
        if (standing.day if reason == Reason.BRAND_DAILY else standing.month).is_reached
    }


def _stopped_since(reached: Mapping[int, BrandStanding], reason: Reason) -> dict[int, datetime]:
    """When the budget last began to stop a campaign of each brand, in the period that is."""
    begins = [
        standing.calendar.day_start(
            standing.today if reason == Reason.BRAND_DAILY else month_start(standing.today)
        )
        for standing in reached.values()
    ]
    changes = StatusChange.objects.filter(
        OneOf("brand_id", reached),
        reason_codes__contains=reason.value,
        at__gte=min(begins, default=datetime.max.replace(tzinfo=UTC)),
    ).exclude(from_reason_codes__contains=reason.value)
    return dict(changes.order_by().values_list("brand_id").annotate(since=Max("at")))


def _silences(
    standings: Mapping[int, BrandStanding], paces: Mapping[int, PacingFacts], now: datetime
) -> dict[int, Silence]:
    """Brands of which campaigns run, much less is spent than usual by now, and nothing was recorded for long."""
    suspects = []
    for pk, standing in standings.items():
        usual = pacing.usual_by_now(paces[pk]) if standing.running else None
        if usual and standing.day.spent * 2 < usual:
            suspects.append(pk)
    records = SpendLog.objects.filter(
        OneOf("brand_id", suspects), spent_on__gte=(now - LOOK_BACK_FOR_RECORDS).date()
    ).order_by()
    found = dict.fromkeys(suspects, Silence(None, ""))
    silent = []
    for pk, recorded_at, timed in records.values_list("brand_id").annotate(
        recorded=Max("recorded_at"), timed=Count("occurred_at")
    ):
        del found[pk]
        if now - recorded_at >= (SILENT_AFTER if timed else SILENT_AFTER_BY_DAY):
            silent.append(pk)
    of_sources = records.filter(OneOf("brand_id", silent)).values_list("brand_id", "source")
    by_time = sorted((at, source, pk) for pk, source, at in of_sources.annotate(at=Max("recorded_at")))
    found |= {pk: Silence(at, source) for at, source, pk in by_time}  # of each brand the last one stays
    return found


def _spend_while_off(standings: Mapping[int, BrandStanding]) -> dict[int, SpendWhileOff]:
    """Of each brand, today's spend on campaigns that a person or the flight's end keeps from running."""
    todays = {pk: standing.today for pk, standing in standings.items()}
    logs = SpendLog.objects.filter(
        OneOf("brand_id", todays),
        while_off=True,
        spent_on__gte=min(todays.values(), default=date.max),
        campaign__status__in=[Status.INACTIVE, Status.COMPLETED],
    ).order_by()
    found: defaultdict[int, list[tuple[int, int, str]]] = defaultdict(list)
    for pk, day, campaign_id, name, micros in logs.values_list(
        "brand_id", "spent_on", "campaign_id", "campaign__name"
    ).annotate(micros=Sum("amount_micros")):
        if day == todays[pk] and micros > 0:
            found[pk].append((int(micros), campaign_id, name))
    return {
        pk: SpendWhileOff(sum(micros for micros, _, _ in each), len(each), max(each)[1], max(each)[2])
        for pk, each in found.items()
    }


def _differing(brand_ids: Collection[int], now: datetime) -> dict[int, list[PlatformState]]:
    found: defaultdict[int, list[PlatformState]] = defaultdict(list)
    for state in lasting_differences(brand_ids, now):
        found[state.campaign.brand_id].append(state)
    return dict(found)

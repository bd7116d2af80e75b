"""Where brands and campaigns stand right now, in a constant number of queries however many are asked for."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Count, F, Q, Sum

from ads.models import Brand, BrandPeriod, BrandQuerySet, Campaign, CampaignPeriod, PeriodKind
from ads.rules.periods import Calendar, month_start
from ads.rules.serving import Status, reached
from ads.services.given import OneOf

DAY, MONTH, FLIGHT = PeriodKind.DAY, PeriodKind.MONTH, PeriodKind.FLIGHT
Spent = tuple[int, int]
NOTHING: Spent = (0, 0)


@dataclass(frozen=True, slots=True)
class Standing:
    """One period, in micros: spent, waived, and the budget in force (None: no limit)."""

    spent: int
    waived: int
    budget: int | None

    @property
    def counted(self) -> int:
        """What counts against the budget."""
        return self.spent - self.waived

    @property
    def remaining(self) -> int | None:
        """The budget less what counts; negative when over, None without a budget."""
        return None if self.budget is None else self.budget - self.counted

    @property
    def is_reached(self) -> bool:
        """Whether nothing more may be spent."""
        return reached(self.counted, self.budget)


@dataclass(frozen=True, slots=True)
class BrandStanding:
    """A brand in its current day and month, and how many of its campaigns (archived ones aside) are in which status."""

    calendar: Calendar
    today: date
    day: Standing
    month: Standing
    campaigns: Mapping[Status, int]

    @property
    def running(self) -> int:
        """Campaigns that run."""
        return self.campaigns.get(Status.ACTIVE, 0)

    @property
    def total(self) -> int:
        """All campaigns but archived ones."""
        return sum(self.campaigns.values())


@dataclass(frozen=True, slots=True)
class CampaignStanding:
    """A campaign in its brand's current day and month, and in its whole flight."""

    calendar: Calendar
    today: date
    day: Standing
    month: Standing
    flight: Standing


@dataclass(frozen=True, slots=True)
class ChildBudgets:
    """What the budgets of a brand's campaigns (archived ones aside) add up to, in micros, and how many have one."""

    daily: int
    with_daily: int
    monthly: int
    with_monthly: int


def stand_brands(brands: Sequence[Brand], now: datetime) -> dict[int, BrandStanding]:
    """Where each of these brands stands, by its id. Two queries."""
    calendars = {brand.pk: brand.calendar for brand in brands}
    todays = {pk: calendar.local_date(now) for pk, calendar in calendars.items()}
    rows = BrandPeriod.objects.filter(_current(todays), OneOf("brand_id", todays)).order_by()
    spent = _by_period(rows.values_list("brand_id", "kind", "starts_on", "spent_micros", "waived_micros"))
    campaigns = _campaigns_by_status(todays)
    standings = {}
    for brand, (pk, today) in zip(brands, todays.items(), strict=True):
        standings[pk] = BrandStanding(
            calendar=calendars[pk],
            today=today,
            day=Standing(*spent.get((pk, DAY, today), NOTHING), brand.daily_budget_micros),
            month=Standing(*spent.get((pk, MONTH, month_start(today)), NOTHING), brand.monthly_budget_micros),
            campaigns=campaigns.get(pk, {}),
        )
    return standings


def stand_campaigns(campaigns: Sequence[Campaign], now: datetime) -> dict[int, CampaignStanding]:
    """Where each of these campaigns, read with their brands, stands, by its id. One query."""
    calendars = {campaign.brand_id: campaign.brand.calendar for campaign in campaigns}
    todays = {pk: calendar.local_date(now) for pk, calendar in calendars.items()}
    rows = CampaignPeriod.objects.filter(
        _current(todays) | Q(kind=FLIGHT), campaign_id__in=[campaign.pk for campaign in campaigns]
    ).order_by()
    spent = _by_period(rows.values_list("campaign_id", "kind", "starts_on", "spent_micros", "waived_micros"))
    flights = {pk: totals for (pk, kind, _), totals in spent.items() if kind == FLIGHT}
    standings = {}
    for campaign in campaigns:
        pk, today = campaign.pk, todays[campaign.brand_id]
        standings[pk] = CampaignStanding(
            calendar=calendars[campaign.brand_id],
            today=today,
            day=Standing(*spent.get((pk, DAY, today), NOTHING), campaign.daily_budget_micros),
            month=Standing(
                *spent.get((pk, MONTH, month_start(today)), NOTHING), campaign.monthly_budget_micros
            ),
            flight=Standing(*flights.get(pk, NOTHING), campaign.total_budget_micros),
        )
    return standings


def at_their_limit(brands: BrandQuerySet, kind: PeriodKind, now: datetime) -> list[int]:
    """Ids of those of these brands that have reached their budget of the current day, or of the current month."""
    column = "daily_budget_micros" if kind == DAY else "monthly_budget_micros"
    # No zone is further from UTC than a day, so these are all the periods that can be a brand's current one.
    days = [now.date() + timedelta(days=number) for number in (-1, 0, 1)]
    full = BrandPeriod.objects.filter(
        brand__in=brands.order_by().values("pk"),
        kind=kind,
        starts_on__in={day if kind == DAY else month_start(day) for day in days},
        spent_micros__gte=F("waived_micros") + F(f"brand__{column}"),
    )
    # A budget of 0 is reached without any spend, so also where the period has no row.
    candidates = list(
        brands.filter(Q(**{column: 0}) | Q(pk__in=full.order_by().values("brand_id"))).order_by()
    )
    standings = stand_brands(candidates, now)
    return [
        pk
        for pk, standing in standings.items()
        if (standing.day if kind == DAY else standing.month).is_reached
    ]


def child_budgets(brand: Brand) -> ChildBudgets:
    """What the campaigns' own daily and monthly budgets add up to."""
    sums = Campaign.objects.filter(brand=brand, archived_at__isnull=True).aggregate(
        daily=Sum("daily_budget_micros"),
        with_daily=Count("daily_budget_micros"),
        monthly=Sum("monthly_budget_micros"),
        with_monthly=Count("monthly_budget_micros"),
    )
    return ChildBudgets(
        int(sums["daily"] or 0), sums["with_daily"], int(sums["monthly"] or 0), sums["with_monthly"]
    )


def _current(todays: Mapping[int, date]) -> Q:
    """Days and months that are the current one of at least one of these brands."""
    days = set(todays.values())
    return Q(kind=DAY, starts_on__in=days) | Q(kind=MONTH, starts_on__in={month_start(day) for day in days})


def _by_period(rows: Iterable[tuple[int, str, date, int, int]]) -> dict[tuple[int, str, date], Spent]:
    return {(pk, kind, starts_on): (spent, waived) for pk, kind, starts_on, spent, waived in rows}


def _campaigns_by_status(brand_ids: Iterable[int]) -> dict[int, dict[Status, int]]:
    found: dict[int, dict[Status, int]] = {}
    rows = Campaign.objects.filter(OneOf("brand_id", brand_ids), archived_at__isnull=True).order_by()
    for brand_id, status, number in rows.values_list("brand_id", "status").annotate(number=Count("*")):
        found.setdefault(brand_id, {})[Status(status)] = number
    return found

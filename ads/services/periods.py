"""The totals by period: add to them, open and close them, let their budgets follow, waive them."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import F, OuterRef, Q, Subquery

from ads.actor import actor_name
from ads.models import (
    FLIGHT_STARTS_ON,
    Brand,
    BrandPeriod,
    Campaign,
    CampaignPeriod,
    Cause,
    EventType,
    PeriodKind,
    Waiver,
)
from ads.rules.periods import month_start, zone_change_day
from ads.rules.serving import reached
from ads.services import enforcement
from ads.services.given import Statement, as_date, given
from ads.services.moments import passing
from ads.services.transactions import retrying
from ads.services.webhooks import Event, emit, is_wanted

DAY, MONTH, FLIGHT = PeriodKind.DAY, PeriodKind.MONTH, PeriodKind.FLIGHT
PeriodKey = tuple[int, str, date]
BRANDS_PER_TRANSACTION = 200
ROWS_PER_STATEMENT = 2_000


@dataclass(frozen=True, slots=True)
class Limits:
    """The budgets in force of a campaign, in micros; None is no limit."""

    daily: int | None
    monthly: int | None
    total: int | None


@dataclass(slots=True)
class Crossed:
    """Owners for whom "limit reached" is no longer what it was, for a period that is not over."""

    brand_ids: set[int] = field(default_factory=set)
    campaign_ids: set[int] = field(default_factory=set)


def add(
    added: Mapping[tuple[int, int, date], int],
    brands: Mapping[int, Brand],
    limits: Mapping[int, Limits],
    crossed: Crossed,
    now: datetime,
) -> list[Statement]:
    """What adds amounts by (brand, campaign, date) to the brands' and the campaigns' totals, and fills `crossed`.

    The brands are locked.
    """
    by_brand: defaultdict[PeriodKey, int] = defaultdict(int)
    by_campaign: defaultdict[PeriodKey, int] = defaultdict(int)
    brand_of: dict[int, int] = {}
    for (brand_id, campaign_id, day), micros in added.items():
        brand_of[campaign_id] = brand_id
        for period in ((DAY, day), (MONTH, month_start(day))):
            by_brand[brand_id, *period] += micros
            by_campaign[campaign_id, *period] += micros
        by_campaign[campaign_id, FLIGHT, FLIGHT_STARTS_ON] += micros

    todays = {brand_id: brand.calendar.local_date(now) for brand_id, brand in brands.items()}
    brand_limits = {
        pk: Limits(brand.daily_budget_micros, brand.monthly_budget_micros, None)
        for pk, brand in brands.items()
    }
    campaign_todays = {campaign_id: todays[brand_id] for campaign_id, brand_id in brand_of.items()}
    return [
        *_Additions("brand", by_brand, brand_limits, todays, crossed.brand_ids).statements(now),
        *_Additions("campaign", by_campaign, limits, campaign_todays, crossed.campaign_ids).statements(now),
    ]


@dataclass(frozen=True, slots=True)
class _Additions:
    """What is to be added to the periods of one level, with its owners' budgets and present dates."""

    level: Literal["brand", "campaign"]
    added: Mapping[PeriodKey, int]
    limits: Mapping[int, Limits]
    todays: Mapping[int, date]
    crossed: set[int]

    def statements(self, now: datetime) -> list[Statement]:
        """Add to the rows, making those that are missing, and tell the owners whose limit was crossed."""
        # In one order, so that no two writers wait for each other.
        keys = sorted(self.added)
        return [
            self._statement(keys[start : start + ROWS_PER_STATEMENT], now)
            for start in range(0, len(keys), ROWS_PER_STATEMENT)
        ]

    def _statement(self, keys: Sequence[PeriodKey], now: datetime) -> Statement:
        table, column = f"ads_{self.level}period", f"{self.level}_id"
        rows, params = given(
            ("bigint", "text", "date", "bigint", "bigint", "timestamptz"),
            [(*key, self.added[key], self._limit(key), now if self._is_over(key) else None) for key in keys],
        )
        sql = f"""
            WITH added (owner, kind, starts_on, micros, budget, closed_at) AS ({rows})
            INSERT INTO {table} ({column}, kind, starts_on, spent_micros, waived_micros, budget_micros, closed_at)
            SELECT owner, kind, starts_on, micros, 0, budget, closed_at FROM added WHERE true
            ON CONFLICT ({column}, kind, starts_on)
            DO UPDATE SET spent_micros = {table}.spent_micros + excluded.spent_micros
            RETURNING {column}, kind, starts_on, spent_micros - waived_micros
        """  # noqa: S608 - names of ours and placeholders are put in
        return Statement(sql, params, self._take)

    def _take(self, rows: list[tuple[int, str, date | str, int]]) -> None:
        for owner, kind, day, counted in rows:
            key = (owner, kind, as_date(day))
            if not self._is_over(key) and self._crosses(key, counted):
                self.crossed.add(owner)

    def _crosses(self, key: PeriodKey, counted: int) -> bool:
        limit = self._limit(key)
        return reached(counted, limit) != reached(counted - self.added[key], limit)

    def _limit(self, key: PeriodKey) -> int | None:
        limits = self.limits[key[0]]
        return {DAY: limits.daily, MONTH: limits.monthly, FLIGHT: limits.total}[PeriodKind(key[1])]

    def _is_over(self, key: PeriodKey) -> bool:
        """A day or month that is over pauses nobody. Those to come may: whether a midnight changes anything
        follows from what the new day holds.
        """
        owner, kind, starts_on = key
        today = self.todays[owner]
        return kind != FLIGHT and starts_on < (today if kind == DAY else month_start(today))


def follow_zone(brands: Sequence[Brand], now: datetime) -> None:
    """Makes the last zone of each locked brand's history the one it names, from the next day on."""
    for brand in brands:
        history = _with_zone(brand, now)
        if history != brand.zone_history:
            brand.zone_history = history
            Brand._base_manager.filter(pk=brand.pk).update(zone_history=history)


def _with_zone(brand: Brand, now: datetime) -> list[list[str]]:
    named = brand.zone_name
    history: list[list[str]] = brand.zone_history
    if not history:
        return [[date.min.isoformat(), named]]
    if history[-1][1] == named:
        return history
    calendar = brand.calendar
    # A change that was still to come never ruled, so the new one takes its place.
    ruled = [span for span in history if date.fromisoformat(span[0]) <= calendar.local_date(now)]
    if ruled[-1][1] == named:
        return ruled
    return [*ruled, [zone_change_day(calendar, ZoneInfo(named), now).isoformat(), named]]


def follow_brand_budgets(brands: Sequence[Brand], now: datetime) -> None:
    """Gives the periods that are not over the present budgets of their locked brands."""
    for today, brand_ids in _by_today(brands, now).items():
        periods = BrandPeriod.objects.filter(brand_id__in=brand_ids)
        owner = Brand.objects.filter(pk=OuterRef("brand_id"))
        for kind, since, column in (
            (DAY, today, "daily_budget_micros"),
            (MONTH, month_start(today), "monthly_budget_micros"),
        ):
            periods.filter(kind=kind, starts_on__gte=since).update(
                budget_micros=Subquery(owner.values(column))
            )


def follow_campaign_budgets(brands: Sequence[Brand], campaign_ids: Iterable[int], now: datetime) -> None:
    """Gives the periods that are not over the present budgets of their campaigns, whose brands are locked."""
    ids = list(campaign_ids)
    for today, brand_ids in _by_today(brands, now).items():
        periods = CampaignPeriod.objects.filter(campaign_id__in=ids, campaign__brand_id__in=brand_ids)
        owner = Campaign.objects.filter(pk=OuterRef("campaign_id"))
        for kind, since, column in (
            (DAY, today, "daily_budget_micros"),
            (MONTH, month_start(today), "monthly_budget_micros"),
            (FLIGHT, FLIGHT_STARTS_ON, "total_budget_micros"),
        ):
            periods.filter(kind=kind, starts_on__gte=since).update(
                budget_micros=Subquery(owner.values(column))
            )


def _by_today(brands: Sequence[Brand], now: datetime) -> dict[date, list[int]]:
    todays: defaultdict[date, list[int]] = defaultdict(list)
    for brand in brands:
        todays[brand.calendar.local_date(now)].append(brand.pk)
    return dict(todays)


@dataclass(slots=True)
class RolloverTally:
    """What a rollover did."""

    brands: int = 0
    campaigns: enforcement.Tally = field(default_factory=enforcement.Tally)


def rollover(now: datetime) -> RolloverTally:
    """Opens the new day of every brand that has entered one since it was last opened, and closes the old ones.

    Nothing is zeroed: the new day is another row. Days that were missed are opened as well, and running it
    again changes nothing.
    """
    done, clock = RolloverTally(), passing(now)
    due = _entered_a_new_day(now)
    for start in range(0, len(due), BRANDS_PER_TRANSACTION):
        opened, decided = _roll_over(due[start : start + BRANDS_PER_TRANSACTION], now, clock)
        done.brands += opened
        done.campaigns.add(decided)
    return done


def _entered_a_new_day(now: datetime) -> list[int]:
    """Ids of the brands whose local date is later than the day last opened."""
    # No zone's date is later than tomorrow's in UTC: who is there already cannot have entered a new day.
    tomorrow = now.astimezone(UTC).date() + timedelta(days=1)
    brands = list(Brand.objects.filter(Q(opened_on__isnull=True) | Q(opened_on__lt=tomorrow)).order_by("pk"))
    return [
        brand.pk
        for brand in brands
        if brand.opened_on is None or brand.opened_on < brand.calendar.local_date(now)
    ]


@retrying
def _roll_over(
    brand_ids: Sequence[int], now: datetime, clock: Callable[[], datetime]
) -> tuple[int, enforcement.Decided]:
    locked = Brand.objects.lock(brand_ids)
    follow_zone(locked, now)
    opened = [brand for brand in locked if _open_days(brand, brand.calendar.local_date(now), now)]
    _tell_closed([brand for brand in opened if brand.opened_on is not None], now)
    return len(opened), enforcement.decide_brands(opened, cause=Cause.ROLLOVER, now=clock())


def _tell_closed(brands: Sequence[Brand], now: datetime) -> None:
    """Emits period.closed for what this rollover closed of these brands."""
    if not brands or not is_wanted(EventType.PERIOD_CLOSED):
        return
    closed = BrandPeriod.objects.filter(brand__in=brands, closed_at=now).select_related("brand")
    emit([_closed_event(period) for period in closed.order_by("brand", "starts_on", "kind")], now)


def _closed_event(period: BrandPeriod) -> Event:
    return Event(
        EventType.PERIOD_CLOSED,
        f"period:{period.brand_id}:{period.kind}:{period.starts_on}",
        period.brand_id,
        None,
        {
            "brand_name": period.brand.name,
            "currency": period.brand.currency,
            "kind": period.kind,
            "starts_on": period.starts_on.isoformat(),
            "spent": f"{period.spent:f}",
            "waived": f"{period.waived:f}",
            "budget": None if period.budget is None else f"{period.budget:f}",
        },
    )


def _open_days(brand: Brand, today: date, now: datetime) -> bool:
    """Opens the brand's days up to today and closes those before; False where another has done it."""
    last = brand.opened_on
    won = (
        Brand._base_manager.filter(pk=brand.pk, opened_on=last)
        .exclude(opened_on__gte=today)
        .update(opened_on=today)
    )
    if not won:
        return False
    first = today if last is None else last + timedelta(days=1)
    days = [first + timedelta(days=number) for number in range((today - first).days + 1)]
    months = sorted({month_start(day) for day in days})
    BrandPeriod.objects.bulk_create(
        [
            BrandPeriod(brand=brand, kind=DAY, starts_on=day, budget_micros=brand.daily_budget_micros)
            for day in days
        ]
        + [
            BrandPeriod(brand=brand, kind=MONTH, starts_on=month, budget_micros=brand.monthly_budget_micros)
            for month in months
        ],
        update_conflicts=True,
        unique_fields=["brand", "kind", "starts_on"],
        update_fields=["kind"],  # a row that is there already stays as it is
    )
    over = Q(kind=DAY, starts_on__lt=today) | Q(kind=MONTH, starts_on__lt=month_start(today))
    if last is not None:
        # Rows made after their end were closed from the start, so what is open is not older than this.
        over &= Q(starts_on__gte=month_start(last))
    BrandPeriod.objects.filter(over, brand=brand, closed_at__isnull=True).update(closed_at=now)
    CampaignPeriod.objects.filter(over, campaign__brand=brand, closed_at__isnull=True).update(closed_at=now)
    return True


@dataclass(frozen=True, slots=True)
class Waived:
    """What one reset did to the brands and campaigns it was for."""

    waivers: list[Waiver]
    changes: list[enforcement.Change]


def kinds_to_reset(today: date, *, daily: bool, monthly: bool) -> list[PeriodKind]:
    """The day, and the month too on its first day; or just what was asked for."""
    if daily or monthly:
        return [kind for kind, asked in ((DAY, daily), (MONTH, monthly)) if asked]
    return [DAY, MONTH] if today.day == 1 else [DAY]


@retrying
def waive(
    brand_ids: Sequence[int],
    *,
    campaign_id: int | None = None,
    daily: bool,
    monthly: bool,
    dry_run: bool = False,
    now: datetime,
) -> Waived:
    """Starts the count of the current periods afresh: what was spent so far stops counting against the limit.

    For the brands and all their campaigns, or for one campaign alone. Spend and the ledger stay as they are.
    A dry run is taken back whole.
    """
    clock = passing(now)
    brands = Brand.objects.lock(brand_ids)
    now = clock()
    waivers: list[Waiver] = []
    for brand in brands:
        today = brand.calendar.local_date(now)
        for kind in kinds_to_reset(today, daily=daily, monthly=monthly):
            waivers += _waive(brand.pk, campaign_id, kind, today if kind == DAY else month_start(today), now)
    Waiver.objects.bulk_create(waivers, batch_size=ROWS_PER_STATEMENT)
    if campaign_id is None:
        decided = enforcement.decide_brands(brands, cause=Cause.RESET, now=now)
    else:
        decided = enforcement.decide_campaigns(brands, [campaign_id], cause=Cause.RESET, now=now)
    transaction.set_rollback(dry_run)
    return Waived(waivers, decided.changes)


def _waive(
    brand_id: int, campaign_id: int | None, kind: PeriodKind, starts_on: date, now: datetime
) -> list[Waiver]:
    campaign_periods = CampaignPeriod.objects.filter(
        campaign__brand_id=brand_id, kind=kind, starts_on=starts_on
    )
    brand_periods = BrandPeriod.objects.filter(brand_id=brand_id, kind=kind, starts_on=starts_on)
    if campaign_id is not None:
        campaign_periods, brand_periods = (
            campaign_periods.filter(campaign_id=campaign_id),
            brand_periods.none(),
        )
    counting = ~Q(spent_micros=F("waived_micros"))
    amounts: list[tuple[int | None, int]] = [
        *((None, period.counted_micros) for period in brand_periods.filter(counting)),
        *(
            (period.campaign_id, period.counted_micros)
            for period in campaign_periods.filter(counting).order_by("campaign_id")
        ),
    ]
    for periods in (brand_periods, campaign_periods):
        periods.filter(counting).update(waived_micros=F("spent_micros"))
    return [
        Waiver(
            brand_id=brand_id,
            campaign_id=owner,
            kind=kind,
            starts_on=starts_on,
            amount_micros=micros,
            by=actor_name(),
            at=now,
        )
        for owner, micros in amounts
    ]

"""The totals by period: add to them, open and close them, let their budgets follow."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from operator import attrgetter
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import OuterRef, Q, Subquery

from ads.models import (
    FLIGHT_STARTS_ON,
    Brand,
    BrandPeriod,
    Campaign,
    CampaignPeriod,
    Cause,
    EventType,
    PeriodKind,
)
from ads.rules.alerting import Level, crosses_a_percent
from ads.rules.periods import month_start, zone_change_day
from ads.rules.serving import reached
from ads.services import alerts, enforcement
from ads.services.alerts import Move, Owner, OwnersPeriod
from ads.services.brand_locks import under_locks
from ads.services.given import WORD, Statement, as_date, given
from ads.services.moments import passing
from ads.services.transactions import aside
from ads.services.webhooks import Event, emit, is_wanted

DAY, MONTH, FLIGHT = PeriodKind.DAY, PeriodKind.MONTH, PeriodKind.FLIGHT
DAY_VALUE, MONTH_VALUE, FLIGHT_VALUE = DAY.value, MONTH.value, FLIGHT.value
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
    # Of whose limits a whole per cent was crossed upward: an alert may be due.
    moves: list[Move] = field(default_factory=list)


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
    brand_of: dict[int, int] = {}
    of_brands: defaultdict[tuple[int, date], int] = defaultdict(int)
    of_campaigns: dict[tuple[int, date], int] = {}
    # In one order, so that no two writers wait for each other.
    for (brand_id, campaign_id, day), micros in sorted(added.items()):
        brand_of[campaign_id] = brand_id
        of_brands[brand_id, day] += micros
        of_campaigns[campaign_id, day] = micros

    todays = {brand_id: brand.calendar.local_date(now) for brand_id, brand in brands.items()}
    brand_limits = {
        pk: Limits(brand.daily_budget_micros, brand.monthly_budget_micros, None)
        for pk, brand in brands.items()
    }
    campaign_todays = {campaign_id: todays[brand_id] for campaign_id, brand_id in brand_of.items()}
    brand_level = _Additions(
        "brand", of_brands, brand_limits, todays, Owner, crossed.brand_ids, crossed.moves
    )
    campaign_level = _Additions(
        "campaign",
        of_campaigns,
        limits,
        campaign_todays,
        lambda pk: Owner(brand_of[pk], pk),
        crossed.campaign_ids,
        crossed.moves,
    )
    return [*brand_level.statements(now), *campaign_level.statements(now)]


class _Addition(NamedTuple):
    """What is to be added to one period; its budget and when it was over, should it have no row yet."""

    owner: int
    kind: str
    starts_on: date
    micros: int
    budget: int | None
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Additions:
    """What is to be added to the periods of one level by owner and day, with the owners' budgets and present dates."""

    level: Literal["brand", "campaign"]
    by_day: Mapping[tuple[int, date], int]
    limits: Mapping[int, Limits]
    todays: Mapping[int, date]
    owner: Callable[[int], Owner]
    crossed: set[int]
    moves: list[Move]

    def statements(self, now: datetime) -> list[Statement]:
        """Add to the rows, making those that are missing, and tell the owners whose limit was crossed."""
        rows = self._rows(now)
        return [
            self._statement(rows[start : start + ROWS_PER_STATEMENT])
            for start in range(0, len(rows), ROWS_PER_STATEMENT)
        ]

    def _rows(self, now: datetime) -> list[_Addition]:
        months_of = {
            day: month_start(day) for day in {day for _, day in self.by_day} | {*self.todays.values()}
        }
        by_month: defaultdict[tuple[int, date], int] = defaultdict(int)
        by_owner: defaultdict[int, int] = defaultdict(int)
        rows: list[_Addition] = []
        for (pk, day), micros in self.by_day.items():
            by_month[pk, months_of[day]] += micros
            by_owner[pk] += micros
            closed_at = now if day < self.todays[pk] else None
            rows.append(_Addition(pk, DAY_VALUE, day, micros, self.limits[pk].daily, closed_at))
        for (pk, month), micros in by_month.items():
            closed_at = now if month < months_of[self.todays[pk]] else None
            rows.append(_Addition(pk, MONTH_VALUE, month, micros, self.limits[pk].monthly, closed_at))
        if self.level == "campaign":
            rows += [
                _Addition(pk, FLIGHT_VALUE, FLIGHT_STARTS_ON, micros, self.limits[pk].total, None)
                for pk, micros in by_owner.items()
            ]
        return rows

    def _statement(self, rows: Sequence[_Addition]) -> Statement:
        """A day or month that is over pauses nobody. Those to come may: whether a midnight changes anything follows
        from what the new day holds.
        """
        table, column = f"ads_{self.level}period", f"{self.level}_id"
        given_rows, params = given(("bigint", WORD, "date", "bigint", "bigint", "timestamptz"), rows)
        limited = {row[:3]: row for row in rows if row.budget is not None and row.closed_at is None}
        sql = f"""
            WITH added (owner, kind, starts_on, micros, budget, closed_at) AS ({given_rows})
            INSERT INTO {table} ({column}, kind, starts_on, spent_micros, waived_micros, budget_micros, closed_at)
            SELECT owner, kind, starts_on, micros, 0, budget, closed_at FROM added WHERE true
            ON CONFLICT ({column}, kind, starts_on)
            DO UPDATE SET spent_micros = {table}.spent_micros + excluded.spent_micros
        """  # noqa: S608 - names of ours and placeholders are put in
        if not limited:
            return Statement(sql, params)
        sql += f"RETURNING {column}, kind, starts_on, spent_micros - waived_micros"
        return Statement(sql, params, partial(self._take, limited))

    def _take(
        self, limited: Mapping[tuple[int, str, date], _Addition], rows: list[tuple[int, str, date | str, int]]
    ) -> None:
        for pk, kind, day, counted in rows:
            added = limited.get((pk, kind, as_date(day)))
            if added is None or added.budget is None:
                continue
            before, limit = counted - added.micros, added.budget
            if reached(counted, limit) != reached(before, limit):
                self.crossed.add(pk)
            if crosses_a_percent(before, counted, limit):
                period = OwnersPeriod(self.owner(pk), kind, added.starts_on)
                self.moves.append(Move(period, Level(before, limit), Level(counted, limit)))


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
    todays = {brand.pk: brand.calendar.local_date(now) for brand in brands}
    periods = BrandPeriod.objects.filter(_not_over(todays), brand_id__in=list(todays))
    rows = periods.order_by().values_list(
        "pk", "kind", "starts_on", "spent_micros", "waived_micros", "budget_micros",
        "brand_id", "brand__daily_budget_micros", "brand__monthly_budget_micros",
    )  # fmt: skip
    moved = [
        (
            pk,
            Move(
                OwnersPeriod(Owner(brand_id), kind, day),
                Level(spent - waived, old),
                Level(spent - waived, new),
            ),
        )
        for pk, kind, day, spent, waived, old, brand_id, daily, monthly in rows
        if old != (new := daily if kind == DAY else monthly) and not _is_over(kind, day, todays[brand_id])
    ]
    owner = Brand.objects.filter(pk=OuterRef("brand_id"))
    for kind, column in ((DAY, "daily_budget_micros"), (MONTH, "monthly_budget_micros")):
        if ids := [pk for pk, move in moved if move.period.kind == kind]:
            BrandPeriod.objects.filter(pk__in=ids).update(budget_micros=Subquery(owner.values(column)))
    alerts.budgets_changed([move for _, move in moved], now)


def follow_campaign_budgets(brands: Sequence[Brand], campaign_ids: Iterable[int], now: datetime) -> None:
    """Gives the periods that are not over the present budgets of their campaigns, whose brands are locked."""
    todays = {brand.pk: brand.calendar.local_date(now) for brand in brands}
    periods = CampaignPeriod.objects.filter(
        _not_over(todays) | Q(kind=FLIGHT),
        campaign_id__in=list(campaign_ids),
        campaign__brand_id__in=list(todays),
    )
    rows = periods.order_by().values_list(
        "pk", "kind", "starts_on", "spent_micros", "waived_micros", "budget_micros",
        "campaign_id", "campaign__brand_id", "campaign__daily_budget_micros",
        "campaign__monthly_budget_micros", "campaign__total_budget_micros",
    )  # fmt: skip
    moved = [
        (
            pk,
            Move(
                OwnersPeriod(Owner(brand_id, campaign_id), kind, day),
                Level(spent - waived, old),
                Level(spent - waived, new),
            ),
        )
        for pk, kind, day, spent, waived, old, campaign_id, brand_id, daily, monthly, total in rows
        if old != (new := {DAY: daily, MONTH: monthly, FLIGHT: total}[PeriodKind(kind)])
        and not _is_over(kind, day, todays[brand_id])
    ]
    owner = Campaign.objects.filter(pk=OuterRef("campaign_id"))
    for kind, column in (
        (DAY, "daily_budget_micros"),
        (MONTH, "monthly_budget_micros"),
        (FLIGHT, "total_budget_micros"),
    ):
        if ids := [pk for pk, move in moved if move.period.kind == kind]:
            CampaignPeriod.objects.filter(pk__in=ids).update(budget_micros=Subquery(owner.values(column)))
    alerts.budgets_changed([move for _, move in moved], now)


def _not_over(todays: Mapping[int, date]) -> Q:
    """Days and months not over for the brand that is furthest behind."""
    today = min(todays.values(), default=date.max)
    return Q(kind=DAY, starts_on__gte=today) | Q(kind=MONTH, starts_on__gte=month_start(today))


def _is_over(kind: str, starts_on: date, today: date) -> bool:
    return kind != FLIGHT and starts_on < (today if kind == DAY else month_start(today))


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
    groups = enforcement.in_groups(_entered_a_new_day(now), enforcement.LOCKED_AT_ONCE)
    for opened, decided in under_locks(groups, partial(_roll_over, now, clock)):
        done.brands += opened
        done.campaigns.add(decided)
    return done


def _entered_a_new_day(now: datetime) -> dict[int, int]:
    """The brands whose local date is later than the day last opened, and how many campaigns each has."""
    # No zone's date is later than tomorrow's in UTC: who is there already cannot have entered a new day.
    tomorrow = now.astimezone(UTC).date() + timedelta(days=1)
    brands = list(Brand.objects.filter(Q(opened_on__isnull=True) | Q(opened_on__lt=tomorrow)).order_by("pk"))
    due = [
        brand.pk
        for brand in brands
        if brand.opened_on is None or brand.opened_on < brand.calendar.local_date(now)
    ]
    return enforcement.sizes_of(due)


def _roll_over(
    now: datetime, clock: Callable[[], datetime], locked: Sequence[Brand]
) -> tuple[int, enforcement.Decided]:
    follow_zone(locked, now)
    opened = _open_days(locked, now)
    _tell_closed([brand for brand in opened if brand.opened_on is not None], now)
    return len(opened), enforcement.decide_brands(opened, cause=Cause.ROLLOVER, now=clock())


def _tell_closed(brands: Sequence[Brand], now: datetime) -> None:
    """Emits period.closed for what this rollover closed of these brands."""
    if not brands or not is_wanted(EventType.PERIOD_CLOSED):
        return
    closed = BrandPeriod.objects.filter(brand__in=brands, closed_at=now).select_related("brand")
    events = [_closed_event(period) for period in closed.order_by("brand", "starts_on", "kind")]
    aside(partial(emit, events, now), "Telling endpoints of periods that are over")


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


def _open_days(brands: Sequence[Brand], now: datetime) -> list[Brand]:
    """Opens the days of these locked brands up to today and closes those before; returns those that had any to open."""
    opened: list[Brand] = []
    # Brands of one date that were last opened on one date: at a midnight nearly always all of them.
    for today, since, entered in _by_days_to_open(brands, now):
        days = [since + timedelta(days=number) for number in range((today - since).days + 1)]
        months = sorted({month_start(day) for day in days})
        BrandPeriod.objects.bulk_create(
            [
                BrandPeriod(brand=brand, kind=kind, starts_on=starts_on, budget_micros=budget)
                for brand in entered
                for kind, starts, budget in (
                    (DAY, days, brand.daily_budget_micros),
                    (MONTH, months, brand.monthly_budget_micros),
                )
                for starts_on in starts
            ],
            batch_size=ROWS_PER_STATEMENT,
            update_conflicts=True,
            unique_fields=["brand", "kind", "starts_on"],
            update_fields=["kind"],  # a row that is there already stays as it is
        )
        _close_before(today, [brand for brand in entered if brand.opened_on is None], since=None, now=now)
        _close_before(
            today, [brand for brand in entered if brand.opened_on is not None], since=since, now=now
        )
        Brand._base_manager.filter(pk__in=[brand.pk for brand in entered]).update(opened_on=today)
        opened += entered
    return sorted(opened, key=attrgetter("pk"))


def _by_days_to_open(brands: Sequence[Brand], now: datetime) -> list[tuple[date, date, list[Brand]]]:
    """Today, the first day to be opened, and the brands for which it is that; none that are there already."""
    groups: defaultdict[tuple[date, date], list[Brand]] = defaultdict(list)
    for brand in brands:
        today, last = brand.calendar.local_date(now), brand.opened_on
        if last is None or last < today:
            groups[today, today if last is None else last + timedelta(days=1)].append(brand)
    return [(today, since, entered) for (today, since), entered in groups.items()]


def _close_before(today: date, brands: Sequence[Brand], *, since: date | None, now: datetime) -> None:
    """Closes what was over before today; with `since`, rows of before that day's month are known to be closed."""
    if not brands:
        return
    over = Q(kind=DAY, starts_on__lt=today) | Q(kind=MONTH, starts_on__lt=month_start(today))
    if since is not None:
        # Rows made after their end were closed from the start, so what is open is not older than this.
        over &= Q(starts_on__gte=month_start(since - timedelta(days=1)))
    ids = [brand.pk for brand in brands]
    BrandPeriod.objects.filter(over, brand_id__in=ids, closed_at__isnull=True).update(closed_at=now)
    CampaignPeriod.objects.filter(over, campaign__brand_id__in=ids, closed_at__isnull=True).update(
        closed_at=now
    )

"""Reads what the rule needs to know, for any number of campaigns in a constant number of queries."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from functools import lru_cache
from typing import Any, NamedTuple

from django.db.models import Case, F, OuterRef, Q, QuerySet, Subquery, TextField, When
from django.db.models.functions import Cast, Coalesce
from django.db.models.lookups import IsNull

from ads.models import Brand, BrandPeriod, Campaign, CampaignPeriod, DaypartingSchedule, PeriodKind
from ads.rules.dayparting import Window
from ads.rules.periods import Calendar, month_start
from ads.rules.serving import BrandFacts, CampaignFacts
from ads.services.given import AsOneText, moment, rows_of

Counted = dict[date, int]
NOTHING: Mapping[date, int] = {}
EVERY_DAY = -1


class StoredDecision(NamedTuple):
    """A campaign as last decided: what a new decision is compared with."""

    campaign_id: int
    brand_id: int
    name: str
    status: str
    reason_codes: str
    next_transition_at: datetime | None
    is_new: bool  # never decided


def load_brand_facts(brands: Sequence[Brand], now: datetime) -> dict[int, BrandFacts]:
    """The facts of each brand, by its id, from rows read (and, where something is to be written, locked) just now."""
    calendars = {brand.pk: brand.calendar for brand in brands}
    counted: defaultdict[tuple[int, str], Counted] = defaultdict(dict)
    periods = BrandPeriod.objects.filter(
        _present_and_future(calendars, now), brand_id__in=list(calendars)
    ).order_by()
    for brand_id, kind, starts_on, micros in periods.values_list(
        "brand_id", "kind", "starts_on", F("spent_micros") - F("waived_micros")
    ):
        counted[brand_id, kind][starts_on] = micros
    return {
        brand.pk: BrandFacts(
            is_active=brand.is_active and brand.archived_at is None,
            calendar=calendars[brand.pk],
            daily_budget_micros=brand.daily_budget_micros,
            monthly_budget_micros=brand.monthly_budget_micros,
            days=counted.get((brand.pk, PeriodKind.DAY), NOTHING),
            months=counted.get((brand.pk, PeriodKind.MONTH), NOTHING),
        )
        for brand in brands
    }


def load_campaign_facts(
    campaigns: QuerySet[Campaign], brands: Mapping[int, BrandFacts], now: datetime
) -> Iterator[tuple[StoredDecision, CampaignFacts]]:
    """The facts of each of these campaigns of these brands, beside what was last decided; all of one moment."""
    for (
        campaign_id, brand_id, name, status, reason_codes, next_at, is_new,
        enabled, is_archived, start_date, end_date, daily, monthly, total,
        days, months, total_micros, windows,
    ) in rows_of(campaigns.order_by().values_list(
        "pk", "brand_id", "name", "status", "reason_codes", Cast("next_transition_at", TextField()),
        IsNull(F("status_since"), True), "enabled", IsNull(F("archived_at"), False), "start_date", "end_date",
        "daily_budget_micros", "monthly_budget_micros", "total_budget_micros",
        *_counted(brands, now), Subquery(_WINDOWS),
    )):  # fmt: skip
        brand = brands[brand_id]
        campaign_windows, zone = _windows(windows) if windows else ((), "")
        yield (
            StoredDecision(
                campaign_id, brand_id, name, status, reason_codes, next_at and moment(next_at), is_new
            ),
            CampaignFacts(
                brand,
                enabled and not is_archived,
                start_date,
                end_date,
                daily,
                monthly,
                total,
                _by_day(days) if days else NOTHING,
                _by_day(months) if months else NOTHING,
                total_micros or 0,
                campaign_windows,
                Calendar.fixed(zone) if zone else brand.calendar,
            ),
        )


def _counted(brands: Mapping[int, BrandFacts], now: datetime) -> Iterator[Case]:
    """What counts against the campaigns' own budgets, where they have any: by day, by month, and of the flight.

    Each is looked up in its index; a join read all periods that there are, for any number of campaigns.
    """
    today = min(
        (calendar.local_date(now) for calendar in {brand.calendar for brand in brands.values()}),
        default=date.max,
    )
    of_campaign = CampaignPeriod.objects.filter(campaign=OuterRef("pk")).order_by()
    counted = F("spent_micros") - F("waived_micros")
    for kind, since, budget in (
        (PeriodKind.DAY, today, "daily_budget_micros"),
        (PeriodKind.MONTH, month_start(today), "monthly_budget_micros"),
    ):
        periods = of_campaign.filter(kind=kind, starts_on__gte=since)
        yield _where_given(budget, periods.values(dated=AsOneText("starts_on", counted)))
    yield _where_given(
        "total_budget_micros", of_campaign.filter(kind=PeriodKind.FLIGHT).values(counted=counted)
    )


def _where_given(budget: str, found: QuerySet[Any, Any]) -> Case:
    return Case(When(**{f"{budget}__isnull": False}, then=Subquery(found)))


_WINDOWS = (
    DaypartingSchedule.objects.filter(campaign=OuterRef("pk"))
    .order_by()
    .values(windows=AsOneText(Coalesce("day_of_week", EVERY_DAY), "start_time", "end_time", "timezone"))
)


def _by_day(text: str) -> Counted:
    """What counts, by the first day of the period, from `AsOneText`."""
    return {_date(day): int(micros) for day, _, micros in [row.partition(" ") for row in text.split(",")]}


@lru_cache(maxsize=8192)
def _windows(text: str) -> tuple[tuple[Window, ...], str]:
    """A campaign's windows, with the zone they name ('' for the brand's), from `AsOneText`."""
    windows = []
    for row in text.split(","):
        day, start, end, zone = row.split(" ")
        windows.append(
            Window(
                None if int(day) == EVERY_DAY else int(day),
                time.fromisoformat(start),
                time.fromisoformat(end),
            )
        )
    return tuple(sorted(windows)), zone


@lru_cache(maxsize=4096)
def _date(text: str) -> date:
    return date.fromisoformat(text)


def _present_and_future(calendars: Mapping[int, Calendar], now: datetime) -> Q:
    """Periods not yet over for the brand that is furthest behind; the rule ignores what is past for the others."""
    today = _earliest_today(set(calendars.values()), now)
    return Q(kind=PeriodKind.DAY, starts_on__gte=today) | Q(
        kind=PeriodKind.MONTH, starts_on__gte=month_start(today)
    )


def _earliest_today(calendars: Collection[Calendar], now: datetime) -> date:
    return min((calendar.local_date(now) for calendar in calendars), default=date.max)

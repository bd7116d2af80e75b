"""Reads what the rule needs to know, for any number of campaigns in a constant number of queries."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple

from django.db.models import F, Q, QuerySet
from django.db.models.lookups import IsNull

from ads.models import Brand, BrandPeriod, Campaign, CampaignPeriod, DaypartingSchedule, PeriodKind
from ads.rules.dayparting import Window
from ads.rules.periods import Calendar, month_start
from ads.rules.serving import BrandFacts, CampaignFacts

Counted = dict[date, int]
NOTHING: Mapping[date, int] = {}
# Comparing texts with members of an enumeration takes ten times as long.
_DAY, _FLIGHT = PeriodKind.DAY.value, PeriodKind.FLIGHT.value


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
    """The facts of each of these campaigns of these brands, beside what was last decided."""
    days, months, totals = _load_counted(campaigns, brands, now)
    windows = _load_windows(campaigns)
    for (
        campaign_id, brand_id, name, status, reason_codes, next_transition_at, is_new,
        enabled, archived_at, start_date, end_date, daily, monthly, total,
    ) in campaigns.order_by().values_list(
        "pk", "brand_id", "name", "status", "reason_codes", "next_transition_at", IsNull(F("status_since"), True),
        "enabled", "archived_at", "start_date", "end_date",
        "daily_budget_micros", "monthly_budget_micros", "total_budget_micros",
    ):  # fmt: skip
        brand = brands[brand_id]
        campaign_windows, zone = windows.get(campaign_id, ((), ""))
        yield (
            StoredDecision(campaign_id, brand_id, name, status, reason_codes, next_transition_at, is_new),
            CampaignFacts(
                brand=brand,
                enabled=enabled and archived_at is None,
                start_date=start_date,
                end_date=end_date,
                daily_budget_micros=daily,
                monthly_budget_micros=monthly,
                total_budget_micros=total,
                days=days.get(campaign_id, NOTHING),
                months=months.get(campaign_id, NOTHING),
                total_micros=totals.get(campaign_id, 0),
                windows=campaign_windows,
                window_calendar=Calendar.fixed(zone) if zone else brand.calendar,
            ),
        )


def _load_counted(
    campaigns: QuerySet[Campaign], brands: Mapping[int, BrandFacts], now: datetime
) -> tuple[Mapping[int, Counted], Mapping[int, Counted], Mapping[int, int]]:
    """What counts against the campaigns' own budgets, where they have any: by day, by month, and of the flight."""
    days: defaultdict[int, Counted] = defaultdict(dict)
    months: defaultdict[int, Counted] = defaultdict(dict)
    totals: dict[int, int] = {}
    limited = (
        Q(kind=PeriodKind.DAY, campaign__daily_budget_micros__isnull=False)
        | Q(kind=PeriodKind.MONTH, campaign__monthly_budget_micros__isnull=False)
        | Q(kind=PeriodKind.FLIGHT, campaign__total_budget_micros__isnull=False)
    )
    calendars = {brand_id: brand.calendar for brand_id, brand in brands.items()}
    periods = CampaignPeriod.objects.filter(
        limited,
        _present_and_future(calendars, now) | Q(kind=PeriodKind.FLIGHT),
        campaign__in=campaigns.order_by().values("pk"),
    ).order_by()
    for campaign_id, kind, starts_on, micros in periods.values_list(
        "campaign_id", "kind", "starts_on", F("spent_micros") - F("waived_micros")
    ):
        if kind == _FLIGHT:
            totals[campaign_id] = micros
        else:
            (days if kind == _DAY else months)[campaign_id][starts_on] = micros
    return days, months, totals


def _load_windows(campaigns: QuerySet[Campaign]) -> dict[int, tuple[tuple[Window, ...], str]]:
    """Each campaign's windows, with the zone they name ('' for the brand's)."""
    windows: defaultdict[int, list[Window]] = defaultdict(list)
    zones: dict[int, str] = {}
    rows = DaypartingSchedule.objects.filter(campaign__in=campaigns.order_by().values("pk")).order_by()
    for campaign_id, day, start, end, zone in rows.values_list(
        "campaign_id", "day_of_week", "start_time", "end_time", "timezone"
    ):
        windows[campaign_id].append(Window(day, start, end))
        zones[campaign_id] = zone
    return {campaign_id: (tuple(sorted(found)), zones[campaign_id]) for campaign_id, found in windows.items()}


def _present_and_future(calendars: Mapping[int, Calendar], now: datetime) -> Q:
    """Periods not yet over for the brand that is furthest behind; the rule ignores what is past for the others."""
    today = min((calendar.local_date(now) for calendar in set(calendars.values())), default=date.max)
    return Q(kind=PeriodKind.DAY, starts_on__gte=today) | Q(
        kind=PeriodKind.MONTH, starts_on__gte=month_start(today)
    )

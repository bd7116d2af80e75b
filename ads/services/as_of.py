"""What is known of one campaign: now, or at a past moment, from the history of settings and the ledger."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import takewhile
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Q, QuerySet, Sum

from ads.errors import BudgetSystemError
from ads.models import (
    FLIGHT_STARTS_ON,
    Brand,
    BrandPeriod,
    Campaign,
    CampaignPeriod,
    DaypartingSchedule,
    PeriodKind,
    SealedDay,
    SpendLog,
    Waiver,
)
from ads.rules.dayparting import Window
from ads.rules.periods import Calendar, ZoneSpan, month_start, zone_change_day
from ads.rules.serving import BrandFacts, CampaignFacts
from ads.services import sealed
from ads.services.facts import load_brand_facts, load_campaign_facts

DAY, MONTH, FLIGHT = PeriodKind.DAY, PeriodKind.MONTH, PeriodKind.FLIGHT

# Micros spent and waived by the period's kind and first day.
Totals = Mapping[tuple[str, date], tuple[int, int]]
# A row of a history of settings: the library's model, with the fields of the settings it is of.
Row = Any


class NotKnownThen(BudgetSystemError, LookupError):
    """The campaign was not there at the moment asked for."""


@dataclass(frozen=True, slots=True)
class Switch:
    """What people had asked for: on, or off since when and by whom ('' where the history names nobody)."""

    is_on: bool
    off_since: datetime | None = None
    by: str = ""
    archived_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """The facts at a moment, with what they were made from and a reader wants to see."""

    facts: CampaignFacts
    brand_totals: Totals
    campaign_totals: Totals
    brand_switch: Switch
    campaign_switch: Switch


def known_now(campaign: Campaign, now: datetime) -> Known:
    """What is known at this moment of a campaign read just now with its brand. A constant number of queries."""
    brand = campaign.brand
    brand_facts = load_brand_facts([brand], now)
    ((_, facts),) = load_campaign_facts(Campaign.objects.filter(pk=campaign.pk), brand_facts, now)
    since = month_start(facts.brand.calendar.local_date(now))
    brand_totals = _stored(BrandPeriod.objects.filter(brand=brand), since)
    campaign_totals = _stored(CampaignPeriod.objects.filter(campaign=campaign), since)
    return Known(
        # Decided from the very totals that are shown: between two readings somebody may have spent.
        facts=_with_totals(facts, brand_totals, campaign_totals),
        brand_totals=brand_totals,
        campaign_totals=campaign_totals,
        brand_switch=_switch(_history(Brand, campaign.brand_id, now), _brand_is_on),
        campaign_switch=_switch(_history(Campaign, campaign.pk, now), _campaign_is_on),
    )


def known_then(campaign: Campaign, at: datetime) -> Known:
    """What was known at a past moment: settings as they were, spend recorded and waived by then, zones known then.

    The campaign was read just now with its brand. Raises NotKnownThen where it was not there, or
    where that spend is archived. A constant number of queries.
    """
    brand = campaign.brand
    brand_rows = _history(Brand, brand.pk, at)
    campaign_rows = _history(Campaign, campaign.pk, at)
    if not brand_rows or not campaign_rows:
        raise NotKnownThen(f"{campaign} was not there yet at that moment")
    calendar = _calendar_then(brand.calendar, brand_rows, at)
    since = month_start(calendar.local_date(at))
    logs = SpendLog.objects.filter(recorded_at__lte=at)
    waivers = Waiver.objects.filter(brand=brand, at__lte=at)
    of_brand = _archived(SealedDay.objects.filter(brand=brand, spent_on__gte=since), at)
    of_campaign = _archived(SealedDay.objects.filter(campaign=campaign), at)
    brand_totals = _summed(
        logs.filter(brand=brand, spent_on__gte=since), of_brand, waivers.filter(campaign__isnull=True)
    )
    campaign_totals = _summed(logs.filter(campaign=campaign), of_campaign, waivers.filter(campaign=campaign))
    brand_switch = _switch(brand_rows, _brand_is_on)
    campaign_switch = _switch(campaign_rows, _campaign_is_on)
    facts = _facts_then(brand_rows[0], campaign_rows[0], calendar, brand_switch, campaign_switch)
    facts = _with_windows(facts, campaign, at)
    return Known(
        facts=_with_totals(facts, brand_totals, campaign_totals),
        brand_totals=brand_totals,
        campaign_totals=campaign_totals,
        brand_switch=brand_switch,
        campaign_switch=campaign_switch,
    )


def _history(model: type[Brand] | type[Campaign], pk: int, until: datetime) -> Sequence[Row]:
    """The settings of one brand or campaign as they were written, newest first."""
    rows = model.history.filter(id=pk, history_date__lte=until).select_related("history_user")
    return list(rows.order_by("-history_date", "-history_id"))


def _brand_is_on(row: Row) -> bool:
    return bool(row.is_active) and row.archived_at is None


def _campaign_is_on(row: Row) -> bool:
    return bool(row.enabled) and row.archived_at is None


def _switch(rows: Iterable[Row], is_on: Callable[[Row], bool]) -> Switch:
    off = list(takewhile(lambda row: not is_on(row), rows))
    if not off:
        return Switch(is_on=True)
    first = off[-1]
    by = "" if first.history_user is None else first.history_user.get_username()
    return Switch(is_on=False, off_since=first.history_date, by=by, archived_at=off[0].archived_at)


def _calendar_then(calendar: Calendar, rows: Sequence[Row], at: datetime) -> Calendar:
    """The zones that had ruled by then, and the one that was to come if a change was pending."""

    def ruling(moment: datetime) -> tuple[ZoneSpan, ...]:
        today = calendar.local_date(moment)
        return tuple(span for span in calendar.spans if span.first_day <= today)

    spans, named = ruling(at), ZoneInfo(rows[0].timezone or settings.TIME_ZONE)
    if spans[-1].zone == named:
        return Calendar(spans)
    *_, changed = takewhile(lambda row: row.timezone == rows[0].timezone, rows)
    first_day = zone_change_day(Calendar(ruling(changed.history_date)), named, changed.history_date)
    if first_day <= calendar.local_date(at):
        return Calendar(spans)
    return Calendar((*spans, ZoneSpan(first_day, named)))


def _facts_then(
    brand: Row, campaign: Row, calendar: Calendar, brand_switch: Switch, campaign_switch: Switch
) -> CampaignFacts:
    return CampaignFacts(
        brand=BrandFacts(
            is_active=brand_switch.is_on,
            calendar=calendar,
            daily_budget_micros=brand.daily_budget_micros,
            monthly_budget_micros=brand.monthly_budget_micros,
            days={},
            months={},
        ),
        enabled=campaign_switch.is_on,
        start_date=campaign.start_date,
        end_date=campaign.end_date,
        daily_budget_micros=campaign.daily_budget_micros,
        monthly_budget_micros=campaign.monthly_budget_micros,
        total_budget_micros=campaign.total_budget_micros,
        days={},
        months={},
        total_micros=0,
        windows=(),
        window_calendar=calendar,
    )


def _with_windows(facts: CampaignFacts, campaign: Campaign, at: datetime) -> CampaignFacts:
    history = DaypartingSchedule.history
    rows = history.filter(id__in=history.filter(campaign_id=campaign.pk).values("id"), history_date__lte=at)
    latest = {row.id: row for row in rows.order_by("history_date", "history_id")}
    schedules = [row for row in latest.values() if row.history_type != "-" and row.campaign_id == campaign.pk]
    windows = (Window(row.day_of_week, row.start_time, row.end_time) for row in schedules)
    zone = schedules[0].timezone if schedules else ""
    return facts._replace(
        windows=tuple(sorted(windows)),
        window_calendar=Calendar.fixed(zone) if zone else facts.window_calendar,
    )


def _with_totals(facts: CampaignFacts, brand_totals: Totals, campaign_totals: Totals) -> CampaignFacts:
    return facts._replace(
        brand=replace(facts.brand, days=_counted(brand_totals, DAY), months=_counted(brand_totals, MONTH)),
        days=_counted(campaign_totals, DAY),
        months=_counted(campaign_totals, MONTH),
        total_micros=sum(_counted(campaign_totals, FLIGHT).values()),
    )


def _counted(totals: Totals, kind: PeriodKind) -> dict[date, int]:
    return {
        starts_on: spent - waived
        for (of_kind, starts_on), (spent, waived) in totals.items()
        if of_kind == kind
    }


def _stored(periods: QuerySet[BrandPeriod] | QuerySet[CampaignPeriod], since: date) -> Totals:
    rows = periods.filter(Q(starts_on__gte=since) | Q(kind=FLIGHT)).order_by()
    return {
        (kind, starts_on): (spent, waived)
        for kind, starts_on, spent, waived in rows.values_list(
            "kind", "starts_on", "spent_micros", "waived_micros"
        )
    }


def _archived(days: QuerySet[SealedDay], at: datetime) -> dict[date, int]:
    """What rows that have left the ledger had added by then. Raises NotKnownThen where only the rows would tell."""
    sums = sealed.sums_at(days, at)
    if sums.unclear:
        raise NotKnownThen(f"What was spent by that moment is archived{sealed.where(sums.unclear)}")
    return sums.micros


def _summed(logs: QuerySet[SpendLog], archived: Mapping[date, int], waivers: QuerySet[Waiver]) -> Totals:
    spent: defaultdict[tuple[str, date], int] = defaultdict(int)
    days = logs.order_by().values_list("spent_on").annotate(total=Sum("amount_micros"))
    for day, total in [*days, *archived.items()]:
        for key in ((DAY, day), (MONTH, month_start(day)), (FLIGHT, FLIGHT_STARTS_ON)):
            spent[key] += int(total)
    rows = waivers.order_by().values_list("kind", "starts_on").annotate(total=Sum("amount_micros"))
    waived = {(kind, starts_on): int(total) for kind, starts_on, total in rows}
    return {key: (spent.get(key, 0), waived.get(key, 0)) for key in spent.keys() | waived.keys()}

"""Reads what pace and projection need to know of brands, or of one campaign, in a constant number of queries."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Case, Exists, F, OuterRef, Q, Subquery, When

from ads.models import Brand, BrandPeriod, Campaign, CampaignPeriod, DaypartingSchedule, PeriodKind
from ads.rules.dayparting import Window
from ads.rules.pacing import ALWAYS, DAYS_KEPT, Opening, PacingFacts, Run, opening
from ads.rules.periods import ONE_DAY, Calendar, month_start, next_month
from ads.rules.serving import CampaignFacts, Reason
from ads.services.given import ByKey, OneOf
from ads.services.standings import BrandStanding

_NEVER = opening([])
_MINUTE = timedelta(minutes=1)
_DAY_LIMITS = frozenset({Reason.BRAND_DAILY, Reason.CAMPAIGN_DAILY})
_MONTH_LIMITS = frozenset({Reason.BRAND_MONTHLY, Reason.CAMPAIGN_MONTHLY})


def load_pacing(
    brands: Sequence[Brand], standings: Mapping[int, BrandStanding], now: datetime
) -> dict[int, PacingFacts]:
    """What is known of each of these brands, by its id. Four queries."""
    days = _spent_by_day(standings)
    openings = _openings(brands, standings, now)
    return {
        pk: _facts(brand, standings[pk], days[pk], openings.get(pk, _NEVER), now)
        for pk, brand in ((brand.pk, brand) for brand in brands)
    }


def load_campaign_pacing(
    campaign: Campaign, known: CampaignFacts, reasons: Collection[Reason], now: datetime
) -> PacingFacts:
    """What is known of one campaign, with the reasons that stand against it now. One query."""
    calendar = known.brand.calendar
    wall, today = calendar.wall_clock(now), calendar.local_date(now)
    first = today - DAYS_KEPT * ONE_DAY
    rows = CampaignPeriod.objects.filter(
        campaign=campaign, kind=PeriodKind.DAY, starts_on__range=(first, today)
    ).order_by()
    spent = dict(rows.values_list("starts_on", "spent_micros"))
    *days, of_today = (spent.get(first + number * ONE_DAY, 0) for number in range(DAYS_KEPT + 1))
    ahead = known.window_calendar.wall_clock(now).replace(tzinfo=None) - wall.replace(tzinfo=None)
    return PacingFacts(
        today=today,
        minute=wall.hour * 60 + wall.minute,
        days=tuple(days),
        today_micros=of_today,
        month_micros=known.months.get(month_start(today), 0),
        opening=opening([Run(known.start_date, known.end_date, known.windows, ahead // _MINUTE)]),
        resumes_on=_resumes_on(today, reasons),
    )


def _resumes_on(today: date, reasons: Collection[Reason]) -> date:
    """The first day on which no limit that is reached now stops it any more."""
    if Reason.CAMPAIGN_TOTAL in reasons:
        return date.max
    if not _MONTH_LIMITS.isdisjoint(reasons):
        return next_month(month_start(today))
    return today if _DAY_LIMITS.isdisjoint(reasons) else today + ONE_DAY


def _facts(
    brand: Brand, standing: BrandStanding, days: Sequence[int], opening: Opening, now: datetime
) -> PacingFacts:
    wall, today = standing.calendar.wall_clock(now), standing.today
    resumes_on = today
    if standing.month.is_reached or not brand.is_active:
        resumes_on = next_month(month_start(today))
    elif standing.day.is_reached:
        resumes_on = today + ONE_DAY
    return PacingFacts(
        today=today,
        minute=wall.hour * 60 + wall.minute,
        days=tuple(days[:-1]),
        today_micros=days[-1],
        month_micros=standing.month.counted,
        opening=opening,
        resumes_on=resumes_on,
    )


def _spent_by_day(standings: Mapping[int, BrandStanding]) -> dict[int, list[int]]:
    """What each brand spent on each of the days that are kept and, last, today."""
    spent = {pk: [0] * (DAYS_KEPT + 1) for pk in standings}
    if not spent:
        return spent
    todays = {standing.today for standing in standings.values()}
    days_of = {
        today: [(today - ago * ONE_DAY).isoformat() for ago in range(DAYS_KEPT, -1, -1)] for today in todays
    }
    rows = BrandPeriod.objects.filter(
        OneOf("brand_id", spent),
        kind=PeriodKind.DAY,
        starts_on__range=(min(todays) - DAYS_KEPT * ONE_DAY, max(todays)),
    ).order_by()
    for pk, by_day in rows.values_list("brand_id").annotate(days=ByKey("starts_on", "spent_micros")):
        spent[pk] = [by_day.get(day, 0) for day in days_of[standings[pk].today]]
    return spent


def _openings(
    brands: Sequence[Brand], standings: Mapping[int, BrandStanding], now: datetime
) -> dict[int, Opening]:
    """When at least one campaign of each brand may run; brands without any are left out."""
    if not brands:
        return {}
    flights = _Flights.around([standing.today for standing in standings.values()])
    windows = DaypartingSchedule.objects.filter(campaign=OuterRef("pk"))
    campaigns = flights.of(
        Campaign.objects.filter(enabled=True, archived_at__isnull=True).annotate(has_windows=Exists(windows)),
        prefix="",
    )
    one_always_open = campaigns.filter(
        brand=OuterRef("pk"), first_day__isnull=True, last_day__isnull=True, has_windows=False
    ).order_by()
    # The first such campaign of each brand, not all: there is nearly always one among the first few.
    always = {
        pk
        for pk, campaign in Brand.objects.filter(OneOf("pk", standings))
        .order_by()
        .values_list("pk", Subquery(one_always_open.values("pk")[:1]))
        if campaign is not None
    }
    others = standings.keys() - always
    runs: defaultdict[int, list[Run]] = defaultdict(list)
    without_windows = campaigns.filter(OneOf("brand_id", others), has_windows=False).order_by()
    for pk, first_day, last_day in without_windows.values_list(
        "brand_id", "first_day", "last_day"
    ).distinct():
        runs[pk].append(Run(first_day, last_day))
    for pk, run in _runs_in_windows(flights, others, standings, now):
        runs[pk].append(run)
    return {pk: opening(found) for pk, found in runs.items()} | dict.fromkeys(always, ALWAYS)


@dataclass(frozen=True, slots=True)
class _Flights:
    """Flights as far as they matter: what begins before or ends after these days is as if it were open there."""

    first: date
    last: date

    @classmethod
    def around(cls, todays: Collection[date]) -> "_Flights":
        """The days that are looked back on, and the rest of the month."""
        return cls(min(todays) - DAYS_KEPT * ONE_DAY, next_month(month_start(max(todays))) - ONE_DAY)

    def of(self, rows: Any, prefix: str) -> Any:
        """Rows of campaigns that may run on one of these days, with `first_day` and `last_day`."""
        start, end = f"{prefix}start_date", f"{prefix}end_date"
        return rows.filter(
            Q(**{f"{start}__isnull": True}) | Q(**{f"{start}__lte": self.last}),
            Q(**{f"{end}__isnull": True}) | Q(**{f"{end}__gte": self.first}),
        ).annotate(
            first_day=Case(When(**{f"{start}__gt": self.first, "then": F(start)})),
            last_day=Case(When(**{f"{end}__lt": self.last, "then": F(end)})),
        )


def _runs_in_windows(
    flights: _Flights, brand_ids: Collection[int], standings: Mapping[int, BrandStanding], now: datetime
) -> list[tuple[int, Run]]:
    rows = flights.of(
        DaypartingSchedule.objects.filter(
            OneOf("campaign__brand_id", brand_ids), campaign__enabled=True, campaign__archived_at__isnull=True
        ),
        prefix="campaign__",
    )
    found: defaultdict[tuple[int, date | None, date | None, str], list[Window]] = defaultdict(list)
    made: dict[tuple[int | None, time, time], Window] = {}  # the same few again and again
    for pk, first_day, last_day, zone, day, start, end in (
        rows.order_by()
        .values_list(
            "campaign__brand_id", "first_day", "last_day", "timezone", "day_of_week", "start_time", "end_time"
        )
        .distinct()
    ):
        if (day, start, end) not in made:
            made[day, start, end] = Window(day, start, end)
        found[pk, first_day, last_day, zone].append(made[day, start, end])
    order = {window: number for number, window in enumerate(sorted(made.values()))}
    return [
        (
            pk,
            Run(
                first_day,
                last_day,
                tuple(sorted(windows, key=order.__getitem__)),
                _minutes_ahead(zone, standings[pk].calendar, now),
            ),
        )
        for (pk, first_day, last_day, zone), windows in found.items()
    ]


def _minutes_ahead(zone: str, calendar: Calendar, now: datetime) -> int:
    """By how many minutes the clock of the windows is ahead of the brand's."""
    if not zone:
        return 0
    theirs, ours = now.astimezone(ZoneInfo(zone)), calendar.wall_clock(now)
    return (theirs.replace(tzinfo=None) - ours.replace(tzinfo=None)) // _MINUTE

"""Reads what pace and projection need to know of brands, in a constant number of queries."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef

from ads.models import Brand, BrandPeriod, Campaign, DaypartingSchedule, PeriodKind
from ads.rules.dayparting import Window
from ads.rules.pacing import DAYS_KEPT, Opening, PacingFacts, Run, opening
from ads.rules.periods import ONE_DAY, Calendar, month_start, next_month
from ads.services.standings import BrandStanding

_ALWAYS = opening([Run()])
_NEVER = opening([])
_MINUTE = timedelta(minutes=1)


def load_pacing(
    brands: Sequence[Brand], standings: Mapping[int, BrandStanding], now: datetime
) -> dict[int, PacingFacts]:
    """What is known of each of these brands, by its id. Three queries."""
    days = _spent_by_day(standings)
    openings = _openings(brands, standings, now)
    return {
        brand.pk: _facts(brand, standings[brand.pk], days[brand.pk], openings.get(brand.pk, _NEVER), now)
        for brand in brands
    }


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
    last = {pk: standing.today.toordinal() for pk, standing in standings.items()}
    spent = {pk: [0] * (DAYS_KEPT + 1) for pk in last}
    if not spent:
        return spent
    todays = [standing.today for standing in standings.values()]
    rows = BrandPeriod.objects.filter(
        brand_id__in=list(spent),
        kind=PeriodKind.DAY,
        starts_on__range=(min(todays) - DAYS_KEPT * ONE_DAY, max(todays)),
    ).order_by()
    for pk, day, micros in rows.values_list("brand_id", "starts_on", "spent_micros").iterator():
        ago = last[pk] - day.toordinal()
        if 0 <= ago <= DAYS_KEPT:
            spent[pk][DAYS_KEPT - ago] = micros
    return spent


def _openings(
    brands: Sequence[Brand], standings: Mapping[int, BrandStanding], now: datetime
) -> dict[int, Opening]:
    """When at least one campaign of each brand may run; brands without any are left out."""
    windows = DaypartingSchedule.objects.filter(campaign=OuterRef("pk"))
    flights = Campaign.objects.filter(
        brand_id__in=[brand.pk for brand in brands], enabled=True, archived_at__isnull=True
    )
    runs: defaultdict[int, list[Run]] = defaultdict(list)
    with_windows = set()
    always = set()
    for pk, first_day, last_day, has_windows in (
        flights.order_by()
        .annotate(has_windows=Exists(windows))
        .values_list("brand_id", "start_date", "end_date", "has_windows")
        .distinct()
    ):
        if has_windows:
            with_windows.add(pk)
        elif first_day is None and last_day is None:
            always.add(pk)
        else:
            runs[pk].append(Run(first_day, last_day))
    for pk, run in _runs_in_windows(with_windows - always, standings, now):
        runs[pk].append(run)
    return {pk: opening(found) for pk, found in runs.items() if pk not in always} | dict.fromkeys(
        always, _ALWAYS
    )


def _runs_in_windows(
    brand_ids: Collection[int], standings: Mapping[int, BrandStanding], now: datetime
) -> list[tuple[int, Run]]:
    rows = DaypartingSchedule.objects.filter(
        campaign__brand_id__in=brand_ids, campaign__enabled=True, campaign__archived_at__isnull=True
    ).order_by()
    found: defaultdict[tuple[int, date | None, date | None, str], list[Window]] = defaultdict(list)
    runs = []
    for pk, first_day, last_day, zone, day, start, end in rows.values_list(
        "campaign__brand_id", "campaign__start_date", "campaign__end_date",
        "timezone", "day_of_week", "start_time", "end_time",
    ).distinct():  # fmt: skip
        found[pk, first_day, last_day, zone].append(Window(day, start, end))
    for (pk, first_day, last_day, zone), windows in found.items():
        ahead = _minutes_ahead(zone, standings[pk].calendar, now)
        runs.append((pk, Run(first_day, last_day, tuple(sorted(windows)), ahead)))
    return runs


def _minutes_ahead(zone: str, calendar: Calendar, now: datetime) -> int:
    """By how many minutes the clock of the windows is ahead of the brand's."""
    if not zone:
        return 0
    theirs, ours = now.astimezone(ZoneInfo(zone)), calendar.wall_clock(now)
    return (theirs.replace(tzinfo=None) - ours.replace(tzinfo=None)) // _MINUTE

"""A brand's page: what there is to know first, its money by hour, day and month, its campaigns, and its history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import cache_control
from django.views.decorators.http import condition

from ads import formats
from ads.admin.history import describe_brand
from ads.admin.warnings import more_than_the_brand
from ads.currencies import minor_units
from ads.dashboard import brand_words, charts, wording
from ads.dashboard.alerts import newest
from ads.dashboard.brand_history import settings_lines
from ads.dashboard.campaign_words import since_words
from ads.models import Alert, Brand, PlatformState, StatusChange
from ads.rights import Right, may, right_to_change
from ads.rules import pacing
from ads.rules.periods import ONE_DAY, Calendar, month_start, next_month
from ads.rules.serving import Status
from ads.services import platform_words
from ads.services.brand_campaigns import CampaignRow, load_campaigns
from ads.services.day_series import Day, spend_per_day
from ads.services.hours import Hours, spend_per_hour
from ads.services.latest import status_news
from ads.services.overview import BrandRow, load_rows
from ads.services.page_version import page_version
from ads.services.platform_differences import states_of

CAMPAIGNS_AT_ONCE = 50
CHANGES_SHOWN = 12
CHANGES_READ = 60  # so far back the last change of a budget is looked for
LONG_DAYS = 90
_HOUR = timedelta(hours=1)
_STATUSES = {
    "running": Status.ACTIVE,
    "paused": Status.PAUSED,
    "off": Status.INACTIVE,
    "completed": Status.COMPLETED,
}


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter of the campaigns with the number that it takes."""

    word: str
    number: int
    url: str
    is_current: bool


def brand(request: HttpRequest, pk: int) -> HttpResponse:
    """One brand that the signed-in person has a right to."""
    return render_page(request, own_brand(request, pk), timezone.now())


def _version(request: HttpRequest, pk: int) -> str:
    asked = f"{pk}-{_status(request)}-{_shown(request)}-{_is_long(request)}"
    return f'"{page_version(request.user, timezone.now())}-{asked}"'


@cache_control(private=True, no_cache=True)
@condition(etag_func=_version)
def live(request: HttpRequest, pk: int) -> HttpResponse:
    """What of the page updates itself; 304 while nothing has changed."""
    context = _page(request, own_brand(request, pk), timezone.now())
    return render(request, "dashboard/brand/content.html", context)


def own_brand(request: HttpRequest, pk: int) -> Brand:
    """The brand, where the signed-in person has a right to it; else what is not there."""
    return get_object_or_404(Brand.objects.visible_to(request.user), pk=pk)


def render_page(request: HttpRequest, brand: Brand, now: datetime, **more: Any) -> HttpResponse:
    """The whole page; `more` is what is opened on it, such as a budget being edited."""
    return render(request, "dashboard/brand.html", _page(request, brand, now) | more)


def _page(request: HttpRequest, brand: Brand, now: datetime) -> dict[str, Any]:
    (row,) = load_rows(Brand.objects.filter(pk=brand.pk), request.user, now)
    calendar, today = row.calendar, row.standing.today
    settings_changes = describe_brand(brand, CHANGES_READ)
    headline = brand_words.headline(brand, row, now)
    return {
        "title": f"{brand.name}: {headline.head.removesuffix('.')}",
        "brand": brand,
        "row": row,
        "now": now,
        "calendar": calendar,
        "zone": str(calendar.zone_at(now)),
        "now_words": f"{calendar.wall_clock(now):%a} {today.day} {today:%b}, {formats.clock(now, calendar)}",
        "zone_to_come": _zone_to_come(calendar, now),
        "may_set_zone": may(request.user, right_to_change("timezone")) and brand.archived_at is None,
        "checked_at": f"{calendar.wall_clock(now):%H:%M:%S}",
        "headline": headline,
        "tally": brand_words.tally(row),
        "may_edit": may(request.user, Right.EDIT_BUDGETS) and brand.archived_at is None,
        "may_switch": may(request.user, Right.SWITCH) and brand.archived_at is None,
        "may_reset": may(request.user, Right.RESET_BUDGETS) and brand.archived_at is None,
        "budget_change": next(
            (
                entry
                for entry in settings_changes
                if entry.campaign_id is None and any("budget" in each.label for each in entry.changes)
            ),
            None,
        ),
        "notes": list(more_than_the_brand(brand)),
        "settings_changes": settings_lines(request, brand, settings_changes[:CHANGES_SHOWN]),
        "status_changes": _status_changes(brand),
        "newest_alerts": newest(Alert.objects.filter(brand=brand), now),
        "alerts_query": f"?brand={brand.pk}",
        **_today(brand, row, now),
        **_month(brand, row),
        **_days(request, brand, row),
        **_campaigns(request, brand, row, now),
    }


def _zone_to_come(calendar: Calendar, now: datetime) -> str:
    """ "America/New_York from Wed 11 Mar 2026 on", where a change of zone is still to come."""
    span = calendar.spans[-1]
    if span.zone == calendar.zone_at(now):
        return ""
    return f"{span.zone} from {formats.day(span.first_day)} on"


def _status_changes(brand: Brand) -> Sequence[wording.Line]:
    # By the index of the brand's own numbers, which go with time.
    changes = StatusChange.objects.filter(brand=brand).order_by("-sequence")
    return [wording.news_line(news) for news in status_news(changes)][:CHANGES_SHOWN]


def _today(brand: Brand, row: BrandRow, now: datetime) -> dict[str, Any]:
    calendar, today = row.calendar, row.standing.today
    hours = spend_per_hour(brand, calendar, today)
    now_hour = (now - hours.starts[0]) // _HOUR
    return {
        "starts_afresh": brand_words.starts_afresh(calendar, today, now),
        "hours": hours,
        "has_hours": any(hours.spent),
        "hours_told": _hours_told(hours, row),
        "hours_chart": charts.hours_chart(hours, calendar, brand.currency, now_hour),
        "hours_rows": [
            (formats.clock(start, calendar), spent)
            for at, (start, spent) in enumerate(zip(hours.starts, hours.spent, strict=True))
            if at <= now_hour or spent
        ],
    }


def _hours_told(hours: Hours, row: BrandRow) -> str:
    """The chart in words, for those who do not see it."""
    spent = [
        (formats.clock(start, row.calendar), micros)
        for start, micros in zip(hours.starts, hours.spent, strict=True)
        if micros
    ]
    if not spent:
        return "Spend per hour today: none so far"
    top = max(spent, key=lambda each: each[1])
    return (
        f"Spend per hour today: from {spent[0][0]} on, the most in the hour from {top[0]}: "
        f"{formats.money(top[1], row.currency)}"
    )


def _month(brand: Brand, row: BrandRow) -> dict[str, Any]:
    today = row.standing.today
    first = month_start(today)
    days_of_month = (next_month(first) - first).days
    last_week = row.facts.days[-7:]
    days_left = pacing.open_days_left(row.facts)
    course = pacing.course(row.facts) if row.projection else []
    budget = row.month.budget
    return {
        "month_name": f"{today:%B}",
        "day_of_month": f"day {today.day} of {days_of_month}",
        "pace_words": wording.pace_words(row.pace) if row.pace else wording.no_pace_words(row),
        "pace_look": wording.pace_look(row.pace),
        "per_day": sum(last_week) // len(last_week) if any(last_week) else None,
        "per_day_left": _per_day_left(row, days_left),
        "days_left": days_left,
        "month_days": (month_days := spend_per_day(brand, first, next_month(first) - ONE_DAY, today)),
        "has_course": bool(budget) or any(day.spent for day in month_days),
        "against_even": wording.against_even(row.pace) if row.pace else "",
        "month_caption": brand_words.month_caption(row, pacing.reached_on(course, budget, today)),
        "month_chart": charts.month_chart(
            month_days,
            today,
            budget,
            pacing.even_line(row.facts, budget) if budget else [],
            course,
            row.month.waived,
            brand.currency,
        ),
    }


def _per_day_left(row: BrandRow, days_left: int) -> int | None:
    """What each open day after today may cost so that the month ends on its budget, and not a cent over it."""
    if row.month.remaining is None or not days_left:
        return None
    smallest: int = 10 ** (6 - minor_units(row.currency))
    return max(0, row.month.remaining) // (days_left * smallest) * smallest


def _days(request: HttpRequest, brand: Brand, row: BrandRow) -> dict[str, Any]:
    today = row.standing.today
    is_long = _is_long(request)
    first = today - (LONG_DAYS - 1) * ONE_DAY if is_long else month_start(today)
    last = today if is_long else next_month(first) - ONE_DAY
    days: list[Day] = spend_per_day(brand, first, last, today)
    return {
        "is_long": is_long,
        "days": [day for day in days if day.spent is not None and day.is_known],
        "has_days": any(day.spent for day in days),
        "days_caption": brand_words.days_caption(days, brand.currency),
        "days_chart": charts.days_chart(days, today, brand.currency),
    }


def _campaigns(request: HttpRequest, brand: Brand, row: BrandRow, now: datetime) -> dict[str, Any]:
    status = _status(request)
    chosen = request.GET.get("status", "")
    shown = _shown(request)
    number = row.standing.campaigns.get(status, 0) if status else row.standing.total
    rows = load_campaigns(brand, status, shown, now)
    return {
        "campaign_rows": _rows(rows, now),
        "campaigns_number": number,
        "chips": _chips(brand, row, chosen),
        "is_filtered": status is not None,
        "more_number": min(CAMPAIGNS_AT_ONCE, max(0, number - shown)),
        "more_url": _url(brand, chosen if status else "", shown + CAMPAIGNS_AT_ONCE),
    }


def _rows(rows: Sequence[CampaignRow], now: datetime) -> list[dict[str, Any]]:
    states = states_of([row.campaign for row in rows])
    return [_cells(row, now) | {"platform": _on_platform(row, states, now)} for row in rows]


def _on_platform(row: CampaignRow, states: Mapping[int, PlatformState], now: datetime) -> str:
    """What is not on the platform as decided."""
    state, calendar = states.get(row.campaign.pk), row.standing.calendar
    if state is None:
        return ""
    return platform_words.difference(state, lambda at: since_words(at, calendar, now))


def _cells(row: CampaignRow, now: datetime) -> dict[str, Any]:
    next_words, next_why = brand_words.next_change(row, now)
    return {
        "row": row,
        "campaign": row.campaign,
        "reasons": brand_words.all_reasons(row.campaign.reasons),
        "next": next_words,
        "next_why": next_why,
    }


def _chips(brand: Brand, row: BrandRow, chosen: str) -> list[Chip]:
    chips = [Chip("All", row.standing.total, _url(brand), chosen not in _STATUSES)]
    for name, status in _STATUSES.items():
        number = row.standing.campaigns.get(status, 0)
        if number or name == chosen:
            chips.append(Chip(status.word, number, _url(brand, name), name == chosen))
    return chips


def _status(request: HttpRequest) -> Status | None:
    """Of which status campaigns are asked for; None for all."""
    return _STATUSES.get(request.GET.get("status", ""))


def _is_long(request: HttpRequest) -> bool:
    """Whether the last 90 days are asked for, not the month."""
    return request.GET.get("days") == str(LONG_DAYS)


def _shown(request: HttpRequest) -> int:
    """How many campaigns are shown: a multiple of what is shown at once."""
    value = request.GET.get("show", "")
    number = int(value) if value.isascii() and value.isdigit() and len(value) < 6 else CAMPAIGNS_AT_ONCE
    return max(1, -(-number // CAMPAIGNS_AT_ONCE)) * CAMPAIGNS_AT_ONCE


def _url(brand: Brand, status: str = "", shown: int = CAMPAIGNS_AT_ONCE) -> str:
    query = {"status": status} if status else {}
    more = {"show": str(shown)} if shown != CAMPAIGNS_AT_ONCE else {}
    asked = urlencode(query | more)
    return f"{reverse('dashboard:brand', args=(brand.pk,))}{'?' + asked if asked else ''}#campaigns"

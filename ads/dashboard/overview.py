"""The overview: which brand needs somebody, and why."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import cache_control
from django.views.decorators.http import condition

from ads import formats
from ads.dashboard import wording
from ads.dashboard.alerts import newest
from ads.dashboard.brand_acts import KINDS
from ads.dashboard.navigation import admin_is_open_to
from ads.models import Alert, Brand, NotificationChannel, WebhookEndpoint
from ads.rights import Right, may
from ads.rules.attention import Cause, Level
from ads.rules.periods import Calendar, month_start, next_month
from ads.services.channels import failing_for as failing_channels
from ads.services.endpoints import FailingEndpoint
from ads.services.endpoints import failing_for as failing_endpoints
from ads.services.latest import load_latest
from ads.services.overview import BrandRow, Filter, load_overview, total_by_currency
from ads.services.page_version import page_version

MOST_NEEDS = 8
MOST_ALERTS = 3
ROWS_AT_ONCE = 25

_FILTER_WORDS = {
    Filter.OTHERS: "Others",
    Filter.ALL: "All",
    Filter.MINE: "My brands",
    Filter.OVER: "Over budget",
    Filter.AHEAD: "Ahead",
    Filter.BEHIND: "Behind",
    Filter.PAUSED: "Paused",
    Filter.OFF: "Switched off",
}
_LIST_TITLES = {
    Filter.ALL: "All brands",
    Filter.MINE: "Brands assigned to you",
    Filter.OVER: "Brands over budget",
    Filter.AHEAD: "Brands ahead of pace",
    Filter.BEHIND: "Brands behind pace",
    Filter.PAUSED: "Brands with paused campaigns",
    Filter.OFF: "Brands that are switched off",
}
_GROUP_WORDS = {Level.ACT: "Needs you", Level.WATCH: "Watch", Level.ON_COURSE: "On course"}
# The cell that a brand to watch is watched for.
_CELLS = {Cause.DAY_NEARLY: "day", Cause.PROJECTED_OFF: "projected", Cause.PACE_OFF: "pace"}


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter with the number of brands it takes."""

    value: str
    word: str
    number: int
    url: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Need:
    """A brand that needs somebody, with why and where to go."""

    row: BrandRow
    finding: wording.Finding
    url: str


@dataclass(frozen=True, slots=True)
class TableRow:
    """A brand of the table, with the words of its cells."""

    row: BrandRow
    level: str
    tone: str
    level_word: str
    local_time: str
    city: str
    day_percent: int | None
    month_percent: int | None
    projected_words: str
    pace_words: str
    pace_icon: str
    pace_class: str
    watched: frozenset[str]


@dataclass(frozen=True, slots=True)
class Failing:
    """A channel or an endpoint that is told nothing, since when and why, and where to put it right."""

    key: str
    name: str
    head: str
    why: str
    url: str


@dataclass(frozen=True, slots=True)
class Group:
    """Brands of one level."""

    level: str
    word: str
    number: int
    rows: Sequence[TableRow]


def overview(request: HttpRequest) -> HttpResponse:
    """All brands that the signed-in person has a right to, by who needs attention."""
    return render(request, "dashboard/overview.html", _context(request, timezone.now()))


def _failing_of(request: Any) -> tuple[list[NotificationChannel], list[FailingEndpoint]]:
    """The channels and endpoints of this person that fail; asked for once a request."""
    if not hasattr(request, "failing"):
        request.failing = failing_channels(request.user), failing_endpoints(request.user)
    found: tuple[list[NotificationChannel], list[FailingEndpoint]] = request.failing
    return found


def _version(request: HttpRequest) -> str:
    channels, endpoints = _failing_of(request)
    failing = "".join(f"-{channel.pk}" for channel in channels)
    failing += "".join(f"-w{each.endpoint.pk}" for each in endpoints)
    return f'"{page_version(request.user, timezone.now())}-{_filter(request)}-{_shown(request)}{failing}"'


@cache_control(private=True, no_cache=True)
@condition(etag_func=_version)
def live(request: HttpRequest) -> HttpResponse:
    """The part of the overview that updates itself; 304 while nothing has changed."""
    return render(request, "dashboard/overview/live.html", _context(request, timezone.now()))


def _filter(request: HttpRequest) -> Filter:
    value = request.GET.get("filter", "")
    return Filter(value) if value in set(Filter) else Filter.OTHERS


def _shown(request: HttpRequest) -> int:
    """How many rows the table shows: a multiple of what it shows at once."""
    value = request.GET.get("show", "")
    number = int(value) if value.isascii() and value.isdigit() and len(value) < 6 else ROWS_AT_ONCE
    return max(1, -(-number // ROWS_AT_ONCE)) * ROWS_AT_ONCE


def _context(request: HttpRequest, now: datetime) -> dict[str, Any]:
    rows = load_overview(request.user, now)
    needing = [row for row in rows if row.attention.level == Level.ACT]
    above = needing[:MOST_NEEDS]
    chosen, shown = _filter(request), _shown(request)
    kinds = _by_filter(rows, above)
    listed = kinds[chosen]
    calendar = _common_calendar(rows)
    local = calendar.wall_clock(now)
    has_any_brand = bool(rows) or Brand.objects.exists()
    return {
        "title": _title(rows, needing, has_any_brand=has_any_brand),
        "needs_number": len(needing),
        "brands_number": len(rows),
        "date_line": _date_line(local),
        "zone": str(calendar.zone_at(now)),
        "checked_at": f"{local:%H:%M:%S}",
        "now": now,
        "calendar": calendar,
        "needs": [_need(row, now, request) for row in above],
        "beyond": len(needing) - len(above),
        "levels": _levels(rows),
        "closest": _closest(rows),
        "latest": [wording.news_line(news) for news in load_latest(request.user)] if rows else [],
        "newest_alerts": newest(Alert.objects.visible_to(request.user), now, MOST_ALERTS) if rows else [],
        "totals": [(total, wording.totals_words(total)) for total in total_by_currency(rows)],
        "month_name": f"{local:%B}",
        "chips": list(_chips(kinds, chosen)),
        "chosen": chosen,
        "list_title": _list_title(chosen, len(listed), len(rows)),
        "groups": list(_groups(listed, shown, now)),
        "listed_number": len(listed),
        "shown_number": min(shown, len(listed)),
        "more_url": _url(chosen, shown + ROWS_AT_ONCE) if len(listed) > shown else "",
        "more_number": min(ROWS_AT_ONCE, len(listed) - shown),
        "may_add_brands": may(request.user, Right.EDIT_SETTINGS),
        "has_any_brand": has_any_brand,
        "failing": list(_failing(request, calendar, now)),
    }


def _failing(request: HttpRequest, calendar: Calendar, now: datetime) -> Iterator[Failing]:
    def failing(
        noun: str, right: Right, row: NotificationChannel | WebhookEndpoint, told: str, why: str
    ) -> Failing:
        is_open = admin_is_open_to(request.user, right)
        url = reverse(f"admin:ads_{noun}_change", args=(row.pk,)) if is_open else ""
        return Failing(f"{noun}-{row.pk}", row.name, told, why, url)

    channels, endpoints = _failing_of(request)
    for channel in channels:
        since = formats.moment(channel.failing_since or now, calendar, now)
        told = f"Alerts do not arrive by the channel “{channel.name}” since {since}."
        yield failing("notificationchannel", Right.HANDLE_ALERTS, channel, told, channel.last_error)
    for each in endpoints:
        since = formats.moment(each.since, calendar, now)
        told = f"The webhook endpoint “{each.endpoint.name}” takes nothing since {since}."
        yield failing("webhookendpoint", Right.EDIT_SETTINGS, each.endpoint, told, each.why)


def _title(rows: Sequence[BrandRow], needing: Sequence[BrandRow], *, has_any_brand: bool) -> str:
    if not rows:
        return "No brands are assigned to you" if has_any_brand else "No brands yet"
    if not needing:
        return "No brand needs you"
    noun = "brand" if len(rows) == 1 else "brands"
    return f"{len(needing):,} of {len(rows):,} {noun} {'needs' if len(needing) == 1 else 'need'} you"


def _date_line(local: datetime) -> str:
    first = month_start(local.date())
    days = (next_month(first) - first).days
    return f"{local:%A} {local.day} {local:%B %Y}, day {local.day} of {days}"


def _common_calendar(rows: Sequence[BrandRow]) -> Calendar:
    """The clock the page is told by: the brands' where they share one, else the system's."""
    shared = rows[0].calendar if rows else None
    if shared and all(row.calendar == shared for row in rows):
        return shared
    return Calendar.fixed(ZoneInfo(settings.TIME_ZONE))


def _levels(rows: Iterable[BrandRow]) -> dict[str, int]:
    numbers = dict.fromkeys(Level, 0)
    for row in rows:
        numbers[row.attention.level] += 1
    return {level.name: number for level, number in numbers.items()}


def _closest(rows: Iterable[BrandRow]) -> tuple[str, int] | None:
    """The brand that has used most of today's budget, and how many per cent of it."""
    used = [
        (formats.percent_used(row.day.counted, row.day.budget) or 0, row.name)
        for row in rows
        if row.day.budget and row.is_active
    ]
    return (max(used)[1], max(used)[0]) if used else None


def _by_filter(rows: Sequence[BrandRow], above: Sequence[BrandRow]) -> Mapping[Filter, Sequence[BrandRow]]:
    shown_above = {row.pk for row in above}
    kinds = {kind: [row for row in rows if kind.takes(row)] for kind in Filter}
    kinds[Filter.OTHERS] = [row for row in rows if row.pk not in shown_above]
    return kinds


def _chips(kinds: Mapping[Filter, Sequence[BrandRow]], chosen: Filter) -> Iterable[Chip]:
    number_of_all = len(kinds[Filter.ALL])
    for kind, rows in kinds.items():
        # Somebody who sees only what is assigned to them needs no filter for it.
        if kind == Filter.MINE and len(rows) in {0, number_of_all}:
            continue
        if kind == Filter.OTHERS and not rows:
            continue
        yield Chip(kind.value, _FILTER_WORDS[kind], len(rows), _url(kind), is_current=kind == chosen)


def _url(kind: Filter, shown: int = ROWS_AT_ONCE) -> str:
    query = {"filter": kind.value} if kind != Filter.OTHERS else {}
    more = {"show": str(shown)} if shown != ROWS_AT_ONCE else {}
    return "?" + urlencode(query | more)


def _list_title(chosen: Filter, number: int, number_of_all: int) -> str:
    if chosen != Filter.OTHERS:
        return _LIST_TITLES[chosen]
    if number == number_of_all:
        return "All brands"
    return "The other brand" if number == 1 else f"The other {number:,} brands"


def _need(row: BrandRow, now: datetime, request: HttpRequest) -> Need:
    found = wording.finding(row, now)
    action, url = found.action, reverse("dashboard:brand", args=(row.pk,))
    if found.leads_to == "campaign":
        url = reverse("dashboard:campaign", args=(_campaign_in_need(row),))
    elif found.leads_to in KINDS and may(request.user, Right.EDIT_BUDGETS):
        url = f"{reverse('dashboard:brand-budget', args=(row.pk, found.leads_to))}#amount"
    elif found.leads_to in KINDS or found.leads_to == "imports":
        action = "See brand"
    return Need(row, wording.Finding(found.head, found.body, action, found.leads_to), url)


def _campaign_in_need(row: BrandRow) -> int:
    if row.differing:
        return row.differing[0].campaign_id
    if row.while_off is None:
        raise ValueError(f"{row.name} has no campaign that needs somebody")
    return row.while_off.campaign_id


def _groups(rows: Sequence[BrandRow], shown: int, now: datetime) -> Iterable[Group]:
    for level in Level:
        of_level = [row for row in rows if row.attention.level == level]
        visible = [row for row in rows[:shown] if row.attention.level == level]
        if visible:
            yield Group(
                level.name,
                _GROUP_WORDS[level],
                len(of_level),
                [_table_row(row, now) for row in visible],
            )


def _table_row(row: BrandRow, now: datetime) -> TableRow:
    icon, tone, word = _LEVEL_LOOKS[row.attention.level] if row.is_active else _OFF_LOOK
    pace_icon, pace_class = wording.pace_look(row.pace)
    return TableRow(
        row=row,
        level=icon,
        tone=tone,
        level_word=word,
        local_time=formats.clock(now, row.calendar),
        city=formats.city(now, row.calendar),
        day_percent=formats.percent_used(row.day.counted, row.day.budget),
        month_percent=formats.percent_used(row.month.counted, row.month.budget),
        projected_words=wording.projected_words(row),
        pace_words=wording.pace_words(row.pace) if row.pace else wording.no_pace_words(row),
        pace_icon=pace_icon if row.is_active else "off",
        pace_class=pace_class,
        watched=frozenset(_CELLS[cause] for cause in row.attention.causes if cause in _CELLS),
    )


_LEVEL_LOOKS = {
    Level.ACT: ("act", "act", "Needs you"),
    Level.WATCH: ("watch", "watch", "Watch"),
    Level.ON_COURSE: ("ok", "run", "On course"),
}
_OFF_LOOK = ("off", "", "Switched off")

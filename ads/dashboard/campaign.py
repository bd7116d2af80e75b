"""A campaign's page: why it runs or not, what it spent, its week, what happened, and what it was at a moment."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.cache import cache_control
from django.views.decorators.http import condition, require_GET

from ads import formats
from ads.admin.history import describe_changes
from ads.dashboard import campaign_drawing as drawing
from ads.dashboard import campaign_words as words
from ads.dashboard import weekgrid
from ads.dashboard.alerts import newest
from ads.dashboard.campaign_form import SettingsForm
from ads.dashboard.campaign_moment import answer, asked_of
from ads.dashboard.campaign_pacing import spend_card
from ads.dashboard.campaign_platform import platform_part
from ads.dashboard.campaign_timeline import timeline
from ads.models import Alert, Campaign, StatusChange
from ads.rights import Right, may
from ads.rules.dayparting import Window
from ads.rules.forecast import Outlook, outlook
from ads.rules.serving import Reason, Status
from ads.services.campaign_days import load_days
from ads.services.campaign_settings import last_change, last_change_of_windows
from ads.services.campaign_today import load_today
from ads.services.explain import Explanation, LimitLevel, WindowLevel, explain
from ads.services.page_version import page_version

SETTINGS_SHOWN = 6
BRAND_LIMITS = frozenset({Reason.BRAND_DAILY, Reason.BRAND_MONTHLY, Reason.BRAND_INACTIVE})


def visible_or_404(request: HttpRequest, pk: int) -> Campaign:
    """The campaign, with its brand, if the signed-in person has a right to it."""
    return get_object_or_404(Campaign.objects.visible_to(request.user).select_related("brand"), pk=pk)


def is_fragment(request: HttpRequest) -> bool:
    """Whether only a part of the page is asked for."""
    return request.headers.get("HX-Request") == "true"


@require_GET
def campaign(request: HttpRequest, pk: int) -> HttpResponse:
    """The whole page."""
    return whole_page(request, visible_or_404(request, pk))


def _version(request: HttpRequest, pk: int) -> str:
    return f'"{page_version(request.user, timezone.now())}-{pk}-{_is_long(request)}"'


@require_GET
@cache_control(private=True, no_cache=True)
@condition(etag_func=_version)
def live(request: HttpRequest, pk: int) -> HttpResponse:
    """What of the page updates itself; 304 while nothing has changed."""
    found, now = visible_or_404(request, pk), timezone.now()
    context = _live(request, found, explain(found, now=now))
    return render(request, "dashboard/campaign/content.html", context)


@require_GET
def moment(request: HttpRequest, pk: int) -> HttpResponse:
    """What it was at a past moment of the brand's clock."""
    found = visible_or_404(request, pk)
    if not is_fragment(request):
        return whole_page(request, found)
    now = timezone.now()
    return render(request, "dashboard/campaign/answer.html", {"answer": answer(request, found, now)})


@require_GET
def changes(request: HttpRequest, pk: int) -> HttpResponse:
    """Older changes of its status."""
    found, now = visible_or_404(request, pk), timezone.now()
    before = request.GET.get("before", "")
    context = {
        "campaign": found,
        "zone": found.brand.calendar.zone_at(now),
        "timeline": timeline(found, now, int(before) if before.isdecimal() else None),
    }
    template = "timeline.html" if is_fragment(request) else "changes.html"
    return render(request, f"dashboard/campaign/{template}", context)


def whole_page(
    request: HttpRequest,
    found: Campaign,
    *,
    form: SettingsForm | None = None,
    painted: tuple[Window, ...] | None = None,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    """The page; with a form its settings are being edited, with painted windows its week is not saved yet."""
    now = timezone.now()
    explained = explain(found, now=now)
    context = {
        **_live(request, found, explained),
        "form": form,
        "grid": _grid(explained, painted),
        "seen_windows": last_change_of_windows(found) if may(request.user, Right.EDIT_SCHEDULES) else 0,
        "asked": asked_of(request, explained.calendar, now),
        "answer": answer(request, found, now) if "day" in request.GET else None,
        **more,
    }
    return render(request, "dashboard/campaign/page.html", context, status=status)


def _live(request: HttpRequest, found: Campaign, explained: Explanation) -> dict[str, Any]:
    """What the page shows of the campaign as it is now: not what somebody is just editing, painting or asking."""
    now = explained.at
    ahead = outlook(explained.facts, now)
    acts = frozenset(act for act in Right if may(request.user, act))
    return {
        "campaign": found,
        "explained": explained,
        "calendar": explained.calendar,
        "currency": explained.currency,
        "now": now,
        "checked_at": f"{explained.calendar.wall_clock(now):%H:%M:%S}",
        "flight": words.flight_words(found.start_date, found.end_date),
        "told_now": words.full_moment(now, explained.calendar),
        "may_switch": Right.SWITCH in acts and found.archived_at is None,
        "may_reset": Right.RESET_BUDGETS in acts,
        "may_schedule": Right.EDIT_SCHEDULES in acts,
        "may_edit": bool({Right.EDIT_BUDGETS, Right.EDIT_SCHEDULES} & acts),
        **_why(found, explained, ahead),
        "platform": platform_part(found, explained.calendar, now),
        "ribbon": drawing.ribbon(load_today(found, explained.facts, now), explained.calendar, now),
        **_spend(request, found, explained, now),
        "timeline": timeline(found, now, None),
        "history": describe_changes(found)[:SETTINGS_SHOWN],
        "newest_alerts": newest(Alert.objects.filter(campaign=found), now),
        "alerts_query": f"?campaign={found.pk}",
    }


def settings_form(request: HttpRequest, found: Campaign) -> SettingsForm:
    """The form of what the signed-in person may change, with what was sent."""
    acts = frozenset(act for act in Right if may(request.user, act))
    data = request.POST if request.method == "POST" else None
    return SettingsForm(found, acts, last_change(found), data)


def _why(found: Campaign, explained: Explanation, ahead: Outlook) -> dict[str, Any]:
    reasons, now = explained.decision.reasons, explained.at
    look = formats.look(explained.decision.status, reasons)
    return {
        "title": words.title(explained, _since(found, explained)),
        "tone": {"limit": "paused"}.get(look.tone, look.tone),
        "next_change": words.next_change(ahead, explained.calendar, now),
        "levels": list(words.level_rows(explained, now)),
        "only_brand_limit": len(reasons) == 1 and reasons[0] in BRAND_LIMITS,
        "only_own_limit": len(reasons) == 1
        and isinstance(explained.level(reasons[0]), LimitLevel)
        and reasons[0] not in BRAND_LIMITS,
        "switching": words.switch_words(explained.facts, ahead, enabled=not found.enabled, now=now),
        "is_late": explained.stored.status != explained.decision.status,
    }


def _since(found: Campaign, explained: Explanation) -> datetime | None:
    """Since when it has been running, or has not; None where it never ran."""
    if explained.decision.status == Status.ACTIVE:
        return found.status_since if found.status == Status.ACTIVE else None
    stopped = StatusChange.objects.filter(campaign=found, from_status=Status.ACTIVE).exclude(
        to_status=Status.ACTIVE
    )
    return stopped.order_by("-at", "-pk").values_list("at", flat=True).first()


def _spend(request: HttpRequest, found: Campaign, explained: Explanation, now: datetime) -> dict[str, Any]:
    is_long = _is_long(request)
    today = explained.calendar.local_date(now)
    first, last = drawing.days_of_chart(today, is_long=is_long)
    days = load_days(found, first, now)
    return {
        "today": today,
        "is_long": is_long,
        "card": spend_card(found, explained, now),
        "days": days[::-1],
        "has_spend": any(each.spent for each in days),
        "has_over": any(each.over for each in days),
        "has_budget": any(each.budget is not None for each in days),
        "chart": drawing.chart(days, last, explained.currency),
        "caption": drawing.caption(days, explained.currency),
    }


def _is_long(request: HttpRequest) -> bool:
    """Whether the last 90 days are asked for, not the month."""
    return request.GET.get("range") == "90"


def _grid(explained: Explanation, painted: tuple[Window, ...] | None) -> weekgrid.Grid:
    level = explained.level(Reason.OUTSIDE_DAYPARTING)
    windows = level.windows if isinstance(level, WindowLevel) else ()
    return weekgrid.grid(windows, explained.facts.window_calendar, explained.at, painted)

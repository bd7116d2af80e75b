"""A campaign's page: why it runs or not, what it spent, its week, what happened, and what it was at a moment."""

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_GET

from ads import formats
from ads.admin.history import describe_changes
from ads.dashboard import campaign_drawing as drawing
from ads.dashboard import campaign_words as words
from ads.dashboard import weekgrid
from ads.dashboard.alerts import newest
from ads.dashboard.campaign_form import SettingsForm
from ads.dashboard.campaign_moment import answer, asked_of
from ads.dashboard.campaign_platform import platform_part
from ads.models import Alert, Campaign, StatusChange
from ads.rights import Right, may
from ads.rules.dayparting import Window
from ads.rules.forecast import Outlook, outlook
from ads.rules.serving import Reason, Status
from ads.services.campaign_days import load_days
from ads.services.campaign_settings import last_change, last_change_of_windows
from ads.services.campaign_today import load_today
from ads.services.explain import Explanation, LimitLevel, WindowLevel, explain

CHANGES_SHOWN = 10
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
    found = visible_or_404(request, pk)
    before = request.GET.get("before", "")
    context = {
        "campaign": found,
        "timeline": _timeline(found, timezone.now(), int(before) if before.isdecimal() else None),
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
    ahead = outlook(explained.facts, now)
    acts = frozenset(act for act in Right if may(request.user, act))
    context = {
        "campaign": found,
        "explained": explained,
        "calendar": explained.calendar,
        "currency": explained.currency,
        "now": now,
        "flight": words.flight_words(found.start_date, found.end_date),
        "told_now": words.full_moment(now, explained.calendar),
        "may_switch": Right.SWITCH in acts and found.archived_at is None,
        "may_reset": Right.RESET_BUDGETS in acts,
        "may_schedule": Right.EDIT_SCHEDULES in acts,
        "may_edit": bool({Right.EDIT_BUDGETS, Right.EDIT_SCHEDULES} & acts),
        "form": form,
        **_why(found, explained, ahead),
        "platform": platform_part(found, explained.calendar, now),
        "ribbon": drawing.ribbon(load_today(found, explained.facts, now), explained.calendar, now),
        **_spend(request, found, explained, now),
        "grid": _grid(explained, painted),
        "seen_windows": last_change_of_windows(found) if Right.EDIT_SCHEDULES in acts else 0,
        "timeline": _timeline(found, now, None),
        "history": describe_changes(found)[:SETTINGS_SHOWN],
        "newest_alerts": newest(Alert.objects.filter(campaign=found), now),
        "alerts_query": f"?campaign={found.pk}",
        "asked": asked_of(request, explained.calendar, now),
        "answer": answer(request, found, now) if "day" in request.GET else None,
        **more,
    }
    return render(request, "dashboard/campaign/page.html", context, status=status)


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
        "levels": list(words.level_rows(explained)),
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
    is_long = request.GET.get("range") == "90"
    today = explained.calendar.local_date(now)
    first, last = drawing.days_of_chart(today, is_long=is_long)
    days = load_days(found, first, now)
    return {
        "today": today,
        "is_long": is_long,
        "standings": [
            (title, _standing(explained, reason))
            for title, reason in (
                ("Today", Reason.CAMPAIGN_DAILY),
                (f"{today:%B}", Reason.CAMPAIGN_MONTHLY),
                ("Whole flight" if found.start_date or found.end_date else "In all", Reason.CAMPAIGN_TOTAL),
            )
        ],
        "days": days[::-1],
        "has_spend": any(each.spent for each in days),
        "has_over": any(each.over for each in days),
        "has_budget": any(each.budget is not None for each in days),
        "chart": drawing.chart(days, last, explained.currency),
        "caption": drawing.caption(days, explained.currency),
    }


def _standing(explained: Explanation, reason: Reason) -> Any:
    level = explained.level(reason)
    return level.standing if isinstance(level, LimitLevel) else None


def _grid(explained: Explanation, painted: tuple[Window, ...] | None) -> weekgrid.Grid:
    level = explained.level(Reason.OUTSIDE_DAYPARTING)
    windows = level.windows if isinstance(level, WindowLevel) else ()
    return weekgrid.grid(windows, explained.facts.window_calendar, explained.at, painted)


@dataclass(frozen=True, slots=True)
class Timeline:
    """Some status changes by day, newest first; `older` is where to read on, 0 at the end."""

    days: list[tuple[str, list[words.ChangeRow]]]
    older: int
    is_first: bool


def _timeline(found: Campaign, now: datetime, before: int | None) -> Timeline:
    rows = StatusChange.objects.filter(campaign=found)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    newest = list(rows.order_by("-at", "-pk")[: CHANGES_SHOWN + 1])
    told = [words.change_row(change, found.brand.calendar, now) for change in newest[:CHANGES_SHOWN]]
    days = [(day, list(group)) for day, group in groupby(told, lambda row: row.day)]
    return Timeline(days, told[-1].pk if len(newest) > CHANGES_SHOWN else 0, is_first=before is None)

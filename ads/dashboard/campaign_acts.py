"""What people do on a campaign's page: each tells what follows before it is saved, and what followed after."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import time
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from ads import formats
from ads.admin.cells import change_url
from ads.admin.history import describe_changes
from ads.dashboard import campaign_words as words
from ads.dashboard import weekgrid
from ads.dashboard.campaign import is_fragment, settings_form, visible_or_404, whole_page
from ads.dashboard.campaign_words import Consequence
from ads.errors import ChangedMeanwhile
from ads.forms import EndTimeField
from ads.models import Campaign, PeriodKind
from ads.models.dayparting import DAYS
from ads.rights import Right, demand, may
from ads.rules.dayparting import Window
from ads.rules.forecast import outlook
from ads.rules.serving import CampaignFacts
from ads.rules.week import NothingOpenError, by_day, week_of, with_day
from ads.services import BudgetService, CampaignService
from ads.services.as_of import known_now
from ads.services.campaign_settings import change_settings, last_change_of_windows, replace_windows

BLANK_ROWS = 2


@dataclass(frozen=True, slots=True)
class Reset:
    """What can start afresh."""

    label: str
    daily: bool
    monthly: bool


RESETS = {
    "day": Reset("Today", daily=True, monthly=False),
    "month": Reset("This month", daily=False, monthly=True),
    "both": Reset("Today and this month", daily=True, monthly=True),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer: what follows from it, and the button that names it ('' where nothing would change)."""

    value: str
    label: str
    told: Sequence[str]
    button: str


@require_POST
def switch(request: HttpRequest, pk: int) -> HttpResponse:
    """Switches it on or off, as a person asks."""
    found = visible_or_404(request, pk)
    demand(request.user, Right.SWITCH)
    if request.POST.get("to") == "on":
        CampaignService.switch_on(found, by=request.user)
    else:
        CampaignService.switch_off(found, by=request.user)
    _tell(request, found, f"Switched {'on' if found.enabled else 'off'}")
    return _back(found)


@require_http_methods(["GET", "POST"])
def settings(request: HttpRequest, pk: int) -> HttpResponse:
    """Budgets and flight: asked for, tried, and with `save` written."""
    found = visible_or_404(request, pk)
    if not (may(request.user, Right.EDIT_BUDGETS) or may(request.user, Right.EDIT_SCHEDULES)):
        demand(request.user, Right.EDIT_BUDGETS)
    form = settings_form(request, found)
    if request.method == "GET":
        return whole_page(request, found, form=form)
    if form.is_valid() and _is_to_be_saved(request):
        try:
            change_settings(found, form.values, seen=form.cleaned_data["seen"], by=request.user)
        except ChangedMeanwhile as error:
            form.add_error(None, _meanwhile(found, str(error)))
        except ValidationError as error:
            form.add_error(None, error)
        else:
            _tell(request, found, "Saved")
            return _back(found)
    facts = known_now(found, timezone.now()).facts
    context: dict[str, Any] = {"form": form}
    if form.is_valid():
        context["consequence"] = _consequence(found, facts, form.applied_to(facts))
        context["budgets"] = form.new_budgets
        context["beyond"] = _beyond_the_brand(found, form.values)
    if is_fragment(request):
        return render(request, "dashboard/campaign/then.html", {"campaign": found, **context})
    return whole_page(request, found, status=200 if form.is_valid() else 422, **context)


@require_POST
def schedule(request: HttpRequest, pk: int) -> HttpResponse:
    """The week as it was painted: tried, and with `save` written."""
    found = visible_or_404(request, pk)
    demand(request.user, Right.EDIT_SCHEDULES)
    try:
        windows = weekgrid.from_data(request.POST.get("windows", ""))
    except weekgrid.BadWindows as error:
        if is_fragment(request):
            return render(request, "dashboard/campaign/week_then.html", {"error": error})
        messages.error(request, f"Not saved: {error}")
        return _back_to_week(request, found)
    if not _is_to_be_saved(request):
        facts = known_now(found, timezone.now()).facts
        context = {"consequence": _consequence(found, facts, facts._replace(windows=windows))}
        return render(request, "dashboard/campaign/week_then.html", context)
    try:
        replace_windows(found, windows, seen=_seen(request), by=request.user)
    except ChangedMeanwhile as error:
        messages.error(request, _meanwhile(found, str(error)))
        return whole_page(request, found, painted=windows, status=409)
    _tell(request, found, "Schedule saved")
    return _back_to_week(request, found)


@require_http_methods(["GET", "POST"])
def day(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """The windows of one day in fields: tried, and with `save` written."""
    found = visible_or_404(request, pk)
    demand(request.user, Right.EDIT_SCHEDULES)
    if number not in dict(DAYS):
        raise Http404
    facts = known_now(found, timezone.now()).facts
    own = by_day(facts.windows)[number]
    context: dict[str, Any] = {
        "campaign": found,
        "back_url": _back_to_week(request, found).url,
        "number": number,
        "day": dict(DAYS)[number],
        "tails": [
            weekgrid.end_words(each.end)
            for each in by_day(facts.windows)[(number - 1) % 7]
            if each.end != time.min and each.end < each.start
        ],
        "zone": facts.window_calendar.zone_at(timezone.now()).key,
        "seen_windows": last_change_of_windows(found),
        "fields": _fields([(weekgrid.clock_words(each.start), weekgrid.end_words(each.end)) for each in own]),
    }
    if request.method == "GET":
        return render(request, "dashboard/campaign/day.html", context)
    sent = list(zip(request.POST.getlist("start"), request.POST.getlist("end"), strict=False))
    context |= {"fields": _fields(sent), "seen_windows": _seen(request)}
    try:
        windows = _with_day(facts.windows, number, sent, to_all="all" in request.POST)
        if "save" in request.POST:
            replace_windows(found, windows, seen=_seen(request), by=request.user)
            _tell(request, found, "Schedule saved")
            return _back_to_week(request, found)
        context["consequence"] = _consequence(found, facts, facts._replace(windows=windows))
    except weekgrid.BadWindows as error:
        context["error"] = str(error)
    except ChangedMeanwhile as error:
        context |= {"error": _meanwhile(found, str(error)), "seen_windows": last_change_of_windows(found)}
    context["to_all"] = "all" in request.POST
    return render(request, "dashboard/campaign/day.html", context, status=422 if "error" in context else 200)


@require_http_methods(["GET", "POST"])
def reset(request: HttpRequest, pk: int) -> HttpResponse:
    """Asks which period is to start afresh and says what follows from each; the answer does it."""
    found = visible_or_404(request, pk)
    demand(request.user, Right.RESET_BUDGETS)
    asked = RESETS.get(request.POST.get("period", ""))
    if asked is None:
        context = {"campaign": found, "choices": list(_choices(found))}
        return render(request, "dashboard/campaign/reset.html", context)
    done = BudgetService.reset_budgets(
        campaign=found, daily=asked.daily, monthly=asked.monthly, by=request.user
    )
    if done.waivers:
        _tell(request, found, f"{asked.label}: the campaign’s budgets started afresh")
    else:
        messages.info(request, f"{asked.label}: nothing counted yet, so nothing changed.")
    return _back(found)


def _choices(found: Campaign) -> Iterator[Choice]:
    present = CampaignService.decide_now(found).reasons
    for value, asked in RESETS.items():
        tried = BudgetService.reset_budgets(
            campaign=found, daily=asked.daily, monthly=asked.monthly, dry_run=True
        )
        if not tried.waivers:
            yield Choice(value, asked.label, ["Nothing counts yet, so nothing would change."], "")
            continue
        told = [
            f"{formats.exact_money(waiver.amount_micros, found.brand.currency)} would stop counting against the "
            f"{'daily' if waiver.kind == PeriodKind.DAY else 'monthly'} budget."
            for waiver in tried.waivers
        ]
        change = next((each for each in tried.changes if each.campaign_id == found.pk), None)
        reasons = present if change is None else change.reasons
        runs_again = bool(present) and not reasons
        if runs_again:
            told.append("It would run at once.")
        else:
            told.append(f"It would stay: {words.stands(reasons)}." if reasons else "It would go on running.")
        label = f"{asked.label[:1].lower()}{asked.label[1:]}"
        yield Choice(value, asked.label, told, f"Start {label} afresh{' and run' if runs_again else ''}")


def _consequence(found: Campaign, before: CampaignFacts, after: CampaignFacts) -> Consequence:
    now = timezone.now()
    return words.consequence(outlook(before, now), outlook(after, now), found.brand.calendar, now)


def _beyond_the_brand(found: Campaign, values: dict[str, Any]) -> list[str]:
    """Budgets above the brand's, which binds all the same."""
    brand = found.brand
    return [
        f"The brand’s {kind} budget of {formats.limit(limit, brand.currency)} is the limit all the same."
        for kind, given, own, limit in (
            ("daily", values.get("daily_budget"), brand.daily_budget, brand.daily_budget_micros),
            ("monthly", values.get("monthly_budget"), brand.monthly_budget, brand.monthly_budget_micros),
        )
        if given is not None and own is not None and given > own
    ]


def _fields(rows: list[tuple[str, str]]) -> list[tuple[str, str]]:
    kept = [row for row in rows if any(part.strip() for part in row)]
    return kept + [("", "")] * BLANK_ROWS


def _with_day(
    windows: tuple[Window, ...], number: int, sent: list[tuple[str, str]], *, to_all: bool
) -> tuple[Window, ...]:
    """The week with the windows of one day, or of every day, as they were sent; raises BadWindows."""
    own = [_window(number, start, end) for start, end in sent if start.strip() or end.strip()]
    try:
        if to_all:
            return week_of(own)
        return with_day(windows, number, own)
    except NothingOpenError as error:
        raise weekgrid.BadWindows(weekgrid.NOTHING_OPEN) from error


def _window(number: int, start: str, end: str) -> Window:
    try:
        first, last = forms.TimeField().clean(start), EndTimeField().clean(end)
    except ValidationError as error:
        raise weekgrid.BadWindows(
            f"“{start.strip() or '…'} to {end.strip() or '…'}” is no window. Give both times, such as 07:00 and 21:00."
        ) from error
    try:
        return Window(number, first, last)
    except ValueError as error:
        raise weekgrid.BadWindows(
            f"“{start} to {end}” ends where it starts. For the whole day give 00:00 and 24:00."
        ) from error


def _is_to_be_saved(request: HttpRequest) -> bool:
    """What asks for a part of the page only tries: htmx adds the form's last button to it, also that of saving."""
    return "save" in request.POST and not is_fragment(request)


def _seen(request: HttpRequest) -> int:
    seen = request.POST.get("seen", "")
    return int(seen) if seen.isdecimal() else -1


def _meanwhile(found: Campaign, text: str) -> str:
    latest = describe_changes(found)[:1]
    by = f" by {latest[0].by}" if latest else ""
    return f"{text}{by}, so nothing was saved. What is saved now stands on this page; yours is still here, not saved."


def _tell(request: HttpRequest, found: Campaign, done: str) -> None:
    """What was done and how the campaign stands now, for the next page."""
    found.refresh_from_db()
    messages.success(request, f"{done}. {words.now_words(CampaignService.decide_now(found))}")


def _back(found: Campaign) -> HttpResponseRedirect:
    return redirect("dashboard:campaign", found.pk)


def _back_to_week(request: HttpRequest, found: Campaign) -> HttpResponseRedirect:
    """To the page on which the week was changed."""
    page = change_url(found) if _is_from_admin(request) else reverse("dashboard:campaign", args=(found.pk,))
    return HttpResponseRedirect(f"{page}#h-wk")


def _is_from_admin(request: HttpRequest) -> bool:
    return f"?{request.GET.urlencode()}" == weekgrid.FROM_ADMIN

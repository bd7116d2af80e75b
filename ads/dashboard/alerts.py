"""The list of alerts: what happened to whom, how much, since when, and what people did about it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from ads import formats
from ads.dashboard.navigation import admin_is_open_to
from ads.models import Alert, AlertKind, Brand
from ads.models.alerts import AlertQuerySet, AlertState
from ads.rights import Right, demand, may
from ads.rules.periods import ONE_DAY, Calendar
from ads.services import alert_words, alerts

PER_PAGE = 25
NEWEST = 5
ALL = "all"
LONGEST_SNOOZE = 31 * ONE_DAY
MORNING = time(9)
ACTS = ("acknowledge", "snooze", "wake", "resolve")
_TO_WATCH = {AlertKind.PROJECTION, AlertKind.QUARANTINE}


@dataclass(frozen=True, slots=True)
class Row:
    """One alert in words."""

    alert: Alert
    title: str
    lines: Sequence[str]
    state: AlertState
    note: str
    icon: str
    tone: str
    calendar: Calendar
    tomorrow: str


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter by state, with how many it leaves."""

    label: str
    url: str
    number: int
    is_current: bool


@dataclass(frozen=True, slots=True)
class Filters:
    """What is asked for, as it stands in the address."""

    state: str
    brand: str
    campaign: str
    kind: str

    @classmethod
    def of(cls, given: Mapping[str, str]) -> "Filters":
        state, brand, campaign, kind = (
            given.get(name, "") for name in ("state", "brand", "campaign", "kind")
        )
        return cls(
            state=state if state in {*AlertState, ALL} else "",
            brand=brand if brand.isdecimal() else "",
            campaign=campaign if campaign.isdecimal() else "",
            kind=kind if kind in set(AlertKind) else "",
        )

    def __bool__(self) -> bool:
        return bool(self.state or self.brand or self.campaign or self.kind)

    def url(self, **other: str | int) -> str:
        """The address with some of it changed."""
        mine = {"state": self.state, "brand": self.brand, "campaign": self.campaign, "kind": self.kind}
        return "?" + urlencode({name: value for name, value in (mine | other).items() if value})

    def but_state(self, found: AlertQuerySet) -> AlertQuerySet:
        """Those that fit all but the state."""
        if self.brand:
            found = found.filter(brand_id=int(self.brand))
        if self.campaign:
            found = found.filter(campaign_id=int(self.campaign))
        return found.filter(kind=self.kind) if self.kind else found


@require_GET
def alert_list(request: HttpRequest) -> HttpResponse:
    """The alerts of the brands that the signed-in person has a right to, the newest first."""
    now, filters = timezone.now(), Filters.of(request.GET.dict())
    fitting = filters.but_state(Alert.objects.visible_to(request.user))
    by_state = _by_state(fitting, now)
    chips = [
        Chip(label, filters.url(state=value), by_state[value].count(), filters.state == value)
        for value, label in (("", "Open"), *AlertState.choices[1:], (ALL, "All"))
    ]
    total = next(chip.number for chip in chips if chip.is_current)
    pages = max(1, -(-total // PER_PAGE))
    asked = request.GET.get("page", "")
    page = min(max(1, int(asked) if asked.isdecimal() else 1), pages)
    shown = by_state[filters.state].with_owners()[(page - 1) * PER_PAGE : page * PER_PAGE]
    rows = rows_of(shown, now)
    context = {
        "filters": filters,
        "chips": chips,
        "kinds": AlertKind.choices,
        "brands": Brand.objects.visible_to(request.user).order_by("name").values_list("pk", "name"),
        "rows": rows,
        "may_handle": may(request.user, Right.HANDLE_ALERTS),
        "rules_url": reverse("admin:ads_alertrule_changelist")
        if admin_is_open_to(request.user, Right.SEE)
        else "",
        "total": total,
        "first": (page - 1) * PER_PAGE + 1,
        "last": (page - 1) * PER_PAGE + len(rows),
        "previous": filters.url(page=page - 1) if page > 1 else "",
        "following": filters.url(page=page + 1) if page < pages else "",
        "back": filters.url(page=page),
        "title": _title(filters, total),
        "morning": f"{MORNING:%H:%M}",
        "now": now,
    }
    return render(request, "dashboard/alerts.html", context)


def _by_state(found: AlertQuerySet, now: datetime) -> dict[str, AlertQuerySet]:
    unresolved = found.unresolved()
    is_open = found.open(now)
    return {
        "": is_open,
        AlertState.OPEN: is_open,
        AlertState.ACKNOWLEDGED: is_open.filter(acknowledged_at__isnull=False),
        AlertState.SNOOZED: unresolved.filter(snoozed_until__gt=now),
        AlertState.RESOLVED: found.filter(resolved_at__isnull=False),
        ALL: found,
    }


def _title(filters: Filters, total: int) -> str:
    state = AlertState.OPEN if filters.state in {"", AlertState.OPEN} else filters.state
    word = "" if state == ALL else f"{state} "
    return f"{total:,} {word}{'alert' if total == 1 else 'alerts'}" if total else f"No {word}alerts"


def rows_of(found: Iterable[Alert], now: datetime) -> list[Row]:
    """These alerts, read with their owners, in words."""
    return [_row(alert, now) for alert in found]


def newest(found: AlertQuerySet, now: datetime, most: int = NEWEST) -> list[Row]:
    """The newest of those that wait for somebody. Two queries."""
    return rows_of(found.open(now).with_owners()[:most], now)


def _row(alert: Alert, now: datetime) -> Row:
    state = alert.state(now)
    steps = [step.step for step in alert.steps.all()]
    icon = "ok" if state == AlertState.RESOLVED else "watch" if _is_to_watch(alert, steps) else "act"
    return Row(
        alert=alert,
        title=alert_words.title(alert, steps),
        lines=alert_words.lines(alert),
        state=state,
        note=_note(alert, state, now),
        icon=icon,
        tone={"ok": "run"}.get(icon, icon),
        calendar=_calendar(alert),
        tomorrow=f"{_calendar(alert).local_date(now) + ONE_DAY}",
    )


def _is_to_watch(alert: Alert, steps: Sequence[int]) -> bool:
    return alert.kind in _TO_WATCH or (alert.kind == AlertKind.THRESHOLD and max(steps, default=0) < 100)


def _note(alert: Alert, state: AlertState, now: datetime) -> str:
    """What people did about it."""
    calendar = _calendar(alert)
    if alert.resolved_at is not None:
        by = f" by {alert.resolved_by}" if alert.resolved_by else " by itself"
        return f"Resolved{by} at {formats.moment(alert.resolved_at, calendar, now)}"
    if state == AlertState.SNOOZED and alert.snoozed_until is not None:
        return f"Snoozed until {formats.moment(alert.snoozed_until, calendar, now)}"
    if alert.acknowledged_at is not None:
        at = formats.moment(alert.acknowledged_at, calendar, now)
        return f"Acknowledged by {alert.acknowledged_by or 'somebody'} at {at}"
    return ""


def _calendar(alert: Alert) -> Calendar:
    return Calendar.fixed(settings.TIME_ZONE) if alert.brand is None else alert.brand.calendar


class UntilForm(forms.Form):
    """A day and a time by the brand's clock."""

    day = forms.DateField(
        error_messages={"required": "Give a day.", "invalid": "Give a day such as 2026-03-10."}
    )
    time = forms.TimeField(
        error_messages={"required": "Give a time.", "invalid": "Give a time such as 09:00."}
    )


@require_POST
def act(request: HttpRequest, pk: int, what: str) -> HttpResponse:
    """Acknowledges, snoozes, wakes or resolves one alert."""
    alert = get_object_or_404(
        Alert.objects.visible_to(request.user).select_related("brand", "campaign"), pk=pk
    )
    demand(request.user, Right.HANDLE_ALERTS)
    now, done = timezone.now(), ""
    if what == "acknowledge" and alerts.acknowledge([pk], now):
        done = "acknowledged"
    elif what == "resolve" and alerts.resolve([pk], now):
        done = "resolved"
    elif what == "wake" and alerts.snooze([pk], None):
        done = "no longer snoozed"
    elif what == "snooze":
        until, error = _until(request.POST.dict(), _calendar(alert), now)
        if error:
            messages.error(request, error)
        elif alerts.snooze([pk], until) and until is not None:
            done = f"snoozed until {formats.moment(until, _calendar(alert), now)}"
    elif what not in ACTS:
        raise Http404
    if done:
        steps = [step.step for step in alert.steps.all()]
        messages.success(request, f"“{alert_words.title(alert, steps)}” is {done}.")
    back = request.POST.get("back", "")
    return redirect(reverse("dashboard:alerts") + (back if back.startswith("?") else ""))


def _until(given: Mapping[str, Any], calendar: Calendar, now: datetime) -> tuple[datetime | None, str]:
    """The moment asked for, by the brand's clock; or what is wrong with it."""
    if given.get("for") == "hour":
        return now + timedelta(hours=1), ""
    if given.get("for") == "tomorrow":
        return _on_the_clock(calendar.local_date(now) + ONE_DAY, MORNING, calendar), ""
    form = UntilForm(given)
    if not form.is_valid():
        return None, " ".join(str(error) for errors in form.errors.values() for error in errors)
    until = _on_the_clock(form.cleaned_data["day"], form.cleaned_data["time"], calendar)
    if not now < until <= now + LONGEST_SNOOZE:
        return None, "Snooze until a moment to come, at most 31 days ahead."
    return until, ""


def _on_the_clock(day: Any, at: time, calendar: Calendar) -> datetime:
    zone = calendar.zone_at(calendar.day_start(day))
    return datetime.combine(day, at, zone)

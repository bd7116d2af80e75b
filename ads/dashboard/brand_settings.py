"""Settings of a brand changed on its page: its time zone, and the way back from a change; told before it is done."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone as clock
from django.views.decorators.http import require_http_methods

from ads import formats
from ads.admin.history import describe_put_back
from ads.dashboard import brand_words
from ads.dashboard.brand_acts import ask, meanwhile, tell
from ads.dashboard.brand_words import Line
from ads.dashboard.brands import own_brand
from ads.errors import ChangedMeanwhile, NotPutBack
from ads.models import Brand, Campaign, DaypartingSchedule
from ads.models.choices import zone_choices
from ads.rights import demand, right_to_change
from ads.rules.periods import ONE_DAY, Calendar
from ads.services import brand_acts, put_back
from ads.services.brand_acts import ZoneOutcome

BRAND, CAMPAIGN, WINDOW = "brand", "campaign", "window"
_HOUR = timedelta(hours=1)


class ZoneForm(forms.Form):
    timezone = forms.ChoiceField(required=False, choices=lambda: [("", ""), *zone_choices()])
    seen = forms.IntegerField(required=False)


@dataclass(frozen=True, slots=True)
class ZoneAsked:
    """The time zone that is chosen in the box, what follows from it, and the button that does it ('' for none)."""

    chosen: str
    seen: int
    lines: list[Line]
    label: str
    error: str = ""

    @property
    def zones(self) -> list[tuple[str, str]]:
        return zone_choices()


@require_http_methods(["GET", "HEAD", "POST"])
def timezone(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Changing the brand's time zone: from which day the new one rules is told first."""
    brand = own_brand(request, pk)
    if brand.archived_at is not None:
        raise Http404
    demand(request.user, right_to_change("timezone"))
    if request.method == "POST":
        return _save_zone(request, brand)
    asked = _zone_asked(request, brand, request.GET if "timezone" in request.GET else None)
    if request.headers.get("HX-Request") == "true" and "timezone" in request.GET:
        return render(request, "dashboard/brand/zone_then.html", {"brand": brand, "asked": asked})
    return ask(request, brand, "zone", asked)


def _save_zone(request: HttpRequest, brand: Brand) -> HttpResponseBase:
    form = ZoneForm(request.POST)
    if not form.is_valid():
        return ask(request, brand, "zone", _zone_asked(request, brand, request.POST))
    try:
        outcome = brand_acts.set_timezone(
            brand.pk,
            form.cleaned_data["timezone"],
            by=request.user,
            seen=form.cleaned_data["seen"],
            now=clock.now(),
        )
    except ChangedMeanwhile:
        again = own_brand(request, brand.pk)
        return ask(request, again, "zone", _zone_asked(request, again, request.POST, error=meanwhile(again)))
    messages.success(request, zone_lines(outcome)[0].text)
    tell(request, outcome.changes)
    return redirect("dashboard:brand", brand.pk)


def _zone_asked(request: HttpRequest, brand: Brand, given: Any, error: str = "") -> ZoneAsked:
    seen = brand_acts.last_change(brand)
    if given is None:
        return ZoneAsked(brand.timezone, seen, [], "")
    form = ZoneForm(given)
    chosen = str(given.get("timezone", ""))[:64]
    if not form.is_valid():
        return ZoneAsked(
            chosen, seen, [], "", f"“{chosen}” is not an IANA time zone; choose one of the list."
        )
    tried = brand_acts.set_timezone(brand.pk, chosen, by=request.user, dry_run=True, now=clock.now())
    lines = [*zone_lines(tried), *brand_words.changed(tried.changes)]
    return ZoneAsked(chosen, seen, lines, _zone_label(tried), error)


def zone_lines(outcome: ZoneOutcome) -> list[Line]:
    """From which day the new zone rules, and what goes with it; the first line is the main one."""
    before, after, now = outcome.before, outcome.after, outcome.now
    if before == after:
        return [Line("none", "muted", "This is the time zone already: nothing changes.")]
    ruling = before.zone_at(now)
    if len(after.spans) < len(before.spans):
        return [
            Line(
                "clock",
                "t-run",
                f"{ruling} goes on ruling: the change that was to come is dropped.",
                is_main=True,
            )
        ]
    span = after.spans[-1]
    text = f"{span.zone} rules from {formats.day(span.first_day)} on: from 00:00 there, {_in(ruling, after, now)}."
    lines = [Line("clock", "t-run", text, is_main=True)]
    last = span.first_day - ONE_DAY
    start, end = after.day_bounds(last)
    until = f"Until then days are those of {ruling}; {formats.day(last)} lasts {_hours(end - start)}."
    lines.append(Line("none", "muted", until))
    if outcome.followers:
        who = formats.counted(outcome.followers, "campaign")
        text = f"Flights, and the windows of {who} without a zone of their own, follow then."
        lines.append(Line("none", "muted", text))
    else:
        lines.append(Line("none", "muted", "Flights follow then."))
    lines.append(Line("none", "muted", "Spend that is recorded stays on the days that it has."))
    return lines


def _in(zone: Any, after: Calendar, now: datetime) -> str:
    """When the new zone begins by the clock of the one that rules until then."""
    return f"{formats.moment(after.switch_instants()[-1], Calendar.fixed(zone), now)} in {zone}"


def _hours(length: timedelta) -> str:
    minutes = (length % _HOUR) // timedelta(minutes=1)
    return f"{length // _HOUR} h" + (f" {minutes} min" if minutes else "")


def _zone_label(outcome: ZoneOutcome) -> str:
    if outcome.before == outcome.after:
        return ""
    if len(outcome.after.spans) < len(outcome.before.spans):
        return "Keep the present time zone"
    return f"Change from {formats.day(outcome.after.spans[-1].first_day)} on"


@require_http_methods(["GET", "HEAD", "POST"])
def put_back_change(request: HttpRequest, pk: int, kind: str, key: int) -> HttpResponseBase:
    """Putting back a change of the brand's settings, or of a campaign's: what follows is told first."""
    brand = own_brand(request, pk)
    owner, source = _change(brand, kind, key)
    needs = put_back.rights_to_put_back(source, put_back.before(source))
    if not needs:
        raise Http404
    demand(request.user, *needs)
    try:
        if request.method == "POST":
            done = put_back.put_back(owner, source, by=request.user, seen=request.POST.get("seen", ""))
            messages.success(request, "The change is put back.")
            tell(request, done.changes)
            return redirect("dashboard:brand", brand.pk)
        tried = put_back.put_back(owner, source, by=request.user, dry_run=True)
    except NotPutBack as error:
        return ask(request, brand, "put_back", {"error": f"{error}."})
    asked = {
        "of": owner,
        "url": request.path,
        "seen": put_back.last_change(owner),
        "changes": describe_put_back(owner, source, tried),
        "lines": brand_words.act_consequences(tried.changes),
    }
    return ask(request, brand, "put_back", asked)


def _change(brand: Brand, kind: str, key: int) -> tuple[Brand | Campaign, Any]:
    """Whose settings were changed, and the record of the change; raises Http404 where the brand has none such."""
    campaigns = Campaign.objects.filter(brand=brand).order_by()
    records = {
        BRAND: lambda: brand.history.all(),
        CAMPAIGN: lambda: Campaign.history.filter(id__in=campaigns.values("pk")),
        WINDOW: lambda: DaypartingSchedule.history.filter(campaign_id__in=campaigns.values("pk")),
    }
    source = records[kind]().filter(history_id=key).first() if kind in records else None
    if source is None:
        raise Http404
    if kind == BRAND:
        return brand, source
    return campaigns.select_related("brand").get(
        pk=source.id if kind == CAMPAIGN else source.campaign_id
    ), source

"""What people do on a brand's page: each act tells what follows before it is done, and what followed afterwards."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from ads import formats
from ads.dashboard import brand_words, wording
from ads.dashboard.brands import own_brand, render_page
from ads.errors import ChangedMeanwhile
from ads.forms import AmountField
from ads.models import Brand, Campaign, PeriodKind
from ads.rights import Right, demand
from ads.rules.money import to_micros
from ads.services import BudgetService, brand_acts, bulk
from ads.services.brand_acts import BudgetOutcome
from ads.services.enforcement import Change
from ads.services.standings import stand_brands

KINDS = {"daily": PeriodKind.DAY, "monthly": PeriodKind.MONTH}
LOOK_FIRST = "This would pause campaigns. Read what follows, then save once more."


class BudgetForm(forms.Form):
    seen = forms.IntegerField(required=False)
    told = forms.IntegerField(required=False)  # of how many campaigns that would pause its reader was told

    def __init__(self, data: Any, brand: Brand, period: str) -> None:
        super().__init__(data)
        self.fields["amount"] = AmountField(
            required=False, currency=brand.currency, present=_present(brand, period)
        )


@dataclass(frozen=True, slots=True)
class Edit:
    """A budget being edited: what is written in its box, what follows from it, or what is wrong with it."""

    period: str
    amount: str
    seen: int
    lines: list[brand_words.Line]
    label: str
    told: int
    error: str = ""

    @property
    def title(self) -> str:
        return f"{self.period.capitalize()} budget"


@require_http_methods(["GET", "HEAD", "POST"])
def budget(request: HttpRequest, pk: int, period: str) -> HttpResponseBase:
    """Editing one budget in place. While the amount is written, what would follow is asked for again and again."""
    brand = own_brand(request, pk)
    if period not in KINDS or brand.archived_at is not None:
        raise Http404
    demand(request.user, Right.EDIT_BUDGETS)
    if request.method == "POST":
        return _save(request, brand, period)
    is_asking = "amount" in request.GET
    edit = _edit(request, brand, period, request.GET if is_asking else None)
    if request.headers.get("HX-Request") == "true":
        template = "dashboard/brand/follows.html" if is_asking else "dashboard/brand/edit.html"
        return render(request, template, {"brand": brand, "edit": edit})
    return render_page(request, brand, timezone.now(), edit=edit)


def _save(request: HttpRequest, brand: Brand, period: str) -> HttpResponseBase:
    edit = _edit(request, brand, period, request.POST)
    form = BudgetForm(request.POST, brand, period)
    if edit.error or not form.is_valid():
        return render_page(request, brand, timezone.now(), edit=edit)
    if edit.told > 0 and form.cleaned_data["told"] != edit.told:
        return _again(request, brand, edit, LOOK_FIRST)
    try:
        outcome = brand_acts.set_budget(
            brand.pk,
            KINDS[period],
            _micros(form),
            by=request.user,
            seen=form.cleaned_data["seen"],
            now=timezone.now(),
        )
    except ChangedMeanwhile:
        return _again(request, again := own_brand(request, brand.pk), edit, meanwhile(again))
    if outcome.before != outcome.standing.budget:
        messages.success(request, brand_words.saved(edit.title, outcome, brand.currency))
        tell(request, outcome.changes)
    return redirect("dashboard:brand", brand.pk)


def _again(request: HttpRequest, brand: Brand, edit: Edit, error: str) -> HttpResponse:
    again = Edit(
        edit.period, edit.amount, brand_acts.last_change(brand), edit.lines, edit.label, edit.told, error
    )
    return render_page(request, brand, timezone.now(), edit=again)


def meanwhile(brand: Brand) -> str:
    """Who was faster, and when."""
    latest = brand.history.select_related("history_user").latest()
    who = latest.history_user.get_username() if latest.history_user else "Somebody"
    at = formats.moment(latest.history_date, brand.calendar, timezone.now())
    return f"{who} changed this brand’s settings at {at}; this is how they are now. Look again, then save."


def _edit(request: HttpRequest, brand: Brand, period: str, given: Any) -> Edit:
    """The box with what is written in it, or with the budget as it is, and what follows."""
    seen = brand_acts.last_change(brand)
    if given is None:
        present = _present(brand, period)
        amount = "" if present is None else f"{present:f}"
        return Edit(period, amount, seen, [], "Save", 0)
    form = BudgetForm(given, brand, period)
    amount = str(given.get("amount", ""))[:60]
    form.is_valid()
    seen = form.cleaned_data.get("seen") or seen
    errors = form.errors.get("amount")
    if errors:
        return Edit(period, amount, seen, [], "Save", 0, str(errors[0]))
    now = timezone.now()
    outcome = brand_acts.set_budget(
        brand.pk, KINDS[period], _micros(form), by=request.user, dry_run=True, now=now
    )
    renewed = wording.renewed_at(KINDS[period], brand.calendar.local_date(now))
    lines = brand_words.budget_consequences(outcome, KINDS[period], brand.currency, renewed)
    return Edit(period, amount, seen, lines, brand_words.save_label(outcome), _stopped(outcome))


def _present(brand: Brand, period: str) -> Decimal | None:
    return brand.daily_budget if period == "daily" else brand.monthly_budget


def _micros(form: BudgetForm) -> int | None:
    amount: Decimal | None = form.cleaned_data["amount"]
    return None if amount is None else to_micros(amount)


def _stopped(outcome: BudgetOutcome) -> int:
    return len(brand_words.stopped(outcome.changes))


@require_http_methods(["GET", "HEAD", "POST"])
def switch(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Switching the brand off or on: what follows is told first."""
    brand = own_brand(request, pk)
    if brand.archived_at is not None:
        raise Http404
    demand(request.user, Right.SWITCH)
    on = (request.POST if request.method == "POST" else request.GET).get("on") == "yes"
    if request.method == "POST":
        changes = brand_acts.switch(brand.pk, on=on, by=request.user)
        messages.success(request, f"{brand.name} is switched {'on' if on else 'off'}.")
        tell(request, changes)
        return redirect("dashboard:brand", brand.pk)
    changes = brand_acts.switch(brand.pk, on=on, by=request.user, dry_run=True)
    asked = {
        "on": on,
        "lines": brand_words.switch_consequences(changes),
        "label": brand_words.switch_label(changes, on=on),
    }
    return ask(request, brand, "switch", asked)


@require_http_methods(["GET", "HEAD", "POST"])
def reset(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Starting the count of a period afresh: what follows from each choice is told first."""
    brand = own_brand(request, pk)
    if brand.archived_at is not None:
        raise Http404
    demand(request.user, Right.RESET_BUDGETS)
    if request.method == "POST":
        period = request.POST.get("period", "")
        if period not in KINDS:
            raise Http404
        done = BudgetService.reset_budgets(
            brands=[brand], daily=period == "daily", monthly=period == "monthly", by=request.user
        )
        what = "today" if period == "daily" else "this month"
        messages.success(request, f"The budgets of {brand.name} start afresh for {what}.")
        tell(request, done.changes)
        return redirect("dashboard:brand", brand.pk)
    return ask(request, brand, "reset", {"choices": [_choice(request, brand, period) for period in KINDS]})


def _choice(request: HttpRequest, brand: Brand, period: str) -> dict[str, Any]:
    now = timezone.now()
    standing = stand_brands([brand], now)[brand.pk]
    counted = (standing.day if period == "daily" else standing.month).counted
    tried = BudgetService.reset_budgets(
        brands=[brand], daily=period == "daily", monthly=period == "monthly", dry_run=True, by=request.user
    )
    return {
        "period": period,
        "title": "Today" if period == "daily" else "This month",
        "counted": formats.money(counted, brand.currency),
        "is_of_use": bool(tried.waivers),
        "lines": brand_words.act_consequences(tried.changes),
        "label": brand_words.reset_label(tried.changes, period),
    }


def ask(request: HttpRequest, brand: Brand, act: str, asked: Any) -> HttpResponse:
    """What is asked before an act, alone or at its place in the whole page."""
    if request.headers.get("HX-Request") == "true":
        return render(request, f"dashboard/brand/{act}.html", {"brand": brand, "asked": asked})
    return render_page(request, brand, timezone.now(), act=act, asked=asked)


@require_POST
def switch_campaign(request: HttpRequest, pk: int, campaign_pk: int) -> HttpResponseBase:
    """Switching one campaign off or on."""
    brand = own_brand(request, pk)
    campaign = get_object_or_404(Campaign, pk=campaign_pk, brand=brand, archived_at__isnull=True)
    demand(request.user, Right.SWITCH)
    on = request.POST.get("on") == "yes"
    changes = bulk.switch_campaigns(Campaign.objects.filter(pk=campaign.pk), on=on, by=request.user)
    campaign.refresh_from_db()
    told = f"{campaign.name} is switched {'on' if on else 'off'}"
    if on and campaign.reasons:
        told += f" and still does not run: {brand_words.all_reasons(campaign.reasons).lower()}"
    elif on and changes:
        told += " and runs now"
    messages.success(request, f"{told}.")
    return redirect("dashboard:brand", brand.pk)


def tell(request: HttpRequest, changes: list[Change]) -> None:
    """Leaves what followed as messages for the next page."""
    for sentence in brand_words.done_sentences(changes):
        messages.info(request, sentence)

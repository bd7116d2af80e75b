"""The page that asks before budgets start afresh, and says what follows from each answer."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import helpers
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from ads import formats
from ads.admin import cells
from ads.admin.telling import sentences, tell
from ads.models import Brand, BrandQuerySet
from ads.services import BudgetService
from ads.services.standings import stand_brands

MOST_BRANDS = 200


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer, what it does to the periods' counts, and what follows for campaigns."""

    value: str
    label: str
    consequences: list[str]


@dataclass(frozen=True, slots=True)
class Period:
    """What can start afresh."""

    label: str
    daily: bool
    monthly: bool


PERIODS = {
    "day": Period("Today", daily=True, monthly=False),
    "month": Period("This month", daily=False, monthly=True),
    "both": Period("Today and this month", daily=True, monthly=True),
}


class ResetForm(forms.Form):
    period = forms.ChoiceField(choices=[(value, period.label) for value, period in PERIODS.items()])


def reset_budgets_page(
    model_admin: Any, request: HttpRequest, queryset: BrandQuerySet
) -> HttpResponse | None:
    """Asks which period, saying the consequence of each by trying it; the answer starts it afresh."""
    brands = list(queryset.order_by("name")[: MOST_BRANDS + 1])
    if len(brands) > MOST_BRANDS:
        model_admin.message_user(request, f"Choose at most {MOST_BRANDS} brands at a time.", messages.ERROR)
        return None
    form = ResetForm(request.POST if "period" in request.POST else None)
    if form.is_valid():
        _reset(model_admin, request, brands, PERIODS[form.cleaned_data["period"]])
        return None
    now = timezone.now()
    standings = stand_brands(brands, now)
    title = f"Start budgets of {_who(brands)} afresh"
    context = {
        **model_admin.admin_site.each_context(request),
        "title": title,
        "opts": model_admin.opts,
        "brands": [(brand, standings[brand.pk], *_counted(brand, standings[brand.pk])) for brand in brands],
        "choices": [_choice(brands, value, period) for value, period in PERIODS.items()],
        "selected": [brand.pk for brand in brands],
        "checkbox_name": helpers.ACTION_CHECKBOX_NAME,
        "form": form,
        "back_url": cells.change_url(brands[0]) if model_admin.is_act(request) else cells.list_url(Brand),
    }
    return TemplateResponse(request, "admin/ads/brand/reset.html", context)


def _counted(brand: Brand, standing: Any) -> tuple[str, str]:
    return tuple(
        f"{formats.money(period.counted, brand.currency)} of {formats.limit(period.budget, brand.currency)}"
        if period.budget is not None
        else f"{formats.money(period.counted, brand.currency)}, no limit set"
        for period in (standing.day, standing.month)
    )  # type: ignore[return-value]


def _choice(brands: list[Brand], value: str, period: Period) -> Choice:
    tried = BudgetService.reset_budgets(
        brands=brands, daily=period.daily, monthly=period.monthly, dry_run=True
    )
    brand_waivers = [waiver for waiver in tried.waivers if waiver.campaign_id is None]
    if not brand_waivers:
        return Choice(value, period.label, ["Nothing counts yet, so nothing would change."])
    currencies = {brand.pk: brand.currency for brand in brands}
    names = {brand.pk: brand.name for brand in brands}
    counts = [
        f"{formats.exact_money(waiver.amount_micros, currencies[waiver.brand_id])} of {names[waiver.brand_id]} "
        f"would stop counting against the {'daily' if waiver.kind == 'DAY' else 'monthly'} budget."
        for waiver in brand_waivers[:10]
    ]
    if len(brand_waivers) > 10:
        counts.append(f"And so on for {len(brand_waivers) - 10} more.")
    followed = [sentence for _, sentence in sentences(tried.changes, are_planned=True)] or [
        "No campaign would change its status."
    ]
    return Choice(value, period.label, counts + followed)


def _reset(model_admin: Any, request: HttpRequest, brands: list[Brand], period: Period) -> None:
    done = BudgetService.reset_budgets(
        brands=brands, daily=period.daily, monthly=period.monthly, by=request.user
    )
    text = f"{period.label}: the budgets of {_who(brands)} start afresh."
    model_admin.message_user(request, text, messages.SUCCESS)
    tell(request, done.changes)


def _who(brands: list[Brand]) -> str:
    return brands[0].name if len(brands) == 1 else formats.counted(len(brands), "brand")

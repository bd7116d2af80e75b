"""Brands: where each stands in its day and month, its campaigns, and what people do to it."""

from collections.abc import Sequence
from functools import partial
from typing import Any, cast

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminSelect2Widget

from ads import formats
from ads.admin import cells
from ads.admin.base import ChoiceFilter, SettingsAdmin, visible
from ads.admin.budget_percent import change_budgets_page
from ads.admin.filters import CurrencyFilter
from ads.admin.resets import reset_budgets_page
from ads.admin.settings_form import SettingsForm, amount_field
from ads.admin.telling import tell
from ads.admin.warnings import more_than_the_brand
from ads.models import Brand, BrandQuerySet, Campaign, PeriodKind
from ads.models.choices import zone_choices
from ads.rights import Person, Right, may, may_manage
from ads.services import bulk, consequences
from ads.services.budget_percent import Budget
from ads.services.standings import BrandStanding, at_their_limit, stand_brands

CAMPAIGNS_SHOWN = 50


class BrandForm(SettingsForm[Brand]):
    amounts = ("daily_budget", "monthly_budget")
    by: Person = AnonymousUser()
    daily_budget = amount_field("Daily budget")
    monthly_budget = amount_field("Monthly budget")

    class Meta:
        model = Brand
        fields = ("name", "is_active", "timezone", "currency", "assigned_to")
        labels = {"is_active": "Active", "timezone": "Time zone"}
        help_texts = {"is_active": "While this is off, none of the brand’s campaigns runs."}
        widgets = {"timezone": UnfoldAdminSelect2Widget(), "currency": UnfoldAdminSelect2Widget()}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "timezone" in self.fields:
            system = ("", f"The system’s ({settings.TIME_ZONE})")
            self.fields["timezone"].choices = [system, *zone_choices()]  # type: ignore[attr-defined]
        if self.instance.pk is not None:
            self.name_currency(self.instance.currency)

    @property
    def currency(self) -> str:
        if "currency" not in self.fields:
            return self.instance.currency
        return str(self.data.get(self.add_prefix("currency"), self.instance.currency))

    def clean_assigned_to(self) -> QuerySet[User]:
        people: QuerySet[User] = self.cleaned_data["assigned_to"]
        assigned = set() if self.instance.pk is None else set(self.instance.assigned_to.all())
        for person in sorted(assigned.symmetric_difference(people), key=str):
            if not may_manage(self.by, person):
                raise ValidationError(f"{person} has rights that you have not; you may not change them.")
        return people


class ArchivedFilter(ChoiceFilter):
    """Archived rows are out of the lists unless somebody asks for them."""

    title = "archived"
    parameter_name = "archived"
    all_option = ["", "Not archived"]
    options = (("yes", "Archived only"), ("all", "Archived and not"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "all":
            return queryset
        return queryset.filter(archived_at__isnull=self.value() != "yes")


class ActiveFilter(ChoiceFilter):
    title = "active"
    parameter_name = "active"
    options = (("yes", "Active"), ("no", "Switched off"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(is_active=self.value() == "yes") if self.value() else queryset


class BudgetReachedFilter(ChoiceFilter):
    title = "budget reached"
    parameter_name = "reached"
    options = (("day", "Today's"), ("month", "This month's"), ("any", "Today's or this month's"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        kinds = {
            "day": [PeriodKind.DAY],
            "month": [PeriodKind.MONTH],
            "any": [PeriodKind.DAY, PeriodKind.MONTH],
        }.get(self.value() or "")
        if kinds is None:
            return queryset
        now = timezone.now()
        reached = {pk for kind in kinds for pk in at_their_limit(cast("BrandQuerySet", queryset), kind, now)}
        return queryset.filter(pk__in=reached)


@admin.register(Brand)
class BrandAdmin(SettingsAdmin[Brand]):
    form = BrandForm
    needs = {
        "view": {Right.SEE},
        "add": {Right.EDIT_SETTINGS},
        "change": {Right.EDIT_BUDGETS, Right.SWITCH, Right.EDIT_SETTINGS, Right.MANAGE_PEOPLE},
        "delete": {Right.EDIT_SETTINGS},
    }
    list_display = ("brand", "today", "this_month", "campaigns_running", "zone")
    list_filter = (BudgetReachedFilter, ActiveFilter, ArchivedFilter, CurrencyFilter)
    search_fields = ("name",)
    search_help_text = "Search by name"
    empty_text = (
        "No brands here. A brand is a client with its budgets; add the first one, or clear the filters."
    )
    actions = ("switch_on", "switch_off", "change_budgets", "reset_budgets", "archive", "restore")
    acts = {
        "switch_on": "Switch on",
        "switch_off": "Switch off",
        "reset_budgets": "Start budgets afresh …",
        "archive": "Archive",
        "restore": "Restore",
    }
    acts_with_page = frozenset({"reset_budgets"})
    autocomplete_fields = ("assigned_to",)
    fieldsets = (
        (None, {"fields": ("name", "is_active")}),
        ("Budgets", {"fields": ("daily_budget", "monthly_budget")}),
        ("Place", {"fields": ("currency", "timezone")}),
        ("People", {"fields": ("assigned_to",)}),
    )

    def load_page(self, request: HttpRequest, rows: Sequence[Brand]) -> None:
        standings = stand_brands(rows, timezone.now())
        for brand in rows:
            brand.__dict__["standing"] = standings[brand.pk]

    @admin.display(description="Brand", ordering="name")
    def brand(self, brand: Brand) -> SafeString:
        return cells.brand_name(brand)

    @admin.display(description="Today")
    def today(self, brand: Brand) -> SafeString:
        return cells.against_budget(_standing(brand).day, brand.currency)

    @admin.display(description="This month")
    def this_month(self, brand: Brand) -> SafeString:
        return cells.against_budget(_standing(brand).month, brand.currency)

    @admin.display(description="Campaigns")
    def campaigns_running(self, brand: Brand) -> SafeString:
        standing = _standing(brand)
        if not standing.total:
            return cells.muted("No campaigns")
        return cells.lines(f"{standing.running:,} of {standing.total:,}", cells.muted("running"))

    @admin.display(description="Time zone", ordering="timezone")
    def zone(self, brand: Brand) -> SafeString:
        calendar, now = _standing(brand).calendar, timezone.now()
        return cells.lines(str(calendar.zone_at(now)), cells.muted(f"{formats.clock(now, calendar)} now"))

    def get_readonly_fields(self, request: HttpRequest, obj: Brand | None = None) -> tuple[str, ...]:
        fixed = ("currency",) if obj is not None and obj.has_spend() else ()
        return *super().get_readonly_fields(request, obj), *fixed

    @admin.display(description="Daily budget")
    def daily_budget(self, brand: Brand) -> str:
        return formats.limit(brand.daily_budget_micros, brand.currency)

    @admin.display(description="Monthly budget")
    def monthly_budget(self, brand: Brand) -> str:
        return formats.limit(brand.monthly_budget_micros, brand.currency)

    def get_form(
        self, request: HttpRequest, obj: Brand | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.by = request.user
        return form

    def buttons(self, request: HttpRequest, row: Brand) -> list[str]:
        switch = "switch_off" if row.is_active else "switch_on"
        return [switch, "reset_budgets", "restore" if row.archived_at else "archive"]

    def save_model(self, request: HttpRequest, obj: Brand, form: ModelForm[Brand], change: bool) -> None:
        if change and isinstance(form, SettingsForm):
            form.mark = consequences.mark({obj.pk})
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if not change and not may(request.user, Right.SEE_ALL_BRANDS):
            form.instance.assigned_to.add(request.user)
        if form.mark is not None:
            tell(request, consequences.since(form.mark))
        if "_continue" not in request.POST:  # the brand's own page says it all the time
            for sentence in more_than_the_brand(form.instance):
                self.message_user(request, sentence, messages.WARNING)

    def page_context(self, request: HttpRequest, row: Brand) -> dict[str, Any]:
        return super().page_context(request, row) | _page(request, row)

    @admin.action(permissions=["switch"], description="Switch on selected brands")
    def switch_on(self, request: HttpRequest, queryset: BrandQuerySet) -> None:
        do = partial(bulk.switch_brands, queryset, on=True, by=request.user)
        self.do(request, queryset, "switched on", do)

    @admin.action(permissions=["switch"], description="Switch off selected brands")
    def switch_off(self, request: HttpRequest, queryset: BrandQuerySet) -> None:
        do = partial(bulk.switch_brands, queryset, on=False, by=request.user)
        self.do(request, queryset, "switched off", do)

    @admin.action(permissions=["budgets"], description="Change budgets of selected brands by percent …")
    def change_budgets(self, request: HttpRequest, queryset: BrandQuerySet) -> HttpResponse | None:
        return change_budgets_page(self, request, queryset, (Budget.DAILY, Budget.MONTHLY))

    @admin.action(permissions=["settings"], description="Archive selected brands")
    def archive(self, request: HttpRequest, queryset: BrandQuerySet) -> None:
        do = partial(bulk.archive_brands, queryset, by=request.user)
        self.do(request, queryset, "archived; spend is still recorded", do)

    @admin.action(permissions=["settings"], description="Restore selected brands")
    def restore(self, request: HttpRequest, queryset: BrandQuerySet) -> None:
        do = partial(bulk.restore_brands, queryset, by=request.user)
        self.do(request, queryset, "restored", do)

    @admin.action(permissions=["reset"], description="Start budgets of selected brands afresh …")
    def reset_budgets(self, request: HttpRequest, queryset: BrandQuerySet) -> HttpResponse | None:
        return reset_budgets_page(self, request, queryset)


def _standing(brand: Brand) -> BrandStanding:
    return cast("BrandStanding", brand.__dict__["standing"])


def _page(request: HttpRequest, brand: Brand) -> dict[str, Any]:
    now = timezone.now()
    standing = stand_brands([brand], now)[brand.pk]
    campaigns = visible(Campaign.objects.filter(brand=brand, archived_at__isnull=True), request)
    return {
        "standing": standing,
        "periods": [
            {"title": "Today", "when": formats.day(standing.today), **_period(standing.day, brand.currency)},
            {
                "title": "This month",
                "when": formats.month(standing.today),
                **_period(standing.month, brand.currency),
            },
        ],
        "zone_line": f"{standing.calendar.zone_at(now)}, {formats.clock(now, standing.calendar)} now",
        "notes": list(more_than_the_brand(brand)),
        "campaigns": [
            {"link": cells.link(campaign), "status": cells.status(campaign.status, campaign.reasons)}
            for campaign in campaigns.order_by("name")[:CAMPAIGNS_SHOWN]
        ],
        "campaigns_url": cells.list_url(Campaign, f"brand__id__exact={brand.pk}"),
    }


def _period(standing: Any, currency: str) -> dict[str, Any]:
    used = formats.percent_used(standing.counted, standing.budget)
    return {
        "counted": formats.money(standing.counted, currency),
        "budget": formats.limit(standing.budget, currency),
        "has_budget": standing.budget is not None,
        "spent": formats.exact_money(standing.spent, currency),
        "waived": formats.exact_money(standing.waived, currency),
        "remaining": "" if standing.remaining is None else formats.left_or_over(standing.remaining, currency),
        "is_over": standing.remaining is not None and standing.remaining < 0,
        "used": "" if used is None else f"{used}% used",
        "bar": cells.bar(standing),
    }

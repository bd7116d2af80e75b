"""Campaigns: which run, which do not and why, their windows, and what people ask of them."""

from collections.abc import Sequence
from functools import partial
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminSelect2Widget, UnfoldAdminTimeWidget

from ads import formats
from ads.admin import cells
from ads.admin.base import (
    EVERYTHING,
    BaseTabularInline,
    ChoiceFilter,
    OfImportFilter,
    SettingsAdmin,
    VisibleFilter,
)
from ads.admin.brands import ArchivedFilter
from ads.admin.budget_percent import change_budgets_page
from ads.admin.filters import BrandCurrencyFilter, PlatformFilter, ReasonFilter
from ads.admin.settings_form import SettingsForm, amount_field
from ads.admin.telling import tell
from ads.admin.verdict import verdict, week_of
from ads.admin.warnings import more_than_the_brand
from ads.dashboard import weekgrid
from ads.forms import EndTimeField
from ads.models import Brand, Campaign, CampaignAlias, CampaignQuerySet, DaypartingSchedule, StatusChange
from ads.models.choices import zone_choices
from ads.models.dayparting import DAYS
from ads.rights import Right, may
from ads.rules.serving import Status
from ads.services import CampaignService, bulk, consequences
from ads.services.budget_percent import Budget
from ads.services.campaign_settings import last_change_of_windows
from ads.services.imported import campaigns_created
from ads.services.standings import CampaignStanding, stand_campaigns

CHANGES_SHOWN = 10
ALIASES_SHOWN = 20


class CampaignForm(SettingsForm[Campaign]):
    amounts = ("daily_budget", "monthly_budget", "total_budget")
    daily_budget = amount_field("Daily budget")
    monthly_budget = amount_field("Monthly budget")
    total_budget = amount_field("Total budget")
    windows_timezone = forms.ChoiceField(
        label="Time zone of the windows",
        required=False,
        choices=lambda: [("", "The brand’s"), *zone_choices()],
        widget=UnfoldAdminSelect2Widget(),
        help_text="One zone for all windows below. Windows in another zone move to this one.",
    )

    class Meta:
        model = Campaign
        fields = ("brand", "name", "enabled", "start_date", "end_date", "platform", "account", "external_id")
        labels = {
            "enabled": "Switched on",
            "start_date": "First day",
            "end_date": "Last day",
            "external_id": "Id on the platform",
        }
        help_texts = {
            "enabled": "What people ask of it. The system pauses and resumes it, and never changes this.",
            "external_id": "",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            self.name_currency(self.instance.brand.currency)
            zone = self.instance.schedules.values_list("timezone", flat=True).first()
            self.initial.setdefault("windows_timezone", zone or "")

    @property
    def currency(self) -> str:
        chosen = str(self.data.get(self.add_prefix("brand"), ""))
        brand_id = self.instance.brand_id or (int(chosen) if chosen.isdecimal() else 0)
        return Brand.objects.filter(pk=brand_id).values_list("currency", flat=True).first() or ""

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        brand_id = getattr(self.cleaned_data.get("brand"), "pk", None) or self.instance.brand_id
        name = self.cleaned_data.get("name")
        # The brand is no field of the form once the campaign exists, so Django leaves this out.
        others = Campaign.objects.filter(brand_id=brand_id, name=name).exclude(pk=self.instance.pk)
        if name and brand_id and others.exists():
            self.add_error("name", "The brand has a campaign of this name already; give it another one.")
        return cleaned


class WindowForm(forms.ModelForm[DaypartingSchedule]):
    """A window; what its edges mean stands above the rows."""

    end_time = EndTimeField(
        label="Until", widget=UnfoldAdminTimeWidget({"aria-label": "Until"}, format="%H:%M")
    )

    class Meta:
        model = DaypartingSchedule
        fields = ("day_of_week", "start_time", "end_time")
        widgets = {"start_time": UnfoldAdminTimeWidget({"aria-label": "From"}, format="%H:%M")}
        help_texts = {"day_of_week": "", "start_time": ""}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "day_of_week" in self.fields:
            self.fields["day_of_week"].choices = [("", "Every day"), *DAYS]  # type: ignore[attr-defined]
            self.fields["day_of_week"].widget.attrs["aria-label"] = "Day"


class WindowInline(BaseTabularInline[DaypartingSchedule, Campaign]):
    model = DaypartingSchedule
    form = WindowForm
    needs = {what: {Right.EDIT_SCHEDULES} for what in EVERYTHING} | {"view": {Right.SEE}}
    verbose_name = "window"
    verbose_name_plural = "Windows in which it may run"
    template_before = "admin/ads/campaign/windows.html"


class ExactWindowInline(WindowInline):
    """Behind the week that is painted: windows off the half hour, and their fields where there is no script."""

    verbose_name_plural = "Exact windows, to the minute"
    classes = ("collapse",)


class StatusFilter(ChoiceFilter):
    title = "status"
    parameter_name = "is"
    options = tuple((status.value, formats.look(status).word) for status in Status)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(status=self.value()) if self.value() else queryset


class CampaignChoicesView(AutocompleteJsonView):
    """Campaigns to choose from, each with its brand and currency."""

    def get_queryset(self) -> QuerySet[Any]:
        found, brand = super().get_queryset().select_related("brand"), self.request.GET.get("brand", "")
        return found.filter(brand=brand) if brand.isdecimal() else found

    def serialize_result(self, obj: Any, to_field_name: str) -> dict[str, str]:
        return {"id": str(obj.pk), "text": cells.campaign_label(obj)}


class CreatedByImportFilter(OfImportFilter):
    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return (
            queryset if self.import_id is None else queryset.filter(pk__in=campaigns_created(self.import_id))
        )


@admin.register(Campaign)
class CampaignAdmin(SettingsAdmin[Campaign]):
    form = CampaignForm
    needs = {
        "view": {Right.SEE},
        "add": {Right.EDIT_SETTINGS},
        "change": {Right.EDIT_BUDGETS, Right.SWITCH, Right.EDIT_SCHEDULES, Right.EDIT_SETTINGS},
        "delete": {Right.EDIT_SETTINGS},
    }
    list_display = ("campaign", "runs", "today", "this_month", "flight", "next_change")
    list_select_related = ("brand",)
    list_filter = (
        StatusFilter,
        ReasonFilter,
        ("brand", VisibleFilter),
        BrandCurrencyFilter,
        PlatformFilter,
        ArchivedFilter,
        CreatedByImportFilter,
    )
    search_fields = ("name", "external_id", "brand__name")
    search_help_text = "Search by name, brand or id on the platform"
    empty_text = "No campaigns here. Add one to a brand, or clear the filters."
    autocomplete_fields = ("brand",)
    actions = ("switch_on", "switch_off", "change_budgets", "copy", "archive", "restore")
    acts = {
        "switch_on": "Switch on",
        "switch_off": "Switch off",
        "copy": "Copy",
        "archive": "Archive",
        "restore": "Restore",
    }
    fieldsets = (
        (None, {"fields": ("brand", "name", "enabled")}),
        ("Budgets", {"fields": ("daily_budget", "monthly_budget", "total_budget")}),
        ("Flight", {"fields": ("start_date", "end_date")}),
        ("Platform", {"fields": ("platform", "account", "external_id")}),
        ("Dayparting", {"fields": ("windows_timezone",)}),
    )

    def get_urls(self) -> list[URLPattern]:
        choices = CampaignChoicesView.as_view(admin_site=self.admin_site)
        return [
            path("choices/", self.admin_site.admin_view(choices), name="ads_campaign_choices"),
            *super().get_urls(),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Campaign]:
        return super().get_queryset(request).select_related("brand")

    def get_inlines(self, request: HttpRequest, obj: Campaign | None) -> Any:
        return (WindowInline,) if obj is None else (ExactWindowInline,)

    def load_page(self, request: HttpRequest, rows: Sequence[Campaign]) -> None:
        standings = stand_campaigns(rows, timezone.now())
        for campaign in rows:
            campaign.__dict__["standing"] = standings[campaign.pk]

    @admin.display(description="Campaign", ordering="name")
    def campaign(self, campaign: Campaign) -> SafeString:
        where = " · ".join(part for part in (campaign.brand.name, campaign.platform) if part)
        archived = cells.tag("Archived") if campaign.archived_at else ""
        return cells.lines(cells.name(campaign.name), cells.muted(where), archived)

    @admin.display(description="Status", ordering="status")
    def runs(self, campaign: Campaign) -> SafeString:
        return cells.status(campaign.status, campaign.reasons)

    @admin.display(description="Today")
    def today(self, campaign: Campaign) -> SafeString:
        return cells.against_budget(_standing(campaign).day, campaign.brand.currency)

    @admin.display(description="This month")
    def this_month(self, campaign: Campaign) -> SafeString:
        return cells.against_budget(_standing(campaign).month, campaign.brand.currency)

    @admin.display(description="Whole flight")
    def flight(self, campaign: Campaign) -> SafeString:
        return cells.against_budget(_standing(campaign).flight, campaign.brand.currency)

    @admin.display(description="Next change", ordering="next_transition_at")
    def next_change(self, campaign: Campaign) -> SafeString:
        return cells.when(campaign.next_transition_at, _standing(campaign).calendar, timezone.now())

    def get_readonly_fields(self, request: HttpRequest, obj: Campaign | None = None) -> tuple[str, ...]:
        fixed = ("brand",) if obj is not None else ()  # a campaign belongs to one brand for ever
        return *super().get_readonly_fields(request, obj), *fixed

    @admin.display(description="Daily budget")
    def daily_budget(self, campaign: Campaign) -> str:
        return formats.limit(campaign.daily_budget_micros, campaign.brand.currency)

    @admin.display(description="Monthly budget")
    def monthly_budget(self, campaign: Campaign) -> str:
        return formats.limit(campaign.monthly_budget_micros, campaign.brand.currency)

    @admin.display(description="Total budget")
    def total_budget(self, campaign: Campaign) -> str:
        return formats.limit(campaign.total_budget_micros, campaign.brand.currency)

    @admin.display(description="Time zone of the windows")
    def windows_timezone(self, campaign: Campaign) -> str:
        window = campaign.schedules.first()
        return window.timezone if window and window.timezone else "The brand’s"

    def buttons(self, request: HttpRequest, row: Campaign) -> list[str]:
        return [
            "switch_off" if row.enabled else "switch_on",
            "copy",
            "restore" if row.archived_at else "archive",
        ]

    def save_model(
        self, request: HttpRequest, obj: Campaign, form: ModelForm[Campaign], change: bool
    ) -> None:
        if isinstance(form, SettingsForm):
            form.mark = consequences.mark({obj.brand_id})
        super().save_model(request, obj, form, change)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        if not may(request.user, Right.EDIT_SCHEDULES):
            return
        zone = form.cleaned_data["windows_timezone"]
        windows = formset.save(commit=False)
        for window in formset.deleted_objects:
            window.delete()
        # All windows have one zone, so those that stay get it in one statement before the others are saved.
        DaypartingSchedule.objects.filter(campaign=form.instance).exclude(timezone=zone).update(timezone=zone)
        for window in windows:
            window.timezone = zone
            window.save()

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        form.instance.refresh_from_db()
        if change:
            tell(request, consequences.since(form.mark))
        else:
            self._tell_first_status(request, form.instance)
        for sentence in more_than_the_brand(form.instance.brand):
            self.message_user(request, sentence, messages.WARNING)

    def page_context(self, request: HttpRequest, row: Campaign) -> dict[str, Any]:
        return super().page_context(request, row) | _page(row) | _week(request, row)

    @admin.action(permissions=["switch"], description="Switch on selected campaigns")
    def switch_on(self, request: HttpRequest, queryset: CampaignQuerySet) -> None:
        do = partial(bulk.switch_campaigns, queryset, on=True, by=request.user)
        self.do(request, queryset, "switched on", do)

    @admin.action(permissions=["switch"], description="Switch off selected campaigns")
    def switch_off(self, request: HttpRequest, queryset: CampaignQuerySet) -> None:
        do = partial(bulk.switch_campaigns, queryset, on=False, by=request.user)
        self.do(request, queryset, "switched off", do)

    @admin.action(permissions=["budgets"], description="Change budgets of selected campaigns by percent …")
    def change_budgets(self, request: HttpRequest, queryset: CampaignQuerySet) -> HttpResponse | None:
        return change_budgets_page(self, request, queryset, tuple(Budget))

    @admin.action(permissions=["add"], description="Copy selected campaigns")
    def copy(self, request: HttpRequest, queryset: CampaignQuerySet) -> None:
        for copy in bulk.copy_campaigns(queryset, by=request.user):
            self.message_user(request, cells.copied(copy), messages.SUCCESS)

    @admin.action(permissions=["settings"], description="Archive selected campaigns")
    def archive(self, request: HttpRequest, queryset: CampaignQuerySet) -> None:
        do = partial(bulk.archive_campaigns, queryset, by=request.user)
        self.do(request, queryset, "archived; spend is still recorded", do)

    @admin.action(permissions=["settings"], description="Restore selected campaigns")
    def restore(self, request: HttpRequest, queryset: CampaignQuerySet) -> None:
        do = partial(bulk.restore_campaigns, queryset, by=request.user)
        self.do(request, queryset, "restored", do)

    def _tell_first_status(self, request: HttpRequest, campaign: Campaign) -> None:
        runs, reasons = CampaignService.should_campaign_be_active(campaign)
        if runs:
            self.message_user(request, f"{campaign.name} runs from now on.", messages.SUCCESS)
        else:
            self.message_user(
                request, f"{campaign.name} does not run yet: {', '.join(reasons)}.", messages.WARNING
            )


def _standing(campaign: Campaign) -> CampaignStanding:
    return cast("CampaignStanding", campaign.__dict__["standing"])


def _week(request: HttpRequest, campaign: Campaign) -> dict[str, Any]:
    windows, calendar, zone = week_of(campaign, campaign.brand.calendar)
    return {
        "campaign": campaign,
        "grid": weekgrid.grid(windows, calendar, timezone.now()),
        "has_own_zone": bool(zone),
        "may_schedule": may(request.user, Right.EDIT_SCHEDULES),
        "seen_windows": last_change_of_windows(campaign),
        "week_query": weekgrid.FROM_ADMIN,
    }


def _page(campaign: Campaign) -> dict[str, Any]:
    now = timezone.now()
    decided = verdict(campaign, now)
    changes = StatusChange.objects.filter(campaign=campaign).order_by("-pk")[:CHANGES_SHOWN]
    return {
        "verdict": decided,
        "pause_shape": cells.shape("‖"),
        "changes": [
            {
                "at": cells.when(change.at, decided.calendar, now, seconds=True),
                "from": cells.status(change.from_status, change.from_reasons),
                "to": cells.status(change.to_status, change.reasons),
                "cause": change.get_cause_display(),
                "by": change.by,
            }
            for change in changes
        ],
        "aliases": CampaignAlias.objects.filter(campaign=campaign).order_by("-pk")[:ALIASES_SHOWN],
        "aliases_url": cells.list_url(CampaignAlias, f"campaign__id__exact={campaign.pk}"),
        "changes_url": cells.list_url(StatusChange, f"campaign__id__exact={campaign.pk}"),
    }

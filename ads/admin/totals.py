"""What only the system writes: totals by period, waivers, changes of status. To look at, never to edit."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import RangeDateFilter

from ads import formats
from ads.admin import cells
from ads.admin.base import ChoiceFilter, ReadOnlyAdmin, VisibleFilter, of_campaigns_named
from ads.admin.filters import ReasonFilter
from ads.models import Brand, BrandPeriod, CampaignPeriod, Cause, PeriodKind, StatusChange, Waiver
from ads.models.period import Period
from ads.rights import Right
from ads.rules.serving import Status
from ads.services.standings import Standing


class PeriodFilter(ChoiceFilter):
    title = "period"
    parameter_name = "kind"
    options = tuple((kind.value, kind.label) for kind in PeriodKind)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


class BrandPeriodFilter(PeriodFilter):
    options = tuple((kind.value, kind.label) for kind in PeriodKind if kind != PeriodKind.FLIGHT)


class BecameFilter(ChoiceFilter):
    title = "new status"
    parameter_name = "became"
    options = tuple((status.value, formats.look(status).word) for status in Status)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(to_status=self.value()) if self.value() else queryset


class CauseFilter(ChoiceFilter):
    title = "cause"
    parameter_name = "cause"
    options = tuple((cause.value, cause.label) for cause in Cause)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(cause=self.value()) if self.value() else queryset


class PeriodAdmin(ReadOnlyAdmin[Any]):
    """Columns that both kinds of totals share."""

    needs = {"view": {Right.SEE}}
    fields = ("of", "period", "spent_amount", "waived_amount", "result", "closed")
    list_display = ("period", "of", "spent_amount", "waived_amount", "result", "closed")

    def _brand(self, row: Any) -> Brand:
        raise NotImplementedError

    @admin.display(description="Period", ordering="starts_on")
    def period(self, row: Period) -> SafeString:
        if row.kind == PeriodKind.FLIGHT:
            return cells.lines("Whole flight")
        is_day = row.kind == PeriodKind.DAY
        return cells.lines(formats.day(row.starts_on) if is_day else formats.month(row.starts_on))

    @admin.display(description="Spent", ordering="spent_micros")
    def spent_amount(self, row: Period) -> SafeString:
        return cells.amount(row.spent_micros, self._brand(row).currency)

    @admin.display(description="Waived", ordering="waived_micros")
    def waived_amount(self, row: Period) -> SafeString:
        return (
            cells.amount(row.waived_micros, self._brand(row).currency) if row.waived_micros else cells.NOTHING
        )

    @admin.display(description="Against the budget", ordering="budget_micros")
    def result(self, row: Period) -> SafeString:
        if row.budget_micros is None:
            return cells.muted(formats.NO_LIMIT_SET)
        standing = Standing(row.spent_micros, 0, row.budget_micros)
        return cells.against_budget(standing, self._brand(row).currency)

    @admin.display(description="Closed")
    def closed(self, row: Any) -> SafeString:
        return cells.when_and_where(row.closed_at, self._brand(row).calendar, timezone.now())


@admin.register(BrandPeriod)
class BrandPeriodAdmin(PeriodAdmin):
    list_select_related = ("brand",)
    ordering = ("-starts_on", "kind", "brand__name")
    list_filter = (BrandPeriodFilter, ("brand", VisibleFilter), ("starts_on", RangeDateFilter))
    search_fields = ("brand__name",)
    search_help_text = "Search by brand"
    sortable_by = ("period", "spent_amount", "waived_amount", "result")
    empty_text = "No totals here. They appear with a brand’s first day."

    def _brand(self, row: Any) -> Brand:
        brand: Brand = row.brand
        return brand

    @admin.display(description="Brand")
    def of(self, row: BrandPeriod) -> SafeString:
        return cells.link(row.brand)


@admin.register(CampaignPeriod)
class CampaignPeriodAdmin(PeriodAdmin):
    list_select_related = ("campaign__brand",)
    list_filter = (
        PeriodFilter,
        ("campaign__brand", VisibleFilter),
        ("campaign", VisibleFilter),
        ("starts_on", RangeDateFilter),
    )
    search_fields = ("campaign__name",)
    search_help_text = "Search by campaign"
    empty_text = "No totals here. They appear with a campaign’s first spend."

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return of_campaigns_named(search_term, queryset, request) if search_term else queryset, False

    def _brand(self, row: Any) -> Brand:
        brand: Brand = row.campaign.brand
        return brand

    @admin.display(description="Campaign")
    def of(self, row: CampaignPeriod) -> SafeString:
        return cells.campaign_with_brand(row.campaign)


@admin.register(Waiver)
class WaiverAdmin(ReadOnlyAdmin[Waiver]):
    needs = {"view": {Right.SEE}}
    fields = ("when", "of", "period", "waived", "by_whom")
    list_display = ("when", "of", "period", "waived", "by_whom")
    list_select_related = ("brand", "campaign__brand")
    list_filter = (BrandPeriodFilter, ("brand", VisibleFilter), ("starts_on", RangeDateFilter))
    search_fields = ("brand__name", "campaign__name", "by")
    search_help_text = "Search by brand, campaign or person"
    empty_text = "Nothing was waived. A waiver is made when somebody starts a budget afresh."

    @admin.display(description="When", ordering="pk")
    def when(self, waiver: Waiver) -> SafeString:
        return cells.when_and_where(waiver.at, waiver.brand.calendar, timezone.now(), seconds=True)

    @admin.display(description="Of")
    def of(self, waiver: Waiver) -> SafeString:
        return cells.campaign_with_brand(waiver.campaign) if waiver.campaign else cells.link(waiver.brand)

    @admin.display(description="Period", ordering="starts_on")
    def period(self, waiver: Waiver) -> str:
        is_day = waiver.kind == PeriodKind.DAY
        return formats.day(waiver.starts_on) if is_day else formats.month(waiver.starts_on)

    @admin.display(description="Stopped counting")
    def waived(self, waiver: Waiver) -> SafeString:
        return cells.amount(waiver.amount_micros, waiver.brand.currency)

    @admin.display(description="By")
    def by_whom(self, waiver: Waiver) -> str:
        return waiver.by or "The system"


@admin.register(StatusChange)
class StatusChangeAdmin(ReadOnlyAdmin[StatusChange]):
    needs = {"view": {Right.SEE}}
    fields = ("of_campaign", "when", "before", "after", "why", "by_whom")
    list_display = ("when", "of_campaign", "before", "after", "why", "by_whom")
    list_select_related = ("brand", "campaign__brand")
    list_filter = (
        BecameFilter,
        ReasonFilter,
        CauseFilter,
        ("brand", VisibleFilter),
        ("campaign", VisibleFilter),
    )
    search_fields = ("campaign__name",)
    search_help_text = "Search by campaign"
    empty_text = "No campaign has changed its status."

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[StatusChange], search_term: str
    ) -> tuple[QuerySet[StatusChange], bool]:
        return of_campaigns_named(search_term, queryset, request) if search_term else queryset, False

    @admin.display(description="When", ordering="pk")
    def when(self, change: StatusChange) -> SafeString:
        return cells.when_and_where(change.at, change.brand.calendar, timezone.now(), seconds=True)

    @admin.display(description="Campaign")
    def of_campaign(self, change: StatusChange) -> SafeString:
        return cells.campaign_with_brand(change.campaign)

    @admin.display(description="Before")
    def before(self, change: StatusChange) -> SafeString:
        return cells.status(change.from_status, change.from_reasons)

    @admin.display(description="After")
    def after(self, change: StatusChange) -> SafeString:
        return cells.status(change.to_status, change.reasons)

    @admin.display(description="Cause")
    def why(self, change: StatusChange) -> str:
        return change.get_cause_display()

    @admin.display(description="By")
    def by_whom(self, change: StatusChange) -> str:
        return change.by or "The system"

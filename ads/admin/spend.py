"""The ledger: record spend and reverse it. A row is never edited and never deleted."""

from collections.abc import Sequence
from typing import Any, NoReturn

from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import RangeDateFilter, TextFilter

from ads import formats
from ads.admin import cells
from ads.admin.base import ChoiceFilter, LongListAdmin, OfImportFilter, VisibleFilter, of_campaigns_named
from ads.admin.filters import BrandCurrencyFilter
from ads.admin.spend_form import (
    FORM_PREFIX,
    CampaignChoiceField,
    CampaignSelect,
    Recorded,
    ReverseForm,
    SpendForm,
    reverse_one,
)
from ads.admin.telling import tell
from ads.errors import NotReversible
from ads.models import ArchivedMonth, Campaign, Kind, SpendLog
from ads.rights import Right
from ads.services.given import OneOf
from ads.services.imported import import_of, logs_of
from ads.services.search import logs_with_id

MOST_ROWS = 200


class KindFilter(ChoiceFilter):
    title = "kind"
    parameter_name = "kind"
    options = tuple((kind.value, kind.label) for kind in Kind)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


class WhileOffFilter(ChoiceFilter):
    title = "spent while off"
    parameter_name = "off"
    options = (("yes", "Spent while the campaign was off"),)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(while_off=True) if self.value() else queryset


class SourceFilter(TextFilter):
    title = "source"
    parameter_name = "source"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(source=(self.value() or "").strip()) if self.value() else queryset


class BookedByImportFilter(OfImportFilter):
    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset if self.import_id is None else queryset.filter(pk__in=logs_of(self.import_id))


@admin.register(SpendLog)
class SpendLogAdmin(LongListAdmin[SpendLog]):
    form = SpendForm
    needs = {"view": {Right.SEE}, "add": {Right.RECORD_SPEND}}
    list_display = ("what", "of_campaign", "money", "counts_for", "spent_at", "came_from", "remarks")
    list_select_related = ("campaign__brand", "brand")
    list_filter = (
        KindFilter,
        ("brand", VisibleFilter),
        ("campaign", VisibleFilter),
        BrandCurrencyFilter,
        ("spent_on", RangeDateFilter),
        SourceFilter,
        WhileOffFilter,
        BookedByImportFilter,
    )
    search_fields = ("campaign__name", "external_id")
    search_help_text = "Search by campaign, or by the exact id in the source"
    empty_text = "No spend is recorded here."
    list_before_template = "admin/ads/spendlog/archived.html"
    actions = ("reverse",)
    acts = {"reverse": "Reverse …"}
    acts_with_page = frozenset({"reverse"})
    fields = (
        "campaign", "amount", "kind", "occurred_at", "description", "source", "external_id",
    )  # fmt: skip
    shown = (
        "of_campaign", "money", "kind", "counts_for", "spent_at", "recorded", "came_from", "by_import", "remarks",
    )  # fmt: skip

    def has_change_permission(self, request: HttpRequest, obj: SpendLog | None = None) -> bool:
        return False  # nor for a superuser

    def has_delete_permission(self, request: HttpRequest, obj: SpendLog | None = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[SpendLog]:
        return super().get_queryset(request).select_related("campaign__brand", "brand")

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> NoReturn:
        raise Http404("There is no such row, or it is archived, or you have no right to it.")

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """With a note where rows have left the ledger."""
        newest = ArchivedMonth.objects.first()
        note = {} if newest is None else {"archived_until": formats.month(newest.month)}
        return super().changelist_view(request, {**(extra_context or {}), **note})

    def get_fields(self, request: HttpRequest, obj: SpendLog | None = None) -> Any:
        return self.fields if obj is None else self.shown

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[SpendLog], search_term: str
    ) -> tuple[QuerySet[SpendLog], bool]:
        if not search_term:
            return queryset, False
        found = of_campaigns_named(search_term, queryset, request)
        if not found.exists():
            found = queryset.filter(OneOf("pk", logs_with_id(search_term.strip())))
        return found, False

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "campaign":
            kwargs["form_class"] = CampaignChoiceField
            kwargs["widget"] = CampaignSelect(db_field, self.admin_site)
            kwargs["queryset"] = Campaign.objects.visible_to(request.user).select_related("brand")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_form(
        self, request: HttpRequest, obj: SpendLog | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.by = request.user
        return form

    def save_model(self, request: HttpRequest, obj: SpendLog, form: Any, change: bool) -> None:
        """The form has recorded it."""

    def log_addition(self, request: HttpRequest, obj: SpendLog, message: Any) -> Any:
        return None  # the ledger itself says who recorded what and when

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        self._tell(request, form.recorded)

    def response_add(
        self, request: HttpRequest, obj: SpendLog, post_url_continue: str | None = None
    ) -> HttpResponse:
        if "_addanother" in request.POST:
            return HttpResponseRedirect(request.path)
        if "_continue" in request.POST:
            return HttpResponseRedirect(cells.change_url(obj))
        return self.response_post_save_add(request, obj)

    def load_page(self, request: HttpRequest, rows: Sequence[SpendLog]) -> None:
        reversals = _reversals(rows)
        for log in rows:
            log.__dict__["reversal_id"] = reversals.get(log.pk)

    @admin.display(description="Kind", ordering="pk")
    def what(self, log: SpendLog) -> SafeString:
        return format_html("{}", log.get_kind_display())

    @admin.display(description="Campaign")
    def of_campaign(self, log: SpendLog) -> SafeString:
        return cells.campaign_with_brand(log.campaign)

    @admin.display(description="Amount", ordering="amount_micros")
    def money(self, log: SpendLog) -> SafeString:
        return cells.amount(log.amount_micros, log.brand.currency)

    @admin.display(description="Counts for", ordering="spent_on")
    def counts_for(self, log: SpendLog) -> str:
        return formats.day(log.spent_on)

    @admin.display(description="Spent at")
    def spent_at(self, log: SpendLog) -> SafeString:
        return cells.when_and_where(log.occurred_at, log.brand.calendar, timezone.now())

    @admin.display(description="Recorded")
    def recorded(self, log: SpendLog) -> SafeString:
        at = cells.when(log.recorded_at, log.brand.calendar, timezone.now(), seconds=True)
        return format_html("{}, by {}", at, log.recorded_by or "the system")

    @admin.display(description="Source")
    def came_from(self, log: SpendLog) -> SafeString:
        given = "" if log.reverses_id or (log.external_id or "").startswith(FORM_PREFIX) else log.external_id
        return cells.lines(log.source, cells.muted(given) if given else "")

    @admin.display(description="Import")
    def by_import(self, log: SpendLog) -> SafeString:
        record = import_of(log)
        return cells.link(record) if record else cells.NOTHING

    @admin.display(description="Remarks")
    def remarks(self, log: SpendLog) -> SafeString:
        if "reversal_id" not in log.__dict__:
            log.__dict__["reversal_id"] = _reversals([log]).get(log.pk)
        reversal_id = log.__dict__["reversal_id"]
        remarks = [
            cells.tag("Spent while off") if log.while_off else "",
            _row_link("Reverses row {}", log.reverses_id) if log.reverses_id else "",
            _row_link("Reversed by row {}", reversal_id) if reversal_id else "",
            cells.muted(log.description) if log.description else "",
        ]
        return cells.lines(*remarks) if any(remarks) else cells.NOTHING

    def buttons(self, request: HttpRequest, row: SpendLog) -> list[str]:
        return [] if row.reverses_id or _reversals([row]) else ["reverse"]

    @admin.action(permissions=["add"], description="Reverse selected rows …")
    def reverse(self, request: HttpRequest, queryset: QuerySet[SpendLog]) -> HttpResponse | None:
        logs = list(queryset.order_by("pk")[: MOST_ROWS + 1])
        if len(logs) > MOST_ROWS:
            self.message_user(request, f"Choose at most {MOST_ROWS} rows at a time.", messages.ERROR)
            return None
        form = ReverseForm(request.POST if "reason" in request.POST else None)
        if form.is_valid():
            for log in logs:
                self._reverse(request, log, form.cleaned_data["reason"])
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": "Reverse spend",
            "opts": self.opts,
            "rows": [_row(log) for log in logs],
            "form": form,
            "checkbox_name": helpers.ACTION_CHECKBOX_NAME,
            "back_url": cells.change_url(logs[0]) if self.is_act(request) else cells.list_url(SpendLog),
        }
        return TemplateResponse(request, "admin/ads/spendlog/reverse.html", context)

    def _reverse(self, request: HttpRequest, log: SpendLog, reason: str) -> None:
        try:
            done = reverse_one(log, reason, by=request.user)
        except NotReversible as error:
            self.message_user(request, f"{error}.", messages.ERROR)
            return
        amount = formats.exact_money(done.log.amount_micros, log.brand.currency)
        text = format_html(
            "{} recorded for {} ({}), counted for {}: {}.",
            amount,
            log.campaign.name,
            log.brand.name,
            formats.day(log.spent_on),
            _row_link("row {} reverses it", done.log.pk),
        )
        self.message_user(request, text, messages.SUCCESS)
        tell(request, done.changes)

    def _tell(self, request: HttpRequest, recorded: Recorded) -> None:
        log = recorded.log
        amount = formats.exact_money(log.amount_micros, log.brand.currency)
        what = f"{log.get_kind_display()} of {amount} for {log.campaign.name} ({log.brand.name})"
        if recorded.is_repeated:
            text = format_html(
                "{} was recorded before, as {}. It is counted once.", what, _row_link("row {}", log.pk)
            )
            self.message_user(request, text, messages.WARNING)
            return
        self.message_user(
            request, f"{what} is recorded and counts for {formats.day(log.spent_on)}.", messages.SUCCESS
        )
        if log.while_off:
            self.message_user(
                request, f"{log.campaign.name} was not running at that moment.", messages.WARNING
            )
        tell(request, recorded.changes)


def _row(log: SpendLog) -> dict[str, Any]:
    return {
        "log": log,
        "amount": formats.exact_money(log.amount_micros, log.brand.currency),
        "opposite": formats.exact_money(-log.amount_micros, log.brand.currency),
        "day": formats.day(log.spent_on),
    }


def _row_link(text: str, pk: int) -> SafeString:
    url = reverse("admin:ads_spendlog_change", args=(pk,))
    return format_html('<a class="ab-link" href="{}">{}</a>', url, text.format(pk))


def _reversals(logs: Sequence[SpendLog]) -> dict[int, int]:
    """Ids of reversals by the id of what they reverse; it has the campaign and date of its row, which are indexed."""
    found = SpendLog.objects.filter(
        campaign_id__in={log.campaign_id for log in logs},
        spent_on__in={log.spent_on for log in logs},
        reverses_id__in=[log.pk for log in logs],
    )
    return {
        reversed_id: pk
        for reversed_id, pk in found.order_by().values_list("reverses_id", "pk")
        if reversed_id
    }

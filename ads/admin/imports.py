"""Files of spend: given, looked at before anything is recorded, recorded by a worker, perhaps undone."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ads import formats
from ads.admin import cells, import_page
from ads.admin.base import BaseAdmin, ChoiceFilter, VisibleFilter
from ads.admin.csv_files import csv_file
from ads.admin.import_form import ImportForm, again, in_the_forms_words, said_of
from ads.admin.spend_form import CampaignChoiceField, CampaignSelect
from ads.errors import NotUndoable
from ads.importers.records import shorten
from ads.models import Campaign, ImportState, SpendImport
from ads.rights import Right
from ads.services import import_jobs
from ads.services.undo import what_undoing_does
from ads.tasks import work_on_import

MOST_WATCHED = 100
GIVEN = ("upload", "brand", "campaign", "create_campaigns", "mode", "source", "made_at")
MORE = (
    "file_format", "date_order", "decimal_mark", "in_micros", "date_column", "amount_column", "campaign_column",
    "campaign_id_column", "line_column", "currency_column", "id_column",
)  # fmt: skip


class StateFilter(ChoiceFilter):
    title = "state"
    parameter_name = "state"
    options = tuple((state.value, look.word) for state, look in import_page.LOOKS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(state=self.value()) if self.value() else queryset


def ring(record: SpendImport) -> None:
    """Tells a worker, once this is committed. If none hears it, the periodic task finds the work."""

    def tell() -> None:
        work_on_import.delay(record.pk)

    transaction.on_commit(tell, robust=True)


@admin.register(SpendImport)
class SpendImportAdmin(BaseAdmin[SpendImport]):
    form = ImportForm
    needs = {"view": {Right.SEE}, "add": {Right.RECORD_SPEND}}
    list_display = ("file_of", "of_brand", "how_it_stands", "rows_of", "total", "given")
    list_filter = (StateFilter, ("brand", VisibleFilter))
    search_fields = ("file_name",)
    search_help_text = "Search by the file’s name"
    empty_text = "No files here. Import what a platform’s export says was spent, or clear the filters."
    ordering = ("-pk",)
    sortable_by: ClassVar[tuple[str, ...]] = ()
    autocomplete_fields = ("brand",)
    actions = ("record", "create", "cancel", "undo")
    acts: ClassVar[Mapping[str, str]] = {
        "record": "Record",
        "create": "Create missing campaigns",
        "cancel": "Cancel",
        "undo": "Undo this import …",
    }
    acts_with_page = frozenset({"undo"})

    class Media:
        js = ("ads/imports.js",)

    def get_urls(self) -> list[URLPattern]:
        return [
            path(
                "progress/", self.admin_site.admin_view(self.progress_view), name="ads_spendimport_progress"
            ),
            path(
                "<path:object_id>/uncounted.csv",
                self.admin_site.admin_view(self.uncounted_view),
                name="ads_spendimport_uncounted",
            ),
            *super().get_urls(),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[SpendImport]:
        return super().get_queryset(request).select_related("brand", "campaign").defer("report")

    def has_change_permission(self, request: HttpRequest, obj: SpendImport | None = None) -> bool:
        return False  # what was given is never edited

    def has_delete_permission(self, request: HttpRequest, obj: SpendImport | None = None) -> bool:
        return False

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Each is done to one import, on its page."""
        match = request.resolver_match
        is_list = match is not None and (match.url_name or "").endswith("_changelist")
        return {} if is_list else dict(super().get_actions(request))

    # The list

    @admin.display(description="File")
    def file_of(self, record: SpendImport) -> SafeString:
        what = " · ".join(part for part in (record.format, record.source) if part)
        return cells.lines(cells.name(shorten(record.file_name)), cells.muted(what) if what else "")

    @admin.display(description="Brand")
    def of_brand(self, record: SpendImport) -> str:
        return record.brand.name

    @admin.display(description="State")
    def how_it_stands(self, record: SpendImport) -> SafeString:
        pill = cells.mark(import_page.LOOKS[ImportState(record.state)])
        if record.state in record.AT_WORK:
            return cells.lines(pill, cells.progress(record.pk, record.state, import_page.progress(record)))
        problem = in_the_forms_words(record.problem)
        return cells.lines(
            pill, format_html('<span class="ab-why ab-clip">{}</span>', problem) if problem else ""
        )

    @admin.display(description="Rows")
    def rows_of(self, record: SpendImport) -> SafeString:
        if not record.rows:
            return cells.NOTHING
        counts = (
            (record.accepted, "recorded"),
            (record.duplicates, "already recorded"),
            (record.quarantined, "quarantined"),
            (record.conflicts, "conflict" if record.conflicts == 1 else "conflicts"),
        )
        beside = (cells.muted(f"{count:,} {what}") for count, what in counts if count)
        return cells.lines(formats.counted(record.rows, "row"), *beside)

    @admin.display(description="Booked")
    def total(self, record: SpendImport) -> SafeString:
        if record.finished_at is None or not record.rows:
            return cells.NOTHING
        amount = cells.amount(record.booked_micros, record.brand.currency)
        return cells.lines(amount, cells.muted("taken back") if record.state == ImportState.UNDONE else "")

    @admin.display(description="Given")
    def given(self, record: SpendImport) -> SafeString:
        at = cells.when(record.created_at, record.brand.calendar, timezone.now())
        return cells.lines(at, cells.muted(record.created_by or "the system"))

    # A file is given

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "campaign":
            kwargs["form_class"] = CampaignChoiceField
            kwargs["widget"] = CampaignSelect(
                db_field, self.admin_site, attrs={"data-of-brand": "id_brand", "data-allow-clear": "true"}
            )
            kwargs["queryset"] = Campaign.objects.visible_to(request.user).select_related("brand")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: SpendImport | None = None) -> Any:
        if obj is not None:
            return ()
        # Open where something in it may be wrong or was said before.
        is_open = request.method == "POST" or "like" in request.GET
        more = {"fields": MORE, "classes": () if is_open else ("collapse",)}
        return ((None, {"fields": GIVEN}), ("More", more))

    def get_form(
        self, request: HttpRequest, obj: SpendImport | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        if obj is None:
            kwargs["fields"] = ImportForm.Meta.fields
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.by = request.user
        for name in ("brand", "campaign") if obj is None else ():
            field = form.base_fields[name]
            field.widget = field.widget.widget  # without the ways to add and change what is chosen
        if obj is None and not self.has_create_permission(request):
            form.base_fields["create_campaigns"].disabled = True
        return form

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        before = again(request.GET.get("like"), request.user)
        return super().get_changeform_initial_data(request) if before is None else said_of(before)

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> SpendImport:
        record: SpendImport = form.keep()
        ring(record)
        return record

    def save_model(self, request: HttpRequest, obj: SpendImport, form: Any, change: bool) -> None:
        """The form has kept it."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """There is nothing beside it."""

    def log_addition(self, request: HttpRequest, obj: SpendImport, message: Any) -> Any:
        return None  # the import itself says who gave what and when

    def response_add(
        self, request: HttpRequest, obj: SpendImport, post_url_continue: str | None = None
    ) -> HttpResponse:
        return HttpResponseRedirect(cells.change_url(obj))

    # Its page

    def page_context(self, request: HttpRequest, row: SpendImport) -> dict[str, Any]:
        add = reverse("admin:ads_spendimport_add")
        keeps_file = bool(row.file)
        return import_page.page(row, request) | {
            "title": import_page.title(row),
            "another_url": f"{add}?like={row.pk}" if keeps_file else add,
            "uncounted_url": reverse("admin:ads_spendimport_uncounted", args=(row.pk,)),
            "may_add": self.has_add_permission(request),
            "may_create": self.has_create_permission(request),
        }

    def buttons(self, request: HttpRequest, row: SpendImport) -> list[str]:
        match row.state:
            case ImportState.CHECKING:
                return ["cancel"]
            case ImportState.CHECKED:
                return ["cancel", "record", "create"]
            case ImportState.DONE:
                return ["undo"]
            case _:
                return []

    @admin.action(permissions=["add"])
    def record(self, request: HttpRequest, queryset: QuerySet[SpendImport]) -> None:
        record = queryset.get()
        if import_jobs.confirm(record, by=request.user):
            ring(record)
        else:
            self._tell_state(request, record, "Not again")

    def has_create_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request) and self.has_settings_permission(request)

    @admin.action(permissions=["create"])
    def create(self, request: HttpRequest, queryset: QuerySet[SpendImport]) -> None:
        """Has the file checked again, now with the campaigns created that are missing."""
        record = queryset.get()
        if import_jobs.check_creating(record, by=request.user):
            ring(record)
        else:
            self._tell_state(request, record, "Too late")

    @admin.action(permissions=["add"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[SpendImport]) -> None:
        record = queryset.get()
        if not import_jobs.cancel(record):
            self._tell_state(request, record, "Too late")

    def _tell_state(self, request: HttpRequest, record: SpendImport, why: str) -> None:
        look = import_page.LOOKS[ImportState(record.state)]
        self.message_user(request, f"{why}: {record} is {look.word.lower()}.", messages.WARNING)

    @admin.action(permissions=["add"])
    def undo(self, request: HttpRequest, queryset: QuerySet[SpendImport]) -> HttpResponse | None:
        record, now = queryset.get(), timezone.now()
        try:
            if request.method == "POST":
                import_jobs.ask_undo(record, by=request.user, now=now)
                ring(record)
                return None
            done, refused, later_id = what_undoing_does(record, now=now), "", None
        except NotUndoable as error:
            if request.method == "POST":
                self.message_user(request, f"Not undone: {error}.", messages.ERROR)
                return None
            done, refused, later_id = None, str(error), error.later_id
        later = SpendImport.objects.visible_to(request.user).filter(pk=later_id or 0).first()
        context = {
            **self.admin_site.each_context(request),
            "title": f"Undo {record}",
            "opts": self.opts,
            "record": record,
            "done": done,
            "created": import_page.created(record),
            "total": formats.exact_money(done.micros, record.brand.currency) if done else "",
            "then": list(import_page.consequences_of(done.changes)) if done and done.changes else [],
            "refused": refused,
            "later": cells.link(later) if later else "",
            "back_url": cells.change_url(record),
        }
        return TemplateResponse(request, "admin/ads/spendimport/undo.html", context)

    # What scripts and spreadsheets ask for

    def progress_view(self, request: HttpRequest) -> HttpResponse:
        """How the imports that a page shows stand now."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        ids = [int(pk) for pk in request.GET.getlist("id")[:MOST_WATCHED] if pk.isdecimal() and len(pk) < 19]
        found = {
            record.pk: {"state": record.state, **import_page.progress(record)}
            for record in self.get_queryset(request).filter(pk__in=ids)
        }
        return JsonResponse(found)

    def uncounted_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """The rows that are not counted, as a file."""
        record = self.get_object(request, unquote(object_id))
        if record is None:
            self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not self.has_view_permission(request, record):
            raise PermissionDenied
        return csv_file(
            f"import-{record.pk}-not-counted.csv", import_page.HEADER, import_page.uncounted(record)
        )

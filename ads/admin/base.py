"""The only base classes on the admin's theme: rights, pages of lists read at once, buttons, protected deletion."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeVar, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected
from django.contrib.admin.utils import flatten_fieldsets, unquote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.db.models import QuerySet
from django.db.models.deletion import PROTECT
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from simple_history.admin import SimpleHistoryAdmin
from unfold.contrib.filters.admin import AutocompleteSelectFilter, DropdownFilter
from unfold.paginator import InfinitePaginator
from unfold.views import ChangeList as ThemedChangeList

from ads.admin.cells import change_url, dashboard_url
from ads.admin.changes import SettingsChangesMixin
from ads.admin.telling import tell
from ads.errors import Protected
from ads.formats import counted
from ads.models import Campaign
from ads.models.querysets import VisibleQuerySet
from ads.models.settings import SettingsModel
from ads.rights import Right, is_superuser, may, right_to_change
from ads.services.enforcement import Change

# The theme is untyped, and its classes are Django's with other looks: the type checker sees Django's.
if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin as ThemedAdmin
    from django.contrib.admin import TabularInline as ThemedTabularInline
else:
    from unfold.admin import ModelAdmin as ThemedAdmin
    from unfold.admin import TabularInline as ThemedTabularInline

M = TypeVar("M", bound=models.Model)
P = TypeVar("P", bound=models.Model)
S = TypeVar("S", bound=SettingsModel)
Action = Callable[[Any, HttpRequest, Any], HttpResponse | None]

EVERYTHING = ("view", "add", "change", "delete")
ROWS_PER_PAGE = 50
MOST_CAMPAIGNS_SEARCHED = 1_000


def visible(rows: QuerySet[M], request: HttpRequest) -> QuerySet[M]:
    """Those of the rows that are of brands which the signed-in person has a right to."""
    return rows.visible_to(request.user) if isinstance(rows, VisibleQuerySet) else rows


class PageChangeList(ThemedChangeList):
    """A list that lets its admin read at once what all rows of the page need."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        cast("BaseAdmin[Any]", self.model_admin).load_page(request, self.result_list)


class RightsMixin:
    """Asks for rights, never for Django's own permissions on tables.

    `needs` names for view, add, change and delete the rights of which one is enough; what it leaves out is for
    superusers alone. Choices of a form are those that the signed-in person has a right to.
    """

    needs: ClassVar[Mapping[str, Collection[Right]]] = {}

    def _meets(self, request: HttpRequest, what: str) -> bool:
        return is_superuser(request.user) or any(
            may(request.user, right) for right in self.needs.get(what, ())
        )

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._meets(request, "view")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._meets(request, "add")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._meets(request, "change")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._meets(request, "delete")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return is_superuser(request.user) or any(self._meets(request, what) for what in self.needs)

    # Named by actions: permissions=["switch"].

    def has_switch_permission(self, request: HttpRequest) -> bool:
        return may(request.user, Right.SWITCH)

    def has_budgets_permission(self, request: HttpRequest) -> bool:
        return may(request.user, Right.EDIT_BUDGETS)

    def has_settings_permission(self, request: HttpRequest) -> bool:
        return may(request.user, Right.EDIT_SETTINGS)

    def has_reset_permission(self, request: HttpRequest) -> bool:
        return may(request.user, Right.RESET_BUDGETS)

    def formfield_for_foreignkey(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> forms.ModelChoiceField[Any] | None:
        kwargs.setdefault("queryset", visible(db_field.remote_field.model._default_manager.all(), request))
        field: forms.ModelChoiceField[Any] | None = super().formfield_for_foreignkey(  # type: ignore[misc]
            db_field, request, **kwargs
        )
        return field


class BaseAdmin(RightsMixin, ThemedAdmin[M]):
    """What every list and page of ours has in common."""

    list_per_page = ROWS_PER_PAGE
    list_filter_submit = True
    list_fullwidth = True
    warn_unsaved_form = True
    show_facets = admin.ShowFacets.NEVER  # they count a table once for each choice
    empty_text = "There is nothing here."
    has_history = False  # whether a row's page leads to the history of its settings
    # Actions that also have a button on a row's own page, by name, with what the button says; those in
    # `acts_with_page` ask there first.
    acts: ClassVar[Mapping[str, str]] = {}
    acts_with_page: ClassVar[frozenset[str]] = frozenset()

    def get_queryset(self, request: HttpRequest) -> QuerySet[M]:
        return visible(super().get_queryset(request), request)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return PageChangeList

    def load_page(self, request: HttpRequest, rows: Sequence[M]) -> None:
        """Reads what the cells of these rows show, in a number of queries that does not depend on theirs."""

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_act"
        view = self.admin_site.admin_view(self.act_view)
        return [path("<path:object_id>/act/<slug:act>/", view, name=name), *super().get_urls()]

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> NoReturn:
        raise Http404(f"There is no such {opts.verbose_name}, or you have no right to it.")

    def act_view(self, request: HttpRequest, object_id: str, act: str) -> HttpResponse:
        """Does to one row what the action of that name does to the rows of a list."""
        row = self.get_object(request, unquote(object_id))
        if row is None or act not in self.acts:
            self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        found = self.get_actions(request).get(act)
        if found is None:
            raise PermissionDenied
        if request.method != "POST" and act not in self.acts_with_page:
            return HttpResponseNotAllowed(["POST"])
        do = cast("Action", found[0])
        response = do(self, request, self.get_queryset(request).filter(pk=row.pk))
        return response or HttpResponseRedirect(change_url(row))

    @staticmethod
    def is_act(request: HttpRequest) -> bool:
        """Whether an action runs from a row's own page, not from the list."""
        match = request.resolver_match
        return match is not None and (match.url_name or "").endswith("_act")

    def buttons(self, request: HttpRequest, row: M) -> list[str]:
        """Names of the acts that make sense for this row as it is."""
        return list(self.acts)

    def page_context(self, request: HttpRequest, row: M) -> dict[str, Any]:
        """What a row's page shows beside its form."""
        return {}

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: M | None = None,
    ) -> HttpResponse:
        if obj is not None:
            context |= {
                "buttons": list(self._buttons(request, obj)),
                "show_history": self.has_history,
                "dashboard_url": dashboard_url(obj),
                **self.page_context(request, obj),
            }
        return super().render_change_form(request, context, add, change, form_url, obj)

    def _buttons(self, request: HttpRequest, row: M) -> Iterator[dict[str, object]]:
        allowed = self.get_actions(request)
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_act"
        for act in self.buttons(request, row):
            if act in allowed:
                yield {
                    "url": reverse(name, args=(row.pk, act)),
                    "label": self.acts[act],
                    "asks": act in self.acts_with_page,
                }


class LongListAdmin(BaseAdmin[M]):
    """Tables that grow without end: pages by their number alone, no counting, the newest first."""

    paginator = InfinitePaginator
    show_full_result_count = False
    list_disable_select_all = True
    ordering: ClassVar[tuple[str, ...]] = ("-pk",)
    sortable_by: ClassVar[tuple[str, ...]] = ()  # any other order would sort the whole table


class ReadOnlyAdmin(LongListAdmin[M]):
    """Rows that only the system writes: to look at, with the permission to view."""

    actions: tuple[str, ...] | None = None

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False


def of_campaigns_named(part: str, rows: QuerySet[M], request: HttpRequest) -> QuerySet[M]:
    """Rows of campaigns with this part of a name: through the index of their ids, whatever the table's length."""
    campaigns = visible(Campaign.objects.filter(name__icontains=part), request)
    ids = campaigns.order_by("pk").values_list("pk", flat=True)[:MOST_CAMPAIGNS_SEARCHED]
    return rows.filter(campaign_id__in=list(ids))


class SettingsAdmin(SettingsChangesMixin, SimpleHistoryAdmin, BaseAdmin[S]):  # type: ignore[misc]
    """Brands and campaigns: deleted only where nothing refers to them, and with the history of their settings."""

    def get_readonly_fields(self, request: HttpRequest, obj: S | None = None) -> tuple[str, ...]:
        """Fields that need a right which the signed-in person lacks."""
        names: list[str] = flatten_fieldsets(self.get_fieldsets(request, obj))
        return tuple(name for name in names if not may(request.user, right_to_change(name)))

    def page_context(self, request: HttpRequest, row: S) -> dict[str, Any]:
        return super().page_context(request, row) | {"show_delete": next(self._referring(row), None) is None}

    def get_deleted_objects(
        self, objs: Sequence[S] | QuerySet[S], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Without collecting: what refers to a campaign may be millions of rows of its ledger."""
        rows = list(objs)
        protected = [f"{row} has {what}" for row in rows for what in self._referring(row)]
        lacking = set() if self.has_delete_permission(request) else {str(self.opts.verbose_name)}
        return [str(row) for row in rows], {str(self.opts.verbose_name_plural): len(rows)}, lacking, protected

    def do(
        self, request: HttpRequest, queryset: QuerySet[S], what: str, act: Callable[[], list[Change]]
    ) -> None:
        """Does something to these rows, and tells to which, and what followed."""
        # Named before: afterwards the list's own filter may leave them out.
        names = [str(row) for row in queryset[:2]]
        noun, plural = str(self.opts.verbose_name), str(self.opts.verbose_name_plural)
        who = names[0] if len(names) == 1 else counted(queryset.count(), noun, plural)
        changes = act()
        self.message_user(request, f"{who} {what}.", messages.SUCCESS)
        tell(request, changes)

    def _referring(self, row: S) -> Iterator[str]:
        for relation in row._meta.get_fields(include_hidden=True):
            if not isinstance(relation, models.ForeignObjectRel) or relation.on_delete is not PROTECT:
                continue
            rows = relation.related_model._base_manager.filter(**{relation.field.name: row})
            if rows.exists():
                yield str(relation.related_model._meta.verbose_name_plural)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> Any:
        try:
            return super().delete_view(request, object_id, extra_context)
        except Protected as error:
            self.message_user(request, f"{error}.", messages.ERROR)
            return HttpResponseRedirect(
                reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=(object_id,))
            )

    @admin.action(permissions=["delete"], description="Delete selected %(verbose_name_plural)s")
    def delete_selected(self, request: HttpRequest, queryset: QuerySet[S]) -> HttpResponse | None:
        try:
            with transaction.atomic():
                return delete_selected(self, request, queryset)
        except Protected as error:
            self.message_user(request, f"{error}.", messages.ERROR)
            return None

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions: dict[str, Any] = dict(super().get_actions(request))
        if "delete_selected" in actions:
            _, name, description = actions["delete_selected"]
            actions["delete_selected"] = (type(self).delete_selected, name, description)
        return actions

    def history_form_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> Any:
        """Settings of the past are read in the history; going back to them is an edit like any other."""
        return HttpResponseRedirect(
            reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_history", args=(object_id,))
        )


class BaseTabularInline(RightsMixin, ThemedTabularInline[M, P]):
    """Rows on the page of what they belong to."""

    hide_title = True
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[M]:
        return visible(super().get_queryset(request), request)


class VisibleFilter(AutocompleteSelectFilter):
    """Rows of one brand or campaign, chosen by typing its name; offers and names only what the person may see."""

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        for choice in super().choices(changelist):
            field = choice["form"].fields[self.lookup_kwarg]
            related: Any = self.field.remote_field
            field.queryset = visible(related.model._default_manager.all(), self.request)
            field.label = f"By {self.title}"
            yield choice


class OfImportFilter(admin.SimpleListFilter):
    """Rows of one import, whose page leads to them; it is not chosen from a list."""

    title = "import"
    parameter_name = "import"
    template = "admin/ads/of_import_filter.html"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        given = request.GET.get(self.parameter_name, "")
        return [(given, f"Import {given}")]

    @property
    def import_id(self) -> int | None:
        """The number of the import, 0 for what is no number; None: of any."""
        given = self.value() or ""
        return (int(given) if given.isdecimal() and len(given) < 19 else 0) if given else None


class ChoiceFilter(DropdownFilter):
    """A closed list of choices; `options` are pairs of a value in the address and words."""

    options: ClassVar[Collection[tuple[str, str]]] = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> Collection[tuple[str, str]]:
        return self.options

"""API tokens: who issued which for what, made and shown once, renamed, revoked at once."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.safestring import SafeString

from ads import formats
from ads.admin import cells
from ads.admin.base import EVERYTHING, BaseAdmin, ChoiceFilter, visible
from ads.admin.token_form import TokenForm
from ads.errors import Protected
from ads.models import ApiToken, Brand, Scope
from ads.models.api import TokenState
from ads.rights import Right, may
from ads.rules.periods import Calendar
from ads.services import tokens

SHOWN = ("user", "begins", "may", "for_brands", "created", "expires", "last_used", "is_in")
BRANDS_SHOWN = 3
MOST_TOKENS = 200
FORMS_SEEN = "token_forms"  # in the session: forms that have made a token, the latest ones
MOST_FORMS_SEEN = 20


class StateFilter(ChoiceFilter):
    title = "state"
    parameter_name = "state"
    options = tuple(
        (state.value, str(state.label))
        for state in (TokenState.IN_USE, TokenState.EXPIRED, TokenState.REVOKED)
    )

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        is_revoked = Q(revoked_at__isnull=False)
        is_expired = Q(expires_at__isnull=False, expires_at__lte=timezone.now())
        asked = {
            TokenState.IN_USE.value: ~is_revoked & ~is_expired & Q(user__is_active=True),
            TokenState.EXPIRED.value: ~is_revoked & is_expired,
            TokenState.REVOKED.value: is_revoked,
        }.get(self.value() or "")
        return queryset if asked is None else queryset.filter(asked)


@admin.register(ApiToken)
class ApiTokenAdmin(BaseAdmin[ApiToken]):
    """Who manages people sees their tokens too; others see their own. Nobody issues one that may more than they."""

    needs = dict.fromkeys(EVERYTHING, (Right.SEE,))
    list_display = ("named", "user", "may", "for_brands", "expires", "last_used", "is_in")
    list_select_related = ("user",)
    list_filter = (StateFilter,)
    search_fields = ("name", "prefix", "user__username")
    search_help_text = "Search by name, beginning or user"
    empty_text = "No tokens here. A token lets a program use the API in a person’s name."
    autocomplete_fields = ("user", "brands")
    actions = ("revoke",)
    acts = {"revoke": "Revoke …"}
    acts_with_page = frozenset({"revoke"})
    has_history = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiToken]:
        rows = super().get_queryset(request)
        if request.user.is_superuser:
            return rows
        own = Q(user=_person(request))
        return rows.filter(
            own | Q(user__is_superuser=False) if may(request.user, Right.MANAGE_PEOPLE) else own
        )

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_add_permission(request, obj) and bool(tokens.grantable(_person(request)))

    def has_delete_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        was_used = obj is not None and obj.last_used_at is not None
        return super().has_delete_permission(request, obj) and not was_used

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions: dict[str, Any] = dict(super().get_actions(request))
        actions.pop("delete_selected", None)  # what is done with is revoked
        return actions

    def get_fieldsets(self, request: HttpRequest, obj: ApiToken | None = None) -> Any:
        if obj is not None:
            return [(None, {"fields": ("name", *SHOWN)})]
        whose = ("user",) if request.user.is_superuser else ()
        return [
            (None, {"fields": ("name", *whose)}),
            ("Rights", {"fields": ("scopes", "all_brands", "brands")}),
            ("Time", {"fields": ("expires_at",)}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> tuple[str, ...]:
        return () if obj is None else SHOWN

    def get_form(
        self, request: HttpRequest, obj: ApiToken | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        if obj is not None:
            return super().get_form(request, obj, change, **kwargs)
        form: Any = super().get_form(request, obj, change, form=TokenForm, **kwargs)
        form.by = _person(request)
        form.forms_seen = request.session.get(FORMS_SEEN, [])
        return form

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs["queryset"] = visible(Brand.objects.all(), request)
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"user": request.user.pk, **super().get_changeform_initial_data(request)}

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context |= {"show_save_and_continue": False, "show_save_and_add_another": False}
        return super().render_change_form(request, context, *args, **kwargs)

    def page_context(self, request: HttpRequest, row: ApiToken) -> dict[str, Any]:
        refusal = row.refusal(timezone.now())
        return {
            "state_words": refusal
            or "In use. Only its name can be changed; the token itself is stored nowhere."
        }

    def buttons(self, request: HttpRequest, row: ApiToken) -> list[str]:
        return [] if row.revoked_at else ["revoke"]

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        if change:
            tokens.rename(obj, obj.name)
            return
        seen = [*request.session.get(FORMS_SEEN, []), str(form.cleaned_data["form_id"])]
        request.session[FORMS_SEEN] = seen[-MOST_FORMS_SEEN:]
        obj.__dict__["text"] = form.issued.text

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The service has written the brands."""

    def response_add(
        self, request: HttpRequest, obj: ApiToken, post_url_continue: str | None = None
    ) -> HttpResponse:
        """The page itself, without a redirect: so the token is in this one answer and was never stored."""
        context = {
            **self.admin_site.each_context(request),
            "title": "The new API token",
            "opts": self.opts,
            "token": obj,
            "text": obj.__dict__["text"],
            "list_url": cells.list_url(ApiToken),
        }
        return TemplateResponse(request, "admin/ads/apitoken/issued.html", context)

    def delete_model(self, request: HttpRequest, obj: ApiToken) -> None:
        tokens.delete(obj)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> Any:
        try:
            return super().delete_view(request, object_id, extra_context)
        except Protected as error:
            self.message_user(request, f"{error}.", messages.ERROR)
            return HttpResponseRedirect(cells.list_url(ApiToken))

    def load_page(self, request: HttpRequest, rows: Sequence[ApiToken]) -> None:
        names = _brand_names(request, rows)
        for token in rows:
            token.__dict__["brand_names"] = names[token.pk]

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> ApiToken | None:
        token = super().get_object(request, object_id, from_field)
        if token is not None:
            self.load_page(request, [token])
        return token

    @admin.display(description="Token", ordering="name")
    def named(self, token: ApiToken) -> SafeString:
        return cells.lines(cells.name(token.name), cells.muted(_beginning(token)))

    @admin.display(description="Begins with")
    def begins(self, token: ApiToken) -> str:
        return _beginning(token)

    @admin.display(description="May")
    def may(self, token: ApiToken) -> SafeString:
        return cells.lines(*(str(Scope(scope).label) for scope in token.scopes))

    @admin.display(description="Brands")
    def for_brands(self, token: ApiToken) -> SafeString | str:
        if token.all_brands:
            return "All brands of the user"
        names: list[str] = token.__dict__["brand_names"]
        more = [cells.muted(f"and {len(names) - BRANDS_SHOWN} more")] if len(names) > BRANDS_SHOWN else []
        return cells.lines(*names[:BRANDS_SHOWN], *more) if names else cells.muted("No brand")

    @admin.display(description="Made")
    def created(self, token: ApiToken) -> SafeString:
        return _when(token.created_at)

    @admin.display(description="Expires", ordering="expires_at")
    def expires(self, token: ApiToken) -> SafeString:
        return _when(token.expires_at)

    @admin.display(description="Last used", ordering="last_used_at")
    def last_used(self, token: ApiToken) -> SafeString:
        return _when(token.last_used_at)

    @admin.display(description="State")
    def is_in(self, token: ApiToken) -> SafeString | str:
        state = token.state(timezone.now())
        return "In use" if state == TokenState.IN_USE else cells.tag(str(state.label))

    @admin.action(permissions=["change"], description="Revoke selected tokens …")
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> HttpResponse | None:
        in_force = queryset.filter(revoked_at__isnull=True).select_related("user")
        chosen = list(in_force.order_by("name", "pk")[: MOST_TOKENS + 1])
        if not chosen or len(chosen) > MOST_TOKENS:
            wrong = f"Choose at most {MOST_TOKENS} tokens at a time." if chosen else "Revoked already."
            self.message_user(request, wrong, messages.WARNING)
            return None
        who = chosen[0].name if len(chosen) == 1 else formats.counted(len(chosen), "API token")
        if request.POST.get("sure") != "yes":
            return self._ask(request, f"Revoke {who}", chosen)
        tokens.revoke(*chosen)
        LogEntry.objects.log_actions(_person(request).pk, chosen, CHANGE, "Revoked.")
        self.message_user(request, f"{who} revoked; from now on it is refused.", messages.SUCCESS)
        return None

    def _ask(self, request: HttpRequest, title: str, chosen: Sequence[ApiToken]) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "rows": [{"token": token, "last_used": _when(token.last_used_at)} for token in chosen],
            "checkbox_name": helpers.ACTION_CHECKBOX_NAME,
            "back_url": cells.change_url(chosen[0]) if self.is_act(request) else cells.list_url(ApiToken),
        }
        return TemplateResponse(request, "admin/ads/apitoken/revoke.html", context)


def _person(request: HttpRequest) -> User:
    return cast("User", request.user)


def _beginning(token: ApiToken) -> str:
    return f"abt_{token.prefix}…"


def _when(moment: datetime | None) -> SafeString:
    if moment is None:
        return cells.muted("Never")
    return cells.when_and_where(moment, Calendar.fixed(settings.TIME_ZONE), timezone.now())


def _brand_names(request: HttpRequest, rows: Sequence[ApiToken]) -> defaultdict[int, list[str]]:
    """Names of the brands that each token is narrowed to, as far as whoever looks may see them. One query."""
    narrowed = [token.pk for token in rows if not token.all_brands]
    links = ApiToken.brands.through.objects.filter(
        apitoken__in=narrowed, brand__in=visible(Brand.objects.order_by(), request).values("pk")
    )
    names: defaultdict[int, list[str]] = defaultdict(list)
    for token_id, name in links.order_by("brand__name").values_list("apitoken_id", "brand__name"):
        names[token_id].append(name)
    return names

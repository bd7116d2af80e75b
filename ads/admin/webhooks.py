"""Webhooks: endpoints with their secrets, and every delivery with its attempts."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, cast

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ads import formats
from ads.admin import cells
from ads.admin.base import EVERYTHING, BaseAdmin, ChoiceFilter, LongListAdmin, ReadOnlyAdmin, visible
from ads.admin.endpoint_form import EndpointForm
from ads.models import (
    Brand,
    Delivery,
    DeliveryState,
    DeliveryTarget,
    EventSequence,
    EventType,
    WebhookEndpoint,
)
from ads.rights import Right, is_superuser, may
from ads.rules.periods import Calendar
from ads.services import effects, endpoints, webhooks

MOST_REDELIVERED = 1_000
ATTEMPTS_SHOWN = 100
BRANDS_SHOWN = 3
LOOKS = {
    DeliveryState.PENDING: formats.Look("…", "Pending", "off"),
    DeliveryState.DELIVERED: formats.Look("✓", "Delivered", "run"),
    DeliveryState.DEAD: formats.Look("!", "Dead letter", "limit"),
}
ON = formats.Look("✓", "On", "run")
FAILING = formats.Look("!", "Failing", "limit")
OFF = formats.Look("⊘", "Switched off", "off")


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(BaseAdmin[WebhookEndpoint]):
    """Account managers have endpoints of their own, for the brands that they see; administrators manage all."""

    needs = dict.fromkeys(EVERYTHING, (Right.EDIT_SETTINGS,))
    form = EndpointForm
    list_display = ("named", "owner", "told_of", "for_brands", "dead_letters", "is_in")
    list_select_related = ("owner",)
    search_fields = ("name", "url", "owner__username")
    search_help_text = "Search by name, URL or owner"
    empty_text = (
        "No endpoints here. An endpoint is an address that is told at once what happens to campaigns."
    )
    autocomplete_fields = ("owner", "brands")
    actions = ("ping", "rotate", "switch_on", "switch_off")
    acts: ClassVar[Mapping[str, str]] = {
        "ping": "Send a test",
        "rotate": "New secret …",
        "switch_on": "Switch on",
        "switch_off": "Switch off",
    }
    acts_with_page = frozenset({"rotate"})

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookEndpoint]:
        return (
            super()
            .get_queryset(request)
            .filter(pk__in=WebhookEndpoint.objects.order_by().managed_by(request.user).values("pk"))
        )

    def has_delete_permission(self, request: HttpRequest, obj: WebhookEndpoint | None = None) -> bool:
        was_used = obj is not None and obj.deliveries.exists()
        return super().has_delete_permission(request, obj) and not was_used

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions: dict[str, Any] = dict(super().get_actions(request))
        actions.pop("delete_selected", None)  # what was told is kept; an endpoint is switched off
        return actions

    def get_fieldsets(self, request: HttpRequest, obj: WebhookEndpoint | None = None) -> Any:
        whose = ("owner",) if obj is not None or is_superuser(request.user) else ()
        return [
            (None, {"fields": ("name", "url", *whose)}),
            ("What it is told", {"fields": ("event_types", "all_brands", "brands")}),
        ]

    def get_readonly_fields(
        self, request: HttpRequest, obj: WebhookEndpoint | None = None
    ) -> tuple[str, ...]:
        return () if obj is None else ("owner",)

    def get_form(
        self, request: HttpRequest, obj: WebhookEndpoint | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.by = _person(request)
        return form

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs["queryset"] = visible(Brand.objects.all(), request)
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"owner": request.user.pk, **super().get_changeform_initial_data(request)}

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context |= {"show_save_and_continue": False, "show_save_and_add_another": False}
        return super().render_change_form(request, context, *args, **kwargs)

    def page_context(self, request: HttpRequest, row: WebhookEndpoint) -> dict[str, Any]:
        return {
            "look": cells.mark(_look(row)),
            "state_words": _state_words(row),
            "deliveries_url": cells.list_url(Delivery, f"endpoint__id__exact={row.pk}"),
        }

    def buttons(self, request: HttpRequest, row: WebhookEndpoint) -> list[str]:
        return ["ping", "rotate", "switch_off"] if row.is_active else ["rotate", "switch_on"]

    def save_model(self, request: HttpRequest, obj: WebhookEndpoint, form: Any, change: bool) -> None:
        given = form.cleaned_data
        brands = None if given["all_brands"] else list(given["brands"])
        if change:
            endpoints.change(obj, given["name"], given["url"], given["event_types"], brands=brands)
            return
        made = endpoints.make(
            form.owner(), given["name"], given["url"], given["event_types"], brands=brands, now=timezone.now()
        )
        obj.pk, obj.owner, obj.secret = made.pk, made.owner, made.secret

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The service has written the brands."""

    def response_add(
        self, request: HttpRequest, obj: WebhookEndpoint, post_url_continue: str | None = None
    ) -> HttpResponse:
        """The page itself, without a redirect: so the secret is in this one answer."""
        return self._show(request, obj, obj.secret)

    def _show(self, request: HttpRequest, endpoint: WebhookEndpoint, secret: str) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": "The new secret",
            "opts": self.opts,
            "media": self.media,
            "endpoint": endpoint,
            "secret": secret,
            "page_url": cells.change_url(endpoint),
        }
        return TemplateResponse(request, "admin/ads/webhookendpoint/secret.html", context)

    def load_page(self, request: HttpRequest, rows: Sequence[WebhookEndpoint]) -> None:
        targets = {
            target.name: target
            for target in DeliveryTarget.objects.filter(name__in=[row.target for row in rows])
        }
        dead = Delivery.objects.filter(endpoint__in=[row.pk for row in rows], state=DeliveryState.DEAD)
        counts = dict(dead.order_by().values_list("endpoint_id").annotate(Count("pk")))
        names = _brand_names(request, rows)
        for row in rows:
            target = targets.get(row.target)
            row.__dict__["failing_since"] = target.failing_since if target else None
            row.__dict__["dead"] = counts.get(row.pk, 0)
            row.__dict__["brand_names"] = names[row.pk]

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> WebhookEndpoint | None:
        endpoint = super().get_object(request, object_id, from_field)
        if endpoint is not None:
            self.load_page(request, [endpoint])
        return endpoint

    @admin.display(description="Endpoint", ordering="name")
    def named(self, endpoint: WebhookEndpoint) -> SafeString:
        return cells.lines(cells.name(endpoint.name), cells.muted(endpoint.url))

    @admin.display(description="Told of")
    def told_of(self, endpoint: WebhookEndpoint) -> SafeString:
        return cells.lines(*endpoint.event_types)

    @admin.display(description="Brands")
    def for_brands(self, endpoint: WebhookEndpoint) -> SafeString | str:
        if endpoint.all_brands:
            return "All brands of the owner"
        names: list[str] = endpoint.__dict__["brand_names"]
        more = [cells.muted(f"and {len(names) - BRANDS_SHOWN} more")] if len(names) > BRANDS_SHOWN else []
        return cells.lines(*names[:BRANDS_SHOWN], *more) if names else cells.muted("No brand")

    @admin.display(description="Dead letters")
    def dead_letters(self, endpoint: WebhookEndpoint) -> SafeString | str:
        dead: int = endpoint.__dict__["dead"]
        if not dead:
            return "0"
        url = cells.list_url(Delivery, f"endpoint__id__exact={endpoint.pk}&state={DeliveryState.DEAD}")
        return format_html('<a class="ab-link" href="{}">{}</a>', url, dead)

    @admin.display(description="State")
    def is_in(self, endpoint: WebhookEndpoint) -> SafeString:
        return cells.lines(cells.mark(_look(endpoint)), cells.muted(_state_words(endpoint)))

    @admin.action(permissions=["change"], description="Send a test to selected endpoints")
    def ping(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> None:
        active = list(queryset.filter(is_active=True))
        for endpoint in active:
            webhooks.ping(endpoint, timezone.now())
        if not active:
            self.message_user(request, "Switched off: nothing is sent.", messages.WARNING)
            return
        self.message_user(
            request, "A test is on its way. The deliveries tell what became of it.", messages.SUCCESS
        )

    @admin.action(permissions=["change"], description="Give the selected endpoint a new secret …")
    def rotate(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> HttpResponse | None:
        chosen = list(queryset[:2])
        if len(chosen) != 1:
            self.message_user(request, "Choose one endpoint at a time.", messages.WARNING)
            return None
        if request.POST.get("sure") == "yes":
            secret = endpoints.rotate(chosen[0], timezone.now())
            self.log_change(request, chosen[0], "New secret.")
            return self._show(request, chosen[0], secret)
        context = {
            **self.admin_site.each_context(request),
            "title": f"A new secret for {chosen[0]}",
            "opts": self.opts,
            "media": self.media,
            "endpoint": chosen[0],
            "back_url": cells.change_url(chosen[0])
            if self.is_act(request)
            else cells.list_url(WebhookEndpoint),
        }
        return TemplateResponse(request, "admin/ads/webhookendpoint/rotate.html", context)

    @admin.action(permissions=["change"], description="Switch selected endpoints on")
    def switch_on(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> None:
        for endpoint in queryset.filter(is_active=False):
            endpoints.switch_on(endpoint, timezone.now())
            self.log_change(request, endpoint, "Switched on.")
        self.message_user(
            request, "Switched on: told from now on. Dead letters can be redelivered.", messages.SUCCESS
        )

    @admin.action(permissions=["change"], description="Switch selected endpoints off")
    def switch_off(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> None:
        for endpoint in queryset.filter(is_active=True):
            endpoints.switch_off(endpoint, f"By {_person(request).get_username()}.", timezone.now())
            self.log_change(request, endpoint, "Switched off.")
        self.message_user(request, "Switched off: nothing is sent any more.", messages.SUCCESS)


class DeliveryStateFilter(ChoiceFilter):
    title = "state"
    parameter_name = "state"
    options = tuple((state.value, str(state.label)) for state in DeliveryState)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(state=self.value()) if self.value() in DeliveryState.values else queryset


class EventTypeFilter(ChoiceFilter):
    title = "event"
    parameter_name = "event"
    options = tuple((each.value, each.value) for each in EventType)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(payload__type=self.value()) if self.value() else queryset


class EndpointFilter(admin.RelatedFieldListFilter):
    """Endpoints that the signed-in person manages."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        managed = WebhookEndpoint.objects.managed_by(request.user)
        return [(endpoint.pk, endpoint.name) for endpoint in managed]


@admin.register(Delivery)
class DeliveryAdmin(LongListAdmin[Delivery]):
    """What was or is to be told: of one's own endpoints; whoever sees everything sees messages to people too."""

    needs = {"view": (Right.EDIT_SETTINGS,)}
    list_display = ("told", "to", "is_in", "tried", "next_try", "made")
    list_select_related = ("endpoint", "brand", "campaign")
    list_filter = (DeliveryStateFilter, EventTypeFilter, ("endpoint", EndpointFilter))
    empty_text = "Nothing was to be told yet."
    actions = ("redeliver",)
    acts: ClassVar[Mapping[str, str]] = {"redeliver": "Redeliver"}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        rows = super().get_queryset(request)
        mine = Q(endpoint__in=WebhookEndpoint.objects.order_by().managed_by(request.user).values("pk"))
        if may(request.user, Right.MANAGE_PEOPLE, Right.SEE_ALL_BRANDS):
            return rows.filter(mine | Q(endpoint__isnull=True))
        seen = visible(Brand.objects.order_by(), request).values("pk")
        return rows.filter(mine, Q(brand__isnull=True) | Q(brand__in=seen))

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Delivery | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Delivery | None = None) -> bool:
        return False

    def get_fieldsets(self, request: HttpRequest, obj: Delivery | None = None) -> Any:
        return ()

    def page_context(self, request: HttpRequest, row: Delivery) -> dict[str, Any]:
        tries = list(row.tries.order_by("-pk")[:ATTEMPTS_SHOWN])
        return {
            "title": row.payload.get("type", row.get_kind_display()),
            "row": row,
            "look": cells.mark(LOOKS[DeliveryState(row.state)]),
            "to": self.to(row),
            "made": _when(row.created_at),
            "next_try": _when(row.due_at) if row.state == DeliveryState.PENDING else "",
            "payload": webhooks.readable(row.payload),
            "tries": [{"attempt": attempt, "at": _when(attempt.at, seconds=True)} for attempt in tries],
        }

    @admin.display(description="What")
    def told(self, row: Delivery) -> SafeString:
        about = row.campaign or row.brand
        what = str(row.payload.get("type", row.get_kind_display()))
        return cells.lines(cells.name(what), cells.muted(str(about)) if about else "")

    @admin.display(description="To")
    def to(self, row: Delivery) -> SafeString | str:
        return row.target if row.endpoint is None else cells.link(row.endpoint)

    @admin.display(description="State")
    def is_in(self, row: Delivery) -> SafeString:
        error = (
            format_html('<span class="ab-why ab-clip">{}</span>', row.last_error) if row.last_error else ""
        )
        return cells.lines(cells.mark(LOOKS[DeliveryState(row.state)]), error)

    @admin.display(description="Attempts")
    def tried(self, row: Delivery) -> str:
        return str(row.attempts)

    @admin.display(description="Next attempt")
    def next_try(self, row: Delivery) -> SafeString:
        return _when(row.due_at) if row.state == DeliveryState.PENDING else cells.NOTHING

    @admin.display(description="Made")
    def made(self, row: Delivery) -> SafeString:
        return _when(row.created_at)

    @admin.action(permissions=["settings"], description="Redeliver selected deliveries")
    def redeliver(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        chosen = list(queryset.order_by("pk")[: MOST_REDELIVERED + 1])
        if len(chosen) > MOST_REDELIVERED:
            self.message_user(request, f"Choose at most {MOST_REDELIVERED} at a time.", messages.WARNING)
            return
        for row in chosen:
            effects.redeliver(row, by=request.user)
        what = formats.counted(len(chosen), "delivery", "deliveries")
        self.message_user(request, f"{what} will be sent again at once, with the same id.", messages.SUCCESS)


@admin.register(DeliveryTarget)
class DeliveryTargetAdmin(ReadOnlyAdmin[DeliveryTarget]):
    list_display = ("name", "failures", "failing_since", "free_at")
    fields = list_display
    ordering = ("name",)


@admin.register(EventSequence)
class EventSequenceAdmin(ReadOnlyAdmin[EventSequence]):
    list_display = ("campaign_id", "last")
    fields = ("campaign", "last")
    ordering = ("campaign_id",)


def _person(request: HttpRequest) -> User:
    return cast("User", request.user)


def _look(endpoint: WebhookEndpoint) -> formats.Look:
    if not endpoint.is_active:
        return OFF
    return FAILING if endpoint.__dict__["failing_since"] else ON


def _state_words(endpoint: WebhookEndpoint) -> str:
    if endpoint.switched_off_at is not None:
        return f"{endpoint.switched_off_at:%Y-%m-%d %H:%M} UTC: {endpoint.switched_off_why}"
    since: datetime | None = endpoint.__dict__["failing_since"]
    return f"Since {since:%Y-%m-%d %H:%M} UTC; tried again less and less often." if since else ""


def _when(moment: datetime, *, seconds: bool = False) -> SafeString:
    return cells.when_and_where(moment, Calendar.fixed(settings.TIME_ZONE), timezone.now(), seconds=seconds)


def _brand_names(request: HttpRequest, rows: Sequence[WebhookEndpoint]) -> defaultdict[int, list[str]]:
    """Names of the brands that each is narrowed to, as far as whoever looks may see them. One query."""
    links = WebhookEndpoint.brands.through._default_manager.filter(
        webhookendpoint__in=[row.pk for row in rows if not row.all_brands],
        brand__in=visible(Brand.objects.order_by(), request).values("pk"),
    )
    names: defaultdict[int, list[str]] = defaultdict(list)
    for endpoint_id, name in links.order_by("brand__name").values_list("webhookendpoint_id", "brand__name"):
        names[endpoint_id].append(name)
    return names

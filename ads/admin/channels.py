"""Channels: whom alerts are told, tried out with a sample, and which of them do not deliver."""

from typing import Any, ClassVar

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.safestring import SafeString

from ads import formats
from ads.actor import actor_name
from ads.admin import cells
from ads.admin.base import EVERYTHING, BaseAdmin
from ads.admin.channel_form import ChannelForm
from ads.channels.webhook import secret_of
from ads.errors import DeliveryFailed
from ads.models import ChannelKind, NotificationChannel
from ads.rights import Right
from ads.rules.periods import Calendar
from ads.services.channels import masked_address, try_out

WORKS = formats.Look("✓", "On", "run")
FAILING = formats.Look("!", "Failing", "limit")
OFF = formats.Look("⊘", "Switched off", "off")
MOST_TRIED = 5  # a sample may take ten seconds


@admin.register(NotificationChannel)
class NotificationChannelAdmin(BaseAdmin[NotificationChannel]):
    """Account managers have those of their brands; those of the agency are for who sees every brand."""

    needs = dict.fromkeys(EVERYTHING, (Right.HANDLE_ALERTS,))
    form = ChannelForm
    change_form_template = "admin/ads/notificationchannel/change_form.html"
    list_display = ("named", "kind", "told_of", "is_default", "is_in")
    list_select_related = ("brand",)
    list_filter = ("kind", "is_active")
    search_fields = ("name", "brand__name")
    search_help_text = "Search by name or brand"
    empty_text = "No channels here. A channel tells a team of alerts: in Slack, in Teams, by e-mail."
    autocomplete_fields = ("brand",)
    actions = ("try_out",)
    acts: ClassVar = {"try_out": "Send a sample"}

    def get_queryset(self, request: HttpRequest) -> QuerySet[NotificationChannel]:
        return NotificationChannel.objects.managed_by(request.user)

    def get_fieldsets(self, request: HttpRequest, obj: NotificationChannel | None = None) -> Any:
        if obj is not None and obj.is_of_people:
            return [(None, {"fields": ("name", "kind", "is_default", "is_active")})]
        return [
            (None, {"fields": ("name", "kind", "address")}),
            ("Of what it tells", {"fields": ("brand", "is_default", "is_active")}),
        ]

    def get_readonly_fields(
        self, request: HttpRequest, obj: NotificationChannel | None = None
    ) -> tuple[str, ...]:
        """What rules chose it for stays."""
        if obj is None:
            return ()
        return ("kind",) if obj.is_of_people else ("kind", "brand")

    def get_form(
        self,
        request: HttpRequest,
        obj: NotificationChannel | None = None,
        change: bool = False,
        **kwargs: Any,
    ) -> Any:
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.by = request.user
        return form

    def has_delete_permission(self, request: HttpRequest, obj: NotificationChannel | None = None) -> bool:
        return super().has_delete_permission(request) and (obj is None or not obj.is_of_people)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Not the one that deletes many: that of people is never deleted."""
        actions: dict[str, Any] = dict(super().get_actions(request))
        actions.pop("delete_selected", None)
        return actions

    def save_model(self, request: HttpRequest, obj: NotificationChannel, form: Any, change: bool) -> None:
        if not change:
            obj.made_by, obj.created_at = actor_name(), timezone.now()
        super().save_model(request, obj, form, change)

    def response_add(
        self, request: HttpRequest, obj: NotificationChannel, post_url_continue: str | None = None
    ) -> HttpResponse:
        return self._secret_page(request, obj) or super().response_add(request, obj, post_url_continue)

    def response_change(self, request: HttpRequest, obj: NotificationChannel) -> HttpResponse:
        is_new = request.POST.get("address") and self._secret_page(request, obj)
        return is_new or super().response_change(request, obj)

    def _secret_page(self, request: HttpRequest, obj: NotificationChannel) -> HttpResponse | None:
        """The page itself, without a redirect: so the secret is in this one answer."""
        if obj.kind != ChannelKind.WEBHOOK:
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": "The new secret",
            "opts": self.opts,
            "media": self.media,
            "endpoint": obj,
            "secret": secret_of(obj.address),
            "page_url": cells.change_url(obj),
        }
        return TemplateResponse(request, "admin/ads/webhookendpoint/secret.html", context)

    def page_context(self, request: HttpRequest, row: NotificationChannel) -> dict[str, Any]:
        return {"look": cells.mark(_look(row)), "state_words": _state_words(row)}

    @admin.display(description="Channel", ordering="name")
    def named(self, channel: NotificationChannel) -> SafeString:
        return cells.lines(cells.name(channel.name), cells.muted(masked_address(channel)))

    @admin.display(description="Tells of", ordering="brand__name")
    def told_of(self, channel: NotificationChannel) -> str:
        return "Every brand" if channel.brand is None else channel.brand.name

    @admin.display(description="State", ordering="failing_since")
    def is_in(self, channel: NotificationChannel) -> SafeString:
        return cells.lines(cells.mark(_look(channel)), cells.muted(channel.last_error))

    @admin.action(permissions=["change"], description="Send a sample by selected channels")
    def try_out(self, request: HttpRequest, queryset: QuerySet[NotificationChannel]) -> HttpResponse | None:
        chosen = list(queryset[: MOST_TRIED + 1])
        if len(chosen) > MOST_TRIED:
            self.message_user(request, f"Choose at most {MOST_TRIED} channels at a time.", messages.WARNING)
            return None
        for channel in chosen:
            self._try_out(request, channel)
        return None

    def _try_out(self, request: HttpRequest, channel: NotificationChannel) -> None:
        if not isinstance(request.user, User):
            return
        try:
            try_out(channel, request.user, timezone.now())
        except DeliveryFailed as failure:
            self.message_user(request, f"{channel.name}: {failure}", messages.ERROR)
            return
        by_mail = channel.kind in {ChannelKind.EMAIL, ChannelKind.PEOPLE}
        if by_mail and not settings.EMAIL_HOST:
            nobody = f"{channel.name}: no mail server is set (EMAIL_URL), so the sample was printed and sent to nobody."
            self.message_user(request, nobody, messages.WARNING)
            return
        where = request.user.email if channel.is_of_people else masked_address(channel)
        self.message_user(request, f"{channel.name}: a sample was sent to {where}.", messages.SUCCESS)


def _look(channel: NotificationChannel) -> formats.Look:
    if not channel.is_active:
        return OFF
    return FAILING if channel.failing_since is not None else WORKS


def _state_words(channel: NotificationChannel) -> str:
    if channel.failing_since is None:
        return "It delivered when last tried, or was not tried yet." if channel.is_active else ""
    since = formats.moment(channel.failing_since, Calendar.fixed(settings.TIME_ZONE), timezone.now())
    return f"Since {since} ({settings.TIME_ZONE}): {channel.last_error}"

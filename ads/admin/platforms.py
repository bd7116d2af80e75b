"""Platforms: the accounts that are connected, and what each campaign does there."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.contrib import admin, messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ads import formats
from ads.admin import cells
from ads.admin.base import (
    EVERYTHING,
    BaseAdmin,
    ChoiceFilter,
    LongListAdmin,
    VisibleFilter,
    of_campaigns_named,
)
from ads.errors import DeliveryFailed
from ads.models import PlatformConnection, PlatformMode, PlatformState
from ads.rights import Right, may
from ads.rules.periods import Calendar
from ads.services import platform_states, platform_words, platform_work

AS_WANTED = formats.Look("✓", "As decided", "run")
DIFFERS = formats.Look("!", "Differs", "limit")
ANSWERS = formats.Look("✓", "Answers", "run")
FAILING = formats.Look("!", "Does not answer", "limit")
UNREAD = formats.Look("…", "Not read yet", "off")
OFF = formats.Look("⊘", "Switched off", "off")
MOST_TRIED = 1_000


@admin.register(PlatformConnection)
class PlatformConnectionAdmin(BaseAdmin[PlatformConnection]):
    """An account may run campaigns of every brand, so who connects one has to see every brand."""

    needs = dict.fromkeys(EVERYTHING, (Right.MANAGE_PLATFORMS,))
    list_display = ("named", "adapter", "does", "for_brands", "campaigns", "is_in")
    search_fields = ("platform", "account")
    search_help_text = "Search by platform or account"
    empty_text = "No platform is connected: what is decided here pauses nothing where ads run."
    autocomplete_fields = ("brands",)
    actions = ("read_one",)
    acts: ClassVar[Mapping[str, str]] = {"read_one": "Read one campaign"}
    fieldsets = (
        (None, {"fields": ("adapter", "platform", "account", "url", "manager_account")}),
        ("Access", {"fields": ("credentials", "own_name")}),
        ("What it does", {"fields": ("mode", "is_active", "all_brands", "brands")}),
    )

    def _meets(self, request: HttpRequest, what: str) -> bool:
        return super()._meets(request, what) and may(request.user, Right.SEE_ALL_BRANDS)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "url":
            kwargs["assume_scheme"] = "https"
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        connected = platform_states.follow_connection(form.instance, timezone.now())
        if connected:
            told = (
                f"{formats.counted(connected, 'campaign')} {'is' if connected == 1 else 'are'} connected now."
            )
            self.message_user(request, told, messages.SUCCESS)

    def page_context(self, request: HttpRequest, row: PlatformConnection) -> dict[str, Any]:
        return {
            "look": cells.mark(_look(row)),
            "state_words": _state_words(row),
            "states_url": _states_url(row),
        }

    def load_page(self, request: HttpRequest, rows: Sequence[PlatformConnection]) -> None:
        states = PlatformState.objects.filter(connection__in=[row.pk for row in rows]).order_by()
        counted = states.values_list("connection_id").annotate(
            of_all=Count("pk"), differing=Count("drift_since"), read=Count("observed_at")
        )
        numbers = {pk: each for pk, *each in counted}
        for row in rows:
            row.__dict__["numbers"] = numbers.get(row.pk, [0, 0, 0])

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> PlatformConnection | None:
        account = super().get_object(request, object_id, from_field)
        if account is not None:
            self.load_page(request, [account])
        return account

    @admin.display(description="Account", ordering="platform")
    def named(self, account: PlatformConnection) -> SafeString:
        return cells.lines(cells.name(account.platform), cells.muted(account.account))

    @admin.display(description="Mode", ordering="mode")
    def does(self, account: PlatformConnection) -> str:
        return "Acts" if account.mode == PlatformMode.ACT else "Only observes"

    @admin.display(description="Brands", ordering="all_brands")
    def for_brands(self, account: PlatformConnection) -> str:
        return "All brands" if account.all_brands else "Some brands"

    @admin.display(description="Campaigns")
    def campaigns(self, account: PlatformConnection) -> SafeString:
        of_all, differing, _ = account.__dict__["numbers"]
        told = formats.counted(of_all, "campaign")
        url = _states_url(account)
        link = format_html('<a class="ab-link" href="{}">{}</a>', url, told)
        return cells.lines(link, cells.over(f"{differing} not as decided") if differing else "")

    @admin.display(description="State")
    def is_in(self, account: PlatformConnection) -> SafeString:
        return cells.lines(cells.mark(_look(account)), cells.muted(_state_words(account)))

    @admin.action(permissions=["change"], description="Read one campaign of selected accounts")
    def read_one(self, request: HttpRequest, queryset: QuerySet[PlatformConnection]) -> None:
        for account in queryset:
            try:
                campaign, observed = platform_work.read_one(account)
            except DeliveryFailed as failure:
                self.message_user(request, f"{account}: {failure}.", messages.ERROR)
            else:
                found = platform_words.FOUND[observed].lower()
                self.message_user(request, f"{account} answers: {campaign} {found} there.", messages.SUCCESS)


class DifferenceFilter(ChoiceFilter):
    title = "state"
    parameter_name = "state"
    options = (("differs", "Differs"), ("as_decided", "As decided"), ("unread", "Not read yet"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        asked = {
            "differs": Q(drift_since__isnull=False),
            "as_decided": Q(drift_since__isnull=True),
            "unread": Q(observed=""),
        }.get(self.value() or "")
        return queryset if asked is None else queryset.filter(asked)


@admin.register(PlatformState)
class PlatformStateAdmin(LongListAdmin[PlatformState]):
    """What is wanted and found of each connected campaign; only the work on platforms writes it."""

    needs = {"view": (Right.SEE,)}
    list_display = ("is_in", "of_campaign", "wanted", "found", "next_try")
    fields = ("of_campaign", "account", "is_in", "wanted", "found", "asked", "next_try", "tried")
    list_select_related = ("campaign__brand", "connection")
    list_filter = (
        DifferenceFilter,
        ("campaign__brand", VisibleFilter),
        ("connection", admin.RelatedOnlyFieldListFilter),
    )
    search_fields = ("campaign__name",)
    search_help_text = "Search by campaign"
    empty_text = "No campaign here. A campaign is connected by its platform, account and external id."
    actions = ("try_again",)
    acts: ClassVar[Mapping[str, str]] = {"try_again": "Try again now"}

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: PlatformState | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: PlatformState | None = None) -> bool:
        return False

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[PlatformState], search_term: str
    ) -> tuple[QuerySet[PlatformState], bool]:
        return of_campaigns_named(search_term, queryset, request) if search_term else queryset, False

    @admin.display(description="Campaign")
    def of_campaign(self, state: PlatformState) -> SafeString:
        return cells.campaign_with_brand(state.campaign)

    @admin.display(description="Account")
    def account(self, state: PlatformState) -> str:
        return f"{state.connection}, campaign {state.external_id}"

    @admin.display(description="State")
    def is_in(self, state: PlatformState) -> SafeString:
        def moment(at: datetime) -> str:
            return formats.moment(at, state.campaign.brand.calendar, timezone.now()).removesuffix(" today")

        look = OFF if not state.connection.is_active else DIFFERS if state.drift_since else AS_WANTED
        told = platform_words.difference(state, moment)
        return cells.lines(cells.mark(look), told, cells.muted(platform_words.trouble(state, moment)))

    @admin.display(description="Wanted")
    def wanted(self, state: PlatformState) -> SafeString:
        return cells.lines(platform_words.WANTED[state.known.desired], self._when(state, state.desired_at))

    @admin.display(description="Found")
    def found(self, state: PlatformState) -> SafeString:
        if state.known.observed is None:
            return cells.muted("Not read yet")
        return cells.lines(platform_words.FOUND[state.known.observed], self._when(state, state.observed_at))

    @admin.display(description="Asked for, not confirmed")
    def asked(self, state: PlatformState) -> SafeString:
        if state.known.requested is None:
            return cells.NOTHING
        return cells.lines(
            platform_words.WANTED[state.known.requested], self._when(state, state.requested_at)
        )

    @admin.display(description="Looked at next")
    def next_try(self, state: PlatformState) -> SafeString:
        return self._when(state, state.next_try_at)

    @admin.display(description="Tries in vain")
    def tried(self, state: PlatformState) -> str:
        return str(state.attempts)

    def _when(self, state: PlatformState, at: datetime | None) -> SafeString:
        return cells.when_and_where(at, state.campaign.brand.calendar, timezone.now(), seconds=True)

    @admin.action(permissions=["switch"], description="Try selected campaigns again now")
    def try_again(self, request: HttpRequest, queryset: QuerySet[PlatformState]) -> None:
        chosen = PlatformState.objects.filter(pk__in=list(queryset.values_list("pk", flat=True)[:MOST_TRIED]))
        number = platform_work.try_again(chosen, timezone.now())
        self.message_user(
            request, f"{formats.counted(number, 'campaign')} will be looked at at once.", messages.SUCCESS
        )


def _look(account: PlatformConnection) -> formats.Look:
    if not account.is_active:
        return OFF
    if account.failing_since is not None:
        return FAILING
    return ANSWERS if account.__dict__["numbers"][2] else UNREAD


def _state_words(account: PlatformConnection) -> str:
    if account.failing_since is None or not account.is_active:
        return ""
    calendar = Calendar.fixed(settings.TIME_ZONE)
    return f"Since {formats.moment(account.failing_since, calendar, timezone.now())}: {account.last_error}"


def _states_url(account: PlatformConnection) -> str:
    return cells.list_url(PlatformState, f"connection__id__exact={account.pk}")

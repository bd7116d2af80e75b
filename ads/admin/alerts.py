"""Alerts, and the rules by which they are raised: everywhere, for a brand, or for one campaign."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from ads import formats
from ads.admin import cells
from ads.admin.alert_rule_form import AlertRuleForm
from ads.admin.base import BaseAdmin, ChoiceFilter, LongListAdmin, VisibleFilter
from ads.models import Alert, AlertKind, AlertRule
from ads.models.alerts import AlertQuerySet, AlertState
from ads.rights import Right, may
from ads.rules.periods import Calendar
from ads.services import alert_words, alerts
from ads.services.alert_rules import DEFAULT_RULES

# What each kind tells, for whoever makes a rule.
KIND_WORDS = {
    AlertKind.THRESHOLD: "So much of a day’s, month’s or flight’s budget is spent.",
    AlertKind.PROJECTION: "A month is projected to end far over or under its budget.",
    AlertKind.BUDGET_PAUSE: "A budget has paused campaigns.",
    AlertKind.OVERSPEND: "More than the budget is spent, by so much.",
    AlertKind.DEAD_FEED: "No spend arrives while campaigns run.",
    AlertKind.SPEND_WHILE_OFF: "A campaign that is off or completed spends.",
    AlertKind.QUARANTINE: "Spend waits for a decision and does not count.",
    AlertKind.SPIKE: "An hour’s spend is far above the usual.",
    AlertKind.PLATFORM_DRIFT: "A platform does not do what was decided for five minutes.",
    AlertKind.CHANNEL_FAILING: "A channel does not deliver; told by the others.",
}
LOOKS = {
    AlertState.OPEN: formats.Look("!", "Open", "limit"),
    AlertState.ACKNOWLEDGED: formats.Look("✓", "Acknowledged", "clock"),
    AlertState.SNOOZED: formats.Look("‖", "Snoozed", "clock"),
    AlertState.RESOLVED: formats.Look("✓", "Resolved", "run"),
}
MOST_ALERTS = 1_000


@admin.register(AlertRule)
class AlertRuleAdmin(BaseAdmin[AlertRule]):
    """Rules of brands are for who handles alerts; those for everywhere also need the sight of every brand."""

    needs = {
        "view": {Right.SEE},
        "add": {Right.HANDLE_ALERTS},
        "change": {Right.HANDLE_ALERTS},
        "delete": {Right.HANDLE_ALERTS},
    }
    form = AlertRuleForm
    list_display = ("named", "kind", "rules", "when", "is_on")
    list_select_related = ("brand", "campaign")
    list_filter = ("kind", ("brand", VisibleFilter), "is_active")
    search_fields = ("name", "brand__name", "campaign__name")
    search_help_text = "Search by name, brand or campaign"
    empty_text = "No rules here."
    autocomplete_fields = ("brand", "campaign")
    filter_horizontal = ()
    has_history = True

    def has_change_permission(self, request: HttpRequest, obj: AlertRule | None = None) -> bool:
        return super().has_change_permission(request, obj) and self._is_theirs(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: AlertRule | None = None) -> bool:
        """A rule for everywhere is switched off instead: it would be made again."""
        is_everywhere = obj is not None and obj.brand_id is None
        return super().has_delete_permission(request, obj) and not is_everywhere

    @staticmethod
    def _is_theirs(request: HttpRequest, rule: AlertRule | None) -> bool:
        return rule is None or rule.brand_id is not None or may(request.user, Right.SEE_ALL_BRANDS)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions: dict[str, Any] = dict(super().get_actions(request))
        actions.pop("delete_selected", None)  # some of the selected may be for everywhere
        return actions

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Asks for the kind first: the form has the settings of that kind alone."""
        if self.has_add_permission(request) and request.GET.get("kind") not in DEFAULT_RULES:
            context = {
                **self.admin_site.each_context(request),
                "title": "What should be told?",
                "opts": self.opts,
                "media": self.media,
                "kinds": [(kind.value, kind.label, KIND_WORDS[kind]) for kind in DEFAULT_RULES],
            }
            return TemplateResponse(request, "admin/ads/alertrule/kinds.html", context)
        return super().add_view(request, form_url, extra_context)

    def get_fieldsets(self, request: HttpRequest, obj: AlertRule | None = None) -> Any:
        needed = (AlertRule(kind=request.GET.get("kind", "")) if obj is None else obj).settings
        told = [("When it is told", {"fields": needed})] if needed else []
        return [
            (None, {"fields": ("name", "is_active") if obj is None else ("kind", "name", "is_active")}),
            ("Whom it is for", {"fields": ("brand", "campaign")}),
            *told,
            ("Who is told", {"fields": ("channels",)}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: AlertRule | None = None) -> tuple[str, ...]:
        return () if obj is None else ("kind", "brand", "campaign")

    def get_form(
        self, request: HttpRequest, obj: AlertRule | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.by = request.user
        form.kind = request.GET.get("kind", "") if obj is None else obj.kind
        return form

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        return super().formfield_for_manytomany(
            db_field, request, **kwargs | {"widget": UnfoldAdminCheckboxSelectMultipleWidget}
        )

    @admin.display(description="Rule", ordering="name")
    def named(self, rule: AlertRule) -> str:
        return rule.name or rule.get_kind_display()

    @admin.display(description="Rules", ordering="brand__name")
    def rules(self, rule: AlertRule) -> SafeString | str:
        if rule.campaign is not None:
            return cells.lines(rule.campaign.name, cells.muted(str(rule.brand)))
        return "Everywhere" if rule.brand is None else rule.brand.name

    @admin.display(description="When")
    def when(self, rule: AlertRule) -> str:
        return _when(rule)

    @admin.display(description="State", ordering="is_active")
    def is_on(self, rule: AlertRule) -> SafeString | str:
        return "On" if rule.is_active else cells.tag("Switched off")


def _when(rule: AlertRule) -> str:
    periods = ", ".join(PERIOD_WORDS[kind] for kind in rule.period_kinds)
    return {
        AlertKind.THRESHOLD: f"{', '.join(str(step) for step in rule.steps)} % of {periods}",
        AlertKind.BUDGET_PAUSE: f"Budget of {periods}",
        AlertKind.OVERSPEND: f"{rule.percent} % beyond the budget of {periods}",
        AlertKind.PROJECTION: f"More than {rule.percent} % off the month’s budget",
        AlertKind.DEAD_FEED: f"{rule.hours} hours of running without a record",
        AlertKind.SPIKE: f"Above {rule.times} times the usual hour",
    }.get(AlertKind(rule.kind), "Whenever it happens")


PERIOD_WORDS = {"DAY": "day", "MONTH": "month", "FLIGHT": "flight"}


class StateFilter(ChoiceFilter):
    """What waits for nobody is out of the list unless somebody asks for it."""

    title = "state"
    parameter_name = "state"
    all_option = ["", "Open"]
    options = (("snoozed", "Snoozed"), ("resolved", "Resolved"), ("all", "All"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not isinstance(queryset, AlertQuerySet) or self.value() == "all":
            return queryset
        now = timezone.now()
        if self.value() == "resolved":
            return queryset.filter(resolved_at__isnull=False)
        if self.value() == "snoozed":
            return queryset.unresolved().filter(snoozed_until__gt=now)
        return queryset.open(now)


class KindFilter(ChoiceFilter):
    title = "kind"
    parameter_name = "kind"
    options = tuple((kind.value, kind.label) for kind in AlertKind)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(Alert)
class AlertAdmin(LongListAdmin[Alert]):
    needs = {"view": {Right.SEE}}
    list_display = ("told", "of_brand", "state", "since")
    list_filter = (StateFilter, KindFilter, ("brand", VisibleFilter))
    fields = ("told", "of_brand", "state", "since", "kind", "rule")
    empty_text = "Nothing waits here."
    actions = ("acknowledge", "snooze", "resolve")
    acts: ClassVar[Mapping[str, str]] = {
        "acknowledge": "Acknowledge",
        "snooze": "Snooze for an hour",
        "resolve": "Resolve",
    }

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Alert | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Alert | None = None) -> bool:
        return False

    def has_handle_permission(self, request: HttpRequest) -> bool:
        return may(request.user, Right.HANDLE_ALERTS)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Alert]:
        found = super().get_queryset(request)
        return found.with_owners() if isinstance(found, AlertQuerySet) else found

    def buttons(self, request: HttpRequest, row: Alert) -> list[str]:
        if row.resolved_at is not None:
            return []
        return [act for act in self.acts if act != "acknowledge" or row.acknowledged_at is None]

    @admin.display(description="Alert")
    def told(self, alert: Alert) -> SafeString:
        title = alert_words.title(alert, [step.step for step in alert.steps.all()])
        return cells.lines(cells.name(title), *(cells.muted(line) for line in alert_words.lines(alert)))

    @admin.display(description="Brand")
    def of_brand(self, alert: Alert) -> SafeString | str:
        if alert.brand is None:
            return formats.NOTHING_KNOWN
        return cells.lines(
            cells.link(alert.brand), cells.link(alert.campaign) if alert.campaign is not None else ""
        )

    @admin.display(description="State")
    def state(self, alert: Alert) -> SafeString:
        state = alert.state(timezone.now())
        by = alert.resolved_by if state == AlertState.RESOLVED else alert.acknowledged_by
        return cells.lines(cells.mark(LOOKS[state]), cells.muted(f"by {by}") if by else "")

    @admin.display(description="Since")
    def since(self, alert: Alert) -> SafeString:
        calendar = Calendar.fixed(settings.TIME_ZONE) if alert.brand is None else alert.brand.calendar
        return cells.when_and_where(alert.raised_at, calendar, timezone.now())

    @admin.action(permissions=["handle"], description="Acknowledge selected alerts")
    def acknowledge(self, request: HttpRequest, queryset: QuerySet[Alert]) -> None:
        now = timezone.now()
        self._do(request, queryset, "acknowledged", lambda ids: alerts.acknowledge(ids, now))

    @admin.action(permissions=["handle"], description="Snooze selected alerts for an hour")
    def snooze(self, request: HttpRequest, queryset: QuerySet[Alert]) -> None:
        until = timezone.now() + timedelta(hours=1)
        self._do(request, queryset, "snoozed for an hour", lambda ids: alerts.snooze(ids, until))

    @admin.action(permissions=["handle"], description="Resolve selected alerts")
    def resolve(self, request: HttpRequest, queryset: QuerySet[Alert]) -> None:
        now = timezone.now()
        self._do(request, queryset, "resolved", lambda ids: alerts.resolve(ids, now))

    def _do(
        self,
        request: HttpRequest,
        queryset: QuerySet[Alert],
        what: str,
        act: Callable[[Sequence[int]], int],
    ) -> None:
        ids = list(queryset.order_by("pk").values_list("pk", flat=True)[: MOST_ALERTS + 1])
        if len(ids) > MOST_ALERTS:
            self.message_user(request, f"Choose at most {MOST_ALERTS:,} alerts at a time.", messages.WARNING)
            return
        done = act(ids)
        self.message_user(
            request, f"{formats.counted(done, 'alert')} {what}.", messages.SUCCESS if done else messages.INFO
        )

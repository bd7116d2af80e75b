"""Alerts: the rules by which they are raised, what was raised, and the steps of a budget that were crossed."""

from datetime import datetime
from typing import ClassVar, Self

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import ValidationError
from django.db import models
from simple_history.models import HistoricalRecords

from ads.actor import actor_user
from ads.models.amounts import IntegerOnSqlite, OptionalAmount, within
from ads.models.brand import Brand
from ads.models.campaign import Campaign
from ads.models.period import PeriodKind
from ads.models.querysets import VisibleQuerySet
from ads.rights import Right, may

DEFAULT_STEPS = [50, 80, 90, 100]
MAX_PERCENT = 1000


class AlertKind(models.TextChoices):
    THRESHOLD = "THRESHOLD", "Budget threshold"
    PROJECTION = "PROJECTION", "Projected to miss the month"
    BUDGET_PAUSE = "BUDGET_PAUSE", "Paused by a budget"
    OVERSPEND = "OVERSPEND", "Overspend"
    DEAD_FEED = "DEAD_FEED", "No spend while active"
    SPEND_WHILE_OFF = "SPEND_WHILE_OFF", "Spend while off"
    QUARANTINE = "QUARANTINE", "Quarantined spend"
    SPIKE = "SPIKE", "Spike of spend"
    PLATFORM_DRIFT = "PLATFORM_DRIFT", "Differs from the platform"
    CHANNEL_FAILING = "CHANNEL_FAILING", "Channel does not deliver"


class AlertState(models.TextChoices):
    OPEN = "open", "Open"
    ACKNOWLEDGED = "acknowledged", "Acknowledged"
    SNOOZED = "snoozed", "Snoozed"
    RESOLVED = "resolved", "Resolved"


# What a rule of a kind says beside whom it is for; kinds that are not here need no more.
SETTINGS_OF_KINDS: dict[str, tuple[str, ...]] = {
    AlertKind.THRESHOLD: ("period_kinds", "steps"),
    AlertKind.PROJECTION: ("percent",),
    AlertKind.BUDGET_PAUSE: ("period_kinds",),
    AlertKind.OVERSPEND: ("period_kinds", "percent"),
    AlertKind.DEAD_FEED: ("hours",),
    AlertKind.SPIKE: ("times",),
}
# Kinds that can be told of one campaign alone.
KINDS_OF_CAMPAIGNS = frozenset(
    {
        AlertKind.THRESHOLD,
        AlertKind.BUDGET_PAUSE,
        AlertKind.OVERSPEND,
        AlertKind.DEAD_FEED,
        AlertKind.SPEND_WHILE_OFF,
        AlertKind.PLATFORM_DRIFT,
    }
)


def default_steps() -> list[int]:
    return list(DEFAULT_STEPS)


def every_period_kind() -> list[str]:
    return list(PeriodKind.values)


class AlertRuleQuerySet(VisibleQuerySet["AlertRule"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        """Rules of the brands this user sees, and those for everywhere, which concern them too."""
        if not may(user, Right.SEE) or may(user, Right.SEE_ALL_BRANDS):
            return super().visible_to(user)
        theirs = user.brands.values("pk")  # type: ignore[union-attr]
        return self.filter(models.Q(brand__isnull=True) | models.Q(brand__in=theirs))


class AlertRule(models.Model):
    """When alerts of a kind are raised: everywhere, for a brand with its campaigns, or for one campaign.

    The most specific rule of a kind rules: switched off, it raises nothing there.
    """

    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=15, choices=AlertKind.choices)
    brand = models.ForeignKey(
        Brand,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="alert_rules",
        help_text="Empty: everywhere.",
    )
    campaign = models.ForeignKey(
        Campaign,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="alert_rules",
        help_text="Empty: the brand and all its campaigns.",
    )
    period_kinds = models.JSONField("budgets of", default=every_period_kind, blank=True)
    steps = models.JSONField(
        "thresholds", default=default_steps, blank=True, help_text="Whole percents of the budget."
    )
    percent = models.PositiveSmallIntegerField("per cent", null=True, blank=True)
    hours = models.PositiveSmallIntegerField(null=True, blank=True)
    times = models.PositiveSmallIntegerField(null=True, blank=True)
    is_active = models.BooleanField(
        "active", default=True, help_text="Switched off, nothing of this kind is raised where it rules."
    )

    channels = models.ManyToManyField(
        "ads.NotificationChannel",
        blank=True,
        related_name="rules",
        help_text="Who is told. None: the default channels of the brand, or else those of every brand, and the "
        "people of the brand.",
    )

    objects = AlertRuleQuerySet.as_manager()
    history = HistoricalRecords(get_user=actor_user)

    class Meta:
        ordering = ("kind", "brand__name", "campaign__name")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=[kind.value for kind in AlertKind]), name="alertrule_kind_known"
            ),
            models.CheckConstraint(
                condition=models.Q(campaign__isnull=True) | models.Q(brand__isnull=False),
                name="alertrule_campaign_has_brand",
            ),
            models.CheckConstraint(
                condition=within("percent", 1, MAX_PERCENT)
                & within("hours", 1, 24 * 30)
                & within("times", 2, 1000),
                name="alertrule_numbers_in_range",
            ),
            models.UniqueConstraint(
                fields=["kind"],
                condition=models.Q(brand__isnull=True),
                name="alertrule_one_everywhere",
                violation_error_message="There is a rule of this kind for everywhere already.",
            ),
            models.UniqueConstraint(
                fields=["kind", "brand"],
                condition=models.Q(brand__isnull=False, campaign__isnull=True),
                name="alertrule_one_of_brand",
                violation_error_message="This brand has a rule of this kind already.",
            ),
            models.UniqueConstraint(
                fields=["kind", "campaign"],
                condition=models.Q(campaign__isnull=False),
                name="alertrule_one_of_campaign",
                violation_error_message="This campaign has a rule of this kind already.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def settings(self) -> tuple[str, ...]:
        """The fields in which a rule of this kind says when it is raised."""
        return SETTINGS_OF_KINDS.get(self.kind, ())

    def clean(self) -> None:
        if self.campaign is not None:
            self.brand = self.campaign.brand
            if self.kind not in KINDS_OF_CAMPAIGNS:
                raise ValidationError({"campaign": "A rule of this kind is for a brand, or everywhere."})
        for name in self.settings:
            if not getattr(self, name):
                raise ValidationError({name: "A rule of this kind needs this."})
        self.steps = self._clean_steps()
        if not set(self.period_kinds) <= set(PeriodKind.values):
            raise ValidationError({"period_kinds": "Choose of day, month and flight."})

    def _clean_steps(self) -> list[int]:
        if not isinstance(self.steps, list) or not all(
            isinstance(step, int) and 1 <= step <= MAX_PERCENT for step in self.steps
        ):
            raise ValidationError({"steps": f"Give whole percents from 1 to {MAX_PERCENT}."})
        return sorted(set(self.steps))


class AlertQuerySet(VisibleQuerySet["Alert"]):
    def unresolved(self) -> Self:
        """What nobody has resolved and what has not ended by itself."""
        return self.filter(resolved_at__isnull=True)

    def open(self, now: datetime) -> Self:
        """What waits for somebody: neither resolved nor snoozed."""
        return self.unresolved().exclude(snoozed_until__gt=now)

    def with_owners(self) -> Self:
        """With what telling of them needs, in two queries."""
        return self.select_related("brand", "campaign").prefetch_related("steps")


class Alert(models.Model):
    """One thing that somebody should know: of a brand, or of one of its campaigns.

    `key` says what it is about (kind, owner, period). It is raised once until it has ended: then what it is about
    may come again and is another alert. People may resolve it before; that does not end it.
    """

    key = models.CharField(max_length=64, editable=False)
    rule = models.ForeignKey(
        AlertRule, on_delete=models.SET_NULL, null=True, blank=True, related_name="alerts"
    )
    kind = models.CharField(max_length=15, choices=AlertKind.choices)
    # NULL where it is of no brand, such as spend of an unknown one; only those who see every brand see it then.
    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, null=True, blank=True, related_name="alerts")
    campaign = models.ForeignKey(
        Campaign, on_delete=models.PROTECT, null=True, blank=True, related_name="alerts"
    )
    period_kind = models.CharField(max_length=6, choices=PeriodKind.choices, blank=True, default="")
    starts_on = models.DateField(null=True, blank=True)

    raised_at = models.DateTimeField()
    changed_at = models.DateTimeField(help_text="When it was raised, or its last step was crossed.")
    # As they were at `changed_at`; `facts` are the other numbers that a kind tells, amounts in micros.
    spent_micros = models.BigIntegerField(null=True, blank=True)
    budget_micros = models.BigIntegerField(null=True, blank=True)
    facts = models.JSONField(default=dict, blank=True)

    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.CharField(max_length=150, blank=True, default="")
    snoozed_until = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    # Empty: it ended by itself.
    resolved_by = models.CharField(max_length=150, blank=True, default="")
    ended_at = models.DateTimeField(null=True, blank=True)

    spent = OptionalAmount("spent_micros")
    budget = OptionalAmount("budget_micros")

    objects = AlertQuerySet.as_manager()

    class Meta:
        ordering = ("-changed_at", "-pk")
        indexes = [
            models.Index(
                fields=["-changed_at"],
                condition=models.Q(resolved_at__isnull=True),
                name="alert_unresolved",
            ),
            models.Index(fields=["brand", "-changed_at"], name="alert_by_brand"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["key"], condition=models.Q(ended_at__isnull=True), name="alert_once_until_ended"
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=[kind.value for kind in AlertKind]), name="alert_kind_known"
            ),
            models.CheckConstraint(
                condition=models.Q(ended_at__isnull=True) | models.Q(resolved_at__isnull=False),
                name="alert_ended_is_resolved",
            ),
            IntegerOnSqlite(columns=["spent_micros", "budget_micros"], name="alert_integer_micros"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.campaign or self.brand or 'no brand'}"

    def state(self, now: datetime) -> AlertState:
        """Where it stands with people."""
        if self.resolved_at is not None:
            return AlertState.RESOLVED
        if self.snoozed_until is not None and self.snoozed_until > now:
            return AlertState.SNOOZED
        return AlertState.OPEN if self.acknowledged_at is None else AlertState.ACKNOWLEDGED


class AlertStepQuerySet(VisibleQuerySet["AlertStep"]):
    path_to_brand: ClassVar[str] = "alert__brand"


class AlertStep(models.Model):
    """A step of a budget that was crossed, in whole percents. It is crossed once until it is armed again."""

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="steps")
    # The alert's, so that the database can hold that it happens once.
    key = models.CharField(max_length=64, editable=False)
    step = models.PositiveSmallIntegerField()
    at = models.DateTimeField()
    rearmed_at = models.DateTimeField(null=True, blank=True)

    objects = AlertStepQuerySet.as_manager()

    class Meta:
        ordering = ("alert", "step")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["key", "step"],
                condition=models.Q(rearmed_at__isnull=True),
                name="alertstep_once_until_rearmed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.step} %"

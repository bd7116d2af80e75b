"""Campaign: what a person asked of it, and what the system decided."""

from datetime import date
from decimal import Decimal
from typing import ClassVar, Self

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone as clock
from simple_history.models import HistoricalRecords

from ads.actor import actor_user
from ads.models.amounts import IntegerOnSqlite, OptionalAmount, within
from ads.models.brand import NO_LIMIT, Brand
from ads.models.settings import SettingsModel, SettingsQuerySet
from ads.rules.money import from_micros
from ads.rules.periods import month_start
from ads.rules.serving import Reason, Status

STATUS_CHOICES = [(status.value, status.value.capitalize()) for status in Status]


def reasons_from_codes(codes: str) -> tuple[Reason, ...]:
    """`reason_codes` columns hold Reason values, in order, with commas between."""
    return tuple(Reason(code) for code in codes.split(",") if code)


class CampaignQuerySet(SettingsQuerySet["Campaign"]):
    path_to_campaign_id: ClassVar[str | None] = "pk"
    not_in_bulk: ClassVar[frozenset[str]] = frozenset({"brand", "brand_id"})

    def active(self) -> Self:
        """Campaigns the system has decided may run."""
        return self.filter(status=Status.ACTIVE)


class Campaign(SettingsModel):
    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, related_name="campaigns")
    name = models.CharField(max_length=200)
    enabled = models.BooleanField(
        default=True, help_text="What people ask of it. Automation never changes this."
    )
    daily_budget_micros = models.BigIntegerField(null=True, blank=True)
    monthly_budget_micros = models.BigIntegerField(null=True, blank=True)
    total_budget_micros = models.BigIntegerField(null=True, blank=True)
    start_date = models.DateField(
        null=True, blank=True, help_text="First day of the flight, in the brand's zone."
    )
    end_date = models.DateField(
        null=True, blank=True, help_text="Last day of the flight, in the brand's zone; it runs on that day."
    )
    platform = models.CharField(max_length=64, blank=True, default="")
    account = models.CharField(max_length=128, blank=True, default="")
    external_id = models.CharField(
        max_length=255, blank=True, default="", help_text="The campaign's id on its platform."
    )
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)

    status = models.CharField(max_length=9, choices=STATUS_CHOICES, default=Status.INACTIVE, editable=False)
    reason_codes = models.CharField(max_length=200, blank=True, default=Reason.SWITCHED_OFF, editable=False)
    next_transition_at = models.DateTimeField(null=True, blank=True, editable=False)
    status_since = models.DateTimeField(null=True, blank=True, editable=False)

    daily_budget = OptionalAmount("daily_budget_micros")
    monthly_budget = OptionalAmount("monthly_budget_micros")
    total_budget = OptionalAmount("total_budget_micros")

    objects = CampaignQuerySet.as_manager()

    decided_fields: ClassVar[frozenset[str]] = frozenset(
        {"status", "reason_codes", "next_transition_at", "status_since"}
    )
    history = HistoricalRecords(excluded_fields=sorted(decided_fields), get_user=actor_user)

    class Meta:
        ordering = ("brand__name", "name")
        indexes = [
            # The tick: campaigns whose status time alone may have changed.
            models.Index(fields=["next_transition_at"], name="campaign_due"),
            # How many campaigns of a brand, or of all, are in which status: counted from the index alone.
            models.Index(fields=["brand", "status", "archived_at"], name="campaign_by_status"),
            # The overview: on which days those of a brand that are switched on may run.
            models.Index(
                fields=["brand", "start_date", "end_date", "id"],
                condition=models.Q(enabled=True, archived_at__isnull=True),
                name="campaign_flights",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["brand", "name"], name="campaign_unique_name_in_brand"),
            models.UniqueConstraint(
                fields=["platform", "account", "external_id"],
                condition=~models.Q(external_id=""),
                name="campaign_unique_external_id",
                violation_error_message="Another campaign has this platform, account and external id.",
            ),
            models.CheckConstraint(
                condition=within("daily_budget_micros", 0)
                & within("monthly_budget_micros", 0)
                & within("total_budget_micros", 0),
                name="campaign_budgets_not_negative",
            ),
            models.CheckConstraint(
                condition=models.Q(start_date__isnull=True)
                | models.Q(end_date__isnull=True)
                | models.Q(end_date__gte=models.F("start_date")),
                name="campaign_flight_in_order",
                violation_error_message="The flight ends before it starts.",
            ),
            models.CheckConstraint(
                condition=models.Q(status=Status.ACTIVE, reason_codes="")
                | (~models.Q(status=Status.ACTIVE) & ~models.Q(reason_codes="")),
                name="campaign_active_without_reasons",
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=[status.value for status in Status]),
                name="campaign_status_known",
            ),
            IntegerOnSqlite(
                columns=["daily_budget_micros", "monthly_budget_micros", "total_budget_micros"],
                name="campaign_integer_micros",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def owner(self) -> tuple[int | None, set[int] | None]:
        return self.brand_id, {self.pk}

    def check_change(self) -> None:
        if self._state.adding:
            return
        stored = Campaign.objects.filter(pk=self.pk).values_list("brand_id", flat=True).first()
        if stored is not None and stored != self.brand_id:
            raise ValidationError(
                {"brand": "A campaign belongs to one brand for ever; copy it to the other one."}
            )

    @property
    def is_active(self) -> bool:
        """Whether the system has decided that it may run."""
        return self.status == Status.ACTIVE

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """All that stands against running, in order."""
        return reasons_from_codes(self.reason_codes)

    @property
    def pause_reason(self) -> str:
        """The first reason in words; empty while it runs."""
        return self.reasons[0].words if self.reasons else ""

    @property
    def total_spend_today(self) -> Decimal:
        """Spent in the brand's current day."""
        return from_micros(self._spent("DAY", self._today()))

    @property
    def total_spend_month(self) -> Decimal:
        """Spent in the brand's current month."""
        return from_micros(self._spent("MONTH", month_start(self._today())))

    def _today(self) -> date:
        return self.brand.calendar.local_date(clock.now())

    def _spent(self, kind: str, starts_on: date) -> int:
        period = self.periods.filter(kind=kind, starts_on=starts_on).first()
        return 0 if period is None else period.spent_micros


__all__ = ["NO_LIMIT", "STATUS_CHOICES", "Campaign", "CampaignQuerySet", "reasons_from_codes"]

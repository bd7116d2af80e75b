"""Totals by period: today is another row than yesterday, and nothing is ever zeroed."""

from datetime import date
from typing import ClassVar

from django.db import models

from ads.models.amounts import Amount, IntegerOnSqlite, OptionalAmount, within
from ads.models.brand import Brand
from ads.models.campaign import Campaign
from ads.models.querysets import AppendOnlyModel, AppendOnlyQuerySet, VisibleQuerySet
from ads.rules.periods import month_start

# A flight's one row starts here: it counts all the campaign's spend, whatever its dates become.
FLIGHT_STARTS_ON = date(1970, 1, 1)


class PeriodKind(models.TextChoices):
    DAY = "DAY", "Day"
    MONTH = "MONTH", "Month"
    FLIGHT = "FLIGHT", "Flight"


def first_day(kind: PeriodKind, day: date) -> date:
    """The first day of the period of this kind in which a day lies."""
    return {PeriodKind.DAY: day, PeriodKind.MONTH: month_start(day), PeriodKind.FLIGHT: FLIGHT_STARTS_ON}[
        kind
    ]


class Period(models.Model):
    kind = models.CharField(max_length=6, choices=PeriodKind.choices)
    starts_on = models.DateField()
    spent_micros = models.BigIntegerField(default=0)
    waived_micros = models.BigIntegerField(default=0)
    budget_micros = models.BigIntegerField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    spent = Amount("spent_micros")
    waived = Amount("waived_micros")
    counted = Amount("counted_micros")
    budget = OptionalAmount("budget_micros")

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return (
            "flight"
            if self.kind == PeriodKind.FLIGHT
            else f"{self.get_kind_display().lower()} {self.starts_on}"
        )

    @property
    def counted_micros(self) -> int:
        """What counts against the limit: spent less waived."""
        return self.spent_micros - self.waived_micros

    @property
    def overspend_micros(self) -> int:
        """Spent beyond the budget; 0 within it or without one. Never clamped, waived or not."""
        return 0 if self.budget_micros is None else max(0, self.spent_micros - self.budget_micros)


def period_constraints(name: str, kinds: list[PeriodKind]) -> list[models.BaseConstraint]:
    return [
        models.CheckConstraint(
            condition=models.Q(kind__in=[kind.value for kind in kinds]), name=f"{name}_kind_known"
        ),
        models.CheckConstraint(
            condition=~models.Q(kind=PeriodKind.MONTH) | models.Q(starts_on__day=1),
            name=f"{name}_month_starts_on_first",
        ),
        models.CheckConstraint(
            condition=~models.Q(kind=PeriodKind.FLIGHT) | models.Q(starts_on=FLIGHT_STARTS_ON),
            name=f"{name}_flight_is_one_row",
        ),
        models.CheckConstraint(condition=within("budget_micros", 0), name=f"{name}_budget_not_negative"),
        IntegerOnSqlite(
            columns=["spent_micros", "waived_micros", "budget_micros"], name=f"{name}_integer_micros"
        ),
    ]


class BrandPeriodQuerySet(VisibleQuerySet["BrandPeriod"]):
    pass


class BrandPeriod(Period):
    brand = models.ForeignKey(Brand, on_delete=models.CASCADE, related_name="periods", db_index=False)

    objects = BrandPeriodQuerySet.as_manager()

    class Meta:
        ordering = ("-starts_on", "kind")
        constraints = [
            models.UniqueConstraint(fields=["brand", "kind", "starts_on"], name="brandperiod_unique"),
            *period_constraints("brandperiod", [PeriodKind.DAY, PeriodKind.MONTH]),
        ]


class CampaignPeriodQuerySet(VisibleQuerySet["CampaignPeriod"]):
    path_to_brand: ClassVar[str] = "campaign__brand"


class CampaignPeriod(Period):
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="periods", db_index=False)

    objects = CampaignPeriodQuerySet.as_manager()

    class Meta:
        ordering = ("-starts_on", "kind")
        constraints = [
            models.UniqueConstraint(fields=["campaign", "kind", "starts_on"], name="campaignperiod_unique"),
            *period_constraints("campaignperiod", list(PeriodKind)),
        ]


class WaiverQuerySet(AppendOnlyQuerySet["Waiver"]):
    pass


class Waiver(AppendOnlyModel):
    """A manual reset of one period: what was spent so far stopped counting against the limit."""

    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, related_name="waivers")
    campaign = models.ForeignKey(
        Campaign, on_delete=models.PROTECT, null=True, blank=True, related_name="waivers"
    )
    kind = models.CharField(max_length=6, choices=PeriodKind.choices)
    starts_on = models.DateField()
    amount_micros = models.BigIntegerField()
    by = models.CharField(max_length=150, blank=True)
    at = models.DateTimeField()

    amount = Amount("amount_micros")

    objects = WaiverQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(amount_micros=0) & within("amount_micros"), name="waiver_not_zero"
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=[PeriodKind.DAY, PeriodKind.MONTH]),
                name="waiver_never_of_a_flight",
            ),
            IntegerOnSqlite(columns=["amount_micros"], name="waiver_integer_micros"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} of {self.get_kind_display().lower()} {self.starts_on} waived"

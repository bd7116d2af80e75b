"""Spend that could not be counted, kept whole until a person decides; and what was learned from deciding."""

from django.db import models

from ads.models.amounts import IntegerOnSqlite, OptionalAmount
from ads.models.brand import Brand
from ads.models.campaign import Campaign
from ads.models.imports import ImportMode, SpendImport
from ads.models.ledger import Kind
from ads.models.querysets import VisibleQuerySet


class QuarantineState(models.TextChoices):
    OPEN = "OPEN", "Waits for you"
    RELEASED = "RELEASED", "Released"
    DISMISSED = "DISMISSED", "Dismissed"


class QuarantineProblem(models.TextChoices):
    UNKNOWN_CAMPAIGN = "UNKNOWN_CAMPAIGN", "Unknown campaign"
    CURRENCY = "CURRENCY", "Other currency"
    TOO_FAR_AHEAD = "TOO_FAR_AHEAD", "Too far ahead"
    UNREADABLE = "UNREADABLE", "Cannot be read"
    CONFLICT = "CONFLICT", "Conflict"
    INVALID = "INVALID", "Out of range"


class QuarantinedSpendQuerySet(VisibleQuerySet["QuarantinedSpend"]):
    pass


class QuarantinedSpend(models.Model):
    """One record as it came, and why it is not counted. Its fields are those of the record, as far as known.

    `problem` and `reason` say what stands against it. `campaign_ref` and `campaign_name` are the campaign's id
    and name where the record came from; `campaign` is ours, where it is known. `cells` is an unreadable row,
    column by column.
    """

    # Says what is the same record if it comes again; it is then still this row.
    identity = models.UUIDField(unique=True, editable=False)
    state = models.CharField(max_length=9, choices=QuarantineState.choices, default=QuarantineState.OPEN)
    problem = models.CharField(max_length=16, choices=QuarantineProblem.choices)
    reason = models.TextField()

    # NULL where the record does not say; only those who see every brand see it then.
    brand = models.ForeignKey(
        Brand, on_delete=models.PROTECT, null=True, blank=True, related_name="quarantined"
    )
    campaign = models.ForeignKey(
        Campaign, on_delete=models.PROTECT, null=True, blank=True, related_name="quarantined"
    )
    spend_import = models.ForeignKey(
        SpendImport, on_delete=models.PROTECT, null=True, blank=True, related_name="quarantined_spend"
    )
    mode = models.CharField(max_length=8, choices=ImportMode.choices)
    source = models.CharField(max_length=64)
    platform = models.CharField(max_length=64, blank=True, default="")
    account = models.CharField(max_length=255, blank=True, default="")
    campaign_ref = models.CharField(max_length=255, blank=True, default="")
    campaign_name = models.CharField(max_length=255, blank=True, default="")
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.SPEND)
    amount_micros = models.BigIntegerField(null=True, blank=True)
    currency = models.CharField(max_length=16, blank=True, default="")
    occurred_at = models.DateTimeField(null=True, blank=True)
    spent_on = models.DateField(null=True, blank=True)
    hour = models.PositiveSmallIntegerField(null=True, blank=True)
    line = models.TextField(blank=True, default="")
    as_of = models.DateTimeField(null=True, blank=True)
    external_id = models.TextField(blank=True, default="")
    description = models.TextField(blank=True, default="")
    cells = models.JSONField(null=True, blank=True)
    row = models.BigIntegerField(null=True, blank=True, help_text="Its first row in the file.")

    received_at = models.DateTimeField(editable=False)
    received_by = models.CharField(max_length=150, blank=True, default="", editable=False)
    resolved_at = models.DateTimeField(null=True, blank=True, editable=False)
    resolved_by = models.CharField(max_length=150, blank=True, default="", editable=False)
    note = models.CharField(max_length=255, blank=True, default="")
    log_id = models.BigIntegerField(null=True, blank=True, editable=False)

    amount = OptionalAmount("amount_micros")

    objects = QuarantinedSpendQuerySet.as_manager()

    class Meta:
        verbose_name = "quarantined spend"
        verbose_name_plural = "quarantined spend"
        ordering = ("-pk",)
        indexes = [
            models.Index(fields=["brand", "state"], name="quarantine_by_brand"),
            # All that waits for one campaign of a platform.
            models.Index(
                fields=["campaign_ref", "platform"],
                condition=models.Q(state="OPEN"),
                name="quarantine_open_by_ref",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state="OPEN", resolved_at__isnull=True)
                | models.Q(state__in=["RELEASED", "DISMISSED"], resolved_at__isnull=False),
                name="quarantine_resolved_when",
            ),
            IntegerOnSqlite(columns=["amount_micros"], name="quarantinedspend_integer_micros"),
        ]

    def __str__(self) -> str:
        shown = self.campaign_name or self.campaign_ref or self.external_id
        return f"{self.get_problem_display()}{f': {shown}' if shown else ''}"


class CampaignAliasQuerySet(VisibleQuerySet["CampaignAlias"]):
    pass


class CampaignAlias(models.Model):
    """A platform's campaign that a person matched to one of ours: by its id, or by its name where it has none."""

    brand = models.ForeignKey(Brand, on_delete=models.CASCADE, related_name="+", editable=False)
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="aliases")
    platform = models.CharField(max_length=64)
    account = models.CharField(max_length=255, blank=True, default="")
    external_id = models.CharField(max_length=255, blank=True, default="")
    name = models.CharField(max_length=255, blank=True, default="")
    created_at = models.DateTimeField(editable=False)
    created_by = models.CharField(max_length=150, blank=True, default="", editable=False)

    objects = CampaignAliasQuerySet.as_manager()

    class Meta:
        verbose_name = "learned match"
        verbose_name_plural = "learned matches"
        ordering = ("platform", "account", "external_id", "name")
        constraints = [
            models.UniqueConstraint(
                fields=["brand", "platform", "account", "external_id", "name"], name="campaignalias_unique"
            ),
            models.CheckConstraint(
                condition=(models.Q(external_id="") & ~models.Q(name=""))
                | (~models.Q(external_id="") & models.Q(name="")),
                name="campaignalias_id_or_name",
            ),
        ]

    def __str__(self) -> str:
        return " ".join(part for part in (self.platform, self.account, self.external_id or self.name) if part)

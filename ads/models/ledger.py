"""The ledger: one row for each thing that was spent, refunded or adjusted; and the identity of its records."""

from collections.abc import Iterable
from typing import Any

from django.db import models

from ads.models.amounts import Amount, IntegerOnSqlite, within
from ads.models.brand import Brand
from ads.models.campaign import Campaign
from ads.models.querysets import AppendOnlyModel, AppendOnlyQuerySet
from ads.signals import append_requested


class Kind(models.TextChoices):
    SPEND = "SPEND", "Spend"
    REFUND = "REFUND", "Refund"
    ADJUSTMENT = "ADJUSTMENT", "Adjustment"


class SpendLogQuerySet(AppendOnlyQuerySet["SpendLog"]):
    def bulk_create(self, objs: Iterable["SpendLog"], *args: Any, **kwargs: Any) -> list["SpendLog"]:
        """Appends through ingest: totals, keys and decisions follow in the same transaction.

        Raises InvalidSpend or SpendConflict and appends nothing where one row cannot be counted.
        """
        rows = list(objs)
        append_requested.send(self.model, rows=rows)
        return rows


class SpendLog(AppendOnlyModel):
    # No database key: the brand follows from the campaign, and a second key costs up to a third of ingest.
    brand = models.ForeignKey(
        Brand, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False, editable=False
    )
    campaign = models.ForeignKey(
        Campaign, on_delete=models.PROTECT, related_name="spend_logs", db_index=False
    )
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.SPEND)
    amount_micros = models.BigIntegerField()
    occurred_at = models.DateTimeField(null=True, blank=True)
    spent_on = models.DateField(editable=False)
    recorded_at = models.DateTimeField(editable=False)
    source = models.CharField(max_length=64, default="manual")
    external_id = models.CharField(max_length=255, null=True, blank=True)  # NULL: never de-duplicated
    description = models.CharField(max_length=255, blank=True, default="")
    recorded_by = models.CharField(max_length=150, blank=True, default="", editable=False)
    while_off = models.BooleanField(default=False, editable=False)
    reverses_id = models.BigIntegerField(null=True, blank=True, editable=False)
    snapshot_key = models.UUIDField(null=True, blank=True, editable=False)

    amount = Amount("amount_micros")

    objects = SpendLogQuerySet.as_manager()

    class Meta:
        verbose_name = "spend log"
        ordering = ("-pk",)
        indexes = [
            # Reconcile and reports by brand; a campaign's ledger and the check of PROTECT.
            models.Index(fields=["brand", "spent_on"], name="spendlog_by_brand"),
            models.Index(fields=["campaign", "spent_on"], name="spendlog_by_campaign"),
            # The overview: spend of late on what was off, which is little.
            models.Index(
                fields=["brand", "spent_on"], name="spendlog_while_off", condition=models.Q(while_off=True)
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=(models.Q(kind=Kind.SPEND) & within("amount_micros", 1))
                | (models.Q(kind=Kind.REFUND) & within("amount_micros", high=-1))
                | (models.Q(kind=Kind.ADJUSTMENT) & within("amount_micros") & ~models.Q(amount_micros=0)),
                name="spendlog_sign_fits_kind",
            ),
            models.CheckConstraint(
                condition=models.Q(external_id__isnull=True) | ~models.Q(external_id=""),
                name="spendlog_external_id_not_empty",
            ),
            IntegerOnSqlite(columns=["amount_micros"], name="spendlog_integer_micros"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.amount} on {self.spent_on}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            super().save(*args, **kwargs)
        append_requested.send(type(self), rows=[self])


class SpendKey(models.Model):
    """The identity of a record: a digest of (brand, source, external_id), kept for ever, apart from the ledger."""

    key = models.UUIDField(primary_key=True)
    content = models.UUIDField()
    log_id = models.BigIntegerField()

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return str(self.key)


class SnapshotValue(models.Model):
    """The newest total of a feed for one (brand, source, campaign, line, date[, hour]); the key is its digest."""

    key = models.UUIDField(primary_key=True)
    amount_micros = models.BigIntegerField()
    as_of = models.DateTimeField()
    spend_import_id = models.BigIntegerField(null=True)  # the import that gave it, if one did

    amount = Amount("amount_micros")

    class Meta:
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(condition=within("amount_micros"), name="snapshotvalue_in_range"),
            IntegerOnSqlite(columns=["amount_micros"], name="snapshotvalue_integer_micros"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} as of {self.as_of}"


class SnapshotDay(models.Model):
    """How finely a source's totals for one (brand, source, campaign, date) are cut; the key is its digest.

    `totals` is how many there are: with the last one that is undone the date is free to be cut otherwise.
    """

    key = models.UUIDField(primary_key=True)
    granularity = models.CharField(max_length=300)
    totals = models.BigIntegerField(null=True)  # NULL where it was not counted from the start

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.granularity

"""What was moved out of the ledger into files: each file, and its sums, which stand for its rows."""

from django.db import models

from ads.models.amounts import Amount, IntegerOnSqlite
from ads.models.brand import Brand
from ads.models.campaign import Campaign


class ArchivedMonth(models.Model):
    """One file of rows of a month; late spend of a month that was archived before goes into another one."""

    month = models.DateField()  # its first day
    part = models.PositiveSmallIntegerField(default=1)
    file_name = models.CharField(max_length=100)
    sha256 = models.CharField(max_length=64, unique=True)
    row_count = models.BigIntegerField()
    totals = models.JSONField()  # micros by currency
    last_id = models.BigIntegerField()
    archived_at = models.DateTimeField()
    archived_by = models.CharField(max_length=150, blank=True)
    # When the last of its rows left the ledger; until then, and while it is being restored, some are in both.
    sealed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-month", "-part")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["month", "part"], name="archivedmonth_unique"),
            models.CheckConstraint(condition=models.Q(month__day=1), name="archivedmonth_starts_on_first"),
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}" + (f", part {self.part}" if self.part > 1 else "")


class SealedDay(models.Model):
    """The sum of a campaign's rows of one date and source that have left the ledger for one file."""

    archived_month = models.ForeignKey(
        ArchivedMonth, on_delete=models.PROTECT, related_name="days", db_index=False
    )
    brand = models.ForeignKey(
        Brand, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="+", db_index=False)
    spent_on = models.DateField()
    source = models.CharField(max_length=64)
    of_totals = models.BooleanField()  # differences of a feed's totals; else single events
    row_count = models.BigIntegerField()
    amount_micros = models.BigIntegerField()
    first_recorded_at = models.DateTimeField()
    last_recorded_at = models.DateTimeField()

    amount = Amount("amount_micros")

    class Meta:
        default_permissions = ("view",)
        indexes = [models.Index(fields=["brand", "spent_on"], name="sealedday_by_brand")]
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "spent_on", "source", "of_totals", "archived_month"],
                name="sealedday_unique",
            ),
            IntegerOnSqlite(columns=["amount_micros"], name="sealedday_integer_micros"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} on {self.spent_on}"

"""Files of spend: what was in each, who gave it, and what it changed, so that it can be undone."""

from typing import ClassVar

from django.db import models

from ads.models.amounts import Amount, IntegerOnSqlite, OptionalAmount, within
from ads.models.brand import Brand
from ads.models.campaign import Campaign
from ads.models.querysets import VisibleQuerySet


class ImportState(models.TextChoices):
    CHECKING = "CHECKING", "Checking"
    CHECKED = "CHECKED", "Waits for you"
    IMPORTING = "IMPORTING", "Recording"
    DONE = "DONE", "Recorded"
    REFUSED = "REFUSED", "Refused"
    CANCELLED = "CANCELLED", "Cancelled"
    UNDOING = "UNDOING", "Being undone"
    UNDONE = "UNDONE", "Undone"


class ImportMode(models.TextChoices):
    SNAPSHOT = "snapshot", "Totals so far: a newer value replaces the last"
    EVENTS = "events", "Single records, each with an id of its own"


class SpendImportQuerySet(VisibleQuerySet["SpendImport"]):
    pass


class SpendImport(models.Model):
    """One file for one brand. Amounts are in the brand's currency; rows are the file's rows of data.

    Whoever works on it holds it until `held_until`; work that nobody holds is anybody's to go on with.
    """

    AT_WORK: ClassVar[frozenset[str]] = frozenset(
        {ImportState.CHECKING, ImportState.IMPORTING, ImportState.UNDOING}
    )

    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, related_name="imports")
    campaign = models.ForeignKey(
        Campaign,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="The one campaign of a file that has no column for it.",
    )
    file_name = models.CharField(max_length=255)
    file = models.FileField(upload_to="imports/%Y/%m/", blank=True)  # none where a command read it
    checksum = models.CharField(max_length=64, editable=False)  # SHA-256 of the file
    size_bytes = models.BigIntegerField(editable=False)
    options = models.JSONField(default=dict, editable=False)
    create_campaigns = models.BooleanField(default=False)
    mode = models.CharField(max_length=8, choices=ImportMode.choices, default=ImportMode.SNAPSHOT)
    source = models.CharField(max_length=64, blank=True, default="")
    format = models.CharField(max_length=64, blank=True, default="", editable=False)
    as_of = models.DateTimeField()

    state = models.CharField(max_length=9, choices=ImportState.choices, editable=False)
    held_until = models.DateTimeField(null=True, blank=True, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)  # at the work it waits for
    stage = models.CharField(max_length=32, blank=True, default="", editable=False)
    percent = models.PositiveSmallIntegerField(default=0, editable=False)
    problem = models.TextField(blank=True, default="", editable=False)

    rows = models.BigIntegerField(default=0, editable=False)
    accepted = models.BigIntegerField(default=0, editable=False)
    duplicates = models.BigIntegerField(default=0, editable=False)
    conflicts = models.BigIntegerField(default=0, editable=False)
    quarantined = models.BigIntegerField(default=0, editable=False)
    campaigns_created = models.PositiveIntegerField(default=0, editable=False)
    read_micros = models.BigIntegerField(default=0, editable=False)
    booked_micros = models.BigIntegerField(default=0, editable=False)
    report = models.JSONField(default=dict, editable=False)

    created_at = models.DateTimeField(editable=False)
    created_by = models.CharField(max_length=150, blank=True, default="", editable=False)
    finished_at = models.DateTimeField(null=True, blank=True, editable=False)
    undone_at = models.DateTimeField(null=True, blank=True, editable=False)
    undone_by = models.CharField(max_length=150, blank=True, default="", editable=False)

    read = Amount("read_micros")
    booked = Amount("booked_micros")

    objects = SpendImportQuerySet.as_manager()

    class Meta:
        verbose_name = "import"
        ordering = ("-pk",)
        indexes = [
            # What is to be gone on with.
            models.Index(
                fields=["held_until"],
                condition=models.Q(state__in=["CHECKING", "IMPORTING", "UNDOING"]),
                name="spendimport_at_work",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(rows__gte=0)
                & models.Q(
                    rows=models.F("accepted")
                    + models.F("duplicates")
                    + models.F("conflicts")
                    + models.F("quarantined")
                ),
                name="spendimport_rows_add_up",
            ),
            IntegerOnSqlite(columns=["read_micros", "booked_micros"], name="spendimport_integer_micros"),
        ]

    def __str__(self) -> str:
        return self.file_name


class ImportedRecord(models.Model):
    """What an import made of one identity: the value it gave, the row it booked, and what was known before.

    One identity has several where a person released more of it later: each begins with the value of the last.
    Without `before_as_of` nothing was known. `log_id` is NULL where the value was the same as before.
    """

    spend_import = models.ForeignKey(
        SpendImport, on_delete=models.PROTECT, related_name="records", db_index=False
    )
    key = models.UUIDField()  # of a SnapshotValue, or of a SpendKey where the import is of events
    campaign_id = models.BigIntegerField()
    day = models.DateField()
    amount_micros = models.BigIntegerField()
    log_id = models.BigIntegerField(null=True)
    before_micros = models.BigIntegerField(null=True)
    before_as_of = models.DateTimeField(null=True)
    before_import_id = models.BigIntegerField(null=True)

    amount = Amount("amount_micros")
    before = OptionalAmount("before_micros")

    class Meta:
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["spend_import", "key", "log_id"], name="importedrecord_once"),
            models.CheckConstraint(
                condition=within("amount_micros") & within("before_micros"), name="importedrecord_in_range"
            ),
            IntegerOnSqlite(columns=["amount_micros", "before_micros"], name="importedrecord_integer_micros"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} for {self.day}"

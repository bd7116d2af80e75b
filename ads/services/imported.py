"""What an import changed, remembered for each identity: to go on after a kill, and to undo it."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from ads.errors import TakenOver
from ads.models import Campaign, ImportedRecord, ImportState, SpendImport, SpendLog
from ads.services.given import insert
from ads.services.identity import record_key
from ads.services.totals import KnownTotal

COLUMNS = (
    "spend_import_id", "key", "campaign_id", "day", "amount_micros", "log_id", "before_micros", "before_as_of",
    "before_import_id",
)  # fmt: skip
TYPES = ("int8", "bytea", "int8", "date", "int8", "int8", "int8", "timestamptz", "int8")


class Imported(NamedTuple):
    """The value of one identity, the ledger's row for it (None: as before), and what was known before."""

    key: bytes
    campaign_id: int
    day: date
    amount_micros: int
    log_id: int | None
    before: KnownTotal | None = None

    @property
    def booked_micros(self) -> int:
        return (
            0
            if self.log_id is None
            else self.amount_micros - (self.before.amount_micros if self.before else 0)
        )


def creation(import_id: int) -> str:
    """What the history of a campaign says that an import created."""
    return f"Created by import {import_id}"


def campaigns_created(import_id: int) -> QuerySet[Campaign]:
    """The campaigns that an import created and that are still there."""
    brands = SpendImport.objects.filter(pk=import_id).values("brand_id")
    made = Campaign.history.filter(
        brand_id__in=brands, history_type="+", history_change_reason=creation(import_id)
    )
    return Campaign.objects.filter(pk__in=made.values("id"))


def check_not_undone(import_id: int) -> None:
    """Raises TakenOver where the import was undone: nothing more of it may be booked. The brand is locked."""
    if SpendImport.objects.filter(pk=import_id, state=ImportState.UNDONE).exists():
        raise TakenOver("this import was undone meanwhile")


def remember(import_id: int, records: Sequence[Imported]) -> None:
    """Keeps these, in the transaction that booked them."""
    insert(ImportedRecord, COLUMNS, TYPES, [_row(import_id, record) for record in records])


def _row(import_id: int, record: Imported) -> tuple[int | bytes | date | None, ...]:
    before = record.before
    known = (None, None, None) if before is None else (before.amount_micros, before.as_of, before.import_id)
    return (
        import_id, record.key, record.campaign_id, record.day, record.amount_micros, record.log_id, *known
    )  # fmt: skip


def remembered(import_id: int, keys: Sequence[bytes]) -> dict[bytes, Imported]:
    """Those of these identities that this import has given a value already, before it was interrupted."""
    if not keys:
        return {}
    rows = ImportedRecord.objects.filter(
        spend_import_id=import_id, key__in=[UUID(bytes=key) for key in keys]
    ).order_by("pk")
    return {row.key.bytes: _imported(row) for row in rows}


def so_far(import_id: int) -> tuple[int, int]:
    """To how many identities an import has given a value, and the micros that it has booked with them."""
    booked = Sum(F("amount_micros") - Coalesce("before_micros", 0), filter=Q(log_id__isnull=False))
    known = ImportedRecord.objects.filter(spend_import_id=import_id).aggregate(
        rows=Count("pk"), micros=booked
    )
    return known["rows"], int(known["micros"] or 0)


def import_of(log: SpendLog) -> SpendImport | None:
    """The import that booked this row of the ledger, if one did; found by its identity, which is indexed."""
    key = log.snapshot_key
    if key is None and log.external_id is not None and log.reverses_id is None:
        key = UUID(bytes=record_key(log.brand_id, log.source, log.external_id))
    if key is None:
        return None
    # One look into the index for each import of the brand.
    imports = SpendImport.objects.filter(
        brand=log.brand_id, source=log.source, records__key=key, records__log_id=log.pk
    )
    return imports.defer("report").first()


def logs_of(import_id: int) -> QuerySet[ImportedRecord, int | None]:
    """The rows of the ledger that an import booked, by their ids."""
    return ImportedRecord.objects.filter(spend_import_id=import_id, log_id__isnull=False).values_list(
        "log_id", flat=True
    )


def _imported(row: ImportedRecord) -> Imported:
    before = None
    if row.before_micros is not None and row.before_as_of is not None:
        before = KnownTotal(row.before_micros, row.before_as_of, row.before_import_id)
    return Imported(row.key.bytes, row.campaign_id, row.day, row.amount_micros, row.log_id, before)

"""What tests of imports share: a moment, a header, and a file taken in."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from ads.models import Brand, ImportedRecord, SnapshotDay, SnapshotValue, SpendImport, SpendKey, SpendLog
from ads.rules.money import from_micros
from ads.services.import_jobs import Request, import_file
from ads.services.import_summary import ImportSummary

NOW = datetime(2026, 5, 10, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
HEADER = "date_start,account_id,campaign_id,campaign_name,ad_id,spend"


class Killed(BaseException):
    """Ends the work as SIGKILL does: nothing of it is cleaned up but what the database rolls back."""


def take_in(
    path: Path, brand: Brand, *, now: datetime = NOW, dry_run: bool = False, **asked: Any
) -> ImportSummary:
    return import_file(path, Request(brand=brand, **asked), now=now, dry_run=dry_run, by="ann")


def last_import() -> SpendImport:
    return SpendImport.objects.latest("pk")


def booked(brand: Brand) -> Decimal | int:
    return from_micros(sum(SpendLog.objects.filter(brand=brand).values_list("amount_micros", flat=True)))


def known() -> list[tuple[object, ...]]:
    """Everything that is known of records and totals."""
    return [
        *SpendKey.objects.order_by("key").values_list("key", "content"),
        *SnapshotValue.objects.order_by("key").values_list(
            "key", "amount_micros", "as_of", "spend_import_id"
        ),
        *SnapshotDay.objects.order_by("key").values_list("key", "granularity", "totals"),
    ]


def remembered() -> int:
    return ImportedRecord.objects.count()

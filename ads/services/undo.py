"""Takes an import back: reverses what it booked, frees its keys, restores the values of before."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Sum
from django.db.models.functions import Coalesce

from ads.actor import acting_as
from ads.errors import NotUndoable
from ads.models import (
    ArchivedMonth,
    Brand,
    ImportedRecord,
    ImportMode,
    ImportState,
    Kind,
    QuarantinedSpend,
    QuarantineState,
    SnapshotDay,
    SnapshotValue,
    SpendImport,
    SpendKey,
    SpendLog,
)
from ads.services import consequences, sealed, totals
from ads.services.enforcement import Change
from ads.services.events import book_events
from ads.services.given import run
from ads.services.identity import snapshot_day_key
from ads.services.records import REVERSAL, Answer, Result, SpendEvent
from ads.services.totals import KnownTotal
from ads.services.transactions import retrying

ROWS_AT_ONCE = 5_000
REVERSED = (Result.ACCEPTED, Result.DUPLICATE)
NOTE = "Its import was undone."
MOST_REHEARSED = 5_000  # rows, because the brand is locked meanwhile


@dataclass(frozen=True, slots=True)
class Undoing:
    """What undoing an import takes back: rows of the ledger and their sum, what waits in quarantine, and which
    campaigns would change, None where there are too many rows to try it."""

    rows: int
    micros: int
    waiting: int
    changes: list[Change] | None


@retrying
def undo(import_id: int, *, now: datetime) -> SpendImport:
    """Undoes an import whole, in one transaction, and returns it.

    Its rows stay in the ledger, each with a reversal; a row that a person has reversed is not reversed twice.
    Raises NotUndoable while a later report gives newer values for its totals, and unless the import is over.
    """
    brand_id = SpendImport.objects.values_list("brand_id", flat=True).get(pk=import_id)
    Brand.objects.lock({brand_id})
    record = SpendImport.objects.select_for_update(of=("self",)).get(pk=import_id)
    check_undoable(record, now)
    with acting_as(record.undone_by or None):
        # The last first: of an identity that has several, the first one knows what was before the import.
        rest = record.records.order_by("-pk")
        while records := list(rest[:ROWS_AT_ONCE]):
            rest = rest.filter(pk__lt=records[-1].pk)
            if any(answer.result not in REVERSED for answer in _reverse(records, record, now)):
                raise NotUndoable(f"not every row of {record} can be reversed")
            free = _free_keys if record.mode == ImportMode.EVENTS else _restore_values
            free(records, record)
        _put_aside(record, now)
    record.state, record.undone_at, record.held_until = ImportState.UNDONE, now, None
    record.save(update_fields=["state", "undone_at", "held_until"])
    return record


def what_undoing_does(record: SpendImport, *, now: datetime) -> Undoing:
    """Says beforehand what undoing would do, by doing it and taking it back. Raises NotUndoable."""
    check_undoable(record, now)
    booked = record.records.filter(log_id__isnull=False)
    micros = booked.aggregate(sum=Sum(F("amount_micros") - Coalesce("before_micros", 0)))["sum"] or 0
    waiting = record.quarantined_spend.filter(state=QuarantineState.OPEN).count()
    rows = booked.count()
    return Undoing(rows, int(micros), waiting, _rehearse(record, now) if rows <= MOST_REHEARSED else None)


@retrying
def _rehearse(record: SpendImport, now: datetime) -> list[Change]:
    point = consequences.mark({record.brand_id})
    undo(record.pk, now=now)
    changes = consequences.since(point)
    transaction.set_rollback(True)
    return changes


def check_undoable(record: SpendImport, now: datetime) -> None:
    """Raises NotUndoable with what stands against undoing it."""
    if record.state == ImportState.UNDONE:
        raise NotUndoable(f"{record} was undone before")
    is_interrupted = (
        record.state == ImportState.IMPORTING and not record.file and (record.held_until or now) <= now
    )
    was_given_up = record.state == ImportState.REFUSED and record.records.exists()
    if (
        record.state not in (ImportState.DONE, ImportState.UNDOING)
        and not is_interrupted
        and not was_given_up
    ):
        raise NotUndoable(f"{record} is {record.get_state_display().lower()}; there is nothing to undo yet")
    if record.mode == ImportMode.SNAPSHOT:
        _check_newest(record)
    _check_in_ledger(record)


def _check_newest(record: SpendImport) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT value.spend_import_id, count(*) FROM ads_importedrecord AS ours "
            "JOIN ads_snapshotvalue AS value ON value.key = ours.key "
            "WHERE ours.spend_import_id = %s "
            "AND (value.spend_import_id IS NULL OR value.spend_import_id <> ours.spend_import_id) "
            "GROUP BY value.spend_import_id ORDER BY count(*) DESC LIMIT 1",
            [record.pk],
        )
        found = cursor.fetchone()
    if found is None:
        return
    later_id, count = found
    totals = f"{count:,} of its totals"
    if later_id is None:
        raise NotUndoable(
            f"a later report has given newer values for {totals}; correct them with a newer report instead"
        )
    later = SpendImport.objects.get(pk=later_id)
    raise NotUndoable(
        f"“{later.file_name}” of {later.created_at:%Y-%m-%d %H:%M} UTC (import {later.pk}) has given newer values "
        f"for {totals}; undo that one first",
        later_id=later.pk,
    )


def _check_in_ledger(record: SpendImport) -> None:
    if not ArchivedMonth.objects.exists():
        return
    booked = record.records.filter(log_id__isnull=False)
    away = booked.exclude(Exists(SpendLog.objects.filter(pk=OuterRef("log_id"))))
    if days := set(away.order_by().values_list("day", flat=True).distinct()):
        raise NotUndoable(f"rows that {record} booked are archived{sealed.where(days)}")


def _reverse(records: Sequence[ImportedRecord], record: SpendImport, now: datetime) -> list[Answer]:
    logs = SpendLog.objects.in_bulk([each.log_id for each in records if each.log_id is not None])
    events = [
        SpendEvent(
            campaign_id=log.campaign_id,
            amount_micros=-log.amount_micros,
            kind=Kind.ADJUSTMENT,
            occurred_at=log.occurred_at,
            spent_on=log.spent_on,
            external_id=str(log.pk),
            description=f"Undo of import {record.pk}",
            reverses_id=log.pk,
        )
        for log in logs.values()
    ]
    return book_events(events, source=REVERSAL, now=now, brand_ids={record.brand_id}) if events else []


def _free_keys(records: Sequence[ImportedRecord], _: SpendImport) -> None:
    """The ids of an import's records may come again, with other content."""
    SpendKey.objects.filter(
        key__in=[each.key for each in records], log_id__in=[each.log_id for each in records]
    ).delete()


def _restore_values(records: Sequence[ImportedRecord], record: SpendImport) -> None:
    before = {
        each.key.bytes: KnownTotal(each.before_micros, each.before_as_of, each.before_import_id)
        for each in records
        if each.before_micros is not None and each.before_as_of is not None
    }
    new = [each for each in records if each.before_as_of is None]
    source = record.source or _source_booked(record)
    gone = Counter(snapshot_day_key(record.brand_id, source, each.campaign_id, each.day) for each in new)
    run([*totals.keep(before, before), *totals.take_back(gone)])
    SnapshotValue.objects.filter(key__in=[each.key for each in new]).delete()
    SnapshotDay.objects.filter(key__in=[UUID(bytes=key) for key in gone], totals=0).delete()


def _source_booked(record: SpendImport) -> str:
    """The source of an import that was killed before it could say: that of what it booked."""
    log_id = record.records.filter(log_id__isnull=False).values_list("log_id", flat=True).first()
    return SpendLog.objects.values_list("source", flat=True).get(pk=log_id) if log_id else ""


def _put_aside(record: SpendImport, now: datetime) -> None:
    """What of it is quarantined waits no longer, and may come again as if it had never come."""
    rows = list(QuarantinedSpend.objects.filter(spend_import=record).only("pk"))
    for row in rows:
        row.identity, row.state, row.note = uuid4(), QuarantineState.DISMISSED, NOTE
        row.resolved_at, row.resolved_by = now, record.undone_by
    QuarantinedSpend.objects.bulk_update(
        rows, ["identity", "state", "note", "resolved_at", "resolved_by"], batch_size=1_000
    )

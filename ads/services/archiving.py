"""Moves old months of the ledger into files, and back: what a file holds is proven before a row leaves.

Rows leave in batches, each with the sums that stand for it in one transaction, so that a kill at any moment leaves
ledger and sums together as they were; the next run goes on.
"""

import hashlib
import os
import tempfile
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from django.db import connection
from django.db.models import Count, Max, Min, OuterRef, QuerySet, Subquery, Sum

from ads import guards
from ads.errors import ArchiveError
from ads.models import ArchivedMonth, Brand, SpendLog
from ads.rules.periods import next_month
from ads.services import archive_files, ledger, sealed
from ads.services.archive_files import FileRow
from ads.services.given import OneOf, among
from ads.services.ledger import LOG_COLUMNS
from ads.services.transactions import retrying

# As many as ingest books in one transaction: a brand is locked no longer than by anybody else.
ROWS_AT_ONCE = 2_000
BRANDS_AT_ONCE = 50

# Hears what is being done, and how many rows of how many are.
Tell = Callable[[str, int, int], None]


@dataclass(slots=True)
class Contents:
    """How many rows there are, and their sums in micros by currency."""

    rows: int = 0
    totals: dict[str, int] = field(default_factory=dict)

    def add(self, currency: str, rows: int, micros: int) -> None:
        self.rows += rows
        self.totals[currency] = self.totals.get(currency, 0) + micros


def months_before(month: date) -> Iterator[tuple[date, Contents]]:
    """The months before this one of which the ledger holds rows, the oldest first, and what it holds of each."""
    rows = SpendLog.objects.filter(brand=OuterRef("pk")).order_by("spent_on").values("spent_on")[:1]
    oldest = Brand.objects.annotate(first=Subquery(rows)).aggregate(oldest=Min("first"))["oldest"]
    if oldest is None:
        return
    current = oldest.replace(day=1)
    while current < month:
        if (contents := _contents(current)).rows:
            yield current, contents
        current = next_month(current)


def check_before(month: date, now: datetime) -> None:
    """Raises ArchiveError where rows that pages and alerts still read would leave."""
    if month > (limit := sealed.first_month_kept(now)):
        raise ArchiveError(
            f"months from {limit:%Y-%m} on stay in the ledger; give {limit:%Y-%m} or an earlier one"
        )


def unfinished(before: date) -> QuerySet[ArchivedMonth]:
    """Files of which rows are still, or again, in the ledger, because a run was killed."""
    return ArchivedMonth.objects.filter(month__lt=before, sealed_at=None).order_by("month", "part")


def archive(
    month: date, directory: Path, *, expected: int, now: datetime, by: str, tell: Tell
) -> ArchivedMonth:
    """Writes a month's rows, about so many, into a file, proves it, and takes them out of the ledger.

    Raises ArchiveError, and leaves the ledger as it is, where what is read back is not what the ledger holds.
    """
    check_before(next_month(month), now)
    archived = _write(month, directory, expected, now, by, tell)
    go_on(archived, directory, now=now, tell=tell)
    return archived


def go_on(archived: ArchivedMonth, directory: Path, *, now: datetime, tell: Tell) -> None:
    """Takes the rows of a file out of the ledger, those that are still there, and seals it."""
    path = directory / archived.file_name
    _check_file(path, archived)
    done = 0
    for rows in archive_files.read(path, ROWS_AT_ONCE):
        _take_out(archived, rows)
        done += len(rows)
        tell("Removing", done, archived.row_count)
    _seal(archived, now)


def restore(path: Path, *, tell: Tell) -> ArchivedMonth:
    """Puts the rows of a file back into the ledger, exactly as they were; nothing stands for them any more."""
    archive_files.check_library()
    if not path.is_file():
        raise ArchiveError(f"there is no file {path}")
    archived = ArchivedMonth.objects.filter(sha256=archive_files.checksum(path)).first()
    if archived is None:
        raise ArchiveError(f"{path} holds nothing that left this ledger, or is not as it was written")
    ArchivedMonth.objects.filter(pk=archived.pk).update(sealed_at=None)
    done = 0
    for rows in archive_files.read(path, ROWS_AT_ONCE):
        _put_back(archived, rows)
        done += len(rows)
        tell("Restoring", done, archived.row_count)
    _forget(archived)
    return archived


def _contents(month: date) -> Contents:
    contents = Contents()
    ids = list(Brand.objects.order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(ids), BRANDS_AT_ONCE):
        # By the index of brands and dates: none begins with the date.
        logs = _logs(month).filter(OneOf("brand_id", ids[start : start + BRANDS_AT_ONCE]))
        sums = logs.values_list("brand__currency").annotate(rows=Count("pk"), total=Sum("amount_micros"))
        for currency, rows, total in sums:
            contents.add(currency, rows, int(total))
    return contents


def _logs(month: date) -> QuerySet[SpendLog]:
    return SpendLog.objects.filter(spent_on__gte=month, spent_on__lt=next_month(month)).order_by()


def _write(month: date, directory: Path, expected: int, now: datetime, by: str, tell: Tell) -> ArchivedMonth:
    archive_files.check_library()
    if not directory.is_dir():
        raise ArchiveError(f"there is no directory {directory}")
    before = _parts(month)
    handle, name = tempfile.mkstemp(prefix=f"spend-{month:%Y-%m}-", suffix=".partial", dir=directory)
    os.close(handle)
    partial = Path(name)
    try:
        proofs = _write_rows(partial, month, expected, tell)
        archived = _prove(partial, month, proofs, expected, tell)
        archived.archived_at, archived.archived_by = now, by
        archived.sha256 = archive_files.checksum(partial)
        # Named by its content: no file of another ledger, or of a run that was killed, is ever written over.
        archived.file_name = f"spend-{month:%Y-%m}-{archived.sha256[:12]}.parquet"
        archive_files.keep(partial, directory / archived.file_name, _manifest(archived))
    finally:
        partial.unlink(missing_ok=True)
    _register(archived, before)
    return archived


def _parts(month: date) -> list[tuple[int, bool]]:
    """The files that there are of a month, and which are not sealed."""
    parts = ArchivedMonth.objects.filter(month=month).order_by("part").values_list("part", "sealed_at")
    return [(part, sealed_at is None) for part, sealed_at in parts]


# Digests of what each brand has in a month: by campaign and date, how many rows of which sum.
Proofs = dict[int, bytes]
Sums = Iterable[tuple[int, date, int, int]]


def _write_rows(path: Path, month: date, expected: int, tell: Tell) -> Proofs:
    proofs: Proofs = {}
    done = 0
    with archive_files.writing(path) as write:
        for brand_id, currency in Brand.objects.order_by("pk").values_list("pk", "currency"):
            logs = _logs(month).filter(brand=brand_id)
            last_id = _last_id(brand_id, logs)
            if last_id is None:
                continue
            logs = logs.filter(pk__lte=last_id)
            sums = logs.order_by("campaign_id", "spent_on").values_list("campaign_id", "spent_on")
            counted = sums.annotate(rows=Count("pk"), total=Sum("amount_micros"))
            proofs[brand_id] = _proof(currency, ((*key, count, int(total)) for *key, count, total in counted))
            for chunk in _chunks(logs.order_by("pk"), currency):
                write(chunk)
                done += len(chunk)
                tell("Writing", done, max(expected, done))
    return proofs


@retrying
def _last_id(brand_id: int, logs: QuerySet[SpendLog]) -> int | None:
    """The last of a brand's rows; the rows up to it are all there, because ids are given under the brand's lock."""
    Brand.objects.lock({brand_id})
    last: int | None = logs.aggregate(last=Max("pk"))["last"]
    return last


def _chunks(logs: QuerySet[SpendLog], currency: str) -> Iterator[list[FileRow]]:
    chunk: list[FileRow] = []
    for row in logs.values_list(*LOG_COLUMNS).iterator(chunk_size=ROWS_AT_ONCE):
        chunk.append(_file_row(row, currency))
        if len(chunk) == ROWS_AT_ONCE:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _file_row(row: Sequence[Any], currency: str) -> FileRow:
    *values, snapshot_key = row
    return FileRow._make((*values, None if snapshot_key is None else snapshot_key.bytes, currency))


def _proof(currency: str, sums: Sums) -> bytes:
    digest = hashlib.sha256(currency.encode())
    for campaign_id, day, rows, micros in sums:
        digest.update(f"|{campaign_id} {day} {rows} {micros}".encode())
    return digest.digest()


def _prove(path: Path, month: date, proofs: Proofs, expected: int, tell: Tell) -> ArchivedMonth:
    """Reads the file back and compares; what it holds, not stored yet."""
    contents, last_id = Contents(), 0
    proven: Proofs = {}
    for brand_id, of_brand in _by_brand(path):
        sums: defaultdict[tuple[int, date], list[int]] = defaultdict(lambda: [0, 0])
        for row in of_brand:
            found = sums[row.campaign_id, row.spent_on]
            found[0] += 1
            found[1] += row.amount_micros
            contents.add(row.currency, 1, row.amount_micros)
            last_id = max(last_id, row.id)
        proven[brand_id] = _proof(row.currency, ((*key, *sums[key]) for key in sorted(sums)))  # type: ignore[misc]
        tell("Proving", contents.rows, max(expected, contents.rows))
    if proven != proofs:
        wrong = sorted(pk for pk in proven.keys() | proofs.keys() if proven.get(pk) != proofs.get(pk))
        raise ArchiveError(
            f"what was written is not what the ledger holds of brands {wrong}; nothing was removed"
        )
    return ArchivedMonth(
        month=month, row_count=contents.rows, totals=dict(sorted(contents.totals.items())), last_id=last_id
    )


def _by_brand(path: Path) -> Iterator[tuple[int, Iterator[FileRow]]]:
    rows = (row for chunk in archive_files.read(path, ROWS_AT_ONCE) for row in chunk)
    return groupby(rows, key=lambda row: row.brand_id)


def _manifest(archived: ArchivedMonth) -> dict[str, object]:
    return {
        "file": archived.file_name,
        "sha256": archived.sha256,
        "month": f"{archived.month:%Y-%m}",
        "rows": archived.row_count,
        "micros by currency": archived.totals,
        "last id": archived.last_id,
        "written": archived.archived_at.isoformat(),
        "by": archived.archived_by,
    }


@retrying
def _register(archived: ArchivedMonth, before: Collection[tuple[int, bool]]) -> None:
    """From here on rows may leave. Two runs at once would write the same rows: the second one ends here."""
    list(ArchivedMonth.objects.select_for_update().filter(month=archived.month))
    if any(is_open for _, is_open in before) or _parts(archived.month) != list(before):
        raise ArchiveError(f"another run is at {archived.month:%Y-%m}; nothing was removed")
    archived.part = max((part for part, _ in before), default=0) + 1
    archived.save(force_insert=True)


def _check_file(path: Path, archived: ArchivedMonth) -> None:
    archive_files.check_library()
    if not path.is_file():
        raise ArchiveError(
            f"{path} is not there, but rows of it have left the ledger; give the directory that it is in"
        )
    if archive_files.checksum(path) != archived.sha256:
        raise ArchiveError(f"{path} is not as it was written; nothing more was removed")


@retrying
def _take_out(archived: ArchivedMonth, rows: Sequence[FileRow]) -> None:
    Brand.objects.lock({row.brand_id for row in rows})
    stored = _stored(rows)
    with guards.open_for_month(archived.month), connection.cursor() as cursor:
        are_these, params = among("bigint", list(stored))
        if stored:
            cursor.execute(f"DELETE FROM ads_spendlog WHERE id {are_these}", params)  # noqa: S608 - placeholders
    sealed.add(archived, (row for row in rows if row.id in stored))


@retrying
def _put_back(archived: ArchivedMonth, rows: Sequence[FileRow]) -> None:
    Brand.objects.lock({row.brand_id for row in rows})
    stored = _stored(rows)
    missing = [row for row in rows if row.id not in stored]
    ledger.put_back([row[:-1] for row in missing])
    sealed.take_away(archived, missing)


def _stored(rows: Sequence[FileRow]) -> set[int]:
    """Those of a file's rows that the ledger holds. Raises ArchiveError where it holds one otherwise."""
    by_id = {row.id: row for row in rows}
    logs = SpendLog.objects.filter(OneOf("id", by_id)).order_by().values_list(*LOG_COLUMNS)
    stored = [_file_row(row, by_id[row[0]].currency) for row in logs]
    for row in stored:
        if row != by_id[row.id]:
            raise ArchiveError(f"row {row.id} is {row} in the ledger and {by_id[row.id]} in the file")
    return {row.id for row in stored}


@retrying
def _seal(archived: ArchivedMonth, now: datetime) -> None:
    moved = archived.days.aggregate(rows=Sum("row_count"))["rows"] or 0
    if moved != archived.row_count:
        raise ArchiveError(
            f"{moved} of {archived.row_count} rows of {archived} are out; another run is at it"
        )
    archived.sealed_at = now
    archived.save(update_fields=["sealed_at"])


@retrying
def _forget(archived: ArchivedMonth) -> None:
    if archived.days.exists():
        raise ArchiveError(f"not all rows of {archived} are back; another run is at it")
    archived.delete()

"""Appends to the ledger and to what is known of records, as fast as each engine can: all that differs is here."""

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import count
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from ads.models import SpendKey, SpendLog
from ads.services.given import Statement, Value, among, copying, insert, insertion


class LedgerRow(NamedTuple):
    """A row of the ledger, its columns as in SpendLog and in the order in which they are copied."""

    id: int
    brand_id: int
    campaign_id: int
    kind: str
    amount_micros: int
    occurred_at: datetime | None
    spent_on: date
    recorded_at: datetime
    source: str
    external_id: str | None
    description: str
    recorded_by: str
    while_off: bool
    reverses_id: int | None
    snapshot_key: bytes | None

    def as_log(self) -> SpendLog:
        """The row as it is stored."""
        log = SpendLog(**self._asdict())
        log.snapshot_key = None if self.snapshot_key is None else UUID(bytes=self.snapshot_key)
        log._state.adding, log._state.db = False, connection.alias
        return log


LOG_COLUMNS = LedgerRow._fields
LOG_TYPES = (
    "int8", "int8", "int8", "varchar", "int8", "timestamptz", "date", "timestamptz", "varchar",
    "varchar", "varchar", "varchar", "bool", "int8", "bytea",
)  # fmt: skip


# The same as plain tuples, of which Python's collector of garbage loses sight: of records there are many.
RowValues = tuple[
    int, int, int, str, int, datetime | None, date, datetime, str, str | None, str, str, bool, int | None, bytes | None
]  # fmt: skip
# A record's identity, the digest of its content, and the ledger's row it is booked in.
RecordKey = tuple[bytes, bytes, int]
KEY_COLUMNS = ("key", "content", "log_id")
KEY_TYPES = ("bytea", "bytea", "int8")  # 16 bytes are sent for a uuid as for a bytea

# PostgreSQL's binary format of COPY: a head; of each row the number of columns, each after its length; an end.
_COPY_HEAD = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_COPY_END = b"\xff\xff"
_pack_key = struct.Struct("!hi16si16siq").pack


@dataclass(slots=True)
class Known:
    """What is read at once before records are booked: those that came before, the days of which there are totals,
    and ids for new rows.
    """

    records: dict[bytes, RecordKey] = field(default_factory=dict)
    with_totals: set[bytes] = field(default_factory=set)
    ids: Iterator[int] = field(default_factory=lambda: iter(()))

    def looking_for(self, keys: Sequence[bytes], days: Iterable[bytes]) -> Statement:
        """To be run while the brands are locked, as what it finds may be written until then."""
        are_records, record_params = among("uuid", [key.hex() for key in keys])
        are_days, day_params = among("uuid", [key.hex() for key in days])
        sql = f"""
            SELECT {read_digest("key")}, {read_digest("content")}, log_id FROM ads_spendkey WHERE key {are_records}
            UNION ALL SELECT {read_digest("key")}, NULL, NULL FROM ads_snapshotday WHERE key {are_days}
        """  # noqa: S608 - only placeholders are put in
        return Statement(sql, record_params + day_params, self._take)

    def _take(self, rows: list[tuple[str, str | None, int]]) -> None:
        for text, content, log_id in rows:
            key = bytes.fromhex(text)
            if content is None:
                self.with_totals.add(key)
            else:
                self.records[key] = (key, bytes.fromhex(content), log_id)

    def taking_ids(self, new: int) -> Statement:
        """To be run while the brands are locked: so within one of them ids are in the order of booking."""
        if connection.vendor == "postgresql":
            sql = "SELECT nextval('ads_spendlog_id_seq') FROM generate_series(1, %s::int)"
            return Statement(sql, [new], self._take_ids)
        # One writer at a time: nobody else takes an id before this transaction ends.
        # The last row may have left for a file.
        sql = (
            "SELECT coalesce(max(id), 0) FROM "
            "(SELECT max(id) AS id FROM ads_spendlog UNION ALL SELECT max(last_id) FROM ads_archivedmonth)"
        )
        return Statement(sql, [], self._take_last_id)

    def _take_ids(self, rows: list[tuple[int]]) -> None:
        self.ids = iter([row_id for (row_id,) in rows])

    def _take_last_id(self, rows: list[tuple[int]]) -> None:
        self.ids = count(rows[0][0] + 1)


def append(rows: Sequence[RowValues], keys: Sequence[RecordKey]) -> list[Statement]:
    """Appends these rows and their identities; returns what is left to be run for it. The brands are locked."""
    if len(rows) == 1:
        return [
            Statement(insertion(SpendLog, LOG_COLUMNS), rows[0]),
            *[Statement(insertion(SpendKey, KEY_COLUMNS), key) for key in keys],
        ]
    put_back(rows)
    if connection.vendor == "postgresql":
        packed = [_pack_key(3, 16, key, 16, content, 8, log_id) for key, content, log_id in keys]
        with copying(SpendKey, KEY_COLUMNS) as copy:
            copy.write(b"".join([_COPY_HEAD, *packed, _COPY_END]))
    else:
        insert(SpendKey, KEY_COLUMNS, KEY_TYPES, keys)
    return []


def put_back(rows: Sequence[tuple[Value, ...]]) -> None:
    """Rows of the ledger as they are or were, with their ids; each is in the order of LOG_COLUMNS."""
    insert(SpendLog, LOG_COLUMNS, LOG_TYPES, rows)


def read_digest(column: str) -> str:
    """A column of digests as text of hexadecimal digits, as SQLite keeps them."""
    return f"encode(uuid_send({column}), 'hex')" if connection.vendor == "postgresql" else column

"""Appends to the ledger and to what is known of records, as fast as each engine can: all that differs is here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from operator import attrgetter
from uuid import UUID

from django.db import connection

from ads.models import SpendKey, SpendLog
from ads.services.given import Statement, among, as_datetime, given

LOG_COLUMNS = (
    "id", "brand_id", "campaign_id", "kind", "amount_micros", "occurred_at", "spent_on", "recorded_at", "source",
    "external_id", "description", "recorded_by", "while_off", "reverses_id", "snapshot_key",
)  # fmt: skip
LOG_TYPES = (
    "int8", "int8", "int8", "varchar", "int8", "timestamptz", "date", "timestamptz", "varchar",
    "varchar", "varchar", "varchar", "bool", "int8", "bytea",
)  # fmt: skip
KEY_COLUMNS = ("key", "content", "log_id")
KEY_TYPES = ("bytea", "bytea", "int8")  # 16 bytes are sent for a uuid as for a bytea


@dataclass(slots=True)
class LedgerRow:
    """A row on its way into the ledger, its columns as in SpendLog; with its identity where it has one."""

    brand_id: int
    campaign_id: int
    kind: str
    amount_micros: int
    occurred_at: datetime | None
    spent_on: date
    recorded_at: datetime
    source: str
    recorded_by: str
    external_id: str | None = None
    description: str = ""
    reverses_id: int | None = None
    snapshot_key: bytes | None = None
    key: bytes | None = None
    content: bytes | None = None
    while_off: bool = False
    id: int = 0

    def as_log(self) -> SpendLog:
        """The row as it is stored."""
        log = SpendLog(
            **{column: getattr(self, column) for column in LOG_COLUMNS if column != "snapshot_key"}
        )
        log.snapshot_key = None if self.snapshot_key is None else UUID(bytes=self.snapshot_key)
        log._state.adding, log._state.db = False, connection.alias
        return log


@dataclass(frozen=True, slots=True)
class KnownRecord:
    """The content of a record that came before, and the ledger's row it is booked in."""

    content: bytes
    log_id: int


def known_records(
    keys: Iterable[bytes], days: Iterable[bytes]
) -> tuple[dict[bytes, KnownRecord], set[bytes]]:
    """Those of these identities that came before, and those of these days that have totals."""
    are_records, record_params = among("uuid", [key.hex() for key in keys])
    are_days, day_params = among("uuid", [key.hex() for key in days])
    sql = f"""
        SELECT key, content, log_id FROM ads_spendkey WHERE key {are_records}
        UNION ALL SELECT key, NULL, NULL FROM ads_snapshotday WHERE key {are_days}
    """  # noqa: S608 - only placeholders are put in
    records: dict[bytes, KnownRecord] = {}
    with_totals: set[bytes] = set()
    with connection.cursor() as cursor:
        cursor.execute(sql, record_params + day_params)
        for key, content, log_id in cursor.fetchall():
            if log_id is None:
                with_totals.add(_bytes(key))
            else:
                records[_bytes(key)] = KnownRecord(_bytes(content), log_id)
    return records, with_totals


@dataclass(frozen=True, slots=True)
class KnownTotal:
    """The newest value of a feed's total, of when it is, and the import that gave it, if one did."""

    amount_micros: int
    as_of: datetime
    import_id: int | None = None


def known_totals(keys: Sequence[bytes]) -> dict[bytes, KnownTotal]:
    """Those of these totals that came before."""
    are_these, params = among("uuid", [key.hex() for key in keys])
    columns = "key, amount_micros, as_of, spend_import_id"
    sql = f"SELECT {columns} FROM ads_snapshotvalue WHERE key {are_these}"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return {
            _bytes(key): KnownTotal(micros, as_datetime(as_of), import_id)
            for key, micros, as_of, import_id in cursor.fetchall()
        }


def keep_totals(totals: Mapping[bytes, KnownTotal]) -> None:
    """Makes these the newest values. The brands are locked."""
    if not totals:
        return
    table, params = given(
        ("uuid", "bigint", "timestamptz", "bigint"),
        [(key.hex(), total.amount_micros, total.as_of, total.import_id) for key, total in totals.items()],
    )
    sql = f"""
        WITH newest (key, amount_micros, as_of, spend_import_id) AS ({table})
        INSERT INTO ads_snapshotvalue (key, amount_micros, as_of, spend_import_id)
        SELECT key, amount_micros, as_of, spend_import_id FROM newest WHERE true
        ON CONFLICT (key) DO UPDATE SET amount_micros = excluded.amount_micros, as_of = excluded.as_of,
            spend_import_id = excluded.spend_import_id
    """  # noqa: S608 - only placeholders are put in
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


def add_to_days(counts: Mapping[bytes, int]) -> None:
    """Adds to how many totals these days of campaigns have; below 0 takes away. The brands are locked."""
    if not counts:
        return
    table, params = given(("uuid", "bigint"), [(key.hex(), count) for key, count in counts.items()])
    sql = f"""
        WITH added (key, count) AS ({table})
        UPDATE ads_snapshotday SET totals = totals + added.count FROM added WHERE ads_snapshotday.key = added.key
    """  # noqa: S608 - only placeholders are put in
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


def append(rows: Sequence[LedgerRow]) -> list[Statement]:
    """Appends these rows and their identities, and gives each row its id. The brands are locked.

    Returns what is left to be run for it.
    """
    if len(rows) == 1 and connection.vendor == "postgresql":
        return [_append_one(rows[0])]
    for row, row_id in zip(rows, _next_ids(len(rows)), strict=True):
        row.id = row_id
    _insert(
        SpendLog._meta.db_table,
        LOG_COLUMNS,
        LOG_TYPES,
        map(attrgetter(*LOG_COLUMNS), rows),
        len(rows),
    )
    keyed = [row for row in rows if row.key is not None]
    _insert(
        SpendKey._meta.db_table,
        KEY_COLUMNS,
        KEY_TYPES,
        map(attrgetter("key", "content", "id"), keyed),
        len(keyed),
    )
    return []


def put_back(rows: Sequence[tuple["Value", ...]]) -> None:
    """Rows that have left the ledger come back as they were, with their ids; each is in the order of LOG_COLUMNS."""
    _insert(SpendLog._meta.db_table, LOG_COLUMNS, LOG_TYPES, rows, len(rows))


def _append_one(row: LedgerRow) -> Statement:
    columns = LOG_COLUMNS[1:]
    keyed = ", keyed AS (INSERT INTO ads_spendkey (key, content, log_id) SELECT %s, %s, id FROM log)"
    sql = f"""
        WITH log AS (
            INSERT INTO ads_spendlog ({", ".join(columns)}) VALUES ({", ".join(["%s"] * len(columns))}) RETURNING id
        ){"" if row.key is None else keyed}
        SELECT id FROM log
    """  # noqa: S608 - names of ours and placeholders are put in
    identity = () if row.key is None else (row.key, row.content)

    def take(found: list[tuple[int]]) -> None:
        ((row.id,),) = found

    return Statement(sql, [_adapted(value) for value in (*attrgetter(*columns)(row), *identity)], take)


def _bytes(value: UUID | str) -> bytes:
    return value.bytes if isinstance(value, UUID) else bytes.fromhex(value)


Value = int | str | bytes | bool | datetime | date | None
FEW = 20


def _next_ids(count: int) -> Sequence[int]:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT nextval('ads_spendlog_id_seq') FROM generate_series(1, %s)",
                [count],
            )
            return [row_id for (row_id,) in cursor.fetchall()]
        # One writer at a time: nobody else takes an id before this transaction ends.
        # The last row may have left for a file.
        cursor.execute(
            "SELECT coalesce(max(id), 0) FROM "
            "(SELECT max(id) AS id FROM ads_spendlog UNION ALL SELECT max(last_id) FROM ads_archivedmonth)"
        )
        (last,) = cursor.fetchone()
        return range(last + 1, last + 1 + count)


def _insert(
    table: str, columns: Sequence[str], types: Sequence[str], rows: Iterable[tuple[Value, ...]], count: int
) -> None:
    if not count:
        return
    if connection.vendor == "postgresql" and count > FEW:
        _copy(table, columns, types, rows)
        return
    placeholders = f"({', '.join(['%s'] * len(columns))})"
    sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES {placeholders}"  # noqa: S608 - names of ours
    adapted = [[_adapted(value) for value in row] for row in rows]
    with connection.cursor() as cursor:
        if count == 1:
            cursor.execute(sql, adapted[0])
        else:
            cursor.executemany(sql, adapted)


def _copy(
    table: str, columns: Sequence[str], types: Sequence[str], rows: Iterable[tuple[Value, ...]]
) -> None:
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT binary)") as copy,
    ):
        copy.set_types(types)
        write = copy.write_row
        for row in rows:
            write(row)


def _adapted(value: Value) -> Value | UUID:
    """The value as this engine's cursor takes it."""
    if isinstance(value, bytes):
        return UUID(bytes=value) if connection.vendor == "postgresql" else value.hex()
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    if isinstance(value, date):
        return connection.ops.adapt_datefield_value(value)
    return value

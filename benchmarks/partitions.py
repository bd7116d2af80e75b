"""`python -m benchmarks.partitions [--rows N]`: the ledger as one table, and partitioned by month.

A prototype behind docs/adr/0013: the same rows in both, what it costs to add to them, to read them, and to take the
oldest month away while somebody else goes on writing.
"""

import argparse
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from statistics import median, quantiles

import psycopg
from psycopg.rows import TupleRow

from benchmarks.server import SETTINGS
from budget_system.testing.postgres import PostgreSQLKeeper

Connection = psycopg.Connection[TupleRow]

MONTHS = 24
CAMPAIGNS = 50_000
CAMPAIGNS_EACH = 5
# The ledger's columns and types.
TYPES = {
    "id": "int8", "brand_id": "int8", "campaign_id": "int8", "kind": "varchar", "amount_micros": "int8",
    "occurred_at": "timestamptz", "spent_on": "date", "recorded_at": "timestamptz", "source": "varchar",
    "external_id": "varchar", "description": "varchar", "recorded_by": "varchar", "while_off": "bool",
    "reverses_id": "int8", "snapshot_key": "uuid",
}  # fmt: skip
COLUMNS = ", ".join(TYPES)
MAY_BE_NULL = ("occurred_at", "external_id", "reverses_id", "snapshot_key")
SLICE = 2_000
BATCH = 5_000
OLDEST = ("2024-01-01", "2024-02-01")

DEFINITION = ", ".join(
    f"{name} {kind}{'' if name in MAY_BE_NULL else ' NOT NULL'}" for name, kind in TYPES.items()
)
# Rows come in the order of their days; within a day campaigns are in no order.
ROWS = """
    SELECT n, 1 + c / 5, 1 + c, 'SPEND', 10000 + n %% 977, (d + interval '12 hours')::timestamptz, d,
        (d + interval '13 hours')::timestamptz, 'google_ads', 'click-' || n, '', 'feed', n %% 500 = 0,
        NULL::bigint, NULL::uuid
    FROM (
        SELECT n, (hashint8(n)::bigint & 2147483647) %% {campaigns} AS c,
            date '2024-01-01' + ((n - 1) * 731 / %(rows)s)::int AS d
        FROM generate_series(%(first)s::bigint, %(last)s::bigint) n
    ) AS made ORDER BY d, n
"""


@dataclass(frozen=True)
class Shape:
    """One way of keeping the ledger."""

    table: str
    is_partitioned: bool


PLAIN, PARTS = Shape("plain", is_partitioned=False), Shape("parts", is_partitioned=True)


def main() -> None:
    """Make both, and print a line for each thing measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.partitions", description=__doc__)
    parser.add_argument("--rows", type=int, default=6_000_000)
    options = parser.parse_args()
    keeper = PostgreSQLKeeper(settings=SETTINGS)
    try:
        url = keeper.url.replace("/budgets?", "/postgres?")
        print(f"{options.rows:,} rows over {MONTHS} months\n{'':44} {'plain':>14} {'partitioned':>14}")
        with psycopg.connect(url, autocommit=True) as connection:
            measure(connection, url, options.rows)
    finally:
        keeper.stop()


def measure(connection: Connection, url: str, rows: int) -> None:
    """Everything, each thing on both by turns."""
    for shape in (PLAIN, PARTS):
        create(connection, shape)
    end = int(rows * (MONTHS - 1) / MONTHS)
    for first in range(1, end + 1, rows // MONTHS):
        last = min(first + rows // MONTHS - 1, end)
        for shape in (PLAIN, PARTS):
            insert(connection, shape, rows, first, last)
    connection.execute("CHECKPOINT")
    inserted = {shape: copy_last_month(connection, shape, rows, end + 1) for shape in (PLAIN, PARTS)}
    told("COPY of the last month, rows/s", [inserted[shape][0] for shape in (PLAIN, PARTS)])
    told("  bytes of WAL a row", [inserted[shape][1] for shape in (PLAIN, PARTS)])
    for shape in (PLAIN, PARTS):
        connection.execute(f"VACUUM ANALYZE {shape.table}".encode())
    sizes(connection, rows)
    for name, sql in QUERIES.items():
        took = [query(connection, sql.format(t=shape.table)) * 1000 for shape in (PLAIN, PARTS)]
        told(f"{name}, ms", took, digits=2)
    removed = [remove(connection, url, shape) for shape in (PLAIN, PARTS)]
    for number, name in enumerate(
        (
            "oldest month away, s",
            "  MB of WAL",
            "  p99 of a writer meanwhile, ms",
            "  its longest, ms",
            "  rows",
        )
    ):
        told(name, [each[number] for each in removed], digits=1)
    began = time.perf_counter()
    connection.execute("VACUUM plain")
    told("VACUUM afterwards, s", [time.perf_counter() - began, 0], digits=1)
    refilled = {shape: copy_last_month(connection, shape, rows, rows * 2) for shape in (PLAIN, PARTS)}
    told("COPY of a month into what is free, rows/s", [refilled[shape][0] for shape in (PLAIN, PARTS)])
    sizes(connection, rows)


def told(name: str, values: Sequence[float], digits: int = 0) -> None:
    """Prints one line of the table."""
    print(f"{name:44} " + " ".join(f"{value:14,.{digits}f}" for value in values), flush=True)


def months() -> Iterator[tuple[date, date]]:
    """The first days of each month and of the one after it."""
    for number in range(MONTHS):
        after = number + 1
        yield date(2024 + number // 12, 1 + number % 12, 1), date(2024 + after // 12, 1 + after % 12, 1)


def create(connection: Connection, shape: Shape) -> None:
    """The table with the ledger's indexes, and a guard on its rows that one setting passes."""
    statements = [
        f"CREATE TABLE {shape.table} ({DEFINITION}, PRIMARY KEY "
        + ("(id, spent_on)) PARTITION BY RANGE (spent_on)" if shape.is_partitioned else "(id))")
    ]
    if shape.is_partitioned:
        statements += [
            f"CREATE TABLE parts_{start:%Y_%m} PARTITION OF parts FOR VALUES FROM ('{start}') TO ('{end}')"
            for start, end in months()
        ]
        statements.append("CREATE TABLE parts_others PARTITION OF parts DEFAULT")
    else:
        statements.append("CREATE INDEX plain_brin ON plain USING brin (spent_on)")
    statements += [
        f"CREATE INDEX {shape.table}_by_brand ON {shape.table} (brand_id, spent_on)",
        f"CREATE INDEX {shape.table}_by_campaign ON {shape.table} (campaign_id, spent_on)",
        f"CREATE INDEX {shape.table}_while_off ON {shape.table} (brand_id, spent_on) WHERE while_off",
        # As the ledger's: one setting lets the rows of one month go.
        (
            "CREATE OR REPLACE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "IF TG_OP = 'DELETE' AND current_setting('ads.archiving', true) = to_char(OLD.spent_on, 'YYYY-MM') "
            "THEN RETURN OLD; END IF; RAISE EXCEPTION 'append-only'; END $$"
        ),
        f"CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON {shape.table} FOR EACH ROW EXECUTE FUNCTION guard()",
    ]
    for statement in statements:
        connection.execute(statement.encode())


def made(rows: int, first: int, last: int) -> tuple[bytes, dict[str, int]]:
    """The query that makes these rows."""
    return ROWS.format(campaigns=CAMPAIGNS).encode(), {"rows": rows, "first": first, "last": last}


def insert(connection: Connection, shape: Shape, rows: int, first: int, last: int) -> None:
    """A month at once, its days one after another."""
    query, params = made(rows, first, last)
    connection.execute(f"INSERT INTO {shape.table} ({COLUMNS}) ".encode() + query, params)


def copy_last_month(connection: Connection, shape: Shape, rows: int, first: int) -> tuple[float, float]:
    """Rows a second and bytes of WAL a row of binary COPY, 2,000 rows a transaction as ingest does."""
    count = min(rows // MONTHS, 200_000)
    if first > rows:  # a month that begins where the last one ended
        query, params = made(first, first - count + 1, first)
    else:
        query, params = made(rows, first, first + count - 1)
    found = connection.execute(query, params).fetchall()
    before = wal(connection)
    began = time.perf_counter()
    for start in range(0, len(found), SLICE):
        with (
            connection.transaction(),
            connection.cursor() as cursor,
            cursor.copy(f"COPY {shape.table} ({COLUMNS}) FROM STDIN (FORMAT binary)".encode()) as copy,
        ):
            copy.set_types(list(TYPES.values()))
            for row in found[start : start + SLICE]:
                copy.write_row(row)
    return count / (time.perf_counter() - began), (wal(connection) - before) / count


def wal(connection: Connection) -> int:
    """Bytes written ahead so far."""
    return int(str(value(connection, "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn")))


def value(connection: Connection, sql: str) -> object:
    """What a query of one value answers."""
    found = connection.execute(sql.encode()).fetchone()
    return None if found is None else found[0]


def sizes(connection: Connection, rows: int) -> None:
    """Bytes a row of the table, and of its indexes together."""
    for name, size in (("bytes a row: the rows", "pg_table_size"), ("  all indexes", "pg_indexes_size")):
        told(name, [bytes_of(connection, shape, size) / rows for shape in (PLAIN, PARTS)], digits=1)


def bytes_of(connection: Connection, shape: Shape, size: str) -> int:
    """Of the table, or of all its partitions."""
    tables = f"FROM pg_class WHERE relkind = 'r' AND starts_with(relname, '{shape.table}')"
    return int(str(value(connection, f"SELECT sum({size}(oid)) {tables}")))


QUERIES = {
    "a month of a campaign": "SELECT sum(amount_micros) FROM {t} "
    "WHERE campaign_id = 4711 AND spent_on >= '2025-03-01' AND spent_on < '2025-04-01'",
    "a day of a brand": "SELECT sum(amount_micros) FROM {t} WHERE brand_id = 471 AND spent_on = '2025-03-05'",
    "all of a campaign": "SELECT sum(amount_micros) FROM {t} WHERE campaign_id = 4712",
    "the ledger of 50 brands, by day": "SELECT count(*) FROM (SELECT brand_id, spent_on, sum(amount_micros) FROM {t} "
    "WHERE brand_id BETWEEN 100 AND 149 GROUP BY 1, 2) s",
    "one row by its id": "SELECT amount_micros FROM {t} WHERE id = 1234567",
    "5,000 rows by their ids": "SELECT count(amount_micros) FROM {t} WHERE id = ANY("
    "ARRAY(SELECT (i * 997) % (SELECT max(id) FROM {t}) + 1 FROM generate_series(1, 5000) i))",
    "the newest 100 rows": "SELECT id FROM {t} ORDER BY id DESC LIMIT 100",
    "the newest id": "SELECT max(id) FROM {t}",
    "one month by brand and day": "SELECT count(*) FROM (SELECT brand_id, spent_on, sum(amount_micros) FROM {t} "
    "WHERE spent_on >= '2025-03-01' AND spent_on < '2025-04-01' GROUP BY 1, 2) s",
}


def query(connection: Connection, sql: str) -> float:
    """The median seconds of some runs, planning included."""
    took = []
    for _ in range(5):
        began = time.perf_counter()
        connection.execute(sql.encode(), prepare=False).fetchall()
        took.append(time.perf_counter() - began)
    return median(took)


def remove(connection: Connection, url: str, shape: Shape) -> tuple[float, float, float, float, int]:
    """Seconds, megabytes of WAL, and what a writer of single rows had to wait meanwhile."""
    before = wal(connection)
    with writer(url, shape) as took:
        began = time.perf_counter()
        work: Callable[..., int] = drop if shape.is_partitioned else delete
        rows = work(connection)
        seconds = time.perf_counter() - began
        time.sleep(1)
    p99 = quantiles(took, n=100)[98] * 1000
    return seconds, (wal(connection) - before) / 1e6, p99, max(took) * 1000, rows


def drop(connection: Connection) -> int:
    """The partition goes whole. CONCURRENTLY is refused where there is a DEFAULT partition."""
    rows = int(str(value(connection, "SELECT count(*) FROM parts_2024_01")))
    connection.execute("ALTER TABLE parts DETACH PARTITION parts_2024_01")
    connection.execute("DROP TABLE parts_2024_01")
    return rows


def delete(connection: Connection) -> int:
    """Brand by brand, by ids that a file would name, in bounded transactions."""
    gone = 0
    for low in range(1, CAMPAIGNS // CAMPAIGNS_EACH + 1, 50):
        found = connection.execute(
            "SELECT id FROM plain WHERE brand_id >= %s AND brand_id < %s AND spent_on >= %s AND spent_on < %s",
            [low, low + 50, *OLDEST],
        ).fetchall()
        ids = [row[0] for row in found]
        for start in range(0, len(ids), BATCH):
            with connection.transaction():
                connection.execute("SET LOCAL ads.archiving = '2024-01'")
                done = connection.execute(
                    "DELETE FROM plain WHERE id = ANY(%s)", [ids[start : start + BATCH]]
                )
                gone += done.rowcount
    return gone


@contextmanager
def writer(url: str, shape: Shape) -> Iterator[list[float]]:
    """Somebody who writes single rows of today, each in a transaction, all the while."""
    over, took = threading.Event(), list[float]()
    into = f"INSERT INTO {shape.table} ({COLUMNS})".encode()

    def write() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            number = 10**12
            now = datetime(2025, 12, 31, 12, tzinfo=UTC)
            while not over.is_set():
                number += 1
                row = [
                    number,
                    7,
                    35,
                    "SPEND",
                    5,
                    now,
                    now.date(),
                    now,
                    "api",
                    str(number),
                    "",
                    "",
                    False,
                    None,
                    None,
                ]
                began = time.perf_counter()
                connection.execute(into + f" VALUES ({', '.join(['%s'] * len(row))})".encode(), row)
                took.append(time.perf_counter() - began)
                over.wait(0.005)

    thread = threading.Thread(target=write)
    thread.start()
    time.sleep(1)
    took.clear()
    try:
        yield took
    finally:
        over.set()
        thread.join()


if __name__ == "__main__":
    main()

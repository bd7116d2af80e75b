"""SQL in the way that each engine takes fastest: rows from Python as a table, and statements as one."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Aggregate, BooleanField, F, Func, JSONField, Model, QuerySet, TextField
from django.db.models.sql.compiler import SQLCompiler

Value = int | str | bytes | datetime | date | None
Param = int | str | None | list[Value]
TEXT = "text"
WORD = "varchar"  # a word of ours, without spaces and quotes


def _nothing(rows: list[tuple[Any, ...]]) -> None:
    """For statements that return no rows."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement to be run, and who takes the rows that it returns."""

    sql: str
    params: Sequence[Value | Param]
    take: Callable[[list[tuple[Any, ...]]], None] = _nothing


def run(statements: Sequence[Statement]) -> None:
    """Runs these one after another: on PostgreSQL in one round trip, which is most of what a short one costs.

    There each is planned once for a session, not each time.
    """
    with connection.cursor() as cursor:
        if connection.vendor != "postgresql":
            for statement in statements:
                cursor.execute(statement.sql, [_adapted(value) for value in statement.params])
                statement.take(cursor.fetchall())
            return
        texts = _prepared([statement.sql for statement in statements])
        # Numbers as text too: PostgreSQL finds out the types, and one plan serves small and large ones.
        params = [_as_text(value) for statement in statements for value in statement.params]
        cursor.execute(";".join([_BY_INDEX, *texts, _AS_BEFORE]), params)
        for statement in statements:
            cursor.nextset()
            if statement.take is not _nothing:
                statement.take(cursor.fetchall())


# A plan that was made while a table was small is kept when it has grown; it must not read the table whole.
_BY_INDEX, _AS_BEFORE = "SET LOCAL enable_seqscan = off", "SET LOCAL enable_seqscan TO DEFAULT"
# What each session has planned, by what it is the plan of.
_plans: WeakKeyDictionary[psycopg.Connection[Any], dict[str, str]] = WeakKeyDictionary()


def _prepared(statements: Sequence[str]) -> list[str]:
    """What runs these in the present session, with the same parameters."""
    # A pooler that gives each transaction another session keeps no cursors and no plans.
    if connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"]:
        return list(statements)
    plans = _plans.setdefault(connection.connection, {})
    for sql in dict.fromkeys(statements):
        if sql not in plans:
            name, texts = f"ads_{len(plans)}", sql.split("%s")
            numbered = "".join(f"{text}${number}" for number, text in enumerate(texts[:-1], 1)) + texts[-1]
            with connection.cursor() as cursor:
                cursor.execute(f"PREPARE {name} AS {numbered}")
            placeholders = ", ".join(["%s"] * (len(texts) - 1))
            plans[sql] = f"EXECUTE {name} ({placeholders})" if placeholders else f"EXECUTE {name}"
    return [plans[sql] for sql in statements]


def insertion(model: type[Model], columns: Sequence[str]) -> str:
    """The text of a statement that inserts one row."""
    placeholders = ", ".join(["%s"] * len(columns))
    return f"INSERT INTO {model._meta.db_table} ({', '.join(columns)}) VALUES ({placeholders})"  # noqa: S608


def insert(
    model: type[Model], columns: Sequence[str], types: Sequence[str], rows: Sequence[tuple[Value, ...]]
) -> None:
    """Inserts rows of which none is there yet. `types` are PostgreSQL's, in which they are sent."""
    if not rows:
        return
    if connection.vendor != "postgresql":
        with connection.cursor() as cursor:
            cursor.executemany(
                insertion(model, columns), [[_adapted(value) for value in row] for row in rows]
            )
        return
    with copying(model, columns) as copy:
        copy.set_types(types)
        write = copy.write_row
        for row in rows:
            write(row)


@contextmanager
def copying(model: type[Model], columns: Sequence[str]) -> Iterator[psycopg.Copy]:
    """PostgreSQL's COPY into these columns, in its binary format."""
    sql = f"COPY {model._meta.db_table} ({', '.join(columns)}) FROM STDIN (FORMAT binary)"
    with connection.cursor() as cursor, cursor.copy(sql) as copy:
        yield copy


def given(types: Sequence[str], rows: Sequence[Sequence[Value]]) -> tuple[str, list[Param]]:
    """The text of a table expression with these rows, and its parameters. `types` are PostgreSQL's.

    To be used as `WITH name (column, ...) AS (<text>)`.
    """
    if connection.vendor == "postgresql":
        columns = ", ".join(f"%s::{column_type}[]" for column_type in types)
        values = zip(types, zip(*rows, strict=True), strict=True)
        return f"SELECT * FROM unnest({columns})", [_array(*column) for column in values]  # noqa: S608 - placeholders
    row = f"({', '.join(['%s'] * len(types))})"
    return f"VALUES {', '.join([row] * len(rows))}", [_adapted(value) for row in rows for value in row]


def among(column_type: str, values: Sequence[Value]) -> tuple[str, list[Param]]:
    """The text of a condition that a column is one of these, and its parameters; it is looked up in an index.

    A join with `given` is not, on PostgreSQL, as long as the planner takes the table for small.
    """
    if connection.vendor == "postgresql":
        return f"= ANY(%s::{column_type}[])", [_array(column_type, values)]
    return f"IN ({', '.join(['%s'] * len(values))})", [_adapted(value) for value in values]


class OneOf(Func):
    """A condition of a queryset: the column is one of these ids or texts, given as one parameter.

    With a parameter for each of 1,000, composing and planning the query take longer than running it.
    """

    output_field = BooleanField()

    def __init__(self, column: str, values: Iterable[int] | Iterable[str]) -> None:
        super().__init__(F(column))
        self.values: list[Value] = list(values)

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, *args: Any, **kwargs: Any
    ) -> tuple[str, tuple[Any, ...]]:
        if not self.values:
            raise EmptyResultSet  # and so nothing is asked
        column, params = compiler.compile(self.source_expressions[0])
        if connection.vendor == "postgresql":
            column_type = TEXT if isinstance(self.values[0], str) else "bigint"
            return f"{column} = ANY(%s::{column_type}[])", (*params, _array(column_type, self.values))
        return f"{column} IN (SELECT value FROM json_each(%s))", (*params, json.dumps(self.values))  # noqa: S608


class AsOneText(Func):
    """All rows of a subquery as one text: values with spaces between, rows with commas; NULL where there is none.

    Such a subquery is looked up in an index for each row of the query that it is part of, and only there.
    """

    template = "%(function)s(%(expressions)s, ',')"
    arg_joiner = " || ' ' || "
    output_field = TextField()

    def as_postgresql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any
    ) -> tuple[str, Sequence[Any]]:
        return self.as_sql(compiler, connection, function="string_agg", **extra)

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any
    ) -> tuple[str, tuple[str | int, ...]]:
        sql, params = self.as_sql(compiler, connection, function="group_concat", **extra)
        return sql, tuple(params)


def rows_of(found: QuerySet[Any, tuple[Any, ...]]) -> Iterable[tuple[Any, ...]]:
    """The rows of a `values_list`; PostgreSQL's need no converting, which costs more than reading them."""
    if connection.vendor != "postgresql":
        return found
    try:
        sql, params = found.query.sql_with_params()
    except EmptyResultSet:
        return []
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


class ByKey(Aggregate):
    """The values of a group by their keys, as one object.

    A thousand of them arrive in half the time that 30,000 rows take.
    """

    output_field = JSONField()

    def __init__(self, key: str, value: str) -> None:
        super().__init__(key, value)

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, *args: Any, **kwargs: Any
    ) -> tuple[str, Any]:
        function = "json_object_agg" if connection.vendor == "postgresql" else "json_group_object"
        template = f"CAST({function}(%(expressions)s) AS text)"
        return super().as_sql(compiler, connection, template=template)


def _array(column_type: str, values: Sequence[Value]) -> Param:
    """A column as the cursor takes it; what needs no quotes goes as one text, which is several times faster."""
    if column_type == TEXT:
        return list(values)
    return f"{{{','.join(['NULL' if value is None else str(value) for value in values])}}}"


def _as_text(value: Value | Param) -> str | list[Value] | None:
    if value is None or isinstance(value, list | str):
        return value
    return value.hex() if isinstance(value, bytes) else str(value)


def as_date(value: date | str) -> date:
    """A date as raw SQL returns it: SQLite has none and returns text."""
    return date.fromisoformat(value) if isinstance(value, str) else value


@lru_cache(maxsize=65_536)
def moment(text: str) -> datetime:
    """A moment in UTC that was read as text: a driver takes longer to make one than to read all else of its row.

    SQLite's are in UTC and do not say so.
    """
    value = datetime.fromisoformat(text)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _adapted(value: Value | Param) -> Any:
    """The value as SQLite takes it."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    if isinstance(value, date):
        return connection.ops.adapt_datefield_value(value)
    return value

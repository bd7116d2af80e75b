"""Triggers that keep history append-only, on both engines, against raw SQL too.

Installed after every migrate, because SQLite drops triggers when it rebuilds a table.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

GUARDED = ("ads_spendlog", "ads_statuschange", "ads_waiver", "ads_rightschange")
FUNCTION = "ads_append_only"


def install(*, using: str = "default", **_: object) -> None:
    """Creates the guards where they are missing. Running it again changes nothing."""
    connection = connections[using]
    tables = set(connection.introspection.table_names())
    with connection.cursor() as cursor:
        for statement in _create_statements(connection, [table for table in GUARDED if table in tables]):
            cursor.execute(statement)


def missing(*, using: str = "default") -> list[str]:
    """Names of the guards that ought to be there and are not."""
    connection = connections[using]
    tables = set(connection.introspection.table_names())
    query = (
        "SELECT tbl_name, name FROM sqlite_master WHERE type = 'trigger'"
        if connection.vendor == "sqlite"
        else "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled = 'O'"
    )
    with connection.cursor() as cursor:
        cursor.execute(query)
        present = set(cursor.fetchall())
    expected = [(table, name) for table in GUARDED if table in tables for name in _names(connection, table)]
    return [name for table, name in expected if (table, name) not in present]


@contextmanager
def lifted(*, using: str = "default") -> Iterator[None]:
    """Without guards inside, in one transaction of the caller's; they stand again afterwards."""
    connection = connections[using]
    with connection.cursor() as cursor:
        _drop(connection, cursor)
    yield
    install(using=using)


def _names(connection: BaseDatabaseWrapper, table: str) -> list[str]:
    if connection.vendor == "sqlite":
        return [f"{table}_no_update", f"{table}_no_delete"]
    return [f"{table}_append_only", f"{table}_no_truncate"]


def _drop(connection: BaseDatabaseWrapper, cursor: CursorWrapper) -> None:
    tables = set(connection.introspection.table_names(cursor))
    for table in GUARDED:
        if table not in tables:
            continue
        for name in _names(connection, table):
            on_table = "" if connection.vendor == "sqlite" else f" ON {table}"
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on_table}")


def _create_statements(connection: BaseDatabaseWrapper, tables: list[str]) -> Iterator[str]:
    if connection.vendor == "sqlite":
        for table in tables:
            for action in ("update", "delete"):
                yield (
                    f"CREATE TRIGGER IF NOT EXISTS {table}_no_{action} BEFORE {action.upper()} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
                )
        return
    if tables:
        yield (
            f"CREATE OR REPLACE FUNCTION {FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation'; "
            "END $$"
        )
    for table in tables:
        yield (
            f"CREATE OR REPLACE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION {FUNCTION}()"
        )
        yield (
            f"CREATE OR REPLACE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {FUNCTION}()"
        )

"""Triggers that keep history append-only, on both engines, against raw SQL too.

Installed after every migrate, because SQLite drops triggers when it rebuilds a table.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

GUARDED = ("ads_spendlog", "ads_statuschange", "ads_waiver", "ads_rightschange")
FUNCTION = "ads_append_only"
LEDGER = "ads_spendlog"
# The month whose rows may leave the ledger, for the length of one transaction.
SETTING = "ads.archiving"


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


@contextmanager
def open_for_month(month: date, *, using: str = "default") -> Iterator[None]:
    """Inside, in a transaction, the ledger's rows of this month may be deleted; all else stays refused."""
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        if connections[using].vendor == "sqlite":
            cursor.execute(f"DROP TRIGGER {LEDGER}_no_delete")
            cursor.execute(
                _sqlite_guard(LEDGER, "delete", f"WHEN strftime('%Y-%m', OLD.spent_on) <> '{month:%Y-%m}'")
            )
            yield
            cursor.execute(f"DROP TRIGGER {LEDGER}_no_delete")
            cursor.execute(_sqlite_guard(LEDGER, "delete"))
        else:
            cursor.execute("SELECT set_config(%s, %s, true)", [SETTING, f"{month:%Y-%m}"])
            yield
            cursor.execute("SELECT set_config(%s, '', true)", [SETTING])


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
                yield _sqlite_guard(table, action)
        return
    if tables:
        yield (
            f"CREATE OR REPLACE FUNCTION {FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF TG_TABLE_NAME = '{LEDGER}' AND TG_OP = 'DELETE' THEN "
            f"IF to_char(OLD.spent_on, 'YYYY-MM') = current_setting('{SETTING}', true) THEN RETURN OLD; END IF; "
            "END IF; "
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


def _sqlite_guard(table: str, action: str, condition: str = "") -> str:
    return (
        f"CREATE TRIGGER IF NOT EXISTS {table}_no_{action} BEFORE {action.upper()} ON {table} {condition} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    )

"""Where statements go: to the primary, and inside one block the reads of models to its replica."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NoReturn

from django.db import InternalError, connection, connections, transaction
from django.db.models import Model

REPLICA = "replica"
READ_ONLY = "25006"  # PostgreSQL's SQLSTATE of what a replica refuses, locks of rows as well

_is_read: ContextVar[bool] = ContextVar("the replica is read", default=False)


class OnlyReplicaIsRead(RuntimeError):
    """Where a replica is read something else was asked for: a write, or the primary, which is at another moment."""


def has_replica() -> bool:
    """Whether a replica was given at all."""
    return REPLICA in connections.settings


@contextmanager
def reading_replica(*, in_one_snapshot: bool) -> Iterator[None]:
    """In the block models are read from the replica, and what is asked of the primary, each write too, is refused.

    In one snapshot all statements see the same moment. A cursor that goes on after the block cannot be of it.
    """
    before = _is_read.set(True)
    try:
        with connection.execute_wrapper(_refuse):
            if in_one_snapshot:
                with transaction.atomic(using=REPLICA):
                    with connections[REPLICA].cursor() as cursor:
                        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                    yield
            else:
                yield
    except InternalError as error:
        if getattr(error.__cause__, "sqlstate", None) == READ_ONLY:
            raise OnlyReplicaIsRead(str(error)) from error
        raise
    finally:
        _is_read.reset(before)


class Router:
    """Leads reads inside `reading_replica`; all else goes where Django sends it, which is the primary."""

    def db_for_read(self, _model: type[Model], **_hints: Any) -> str | None:
        return REPLICA if _is_read.get() else None

    def allow_migrate(self, db: str, _app_label: str, **_hints: Any) -> bool | None:
        """Never on the replica, which follows the primary."""
        return False if db == REPLICA else None


def _refuse(_execute: object, sql: str, *_: object) -> NoReturn:
    raise OnlyReplicaIsRead(f"The primary was asked while the replica is read: {sql[:80]}")

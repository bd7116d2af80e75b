"""One transaction, taken again as a whole where the database says that this is safe and of use."""

import logging
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.db import InterfaceError, OperationalError, connection, transaction
from psycopg.pq import TransactionStatus
from psycopg_pool import PoolTimeout

P = ParamSpec("P")
R = TypeVar("R")

logger = logging.getLogger(__name__)

ATTEMPTS = 6
FIRST_PAUSE_SECONDS = 0.02

# PostgreSQL's SQLSTATEs. Rolled back for certain: serialization failure, deadlock, lock time-out.
LOCK_TIMEOUT = "55P03"
ROLLED_BACK = frozenset({"40001", "40P01", LOCK_TIMEOUT})

_has_somebody_waiting: ContextVar[bool] = ContextVar("has_somebody_waiting", default=False)


@contextmanager
def waiting_at_most(seconds: int) -> Iterator[None]:
    """Inside, each transaction waits for a lock for so long, and none that waited in vain is taken again.

    Set for the transaction and not for its session, which behind a pooler serves others afterwards.
    """

    def limited(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if _is_beginning():
            with connection.wrap_database_errors:
                connection.connection.execute(f"SET LOCAL lock_timeout = '{seconds}s'")
        return execute(sql, params, many, context)

    token = _has_somebody_waiting.set(True)
    try:
        with connection.execute_wrapper(limited):
            yield
    finally:
        _has_somebody_waiting.reset(token)


def _is_beginning() -> bool:
    """Whether the next statement is the first of a transaction that may wait for locks."""
    return (
        connection.vendor == "postgresql"
        and connection.in_atomic_block
        and connection.connection.info.transaction_status == TransactionStatus.IDLE
    )


def retrying(work: Callable[P, R]) -> Callable[P, R]:
    """Runs the function in a transaction, and again from its start on deadlock, serialization failure, lock
    time-out or a lost connection. Inside an outer transaction it is one savepoint: the outermost one retries.

    A connection lost while committing leaves open whether the transaction stands; that is never repeated but
    raised, and the caller's external_id makes sending again safe.
    """

    @wraps(work)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        if connection.in_atomic_block:
            with transaction.atomic():
                return work(*args, **kwargs)
        for attempt in range(1, ATTEMPTS):
            session, committing = None, False
            try:
                with transaction.atomic():
                    session = connection.connection
                    result = work(*args, **kwargs)
                    committing = True
                return result
            except (OperationalError, InterfaceError) as error:
                if not _may_repeat(error, session, committing=committing):
                    raise
                logger.warning("Transaction taken again (attempt %d): %s", attempt + 1, str(error).strip())
            # Writers that met once must not meet again at the same moment.
            time.sleep(random.uniform(0.5, 1.5) * FIRST_PAUSE_SECONDS * 2**attempt)  # noqa: S311
        with transaction.atomic():
            return work(*args, **kwargs)

    return run


def aside(work: Callable[[], None], what: str) -> None:
    """Runs what must never hold back the transaction that it is part of.

    If it fails, its own writes are undone and the log tells; only what the whole transaction is to be taken
    again for is raised.
    """
    try:
        with transaction.atomic():
            work()
    except Exception as error:
        if is_rolled_back(error) or not connection.is_usable():
            raise
        logger.exception("%s failed, the rest goes on", what)


def is_rolled_back(error: Exception) -> bool:
    """Whether the database itself took the transaction back, so that it may be taken again."""
    return getattr(error.__cause__, "sqlstate", None) in ROLLED_BACK or "database is locked" in str(error)


def _has_waited(error: Exception) -> bool:
    """Whether a lock was waited for in vain, as it was wherever SQLite says that it is locked."""
    return getattr(error.__cause__, "sqlstate", LOCK_TIMEOUT) == LOCK_TIMEOUT


def _may_repeat(error: Exception, session: object, *, committing: bool) -> bool:
    if is_rolled_back(error):
        return not (_has_waited(error) and _has_somebody_waiting.get())
    if isinstance(error.__cause__, PoolTimeout):
        return False  # the pool has waited and tried for as long as anybody should be kept waiting
    # Where its session was lost, leaving the transaction has opened another already, if that was possible.
    lost = connection.connection is not session or not connection.is_usable()
    if lost:
        connection.close()
    return lost and not committing

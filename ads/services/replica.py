"""What may be a little old is read from a replica, where one is near enough; it says as of when it is."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import DatabaseError, InterfaceError, connection, connections

from budget_system.replica import REPLICA, has_replica, reading_replica

R = TypeVar("R")

logger = logging.getLogger(__name__)

MOST_BEHIND = timedelta(seconds=60)
# After it could not be read: an address that does not answer costs each who asks it seconds.
SILENT_SECONDS = 30

# Which copies are of this database: the server's, the database's and the timeline's number, which a restore changes.
# What is committed by now stands before its place. Where commits do not wait to be flushed, it is not yet sent.
_PRIMARY = """
    SELECT system_identifier, (SELECT oid FROM pg_database WHERE datname = current_database()),
           ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer,
           CASE current_setting('synchronous_commit')
               WHEN 'off' THEN pg_current_wal_insert_lsn() ELSE pg_current_wal_flush_lsn() END::text,
           clock_timestamp()
    FROM pg_control_system()
"""
# Its own word that it has replayed all that it received would be true of one that receives nothing any more.
_REPLICA = """
    SELECT pg_is_in_recovery() AND system_identifier = %s
               AND EXISTS (SELECT FROM pg_database WHERE datname = current_database() AND oid = %s)
               AND timeline_id = %s,
           pg_last_wal_replay_lsn() >= %s::pg_lsn, pg_last_xact_replay_timestamp()
    FROM pg_control_system(), pg_control_checkpoint()
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a replica stood beside its primary at a moment of the primary's clock.

    All that was committed until `as_of` is in it; None where it cannot tell.
    """

    is_copy: bool
    as_of: datetime | None
    at: datetime

    @property
    def behind(self) -> timedelta | None:
        """How old what it has may be."""
        return None if self.as_of is None else self.at - self.as_of

    @property
    def is_near(self) -> bool:
        """Whether it may be read instead of its primary."""
        return self.is_copy and self.behind is not None and self.behind <= MOST_BEHIND


class _Away:
    """Until when this process asks for none."""

    until = time.monotonic()


def read(work: Callable[[datetime | None], R], *, is_streamed: bool = False) -> R:
    """Does work that only reads, on the replica if one is near, and is told as of when that is.

    Where none is given, is near, or can be read to the end, it is done on the primary, and told None. It sees one
    snapshot of the replica, but for what is streamed: that is one statement, sent when the work returns.
    """
    as_of = _as_of()
    if as_of is not None:
        try:
            with reading_replica(in_one_snapshot=not is_streamed):
                return work(as_of)
        except (DatabaseError, InterfaceError) as error:
            if error.__cause__ is None:  # said by Django and not by the replica: it would be said again
                raise
            _leave(error)
    return work(None)


def look() -> Standing:
    """Where the replica stands. Raises a DatabaseError or an InterfaceError where it cannot be asked."""
    with connection.cursor() as cursor:
        cursor.execute(_PRIMARY)
        *place, at = cursor.fetchone()
    with connections[REPLICA].cursor() as cursor:
        cursor.execute(_REPLICA, place)
        is_copy, has_all, last_commit = cursor.fetchone()
    return Standing(bool(is_copy), at if has_all else last_commit, at)


def _as_of() -> datetime | None:
    if not has_replica() or time.monotonic() < _Away.until:
        return None
    try:
        standing = look()
    except (DatabaseError, InterfaceError) as error:
        _leave(error)
        return None
    return standing.as_of if standing.is_near else None


def _leave(error: Exception) -> None:
    _Away.until = time.monotonic() + SILENT_SECONDS
    connections[REPLICA].close()  # what is left of it would fail again
    logger.warning("The replica cannot be read, so the primary is: %s", str(error).strip())

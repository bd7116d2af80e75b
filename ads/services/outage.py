"""Which errors of the database are no fault of the code: it is away, takes nothing, or somebody holds what it takes."""

import sqlite3
from enum import Enum, auto
from traceback import walk_tb

import psycopg
from django.db import Error, InterfaceError, OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper

from ads.services.transactions import is_rolled_back


class Outage(Enum):
    AWAY = auto()  # not reached, or lost on the way
    CLOSED = auto()  # full, or for reading only
    HELD = auto()  # by somebody else, for too long


# PostgreSQL's SQLSTATEs, whole or by their class: connections, resources, an operator, the system.
_AWAY = ("08", "53", "57", "58", "25P03", "25P04")
_CLOSED = ("53100", "25006")
_CLOSED_SQLITE = ("SQLITE_FULL", "SQLITE_READONLY")
_AWAY_SQLITE = ("SQLITE_CANTOPEN", "SQLITE_IOERR")


def outage_of(error: BaseException) -> Outage | None:
    """What keeps the database from answering; None where the error is one of the code or of its data."""
    cause = error.__cause__ if isinstance(error, Error) else error
    if isinstance(error, Error) and is_rolled_back(error):
        return Outage.HELD
    if isinstance(cause, sqlite3.Error):
        return _of_name(getattr(cause, "sqlite_errorname", ""))
    if isinstance(cause, psycopg.Error) and cause.sqlstate is not None:
        return _of_state(cause.sqlstate)
    # Without a code nothing came from a server: there is none, or no connection to it.
    is_lost = isinstance(
        error, OperationalError | InterfaceError | psycopg.OperationalError | psycopg.InterfaceError
    )
    return Outage.AWAY if is_lost else None


def _of_state(sqlstate: str) -> Outage | None:
    if sqlstate in _CLOSED:
        return Outage.CLOSED
    return Outage.AWAY if sqlstate.startswith(_AWAY) else None


def _of_name(name: str) -> Outage | None:
    if name.startswith(_CLOSED_SQLITE):
        return Outage.CLOSED
    return Outage.AWAY if name.startswith(_AWAY_SQLITE) else None


def is_left_open(error: BaseException) -> bool:
    """Whether the database was lost while it committed, so that nobody here knows whether the transaction stands."""
    commit = BaseDatabaseWrapper._commit.__code__  # type: ignore[attr-defined]  # not in its stubs
    return outage_of(error) is Outage.AWAY and any(
        frame.f_code is commit for frame, _ in walk_tb(error.__traceback__)
    )

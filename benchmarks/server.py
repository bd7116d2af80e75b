"""A PostgreSQL server of the benchmark's own, as durable as in production, and Django on it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from budget_system.garbage import collect_seldom
from budget_system.testing.postgres import PostgreSQLKeeper

# As durable as in production, and set as docs/scaling.md advises.
SETTINGS = (
    "fsync = on", "synchronous_commit = on", "full_page_writes = on",
    "shared_buffers = '2GB'", "max_wal_size = '4GB'",
)  # fmt: skip


@contextmanager
def postgresql(keep: Path | None = None) -> Iterator[str]:
    """Start a server, migrate a database, point Django at it, and give its URL.

    With a directory to keep it in the database is there again the next time.
    """
    keeper = PostgreSQLKeeper(keep, SETTINGS)
    try:
        admin_url = keeper.url.replace("/budgets?", "/postgres?")
        with psycopg.connect(admin_url, autocommit=True) as connection:
            if not connection.execute("SELECT FROM pg_database WHERE datname = 'budgets'").rowcount:
                connection.execute("CREATE DATABASE budgets")
        os.environ |= environment(keeper.url)
        import django

        django.setup()
        _migrate()
        collect_seldom()  # as in production
        yield keeper.url
        _close()
    finally:
        keeper.stop()


def environment(url: str) -> dict[str, str]:
    """The settings of a process that works on this server."""
    return {
        "DATABASE_URL": url,
        "DB_POOL_SIZE": "0",
        "ENV_FILE": os.devnull,
        "SECRET_KEY": "benchmark",
        "DJANGO_SETTINGS_MODULE": "budget_system.settings",
    }


def _migrate() -> None:
    import logging

    from django.core.management import call_command

    logging.disable(logging.WARNING)  # a line for each campaign paused would measure the terminal
    call_command("migrate", verbosity=0)


def _close() -> None:
    from django.db import connections

    connections.close_all()

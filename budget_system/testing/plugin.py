"""Loaded by pytest before Django's settings: chooses the engine and sets the environment of the tests.

`pytest` runs on SQLite, `pytest --engine=postgresql` on a PostgreSQL server that it starts and stops.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from budget_system.environment import Environment
from budget_system.testing.postgres import PostgreSQLKeeper

pytest_plugins = ["budget_system.testing.fixtures"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --engine."""
    parser.addoption(
        "--engine",
        choices=["sqlite", "postgresql"],
        default="sqlite",
        help="the database engine to test on; PostgreSQL is started for the run",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config,  # noqa: ARG001 - pytest fixes the names
    parser: pytest.Parser,
    args: list[str],
) -> None:
    """Set the environment from which pytest-django is about to load the settings."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        return  # a worker has inherited the environment that the controller made
    options = parser.parse_known_args(args)
    if options.help or options.version:
        engine_url = "sqlite:////nonexistent/db.sqlite3"
    elif options.engine == "postgresql":
        keeper = PostgreSQLKeeper()
        atexit.register(keeper.stop)
        engine_url = keeper.url
    else:
        directory = Path(tempfile.mkdtemp(prefix="budget-sqlite-"))
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
        engine_url = f"sqlite:///{directory}/db.sqlite3"
    for name in Environment.model_fields:
        os.environ.pop(name.upper(), None)
    os.environ |= {
        "ENV_FILE": os.devnull,
        "DATABASE_URL": engine_url,
        "DB_POOL_SIZE": "0",
        "DJANGO_SETTINGS_MODULE": "budget_system.testing.settings",
    }


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out, on PostgreSQL, what the run on SQLite has already shown."""
    if config.getoption("engine") == "postgresql":
        again = {item for item in items for mark in ("once", "unit") if item.get_closest_marker(mark)}
        config.hook.pytest_deselected(items=list(again))
        items[:] = [item for item in items if item not in again]


def pytest_report_header(config: pytest.Config) -> str:
    """Say which engine this run tests."""
    return f"engine: {config.getoption('engine')}"

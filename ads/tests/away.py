"""A database that is not where it was."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection


@contextmanager
def database_away() -> Iterator[None]:
    """Inside, nobody answers whoever connects anew, also from other threads."""
    elsewhere: dict[str, object] = {"HOST": "/nonexistent", "OPTIONS": {}}
    if connection.vendor == "sqlite":
        elsewhere = {"NAME": "/nonexistent/database"}
    connection.close()
    with pytest.MonkeyPatch.context() as moved:
        for name, value in elsewhere.items():
            moved.setitem(connection.settings_dict, name, value)
        yield
        connection.close()

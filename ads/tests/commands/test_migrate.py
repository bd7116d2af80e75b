"""`migrate` makes right what the system checks report, and is not held up by them."""

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection
from django_celery_beat.models import PeriodicTask

from ads import guards
from budget_system.testing.fixtures import CommittedDatabase

pytestmark = pytest.mark.integration


def test_a_missing_guard_is_put_back(committed_database: CommittedDatabase) -> None:
    on_sqlite = connection.vendor == "sqlite"
    name = "ads_spendlog_no_update" if on_sqlite else "ads_spendlog_append_only"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER {name}{'' if on_sqlite else ' ON ads_spendlog'}")
    assert guards.missing() == [name]
    committed_database.manage("migrate", "--verbosity=0", SECRET_KEY="x" * 50)
    assert guards.missing() == []


def test_an_entry_that_names_no_task_is_told_and_holds_nothing_up(
    committed_database: CommittedDatabase,
) -> None:
    PeriodicTask.objects.filter(name="Open new days").update(task="ads.tasks.gone")
    committed_database.manage("migrate", "--verbosity=0", SECRET_KEY="x" * 50)
    with pytest.raises(SystemCheckError, match=r"names the task ads\.tasks\.gone"):
        call_command("check", databases=["default"])

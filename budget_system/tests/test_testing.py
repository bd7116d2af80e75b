"""The tests' own tools: databases, broker and processes of their own, and Django's test command."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection

from budget_system.environment import BASE_DIR
from budget_system.processes import wait_until
from budget_system.testing.fixtures import CeleryProcesses, CommittedDatabase
from budget_system.testing.postgres import PostgreSQLKeeper
from budget_system.testing.runner import to_path


def test_the_engine_is_the_one_that_was_asked_for(pytestconfig: pytest.Config) -> None:
    assert connection.vendor == pytestconfig.getoption("engine")


@pytest.mark.django_db
def test_rows_of_one_test_are_not_there_in_the_next() -> None:
    assert not User.objects.exists()
    User.objects.create(username="ann")


@pytest.mark.django_db
def test_rows_of_one_test_are_not_there_in_the_next_one_either() -> None:
    assert not User.objects.exists()
    User.objects.create(username="ann")


@pytest.mark.integration
@pytest.mark.django_db(transaction=True)
def test_threads_share_the_test_database() -> None:
    def create() -> None:
        User.objects.create(username="ann")
        connection.close()

    thread = threading.Thread(target=create)
    thread.start()
    thread.join()
    assert User.objects.get().username == "ann"


@pytest.mark.integration
def test_another_process_sees_what_this_one_commits(committed_database: CommittedDatabase) -> None:
    User.objects.create(username="ann")
    shown = committed_database.manage(
        "shell", "-v0", "-c", "from django.contrib.auth.models import User; print(User.objects.get())"
    )
    assert shown.strip() == "ann"


@pytest.mark.integration
def test_each_test_has_a_committed_database_of_its_own(committed_database: CommittedDatabase) -> None:
    assert not User.objects.exists()
    User.objects.create(username="ann")


@pytest.mark.integration
@pytest.mark.slow
def test_a_real_worker_and_beat_start_and_a_message_arrives(celery_processes: CeleryProcesses) -> None:
    celery_processes.start_worker()
    celery_processes.start_beat()
    celery_processes.send("no.such.task", 1)
    wait_until(
        lambda: "unregistered task of type 'no.such.task'" in celery_processes.log("worker"),
        seconds=60,
        what="the message",
    )


@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.once
def test_a_postgresql_server_ends_with_the_process_that_wanted_it() -> None:
    keeper = PostgreSQLKeeper()
    data = Path(keeper.url.partition("?host=")[2])
    assert (data / ".s.PGSQL.5432").is_socket()
    keeper.stop()  # does no more than close a pipe, as the kernel does when a process dies
    assert not data.parent.exists()


@pytest.mark.unit
@pytest.mark.parametrize(
    ("label", "path"),
    [
        ("ads", "ads"),
        ("budget_system.tests", "budget_system/tests"),
        ("budget_system.tests.test_testing", "budget_system/tests/test_testing.py"),
        (
            "budget_system.tests.test_testing.TestX.test_y",
            "budget_system/tests/test_testing.py::TestX::test_y",
        ),
        ("budget_system/tests/test_testing.py::test_y", "budget_system/tests/test_testing.py::test_y"),
        ("no.such.thing", "no.such.thing"),
    ],
)
def test_a_django_test_label_becomes_a_path(label: str, path: str) -> None:
    assert to_path(label) == path


@pytest.mark.slow
@pytest.mark.once
def test_djangos_test_command_hands_over_to_pytest(monkeypatch: pytest.MonkeyPatch) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [
            sys.executable,
            "manage.py",
            "test",
            "budget_system.tests.test_database_url",
            "-k",
            "hides_its_password",
        ],
        env=env | {"DJANGO_SETTINGS_MODULE": "budget_system.settings", "SECRET_KEY": "k"},
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)

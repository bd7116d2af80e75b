"""backup_database: what it wrote can be restored, and what went wrong looks like no backup."""

import os
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from ads.errors import CannotBackUp
from ads.models import JobProgress, SpendLog
from ads.services import BudgetService
from ads.services.backup import BACKUP, back_up
from ads.tests.factories import CampaignFactory
from ads.tests.moments import NOON
from budget_system.testing.fixtures import CommittedDatabase, run_manage
from budget_system.testing.postgres import program

pytestmark = pytest.mark.integration
on_postgresql = pytest.mark.skipif(connection.vendor == "sqlite", reason="has no programs of its own")
PROGRAMS = program("pg_dump").parent


@pytest.fixture(autouse=True)
def programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def used(committed_database: CommittedDatabase) -> CommittedDatabase:
    """A database with a paused campaign in it."""
    campaign = CampaignFactory.create()
    for number, amount in enumerate(("7.123456", "92.876544")):
        BudgetService.record_spend(campaign, Decimal(amount), source="ads", external_id=f"e{number}")
    return committed_database


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "backups").mkdir()
    return tmp_path / "backups"


@pytest.fixture
def restored(used: CommittedDatabase, folder: Path) -> Iterator[dict[str, str]]:
    """The environment of a database that was restored from a backup, as docs/backup.md tells."""
    call_command("backup_database", str(folder))
    BudgetService.record_spend(SpendLog.objects.all()[0].campaign, 1, source="ads", external_id="later")
    (backup,) = (each for each in folder.iterdir() if each.suffix != ".sha256")
    subprocess.run(["/usr/bin/sha256sum", "--check", f"{backup.name}.sha256"], cwd=folder, check=True)
    if connection.vendor == "sqlite":
        yield used.env | {"DATABASE_URL": f"sqlite:///{backup}"}
        return
    name = connection.settings_dict["NAME"]
    url = used.url.replace(name, f"{name}_restored")
    with psycopg.connect(used.url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}_restored".encode())
        subprocess.run(
            [str(program("pg_restore")), "--no-owner", "--exit-on-error", f"--dbname={url}", str(backup)],
            check=True,
        )
        yield used.env | {"DATABASE_URL": url}
        server.execute(f"DROP DATABASE {name}_restored WITH (FORCE)".encode())


@pytest.mark.slow
def test_what_is_restored_is_as_it_was_then_and_adds_up(restored: dict[str, str]) -> None:
    run_manage(restored, "migrate", "--verbosity=0")
    assert "All of them equal the ledger" in run_manage(restored, "reconcile_spend")
    code = (
        "from ads.models import *; print([row.amount_micros for row in SpendLog.objects.order_by('pk')],"
        " Campaign.objects.get().status, len(__import__('ads.guards').guards.missing()))"
    )
    assert "[7123456, 92876544] PAUSED 0" in run_manage(restored, "shell", "--verbosity=0", "--command", code)


def test_the_newest_are_kept_and_files_of_others(used: CommittedDatabase, folder: Path) -> None:
    for name in ("budgets-old.dump", "notes.txt", "budgets-20260101T000000Z.dump.part"):
        (folder / name).touch()
    removed = [back_up(folder, 2, NOON + timedelta(hours=hour)).removed for hour in range(3)]
    assert removed == [0, 0, 1]
    ending = "sqlite3" if connection.vendor == "sqlite" else "dump"
    kept = [f"budgets-20260310T{hour}0000Z.{ending}" for hour in (13, 14)]
    assert sorted(each.name for each in folder.iterdir()) == sorted(
        ["budgets-old.dump", "notes.txt", *kept, *(f"{name}.sha256" for name in kept)]
    )
    assert (folder / kept[0]).stat().st_mode & 0o777 == 0o600
    assert JobProgress.objects.get(name=BACKUP).finished_at == NOON + timedelta(hours=2)


@pytest.mark.usefixtures("used")
class TestNoBackup:
    def test_into_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match=r"There is no new backup: .*nowhere"):
            call_command("backup_database", str(tmp_path / "nowhere"))
        assert not JobProgress.objects.filter(name=BACKUP).exists()

    @on_postgresql
    def test_without_its_programs(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(folder))
        with pytest.raises(CommandError, match=r"pg_dump was not found: .*postgresql-client"):
            call_command("backup_database", str(folder))
        assert list(folder.iterdir()) == []

    @on_postgresql
    def test_where_the_dump_is_cut_off_and_the_older_one_stays(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        older = back_up(folder, 1, NOON).path
        stub(folder.parent, f'{PROGRAMS}/pg_dump "$@" && truncate --size=-2000 "${{3#--file=}}"', monkeypatch)
        with pytest.raises(CannotBackUp, match="pg_restore failed"):
            back_up(folder, 1, NOON + timedelta(hours=1))
        assert sorted(folder.iterdir()) == [older, older.with_name(f"{older.name}.sha256")]
        assert JobProgress.objects.get(name=BACKUP).finished_at == NOON

    @on_postgresql
    def test_shows_its_password_to_nobody(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(connection.settings_dict, "PASSWORD", "hush")
        seen = folder.parent / "seen"
        stub(folder.parent, f'echo "$@" > {seen}; echo "$PGPASSWORD" >> {seen}; exit 1', monkeypatch)
        with pytest.raises(CannotBackUp):
            back_up(folder, 1, NOON)
        arguments, password = seen.read_text().splitlines()
        assert "hush" not in arguments
        assert password == "hush"


def stub(directory: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts another pg_dump before the real one."""
    (directory / "stubs").mkdir()
    (directory / "stubs/pg_dump").write_text(f"#!/bin/sh\n{script}\n")
    (directory / "stubs/pg_dump").chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}/stubs{os.pathsep}{os.environ['PATH']}")

"""archive_spend and restore_spend at the command line: what they say, refuse, and answer with."""

from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from freezegun import freeze_time

from ads.models import ArchivedMonth, Campaign, SpendLog
from ads.services import BudgetService, archiving
from ads.tests.moments import NOON

pytest.importorskip("pyarrow.parquet")
pytestmark = pytest.mark.django_db

OLD = NOON - timedelta(days=100)  # the last day of November


@pytest.fixture
def old(campaign: Campaign) -> Campaign:
    for at, amount in ((OLD, 7), (OLD + timedelta(days=1), "0.25"), (NOON, 3)):
        BudgetService.record_spend(campaign, amount, occurred_at=at, now=at)
    return campaign


def run(*arguments: object, now: datetime = NOON) -> str:
    out = StringIO()
    with freeze_time(now):
        call_command(*map(str, arguments), stdout=out)
    return out.getvalue()


def archive(directory: Path, *more: str, before: str = "2026-01") -> str:
    return run("archive_spend", "--before", before, "--to", directory, *more)


def test_a_dry_run_tells_and_changes_nothing(old: Campaign, tmp_path: Path) -> None:
    assert archive(tmp_path, "--dry-run").splitlines() == [
        "Would archive 2025-11: 1 row of $7.00.",
        "Would archive 2025-12: 1 row of $0.25.",
    ]
    assert list(tmp_path.iterdir()) == []
    assert SpendLog.objects.count() == 3


def test_months_leave_and_come_back(old: Campaign, tmp_path: Path) -> None:
    told = archive(tmp_path)
    december, november = ArchivedMonth.objects.all()
    assert told.splitlines() == [
        f"Archived 2025-11: 1 row of $7.00, in {november.file_name}.",
        f"Archived 2025-12: 1 row of $0.25, in {december.file_name}.",
    ]
    assert november.archived_by.startswith("command line")
    assert SpendLog.objects.get().amount == 3
    assert archive(tmp_path) == "The ledger holds nothing before 2026-01.\n"

    assert run("restore_spend", tmp_path / november.file_name) == "Restored 2025-11: 1 row.\n"
    assert SpendLog.objects.count() == 2


def test_what_a_killed_run_left_is_gone_on_with_first(
    old: Campaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(archiving, "_take_out", kill)
        with pytest.raises(KeyboardInterrupt):
            archive(tmp_path)
    assert SpendLog.objects.count() == 3
    (november,) = ArchivedMonth.objects.all()
    with pytest.raises(
        CommandError, match=f"{november.file_name} is not there, but rows of it have left the le"
    ):
        archive(tmp_path.parent)
    told = archive(tmp_path)
    assert told.startswith(
        f"Archived the rest of 2025-11: 1 row of $7.00, in {november.file_name}.\nArchived 2025-12"
    )
    assert SpendLog.objects.count() == 1


@pytest.mark.parametrize(
    ("before", "directory", "words"),
    [
        ("2026-02", ".", r"^Months from 2026-01 on stay in the ledger; give 2026-01 or an earlier one\.$"),
        ("2026-01", "nowhere", r"^There is no directory .*nowhere\.$"),
        ("January", ".", "January is not a month; give one such as 2024-01"),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(
    old: Campaign, tmp_path: Path, before: str, directory: str, words: str
) -> None:
    with pytest.raises(CommandError, match=words) as refused:
        archive(tmp_path / directory, before=before)
    assert refused.value.returncode == 1
    assert SpendLog.objects.count() == 3


def test_without_the_extra_it_says_what_to_install(
    old: Campaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ads.services.archive_files.find_spec", lambda _: None)
    for arguments in (
        ("archive_spend", "--before", "2026-01", "--to", tmp_path),
        ("restore_spend", tmp_path / "x"),
    ):
        with pytest.raises(CommandError, match=r"pip install -r requirements-archive\.txt\.$"):
            run(*arguments)


def test_a_file_that_nothing_left_for_is_refused(old: Campaign, tmp_path: Path) -> None:
    (tmp_path / "other.parquet").write_bytes(b"PAR1")
    with pytest.raises(
        CommandError, match="holds nothing that left this ledger, or is not as it was written"
    ):
        run("restore_spend", tmp_path / "other.parquet")
    with pytest.raises(CommandError, match=r"^There is no file .*none\.parquet\.$"):
        run("restore_spend", tmp_path / "none.parquet")

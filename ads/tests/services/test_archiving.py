"""Old months leave the ledger for files, proven before; what stands for them counts; and they come back."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Sum

from ads import guards
from ads.errors import ArchiveError, NotReversible, NotUndoable, Protected, SpendConflict
from ads.importers import Options
from ads.models import (
    ArchivedMonth,
    Brand,
    BrandPeriod,
    Campaign,
    CampaignPeriod,
    ImportMode,
    Kind,
    SealedDay,
    SnapshotDay,
    SpendKey,
    SpendLog,
)
from ads.services import BudgetService, archive_files, archiving, moving, sealed
from ads.services.as_of import NotKnownThen
from ads.services.explain import explain
from ads.services.import_jobs import undo_at_once
from ads.services.ingest import ingest_events, ingest_snapshots
from ads.services.reconcile import reconcile
from ads.services.records import Result, SpendEvent, SpendSnapshot
from ads.tests.factories import BrandFactory, CampaignFactory
from ads.tests.importers.files import Files
from ads.tests.moments import NOON, brand_day, brand_month, campaign_totals
from ads.tests.services.importing import last_import, take_in

pytest.importorskip("pyarrow.parquet")
pytestmark = pytest.mark.django_db

NOVEMBER, DECEMBER, JANUARY = date(2025, 11, 1), date(2025, 12, 1), date(2026, 1, 1)
DEC_5 = datetime(2025, 12, 5, 12, tzinfo=UTC)

Rows = list[dict[str, Any]]


@pytest.fixture
def sale(campaign: Campaign) -> Campaign:
    """A campaign with events, a refund and totals in December, and something in November and March."""
    for at, amount in (
        (DEC_5, "12.34"),
        (DEC_5 + timedelta(days=1), "0.000001"),
        (DEC_5 - timedelta(days=30), "7"),
    ):
        BudgetService.record_spend(
            campaign,
            amount,
            external_id=f"of {at:%m-%d}",
            occurred_at=at,
            by="ann",
            description="café",
            now=at,
        )
    BudgetService.record_spend(campaign, -2, kind=Kind.REFUND, occurred_at=DEC_5, now=DEC_5)
    total = SpendSnapshot(
        campaign_id=campaign.pk, day=date(2025, 12, 7), amount_micros=5_000_000, line="ad=1"
    )
    list(ingest_snapshots([total], source="feed", now=DEC_5 + timedelta(days=3)))
    BudgetService.record_spend(campaign, 3, occurred_at=NOON, now=NOON)
    return campaign


@pytest.fixture
def yen(db: None) -> Campaign:
    brand = BrandFactory.create(name="Tokyo", currency="JPY", timezone="Asia/Tokyo")
    campaign = CampaignFactory.create(brand=brand, name="Yen")
    # There it is December already.
    at = datetime(2025, 11, 30, 15, tzinfo=UTC)
    BudgetService.record_spend(campaign, 900, external_id="y1", occurred_at=at, now=at)
    return campaign


def rows(**wanted: Any) -> Rows:
    found: Any = SpendLog.objects.filter(**wanted).order_by("pk").values()
    return list(found)


def totals() -> list[list[tuple[object, ...]]]:
    return [
        list(
            model._base_manager.order_by("pk").values_list(
                "pk", "kind", "starts_on", "spent_micros", "waived_micros"
            )
        )
        for model in (BrandPeriod, CampaignPeriod)
    ]


def silent(stage: str, done: int, of: int) -> None: ...


def archive(month: date, directory: Path, tell: archiving.Tell = silent) -> ArchivedMonth:
    return archiving.archive(month, directory, expected=5, now=NOON, by="ann", tell=tell)


def restore(archived: ArchivedMonth, directory: Path) -> None:
    archiving.restore(directory / archived.file_name, tell=silent)


def differences() -> list[str]:
    return [str(difference) for difference in reconcile(NOON).differences]


def test_a_month_leaves_for_a_file_with_exact_totals_and_comes_back_as_it_was(
    sale: Campaign, yen: Campaign, tmp_path: Path
) -> None:
    before, totals_before = rows(), totals()
    gone = rows(spent_on__gte=DECEMBER, spent_on__lt=JANUARY)
    assert len(gone) == 5

    archived = archive(DECEMBER, tmp_path)

    assert rows() == [row for row in before if row not in gone]
    assert totals() == totals_before
    assert (archived.row_count, archived.totals) == (5, {"JPY": 900_000_000, "USD": 15_340_001})
    assert (archived.part, archived.sealed_at, archived.archived_by) == (1, NOON, "ann")
    assert archived.last_id == gone[-1]["id"]
    assert SealedDay.objects.aggregate(sum=Sum("amount_micros"))["sum"] == 915_340_001
    assert differences() == []
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".parquet"]
    path = tmp_path / archived.file_name
    (filed,) = archive_files.read(path, 1_000)
    assert [(row.amount_micros, row.currency) for row in filed] == [
        (12_340_000, "USD"), (1, "USD"), (-2_000_000, "USD"), (5_000_000, "USD"), (900_000_000, "JPY"),
    ]  # fmt: skip
    manifest = json.loads(path.with_suffix(".json").read_text())
    assert manifest["sha256"] == archive_files.checksum(path) == archived.sha256
    assert (manifest["rows"], manifest["micros by currency"]) == (5, archived.totals)

    restore(archived, tmp_path)

    assert rows() == before
    assert totals() == totals_before
    assert not SealedDay.objects.exists()
    assert not ArchivedMonth.objects.exists()
    assert differences() == []


def test_late_spend_counts_on_top_and_leaves_for_a_file_of_its_own(sale: Campaign, tmp_path: Path) -> None:
    first = archive(DECEMBER, tmp_path)
    spent = campaign_totals(sale)
    BudgetService.record_spend(sale, 10, external_id="late", occurred_at=DEC_5, now=NOON)
    newer = SpendSnapshot(campaign_id=sale.pk, day=date(2025, 12, 7), amount_micros=6_000_000, line="ad=1")
    (answer,) = ingest_snapshots([newer], source="feed", now=NOON)
    assert (answer.result, answer.booked_micros) == (Result.ACCEPTED, 1_000_000)

    assert brand_day(sale.brand, DEC_5.date()) == Decimal("20.34")
    assert brand_month(sale.brand, DECEMBER) == Decimal("26.340001")
    assert campaign_totals(sale)["FLIGHT 1970-01-01"] == spent["FLIGHT 1970-01-01"] + 11
    assert differences() == []

    second = archive(DECEMBER, tmp_path)
    assert (second.part, second.totals) == (2, {"USD": 11_000_000})
    assert second.file_name != first.file_name
    assert not SpendLog.objects.filter(spent_on__gte=DECEMBER, spent_on__lt=JANUARY).exists()
    assert differences() == []
    restore(first, tmp_path)
    restore(second, tmp_path)
    assert SpendLog.objects.count() == 8
    assert differences() == []


def test_a_wrong_total_of_a_sealed_month_is_found_and_repaired(sale: Campaign, tmp_path: Path) -> None:
    archive(DECEMBER, tmp_path)
    before = totals()
    BrandPeriod.objects.filter(kind="DAY", starts_on=DEC_5.date()).update(spent_micros=1)
    assert differences() == ["Acme, day 2025-12-05: spent 1 micros, ledger 10340000; waived 0, waivers 0"]
    reconcile(NOON, repair=True)
    assert totals() == before


class TestWhatComesAgain:
    def test_is_a_duplicate_of_the_archived_row(self, sale: Campaign, tmp_path: Path) -> None:
        first = SpendLog.objects.get(external_id="of 12-05")
        archive(DECEMBER, tmp_path)
        keys, count = SpendKey.objects.count(), SpendLog.objects.count()
        again = BudgetService.record_spend(sale, "12.34", external_id="of 12-05", occurred_at=DEC_5, now=NOON)
        assert (again.pk, again.amount, again.spent_on) == (first.pk, first.amount, first.spent_on)
        stored = SpendLog.objects.create(
            campaign=sale, amount_micros=12_340_000, occurred_at=DEC_5, external_id="of 12-05"
        )
        assert stored.pk == first.pk
        (answer,) = ingest_events(
            [
                SpendEvent(
                    campaign_id=sale.pk, amount_micros=12_340_000, occurred_at=DEC_5, external_id="of 12-05"
                )
            ],
            source="manual",
            now=NOON,
        )
        assert (answer.result, answer.log_id) == (Result.DUPLICATE, first.pk)
        assert (SpendKey.objects.count(), SpendLog.objects.count()) == (keys, count)
        assert differences() == []

    def test_with_other_content_is_a_conflict_that_names_the_row(
        self, sale: Campaign, tmp_path: Path
    ) -> None:
        first = SpendLog.objects.get(external_id="of 12-05")
        archive(DECEMBER, tmp_path)
        with pytest.raises(SpendConflict, match=f"before as row {first.pk}, which is archived; the same id"):
            BudgetService.record_spend(sale, 13, external_id="of 12-05", occurred_at=DEC_5, now=NOON)

    def test_as_totals_of_a_date_with_events_stays_a_conflict(self, sale: Campaign, tmp_path: Path) -> None:
        archive(DECEMBER, tmp_path)
        total = SpendSnapshot(campaign_id=sale.pk, day=DEC_5.date(), amount_micros=20_000_000)
        (answer,) = ingest_snapshots([total], source="manual", now=NOON)
        assert answer.result == Result.CONFLICT
        assert "manual already gives single events" in answer.message
        assert not SnapshotDay.objects.filter(granularity="single events").exists()
        (other,) = ingest_snapshots([total], source="other", now=NOON)
        assert other.result == Result.ACCEPTED


class TestWhatNeedsTheRows:
    def test_a_reversal_is_refused_and_works_again_after_a_restore(
        self, sale: Campaign, tmp_path: Path
    ) -> None:
        log = SpendLog.objects.get(external_id="of 12-05")
        archived = archive(DECEMBER, tmp_path)
        with pytest.raises(
            NotReversible, match=rf"row {log.pk} is archived in {archived.file_name}; restore that"
        ):
            BudgetService.reverse_spend(log, "wrong", now=NOON)
        assert differences() == []
        restore(archived, tmp_path)
        assert BudgetService.reverse_spend(log, "wrong", now=NOON).amount == Decimal("-12.34")

    @pytest.mark.parametrize("mode", list(ImportMode))
    def test_undoing_an_import_is_refused_whole(self, brand: Brand, tmp_path: Path, mode: ImportMode) -> None:
        file = Files(tmp_path).lines("date,campaign,id,spend", "2025-12-31,Sale,a,5", "2026-01-01,Sale,b,7")
        take_in(file, brand, mode=mode, create_campaigns=True, **_columns(mode))
        archived = archive(DECEMBER, tmp_path)
        before, known = rows(), SpendKey.objects.count()
        with pytest.raises(
            NotUndoable, match=f"booked are archived in {archived.file_name}; restore that first"
        ):
            undo_at_once(last_import(), by="bob", now=NOON)
        assert (rows(), SpendKey.objects.count()) == (before, known)
        restore(archived, tmp_path)
        undo_at_once(last_import(), by="bob", now=NOON)
        assert brand_day(brand, date(2025, 12, 31)) == brand_day(brand, JANUARY) == 0

    def test_a_past_moment_is_told_where_the_sums_tell_it(self, sale: Campaign, tmp_path: Path) -> None:
        known_since(DEC_5 - timedelta(days=40))
        before = explain(sale, at=NOON - timedelta(days=1), now=NOON).facts
        archive(DECEMBER, tmp_path)
        told = explain(sale, at=NOON - timedelta(days=1), now=NOON).facts
        assert (told.days, told.months, told.total_micros) == (
            before.days,
            before.months,
            before.total_micros,
        )
        assert told.total_micros == 22_340_001

    def test_a_past_moment_is_not_told_where_only_rows_would(self, sale: Campaign, tmp_path: Path) -> None:
        known_since(DEC_5 - timedelta(days=40))
        BudgetService.record_spend(sale, 1, occurred_at=DEC_5, now=DEC_5 + timedelta(hours=3))
        archived = archive(DECEMBER, tmp_path)
        with pytest.raises(NotKnownThen, match=f"by that moment is archived in {archived.file_name}"):
            explain(sale, at=DEC_5 + timedelta(hours=1), now=NOON)

    def test_a_brand_whose_spend_is_archived_keeps_its_currency_and_is_not_deleted(
        self, yen: Campaign, tmp_path: Path
    ) -> None:
        archive(DECEMBER, tmp_path)
        assert not SpendLog.objects.exists()
        assert yen.brand.has_spend()
        with pytest.raises(Protected):
            yen.delete()

    def test_the_next_row_gets_an_id_that_no_archived_row_has(self, yen: Campaign, tmp_path: Path) -> None:
        archived = archive(DECEMBER, tmp_path)
        log = BudgetService.record_spend(yen, 1, now=NOON)
        assert log.pk > archived.last_id

    def test_not_even_after_moving_to_another_database(self, yen: Campaign, tmp_path: Path) -> None:
        archived = archive(DECEMBER, tmp_path)
        ArchivedMonth.objects.update(last_id=archived.last_id + 1_000)
        moving._follow_ids([SpendLog], "default")
        assert BudgetService.record_spend(yen, 1, now=NOON).pk == archived.last_id + 1_001


def known_since(moment: datetime) -> None:
    for model in (Brand, Campaign):
        model.history.update(history_date=moment)


def _columns(mode: ImportMode) -> dict[str, Any]:
    columns = {"date": "date", "campaign": "campaign", "amount": "spend"}
    columns["id" if mode == ImportMode.EVENTS else "line"] = "id"
    return {"options": Options(format="generic", columns=columns), "source": "file"}


class TestNothingLeaves:
    def test_of_the_last_three_months(self, sale: Campaign, tmp_path: Path) -> None:
        with pytest.raises(
            ArchiveError, match="months from 2026-01 on stay in the ledger; give 2026-01 or an earl"
        ):
            archive(JANUARY, tmp_path)
        assert list(tmp_path.iterdir()) == []

    def test_where_the_file_is_not_what_the_ledger_holds(
        self, sale: Campaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = rows()
        read = archive_files.read
        monkeypatch.setattr(
            archive_files,
            "read",
            lambda path, at_once: (
                [row._replace(amount_micros=1) for row in rows] for rows in read(path, at_once)
            ),
        )
        with pytest.raises(ArchiveError, match=rf"not what the ledger holds of brands \[{sale.brand_id}\]"):
            archive(DECEMBER, tmp_path)
        assert rows() == before
        assert list(tmp_path.iterdir()) == []
        assert not ArchivedMonth.objects.exists()

    def test_that_the_file_does_not_hold_exactly(
        self, sale: Campaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Totals alone would not tell: the proof before each batch compares whole rows."""
        before = rows()
        written = archiving._file_row
        monkeypatch.setattr(
            archiving, "_file_row", lambda row, currency: written(row, currency)._replace(description="")
        )
        archived = archiving._write(DECEMBER, tmp_path, 5, NOON, "ann", silent)
        monkeypatch.undo()
        with pytest.raises(ArchiveError, match=r"^row \d+ is FileRow"):
            archiving.go_on(archived, tmp_path, now=NOON, tell=silent)
        assert rows() == before

    def test_into_a_file_that_was_changed_since(self, sale: Campaign, tmp_path: Path) -> None:
        archived = archiving._write(DECEMBER, tmp_path, 5, NOON, "ann", silent)
        before = rows()
        with (tmp_path / archived.file_name).open("ab") as file:
            file.write(b"x")
        with pytest.raises(ArchiveError, match="is not as it was written"):
            archiving.go_on(archived, tmp_path, now=NOON, tell=silent)
        with pytest.raises(
            ArchiveError, match="holds nothing that left this ledger, or is not as it was written"
        ):
            restore(archived, tmp_path)
        assert rows() == before

    def test_twice_by_two_runs_at_once(self, sale: Campaign, tmp_path: Path) -> None:
        def meanwhile(stage: str, done: int, of: int) -> None:
            if stage == "Proving":
                archive(DECEMBER, tmp_path)

        with pytest.raises(ArchiveError, match="another run is at 2025-12; nothing was removed"):
            archive(DECEMBER, tmp_path, meanwhile)
        assert ArchivedMonth.objects.count() == 1
        assert differences() == []


class Killed(BaseException):
    """Nobody catches it, as nobody catches SIGKILL."""


@pytest.mark.parametrize("at", ["Writing", "Proving", "_register", "Removing 2", "Removing 4", "_seal"])
def test_a_run_that_is_killed_anywhere_leaves_all_right_and_is_gone_on_with(
    sale: Campaign, yen: Campaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    before, totals_before = rows(), totals()
    monkeypatch.setattr(archiving, "ROWS_AT_ONCE", 2)

    def kill(*_: object) -> None:
        raise Killed

    def kill_then(stage: str, done: int, of: int) -> None:
        if f"{stage} {done}".startswith(at):
            raise Killed

    with monkeypatch.context() as patched:
        if at in ("_register", "_seal"):
            patched.setattr(archiving, at, kill)
        with pytest.raises(Killed):
            archive(DECEMBER, tmp_path, kill_then)
    assert differences() == []
    assert totals() == totals_before

    for archived in archiving.unfinished(JANUARY):
        archiving.go_on(archived, tmp_path, now=NOON, tell=silent)
    for month, _ in archiving.months_before(JANUARY):
        archive(month, tmp_path)
    assert [str(each) for each in ArchivedMonth.objects.filter(sealed_at=NOON)] == ["2025-12", "2025-11"]
    assert SpendLog.objects.count() == 1
    assert differences() == []

    with pytest.raises(Killed):
        archiving.restore(
            tmp_path / ArchivedMonth.objects.get(month=DECEMBER).file_name,
            tell=lambda _, done, of: kill() if done == 4 else None,
        )
    assert differences() == []
    for archived in ArchivedMonth.objects.all():
        restore(archived, tmp_path)
    assert rows() == before
    assert differences() == []


class TestTheGuard:
    @pytest.fixture
    def execute(self, sale: Campaign) -> Callable[[str], None]:
        def run(sql: str) -> None:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(sql)

        return run

    @pytest.mark.parametrize(
        "statement",
        [
            "DELETE FROM ads_spendlog",
            "DELETE FROM ads_spendlog WHERE spent_on = '2025-11-05'",
            "UPDATE ads_spendlog SET amount_micros = 1 WHERE spent_on = '2025-12-05'",
            "UPDATE ads_spendlog SET spent_on = '2025-12-01' WHERE spent_on = '2025-11-05'",
        ],
    )
    def test_lets_nothing_else_through_while_it_is_open(
        self, execute: Callable[[str], None], statement: str
    ) -> None:
        before = rows()
        with pytest.raises(IntegrityError, match="append-only"), guards.open_for_month(DECEMBER):
            execute(statement)
        assert rows() == before

    def test_is_closed_again_afterwards(self, execute: Callable[[str], None]) -> None:
        with guards.open_for_month(DECEMBER):
            execute("DELETE FROM ads_spendlog WHERE spent_on = '2025-12-05'")
        with pytest.raises(IntegrityError, match="append-only"):
            execute("DELETE FROM ads_spendlog WHERE spent_on = '2025-12-06'")
        assert guards.missing() == []

    def test_is_closed_again_after_an_error(self, execute: Callable[[str], None]) -> None:
        def fail() -> None:
            with guards.open_for_month(DECEMBER):
                execute("DELETE FROM ads_spendlog WHERE spent_on = '2025-12-05'")
                raise RuntimeError

        with pytest.raises(RuntimeError):
            fail()
        with pytest.raises(IntegrityError, match="append-only"):
            execute("DELETE FROM ads_spendlog WHERE spent_on = '2025-12-06'")
        assert SpendLog.objects.count() == 6
        assert guards.missing() == []

    def test_is_opened_by_the_archive_alone(self) -> None:
        root = Path(guards.__file__).parent
        users = {
            path.relative_to(root).as_posix()
            for path in root.rglob("*.py")
            if "open_for_month" in path.read_text() or "ads.archiving" in path.read_text()
        }
        assert users == {"guards.py", "services/archiving.py", "tests/services/test_archiving.py"}


@pytest.mark.parametrize(
    ("now", "first"),
    [((2026, 3, 10), (2026, 1, 1)), ((2026, 1, 1), (2025, 11, 1)), ((2026, 2, 28), (2025, 12, 1))],
)
def test_three_months_are_kept(now: tuple[int, int, int], first: tuple[int, int, int]) -> None:
    assert sealed.first_month_kept(datetime(*now, tzinfo=UTC)) == date(*first)

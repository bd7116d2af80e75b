"""The life of an import: uploaded, checked, recorded; interrupted at any point and gone on with; held by one."""

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import connection, transaction
from freezegun import freeze_time

from ads.errors import InvalidSpend, NotUndoable
from ads.importers import ImportRefused, Options
from ads.models import (
    Brand,
    Campaign,
    ImportMode,
    ImportState,
    QuarantinedSpend,
    SnapshotDay,
    SnapshotValue,
    SpendImport,
    SpendLog,
    StatusChange,
)
from ads.rules.serving import Status
from ads.services import import_jobs, imports
from ads.services.import_jobs import (
    Request,
    import_file,
    summary_of,
    to_go_on_with,
    undo_at_once,
    upload,
    work_on,
)
from ads.services.ingest import ingest
from ads.services.release import release
from ads.tests.factories import BrandFactory, CampaignFactory
from ads.tests.importers.files import Files
from ads.tests.services.importing import HEADER, NOW, Killed, booked, last_import, remembered, take_in

ROWS = [f"2026-05-{1 + n % 9:02},1,{n % 5},Sale {n % 5},ad {n},1.00" for n in range(100)]
RECORD = "day,campaign,cost,id"
RECORDS = Options(columns={"date": "day", "campaign": "campaign", "amount": "cost", "id": "id"})
CONTENT = "\n".join([HEADER, *ROWS]).encode()

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def at_now(settings: Any, tmp_path: Path) -> Iterator[None]:
    settings.MEDIA_ROOT = tmp_path / "media"
    with freeze_time(NOW):
        yield


@pytest.fixture
def brand(db: None) -> Brand:
    return BrandFactory.create(name="Acme", currency="EUR", daily_budget=Decimal(5), monthly_budget=None)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "TOTALS_AT_ONCE", 10)


def uploaded(brand: Brand, content: bytes = CONTENT, **asked: Any) -> SpendImport:
    request = Request(brand=brand, **({"create_campaigns": True} | asked))
    return upload(ContentFile(content), "may.csv", request, by="ann", now=NOW)


def killed_after(chunks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next work dies after so many chunks are booked."""
    left = [chunks]

    def dying(ingest: Any, *args: Any, **kwargs: Any) -> Any:
        if not left[0]:
            raise Killed
        left[0] -= 1
        return ingest(*args, **kwargs)

    monkeypatch.setattr(imports, "ingest", partial(dying, ingest))


def work(record: SpendImport) -> SpendImport:
    work_on(record.pk, now=NOW)
    record.refresh_from_db()
    return record


def test_an_upload_is_checked_then_recorded_and_only_when_a_person_says_so(brand: Brand) -> None:
    record = uploaded(brand)
    assert record.state == ImportState.CHECKING
    record = work(record)
    assert (record.state, record.format) == (ImportState.CHECKED, "Meta")
    assert (
        SpendLog.objects.count(),
        Campaign.objects.count(),
        StatusChange.objects.count(),
        remembered(),
    ) == (0,) * 4
    summary = summary_of(record)
    assert summary is not None
    assert (summary.rows, summary.accepted, summary.booked_micros) == (100, 100, 100_000_000)
    assert (summary.campaigns_created, record.accepted) == (5, 0)
    assert summary.days[date(2026, 5, 1)].booked_micros == 12_000_000
    assert [row.amount_micros for row in summary.first_rows] == [1_000_000] * 8
    assert ("amount", "spend") in summary.columns
    work(record)
    assert SpendLog.objects.count() == 0

    assert import_jobs.confirm(record, by="bob")
    assert not import_jobs.confirm(record, by="bob")
    record = work(record)
    assert (record.state, record.rows, record.accepted, record.campaigns_created) == (
        ImportState.DONE,
        100,
        100,
        5,
    )
    assert (record.read, record.created_by) == (Decimal(100), "bob")
    assert record.booked == booked(brand) == 100
    assert set(SpendLog.objects.values_list("recorded_by", flat=True)) == {"bob"}


def test_the_check_says_which_campaigns_would_change(brand: Brand) -> None:
    sale = CampaignFactory.create(brand=brand, name="Sale", platform="meta", account="1", external_id="7")
    rows = [f"2026-05-10,1,7,Sale,ad {n},1.00" for n in range(6)]
    summary = summary_of(work(uploaded(brand, "\n".join([HEADER, *rows]).encode())))

    assert summary is not None
    assert [(change.campaign, change.to_status) for change in summary.changes] == [("Sale", Status.PAUSED)]
    sale.refresh_from_db()
    assert sale.status == Status.ACTIVE
    assert not SnapshotValue.objects.exists()


def test_a_file_of_which_nothing_would_be_counted_can_be_checked(brand: Brand) -> None:
    summary = summary_of(work(uploaded(brand, create_campaigns=False)))

    assert summary is not None
    assert (summary.quarantined, summary.booked_micros, summary.changes) == (100, 0, [])


def test_killed_at_any_chunk_it_goes_on_and_ends_with_the_same_counts(
    brand: Brand, small_chunks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = uploaded(brand)
    work(record)
    import_jobs.confirm(record, by="ann")
    for chunks in (0, 3, 1):
        with monkeypatch.context() as patch:
            killed_after(chunks, patch)
            with suppress(Killed):
                work_on(record.pk, now=NOW)
        record.refresh_from_db()
        assert record.state == ImportState.IMPORTING
        SpendImport.objects.update(held_until=NOW)  # time passes
    assert 0 < SpendLog.objects.count() < 100
    record = work(record)

    assert (record.state, record.accepted, record.duplicates, record.campaigns_created) == (
        ImportState.DONE, 100, 0, 5,
    )  # fmt: skip
    assert record.booked == booked(brand) == remembered() == 100


def test_what_another_report_restates_meanwhile_is_not_given_again(
    brand: Brand, files: Files, small_chunks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = uploaded(brand)
    work(record)
    import_jobs.confirm(record, by="ann")
    with monkeypatch.context() as patch:
        killed_after(1, patch)
        with suppress(Killed):
            work_on(record.pk, now=NOW)
    # As of the same moment, so that neither of the two is the older one.
    take_in(files.lines(HEADER, "2026-05-01,1,0,Sale 0,ad 0,2.00", name="other.csv"), brand, as_of=NOW)
    SpendImport.objects.update(held_until=NOW)
    record = work(record)

    assert (record.state, record.accepted, record.booked) == (ImportState.DONE, 100, Decimal(100))
    assert booked(brand) == 101


def test_what_can_be_counted_when_the_work_goes_on_waits_no_longer(
    brand: Brand, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or it would count once as a row of its file, and once more when it is released."""
    sale = CampaignFactory.create(brand=brand, name="Sale", platform="meta", account="1", external_id="7")
    take_in(files.lines(HEADER, "2026-04-01,1,9,Nine,x,1.00", name="april.csv"), brand)
    (of_april,) = QuarantinedSpend.objects.all()
    rows = ("2026-05-01,1,7,Sale,x,4.00", "2026-05-01,1,8,Eight,x,2.00", "2026-05-01,1,9,Nine,x,8.00")
    path = files.lines(HEADER, *rows, "2026-05-12,1,7,Sale,x,16.00", "2026-05-13,1,7,Sale,x,32.00")
    with monkeypatch.context() as patch:
        killed_after(2, patch)
        patch.setattr(imports, "TOTALS_AT_ONCE", 1)
        with suppress(Killed):
            take_in(path, brand)
    problems = QuarantinedSpend.objects.filter(state="OPEN").values_list("problem", flat=True)
    assert sorted(problems) == ["TOO_FAR_AHEAD", *["UNKNOWN_CAMPAIGN"] * 3]
    release([of_april.pk], campaign=sale, by="ann", now=NOW)
    SpendImport.objects.update(held_until=None)
    later = NOW + timedelta(days=2)
    with freeze_time(later):
        assert take_in(path, brand, now=later).quarantined == 1

    waiting = QuarantinedSpend.objects.filter(state="OPEN")
    assert [row.campaign_ref for row in waiting] == ["8"]
    assert booked(brand) == 1 + 4 + 8 + 16 + 32
    every = QuarantinedSpend.objects.values_list("pk", flat=True)
    release(every, campaign=sale, by="ann", now=later)
    assert booked(brand) == 1 + 4 + 8 + 16 + 32 + 2


def test_nobody_works_on_what_another_holds(brand: Brand, monkeypatch: pytest.MonkeyPatch) -> None:
    record = uploaded(brand)
    run = imports.run

    def run_while_others_try(*args: Any, **kwargs: Any) -> Any:
        assert list(to_go_on_with(NOW)) == []
        with monkeypatch.context() as patch:
            patch.setattr(imports, "run", run)
            work_on(record.pk, now=NOW)
        record.refresh_from_db()
        assert record.state == ImportState.CHECKING
        return run(*args, **kwargs)

    monkeypatch.setattr(imports, "run", run_while_others_try)
    assert work(record).state == ImportState.CHECKED


def test_cancelled_while_it_is_checked_it_stays_cancelled(
    brand: Brand, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = uploaded(brand)
    run = imports.run

    def run_and_cancel(*args: Any, **kwargs: Any) -> Any:
        summary = run(*args, **kwargs)
        assert import_jobs.cancel(SpendImport.objects.get(pk=record.pk))
        return summary

    monkeypatch.setattr(imports, "run", run_and_cancel)
    path = Path(record.file.path)
    assert work(record).state == ImportState.CANCELLED
    assert not path.exists()
    assert not import_jobs.confirm(record)


def test_a_file_that_is_none_is_refused_with_its_sentence(brand: Brand) -> None:
    record = work(uploaded(brand, b"<html>"))
    assert record.state == ImportState.REFUSED
    assert record.problem.startswith("may.csv: is no export that is known")
    assert summary_of(record) is None


def test_a_file_whose_amounts_are_no_amounts_is_refused_before_anything_is_counted(brand: Brand) -> None:
    rows = [f"2026-05-{1 + n % 9:02},1,{n},Sale,x,99999999999" for n in range(100)]
    record = work(uploaded(brand, "\n".join([HEADER, *rows]).encode()))

    assert record.state == ImportState.REFUSED
    assert "add up to more than can be kept" in record.problem


def test_an_id_in_the_file_makes_a_zero_no_less_a_total(brand: Brand, files: Files) -> None:
    CampaignFactory.create(brand=brand, name="Sale")
    asked: dict[str, Any] = {"options": RECORDS, "source": "books"}
    take_in(files.lines(RECORD, "2026-05-01,Sale,3.00,a"), brand, **asked)
    take_in(files.lines(RECORD, "2026-05-01,Sale,0.00,a", name="next.csv"), brand, **asked)

    assert booked(brand) == 0


def test_records_of_nothing_are_left_out_and_told(brand: Brand, files: Files) -> None:
    CampaignFactory.create(brand=brand, name="Sale")
    rows = ("2026-05-01,Sale,3.00,a", "2026-05-01,Sale,0.00,b", "2026-05-01,Sale,0,c")
    summary = take_in(
        files.lines(RECORD, *rows), brand, options=RECORDS, source="books", mode=ImportMode.EVENTS
    )

    assert (summary.rows, summary.accepted, summary.left_out) == (1, 1, 0)
    assert summary.notes[0] == "2 records of 0 left out, the first in row 3."
    assert not QuarantinedSpend.objects.exists()


def test_ids_of_records_that_a_spreadsheet_has_rounded_are_not_taken_for_one(
    brand: Brand, files: Files
) -> None:
    CampaignFactory.create(brand=brand, name="Sale")
    path = files.lines(RECORD, *["2026-05-01,Sale,3.00,1.20E+17"] * 2, "2026-05-01,Sale,3.00,b")
    summary = take_in(path, brand, options=RECORDS, source="books", mode=ImportMode.EVENTS)

    assert (summary.accepted, summary.duplicates, summary.quarantined) == (1, 0, 2)
    assert "is an id that a spreadsheet has rounded" in summary.kept_out[0].reason


def test_ids_that_no_database_stores_are_taken_without_what_it_cannot(brand: Brand, files: Files) -> None:
    CampaignFactory.create(brand=brand, name="Sale")
    row = '{{"day": "2026-05-01", "campaign": "Sale", "cost": "1.00", "id": "{}"}}'
    path = files.lines(row.format(r"\ud800"), row.format(r"a\u0000b"), name="records.ndjson")
    summary = take_in(path, brand, options=RECORDS, source="books", mode=ImportMode.EVENTS)

    assert (summary.accepted, booked(brand)) == (2, 2)
    assert set(SpendLog.objects.values_list("external_id", flat=True)) == {"?", "a b"}


def test_work_that_dies_every_time_is_given_up(brand: Brand, monkeypatch: pytest.MonkeyPatch) -> None:
    record = uploaded(brand)
    monkeypatch.setattr(imports, "run", lambda *_, **__: 1 / 0)
    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            work_on(record.pk, now=NOW)
        SpendImport.objects.update(held_until=NOW)
    record = work(record)

    assert record.state == ImportState.REFUSED
    assert (
        record.problem
        == "The work on it broke off 5 times and got no further. The log of the workers says why."
    )


def test_an_undo_that_is_asked_for_is_done_by_a_worker(brand: Brand) -> None:
    record = uploaded(brand)
    work(record)
    import_jobs.confirm(record, by="ann")
    work(record)
    import_jobs.ask_undo(record, by="bob", now=NOW)
    record = work(record)

    assert (record.state, record.undone_by, booked(brand)) == (ImportState.UNDONE, "bob", 0)


def test_an_undo_that_a_later_import_has_made_impossible_says_so(brand: Brand, files: Files) -> None:
    record = uploaded(brand)
    work(record)
    import_jobs.confirm(record, by="ann")
    work(record)
    import_jobs.ask_undo(record, by="bob", now=NOW)
    take_in(
        files.lines(HEADER, "2026-05-01,1,0,Sale 0,ad 0,2.00", name="later.csv"),
        brand,
        now=NOW + timedelta(seconds=1),
    )
    record = work(record)

    assert (record.state, booked(brand)) == (ImportState.DONE, 101)
    assert "“later.csv”" in record.problem


@pytest.mark.skipif(connection.vendor == "sqlite", reason="has no locks of rows")
@pytest.mark.django_db(transaction=True)
def test_nobody_waits_for_an_undo_that_takes_long(brand: Brand) -> None:
    record = work(uploaded(brand))
    SpendImport.objects.update(state=ImportState.UNDOING)

    def another_worker() -> None:
        work_on(record.pk, now=NOW)
        connection.close()

    worker = Thread(target=another_worker)
    with transaction.atomic():
        SpendImport.objects.select_for_update().get()  # as an undo does
        worker.start()
        worker.join(10)
        has_gone = not worker.is_alive()
    worker.join()
    assert has_gone
    record.refresh_from_db()
    assert (record.state, record.attempts) == (ImportState.UNDOING, 1)  # the check


def test_work_that_is_killed_again_and_again_is_not_given_up_while_it_gets_further(
    brand: Brand, small_chunks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = work(uploaded(brand))
    import_jobs.confirm(record, by="ann")
    for chunks in range(1, 8):
        found = SpendLog.objects.count()
        with monkeypatch.context() as patch:
            killed_after(chunks, patch)
            with pytest.raises(Killed):
                work_on(record.pk, now=NOW)
        SpendImport.objects.update(held_until=None)
        record.refresh_from_db()
        assert (record.attempts, record.rows, record.accepted) == (1, found, found)
        assert record.booked_micros == found * 1_000_000
        assert SpendLog.objects.count() > found

    record = work(record)
    assert (record.state, record.rows, record.accepted, record.duplicates) == (ImportState.DONE, 100, 100, 0)
    assert (record.booked_micros, booked(brand)) == (100_000_000, 100)


@pytest.mark.parametrize("what", ["recording", "undo"])
def test_what_was_given_up_half_way_can_be_undone(
    brand: Brand, small_chunks: None, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    record = uploaded(brand)
    work(record)
    import_jobs.confirm(record, by="ann")
    if what == "undo":
        work(record)
        import_jobs.ask_undo(record, by="bob", now=NOW)
    else:
        with monkeypatch.context() as patch:
            killed_after(3, patch)
            for _ in range(2):
                with suppress(Killed):
                    SpendImport.objects.update(held_until=None)
                    work_on(record.pk, now=NOW)
                killed_after(3, patch)
    SpendImport.objects.update(held_until=NOW, attempts=5)
    record = work(record)
    assert record.state == (ImportState.DONE if what == "undo" else ImportState.REFUSED)
    assert (record.problem, record.undone_by) == (import_jobs.GIVEN_UP, "")
    assert booked(brand) > 0

    undo_at_once(record, by="bob", now=NOW)
    assert booked(brand) == 0


def test_a_file_that_was_refused_has_nothing_to_undo(brand: Brand) -> None:
    with pytest.raises(NotUndoable, match="is refused; there is nothing to undo yet"):
        undo_at_once(work(uploaded(brand, b"<html>")), by="bob", now=NOW)


@pytest.mark.parametrize("source", ["s" * 65, "a\x00b"])
def test_a_source_that_cannot_be_kept_is_refused_before_anything_is_written(
    brand: Brand, files: Files, source: str
) -> None:
    with pytest.raises(InvalidSpend, match="source: "):
        take_in(files.write(CONTENT), brand, source=source)
    with pytest.raises(InvalidSpend, match="source: "):
        uploaded(brand, source=source)

    assert not SpendImport.objects.exists()


class TestCommand:
    def test_an_interrupted_import_goes_on_where_the_same_file_comes_again(
        self, brand: Brand, files: Files, small_chunks: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = files.write(CONTENT)
        with monkeypatch.context() as patch:
            killed_after(4, patch)
            with suppress(Killed):
                take_in(path, brand, create_campaigns=True)
        with pytest.raises(ImportRefused, match="is being imported just now, since 12:00:00 UTC by ann"):
            take_in(path, brand, create_campaigns=True)
        assert list(to_go_on_with(NOW + timedelta(hours=1))) == []

        later = NOW + timedelta(minutes=2)
        with freeze_time(later):
            summary = take_in(path, brand, create_campaigns=True, now=later)
        assert (summary.accepted, summary.duplicates, booked(brand)) == (100, 0, 100)
        assert SpendImport.objects.count() == 1

    def test_one_that_is_taken_in_another_way_is_another_and_the_first_can_still_be_undone(
        self, brand: Brand, files: Files, small_chunks: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = files.write(CONTENT)
        with monkeypatch.context() as patch:
            killed_after(3, patch)
            with suppress(Killed):
                take_in(path, brand, create_campaigns=True)
        SpendImport.objects.update(held_until=NOW)
        with pytest.raises(ImportRefused):
            take_in(path, brand, create_campaigns=True, options=Options(columns={"amount": "none"}))
        take_in(path, brand, source="other", create_campaigns=True)
        assert SpendImport.objects.count() == 2

        undo_at_once(SpendImport.objects.earliest("pk"), by="bob", now=NOW)
        assert booked(brand) == 100
        undo_at_once(last_import(), by="bob", now=NOW)
        assert booked(brand) == 0

    def test_a_file_whose_name_is_no_text(self, brand: Brand, tmp_path: Path) -> None:
        path = tmp_path / os.fsdecode(b"may\xff.csv")
        path.write_bytes(CONTENT)
        take_in(path, brand, create_campaigns=True)

        assert last_import().file_name == "may\\udcff.csv"

    def test_a_killed_one_that_is_undone_leaves_its_days_free_to_be_cut_otherwise(
        self, brand: Brand, files: Files, small_chunks: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            killed_after(4, patch)
            with suppress(Killed):
                take_in(files.write(CONTENT), brand, create_campaigns=True)
        assert booked(brand) > 0
        later = NOW + timedelta(minutes=2)
        with freeze_time(later):
            import_jobs.undo_at_once(last_import())
            assert not SnapshotDay.objects.exists()
            header = "date_start,account_id,campaign_id,campaign_name,spend"
            right = files.lines(header, "2026-05-01,1,0,Sale 0,3.00", name="right.csv")
            assert take_in(right, brand, now=later).accepted == 1
        assert booked(brand) == 3

    def test_one_of_events_too_and_an_id_that_comes_twice_in_it_is_one_duplicate(
        self, brand: Brand, files: Files, small_chunks: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        CampaignFactory.create(brand=brand, name="Sale")
        rows = [f"2026-05-{1 + n % 9:02},Sale,1.00,{n % 40}" for n in range(50)]
        path = files.lines(RECORD, *rows)
        asked: dict[str, Any] = {
            "mode": ImportMode.EVENTS,
            "options": RECORDS,
            "source": "books",
        }
        with monkeypatch.context() as patch:
            killed_after(2, patch)
            with suppress(Killed):
                take_in(path, brand, **asked)
        assert 0 < SpendLog.objects.count() < 40

        later = NOW + timedelta(minutes=2)
        with freeze_time(later):
            summary = take_in(path, brand, now=later, **asked)
        assert (summary.accepted, summary.duplicates, booked(brand)) == (40, 10, 40)

    def test_a_refused_file_and_a_dry_run_leave_no_import(
        self, brand: Brand, files: Files, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        take_in(files.write(CONTENT), brand, create_campaigns=True, dry_run=True)
        monkeypatch.setattr("ads.services.imports.MOST_OWNERS", 2)
        monkeypatch.setattr("ads.importers.spool.MOST_OWNERS", 2)
        unreadable = [f"2026-05-01,1,{n},Sale,x,soon" for n in range(1_200)]
        path = files.lines(HEADER, *unreadable, *ROWS)
        with pytest.raises(ImportRefused):
            take_in(path, brand)

        assert not SpendImport.objects.exists()
        assert not QuarantinedSpend.objects.exists()

    def test_what_a_person_said_of_the_file_is_kept(self, brand: Brand, files: Files) -> None:
        columns = {"date": "day", "amount": "cost", "campaign": "name"}
        options = Options(columns=columns, decimal_mark=",")
        path = files.lines("day;name;cost", '2026-05-01;Sale;"1,50"')
        import_file(path, Request(brand=brand, options=options, source="books"), by="ann", now=NOW)

        assert import_jobs.options_of(last_import()) == options

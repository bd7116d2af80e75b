"""An import that is undone: reversed to the cent, its keys free, the values of before back; or refused."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from freezegun import freeze_time

from ads.errors import NotUndoable, TakenOver
from ads.importers import Options
from ads.models import (
    Brand,
    Campaign,
    ImportMode,
    ImportState,
    QuarantinedSpend,
    SnapshotValue,
    SpendImport,
    SpendKey,
    SpendLog,
)
from ads.rules.serving import Reason, Status
from ads.services import BudgetService, imports
from ads.services.import_jobs import undo_at_once
from ads.services.ingest import ingest, ingest_snapshots
from ads.services.reconcile import reconcile
from ads.services.records import SpendSnapshot
from ads.services.release import release, take_up_again
from ads.tests.factories import BrandFactory, CampaignFactory
from ads.tests.importers.files import SHARED, Files, needs_shared_data
from ads.tests.moments import brand_day, changes, state
from ads.tests.services.importing import HEADER, LATER, NOW, booked, known, last_import, take_in

TODAY = NOW.date()
MINE = "2026-05-10,1,7,Sale"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def at_now() -> Iterator[None]:
    with freeze_time(NOW):
        yield


@pytest.fixture
def brand(db: None) -> Brand:
    return BrandFactory.create(name="Acme", currency="EUR", daily_budget=Decimal(10), monthly_budget=None)


@pytest.fixture
def sale(brand: Brand) -> Campaign:
    return CampaignFactory.create(brand=brand, name="Sale", platform="meta", account="1", external_id="7")


def test_everything_is_as_before_but_for_the_history(brand: Brand, sale: Campaign, files: Files) -> None:
    before = known()
    take_in(files.lines(HEADER, f"{MINE},x,8.00", f"{MINE},y,4.00", "2026-05-09,1,7,Sale,x,3.00"), brand)
    assert state(sale) == (Status.PAUSED, (Reason.BRAND_DAILY,))

    undo_at_once(last_import(), by="bob", now=LATER)

    assert known() == [*SpendKey.objects.order_by("key").values_list("key", "content"), *before]
    assert SpendKey.objects.count() == 3  # of the three reversals
    assert booked(brand) == brand_day(brand, TODAY) == brand_day(brand, date(2026, 5, 9)) == 0
    assert state(sale) == (Status.ACTIVE, ())
    assert changes(sale) == ["ACTIVE>PAUSED BRAND_DAILY SPEND", "PAUSED>ACTIVE - SPEND"]
    reversals = SpendLog.objects.filter(reverses_id__isnull=False)
    assert {(row.recorded_by, row.source, row.description) for row in reversals} == {
        ("bob", "reversal", f"Undo of import {last_import().pk}")
    }
    record = last_import()
    assert (record.state, record.undone_at, record.undone_by) == (ImportState.UNDONE, LATER, "bob")
    assert reconcile(NOW).differences == []


def test_the_corrected_file_goes_in(brand: Brand, sale: Campaign, files: Files) -> None:
    take_in(files.lines(HEADER, f"{MINE},x,8.00"), brand)
    undo_at_once(last_import(), now=LATER)
    # Cut in another way than the wrong one was: the date is free again.
    header = "date_start,account_id,campaign_id,campaign_name,spend"
    summary = take_in(files.lines(header, f"{MINE},6.00", name="right.csv"), brand, now=LATER)

    assert (summary.accepted, summary.conflicts, booked(brand)) == (1, 0, 6)


def test_the_same_file_goes_in_again(brand: Brand, sale: Campaign, files: Files) -> None:
    path = files.lines(HEADER, f"{MINE},x,8.00", f"{MINE},y,soon", "2026-05-10,1,9,New,x,1.00")
    take_in(path, brand)
    undo_at_once(last_import(), now=LATER)
    assert {row.state for row in QuarantinedSpend.objects.all()} == {"DISMISSED"}
    summary = take_in(path, brand, now=LATER)

    assert (summary.accepted, summary.quarantined, booked(brand)) == (1, 2, 8)
    assert QuarantinedSpend.objects.filter(state="OPEN").count() == 2


def test_the_values_of_before_come_back(brand: Brand, sale: Campaign, files: Files) -> None:
    take_in(files.lines(HEADER, f"{MINE},x,8.00", f"{MINE},y,1.00", f"{MINE},z,0.00"), brand)
    before = known()
    wrong = files.lines(
        HEADER, f"{MINE},x,80.00", f"{MINE},y,1.00", f"{MINE},z,5.00", f"{MINE},new,2.00", name="wrong.csv"
    )
    assert take_in(wrong, brand, now=LATER).booked_micros == 79_000_000
    undo_at_once(last_import(), now=LATER)

    assert booked(brand) == 9
    totals_only = [row for row in known() if len(row) > 2]
    assert totals_only == [row for row in before if len(row) > 2]
    again = files.lines(HEADER, f"{MINE},x,9.00", name="again.csv")
    assert take_in(again, brand, now=LATER).booked_micros == 1_000_000


def test_refused_while_a_later_import_restates_it(brand: Brand, sale: Campaign, files: Files) -> None:
    take_in(files.lines(HEADER, f"{MINE},x,8.00", f"{MINE},y,1.00"), brand)
    first = last_import()
    take_in(files.lines(HEADER, f"{MINE},x,9.00", name="later.csv"), brand, now=LATER)
    second = last_import()
    before = known(), booked(brand), SpendLog.objects.count()

    with pytest.raises(
        NotUndoable, match=r"“later.csv” of 2026-05-10 13:00 UTC .*newer values for 1 of its totals"
    ):
        undo_at_once(first, now=LATER)
    assert (known(), booked(brand), SpendLog.objects.count()) == before
    first.refresh_from_db()
    assert first.state == ImportState.DONE

    undo_at_once(second, now=LATER)
    undo_at_once(first, now=LATER)
    assert booked(brand) == 0


def test_refused_while_a_feed_restates_it(brand: Brand, sale: Campaign, files: Files) -> None:
    take_in(files.lines(HEADER, f"{MINE},x,8.00"), brand)
    newer = SpendSnapshot(campaign_id=sale.pk, day=TODAY, amount_micros=9_000_000, line="ad=x")
    list(ingest_snapshots([newer], source="meta", now=LATER))

    with pytest.raises(NotUndoable, match="a later report has given newer values for 1 of its totals"):
        undo_at_once(last_import(), now=LATER)
    assert booked(brand) == 9


def test_once_only(brand: Brand, sale: Campaign, files: Files) -> None:
    take_in(files.lines(HEADER, f"{MINE},x,8.00"), brand)
    undo_at_once(last_import(), now=LATER)
    with pytest.raises(NotUndoable, match="was undone before"):
        undo_at_once(last_import(), now=LATER)
    assert booked(brand) == 0


def test_what_a_person_reversed_is_not_reversed_twice(brand: Brand, sale: Campaign, files: Files) -> None:
    take_in(files.lines(HEADER, f"{MINE},x,8.00", f"{MINE},y,1.00"), brand)
    BudgetService.reverse_spend(SpendLog.objects.get(amount_micros=8_000_000), "wrong", now=NOW)
    undo_at_once(last_import(), now=LATER)

    assert booked(brand) == 0
    assert SpendLog.objects.count() == 4


def test_what_was_released_from_its_quarantine_goes_back_as_well(
    brand: Brand, sale: Campaign, files: Files
) -> None:
    path = files.lines(HEADER, f"{MINE},x,2.00", "2026-05-10,1,8,Spring,y,3.00")
    take_in(path, brand)
    release([QuarantinedSpend.objects.get().pk], campaign=sale, now=NOW)
    assert booked(brand) == 5
    undo_at_once(last_import(), now=LATER)
    assert booked(brand) == 0

    take_in(path, brand, now=LATER)  # what was learned stays
    assert booked(brand) == 5


def test_what_is_taken_up_again_after_an_undo_counts_for_itself(
    brand: Brand, sale: Campaign, files: Files
) -> None:
    take_in(files.lines(HEADER, "2026-05-10,1,8,Spring,y,3.00"), brand)
    waiting = [QuarantinedSpend.objects.get().pk]
    release(waiting, campaign=sale, now=NOW)
    undo_at_once(last_import(), now=LATER)
    assert take_up_again(waiting) == 1
    done = release(waiting, by="ann", now=LATER)

    assert (done.count, booked(brand)) == (1, 3)
    assert SnapshotValue.objects.get().spend_import_id is None
    assert reconcile(NOW).differences == []


def test_who_was_still_at_work_on_it_books_no_more(
    brand: Brand, sale: Campaign, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "TOTALS_AT_ONCE", 1)
    asleep = iter([False, True])

    def undone_meanwhile(*args: Any, **kwargs: Any) -> Any:
        if next(asleep):
            SpendImport.objects.update(held_until=NOW)
            undo_at_once(last_import(), by="bob", now=LATER)
        return ingest(*args, **kwargs)

    monkeypatch.setattr(imports, "ingest", undone_meanwhile)
    with pytest.raises(TakenOver, match="was undone meanwhile"):
        take_in(files.lines(HEADER, f"{MINE},x,8.00", "2026-05-09,1,7,Sale,x,4.00"), brand)

    assert booked(brand) == 0
    assert last_import().state == ImportState.UNDONE


def test_records_of_an_import_of_events_may_come_again_with_other_content(
    brand: Brand, sale: Campaign, files: Files
) -> None:
    columns = {"date": "day", "campaign": "campaign", "amount": "cost", "id": "id"}
    asked: dict[str, Any] = {
        "mode": ImportMode.EVENTS,
        "source": "adserver",
        "options": Options(columns=columns),
    }
    rows = (
        "day,campaign,cost,id",
        "2026-05-10,Sale,3.00,a",
        "2026-05-10,Sale,4.00,b",
        "2026-05-10,Sale,4.00,b",
    )
    summary = take_in(files.lines(*rows), brand, **asked)
    assert (summary.accepted, summary.duplicates, booked(brand)) == (2, 1, 7)
    assert take_in(files.lines(*rows), brand, now=LATER, **asked).duplicates == 3

    undo_at_once(last_import(), now=LATER)  # the second, which booked nothing
    assert booked(brand) == 7
    undo_at_once(type(last_import()).objects.earliest("pk"), now=LATER)
    assert booked(brand) == 0
    right = files.lines("day,campaign,cost,id", "2026-05-10,Sale,5.00,a", name="right.csv")
    assert take_in(right, brand, now=LATER, **asked).accepted == 1
    assert booked(brand) == 5


@needs_shared_data
def test_a_real_export_and_back(files: Files) -> None:
    brand = BrandFactory.create(currency="BRL", daily_budget=Decimal(50), monthly_budget=None)
    path = SHARED / "meta_daily_brl" / "ads_data.csv"
    assert take_in(path, brand, create_campaigns=True).booked_micros == 69_506_170_000
    undo_at_once(last_import(), now=LATER)
    assert booked(brand) == 0
    assert reconcile(NOW).differences == []
    assert take_in(path, brand, now=LATER).booked_micros == 69_506_170_000
    assert booked(brand) == Decimal("69506.17")
    connection.check_constraints()

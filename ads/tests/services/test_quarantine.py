"""What cannot be counted is kept whole with its reason, matched and released once, and learned from."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from freezegun import freeze_time

from ads.errors import InvalidSpend, SpendConflict
from ads.importers import Options
from ads.models import (
    Brand,
    Campaign,
    CampaignAlias,
    ImportState,
    Kind,
    QuarantinedSpend,
    QuarantineState,
    SnapshotValue,
    SpendImport,
    SpendLog,
)
from ads.rights import VIEWER
from ads.rules.money import to_micros
from ads.rules.serving import Reason, Status
from ads.services import BudgetService
from ads.services.import_jobs import undo_at_once
from ads.services.ingest import ingest_events, ingest_snapshots
from ads.services.reconcile import reconcile
from ads.services.records import Answer, Result, SpendEvent, SpendSnapshot
from ads.services.release import Correction, dismiss, release, take_up_again, waiting_like
from ads.tests.factories import BrandFactory, CampaignFactory
from ads.tests.importers.files import Files
from ads.tests.moments import brand_day, state
from ads.tests.people import take_role
from ads.tests.services.importing import HEADER, LATER, NOW, booked, last_import, take_in

TODAY = NOW.date()

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
    return CampaignFactory.create(brand=brand, name="Sale")


def event(campaign_id: int, micros: int = 1_000_000, **changes: Any) -> SpendEvent:
    return SpendEvent(campaign_id=campaign_id, amount_micros=micros, **{"external_id": "a", **changes})


def events(*records: SpendEvent, now: datetime = NOW) -> list[Answer]:
    return list(ingest_events(records, source="adserver", now=now))


def totals(*records: SpendSnapshot, now: datetime = NOW) -> list[Answer]:
    return list(ingest_snapshots(records, source="meta", now=now))


def waiting() -> list[tuple[str, str]]:
    rows = QuarantinedSpend.objects.filter(state=QuarantineState.OPEN).order_by("pk")
    return [(row.problem, row.reason) for row in rows]


def all_ids() -> list[int]:
    return list(QuarantinedSpend.objects.order_by("pk").values_list("pk", flat=True))


class TestKeeping:
    def test_each_reason_keeps_the_record_whole_and_the_rest_goes_in(self, sale: Campaign) -> None:
        ahead = NOW + timedelta(hours=25)
        answers = events(
            event(sale.pk),
            event(sale.pk, currency="USD", external_id="b", description="a click", kind=Kind.ADJUSTMENT),
            event(sale.pk, occurred_at=ahead, external_id="c"),
            event(sale.pk + 1, external_id="d"),
            event(sale.pk, -1, external_id="e"),
            event(sale.pk, 2_000_000),
        )

        results = {each.record.amount_micros: each.result for each in answers[3:]}
        assert results == {10**6: Result.QUARANTINED, -1: Result.REFUSED, 2 * 10**6: Result.CONFLICT}
        assert booked(sale.brand) == 1
        other, later, unknown, conflict = (
            QuarantinedSpend.objects.get(external_id=external_id, amount_micros=micros)
            for external_id, micros in (("b", 10**6), ("c", 10**6), ("d", 10**6), ("a", 2 * 10**6))
        )
        assert (other.problem, other.currency, other.description, other.kind, other.campaign, other.brand) == (
            "CURRENCY", "USD", "a click", "ADJUSTMENT", sale, sale.brand,
        )  # fmt: skip
        assert other.reason == "currency: USD is not the brand's currency, which is EUR"
        assert (later.problem, later.occurred_at) == ("TOO_FAR_AHEAD", ahead)
        assert (unknown.problem, unknown.brand, unknown.campaign_ref) == (
            "UNKNOWN_CAMPAIGN", None, str(sale.pk + 1),
        )  # fmt: skip
        assert (conflict.problem, conflict.campaign) == ("CONFLICT", sale)

    def test_the_same_again_is_kept_once(self, sale: Campaign) -> None:
        for _ in range(3):
            assert [answer.result for answer in events(event(sale.pk, currency="USD"))] == [
                Result.QUARANTINED
            ]

        assert len(all_ids()) == 1

    def test_without_an_id_nothing_is_the_same(self, sale: Campaign) -> None:
        events(*[event(sale.pk, currency="USD", external_id=None)] * 2)

        assert len(all_ids()) == 2

    def test_an_event_of_nothing_is_refused_and_not_kept(self, sale: Campaign) -> None:
        assert [answer.result for answer in events(event(sale.pk, 0))] == [Result.REFUSED]
        assert all_ids() == []

    def test_a_conflict_of_a_single_record_is_kept_though_it_raises(self, sale: Campaign) -> None:
        BudgetService.record_spend(sale, Decimal(1), external_id="a", now=NOW)
        with pytest.raises(SpendConflict):
            BudgetService.record_spend(sale, Decimal(2), external_id="a", now=NOW)
        with pytest.raises(InvalidSpend):
            BudgetService.record_spend(sale, Decimal(0), external_id="b", now=NOW)

        assert [problem for problem, _ in waiting()] == ["CONFLICT"]

    def test_texts_that_no_database_stores_are_kept_written_out(self, sale: Campaign) -> None:
        events(event(sale.pk, external_id="a\x00b", description="\ud800", currency="USD"))

        (row,) = QuarantinedSpend.objects.all()
        assert (row.external_id, row.description) == ("a\\x00b", "\\ud800")

    @pytest.mark.parametrize(
        "odd",
        [
            {"external_id": "\ud800", "currency": "USD"},
            {"currency": "\ud800"},
            {"currency": "U\x00D"},
            {"currency": "U" * 30},
        ],
    )
    def test_nor_do_odd_ids_and_currencies_stop_the_others(self, sale: Campaign, odd: dict[str, Any]) -> None:
        good = event(sale.pk, external_id="good")
        answers = [answer.result for _ in range(2) for answer in events(event(sale.pk, **odd), good)]

        assert answers == [Result.QUARANTINED, Result.ACCEPTED, Result.QUARANTINED, Result.DUPLICATE]
        assert len(waiting()) == 1

    def test_a_newer_total_takes_the_place_of_the_older_and_never_the_other_way(self, sale: Campaign) -> None:
        def dollars(micros: int, as_of: datetime) -> None:
            snapshot = SpendSnapshot(
                campaign_id=sale.pk, day=TODAY, amount_micros=micros, currency="USD", as_of=as_of
            )
            totals(snapshot, now=LATER)

        dollars(5_000_000, NOW)
        dollars(7_000_000, LATER)
        dollars(6_000_000, NOW + timedelta(minutes=5))

        (row,) = QuarantinedSpend.objects.all()
        assert (row.amount, row.as_of) == (Decimal(7), LATER)

    def test_what_was_dismissed_stays_so_until_its_value_is_another(self, sale: Campaign) -> None:
        snapshot = SpendSnapshot(campaign_id=sale.pk, day=TODAY, amount_micros=5, currency="USD")
        totals(snapshot)
        assert dismiss(all_ids(), note="known", by="ann", now=NOW) == 1
        totals(snapshot, now=LATER)
        assert waiting() == []

        totals(SpendSnapshot(campaign_id=sale.pk, day=TODAY, amount_micros=6, currency="USD"), now=LATER)
        (row,) = QuarantinedSpend.objects.all()
        assert (row.state, row.amount_micros, row.note, row.resolved_at) == ("OPEN", 6, "", None)

    def test_good_records_cost_no_query_more(self, sale: Campaign) -> None:
        with CaptureQueriesContext(connection) as captured:
            events(*[event(sale.pk, external_id=str(number)) for number in range(30)])

        assert not any("quarantined" in query["sql"] for query in captured)


class TestRelease:
    def test_a_match_books_everything_of_that_campaign_once_and_is_learned(
        self, brand: Brand, sale: Campaign, files: Files
    ) -> None:
        path = files.lines(
            HEADER, "2026-05-09,1,7,Spring,x,4.00", "2026-05-10,1,7,Spring,x,5.00", "2026-05-10,1,7,Spring,y,6.00",
            "2026-05-10,1,8,Other,z,9.00",
        )  # fmt: skip
        summary = take_in(path, brand)
        assert (summary.rows, summary.quarantined, booked(brand)) == (4, 4, 0)
        assert state(sale) == (Status.ACTIVE, ())

        first = QuarantinedSpend.objects.get(spent_on=date(2026, 5, 9))
        ids = [row.pk for row in waiting_like(first)]
        assert len(ids) == 3
        done = release(ids, campaign=sale, by="ann", now=NOW)

        assert (done.count, done.booked_micros, done.held) == (3, 15_000_000, [])
        assert (brand_day(brand, date(2026, 5, 9)), brand_day(brand, TODAY)) == (Decimal(4), Decimal(11))
        assert state(sale) == (Status.PAUSED, (Reason.BRAND_DAILY,))
        assert [problem for problem, _ in waiting()] == ["UNKNOWN_CAMPAIGN"]
        row = QuarantinedSpend.objects.get(pk=first.pk)
        assert (row.state, row.campaign, row.resolved_by, row.resolved_at) == ("RELEASED", sale, "ann", NOW)
        assert SpendLog.objects.get(pk=row.log_id or 0).amount == 4

        assert release(ids, campaign=sale, by="bob", now=LATER).count == 0
        assert booked(brand) == 15
        assert reconcile(NOW).differences == []

        # A restated file finds the campaign by itself now, and only the difference is booked.
        restated = files.lines(
            HEADER, "2026-05-10,1,7,Spring,x,5.50", "2026-05-09,1,7,Spring,x,4.00", name="next.csv"
        )
        again = take_in(restated, brand, now=LATER)
        assert (again.accepted, again.duplicates, again.booked_micros) == (1, 1, 500_000)
        assert booked(brand) == Decimal("15.50")

    def test_two_campaigns_of_a_platform_matched_to_one_of_ours_add_up(
        self, brand: Brand, sale: Campaign, files: Files
    ) -> None:
        header = "date_start,account_id,campaign_id,campaign_name,spend"
        path = files.lines(header, "2026-05-09,1,7,Spring,4.00", "2026-05-09,1,8,Spring B,5.00")
        take_in(path, brand)
        for ref in ("7", "8"):
            rows = QuarantinedSpend.objects.filter(campaign_ref=ref)
            release([row.pk for row in rows], campaign=sale, by="ann", now=NOW)
        assert booked(brand) == 9

        assert take_in(path, brand, now=LATER).booked_micros == 0
        restated = files.lines(
            header, "2026-05-09,1,7,Spring,4.00", "2026-05-09,1,8,Spring B,0.00", name="next.csv"
        )
        assert take_in(restated, brand, now=LATER).booked_micros == -5_000_000
        assert booked(brand) == 4

    @pytest.mark.parametrize("are_apart", [False, True])
    def test_so_do_their_lines_that_are_called_the_same(
        self, brand: Brand, sale: Campaign, files: Files, *, are_apart: bool
    ) -> None:
        header, rows = "campaign id,campaign,day,device,cost,currency code", ("4.00", "5.00")
        lines = [f"{ref},Spring,2026-05-09,mobile,{cost},EUR" for ref, cost in zip("78", rows, strict=True)]
        for number, part in enumerate([lines[:1], lines[1:]] if are_apart else [lines]):
            take_in(files.lines(header, *part, name=f"{number}.csv"), brand)
        for ref in ("7", "8"):
            release([QuarantinedSpend.objects.get(campaign_ref=ref).pk], campaign=sale, by="ann", now=NOW)
        assert booked(brand) == 9

        again = take_in(files.lines(header, *lines, name="all.csv"), brand, now=LATER)
        assert (again.duplicates, again.booked_micros, booked(brand)) == (2, 0, 9)

    def test_and_those_of_two_accounts_with_one_name_however_long(
        self, brand: Brand, sale: Campaign, files: Files
    ) -> None:
        header, name = "date_start,account_id,campaign_name,spend", "n" * 900
        for account, called in (("1", name), ("2", name), ("1", f"{name}, too")):
            path = files.lines(header, f'2026-05-09,{account},"{called}",4.00', name="next.csv")
            take_in(path, brand)
            release(all_ids(), campaign=sale, by="ann", now=NOW)
            assert take_in(path, brand, now=LATER).duplicates == 1

        assert booked(brand) == 12

    def test_by_name_where_the_platform_gives_no_id(self, brand: Brand, sale: Campaign, files: Files) -> None:
        header = "date_start,campaign_name,ad_id,spend"
        take_in(files.lines(header, "2026-05-09,Spring,x,4.00"), brand)
        release(all_ids(), campaign=sale, by="ann", now=NOW)

        (alias,) = CampaignAlias.objects.all()
        assert (alias.platform, alias.external_id, alias.name, alias.campaign) == ("meta", "", "Spring", sale)
        assert take_in(files.lines(header, "2026-05-10,Spring,x,1.00", name="b.csv"), brand).accepted == 1

    def test_a_file_without_campaigns_is_one_decision_and_nothing_is_learned(
        self, brand: Brand, sale: Campaign, files: Files
    ) -> None:
        path = files.lines("date_start,account_id,ad_id,spend", "2026-05-09,1,x,1.00", "2026-05-09,2,y,2.00")
        take_in(path, brand)
        ids = [row.pk for row in waiting_like(QuarantinedSpend.objects.all()[0])]
        assert release(ids, campaign=sale, by="ann", now=NOW).booked_micros == 3_000_000
        assert not CampaignAlias.objects.exists()
        assert take_in(path, brand, campaign=sale, now=LATER).booked_micros == 0

    def test_equal_totals_released_together_are_their_sum(
        self, brand: Brand, sale: Campaign, files: Files
    ) -> None:
        path = files.lines("date_start,account_id,spend", "2026-05-09,1,1.00", "2026-05-09,2,2.00")
        take_in(path, brand)
        done = release(all_ids(), campaign=sale, by="ann", now=NOW)

        assert (done.count, done.booked_micros, booked(brand)) == (2, 3_000_000, 3)

    @pytest.mark.parametrize("second", ["1.00", "2.00"])
    def test_equal_totals_released_one_after_the_other_are_never_one(
        self, brand: Brand, sale: Campaign, files: Files, second: str
    ) -> None:
        path = files.lines("date_start,account_id,spend", "2026-05-09,1,1.00", f"2026-05-09,2,{second}")
        take_in(path, brand)
        one, other = sorted(all_ids())
        release([one], campaign=sale, by="ann", now=NOW)
        done = release([other], campaign=sale, by="ann", now=NOW)

        assert (done.count, done.booked_micros) == (1, to_micros(second))
        assert booked(brand) == 1 + Decimal(second)

    def test_another_brand_s_campaign_is_refused_and_nothing_is_booked(
        self, brand: Brand, files: Files
    ) -> None:
        other = CampaignFactory.create()
        take_in(files.lines(HEADER, "2026-05-09,1,7,Spring,x,4.00"), brand)
        with pytest.raises(InvalidSpend, match="is not a campaign of the brand that the spend is for"):
            release(all_ids(), campaign=other, by="ann", now=NOW)

        assert len(waiting()) == 1
        assert not SpendLog.objects.exists()
        assert not CampaignAlias.objects.exists()

    def test_as_it_is_once_the_campaign_exists(self, brand: Brand, files: Files) -> None:
        take_in(files.lines(HEADER, "2026-05-09,1,7,Spring,x,4.00"), brand)
        (held,) = release(all_ids(), by="ann", now=NOW).held
        assert held[1].startswith("campaign: campaign 7 is not known")

        CampaignFactory.create(brand=brand, platform="meta", account="1", external_id="7")
        assert release(all_ids(), by="ann", now=NOW).count == 1
        assert booked(brand) == 4

    def test_a_match_of_what_is_known_by_its_own_id_meanwhile_counts_nothing_twice(
        self, brand: Brand, sale: Campaign, files: Files
    ) -> None:
        header = "date_start,account_id,campaign_id,campaign_name,spend"
        path = files.lines(header, "2026-05-09,1,7,Spring,4.00")
        take_in(path, brand)
        Campaign.objects.filter(pk=sale.pk).update(platform="meta", account="1", external_id="7")
        with freeze_time(LATER):
            take_in(path, brand, now=LATER)
            release(all_ids(), campaign=sale, by="ann", now=LATER)
            take_in(path, brand, now=LATER)

        assert booked(brand) == 4
        assert not CampaignAlias.objects.exists()

    def test_the_second_of_two_people_who_match_it_differently_is_told(
        self, brand: Brand, sale: Campaign, files: Files
    ) -> None:
        other = CampaignFactory.create(brand=brand)
        path = files.lines(HEADER, "2026-05-08,1,7,Spring,x,4.00", "2026-05-09,1,7,Spring,x,5.00")
        take_in(path, brand)
        first, second = sorted(all_ids())
        release([first], campaign=sale, by="ann", now=NOW)
        (held,) = release([second], campaign=other, by="bob", now=NOW).held

        assert held[1] == "campaign: is known as another campaign by now; release it as that one"
        assert CampaignAlias.objects.get().campaign == sale
        assert release([second], by="bob", now=NOW).count == 1
        assert take_in(path, brand, now=LATER).booked_micros == 0
        assert booked(brand) == 9

    def test_too_far_ahead_waits_until_its_day_is_near(self, sale: Campaign) -> None:
        events(event(sale.pk, occurred_at=NOW + timedelta(hours=30)))
        assert release(all_ids(), by="ann", now=NOW).count == 0
        with freeze_time(NOW + timedelta(hours=7)):
            assert release(all_ids(), by="ann", now=NOW + timedelta(hours=7)).count == 1

        assert brand_day(sale.brand, TODAY + timedelta(days=1)) == 1

    def test_another_currency_counts_with_the_amount_that_a_person_gives(self, sale: Campaign) -> None:
        events(event(sale.pk, currency="USD"))
        assert release(all_ids(), by="ann", now=NOW).count == 0
        done = release(all_ids(), correction=Correction(amount_micros=900_000), by="ann", now=NOW)

        assert (done.count, booked(sale.brand)) == (1, Decimal("0.90"))
        (row,) = QuarantinedSpend.objects.all()
        assert (row.note, row.amount, row.currency) == ("Corrected by hand: amount.", Decimal(1), "USD")

    def test_a_conflict_counts_only_under_another_id(self, sale: Campaign) -> None:
        events(event(sale.pk), event(sale.pk, 2_000_000))
        (held,) = release(all_ids(), by="ann", now=NOW).held
        assert held[1].startswith("external_id: a was recorded before as SPEND of 1")

        assert release(all_ids(), correction=Correction(external_id="a2"), by="ann", now=NOW).count == 1
        assert booked(sale.brand) == 3

    def test_an_unreadable_row_counts_with_what_a_person_reads_in_it(
        self, brand: Brand, sale: Campaign, files: Files
    ) -> None:
        take_in(files.lines(HEADER, "2026-05-09,1,7,Spring,x,four"), brand)
        (row,) = QuarantinedSpend.objects.all()
        assert (row.problem, row.row, row.amount_micros) == ("UNREADABLE", 2, None)
        assert [cell for name, cell in row.cells or () if name in ("spend", "campaign_name")] == [
            "Spring",
            "four",
        ]
        (held,) = release([row.pk], campaign=sale, by="ann", now=NOW).held
        assert held[1] == "amount: say how much was spent, such as 12.50"

        said = Correction(amount_micros=4_000_000, spent_on=date(2026, 5, 9), line="ad=x")
        assert release([row.pk], campaign=sale, correction=said, by="ann", now=NOW).count == 1
        assert brand_day(brand, date(2026, 5, 9)) == 4

    def test_an_event_without_a_moment_counts_for_the_day_it_came(self, sale: Campaign) -> None:
        events(event(sale.pk, currency="USD"))
        later = NOW + timedelta(days=3)
        with freeze_time(later):
            release(all_ids(), correction=Correction(amount_micros=1_000_000), by="ann", now=later)
            assert brand_day(sale.brand, TODAY) == 1
            # And sent again in the brand's own currency it is the same record.
            assert [answer.result for answer in events(event(sale.pk), now=later)] == [Result.DUPLICATE]

    def test_an_older_total_than_one_that_came_meanwhile_is_not_counted(
        self, brand: Brand, sale: Campaign, files: Files
    ) -> None:
        path = files.lines(HEADER, "2026-05-09,1,7,Spring,x,4.00")
        take_in(path, brand)
        Campaign.objects.filter(pk=sale.pk).update(platform="meta", account="1", external_id="7")
        newer = files.lines(HEADER, "2026-05-09,1,7,Spring,x,6.00", name="newer.csv")
        with freeze_time(LATER):
            take_in(newer, brand, now=LATER)
            done = release(all_ids(), by="ann", now=LATER)

        assert (done.count, done.booked_micros, booked(brand)) == (1, 0, 6)
        assert QuarantinedSpend.objects.get().note == "The same was counted before."

    def test_of_two_reports_of_the_same_moment_the_later_import_rules(
        self, brand: Brand, sale: Campaign, files: Files
    ) -> None:
        day = "2026-05-09,1,7,Spring"
        take_in(files.lines(HEADER, f"{day},x,4.00", f"{day},y,4.00"), brand, as_of=NOW)
        of_x, of_y = all_ids()
        release([of_x], campaign=sale, by="ann", now=NOW)
        take_in(files.lines(HEADER, f"{day},y,6.00", name="again.csv"), brand, now=LATER, as_of=NOW)

        done = release([of_y], by="ann", now=LATER)

        assert (done.count, done.booked_micros, booked(brand)) == (1, 0, 10)

    def test_what_a_person_reads_in_a_row_rules_over_an_earlier_import_of_the_same_moment(
        self, brand: Brand, sale: Campaign, files: Files
    ) -> None:
        Campaign.objects.filter(pk=sale.pk).update(platform="meta", account="1", external_id="7")
        take_in(files.lines(HEADER, "2026-05-09,1,7,Spring,x,4.00"), brand, as_of=NOW)
        again = files.lines(HEADER, "2026-05-09,1,7,Spring,x,n/a", name="again.csv")
        take_in(again, brand, now=LATER, as_of=NOW)

        said = Correction(amount_micros=5_000_000, spent_on=date(2026, 5, 9), line="ad=x")
        assert release(all_ids(), campaign=sale, correction=said, by="ann", now=LATER).count == 1
        assert booked(brand) == 5

    def test_dismissed_and_taken_up_again(self, sale: Campaign) -> None:
        events(event(sale.pk, currency="USD"))
        dismiss(all_ids(), note="a test", by="ann", now=NOW)
        assert release(all_ids(), correction=Correction(amount_micros=1), by="ann", now=NOW).count == 0
        assert take_up_again(all_ids()) == 1
        assert release(all_ids(), correction=Correction(amount_micros=1), by="ann", now=NOW).count == 1
        assert dismiss(all_ids(), by="ann", now=NOW) == take_up_again(all_ids()) == 0

    def test_the_statements_do_not_grow_with_the_rows(
        self, brand: Brand, sale: Campaign, files: Files
    ) -> None:
        def statements(first: int, rows: int) -> int:
            lines = [f"2026-05-0{1 + n % 9},1,{first},Spring,{n},0.01" for n in range(rows)]
            take_in(files.lines(HEADER, *lines), brand)
            ids = list(QuarantinedSpend.objects.filter(state="OPEN").values_list("pk", flat=True))
            with CaptureQueriesContext(connection) as captured:
                assert release(ids, campaign=sale, by="ann", now=NOW).count == rows
            return len(captured)

        for first in (1, 2):  # each plans what a session plans once
            statements(first, 9)
        assert statements(3, 12) == statements(4, 60)

    def test_an_import_remembers_what_its_release_booked(
        self, brand: Brand, sale: Campaign, files: Files
    ) -> None:
        take_in(files.lines(HEADER, "2026-05-09,1,7,Spring,x,4.00"), brand)
        release(all_ids(), campaign=sale, by="ann", now=NOW)

        (record,) = last_import().records.all()
        assert (record.amount, record.campaign_id, record.log_id) == (
            Decimal(4),
            sale.pk,
            SpendLog.objects.get().pk,
        )

    def test_a_row_corrected_into_a_total_of_its_own_file_adds_to_it_and_both_are_undone(
        self, brand: Brand, sale: Campaign, files: Files
    ) -> None:
        header = "Day,Campaign,Cost"
        columns = {"date": "Day", "campaign": "Campaign", "amount": "Cost"}
        before = files.lines(header, "2026-05-09,Sale,3.00", name="before.csv")
        take_in(before, brand, options=Options(columns=columns))
        rows = ("2026-05-09,Sale,4.00", "2026-05-09,Sale,n/a", "2026-05-09,Sale,?", "2026-05-08,Sale,8.00")
        take_in(
            files.lines(header, *rows, "2026-05-08,Sale,x"),
            brand,
            now=LATER,
            options=Options(columns=columns),
        )
        assert booked(brand) == 12
        for pk, micros in zip(all_ids(), (500_000, 250_000, 1_000_000), strict=True):
            done = release(
                [pk],
                campaign=sale,
                correction=Correction(
                    amount_micros=micros, spent_on=TODAY - timedelta(days=1 if micros < 1_000_000 else 2)
                ),
                by="ann",
                now=LATER,
            )
            assert (done.count, done.booked_micros) == (1, micros)
        assert (brand_day(brand, TODAY - timedelta(days=1)), booked(brand)) == (
            Decimal("4.75"),
            Decimal("13.75"),
        )

        undo_at_once(last_import(), by="ann", now=LATER)
        assert booked(brand) == 3
        assert SnapshotValue.objects.get().amount == 3
        assert reconcile(LATER).differences == []

    def test_what_waits_of_a_file_that_is_still_worked_on_goes_on_waiting(
        self, brand: Brand, sale: Campaign, files: Files
    ) -> None:
        take_in(files.lines(HEADER, "2026-05-09,1,7,Spring,x,4.00"), brand)
        SpendImport.objects.update(state=ImportState.IMPORTING)
        (held,) = release(all_ids(), campaign=sale, by="ann", now=NOW).held
        assert held[1] == "its file is still being worked on; try again when that is done"
        assert booked(brand) == 0


class TestRights:
    def test_people_see_what_is_of_their_brands_and_what_is_of_none_is_for_those_who_see_all(
        self, brand: Brand, sale: Campaign, django_user_model: Any
    ) -> None:
        events(event(sale.pk, currency="USD"), event(sale.pk + 1, external_id="b"))
        ann, bob = (django_user_model.objects.create_user(name) for name in ("ann", "bob"))
        root = django_user_model.objects.create_superuser("root")
        ann.brands.add(brand)
        ann = take_role(ann, VIEWER)

        seen = [QuarantinedSpend.objects.visible_to(user).count() for user in (ann, bob, root)]
        assert seen == [1, 0, 2]

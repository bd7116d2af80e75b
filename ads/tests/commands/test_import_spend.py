"""Importing files for a brand: what is booked, once; which campaigns; what is said; and nothing half-written."""

import csv
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from freezegun import freeze_time

from ads.importers import spool
from ads.models import (
    Brand,
    BrandPeriod,
    Campaign,
    CampaignPeriod,
    PeriodKind,
    SnapshotDay,
    SnapshotValue,
    SpendImport,
    SpendLog,
    StatusChange,
)
from ads.rules.money import from_micros
from ads.rules.serving import Reason, Status
from ads.services import BudgetService, imports
from ads.services.import_jobs import Request, import_file
from ads.services.import_summary import ImportSummary
from ads.services.reconcile import reconcile
from ads.tests.factories import BrandFactory, CampaignFactory
from ads.tests.importers.files import SHARED, Files, needs_shared_data
from ads.tests.moments import brand_day, state

NOW = datetime(2026, 5, 10, 12, tzinfo=UTC)
META = SHARED / "meta_daily_brl" / "ads_data.csv"
CONNECTORS = SHARED / "connector_exports"
HEADER = "date_start,account_id,campaign_id,campaign_name,ad_id,spend"


@pytest.fixture(autouse=True)
def at_now() -> Iterator[None]:
    with freeze_time(NOW):
        yield


@pytest.fixture
def brand(db: None) -> Brand:
    return BrandFactory.create(name="Acme", currency="BRL", daily_budget=None, monthly_budget=None)


def booked(brand: Brand) -> Decimal:
    return from_micros(sum(SpendLog.objects.filter(brand=brand).values_list("amount_micros", flat=True)))


def days(brand: Brand) -> dict[date, Decimal]:
    periods = BrandPeriod.objects.filter(brand=brand, kind=PeriodKind.DAY)
    return {period.starts_on: period.spent for period in periods if period.spent_micros}


def run(path: Path, brand: Brand, **options: Any) -> ImportSummary:
    arguments: dict[str, Any] = {"now": NOW}
    arguments |= {name: options.pop(name) for name in ("dry_run", "by", "now", "progress") if name in options}
    return import_file(path, Request(brand=brand, **({"create_campaigns": True} | options)), **arguments)


def counts(summary: ImportSummary) -> tuple[int, int, int, int]:
    assert summary.accepted + summary.duplicates + summary.conflicts + summary.quarantined == summary.rows
    return summary.accepted, summary.duplicates, summary.conflicts, summary.quarantined


def lines_of(out: str) -> list[str]:
    """Lines with the columns of the table one space apart."""
    return [" ".join(line.split()) for line in out.splitlines()]


def command(*arguments: object) -> tuple[int, str, str]:
    """The exit code and what was printed."""
    out, errors = StringIO(), StringIO()
    try:
        call_command("import_spend", *map(str, arguments), stdout=out, stderr=errors)
    except CommandError as error:
        return error.returncode, out.getvalue(), f"{errors.getvalue()}{error}"
    return 0, out.getvalue(), errors.getvalue()


class TestRealFiles:
    pytestmark = needs_shared_data

    def expected(self) -> dict[date, Decimal]:
        with META.with_name("expected_daily_totals.csv").open(newline="") as file:
            rows = {date.fromisoformat(row["date"]): Decimal(row["spend"]) for row in csv.DictReader(file)}
        return {day: spend for day, spend in rows.items() if spend}

    def test_the_advertisers_file(self, brand: Brand) -> None:
        brand.daily_budget = Decimal(50)
        brand.save()

        assert command(META, "--brand", "Acme", "--create-campaigns")[0] == 0

        assert Campaign.objects.filter(brand=brand, platform="meta").count() == 36
        assert booked(brand) == Decimal("69506.17")
        assert days(brand) == self.expected()
        reached = BrandPeriod.objects.filter(brand=brand, kind=PeriodKind.DAY, spent_micros__gte=50_000_000)
        assert reached.count() == 332
        assert set(Campaign.objects.values_list("status", "reason_codes", "enabled")) == {
            ("ACTIVE", "", True)
        }
        assert StatusChange.objects.count() == 0
        assert Campaign.objects.filter(name="[Fundo] [Conversão] Rmkt").count() == 1
        assert (
            Campaign.objects.get(name__contains="(1202").name
            == "[Fundo] [Conversão] Rmkt (120227220649880622)"
        )
        assert reconcile(NOW).differences == []

    def test_a_second_time_books_nothing(self, brand: Brand) -> None:
        run(META, brand)
        summary = run(META, brand, now=NOW + timedelta(hours=1))

        assert counts(summary) == (0, 4_951, 0, 0)
        assert (summary.booked_micros, summary.campaigns_created) == (0, 0)
        assert booked(brand) == Decimal("69506.17")
        assert Campaign.objects.count() == 36

    def test_its_fifteen_batches_one_file_each(self, brand: Brand, tmp_path: Path) -> None:
        with META.open(newline="") as file:
            reader = csv.DictReader(file)
            names, batches = list(reader.fieldnames or ()), defaultdict(list)
            for row in reader:
                batches[row["created_at"][:10]].append(row)
        assert len(batches) == 15
        for day in sorted(batches):
            path = tmp_path / f"{day}.csv"
            with path.open("w", newline="") as file:
                writer = csv.DictWriter(file, names)
                writer.writeheader()
                writer.writerows(batches[day])
            made = max(row["created_at"] for row in batches[day]).replace("+00", "+00:00")
            code, _, _ = command(path, "--brand", "Acme", "--create-campaigns", "--as-of", made)
            assert code == 0

        assert booked(brand) == Decimal("69506.17")
        assert days(brand) == self.expected()
        assert Campaign.objects.count() == 36

    def test_changed_amounts_book_exactly_the_differences(self, brand: Brand, tmp_path: Path) -> None:
        run(META, brand)
        with META.open(newline="") as file:
            reader = csv.DictReader(file)
            names, rows = list(reader.fieldnames or ()), list(reader)
        expected = Decimal(0)
        for row, changed in zip(rows[::100], ("0", "0.01", "1000000", "7.77") * 20, strict=False):
            expected += Decimal(changed) - Decimal(row["gasto"])
            row["gasto"] = changed
        path = tmp_path / "restated.csv"
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(rows)

        summary = run(path, brand, now=NOW + timedelta(hours=1))

        assert counts(summary) == (50, 4_901, 0, 0)
        assert from_micros(summary.booked_micros) == expected
        assert booked(brand) == Decimal("69506.17") + expected
        assert reconcile(NOW).differences == []

    @pytest.mark.parametrize(
        ("name", "total"),
        [
            ("microsoft_ads_campaign_performance_daily_report_data.csv", "946.34"),
            ("google_ads_campaign_stats_data.csv", "231.33"),
            ("google_ads_account_stats_data.csv", "1632.333323"),
            ("facebook_ads_basic_ad_data.csv", "643.63"),
            ("amazon_ads_campaign_level_report_data.csv", "1.67"),
            ("linkedin_ad_analytics_by_campaign_data.csv", "530.62"),
            ("tiktok_campaign_report_hourly_data.csv", "444.792"),
            ("snapchat_campaign_hourly_report_data.csv", "1.013488"),
            ("pinterest_campaign_report_data.csv", "12.375"),
            ("twitter_campaign_report_data.csv", "138.535734"),
            ("apple_search_campaign_report_data.csv", "100.00"),
            ("reddit_ads_campaign_report_data.csv", "12970.777467"),
        ],
    )
    def test_every_platforms_file_books_its_total_once(self, db: None, name: str, total: str) -> None:
        brand = BrandFactory.create(name="Acme", currency="USD")
        has_campaigns = not name.startswith(("google_ads_account", "facebook"))
        how: list[object] = ["--create-campaigns"]
        if not has_campaigns:
            how = ["--campaign", CampaignFactory.create(brand=brand)]

        assert command(CONNECTORS / name, "--brand", "Acme", *how)[0] == 0
        rows = SpendLog.objects.count()
        assert command(CONNECTORS / name, "--brand", "Acme", *how)[0] == 0

        assert booked(brand) == Decimal(total)
        assert SpendLog.objects.count() == rows

    def test_each_day_of_microsoft_is_booked_right(self, db: None) -> None:
        brand = BrandFactory.create(currency="USD")
        run(CONNECTORS / "microsoft_ads_campaign_performance_daily_report_data.csv", brand)
        with (CONNECTORS / "expected_microsoft_daily_totals.csv").open(newline="") as file:
            rows = {date.fromisoformat(row["date"]): Decimal(row["spend"]) for row in csv.DictReader(file)}

        assert days(brand) == {day: spend for day, spend in rows.items() if spend}


class TestBooking:
    def test_equal_identities_of_a_file_add_up(self, brand: Brand, files: Files) -> None:
        lines = ["2026-05-01,1,7,Sale,a,1.10", "2026-05-01,1,7,Sale,b,2.00", "2026-05-01,1,7,Sale,a,0.05"]
        summary = run(files.lines(HEADER, *lines), brand)

        assert counts(summary) == (3, 0, 0, 0)
        assert sorted(SpendLog.objects.values_list("amount_micros", flat=True)) == [1_150_000, 2_000_000]
        assert brand_day(brand, date(2026, 5, 1)) == Decimal("3.15")

    def test_a_restatement_down_to_zero_takes_it_back(self, brand: Brand, files: Files) -> None:
        run(files.lines(HEADER, "2026-05-01,1,7,Sale,a,5.00"), brand)
        summary = run(files.lines(HEADER, "2026-05-01,1,7,Sale,a,0"), brand, now=NOW + timedelta(minutes=1))

        assert summary.booked_micros == -5_000_000
        assert brand_day(brand, date(2026, 5, 1)) == 0

    def test_a_zero_is_a_value(self, brand: Brand, files: Files) -> None:
        summary = run(files.lines(HEADER, "2026-05-01,1,7,Sale,a,0.00"), brand)

        assert counts(summary) == (1, 0, 0, 0)
        assert (SpendLog.objects.count(), SnapshotValue.objects.count()) == (0, 1)

    def test_an_older_report_changes_nothing(self, brand: Brand, files: Files) -> None:
        run(files.lines(HEADER, "2026-05-01,1,7,Sale,a,5.00"), brand)
        summary = run(files.lines(HEADER, "2026-05-01,1,7,Sale,a,3.00"), brand, as_of=NOW - timedelta(days=1))

        assert counts(summary) == (0, 1, 0, 0)
        assert booked(brand) == Decimal("5.00")

    def test_a_report_of_the_future_is_refused(self, brand: Brand, files: Files) -> None:
        path = files.lines(HEADER, "2026-05-01,1,7,Sale,a,5.00")

        code, _, errors = command(path, "--brand", "Acme", "--as-of", "2026-05-11T00:00:00+00:00")
        assert (code, "still to come" in errors) == (2, True)
        assert Campaign.objects.count() == 0

    def test_two_granularities_are_a_conflict(self, brand: Brand, files: Files) -> None:
        run(files.lines(HEADER, "2026-05-01,1,7,Sale,a,5.00"), brand)
        by_set = "date_start,account_id,campaign_id,adset_id,spend"
        path = files.lines(by_set, "2026-05-01,1,7,s,5.00", "2026-05-02,1,7,s,6.00")
        code, out, errors = command(path, "--brand", "Acme")

        assert (code, errors) == (1, "1 row went into quarantine.")
        assert "row 2: line: meta already gives day by ad for this campaign on 2026-05-01" in out
        assert booked(brand) == Decimal("11.00")

    def test_other_segments_are_another_granularity(self, brand: Brand, files: Files) -> None:
        header = "timeperiod,campaign_id,spend"
        run(files.lines(f"{header},device_os", "2026-05-01,7,1.00,iOS"), brand)
        summary = run(files.lines(f"{header},top_vs_other", "2026-05-01,7,1.00,Top"), brand)

        assert counts(summary) == (0, 0, 1, 0)
        assert booked(brand) == Decimal("1.00")

    def test_another_source_adds_up(self, brand: Brand, files: Files) -> None:
        path = files.lines(HEADER, "2026-05-01,1,7,Sale,a,5.00")
        run(path, brand)
        run(path, brand, source="agency fees")

        assert booked(brand) == Decimal("10.00")
        assert set(SpendLog.objects.values_list("source", flat=True)) == {"meta", "agency fees"}

    def test_todays_spend_pauses_and_a_restatement_resumes(self, brand: Brand, files: Files) -> None:
        brand.daily_budget = Decimal(50)
        brand.save()
        run(files.lines(HEADER, "2026-05-10,1,7,Sale,a,49.99", "2026-05-10,1,7,Sale,b,0.01"), brand)
        campaign = Campaign.objects.get()
        assert state(campaign) == (Status.PAUSED, (Reason.BRAND_DAILY,))

        run(files.lines(HEADER, "2026-05-10,1,7,Sale,b,0"), brand, now=NOW + timedelta(minutes=1))
        assert state(campaign) == (Status.ACTIVE, ())

    def test_another_currency_is_refused_row_by_row(self, brand: Brand, files: Files) -> None:
        header = "date_start,campaign_id,spend,account_currency"
        rows = (
            "2026-05-01,7,1.00,BRL",
            "2026-05-02,7,2.00,USD",
            "2026-05-03,7,$3.00,",
            "2026-05-04,7,R$4.00,",
        )
        summary = run(files.lines(header, *rows), brand)

        assert counts(summary) == (2, 0, 0, 2)
        assert [(refusal.row, refusal.reason) for refusal in summary.kept_out] == [
            (3, "currency: USD is not the brand's currency, which is BRL"),
            (4, "currency: $ is not the brand's currency, which is BRL"),
        ]
        assert booked(brand) == Decimal("5.00")
        assert (summary.read_micros, summary.booked_micros) == (5_000_000, 5_000_000)
        assert [day.read_micros for day in summary.days.values()] == [1_000_000, 0, 0, 4_000_000]

    def test_rows_with_and_without_a_currency_make_one_sum(self, brand: Brand, files: Files) -> None:
        header = "date_start,campaign_id,spend,account_currency"
        run(files.lines(header, "2026-05-01,7,1.00,BRL", "2026-05-01,7,2.00,"), brand)

        assert booked(brand) == Decimal("3.00")

    def test_dollars_of_whichever_country_are_the_brands(self, db: None, files: Files) -> None:
        brand = BrandFactory.create(currency="CAD")
        run(files.lines("date_start,campaign_id,spend", "2026-05-01,7,$2.00"), brand)

        assert booked(brand) == Decimal("2.00")

    def test_what_linkedin_says_is_no_dollar_is_never_booked_as_dollars(self, db: None, files: Files) -> None:
        path = files.lines("campaign_id,day,cost_in_local_currency,cost_in_usd", "1,2026-05-01,50.2,54.01")
        dollars, euros = BrandFactory.create(currency="USD"), BrandFactory.create(currency="EUR")

        assert counts(run(path, dollars)) == (0, 0, 0, 1)
        Campaign.objects.update(external_id="9")
        assert counts(run(path, euros)) == (1, 0, 0, 0)

    def test_dates_out_of_range_are_refused_row_by_row(self, brand: Brand, files: Files) -> None:
        rows = ("2099-01-01,1,7,Sale,a,1.00", "1999-12-31,1,7,Sale,a,1.00", "2026-05-11,1,7,Sale,a,2.00")
        summary = run(files.lines(HEADER, *rows), brand)

        assert counts(summary) == (1, 0, 0, 2)
        assert booked(brand) == Decimal("2.00")

    def test_sums_beyond_any_budget_are_refused(self, brand: Brand, files: Files) -> None:
        rows = ["2026-05-01,1,7,Sale,a,100000000000"] * 3
        summary = run(files.lines(HEADER, *rows, "2026-05-01,1,7,Sale,b,1"), brand)

        assert counts(summary) == (1, 0, 0, 3)
        assert booked(brand) == Decimal("1.00")

    def test_bad_rows_are_kept_out_and_the_rest_goes_in(self, brand: Brand, files: Files) -> None:
        rows = ("2026-05-01,1,7,Sale,a,NaN", "2026-05-02,1,7,Sale,a,2.00", "soon,1,7,Sale,a,3.00")
        code, out, errors = command(files.lines(HEADER, *rows), "--brand", "Acme", "--create-campaigns")

        assert (code, errors) == (1, "2 rows went into quarantine.")
        assert booked(brand) == Decimal("2.00")
        number = SpendImport.objects.get().pk
        assert lines_of(out) == [
            "export.csv: Meta, for Acme, source meta",
            "rows read 3",
            "accepted 1",
            "duplicates 0",
            "conflicts 0",
            "quarantined 2",
            "amount cannot be read 1",
            "date cannot be read 1",
            "campaigns created 1",
            "total of the rows R$2.00",
            "booked R$2.00",
            "The file names no currency: taken as BRL, the brand's.",
            f"Import {number}: undo_import {number} takes it back.",
            "Not counted:",
            "row 2: column “spend”: “NaN” is not an amount; 12.50 would be one",
            "row 4: column “date_start”: “soon” is not a date; 2026-05-31 would be one",
        ]

    def test_a_file_that_is_refused_leaves_nothing(self, brand: Brand, files: Files) -> None:
        good = files.lines(HEADER, "2026-05-01,1,7,Sale,a,1.00", name="good.csv")
        bad = files.lines(
            "date_start,date_stop,campaign_id,spend",
            "2026-05-01,2026-05-01,8,1.00",
            "2026-05-01,2026-05-31,8,2.00",
            name="bad.csv",
        )
        code, _, errors = command(bad, good, "--brand", "Acme", "--create-campaigns")

        assert code == 2
        assert errors.startswith(
            "bad.csv, row 3, column “date_start”: the row covers 2026-05-01 to 2026-05-31"
        )
        assert errors.endswith("1 file refused.")
        assert set(Campaign.objects.values_list("external_id", flat=True)) == {"7"}
        assert booked(brand) == Decimal("1.00")

    def test_many_totals_are_booked_in_several_goes(
        self, brand: Brand, files: Files, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(imports, "TOTALS_AT_ONCE", 7)
        rows = [f"2026-05-0{n % 9 + 1},1,{n % 5},Sale {n % 5},ad {n},1.00" for n in range(100)]
        path = files.lines(HEADER, *rows)

        rehearsed = run(path, brand, dry_run=True)
        assert (counts(rehearsed), rehearsed.booked_micros) == ((100, 0, 0, 0), 100_000_000)
        assert counts(run(path, brand)) == (100, 0, 0, 0)
        assert booked(brand) == Decimal("100.00")
        assert CampaignPeriod.objects.filter(kind=PeriodKind.FLIGHT, spent_micros=20_000_000).count() == 5

    def test_queries_do_not_grow_with_campaigns_and_rows(self, brand: Brand, files: Files) -> None:
        def queries(first: int, campaigns: int) -> int:
            owners = range(first, first + campaigns)
            rows = [f"2026-05-0{day},1,{n},Sale {n},a,1.00" for n in owners for day in range(1, 9)]
            with CaptureQueriesContext(connection) as captured:
                run(files.lines(HEADER, *rows), brand)
            return len(captured)

        queries(0, 1)
        assert queries(100, 3) == queries(200, 40)

    def test_progress_goes_from_nothing_to_all(self, brand: Brand, files: Files) -> None:
        heard: list[tuple[str, int]] = []
        rows = [f"2026-05-01,1,7,Sale,ad {n},1.00" for n in range(5_000)]
        run(files.lines(HEADER, *rows), brand, progress=lambda stage, percent: heard.append((stage, percent)))

        assert [stage for stage, _ in heard] == sorted((stage for stage, _ in heard), reverse=True)
        assert [percent for stage, percent in heard if stage == "Booking"] == [40, 80, 100]
        assert all(0 <= percent <= 100 for _, percent in heard)


class TestDryRun:
    def test_it_tells_all_and_writes_nothing(self, brand: Brand, files: Files) -> None:
        brand.daily_budget = Decimal(50)
        brand.save()
        known = CampaignFactory.create(brand=brand, platform="meta", external_id="7")
        run(files.lines(HEADER, "2026-05-10,1,7,Sale,a,10.00"), brand)
        before = [list(model.objects.order_by("pk").values()) for model in WRITTEN]

        path = files.lines(
            HEADER, "2026-05-10,1,7,Sale,a,90.00", "2026-05-10,1,8,New,a,1.00", "x,1,8,New,a,1.00"
        )
        code, out, _ = command(path, "--brand", "Acme", "--create-campaigns", "--dry-run")

        assert code == 1
        assert "campaigns to create 1" in lines_of(out)
        assert "would be booked R$81.00" in lines_of(out)
        assert [list(model.objects.order_by("pk").values()) for model in WRITTEN] == before
        assert Campaign.history.filter(name="New").count() == 0
        assert state(known) == (Status.ACTIVE, ())

        run(path, brand)
        assert booked(brand) == Decimal("91.00")

    def test_it_foresees_conflicts(self, brand: Brand, files: Files) -> None:
        run(files.lines(HEADER, "2026-05-01,1,7,Sale,a,5.00"), brand)
        summary = run(files.lines("date_start,campaign_id,spend", "2026-05-01,7,5.00"), brand, dry_run=True)

        assert counts(summary) == (0, 0, 1, 0)


WRITTEN = (Brand, Campaign, SpendLog, BrandPeriod, CampaignPeriod, SnapshotValue, SnapshotDay, StatusChange)


class TestCampaigns:
    def spend_on(self, campaign: Campaign) -> int:
        return sum(SpendLog.objects.filter(campaign=campaign).values_list("amount_micros", flat=True))

    def test_by_platform_account_and_id(self, brand: Brand, files: Files) -> None:
        wanted = CampaignFactory.create(brand=brand, platform="meta", account="1", external_id="7")
        CampaignFactory.create(brand=brand, platform="meta", account="2", external_id="7")
        CampaignFactory.create(brand=brand, platform="tiktok", account="1", external_id="7")
        CampaignFactory.create(brand=brand, name="Sale")
        run(files.lines(HEADER, "2026-05-01,act_1,7,Sale,a,1.00"), brand, create_campaigns=False)

        assert self.spend_on(wanted) == 1_000_000

    @pytest.mark.parametrize(("known", "in_file"), [("", "1"), ("1", "")])
    def test_by_platform_and_id_where_one_side_has_no_account(
        self, brand: Brand, files: Files, known: str, in_file: str
    ) -> None:
        wanted = CampaignFactory.create(brand=brand, platform="meta", account=known, external_id="7")
        run(files.lines(HEADER, f"2026-05-01,{in_file},7,Sale,a,1.00"), brand, create_campaigns=False)

        assert self.spend_on(wanted) == 1_000_000

    def test_an_id_in_two_accounts_is_not_guessed(self, brand: Brand, files: Files) -> None:
        for account in ("1", "2"):
            CampaignFactory.create(brand=brand, platform="meta", account=account, external_id="7")
        summary = run(files.lines(HEADER, "2026-05-01,,7,Sale,a,1.00"), brand)

        assert [refusal.reason for refusal in summary.kept_out] == [
            "campaign 7 is known in 2 accounts, and the file does not say in which"
        ]
        assert Campaign.objects.count() == 2

    def test_another_brands_campaign_is_never_booked_on_nor_made_again(
        self, brand: Brand, files: Files
    ) -> None:
        other = CampaignFactory.create(platform="meta", account="1", external_id="7")
        summary = run(files.lines(HEADER, "2026-05-01,1,7,Sale,a,1.00"), brand)

        assert [refusal.reason for refusal in summary.kept_out] == ["campaign 7 is one of another brand"]
        assert self.spend_on(other) == 0
        assert other.brand.name not in str(summary)

    def test_by_name_only_where_the_file_has_no_ids(self, brand: Brand, files: Files) -> None:
        named = CampaignFactory.create(brand=brand, name="Sale")
        CampaignFactory.create(name="Sale")
        summary = run(files.lines(HEADER, "2026-05-01,1,7,Sale,a,1.00"), brand, create_campaigns=False)
        assert [refusal.reason for refusal in summary.kept_out] == [
            "campaign 7 is not known; match it to one of the brand's, or let the import create it"
        ]

        run(
            files.lines("date_start,campaign_name,spend", "2026-05-01,Sale,1.00"),
            brand,
            create_campaigns=False,
        )
        assert self.spend_on(named) == 1_000_000

    def test_unknown_campaigns_keep_all_their_rows_out(self, brand: Brand, files: Files) -> None:
        rows = ["2026-05-01,1,7,Sale,a,1.00", "2026-05-02,1,7,Sale,a,1.00", "2026-05-01,1,8,Sale,a,1.00"]
        code, out, errors = command(files.lines(HEADER, *rows), "--brand", "Acme")

        assert (code, errors) == (1, "3 rows went into quarantine.")
        assert "campaign is not known" in out
        assert (
            "row 2: campaign 7 is not known; match it to one of the brand's, or let the import create it (2 rows)"
            in out
        )
        assert Campaign.objects.count() == 0

    def test_created_campaigns_are_on_and_named_as_on_the_platform(self, brand: Brand, files: Files) -> None:
        CampaignFactory.create(brand=brand, name="Sale")
        rows = (
            "2026-05-01,act_1,7,Sale,a,1.00",
            "2026-05-01,act_1,8,Sale,a,1.00",
            "2026-05-01,act_1,9,,a,1.00",
            f"2026-05-01,act_1,10,{'x' * 300},a,1.00",
            f"2026-05-01,act_1,11,{'x' * 300},a,1.00",
        )
        summary = run(files.lines(HEADER, *rows), brand)

        assert summary.campaigns_created == 5
        made = Campaign.objects.filter(platform="meta", account="1").order_by("pk")
        assert list(made.values_list("external_id", "name", "enabled", "status")) == [
            ("7", "Sale (7)", True, "ACTIVE"),
            ("8", "Sale (8)", True, "ACTIVE"),
            ("9", "Meta 9", True, "ACTIVE"),
            ("10", "x" * 200, True, "ACTIVE"),
            ("11", "x" * 195 + " (11)", True, "ACTIVE"),
        ]
        assert Campaign.history.filter(name="Sale (7)").count() == 1

    def test_a_renamed_campaign_is_one_with_its_latest_name(self, brand: Brand, files: Files) -> None:
        run(files.lines(HEADER, "2026-05-02,1,7,New name,a,1.00", "2026-05-01,1,7,Old name,a,1.00"), brand)

        assert Campaign.objects.get().name == "New name"

    def test_created_by_name_where_the_file_has_no_ids(self, brand: Brand, files: Files) -> None:
        path = files.lines("date_start,campaign_name,spend", "2026-05-01,Sale,1.00", "2026-05-01,Club,2.00")
        run(path, brand)
        run(path, brand)

        assert list(Campaign.objects.order_by("pk").values_list("name", "external_id")) == [
            ("Sale", ""),
            ("Club", ""),
        ]
        assert booked(brand) == Decimal("3.00")

    def test_a_file_without_campaigns_waits_whole_until_one_is_named(
        self, brand: Brand, files: Files
    ) -> None:
        campaign = CampaignFactory.create(brand=brand, name="Sale")
        path = files.lines("date_start,ad_id,spend", "2026-05-01,a,1.00", "2026-05-02,a,2.00")

        code, out, errors = command(path, "--brand", "Acme", "--create-campaigns")
        assert (code, errors) == (1, "2 rows went into quarantine.")
        assert "row 2: the file has no column with campaigns; say which campaign it is of (2 rows)" in out
        assert self.spend_on(campaign) == 0
        assert command(path, "--brand", "Acme", "--campaign", "Sale")[0] == 0
        assert self.spend_on(campaign) == 3_000_000

    def test_a_file_with_campaigns_takes_none_by_name(self, brand: Brand, files: Files) -> None:
        CampaignFactory.create(brand=brand, name="Sale")
        path = files.lines(HEADER, "2026-05-01,1,7,Sale,a,1.00")
        code, _, errors = command(path, "--brand", "Acme", "--campaign", "Sale")

        assert (code, "says itself which campaign" in errors) == (2, True)

    def test_a_generic_file_has_the_ids_of_its_source(self, brand: Brand, files: Files) -> None:
        known = CampaignFactory.create(brand=brand, platform="meta", external_id="7")
        path = files.lines("When;Who;Paid", "31/05/2025;7;1,50")
        columns = ("--date-column", "When", "--campaign-id-column", "Who", "--amount-column", "Paid")

        assert command(path, "--brand", "Acme", "--source", "meta", *columns)[0] == 0
        assert self.spend_on(known) == 1_500_000
        assert command(path, "--brand", "Acme", *columns)[0] == 1

    def test_more_campaigns_than_anybody_has_are_refused(
        self, brand: Brand, files: Files, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(spool, "MOST_OWNERS", 3)
        path = files.lines(HEADER, *(f"2026-05-01,1,{n},Sale,a,1.00" for n in range(5)))
        code, _, errors = command(path, "--brand", "Acme", "--create-campaigns")

        assert (code, "export.csv, row 5: has more than" in errors) == (2, True)
        assert Campaign.objects.count() == 0

    def test_halves_of_characters_are_no_trouble(self, brand: Brand, files: Files) -> None:
        record = (
            '{"date_start": "2026-05-01", "campaign_id": "7\\ud800", "campaign_name": "A\\u0000\\udfff", '
            '"ad_id": "\\ud83d", "spend": "1.00"}'
        )
        run(files.lines(record, name="rows.ndjson"), brand)

        assert Campaign.objects.values_list("external_id", "name").get() == ("7?", "A ?")

    def test_single_events_of_the_same_source_are_not_counted_twice(self, brand: Brand, files: Files) -> None:
        campaign = CampaignFactory.create(brand=brand, platform="meta", account="1", external_id="7")
        moment = datetime(2026, 5, 1, 12, tzinfo=UTC)
        BudgetService.record_spend(campaign, Decimal(1), source="meta", occurred_at=moment)
        summary = run(files.lines(HEADER, "2026-05-01,1,7,Sale,a,1.00"), brand)

        assert counts(summary) == (0, 0, 1, 0)


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


class TestCommand:
    def test_a_terminal_sees_how_far_it_is_and_then_only_the_result(self, brand: Brand, files: Files) -> None:
        rows = [f"2026-05-01,1,7,Sale,ad {n},1.00" for n in range(5_000)]
        path, out, terminal = files.lines(HEADER, *rows), StringIO(), Terminal()
        call_command(
            "import_spend", path, "--brand", "Acme", "--create-campaigns", stdout=out, stderr=terminal
        )

        shown = terminal.getvalue().split("\r\033[K")
        assert "Booking [############..................]  40 %" in shown
        assert shown[-1] == ""
        assert "%" not in out.getvalue()

    def test_an_unknown_brand_or_format_is_named(self, brand: Brand, files: Files) -> None:
        path = files.lines(HEADER, "2026-05-01,1,7,Sale,a,1.00")

        assert command(path, "--brand", "Acne") == (2, "", "There is no brand “Acne”. Did you mean “Acme”?")
        assert "invalid choice: 'myspace'" in command(path, "--brand", "Acme", "--format", "myspace")[2]

    def test_it_says_how_it_read_and_what_it_left_out(self, brand: Brand, files: Files) -> None:
        path = files.lines(
            "Day;Campaign;Campaign ID;Currency code;Cost",
            "13/05/2025;Sale;7;BRL;1.234,50",
            "Total: Account;--;--;BRL;1.234,50",
        )
        code, out, _ = command(path, "--brand", "Acme", "--create-campaigns")

        assert code == 0
        number = SpendImport.objects.get().pk
        assert out.splitlines()[-4:] == [
            "  Dates have the day first.",
            "  Amounts have a decimal comma.",
            "  Left out, as totals or notes of the export itself: rows 3.",
            f"  Import {number}: undo_import {number} takes it back.",
        ]

    def test_it_says_that_a_file_has_no_rows(self, brand: Brand, files: Files) -> None:
        code, out, _ = command(files.lines(HEADER, ",,,,,"), "--brand", "Acme")

        assert (code, "  There is no row of data in it." in out.splitlines()) == (0, True)
        assert not SpendLog.objects.exists()

    def test_who_imported_is_remembered(self, brand: Brand, files: Files) -> None:
        command(files.lines(HEADER, "2026-05-01,1,7,Sale,a,1.00"), "--brand", "Acme", "--create-campaigns")

        assert SpendLog.objects.get().recorded_by.startswith("command line")

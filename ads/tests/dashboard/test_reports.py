"""Reports: every total equals the ledger, budgets stand where they belong, and files hide no formula."""

import csv
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO, StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from freezegun import freeze_time
from openpyxl import load_workbook

from ads.dashboard import exports, reports
from ads.models import Brand, Campaign, SpendLog
from ads.services import BudgetService
from ads.services.ingest import ingest_events
from ads.services.records import SpendEvent
from ads.tests.dashboard.reading import plain as text
from ads.tests.factories import BrandFactory, CampaignFactory
from ads.tests.moments import NOON

pytestmark = pytest.mark.django_db

UNIT = 1_000_000
HOSTILE = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\tx",
    "\rx",
    " =1",
    "<r><f>1</f></r>",
    'a","=1',
    "a;=1",
]


def spend(campaign: Campaign, amount: str, day: date) -> None:
    """Books an amount for a date."""
    event = SpendEvent(
        campaign_id=campaign.pk,
        amount_micros=int(Decimal(amount) * UNIT),
        spent_on=day,
        external_id=f"{campaign.pk}-{day}-{SpendLog.objects.count()}",
    )
    (answer,) = ingest_events([event], source="csv", now=NOON)
    assert answer.log_id, answer


def of_march(day: int) -> date:
    return date(2026, 3, day)


def csv_rows(response: Any) -> list[list[str]]:
    """The cells of a CSV file, its header first."""
    body = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.reader(StringIO(body, newline="")))


def xlsx_cells(response: Any) -> list[list[Any]]:
    """The cells of a spreadsheet, each with its type."""
    sheet = load_workbook(BytesIO(b"".join(response.streaming_content))).active
    assert sheet is not None
    return [list(row) for row in sheet.iter_rows()]


@pytest.fixture
def agency(brand: Brand, campaign: Campaign) -> list[Campaign]:
    """Acme (USD) with two campaigns and Solene (EUR) with one, which have spent in February and March."""
    Campaign.objects.filter(pk=campaign.pk).update(platform="meta")
    other = CampaignFactory.create(
        brand=brand, name="Always On", platform="google_ads", daily_budget=Decimal(20)
    )
    french = CampaignFactory.create(
        brand=BrandFactory.create(name="Solene", currency="EUR"), name="Lyon", platform="meta"
    )
    for one, amount, day in (
        (campaign, "60.5", of_march(1)),
        (campaign, "50", of_march(2)),
        (campaign, "7", date(2026, 2, 27)),
        (other, "25.004", of_march(2)),
        (french, "3", of_march(2)),
    ):
        spend(one, amount, day)
    return [campaign, other, french]


def test_spend_of_this_month_by_brand_is_what_is_asked_for_first(ada: Client, agency: list[Campaign]) -> None:
    told = text(ada.get("/reports/"))
    assert "Spend by brand €3.00 and $135.50 spent, Sun 1 Mar 2026 to Tue 31 Mar 2026" in told
    assert "In all" not in told  # the sentence says it
    assert "As of" not in told  # the primary is at no other moment
    assert "Acme USD $135.50 $2,000.00 – Solene EUR €3.00 €2,000.00 –" in told


def test_budgets_and_overspend_stand_by_each_brands_day(ada: Client, agency: list[Campaign]) -> None:
    Brand.objects.filter(name="Acme").update(daily_budget_micros=70 * UNIT)
    told = text(ada.get("/reports/?by=brand&by=day&from=2026-03-01&to=2026-03-02"))
    # Totals made after their day was over took the budget of then.
    assert "Acme Sun 1 Mar 2026 USD $60.50 $100.00 – Acme Mon 2 Mar 2026 USD $75.00 $100.00 –" in told
    told = text(ada.get("/reports/?by=campaign&by=day&from=2026-03-02&to=2026-03-02"))
    assert "Acme Always On google_ads Mon 2 Mar 2026 USD $25.00 $20.00 $5.00" in told
    assert "Acme Summer Sale meta Mon 2 Mar 2026 USD $50.00 no limit –" in told
    assert "Solene Lyon meta Mon 2 Mar 2026 EUR €3.00 no limit –" in told


def test_a_months_budget_says_nothing_of_a_part_of_it(ada: Client, agency: list[Campaign]) -> None:
    told = text(ada.get("/reports/?by=brand&by=month&from=2026-02-15&to=2026-03-31"))
    assert "Acme February 2026, in part USD $7.00 – –" in told
    assert "Acme March 2026 USD $135.50 $2,000.00 –" in told
    told = text(ada.get("/reports/?by=brand&from=2026-03-01&to=2026-03-02"))
    assert "Acme USD $135.50 Solene EUR €3.00" in told
    assert "Budget" not in told.split("rows", 1)[1]


def test_platforms_have_no_budgets_and_currencies_stay_apart(ada: Client, agency: list[Campaign]) -> None:
    told = text(ada.get("/reports/?by=platform"))
    assert "google_ads USD $25.00 meta EUR €3.00 meta USD $110.50 All rows." in told
    told = text(ada.get("/reports/?by="))
    assert "Spend €3.00 and $135.50 spent" in told
    assert "EUR €3.00 USD $135.50 All rows." in told


def test_many_currencies_have_their_totals_apart(ada: Client) -> None:
    for number, currency in enumerate(("USD", "EUR", "JPY", "KWD"), start=1):
        campaign = CampaignFactory.create(brand=BrandFactory.create(currency=currency))
        spend(campaign, f"{number}.25", of_march(1))
    assert "EUR €2.25 JPY ¥3 KWD KWD 4.250 USD $1.25" in text(ada.get("/reports/")).replace("\xa0", " ")


def test_ranges_by_name_are_dates(ada: Client, agency: list[Campaign]) -> None:
    for name, words in {
        "today": "Tue 10 Mar 2026",
        "yesterday": "Mon 9 Mar 2026",
        "7-days": "Wed 4 Mar 2026 to Tue 10 Mar 2026",
        "last-month": "Sun 1 Feb 2026 to Sat 28 Feb 2026",
        "90-days": "Thu 11 Dec 2025 to Tue 10 Mar 2026",
        "this-year": "Thu 1 Jan 2026 to Thu 31 Dec 2026",
        "nonsense": "Sun 1 Mar 2026 to Tue 31 Mar 2026",
    }.items():
        assert words in text(ada.get("/reports/", {"range": name})), name


def test_of_one_brand_today_is_its_own(ada: Client) -> None:
    brand = BrandFactory.create(name="Kumo", timezone="Asia/Tokyo", currency="JPY")
    with freeze_time("2026-03-10 16:00"):  # the 11th in Tokyo
        told = text(ada.get(f"/reports/?brand={brand.pk}&range=today"))
    assert "Spend of Kumo by brand" in told
    assert "Wed 11 Mar 2026" in told
    assert "Only Kumo: show all brands" in told


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("from=2026-03-09&to=2026-03-01", "The range ends on 2026-03-01 before it begins on 2026-03-09."),
        ("from=soon&to=2026-03-01", "Give the first day as a date such as 2026-11-01."),
        ("from=2026-03-01&to=", "This field is required."),
        ("from=0001-01-01&to=9999-12-31", "is out of range; give days from 2000-01-01 to 2099-12-31."),
        ("from=2020-01-01&to=2026-01-01", "This range has 2,193 days; a report takes at most 1,096."),
        ("by=brand&by=day&from=2025-01-01&to=2026-03-01", "by day a report takes at most 400."),
        ("by=campaign&by=day&range=this-year", "at most 93. Choose months, or a shorter range."),
    ],
)
def test_a_range_that_cannot_be_told_is_refused_in_words(ada: Client, query: str, why: str) -> None:
    for path in ("", "spend.csv", "spend.xlsx"):
        page = ada.get(f"/reports/{path}?{query}")
        assert page.status_code == (422 if path else 200)
        assert why in text(page)


def test_where_nothing_was_spent_that_is_said(ada: Client, agency: list[Campaign]) -> None:
    told = text(ada.get("/reports/?from=2025-03-01&to=2025-03-31"))
    assert "Nothing was recorded from Sat 1 Mar 2025 to Mon 31 Mar 2025." in told
    assert "CSV" not in told
    assert csv_rows(ada.get("/reports/spend.csv?from=2025-03-01&to=2025-03-31")) == [
        ["Brand", "Currency", "Spent", "Budget", "Overspend"]
    ]


def test_a_person_sees_only_their_brands_in_every_number(nina: Client, agency: list[Campaign]) -> None:
    assert "Solene" not in text(nina.get("/reports/"))
    assert "Spend by brand $135.50 spent" in text(nina.get("/reports/"))
    assert "€" not in text(nina.get("/reports/?by=platform"))
    rows = csv_rows(nina.get("/reports/spend.csv?by=campaign"))
    assert {row[0] for row in rows[1:]} == {"Acme"}
    cells = xlsx_cells(nina.get("/reports/spend.xlsx?by=platform"))
    assert {row[1].value for row in cells[1:]} == {"USD"}
    foreign = agency[2].brand_id
    for path in ("", "spend.csv", "spend.xlsx"):
        assert nina.get(f"/reports/{path}?brand={foreign}").status_code == 404
        assert nina.get(f"/reports/{path}?brand=x").status_code == 404
    nobody = Client()
    nobody.force_login(User.objects.create_user("nobody"))
    assert "Nothing was recorded" in text(nobody.get("/reports/"))


def test_csv_has_exact_decimals_with_the_currency_in_a_column_of_its_own(
    ada: Client, agency: list[Campaign]
) -> None:
    response = ada.get("/reports/spend.csv?by=campaign&by=day&from=2026-03-01&to=2026-03-02")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert (
        response["Content-Disposition"]
        == 'attachment; filename="spend-by-campaign-day-2026-03-01-to-2026-03-02.csv"'
    )
    assert csv_rows(response) == [
        ["Brand", "Campaign", "Platform", "Day", "Currency", "Spent", "Budget", "Overspend"],
        ["Acme", "Always On", "google_ads", "2026-03-02", "USD", "25.004", "20.00", "5.004"],
        ["Acme", "Summer Sale", "meta", "2026-03-01", "USD", "60.50", "", ""],
        ["Acme", "Summer Sale", "meta", "2026-03-02", "USD", "50.00", "", ""],
        ["Solene", "Lyon", "meta", "2026-03-02", "EUR", "3.00", "", ""],
    ]


def test_refunds_are_plain_numbers(ada: Client, campaign: Campaign) -> None:
    BudgetService.record_spend(campaign, Decimal("-0.000001"), kind="REFUND")
    assert csv_rows(ada.get("/reports/spend.csv"))[1] == ["Acme", "USD", "-0.000001", "2000.00", "0.00"]
    (spent,) = (row[2] for row in xlsx_cells(ada.get("/reports/spend.xlsx"))[1:])
    assert (spent.data_type, Decimal(str(spent.value))) == ("n", Decimal("-0.000001"))


def test_no_formula_hides_in_a_csv(ada: Client, brand: Brand) -> None:
    for name in HOSTILE:
        spend(CampaignFactory.create(brand=brand, name=name, platform=name), "1", of_march(1))
    rows = csv_rows(ada.get("/reports/spend.csv?by=campaign"))[1:]
    assert len(rows) == len(HOSTILE)
    for cell in (cell for row in rows for cell in row[1:3]):
        assert cell.lstrip(" ")[:1] not in {"=", "+", "-", "@", "\t", "\r"}, cell
        assert cell.removeprefix("'") in HOSTILE
    response: Any = ada.get("/reports/spend.csv?by=campaign")
    body = b"".join(response.streaming_content)
    assert body.startswith(b"\xef\xbb\xbf")
    assert b'"a;=1"' in body


def test_no_formula_hides_in_a_spreadsheet(ada: Client, brand: Brand) -> None:
    for name in HOSTILE:
        spend(CampaignFactory.create(brand=brand, name=name, platform=name), "1", of_march(1))
    cells = xlsx_cells(ada.get("/reports/spend.xlsx?by=campaign"))[1:]
    assert len(cells) == len(HOSTILE)
    for row in cells:
        assert [cell.data_type for cell in row[:4]] in (["s"] * 4, ["inlineStr"] * 4)
        assert all(cell.hyperlink is None for cell in row)
    names = {str(row[1].value).replace("_x000D_", "\r").removesuffix(" ") for row in cells}
    assert names == set(HOSTILE)


def test_a_spreadsheet_holds_exact_numbers_dates_and_text(ada: Client, agency: list[Campaign]) -> None:
    response = ada.get("/reports/spend.xlsx?by=brand&by=day&from=2026-03-01&to=2026-03-02")
    assert response["Content-Disposition"].endswith(
        'filename="spend-by-brand-day-2026-03-01-to-2026-03-02.xlsx"'
    )
    rows = xlsx_cells(response)
    assert [cell.value for cell in rows[0]] == ["Brand", "Day", "Currency", "Spent", "Budget", "Overspend"]
    first = rows[1]
    assert first[1].value == datetime(2026, 3, 1)  # noqa: DTZ001 - a spreadsheet's dates have no zone
    assert [Decimal(str(cell.value)) for cell in first[3:]] == [Decimal("60.5"), Decimal(100), Decimal(0)]
    assert [cell.data_type for cell in first] == ["s", "d", "s", "n", "n", "n"]


def test_amounts_beyond_what_a_spreadsheet_can_keep_are_text(ada: Client, campaign: Campaign) -> None:
    spend(campaign, "99999999999.123456", of_march(1))
    (spent,) = (row[2] for row in xlsx_cells(ada.get("/reports/spend.xlsx"))[1:])
    assert (spent.data_type, spent.value) == ("s", "99999999999.123456")


def test_a_spreadsheet_of_too_many_rows_is_refused_and_csv_is_offered(
    ada: Client, agency: list[Campaign], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "MOST_ROWS_IN_A_SHEET", 1)
    page = ada.get("/reports/spend.xlsx")
    assert page.status_code == 422
    assert "This report has 2 rows, and a spreadsheet takes 1. Take it as CSV" in text(page)


def test_the_page_shows_the_first_rows_and_files_all(
    ada: Client, brand: Brand, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(201):
        spend(CampaignFactory.create(brand=brand, name=f"C{number:03}"), "1", of_march(1))
    told = text(ada.get("/reports/?by=campaign"))
    assert "201 rows" in told
    assert "The first 200 of 201 rows; files hold them all." in told
    assert "C200" not in told
    assert "$201.00" in told
    assert len(csv_rows(ada.get("/reports/spend.csv?by=campaign"))) == 202
    monkeypatch.setattr(reports, "MOST_COUNTED", 200)  # what is beyond it is not counted
    told = text(ada.get("/reports/?by=campaign"))
    assert "More than 200 rows" in told
    assert "The first 200 of more than 200 rows; files hold them all." in told


def test_files_are_written_some_rows_at_a_time(
    ada: Client, brand: Brand, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(25):
        spend(CampaignFactory.create(brand=brand, name=f"C{number:03}"), "1", of_march(1))
    monkeypatch.setattr(exports, "_LINES_A_CHUNK", 10)
    response: Any = ada.get("/reports/spend.csv?by=campaign")
    parts = list(response.streaming_content)
    assert len(parts) == 3
    assert [part.count(b"\r\n") for part in parts] == [11, 10, 5]


@pytest.mark.parametrize(
    ("query", "queries_of_page"), [("by=brand", 5), ("by=campaign&by=month", 6), ("by=platform&by=day", 5)]
)
def test_it_asks_as_often_for_few_rows_as_for_many(
    ada: Client, brand: Brand, query: str, queries_of_page: int
) -> None:
    def queries(path: str) -> int:
        with CaptureQueriesContext(connection) as asked:
            response: Any = ada.get(f"/reports/{path}?{query}")
            if response.streaming:
                assert b"".join(response.streaming_content)
        return len(asked)

    spend(CampaignFactory.create(brand=brand), "1", of_march(1))
    few = [queries(path) for path in ("", "spend.csv", "spend.xlsx")]
    for number in range(12):
        spend(CampaignFactory.create(platform=f"p{number}"), "1", of_march(1 + number % 5))
    # Session, user, open alerts; then the first brands, their rows and totals, or rows, or the number of rows and rows.
    assert [queries(path) for path in ("", "spend.csv", "spend.xlsx")] == few == [queries_of_page, 3, 4]

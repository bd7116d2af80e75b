"""A brand's page and the reports in a browser: a budget raised in place, and a report taken along."""

import csv
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from openpyxl import load_workbook
from playwright.sync_api import Browser, Page, expect

from ads.models import Brand, Campaign
from ads.rules.serving import Reason, Status
from ads.services import BudgetService, CampaignService
from ads.services.ingest import ingest_events
from ads.services.records import SpendEvent
from ads.tests.browser.axe import PHONE, faults, violations
from ads.tests.browser.conftest import PASSWORD
from ads.tests.factories import BrandFactory, CampaignFactory, DaypartingScheduleFactory
from ads.tests.moments import state

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture
def acme(site: str) -> Brand:
    """A brand behind its day of 100.00, with two campaigns that it stops and one that its own budget stops too."""
    brand = BrandFactory.create(name="Acme")
    search, _, kids = (
        CampaignFactory.create(brand=brand, name=name, platform="meta", daily_budget=daily)
        for name, daily in (("Search", None), ("Social", None), ("Kids", Decimal(10)))
    )
    BudgetService.record_spend(kids, Decimal(10))
    BudgetService.record_spend(search, Decimal(108))
    return brand


def with_a_past(brand: Brand, times: int = 1) -> None:
    """What it spent on each of the last days, also beyond its budget."""
    campaign = brand.campaigns.get(name="Search")
    today: date = timezone.now().date()
    events = [
        SpendEvent(
            campaign_id=campaign.pk,
            amount_micros=(80 + ago) * times * 1_000_000,
            spent_on=today - timedelta(days=ago),
            external_id=str(ago),
        )
        for ago in range(1, 30)
    ]
    assert all(answer.log_id for answer in ingest_events(events, source="csv", now=timezone.now()))


def of_long_amounts() -> Brand:
    """A brand whose amounts take as much room as any do."""
    brand = BrandFactory.create(
        name="Lekki Fresh Market",
        currency="NGN",
        daily_budget=Decimal(6_000_000),
        monthly_budget=Decimal(118_000_000),
    )
    campaign = CampaignFactory.create(
        brand=brand,
        name="Search",
        daily_budget=Decimal(7_000_000),
        monthly_budget=Decimal(70_000_000),
    )
    BudgetService.record_spend(campaign, Decimal("1517230.36"))
    with_a_past(brand, 40_000)
    return brand


def running(brand: Brand) -> set[str]:
    return {campaign.name for campaign in Campaign.objects.filter(brand=brand, status=Status.ACTIVE)}


def test_a_budget_is_raised_and_campaigns_resume(
    page: Page, site: str, ada: User, acme: Brand, sign_in: Callable[[User], None]
) -> None:
    sign_in(ada)
    page.goto(f"{site}/brands/{acme.pk}/")
    expect(page.locator(".lede")).to_contain_text("Daily budget reached at")
    page.get_by_role("link", name="Edit daily budget").click()
    amount = page.get_by_label("Daily budget", exact=True)
    expect(amount).to_be_focused()
    expect(amount).to_have_value("100.00")
    amount.fill("150")
    then = page.locator("#then")
    expect(then).to_contain_text("2 paused campaigns resume now.")
    expect(then).to_contain_text("1 stays paused: Kids (campaign daily budget reached).")
    expect(amount).to_be_focused()
    assert violations(page) == []
    assert running(acme) == set()
    amount.fill("x")
    expect(then).to_contain_text("'x' is not an amount")
    amount.fill("200")
    page.get_by_role("button", name="Save and resume 2").click()
    expect(page.get_by_role("status").first).to_contain_text("Daily budget is $200.00 now.")
    expect(page.locator("main")).to_contain_text("2 campaigns run now.")
    expect(page.locator("#budgets")).to_contain_text("$200.00")
    assert running(acme) == {"Search", "Social"}
    acme.refresh_from_db()
    assert acme.daily_budget == Decimal(200)


def test_saving_faster_than_the_consequence_is_told_asks_once_more(
    page: Page, site: str, ada: User, sign_in: Callable[[User], None]
) -> None:
    campaign = CampaignFactory.create(brand=BrandFactory.create(name="Acme"))
    BudgetService.record_spend(campaign, Decimal(60))
    sign_in(ada)
    page.goto(f"{site}/brands/{campaign.brand_id}/budgets/daily/")
    page.get_by_label("Daily budget", exact=True).fill("50")
    page.keyboard.press("Enter")
    expect(page.locator("#then")).to_contain_text(
        "1 running campaign pauses now: brand daily budget reached."
    )
    assert state(campaign) == (Status.ACTIVE, ())
    page.get_by_role("button", name="Save and pause 1").click()
    expect(page.locator("main")).to_contain_text("1 campaign is paused now: brand daily budget reached.")
    assert state(campaign) == (Status.PAUSED, (Reason.BRAND_DAILY,))


def test_the_brand_is_switched_off_and_a_day_started_afresh(
    page: Page, site: str, ada: User, acme: Brand, sign_in: Callable[[User], None]
) -> None:
    sign_in(ada)
    page.goto(f"{site}/brands/{acme.pk}/")
    page.get_by_role("link", name="Start a budget afresh").click()
    expect(page.locator("#ask")).to_contain_text("Today: $118.00 counts so far")
    assert violations(page) == []
    page.get_by_role("button", name="Start today afresh and resume 3").click()
    expect(page.locator("main")).to_contain_text("3 campaigns run now.")
    page.locator("a.switch", has_text="Brand active").click()
    expect(page.locator("#ask")).to_contain_text("3 running campaigns stop now")
    assert violations(page) == []
    page.get_by_role("button", name="Switch off and stop 3").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Acme")
    expect(page.locator(".lede")).to_contain_text("Switched off.")
    assert running(acme) == set()


@pytest.mark.parametrize("width", [1440, 390])
def test_one_campaign_is_switched_off_from_the_list(
    page: Page, site: str, ada: User, acme: Brand, sign_in: Callable[[User], None], width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    sign_in(ada)
    page.goto(f"{site}/brands/{acme.pk}/")
    switch = page.get_by_role("switch", name="Search switched on")
    assert switch.get_attribute("aria-checked") == "true"
    switch.click()
    expect(page.locator("main")).to_contain_text("Search is switched off.")
    assert page.get_by_role("switch", name="Search switched on").get_attribute("aria-checked") == "false"
    assert Campaign.objects.get(name="Search").enabled is False


def test_a_report_is_taken_along_as_files(
    page: Page, site: str, ada: User, acme: Brand, sign_in: Callable[[User], None], tmp_path: Path
) -> None:
    sign_in(ada)
    page.goto(f"{site}/brands/{acme.pk}/")
    page.get_by_role("link", name="Report", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Spend of Acme by campaign")
    page.get_by_role("link", name="Today").click()
    page.get_by_role("checkbox", name="Brand").check()
    page.get_by_label("Time").select_option("By day")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Spend of Acme by brand, campaign and day")
    expect(page.get_by_role("table")).to_contain_text("$108.00")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    download.value.save_as(tmp_path / "report.csv")
    with (tmp_path / "report.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    today = timezone.now().date().isoformat()
    assert rows == [
        ["Brand", "Campaign", "Platform", "Day", "Currency", "Spent", "Budget", "Overspend"],
        ["Acme", "Kids", "meta", today, "USD", "10.00", "10.00", "0.00"],
        ["Acme", "Search", "meta", today, "USD", "108.00", "", ""],
    ]
    with page.expect_download() as download:
        page.get_by_role("link", name="Spreadsheet (XLSX)").click()
    download.value.save_as(tmp_path / "report.xlsx")
    sheet = load_workbook(tmp_path / "report.xlsx").active
    assert sheet is not None
    assert [cell.value for cell in sheet["F"]] == ["Spent", 10, 108]


@pytest.mark.once
@pytest.mark.parametrize("has_scripts", [True, False])
def test_raise_budget_leads_into_the_field_of_the_budget(
    browser: Browser, site: str, ada: User, acme: Brand, has_scripts: bool
) -> None:
    context = browser.new_context(viewport={"width": PHONE, "height": 844}, java_script_enabled=has_scripts)
    page = context.new_page()
    page.goto(f"{site}/sign-in/")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Raise budget").click()
    field = page.get_by_role("textbox", name="Daily budget")
    expect(field).to_have_value("100.00")
    expect(field).to_be_focused()
    expect(field).to_be_in_viewport()
    page.keyboard.press("End")
    page.keyboard.press("Backspace")
    expect(field).to_have_value("100.0")
    page.get_by_role("link", name="Import spend").click()
    expect(page.locator("#id_brand")).to_have_value(str(acme.pk))
    context.close()


@pytest.mark.once
def test_pages_are_open_to_everybody_and_fit_their_window(
    browser: Browser, site: str, ada: User, acme: Brand
) -> None:
    with_a_past(acme)
    lekki = of_long_amounts()
    office = CampaignFactory.create(brand=acme, name="Office hours")
    DaypartingScheduleFactory.create(campaign=office)
    CampaignService.switch_off(CampaignFactory.create(brand=acme, name="Quiet"))
    empty = BrandFactory.create(name="Empty", daily_budget=None, monthly_budget=None, currency="KWD")
    off = BrandFactory.create(name="Off", is_active=False)
    archived = BrandFactory.create(name="Archived")
    BudgetService.archive_brand(archived)
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{site}/sign-in/")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    for path in (
        f"/brands/{acme.pk}/",
        f"/brands/{acme.pk}/?days=90&status=off",
        f"/brands/{acme.pk}/?status=completed",
        f"/brands/{acme.pk}/budgets/daily/?amount=150",
        f"/brands/{acme.pk}/budgets/monthly/?amount=x",
        f"/brands/{acme.pk}/switch/?on=no",
        f"/brands/{acme.pk}/reset/",
        f"/brands/{lekki.pk}/",
        f"/brands/{lekki.pk}/reset/",
        "/campaigns/?q=Lekki",
        f"/brands/{empty.pk}/",
        f"/brands/{off.pk}/",
        f"/brands/{archived.pk}/",
        "/reports/",
        "/reports/?by=brand&by=campaign&by=platform&by=day&range=7-days",
        "/reports/?by=platform&by=month&range=90-days",
        f"/reports/?brand={acme.pk}&by=day",
        "/reports/?from=2020-01-01&to=2020-01-31",
        "/reports/?from=2020-02-01&to=2020-01-31",
    ):
        page.set_viewport_size({"width": PHONE, "height": 900})
        page.goto(site + path)
        for summary in page.locator("main details > summary").all():
            summary.click()
        assert faults(page) == [], path
    context.close()

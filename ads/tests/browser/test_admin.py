"""The admin in a browser: access for everybody, and what people do there step by step."""

from collections.abc import Callable, Iterator
from datetime import date, time
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from ads.models import (
    ApiToken,
    ArchivedMonth,
    Brand,
    Campaign,
    CampaignAlias,
    QuarantinedSpend,
    SpendImport,
    SpendLog,
)
from ads.rules.serving import Status
from ads.services import BudgetService, CampaignService, import_jobs, tokens
from ads.tests.admin.browser import act_url, list_url, page_url
from ads.tests.browser.axe import DESK, PHONE, faults, violations
from ads.tests.browser.conftest import MILLISECONDS, PASSWORD
from ads.tests.factories import BrandFactory, CampaignFactory, DaypartingScheduleFactory

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.once]


@pytest.fixture
def acme(live_server: object) -> Brand:
    """A brand with two campaigns, one of them paused by what it spent."""
    brand = BrandFactory.create(name="Acme")
    campaign = CampaignFactory.create(brand=brand, name="Summer Sale", daily_budget=Decimal(20))
    CampaignFactory.create(brand=brand, name="Winter Sale", platform="meta")
    DaypartingScheduleFactory.create(campaign=campaign, start_time=time(0, 10), end_time=time(23, 50))
    log = BudgetService.record_spend(campaign, Decimal(25), "click", source="meta", external_id="e1")
    BudgetService.reverse_spend(log, "wrong campaign")
    BudgetService.record_spend(campaign, Decimal("21.50"))
    return brand


def work() -> None:
    """What a worker does with all that waits for one."""
    for pk in list(import_jobs.to_go_on_with(timezone.now()).values_list("pk", flat=True)):
        import_jobs.work_on(pk, now=timezone.now())


def give_a_file(page: Page, site: str, folder: Path) -> None:
    """Uploads a file of five rows: two to record, one of an unknown campaign, one unreadable, one too far ahead."""
    today = timezone.now().date()
    rows = ["Summer Sale,1.50", "Winter Sale,2.25", "Nobody knows,9.00", "Winter Sale,abc"]
    ahead = f"{today.replace(year=today.year + 1)},Summer Sale,5.00"
    file = folder / "spend.csv"
    file.write_text("\n".join(["Day,Campaign,Cost", *(f"{today},{row}" for row in rows), ahead]))
    page.goto(site + reverse("admin:ads_spendimport_add"))
    page.locator("#id_upload").set_input_files(file)
    page.locator(".field-brand .select2-selection").click()
    page.get_by_role("option", name="Acme").click()
    page.locator("#id_mode").select_option("snapshot")
    page.get_by_text("More", exact=True).click()
    page.locator("#id_file_format").select_option("generic")
    for role, name in (("date", "Day"), ("campaign", "Campaign"), ("amount", "Cost")):
        page.locator(f"#id_{role}_column").fill(name)
    page.get_by_role("button", name="Check the file").click()
    page.wait_for_url("**/change/")


def paths() -> Iterator[str]:
    """Every list, the page of a row of each, every form to add, and what asks first."""
    yield reverse("admin:index")
    for model, registered in admin.site._registry.items():
        yield list_url(model)
        row = model._default_manager.order_by("pk").first()
        if row is not None:
            yield page_url(row)
        if not hasattr(registered, "add_form") and model not in {QuarantinedSpend, CampaignAlias}:
            yield from added(model)
    brand, campaign = Brand.objects.get(), Campaign.objects.get(name="Summer Sale")
    waiting = {row.problem: row for row in QuarantinedSpend.objects.all()}
    for row, act in (
        (brand, "reset_budgets"),
        (SpendLog.objects.latest("pk"), "reverse"),
        (ApiToken.objects.get(), "revoke"),
        (waiting["UNKNOWN_CAMPAIGN"], "match"),
        (waiting["UNREADABLE"], "correct"),
        (waiting["UNKNOWN_CAMPAIGN"], "dismiss"),
        (SpendImport.objects.get(state="DONE"), "undo"),
    ):
        yield act_url(row, act)
    yield from (page_url(row, "history") for row in (brand, campaign))
    yield from (page_url(row, "delete") for row in (brand, Campaign.objects.get(name="Winter Sale")))
    yield from (page_url(row) for row in SpendImport.objects.all())
    yield reverse("admin:password_change")


def added(model: type[Model]) -> Iterator[str]:
    if model in {Brand, Campaign, SpendLog, SpendImport, ApiToken}:
        yield reverse(f"admin:ads_{model._meta.model_name}_add")


def test_every_page_is_open_to_everybody_and_fits_its_window(
    browser: Browser, site: str, ada: User, acme: Brand, tmp_path: Path
) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(MILLISECONDS)
    page.goto(f"{site}/sign-in/")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{site}/")
    wrong = {}

    def check(what: str) -> None:
        if found := faults(page, [(PHONE, "dark"), (DESK, "light")]):
            wrong[what] = found
        page.set_viewport_size({"width": PHONE, "height": 900})  # the next one is laid out for a phone, too

    give_a_file(page, site, tmp_path)
    check("an import that is being checked")
    work()
    page.reload()
    check("the preview of an import")
    page.get_by_role("button", name="Record 2 rows").click()
    work()
    give_a_file(page, site, tmp_path)
    work()
    BudgetService.reset_budgets(brands=[acme], by=ada)
    tokens.issue(ada, "ad server", ["read"])
    CampaignAlias.objects.create(
        brand=acme, campaign=Campaign.objects.get(name="Winter Sale"), platform="meta", name="Winter",
        created_at=timezone.now(),
    )  # fmt: skip
    ArchivedMonth.objects.create(
        month=date(2024, 1, 1), file_name="spend-2024-01-3f2a9c1e77d0.parquet", sha256="3f2a9c1e77d0" * 5,
        row_count=1_234_567, totals={"EUR": 7_000_000, "USD": 1}, last_id=2, archived_at=timezone.now(),
    )  # fmt: skip
    for path in paths():
        page.goto(site + path)
        check(path)
    page.goto(site + list_url(Campaign))
    page.get_by_text("Filters").first.click()
    page.get_by_role("combobox", name="By brand: nothing chosen").click()
    expect(page.get_by_role("option", name="Acme")).to_be_visible()
    check("the filters, with a chooser open")
    ask_for_percent(page, site)
    page.get_by_label("By how many per cent").fill("-30")
    page.get_by_role("button", name="See what follows").click()
    check("what a percentage brings about")
    context.close()
    assert wrong == {}


def test_a_file_is_given_looked_at_and_recorded(
    page: Page, site: str, ada: User, acme: Brand, sign_in: Callable[[User], None], tmp_path: Path
) -> None:
    sign_in(ada)
    give_a_file(page, site, tmp_path)
    expect(page.get_by_text("Reading the file to show what it would change")).to_be_visible()
    before = SpendLog.objects.count()
    work()
    # The page finds out by itself.
    expect(page.get_by_role("button", name="Record 2 rows")).to_be_visible()
    expect(page.locator("#content")).to_contain_text("Nobody knows")
    expect(page.locator("#content")).to_contain_text("$3.75")
    assert (SpendLog.objects.count(), QuarantinedSpend.objects.count()) == (before, 0)
    # Shades tell in which directions there is more.
    for table, shades in (("first rows", 4), ("days", 8)):
        look = page.get_by_role("region", name=f"Table of the {table}").evaluate(
            "region => getComputedStyle(region).backgroundImage"
        )
        assert look.count("linear-gradient") == shades

    page.get_by_role("button", name="Record 2 rows").click()
    work()
    expect(page.get_by_role("link", name="Undo this import …")).to_be_visible()
    recorded = SpendLog.objects.order_by("-pk")[:2]
    assert sorted(log.amount for log in recorded) == [Decimal("1.50"), Decimal("2.25")]
    assert sorted(QuarantinedSpend.objects.values_list("problem", flat=True)) == [
        "TOO_FAR_AHEAD",
        "UNKNOWN_CAMPAIGN",
        "UNREADABLE",
    ]
    page.get_by_role("link", name="Quarantine").first.click()
    expect(page.locator("#result_list")).to_contain_text("Nobody knows")


def test_the_week_is_painted_where_its_settings_are(
    page: Page, site: str, ada: User, acme: Brand, sign_in: Callable[[User], None]
) -> None:
    campaign = Campaign.objects.get(name="Winter Sale")
    page.set_viewport_size({"width": 1440, "height": 1000})
    sign_in(ada)
    page.goto(site + page_url(campaign))
    cell = 'td.c[aria-label^="{}"]'.format
    page.locator("table.wk").scroll_into_view_if_needed()
    page.locator(cell("Monday 00:00")).hover()
    page.mouse.down()
    page.locator(cell("Sunday 08:30")).hover()
    page.mouse.up()
    expect(page.locator("#wk-then")).to_contain_text("After saving:")
    assert violations(page) == []
    page.locator("#wk-form [name=save]").click()
    expect(page.get_by_text("Schedule saved.")).to_be_visible()
    assert page.url == f"{site}{page_url(campaign)}#h-wk"
    assert [str(window) for window in campaign.schedules.all()] == ["every day 09:00-24:00"]
    # The exact windows are behind it.
    page.get_by_text("Exact windows, to the minute").click()
    expect(page.get_by_role("textbox", name="From").first).to_have_value("09:00")


def ask_for_percent(page: Page, site: str) -> None:
    """Chooses all brands of the list, and the action."""
    page.goto(site + list_url(Brand))
    page.locator("#action-toggle").check()
    page.locator("select[name=action]").select_option("change_budgets")
    page.locator("#changelist-actions-wrapper button[type=submit]").click()
    expect(page.get_by_role("heading", name="Change budgets of 1 brand")).to_be_visible()


def test_budgets_are_changed_by_a_percentage_after_reading_what_follows(
    page: Page, site: str, ada: User, acme: Brand, sign_in: Callable[[User], None]
) -> None:
    CampaignService.switch_on(Campaign.objects.get(name="Winter Sale"))
    sign_in(ada)
    ask_for_percent(page, site)
    page.get_by_label("By how many per cent").fill("-80")
    page.get_by_role("button", name="See what follows").click()
    expect(
        page.get_by_text("1 running campaign pauses now: brand daily budget reached.").first
    ).to_be_visible()
    acme.refresh_from_db()
    assert acme.daily_budget == Decimal(100)
    page.get_by_role("button", name="Change 1 budget and pause 1").click()
    expect(page.get_by_text("1 budget of 1 brand changed by -80%.")).to_be_visible()
    acme.refresh_from_db()
    assert (acme.daily_budget, acme.monthly_budget) == (Decimal(20), Decimal(2000))
    assert Campaign.objects.get(name="Winter Sale").status == Status.PAUSED

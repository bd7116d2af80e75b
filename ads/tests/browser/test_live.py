"""Pages of a brand and of a campaign update themselves, and leave alone what somebody is doing there."""

from collections.abc import Callable
from datetime import time
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, Route, expect

from ads.models import Brand, Campaign, DaypartingSchedule
from ads.services import BudgetService, CampaignService
from ads.tests.browser.axe import violations
from ads.tests.factories import BrandFactory, CampaignFactory
from ads.tests.moments import zone_where_it_is

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.once]

A_POLL = 16_000
INKED = "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((value) => value > 0)"

Open = Callable[[Brand | Campaign], Page]


@pytest.fixture
def opened(page: Page, site: str, ada: User, sign_in: Callable[[User], None]) -> Open:
    """The page of a brand or of a campaign, with a clock that can be put forward."""

    def of(row: Brand | Campaign) -> Page:
        page.set_viewport_size({"width": 1440, "height": 1000})
        page.clock.install()
        sign_in(ada)
        page.goto(f"{site}/{'brands' if isinstance(row, Brand) else 'campaigns'}/{row.pk}/")
        return page

    return of


@pytest.fixture
def acme(site: str) -> Brand:
    """A brand of 100.00 a day with two campaigns that run."""
    brand = BrandFactory.create(name="Acme", timezone=zone_where_it_is(12))
    for name in ("Search", "Social"):
        CampaignFactory.create(brand=brand, name=name)
    return brand


def spend(brand: Brand, name: str, amount: str) -> None:
    BudgetService.record_spend(brand.campaigns.get(name=name), Decimal(amount))


def test_spend_recorded_elsewhere_appears_on_the_brands_page(opened: Open, acme: Brand) -> None:
    page = opened(acme)
    expect(page.locator("#card-today .big")).to_have_text("$0.00 of $100.00")
    expect(page.locator("#campaign-rows .pill")).to_have_text(["Running", "Running"])
    spend(acme, "Search", "118")
    page.clock.run_for(A_POLL)
    expect(page.locator("#card-today .big")).to_have_text("$118.00 of $100.00")
    expect(page.locator("#card-month .big")).to_have_text("$118.00 of $2,000.00")
    expect(page.locator(".lede")).to_contain_text("Daily budget reached at")
    expect(page.locator("#campaign-rows .pill")).to_have_text(["Paused", "Paused"])
    expect(page.locator(".hist").last).to_contain_text("2 campaigns paused: brand daily budget reached")
    assert page.title().startswith("Acme: Daily budget reached at")
    for chart in ("hours", "days", "month"):
        assert page.locator(f"canvas[data-chart={chart}]").evaluate(INKED), chart
    assert violations(page) == []


def test_a_drawing_follows_its_numbers_and_an_open_table_stays_open(opened: Open, acme: Brand) -> None:
    spend(acme, "Search", "10")
    page = opened(acme)
    page.locator("#days summary").click()
    expect(page.locator("#days table")).to_contain_text("$10.00")
    shown = "Chart.getChart(document.querySelector('canvas[data-chart=days]')).data.datasets[1].data"
    width = page.locator("canvas[data-chart=days]").evaluate("c => c.width")
    spend(acme, "Search", "20")
    page.clock.run_for(A_POLL)
    expect(page.locator("#days table")).to_contain_text("$30.00")
    assert [amount for amount in page.evaluate(shown) if amount] == [30]
    assert page.locator("canvas[data-chart=days]").evaluate("c => c.width") == width


def test_a_budget_that_is_being_edited_stays_as_it_is_written(opened: Open, acme: Brand) -> None:
    page = opened(acme)
    page.get_by_role("link", name="Edit daily budget").click()
    amount = page.get_by_label("Daily budget", exact=True)
    # Nobody types as fast as this does, before htmx listens.
    page.wait_for_function("field => field['htmx-internal-data']?.initHash", arg=amount.element_handle())
    amount.fill("150")
    expect(page.locator("#then")).to_contain_text("$150.00 of $150.00 is left today.")
    spend(acme, "Search", "40")
    page.clock.run_for(A_POLL)
    expect(page.locator("#card-today .big")).to_have_text("$40.00 of $100.00")
    expect(amount).to_be_focused()
    expect(amount).to_have_value("150")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".notice").first).to_contain_text("Daily budget is $150.00 now.")
    acme.refresh_from_db()
    assert acme.daily_budget == Decimal(150)


def test_what_was_asked_of_the_brand_stays_open(opened: Open, acme: Brand) -> None:
    page = opened(acme)
    page.locator("a.switch", has_text="Brand active").click()
    expect(page.locator("#ask")).to_contain_text("2 running campaigns stop now")
    spend(acme, "Search", "40")
    page.clock.run_for(A_POLL)
    expect(page.locator("#card-today .big")).to_have_text("$40.00 of $100.00")
    expect(page.get_by_role("button", name="Switch off and stop 2")).to_be_focused()


def test_while_somebody_is_in_the_list_of_campaigns_it_is_not_sorted_anew(opened: Open, acme: Brand) -> None:
    page = opened(acme)
    names = page.locator("#campaign-rows .name")
    page.locator("#campaign-rows .name", has_text="Search").focus()
    CampaignService.switch_off(acme.campaigns.get(name="Search"))
    page.clock.run_for(A_POLL)
    expect(page.locator("#campaign-rows")).to_contain_text("Switched off")
    expect(page.locator("#campaign-rows .name", has_text="Search")).to_be_focused()
    expect(names).to_have_text(["Search", "Social"])
    expect(page.locator("#moved")).to_contain_text("1 campaign moved.")
    page.get_by_role("button", name="Sort again").click()
    expect(names).to_have_text(["Social", "Search"])


def test_updates_of_a_brand_can_be_paused_and_a_silent_server_is_told(
    opened: Open, acme: Brand, complaints: list[str]
) -> None:
    page = opened(acme)
    page.get_by_role("button", name="Pause updates").click()
    spend(acme, "Search", "40")
    page.clock.run_for(2 * A_POLL)
    expect(page.locator("#card-today .big")).to_have_text("$0.00 of $100.00")
    page.get_by_role("button", name="Resume updates").click()
    expect(page.locator("#card-today .big")).to_have_text("$40.00 of $100.00")

    def fail(route: Route) -> None:
        route.abort()

    page.route("**/live/**", fail)
    page.clock.run_for(A_POLL)
    expect(page.locator("#stale")).to_contain_text("The server has not answered since")
    expect(page.locator("#card-today .big")).to_have_text("$40.00 of $100.00")
    page.unroute("**/live/**")
    page.clock.run_for(A_POLL)
    expect(page.locator("#stale")).to_be_hidden()
    complaints.clear()


def test_a_filter_and_the_days_shown_are_kept_while_updating(page: Page, opened: Open, acme: Brand) -> None:
    opened(acme)
    page.goto(f"{page.url}?days=90&status=running")
    spend(acme, "Search", "118")
    page.clock.run_for(A_POLL)
    expect(page.locator("#campaigns")).to_contain_text("No campaign of this kind.")
    expect(page.locator("#days [aria-current]")).to_have_text("90 days")


def test_a_campaigns_status_and_figures_update_themselves(opened: Open, acme: Brand) -> None:
    campaign = acme.campaigns.get(name="Search")
    page = opened(campaign)
    expect(page.locator("#h-why")).to_contain_text("Running")
    spend(acme, "Search", "118")
    page.clock.run_for(A_POLL)
    expect(page.locator("#h-why")).to_contain_text("brand daily budget reached")
    expect(page.locator("#spend .big").first).to_have_text("$118.00")
    expect(page.locator("h1 + .pill")).to_have_text("Paused")
    expect(page.locator("#timeline")).to_contain_text("Running to paused.")
    assert page.locator("canvas[data-chart=days]").evaluate(INKED)
    assert violations(page) == []


def test_what_is_painted_edited_and_asked_on_a_campaigns_page_stays(
    opened: Open, page: Page, site: str, acme: Brand
) -> None:
    campaign = acme.campaigns.get(name="Search")
    DaypartingSchedule(campaign=campaign, start_time=time(0), end_time=time(23)).save()
    for _ in range(6):
        CampaignService.switch_off(campaign)
        CampaignService.switch_on(campaign)
    opened(campaign)
    page.goto(f"{site}/campaigns/{campaign.pk}/settings/")
    page.get_by_role("textbox", name="Daily budget").fill("75")
    expect(page.locator("#then")).to_contain_text("It goes on running.")
    page.get_by_label("Time", exact=True).fill("14:05")
    page.get_by_role("link", name="Older changes").click()
    expect(page.locator("#timeline li")).to_have_count(12)
    cell = page.locator('td.c[aria-label^="Monday 23:00"]')
    cell.click()
    expect(cell).to_have_attribute("aria-label", "Monday 23:00, open, not saved")
    spend(acme, "Search", "118")
    page.clock.run_for(A_POLL)
    expect(page.locator("#h-why")).to_contain_text("brand daily budget reached")
    expect(page.get_by_role("textbox", name="Daily budget")).to_have_value("75")
    expect(page.get_by_label("Time", exact=True)).to_have_value("14:05")
    expect(page.locator("#timeline li")).to_have_count(12)
    expect(cell).to_have_attribute("aria-label", "Monday 23:00, open, not saved")
    page.locator("#wk-form [name=save]").click()
    expect(page.locator(".notice").first).to_contain_text("Schedule saved.")
    assert "Monday 00:00-23:30" in [str(row) for row in campaign.schedules.all()]

"""The overview in a browser: it updates itself and nobody loses their place."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, Route, expect

from ads.models import Brand, Campaign
from ads.services import BudgetService
from ads.tests.factories import BrandFactory, CampaignFactory

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.once]

A_POLL = 16_000


def brands(*names: str) -> list[Campaign]:
    """Campaigns of brands of 100.00 a day, one each."""
    return [CampaignFactory.create(brand=BrandFactory.create(name=name)) for name in names]


def stop(campaign: Campaign) -> None:
    """Spends the brand's day to its end."""
    BudgetService.record_spend(campaign, Decimal(100))


@pytest.fixture
def overview(page: Page, site: str, ada: User, sign_in: Callable[[User], None]) -> Callable[[], Page]:
    """The overview with a clock that can be put forward."""

    def opened() -> Page:
        page.clock.install()
        sign_in(ada)
        return page

    return opened


def names_in_table(page: Page) -> list[str]:
    return page.locator("#rows .name").all_inner_texts()


def test_spend_recorded_elsewhere_appears_by_itself(overview: Callable[[], Page]) -> None:
    acme, _ = brands("Acme", "Zenith")
    page = overview()
    expect(page.get_by_role("heading", level=1)).to_have_text("No brand needs you")
    stop(acme)
    page.clock.run_for(A_POLL)
    expect(page.get_by_role("heading", level=1)).to_have_text("1 of 2 brands needs you")
    expect(page.locator("#needs")).to_contain_text(
        "1 campaign is paused; it does not run again before 24:00."
    )
    expect(page).to_have_title("1 of 2 brands needs you · Budgets")
    assert names_in_table(page) == ["Zenith"]


def test_what_has_the_focus_keeps_it(overview: Callable[[], Page]) -> None:
    acme, _ = brands("Acme", "Zenith")
    page = overview()
    page.locator("#rows .name", has_text="Zenith").focus()
    BudgetService.record_spend(acme, Decimal("12.34"))
    page.clock.run_for(A_POLL)
    expect(page.locator("#rows")).to_contain_text("$12.34")
    expect(page.locator("#rows .name", has_text="Zenith")).to_be_focused()


def test_while_the_pointer_is_in_the_list_it_is_not_sorted_anew(overview: Callable[[], Page]) -> None:
    acme, _, zenith = brands("Acme", "Beta", "Zenith")
    page = overview()
    page.locator("#rows .name", has_text="Beta").hover()
    BudgetService.record_spend(zenith, Decimal(95))
    stop(acme)
    page.clock.run_for(A_POLL)
    expect(page.locator("#moved")).to_contain_text("2 brands moved.")
    assert names_in_table(page) == ["Acme", "Beta", "Zenith"]
    expect(page.locator("#rows")).to_contain_text("$95.00")
    page.get_by_role("button", name="Sort again").click()
    expect(page.locator("#moved")).to_be_hidden()
    expect(page.locator("#needs")).to_contain_text("Acme")
    assert names_in_table(page) == ["Zenith", "Beta"]


def test_updating_can_be_paused(overview: Callable[[], Page]) -> None:
    (acme,) = brands("Acme")
    page = overview()
    page.get_by_role("button", name="Pause updates").click()
    stop(acme)
    page.clock.run_for(2 * A_POLL)
    expect(page.get_by_role("heading", level=1)).to_have_text("No brand needs you")
    page.get_by_role("button", name="Resume updates").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("1 of 1 brand needs you")


def test_a_server_that_does_not_answer_is_told_and_asked_again(
    overview: Callable[[], Page], complaints: list[str]
) -> None:
    (acme,) = brands("Acme")
    page = overview()

    def fail(route: Route) -> None:
        route.abort()

    page.route("**/live/**", fail)
    page.clock.run_for(A_POLL)
    expect(page.locator("#stale")).to_contain_text("The server has not answered since")
    expect(page.locator("#rows")).to_contain_text("Acme")
    complaints.clear()
    page.unroute("**/live/**")
    stop(acme)
    page.clock.run_for(A_POLL)
    expect(page.locator("#stale")).to_be_hidden()
    expect(page.get_by_role("heading", level=1)).to_have_text("1 of 1 brand needs you")


def test_a_filter_is_kept_while_updating(overview: Callable[[], Page]) -> None:
    acme, _ = brands("Acme", "Zenith")
    page = overview()
    page.get_by_role("link", name="Over budget 0").click()
    expect(page.get_by_role("heading", name="Brands over budget")).to_be_visible()
    assert page.url.endswith("/?filter=over")
    BudgetService.record_spend(acme, Decimal(130))
    page.clock.run_for(A_POLL)
    expect(page.locator("#rows")).to_contain_text("Acme")
    expect(page.get_by_role("link", name="Over budget 1")).to_be_focused()
    page.reload()
    assert names_in_table(page) == ["Acme"]


def test_who_is_signed_out_meanwhile_is_asked_to_sign_in(overview: Callable[[], Page]) -> None:
    brands("Acme")
    page = overview()
    page.context.clear_cookies()
    page.clock.run_for(A_POLL)
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_a_person_without_a_brand_sees_none_of_others(
    page: Page, site: str, nina: User, sign_in: Callable[[User], None]
) -> None:
    (acme,) = brands("Acme")
    sign_in(nina)
    expect(page.get_by_role("heading", level=1)).to_have_text("No brands are assigned to you")
    page.goto(f"{site}/brands/{acme.brand_id}/")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing here for you")
    expect(page.locator("body")).not_to_contain_text("Acme")
    Brand.objects.get().assigned_to.add(nina)
    page.get_by_role("link", name="Go to the overview").click()
    expect(page.locator("#rows")).to_contain_text("Acme")

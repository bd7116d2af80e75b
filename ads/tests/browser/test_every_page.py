"""What all pages share, in a browser: access for everybody, theme, menu, search."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect

from ads.dashboard.urls import urlpatterns as all_urls
from ads.services import BudgetService
from ads.tests.browser.axe import PHONE, faults, violations
from ads.tests.browser.conftest import PASSWORD
from ads.tests.factories import BrandFactory, CampaignFactory

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.once]


def some_of_everything() -> None:
    """A brand that needs somebody, one to watch, one on course, one that is off, in two currencies."""
    for name, spent in (("Brasswick Bikes", 118), ("Hanasuzu", 92), ("Pellorin Shoes", 20)):
        campaign = CampaignFactory.create(brand=BrandFactory.create(name=name))
        BudgetService.record_spend(campaign, Decimal(spent))
    BrandFactory.create(name="Wexmoor Garden", is_active=False, currency="EUR", monthly_budget=None)


def test_pages_are_open_to_everybody_and_fit_their_window(browser: Browser, site: str, ada: User) -> None:
    context = browser.new_context(viewport={"width": PHONE, "height": 900})
    page = context.new_page()

    def check(what: str) -> None:
        assert faults(page) == [], what
        page.set_viewport_size({"width": PHONE, "height": 900})

    page.goto(f"{site}/sign-in/?next=/search/")
    check("sign-in")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    check("sign-in refused")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.goto(f"{site}/")
    check("empty overview")
    some_of_everything()
    for path in (
        "/",
        "/?filter=all",
        "/?filter=behind",
        "/search/",
        "/search/?q=a",
        "/search/?q=zzz",
        "/nowhere/",
    ):
        page.goto(site + path)
        check(path)
    context.close()


# What is no page: parts of pages, files, and what is only sent to.
NO_PAGES = {
    "overview-live", "brand-live", "campaign-live", "reports-csv", "reports-xlsx", "sign-in", "sign-in-code",
    "sign-out",
    "brand-campaign-switch", "campaign-switch", "campaign-schedule", "alert-act",
}  # fmt: skip


def every_page() -> list[str]:
    """An address of every page of the dashboard that a person who is signed in can open."""
    campaign = CampaignFactory.create(brand__name="Acme", name="Search", daily_budget=Decimal(80))
    BudgetService.record_spend(campaign, Decimal(118))
    campaign.daily_budget = Decimal(90)
    campaign.save()
    known = {
        "pk": campaign.pk, "campaign_pk": campaign.pk, "period": "daily", "number": 2,
        "kind": "campaign", "key": campaign.history.latest().history_id,
    }  # fmt: skip
    of_brands = known | {"pk": campaign.brand_id}
    return [
        reverse(
            f"dashboard:{page.name}",
            kwargs={
                name: (of_brands if str(page.name).startswith("brand") else known)[name]
                for name in page.pattern.converters
            },
        )
        for page in all_urls
        if page.name not in NO_PAGES
    ]


def test_every_page_of_the_dashboard_is_open_to_everybody(
    page: Page, site: str, ada: User, sign_in: Callable[[User], None]
) -> None:
    sign_in(ada)
    paths = every_page()
    assert len(paths) >= 16
    for path in paths:
        page.set_viewport_size({"width": PHONE, "height": 900})
        response = page.goto(site + path)
        assert response is not None
        assert response.status == 200, path
        assert faults(page) == [], path


def test_who_may_only_look_is_offered_nothing_and_refused_politely(
    page: Page, site: str, nina: User, sign_in: Callable[[User], None], complaints: list[str]
) -> None:
    campaign = CampaignFactory.create(brand__name="Acme", name="Search")
    campaign.brand.assigned_to.add(nina)
    sign_in(nina)
    page.get_by_role("link", name="Acme").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Acme")
    expect(page.locator("main")).to_contain_text("You can see these budgets but not change them.")
    for offer in ("Edit", "Change time zone", "Start a budget afresh", "Put back", "Brand active"):
        expect(page.get_by_role("link", name=offer)).to_have_count(0)
    expect(page.get_by_role("switch")).to_have_count(0)
    expect(page.get_by_role("link", name="Import spend")).to_have_count(0)
    for path in (f"/brands/{campaign.brand_id}/budgets/daily/", f"/campaigns/{campaign.pk}/settings/"):
        page.goto(site + path)
        expect(page.get_by_role("heading", level=1)).to_have_text("You may not do this")
        assert violations(page) == []
    complaints.clear()  # the browser's own lines about answers that are meant to be 403


def test_the_theme_is_kept(page: Page, site: str) -> None:
    page.emulate_media(color_scheme="light")
    page.goto(f"{site}/sign-in/")
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    theme = page.get_by_role("button", name="Theme: as the system. Change to light")
    theme.click()
    page.get_by_role("button", name="Theme: light. Change to dark").click()
    assert page.evaluate(background) != light
    page.reload()
    assert page.evaluate(background) != light
    page.get_by_role("button", name="Theme: dark. Change to as the system").click()
    assert page.evaluate(background) == light


def test_on_a_phone_links_and_search_are_behind_the_menu(
    page: Page, site: str, ada: User, sign_in: Callable[[User], None]
) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    sign_in(ada)
    expect(page.get_by_role("navigation", name="Main")).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()
    expect(page.get_by_role("searchbox")).to_be_visible()
    page.get_by_role("link", name="Admin").click()
    page.wait_for_url(f"{site}/admin/")


def test_search_suggests_and_is_used_by_keyboard(
    page: Page, site: str, ada: User, sign_in: Callable[[User], None]
) -> None:
    brand = BrandFactory.create(name="Brasswick Bikes")
    CampaignFactory.create(brand=brand, name="Brass polish")
    sign_in(ada)
    page.keyboard.press("/")
    page.keyboard.type("brass")
    expect(page.locator("#found")).to_contain_text("Brass polish")
    assert violations(page) == []
    page.keyboard.press("ArrowDown")
    expect(page.locator("#found").get_by_role("link").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#found")).to_be_empty()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Brands and campaigns with “brass”")


def test_without_scripts_everything_is_there(browser: Browser, site: str, ada: User) -> None:
    BrandFactory.create(name="Brasswick Bikes")
    page = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844}).new_page()
    page.goto(f"{site}/sign-in/")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()
    page.get_by_role("searchbox").fill("brass")
    page.get_by_role("searchbox").press("Enter")
    expect(page.get_by_role("link", name="Brasswick Bikes")).to_be_visible()
    page.goto(f"{site}/?filter=all")
    expect(page.get_by_role("link", name="Brasswick Bikes")).to_be_visible()
    expect(page.get_by_role("button", name="Pause updates")).to_be_hidden()


def test_signing_out_asks_to_sign_in_again(
    page: Page, site: str, ada: User, sign_in: Callable[[User], None]
) -> None:
    sign_in(ada)
    page.locator("summary", has_text="ada").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{site}/sign-in/")
    page.goto(f"{site}/")
    page.wait_for_url(f"{site}/sign-in/?next=/")


def test_the_page_that_shows_the_api_and_the_admin_still_work_under_the_policy(
    page: Page, site: str, ada: User, sign_in: Callable[[User], None]
) -> None:
    sign_in(ada)
    page.goto(f"{site}/api/v1/docs")
    expect(page.get_by_role("heading", name="Budget management")).to_be_visible()
    page.goto(f"{site}/admin/ads/brand/add/")
    expect(page.get_by_label("Name")).to_be_visible()

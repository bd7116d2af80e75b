"""What a person sees while the database is away: the page stays, is called old, and nothing is taken to be saved."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from ads.tests.away import database_away
from ads.tests.browser.axe import faults, violations
from ads.tests.factories import CampaignFactory

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.once]

A_POLL = 16_000


def test_the_overview_stays_says_that_it_is_old_and_goes_on(
    page: Page, site: str, ada: User, sign_in: Callable[[User], None], complaints: list[str]
) -> None:
    CampaignFactory.create(brand__name="Acme")
    page.clock.install()
    sign_in(ada)
    with database_away():
        page.locator("#groups, #list").first.hover()  # whose order stays meanwhile
        page.clock.run_for(A_POLL)
        expect(page.locator("#stale")).to_contain_text("The database cannot be reached since")
        expect(page.locator("#stale")).to_contain_text("These numbers are from")
        expect(page.locator("#live")).to_contain_text("Acme")
        expect(page.locator("#moved")).to_be_hidden()
        expect(page.locator("#missed")).to_be_hidden()
        page.get_by_role("searchbox").press_sequentially("ac")
        page.clock.run_for(1_000)
        expect(page.get_by_role("alert")).to_have_text(
            "The database cannot be reached. This part of the page stays as it was, and nothing was changed. "
            "Try again in a moment."
        )
        assert violations(page) == []
    page.clock.run_for(A_POLL)
    expect(page.locator("#stale")).to_be_hidden()
    page.get_by_role("searchbox").press_sequentially("m")
    page.clock.run_for(1_000)
    expect(page.locator("#found")).to_contain_text("Acme")
    expect(page.locator("#missed")).to_be_hidden()
    complaints.clear()  # the browser's own lines about answers that are meant to be 503


def test_what_is_not_saved_is_told_and_kept_to_be_sent_again(
    page: Page, site: str, ada: User, sign_in: Callable[[User], None], complaints: list[str]
) -> None:
    brand = CampaignFactory.create(brand__name="Acme").brand
    sign_in(ada)
    page.goto(f"{site}/brands/{brand.pk}/budgets/daily/")
    page.get_by_label("Daily budget", exact=True).fill("150")
    expect(page.locator("#then")).to_contain_text("$150.00 is left today.")
    with database_away():
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Not saved: the database cannot be reached")
        assert faults(page) == []
        page.get_by_role("button", name="Send it again").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Not saved: the database cannot be reached")
    page.get_by_role("button", name="Send it again").click()
    expect(page.locator(".notice").first).to_contain_text("Daily budget is $150.00 now.")
    with database_away():
        page.goto(f"{site}/reports/")
        expect(page.get_by_role("heading", level=1)).to_have_text("The database cannot be reached")
        assert faults(page) == []
    page.get_by_role("link", name="Try again").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Spend by brand")
    complaints.clear()

"""The page of alerts in a browser: open to everybody, and handled without leaving it."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, Page, expect

from ads.models import Alert
from ads.services import BudgetService
from ads.tests.browser.axe import DESK, PHONE, faults
from ads.tests.browser.conftest import PASSWORD
from ads.tests.factories import BrandFactory, CampaignFactory

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.once]


def some_alerts() -> None:
    """Of a brand that was stopped, one that fills, and a campaign."""
    for name, spent in (("Brasswick Bikes", 118), ("Hanasuzu", 92)):
        campaign = CampaignFactory.create(brand=BrandFactory.create(name=name), name="Summer Sale")
        BudgetService.record_spend(campaign, Decimal(spent))
    BudgetService.record_spend(
        CampaignFactory.create(name="Spring", brand__name="Pellorin Shoes", daily_budget=Decimal(20)),
        Decimal(11),
    )


def test_it_is_open_to_everybody_and_fits_its_window(browser: Browser, site: str, ada: User) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{site}/sign-in/?next=/alerts/")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="No open alerts")).to_be_visible()
    assert faults(page) == []
    some_alerts()
    for path in ("/alerts/", "/alerts/?state=resolved", "/", f"/brands/{Alert.objects.all()[0].brand_id}/"):
        page.set_viewport_size({"width": PHONE, "height": 900})
        page.goto(site + path)
        assert faults(page) == [], path
    page.goto(f"{site}/alerts/")
    for width in (PHONE, DESK):
        page.set_viewport_size({"width": width, "height": 900})
        page.reload()
        buttons = page.locator(".alert-acts .btn:visible")
        before = [button.bounding_box() for button in buttons.all()]
        page.locator("summary", has_text="Snooze").first.click()
        panel = page.get_by_role("button", name="Snooze until then").first
        expect(panel).to_be_in_viewport(ratio=1)
        inside = page.locator(".snooze[open] .btn:not(summary)").count()
        after = [button.bounding_box() for button in buttons.all()]
        assert len(after) == len(before) + inside
        assert all(box in after for box in before), "a button moves away from the pointer"
    assert faults(page) == []
    context.close()


def test_an_alert_is_acknowledged_snoozed_and_resolved(
    page: Page, site: str, ada: User, sign_in: Callable[[User], None]
) -> None:
    some_alerts()
    sign_in(ada)
    page.get_by_role("link", name="Alerts 6 open").or_(page.get_by_role("link", name="Alerts")).first.click()
    alert = page.get_by_role("article", name="Hanasuzu: 50, 80 and 90 % of the daily budget reached")
    alert.get_by_role("button", name="Acknowledge").click()
    expect(alert).to_contain_text("Acknowledged by ada")
    alert.locator("summary", has_text="Snooze").click()
    alert.get_by_role("button", name="1 hour").click()
    expect(alert).to_have_count(0)
    page.get_by_role("link", name="Snoozed 1").click()
    alert.get_by_role("button", name="Resolve").click()
    page.get_by_role("link", name="Resolved 1").click()
    expect(alert).to_contain_text("Resolved by ada")

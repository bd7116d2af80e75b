"""My notifications, and a channel that fails, as people see and use them."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from ads.models import Brand, NotificationPreference
from ads.tests.browser.axe import violations
from ads.tests.browser.conftest import PASSWORD
from ads.tests.factories import BrandFactory, CampaignFactory, ChannelFactory

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.once]

LOOK_AT = os.environ.get("SCREENSHOTS", "")


@pytest.fixture
def acme(ada: User) -> Brand:
    """Assigned to Ada, with a channel that fails."""
    User.objects.update(email="ada@agency.example")
    brand = BrandFactory.create(name="Acme")
    CampaignFactory.create(brand=brand)
    brand.assigned_to.add(ada)
    User.objects.update(is_staff=True)
    ChannelFactory.create(
        name="#client-acme",
        brand=brand,
        failing_since=timezone.now() - timedelta(minutes=5),
        last_error="Slack answered 404: no_service. This address will not work again; make a new one there.",
    )
    return brand


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_they_are_open_to_everybody_and_fit_their_window(
    browser: Browser, site: str, ada: User, acme: Brand, scheme: str, width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{site}/sign-in/")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{site}/")
    channel = acme.channels.get()
    for name, path in {
        "overview": "/",
        "notifications": "/notifications/",
        "channels": "/admin/ads/notificationchannel/",
        "channel": f"/admin/ads/notificationchannel/{channel.pk}/change/",
        "new-channel": "/admin/ads/notificationchannel/add/",
    }.items():
        page.goto(site + path)
        if LOOK_AT:
            page.screenshot(path=Path(LOOK_AT) / f"{name}-{scheme}-{width}.png")
        if not path.startswith("/admin/"):
            assert violations(page) == [], name
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
    page.goto(f"{site}/notifications/")
    page.get_by_label("Quiet from").fill("22:00")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Give both ends of the quiet hours")
    assert violations(page) == []
    page.locator(".who-am-i summary").click()
    assert violations(page) == []
    context.close()


def test_they_are_found_in_the_menu_and_saved(
    page: Page, site: str, ada: User, acme: Brand, sign_in: Callable[[User], None]
) -> None:
    sign_in(ada)
    page.locator(".who-am-i summary").click()
    page.get_by_role("link", name="My notifications").click()
    page.wait_for_url(f"{site}/notifications/")
    page.get_by_label("How often").select_option("Once a day")
    page.get_by_label("If once a day, at").fill("09:30")
    page.get_by_label("Quiet from").fill("22:00")
    page.get_by_label("Quiet until").fill("07:00")
    page.get_by_label("On the clock of").select_option("Europe/Berlin")
    page.get_by_role("switch", name="Send me alerts to ada@agency.example").uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("You are told nothing by e-mail.")).to_be_visible()
    page.get_by_role("switch").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("would be told at 09:30")).to_be_visible()
    saved = NotificationPreference.objects.get(user=ada)
    assert (saved.email, saved.digest, saved.timezone) == (True, "DAILY", "Europe/Berlin")


def test_a_channel_that_fails_is_shown_without_a_reload_and_goes_when_it_works(
    page: Page, site: str, ada: User, acme: Brand, sign_in: Callable[[User], None]
) -> None:
    acme.channels.update(failing_since=None)
    sign_in(ada)
    shown = page.get_by_text("Alerts do not arrive by the channel “#client-acme”")
    expect(shown).to_be_hidden()
    acme.channels.update(failing_since=timezone.now())
    expect(shown).to_be_visible()
    page.get_by_role("link", name="Put it right").click()
    expect(page.get_by_text("This address will not work again")).to_be_visible()

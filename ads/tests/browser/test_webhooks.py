"""Webhook endpoints and deliveries in a browser: made, tried and looked at, in each size and theme."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, expect

from ads.models import Delivery, DeliveryAttempt, EventType, WebhookEndpoint
from ads.services import webhooks
from ads.services.webhooks import Event
from ads.tests.browser.axe import violations
from ads.tests.browser.conftest import PASSWORD
from ads.tests.factories import BrandFactory
from ads.tests.moments import NOON

# What the admin's theme is to blame for, on each of its pages.
OF_THE_THEME = ("region:", "landmark-one-main:", "label: ['.select2", "landmark-unique: ['#nav-sidebar")

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.once]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_an_endpoint_is_made_tried_and_looked_at(
    browser: Browser, site: str, ada: User, scheme: str, width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda told: complaints.append(told.text) if told.type == "error" else None)

    def check(what: str) -> None:
        ours = [each for each in violations(page) if not each.startswith(OF_THE_THEME)]
        found.extend(f"{what}: {each}" for each in ours)
        wide = page.evaluate("document.documentElement.scrollWidth")
        found.extend([f"{what}: {wide} wide"] if wide > width else [])

    found: list[str] = []
    page.goto(f"{site}/sign-in/?next=/admin/ads/webhookendpoint/add/")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Name").fill("reporting")
    page.get_by_label("URL").fill("https://127.0.0.1/hook")
    page.get_by_label("A campaign's status or reasons changed").check()
    page.get_by_label("An alert was raised").check()
    check("add")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("127.0.0.1 is not on the open internet.").first).to_be_visible()
    check("refused")
    page.get_by_label("URL").fill("https://receiver.example/hook")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_label("Secret")).to_have_value(WebhookEndpoint.objects.get().secret)
    check("secret")
    page.get_by_role("link", name="I have copied it").click()
    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_text("A test is on its way.")).to_be_visible()
    check("endpoint")
    page.get_by_role("link", name="New secret …").click()
    check("rotate")
    page.get_by_role("link", name="Leave as it is").click()

    brand = BrandFactory.create(name="Acme")
    webhooks.emit([Event(EventType.ALERT_RAISED, "event:1", brand.pk, None, {"brand_name": "Acme"})], NOON)
    dead = Delivery.objects.get(brand=brand)
    for number in range(3):
        DeliveryAttempt.objects.create(
            delivery=dead, at=NOON, duration_ms=12 + number, answer_code=503, error="Answered 503: down"
        )
    Delivery.objects.filter(pk=dead.pk).update(state="DEAD", attempts=3, last_error="Answered 503: down")
    page.goto(f"{site}/admin/ads/webhookendpoint/")
    check("endpoints")
    page.get_by_role("link", name="1", exact=True).click()
    expect(page.get_by_text("Dead letter").first).to_be_visible()
    check("deliveries")
    page.goto(f"{site}/admin/ads/delivery/{dead.pk}/change/")
    check("delivery")
    page.get_by_role("button", name="Redeliver").click()
    expect(page.get_by_text("1 delivery will be sent again at once, with the same id.")).to_be_visible()
    assert found == []
    assert complaints == []
    context.close()

"""What a campaign's page and the overview say of a platform that does not follow, as people see it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from ads.models import Campaign, PlatformConnection, PlatformMode, PlatformState
from ads.tests.browser.axe import violations
from ads.tests.factories import BrandFactory, CampaignFactory

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture
def differing(site: str) -> Campaign:
    """A campaign that somebody switched off ten minutes ago and that its platform still runs."""
    PlatformConnection.objects.create(
        adapter="meta",
        platform="meta",
        account="act_1200340056007",
        credentials="PLATFORM_META",
        own_name="Budgets",
        mode=PlatformMode.ACT,
    )
    brand = BrandFactory.create(name="Acme")
    at_meta = {"platform": "meta", "account": "act_1200340056007"}
    CampaignFactory.create(brand=brand, name="Winter Sale", external_id="2", **at_meta)
    campaign = CampaignFactory.create(brand=brand, name="Summer Sale", external_id="1", **at_meta)
    Campaign.objects.filter(pk=campaign.pk).update(enabled=False)
    now = timezone.now()
    PlatformState.objects.update(observed="RUNNING", observed_at=now, drift_since=None)
    PlatformState.objects.filter(campaign=campaign).update(drift_since=now - timedelta(minutes=10))
    return campaign


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_a_difference_is_seen_and_passes_axe(
    page: Page,
    site: str,
    ada: User,
    differing: Campaign,
    sign_in: Callable[[User], None],
    scheme: str,
    width: int,
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    sign_in(ada)
    expect(page.get_by_text("Summer Sale is not on its platform as decided")).to_be_visible()
    state = PlatformState.objects.get(campaign=differing)
    of_dashboard = ["/", f"/campaigns/{differing.pk}/", f"/brands/{differing.brand_id}/"]
    of_admin = [
        "/admin/ads/platformstate/",
        f"/admin/ads/platformstate/{state.pk}/change/",
        "/admin/ads/platformconnection/",
        f"/admin/ads/platformconnection/{state.connection_id}/change/",
    ]
    for address in [*of_dashboard, *of_admin]:
        page.goto(f"{site}{address}")
        fits = page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        assert fits, f"{address} is wider than {width}"
        if address in of_dashboard:
            assert violations(page) == [], address

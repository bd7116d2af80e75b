"""The ways between the admin and the dashboard: from every object to its page there, and back."""

from decimal import Decimal
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from ads.models import (
    Brand,
    BrandPeriod,
    Campaign,
    CampaignPeriod,
    QuarantinedSpend,
    SpendImport,
    SpendLog,
    StatusChange,
    Waiver,
)
from ads.rights import VIEWER
from ads.services import BudgetService
from ads.tests.admin.browser import list_url, page_url
from ads.tests.factories import CampaignFactory
from ads.tests.moments import NOON
from ads.tests.people import take_role

WORDS = "Open in the dashboard"


@pytest.fixture
def everything(brand: Brand, campaign: Campaign) -> None:
    """A campaign that was paused by its spend, its budgets started afresh, a file and what of it waits."""
    BudgetService.record_spend(campaign, Decimal(120))
    BudgetService.reset_budgets(brands=[brand])
    record = SpendImport.objects.create(
        brand=brand, file_name="a.csv", checksum="c", size_bytes=1, as_of=NOON, created_at=NOON, state="DONE"
    )
    QuarantinedSpend.objects.create(
        identity=uuid4(), problem="INVALID", reason="wrong", brand=brand, mode="event", source="feed",
        spend_import=record, received_at=NOON,
    )  # fmt: skip


@pytest.mark.usefixtures("everything")
@pytest.mark.parametrize(
    ("model", "of_campaign"),
    [
        (Brand, False),
        (Campaign, True),
        (SpendLog, True),
        (SpendImport, False),
        (QuarantinedSpend, False),
        (BrandPeriod, False),
        (CampaignPeriod, True),
        (Waiver, False),
    ],
)
def test_every_page_leads_to_the_dashboards(nina: Client, model: type[Model], of_campaign: bool) -> None:
    row = model._default_manager.order_by("pk")[0]
    page = nina.get(page_url(row)).content.decode()
    where = (
        f"/campaigns/{Campaign.objects.get().pk}/" if of_campaign else f"/brands/{Brand.objects.get().pk}/"
    )
    assert WORDS in page
    assert f'href="{where}"' in page
    assert nina.get(where).status_code == 200


def test_a_change_of_status_leads_to_its_moment_on_the_brands_clock(ada: Client) -> None:
    campaign = CampaignFactory.create(brand__timezone="Asia/Tokyo")
    BudgetService.record_spend(campaign, Decimal(120))
    page = ada.get(page_url(StatusChange.objects.get())).content.decode()
    where = f"/campaigns/{campaign.pk}/moment/?day=2026-03-10&time=21%3A00%3A00"
    assert f'href="{where.replace("&", "&amp;")}#h-was"' in page
    assert "Paused at 21:00:00 on Tue 10 Mar 2026" in ada.get(where).content.decode()


def test_what_is_of_no_brand_leads_nowhere(ada: Client, superuser: User) -> None:
    assert WORDS not in ada.get(page_url(superuser)).content.decode()


@pytest.mark.usefixtures("everything")
def test_the_dashboard_leads_back(nina: Client, brand: Brand, campaign: Campaign) -> None:
    of_brand = nina.get(f"/brands/{brand.pk}/").content.decode()
    of_campaign = nina.get(f"/campaigns/{campaign.pk}/").content.decode()
    for page, row in ((of_brand, brand), (of_campaign, campaign)):
        assert "Open in the admin" in page
        assert f'href="{page_url(row)}"' in page
        assert f'href="{page_url(row, "history")}"' in page
    assert f'href="{list_url(StatusChange)}?brand__id__exact={brand.pk}"' in of_brand
    assert f'href="{list_url(StatusChange)}?campaign__id__exact={campaign.pk}"' in of_campaign
    assert f'href="{list_url(SpendLog)}?campaign__id__exact={campaign.pk}"' in of_campaign


@pytest.mark.usefixtures("everything")
def test_who_is_no_staff_is_not_led_there(
    nina: Client, manager: User, brand: Brand, campaign: Campaign
) -> None:
    manager.is_staff = False
    manager.save()
    for url in (f"/brands/{brand.pk}/", f"/campaigns/{campaign.pk}/"):
        assert "/admin/" not in nina.get(url).content.decode()


def test_the_front_page_leads_to_the_dashboard(nina: Client, manager: User, brand: Brand) -> None:
    take_role(manager, VIEWER)
    page = nina.get(reverse("admin:index")).content.decode()
    assert '<a class="ab-card" href="/"><b>Dashboard</b>' in page

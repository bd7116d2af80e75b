"""Filters of lists: what each leaves, and that none of them reads the list to know what to offer."""

from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext

from ads.models import Brand, Campaign, QuarantinedSpend, SpendImport, SpendLog, StatusChange
from ads.services import BudgetService, CampaignService
from ads.tests.admin.browser import list_url
from ads.tests.factories import BrandFactory, CampaignFactory
from ads.tests.moments import NOON


def found(client: Client, model: type[Model], **query: str) -> list[str]:
    rows = client.get(list_url(model), query).context["cl"].result_list
    return sorted(str(getattr(row, "campaign", None) or row) for row in rows)


@pytest.fixture
def two(brand: Brand) -> None:
    """A campaign of a brand in dollars and one of a brand in yen, each with spend; the second is paused by it."""
    kumo = BrandFactory.create(name="Kumo", currency="JPY", daily_budget=Decimal(5))
    for owner, name, platform in ((brand, "Summer", "meta"), (kumo, "Winter", "our own")):
        campaign = CampaignFactory.create(brand=owner, name=name, platform=platform)
        BudgetService.record_spend(campaign, Decimal(5))
    CampaignFactory.create(brand=brand, name="Bare")


@pytest.mark.usefixtures("two")
class TestWhatTheyLeave:
    def test_campaigns_and_spend_by_currency(self, ada: Client) -> None:
        assert found(ada, Campaign, currency="JPY") == ["Winter"]
        assert found(ada, Campaign, currency="USD") == ["Bare", "Summer"]
        assert found(ada, SpendLog, currency="JPY") == ["Winter"]
        assert found(ada, SpendLog, currency="EUR") == []
        assert found(ada, Brand, currency="JPY") == ["Kumo"]

    def test_campaigns_by_platform_another_and_none(self, ada: Client) -> None:
        assert found(ada, Campaign, platform="meta") == ["Summer"]
        assert found(ada, Campaign, platform="-another") == ["Winter"]
        assert found(ada, Campaign, platform="-none") == ["Bare"]
        assert found(ada, Campaign, platform="our own") == ["Winter"]

    def test_campaigns_and_changes_by_reason(self, ada: Client) -> None:
        CampaignService.switch_off(Campaign.objects.get(name="Summer"))
        assert found(ada, Campaign, reason="BRAND_DAILY") == ["Winter"]
        assert found(ada, StatusChange, reason="BRAND_DAILY") == ["Winter"]
        assert found(ada, StatusChange, reason="SWITCHED_OFF") == ["Summer"]
        assert found(ada, StatusChange, reason="FLIGHT_ENDED") == []

    def test_all_at_once(self, ada: Client) -> None:
        kumo = str(Brand.objects.get(name="Kumo").pk)
        query = {"is": "PAUSED", "reason": "BRAND_DAILY", "brand__id__exact": kumo, "currency": "JPY"}
        assert found(ada, Campaign, **query, platform="-another") == ["Winter"]
        assert found(ada, Campaign, **query, platform="meta") == []


def test_quarantine_by_platform(ada: Client, brand: Brand) -> None:
    for platform in ("meta", "our own"):
        QuarantinedSpend.objects.create(
            identity=uuid4(), problem="UNKNOWN_CAMPAIGN", reason="nobody knows it", brand=brand, mode="snapshot",
            source="feed", platform=platform, campaign_name=f"of {platform}", received_at=NOON,
        )  # fmt: skip
    assert found(ada, QuarantinedSpend, platform="meta") == ["Unknown campaign: of meta"]
    assert found(ada, QuarantinedSpend, platform="-another") == ["Unknown campaign: of our own"]
    assert found(ada, QuarantinedSpend, platform="-none") == []


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize("model", [Campaign, SpendLog, StatusChange, QuarantinedSpend, SpendImport])
def test_no_filter_reads_the_list_to_know_what_to_offer(ada: Client, model: type[Model]) -> None:
    with CaptureQueriesContext(connection) as captured:
        ada.get(list_url(model))
    table = f'FROM "{model._meta.db_table}"'
    asked = [query["sql"] for query in captured if table in query["sql"]]
    assert [sql for sql in asked if "DISTINCT" in sql or "GROUP BY" in sql] == []
    assert len([sql for sql in asked if "COUNT(" in sql]) <= 2  # of the list itself, never of a choice


def test_brands_are_found_by_typing_and_not_listed(ada: Client) -> None:
    for number in range(60):
        BrandFactory.create(name=f"Brand of many {number}")
    for model in (Campaign, SpendLog, StatusChange, QuarantinedSpend, SpendImport):
        page = ada.get(list_url(model)).content.decode()
        assert "Brand of many" not in page
        assert "admin-autocomplete" in page

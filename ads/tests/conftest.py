"""Fixtures that tests share."""

from decimal import Decimal
from pathlib import Path

import pytest
from django.db import connection

import ads.api.root
import ads.tasks  # noqa: F401
from ads.models import Brand, Campaign
from ads.services import BudgetService, CampaignService, given
from ads.tests.factories import BrandFactory, CampaignFactory, DaypartingScheduleFactory
from ads.tests.importers.files import Files


@pytest.fixture(autouse=True)
def nothing_planned() -> None:
    """The session keeps no plans of the tests before, so that counts of statements do not depend on their order."""
    session = connection.connection
    if session in given._plans:
        session.execute("DEALLOCATE ALL")
        del given._plans[session]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Writes files to import."""
    return Files(tmp_path)


@pytest.fixture
def brand(db: None) -> Brand:
    """A brand of 100.00 a day and 2,000.00 a month, in UTC and USD."""
    return BrandFactory.create(name="Acme")


@pytest.fixture
def campaign(brand: Brand) -> Campaign:
    return CampaignFactory.create(brand=brand, name="Summer Sale")


@pytest.fixture
def active_campaign(campaign: Campaign) -> Campaign:
    return campaign


@pytest.fixture
def paused_campaign(brand: Brand) -> Campaign:
    """Paused by its own daily budget."""
    campaign = CampaignFactory.create(brand=brand, name="Spent Out", daily_budget=Decimal(5))
    BudgetService.record_spend(campaign, Decimal(5))
    campaign.refresh_from_db()
    return campaign


@pytest.fixture
def switched_off_campaign(brand: Brand) -> Campaign:
    campaign = CampaignFactory.create(brand=brand, name="Not Now")
    CampaignService.switch_off(campaign)
    return campaign


@pytest.fixture
def campaign_with_dayparting(brand: Brand) -> Campaign:
    """Runs from 09:00 to 17:00 every day."""
    campaign = CampaignFactory.create(brand=brand, name="Office Hours")
    DaypartingScheduleFactory.create(campaign=campaign)
    campaign.refresh_from_db()
    return campaign


@pytest.fixture
def multiple_campaigns(brand: Brand) -> list[Campaign]:
    return CampaignFactory.create_batch(3, brand=brand)


@pytest.fixture
def campaign_near_daily_limit(campaign: Campaign) -> Campaign:
    """0.01 is left of the brand's day."""
    BudgetService.record_spend(campaign, Decimal("99.99"))
    return campaign


@pytest.fixture
def campaign_near_monthly_limit(db: None) -> Campaign:
    """0.01 is left of the brand's month, and the day has no limit."""
    campaign = CampaignFactory.create(brand__daily_budget=None, brand__monthly_budget=Decimal(500))
    BudgetService.record_spend(campaign, Decimal("499.99"))
    return campaign

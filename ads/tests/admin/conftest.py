"""People who use the admin, and a fixed moment: noon of a Tuesday in March, in UTC."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.test import Client
from freezegun import freeze_time

from ads.models import Brand, Campaign
from ads.rights import ACCOUNT_MANAGER
from ads.tests.factories import BrandFactory, CampaignFactory
from ads.tests.moments import NOON
from ads.tests.people import take_role


@pytest.fixture(autouse=True)
def noon() -> Iterator[None]:
    with freeze_time(NOON):
        yield


@pytest.fixture
def superuser(db: None) -> User:
    return User.objects.create_superuser("ada", "ada@example.com", "secret")


@pytest.fixture
def manager(brand: Brand) -> User:
    """An account manager; Acme is assigned to her."""
    user = User.objects.create_user("nina", "nina@example.com", "secret", is_staff=True)
    brand.assigned_to.add(user)
    return take_role(user, ACCOUNT_MANAGER)


@pytest.fixture
def ada(superuser: User) -> Client:
    """A browser in which the superuser is signed in."""
    client = Client()
    client.force_login(superuser)
    return client


@pytest.fixture
def nina(manager: User) -> Client:
    """A browser in which the manager of Acme is signed in."""
    client = Client()
    client.force_login(manager)
    return client


@pytest.fixture
def other_brand(db: None) -> Brand:
    """A brand that is assigned to nobody."""
    return BrandFactory.create(name="Zenith", daily_budget=Decimal(100))


@pytest.fixture
def other_campaign(other_brand: Brand) -> Campaign:
    return CampaignFactory.create(brand=other_brand, name="Secret Launch")

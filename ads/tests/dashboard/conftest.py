"""People who use the dashboard, at noon of a Tuesday in March, in UTC."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client
from freezegun import freeze_time

import budget_system.urls  # noqa: F401 - its schemas cannot be made while time stands still
from ads.models import Brand
from ads.rights import ACCOUNT_MANAGER, VIEWER
from ads.tests.moments import NOON
from ads.tests.people import take_role


@pytest.fixture(autouse=True)
def noon() -> Iterator[None]:
    with freeze_time(NOON):
        yield


@pytest.fixture
def ada(db: None) -> Client:
    """A browser in which a superuser is signed in."""
    client = Client()
    client.force_login(User.objects.create_superuser("ada", "ada@example.com", "secret"))
    return client


@pytest.fixture
def nina(brand: Brand) -> Client:
    """A browser in which somebody is signed in who looks at Acme; she is no staff of the admin."""
    user = take_role(User.objects.create_user("nina", "nina@example.com", "secret"), VIEWER)
    brand.assigned_to.add(user)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def mira(brand: Brand) -> Client:
    """A browser in which the account manager of Acme is signed in."""
    user = take_role(User.objects.create_user("mira", "mira@example.com", "secret"), ACCOUNT_MANAGER)
    brand.assigned_to.add(user)
    client = Client()
    client.force_login(user)
    return client

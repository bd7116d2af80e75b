"""People who use the dashboard, at noon of a Tuesday in March, in UTC."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client
from freezegun import freeze_time

import budget_system.urls  # noqa: F401 - its types are read before the clock stands still
from ads.models import Brand
from ads.tests.moments import NOON


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
    """A browser in which the manager of Acme is signed in; she is no staff of the admin."""
    user = User.objects.create_user("nina", "nina@example.com", "secret")
    brand.assigned_to.add(user)
    client = Client()
    client.force_login(user)
    return client

"""A real Chromium against a real server: pages as people see and use them."""

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from ads.rights import VIEWER
from ads.tests.people import take_role

# The browser's driver runs an event loop in this thread, which Django would take for its own.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
HOW_TO_GET_IT = (
    "These tests need Chromium. On Debian or Ubuntu: apt-get install chromium; elsewhere any Chromium or Chrome "
    "on the PATH under the name chromium, chromium-browser or google-chrome."
)
QUIET = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
PASSWORD = "correct horse"
MILLISECONDS = 60_000  # after which something that is awaited is missing


@pytest.fixture(scope="session", autouse=True)
def chromium() -> None:
    """Without a browser these tests are skipped, but where the project is checked they must run."""
    if CHROMIUM is None and os.environ.get("CI"):
        pytest.fail(HOW_TO_GET_IT)
    if CHROMIUM is None:
        pytest.skip(HOW_TO_GET_IT)


@pytest.fixture(scope="session")
def browser_type_launch_args(chromium: None) -> dict[str, Any]:
    return {"executable_path": CHROMIUM, "args": QUIET}


@pytest.fixture(scope="session", autouse=True)
def patience() -> None:
    """A machine that does much else at the time is waited for."""
    expect.set_options(timeout=MILLISECONDS)


@pytest.fixture
def complaints() -> list[str]:
    """What the page's console complained of; a test that provokes it takes it out again."""
    return []


@pytest.fixture
def page(page: Page, complaints: list[str]) -> Iterator[Page]:
    """A page; what its console complains of fails the test."""
    page.on("console", lambda told: complaints.append(told.text) if told.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.set_default_timeout(MILLISECONDS)
    yield page
    # The browser's own line about an answer that is meant to be 404.
    assert [text for text in complaints if "status of 404" not in text] == []


@pytest.fixture
def site(live_server: LiveServer) -> str:
    """Where the site is."""
    return str(live_server.url)


@pytest.fixture
def sign_in(page: Page, site: str) -> Callable[[User], None]:
    """Signs a person in by the form."""

    def by_the_form(user: User) -> None:
        page.goto(f"{site}/sign-in/")
        page.get_by_label("Username").fill(user.username)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{site}/")

    return by_the_form


@pytest.fixture
def ada(live_server: LiveServer) -> User:
    """A superuser."""
    return User.objects.create_superuser("ada", password=PASSWORD)


@pytest.fixture
def nina(live_server: LiveServer) -> User:
    """Somebody without any brand yet."""
    return take_role(User.objects.create_user("nina", password=PASSWORD), VIEWER)

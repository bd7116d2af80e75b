"""The libraries of platforms are optional: imported only where a connection names them."""

import subprocess
import sys

import pytest
from pydantic import SecretStr
from pytest_django import Settings

from ads.errors import DeliveryFailed
from ads.models import PlatformAdapter, PlatformConnection
from ads.services import platform_work

pytestmark = pytest.mark.once

LIBRARIES = {"facebook_business", "google.ads", "grpc"}
EVERYTHING = """
import sys
import django
django.setup()
import ads.tasks, budget_system.celery, budget_system.urls
from django.urls import get_resolver
get_resolver().url_patterns
from pydantic import SecretStr
from ads.platforms import Access, speak_to
speak_to("http", Access("acme", SecretStr("x"), "https://platform.example"))
print(sorted({"facebook_business", "google.ads", "grpc"} & set(sys.modules)))
"""


@pytest.mark.integration
def test_nothing_that_runs_imports_them() -> None:
    done = subprocess.run([sys.executable, "-c", EVERYTHING], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("adapter", "library", "package"),
    [
        (PlatformAdapter.META, "facebook_business", "facebook-business"),
        (PlatformAdapter.GOOGLE_ADS, "google", "google-ads"),
    ],
)
def test_where_one_is_missing_the_connection_says_so(
    adapter: str, library: str, package: str, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.PLATFORM_CREDENTIALS = {"PLATFORM_A": SecretStr("{}")}
    for name in [
        name for name in sys.modules if f"{name}.".startswith((f"{library}.", f"ads.platforms.{adapter}."))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    account = PlatformConnection(adapter=adapter, platform="p", account="1", credentials="PLATFORM_A")
    with pytest.raises(DeliveryFailed, match=f"The library {package} is not installed; docs/platforms.md"):
        platform_work.speak(account)

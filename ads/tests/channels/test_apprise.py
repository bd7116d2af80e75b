"""Apprise, where it is installed: through its own code to a real server, and never to what must not be reached."""

import subprocess
import sys
from importlib.util import find_spec
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from ads.channels import Message, channel_named
from ads.errors import DeliveryFailed
from ads.tests.receiver import Receiver, Reply
from budget_system.environment import BASE_DIR

pytestmark = pytest.mark.once

APPRISE = channel_named("apprise")
installed = pytest.mark.skipif(find_spec("apprise") is None, reason="the extra Apprise is not installed")


def address(receiver: Receiver) -> str:
    return f"json://{receiver.host}/hook/s3cr3t"


def failure(given: str, message: Message) -> DeliveryFailed:
    with pytest.raises(DeliveryFailed) as failed:
        APPRISE.send(given, message)
    assert "s3cr3t" not in str(failed.value)
    return failed.value


@installed
def test_a_service_gets_the_message_as_text(receiver: Receiver, message: Message) -> None:
    APPRISE.send(APPRISE.check(address(receiver)), message)
    (request,) = receiver.received
    assert request.path == "/hook/s3cr3t"
    assert request.payload["title"] == message.subject
    assert request.payload["message"] == message.as_text()


@installed
def test_a_service_that_refuses_is_told(receiver: Receiver, message: Message) -> None:
    receiver.reply = lambda _: Reply(500)
    failed = failure(address(receiver), message)
    assert str(failed) == "JSON did not take the message."
    assert not failed.permanent


@installed
def test_an_address_inside_the_network_is_refused_also_after_a_redirect(
    receiver: Receiver, message: Message, settings: Any
) -> None:
    settings.OUTBOUND_TRUSTED_HOSTS = []
    failed = failure(address(receiver), message)
    assert "is at 127.0.0.1, which is not on the open internet" in str(failed)
    assert failed.permanent
    assert receiver.received == []
    settings.OUTBOUND_TRUSTED_HOSTS = [receiver.host]
    receiver.reply = lambda _: Reply(307, {"Location": "http://127.0.0.2:1/"})
    assert not APPRISE.mask(address(receiver)).endswith("s3cr3t")
    failure(address(receiver), message)
    assert len(receiver.received) == 1


@installed
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("nowhere://x", "Apprise does not know"),
        ("", "Apprise does not know"),
        ("json://a, json://b", "one address"),
        ("mailto://user:pw@mail.example", "not reached over HTTP"),
        ("syslog://", "not reached over HTTP"),
    ],
)
def test_what_cannot_be_used_is_refused(given: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        APPRISE.check(given)


def test_it_is_imported_only_when_a_channel_of_it_is_used() -> None:
    code = (
        "import sys, django; django.setup()\n"
        "from ads.channels import channels; import ads.admin, ads.tasks\n"
        "assert 'apprise' in channels() and 'apprise' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=BASE_DIR, check=True)


def test_where_it_is_not_installed_that_is_said(monkeypatch: pytest.MonkeyPatch, message: Message) -> None:
    monkeypatch.setattr("ads.channels.apprise.find_spec", lambda _: None)
    with pytest.raises(ValidationError, match=r"pip install -r requirements-apprise\.txt"):
        APPRISE.check("discord://a/b")
    assert "not installed" in str(failure("discord://a/b", message))

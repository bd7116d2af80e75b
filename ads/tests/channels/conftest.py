"""A message that is hostile wherever a name can be, and what it is sent to."""

from collections.abc import Iterator

import pytest
from django.test import override_settings

from ads.channels import Message, Note
from ads.tests.mailbox import Mailbox, taking_mail
from ads.tests.receiver import Receiver, receiving

HOSTILE = "<!channel> <b>A&B</b> [here](https://evil.example) *x*"


@pytest.fixture
def message() -> Message:
    note = Note(
        f"{HOSTILE}: 50 and 80 % of the daily budget reached",
        ["€80.00 of €100.00 spent on Tue 10 Mar 2026, 80 %.", "Since 12:00 on Tue 10 Mar 2026 (UTC)."],
        "https://budgets.example/brands/1/?a=1&b=2",
    )
    return Message("alert:1:1", note.title, [note], "Sent by the channel “Clients”.")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver, override_settings(OUTBOUND_TRUSTED_HOSTS=[receiver.host]):
        yield receiver


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with taking_mail() as mailbox, override_settings(**mailbox.settings):
        yield mailbox

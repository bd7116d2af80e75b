"""E-mail through a real SMTP server."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from ads.channels import Message, channel_named
from ads.errors import DeliveryFailed
from ads.tests.channels.conftest import HOSTILE
from ads.tests.mailbox import Mailbox, text_of

pytestmark = pytest.mark.once

MAIL = channel_named("email")


def failure(message: Message) -> DeliveryFailed:
    with pytest.raises(DeliveryFailed) as failed:
        MAIL.send("nina@agency.example", message)
    return failed.value


def test_a_mail_says_the_same_in_plain_text_and_as_html(
    mailbox: Mailbox, message: Message, settings: Any
) -> None:
    settings.DEFAULT_FROM_EMAIL = "Budgets <budgets@agency.example>"
    MAIL.send("nina@agency.example", message)
    (mail,) = mailbox.received
    assert mail["to"] == "nina@agency.example"
    assert mail["from"] == "Budgets <budgets@agency.example>"
    assert mail["subject"] == message.subject
    assert mail["auto-submitted"] == "auto-generated"
    plain, html = text_of(mail), text_of(mail, "html")
    for words in (*message.notes[0].lines, message.why):
        assert words in plain
        assert words in html
    assert message.notes[0].url in plain
    assert '<a href="https://budgets.example/brands/1/?a=1&amp;b=2">Open the page</a>' in html


def test_a_hostile_name_is_text_in_both(mailbox: Mailbox, message: Message) -> None:
    MAIL.send("nina@agency.example", message)
    plain, html = text_of(mailbox.received[0]), text_of(mailbox.received[0], "html")
    assert HOSTILE in plain
    assert "<b>" not in html
    assert "&lt;!channel&gt; &lt;b&gt;A&amp;B&lt;/b&gt;" in html
    assert "evil.example" not in [part.partition('"')[0] for part in html.split('href="')]


def test_a_subject_of_several_lines_cannot_add_a_header(mailbox: Mailbox) -> None:
    MAIL.send("nina@agency.example", Message("k", "Acme\r\nBcc: eve@evil.example\n x", [], "Why."))
    (mail,) = mailbox.received
    assert mail["subject"] == "Acme Bcc: eve@evil.example x"
    assert mail["bcc"] is None


def test_the_same_message_sent_again_has_the_same_id(mailbox: Mailbox, message: Message) -> None:
    MAIL.send("nina@agency.example", message)
    MAIL.send("nina@agency.example", message)
    MAIL.send("nina@agency.example", Message("alert:1:2", "Other", [], ""))
    ids = [str(mail["message-id"]) for mail in mailbox.received]
    assert ids[0] == ids[1] != ids[2]
    assert ids[0].endswith("@localhost>")


@pytest.mark.parametrize(
    ("command", "answer", "said", "permanent"),
    [
        ("RCPT", "550 no such user", "refused the address nina@agency.example: 550 no such user", True),
        ("RCPT", "450 try later", "refused the address nina@agency.example: 450 try later", False),
        ("MAIL", "553 not you", "refused mail from Budgets <budgets@localhost>: 553 not you", False),
        ("DATA", "554 spam", "refused the message: 554 spam", True),
        ("DATA", "452 full", "refused the message: 452 full", False),
    ],
)
def test_what_the_server_refuses_is_told_and_whether_trying_again_helps(
    mailbox: Mailbox, message: Message, command: str, answer: str, said: str, permanent: bool
) -> None:
    mailbox.refuse = lambda line: answer if line.upper().startswith(command) else ""
    failed = failure(message)
    assert str(failed) == f"The mail server {said}"
    assert failed.permanent is permanent
    assert mailbox.received == []


def test_a_password_that_is_refused_is_told_and_tried_again(
    mailbox: Mailbox, message: Message, settings: Any
) -> None:
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "budgets", "s3cr3t"
    mailbox.extensions = ["AUTH PLAIN"]
    mailbox.refuse = lambda line: "535 no" if line.startswith("AUTH") else ""
    failed = failure(message)
    assert str(failed) == "The mail server refused the name or password of EMAIL_URL: 535 no"
    assert not failed.permanent


def test_a_server_that_hangs_is_given_up_in_words(mailbox: Mailbox, message: Message, settings: Any) -> None:
    settings.EMAIL_TIMEOUT = 1
    mailbox.greets = False
    assert "did not answer within 1 s" in str(failure(message))


def test_a_server_that_is_not_there_is_told_with_its_place(message: Message, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    failed = failure(message)
    assert str(failed) == "The mail server 127.0.0.1:1 could not be reached: Connection refused."
    assert not failed.permanent


@pytest.mark.parametrize(
    "address", ["", "nina", "nina@", "a@b.example, c@d.example", "a@b.example\nBcc: x@y.example"]
)
def test_only_one_address_is_one(address: str) -> None:
    with pytest.raises(ValidationError):
        MAIL.check(address)
    assert MAIL.check(" nina@agency.example ") == "nina@agency.example"
    assert MAIL.mask("nina@agency.example") == "nina@agency.example"

"""Slack and Teams, as real requests to a server that answers as they document it."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from standardwebhooks import WebhookVerificationError

from ads.channels import Message, Note, channel_named
from ads.channels.registry import channels
from ads.errors import DeliveryFailed
from ads.models import ChannelKind
from ads.services import outbound
from ads.tests.channels.conftest import HOSTILE
from ads.tests.receiver import Received, Receiver, Reply

pytestmark = pytest.mark.once

SECRET = "whsec_" + "c2VjcmV0" * 4
ALL = pytest.mark.parametrize("name", ["slack", "teams", "webhook"])
BOTH = pytest.mark.parametrize("name", ["slack", "teams"])


def failure(name: str, address: str, message: Message) -> DeliveryFailed:
    if name == "webhook":
        address += f"#{SECRET}"
    with pytest.raises(DeliveryFailed) as failed:
        channel_named(name).send(address, message)
    return failed.value


def texts(found: Any) -> list[str]:
    """All that a body shows, in its order."""
    if isinstance(found, dict):
        return [text for value in found.values() for text in texts(value)]
    return [text for each in found for text in texts(each)] if isinstance(found, list) else [str(found)]


def test_there_is_a_module_for_each_kind_but_that_of_people() -> None:
    assert set(channels()) == set(ChannelKind.values) - {ChannelKind.PEOPLE}


def test_slack_gets_blocks_of_plain_text_with_a_link_of_ours(receiver: Receiver, message: Message) -> None:
    receiver.reply = lambda _: Reply(200, body=b"ok")
    channel_named("slack").send(receiver.url, message)
    (request,) = receiver.received
    assert request.headers["content-type"] == "application/json"
    header, section, link, why = request.payload["blocks"]
    assert header == {
        "type": "header",
        "text": {"type": "plain_text", "text": message.notes[0].title, "emoji": False},
    }
    assert section["text"]["type"] == "plain_text"
    assert section["text"]["text"] == "\n".join(message.notes[0].lines)
    assert link["elements"] == [
        {"type": "mrkdwn", "text": "<https://budgets.example/brands/1/?a=1&amp;b=2|Open the page>"}
    ]
    assert why["elements"][0]["text"] == "Sent by the channel “Clients”."
    # Where Slack reads mark-up, nothing of a name can mention anybody or lead anywhere.
    assert "<" not in request.payload["text"]
    assert request.payload["text"].startswith("&lt;!channel&gt; &lt;b&gt;A&amp;B")


def test_teams_gets_a_card_of_text_runs_which_read_no_markdown(receiver: Receiver, message: Message) -> None:
    receiver.reply = lambda _: Reply(202)
    channel_named("teams").send(receiver.url, message)
    (request,) = receiver.received
    (attachment,) = request.payload["attachments"]
    assert request.payload["type"] == "message"
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    assert {part["type"] for part in card["body"]} == {"RichTextBlock", "ActionSet"}
    shown = [run["text"] for part in card["body"] for run in part.get("inlines", [])]
    assert shown == [message.notes[0].title, *message.notes[0].lines, message.why]
    assert HOSTILE in shown[0]
    assert card["body"][3]["actions"] == [
        {"type": "Action.OpenUrl", "title": "Open the page", "url": message.notes[0].url}
    ]


@BOTH
def test_of_very_many_alerts_the_first_are_shown_and_the_others_counted(
    receiver: Receiver, name: str
) -> None:
    notes = [
        Note(f"Alert {number} " + "x" * 200, ["line"], "https://budgets.example/") for number in range(60)
    ]
    channel_named(name).send(receiver.url, Message("k", "60 alerts", notes, "Why."))
    shown = " ".join(texts(receiver.received[0].payload))
    assert "Alert 9 " in shown
    assert "Alert 59" not in shown
    assert f"{60 - (16 if name == 'slack' else 10)} more alerts. Why." in shown
    assert len(receiver.received[0].payload.get("blocks", [])) <= 50


@BOTH
@pytest.mark.parametrize(
    ("reply", "said", "permanent", "retry_after"),
    [
        (Reply(404, body=b"no_service"), "answered 404: no_service", True, None),
        (Reply(410), "answered 410", True, None),
        (Reply(500, body=b"<html>\n oops"), "answered 500: <html> oops.", False, None),
        (Reply(302, {"Location": "http://169.254.169.254/"}), "answered 302.", False, None),
        (Reply(429, {"Retry-After": "30"}, b"slow"), "answered 429: slow.", False, 30),
    ],
)
def test_what_they_answer_is_told_and_says_whether_trying_again_helps(
    receiver: Receiver,
    message: Message,
    name: str,
    reply: Reply,
    said: str,
    permanent: bool,
    retry_after: int | None,
) -> None:
    receiver.reply = lambda _: reply
    failed = failure(name, receiver.url, message)
    assert f"{channel_named(name).title.removeprefix('Microsoft ')} {said}" in str(failed)
    assert (failed.permanent, failed.retry_after, failed.answer_code) == (permanent, retry_after, reply.code)
    assert len(receiver.received) == 1


def test_slack_says_with_400_that_the_address_is_dead(receiver: Receiver, message: Message) -> None:
    receiver.reply = lambda _: Reply(400, body=b"invalid_token")
    assert failure("slack", receiver.url, message).permanent
    receiver.reply = lambda _: Reply(400, body=b"invalid_payload")
    assert not failure("slack", receiver.url, message).permanent


def test_teams_may_say_with_200_that_nothing_was_posted(receiver: Receiver, message: Message) -> None:
    receiver.reply = lambda _: Reply(200, body=b"Webhook message delivery failed with error: Microsoft Teams")
    assert "delivery failed" in str(failure("teams", receiver.url, message))


@ALL
def test_a_receiver_that_hangs_is_given_up_in_words(
    receiver: Receiver, message: Message, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "TOTAL_SECONDS", 1)

    def hang(_: Received) -> Reply:
        receiver.over.wait()
        return Reply()

    receiver.reply = hang
    failed = failure(name, receiver.url, message)
    assert "No answer within 1 seconds" in str(failed)
    assert not failed.permanent


@ALL
def test_an_address_inside_the_network_is_refused_unless_it_is_trusted(
    receiver: Receiver, message: Message, name: str, settings: Any
) -> None:
    settings.OUTBOUND_TRUSTED_HOSTS = []
    failed = failure(name, receiver.url, message)
    assert "is at 127.0.0.1, which is not on the open internet" in str(failed)
    assert failed.permanent
    assert receiver.received == []


@ALL
def test_nobody_there_is_told_without_the_secret_in_the_address(
    message: Message, name: str, settings: Any
) -> None:
    settings.OUTBOUND_TRUSTED_HOSTS = ["127.0.0.1:1"]
    failed = failure(name, "http://127.0.0.1:1/services/T0/B0/s3cr3t", message)
    assert "refused" in str(failed).lower()
    assert "s3cr3t" not in str(failed)


@ALL
@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("", "Give the whole address"),
        ("hooks.slack.com/services/x", "Give the whole address"),
        ("ftp://hooks.slack.com/x", "Give the whole address"),
        ("https:///x", "Give the whole address"),
        ("https://hooks.slack.com/a b", "Give the whole address"),
        ("https://[::1/x", "Give the whole address"),
        ("https://host:port/x", "Give the whole address"),
        ("http://hooks.slack.com/services/x", "over http:// others can read it"),
        ("https://bob:pw@hooks.slack.com/x", "without a name and password"),
    ],
)
def test_an_address_that_cannot_work_is_refused_with_what_would_be_right(
    name: str, address: str, said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        channel_named(name).check(address)


@BOTH
def test_an_address_is_kept_whole_and_shown_without_what_makes_it_work(name: str) -> None:
    address = "https://hooks.slack.com/services/T0/B0/s3cr3t"
    assert channel_named(name).check(f" {address}\n") == address
    assert channel_named(name).mask(address) == "https://hooks.slack.com/…"


class TestASignedWebhook:
    WEBHOOK = channel_named("webhook")

    def test_is_the_message_signed_so_that_its_receiver_can_verify_it(
        self, receiver: Receiver, message: Message
    ) -> None:
        address = self.WEBHOOK.check(receiver.url)
        secret = address.partition("#")[2]
        self.WEBHOOK.send(address, message)
        self.WEBHOOK.send(address, message)
        first, again = receiver.received
        assert first.path == "/hook"
        assert first.verified(secret) == {
            "type": "alert.message",
            "version": 1,
            "id": first.event_id,
            "data": {
                "subject": message.subject,
                "alerts": [
                    {
                        "title": message.notes[0].title,
                        "lines": list(message.notes[0].lines),
                        "url": message.notes[0].url,
                    }
                ],
            },
        }
        assert again.event_id == first.event_id  # one that comes twice is known by its id
        with pytest.raises(WebhookVerificationError):
            first.verified(SECRET)

    def test_that_is_refused_is_told(self, receiver: Receiver, message: Message) -> None:
        receiver.reply = lambda _: Reply(410)
        assert failure("webhook", receiver.url, message).permanent
        receiver.reply = lambda _: Reply(404)
        assert not failure("webhook", receiver.url, message).permanent

    def test_has_a_secret_of_its_own_unless_one_is_given(self) -> None:
        first, second = (self.WEBHOOK.check("https://receiver.example/x") for _ in range(2))
        assert first.startswith("https://receiver.example/x#whsec_")
        assert first != second
        given = f"https://receiver.example/x#{SECRET}"
        assert self.WEBHOOK.check(given) == given
        assert self.WEBHOOK.mask(given) == "https://receiver.example/…"
        with pytest.raises(ValidationError, match="no secret of Standard Webhooks"):
            self.WEBHOOK.check("https://receiver.example/x#top")

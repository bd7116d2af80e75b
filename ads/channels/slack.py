"""Slack by an incoming webhook, and what takes the same: Mattermost, Rocket.Chat."""

import json
from typing import Any

from ads.channels import posting
from ads.channels.channel import Channel
from ads.channels.message import Message

MOST_BLOCKS = 50
MOST_HEADER = 150
MOST_TEXT = 3_000
BLOCKS_PER_NOTE = 3
# What Slack answers where this address will not work again: https://api.slack.com/messaging/webhooks
GONE = {403, 404, 410}
GONE_WORDS = {
    "invalid_token",
    "no_active_hooks",
    "no_service",
    "no_team",
    "team_disabled",
    "channel_not_found",
}


def escaped(text: str) -> str:
    """The three characters by which Slack begins a mention, a link or an entity."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def body(message: Message) -> dict[str, Any]:
    """The message as blocks. Only our own words are marked up; names are plain text."""
    most = (MOST_BLOCKS - 1) // BLOCKS_PER_NOTE
    blocks = [block for note in message.notes[:most] for block in _blocks(note.title, note.lines, note.url)]
    left_out = len(message.notes) - most
    more = f"{left_out} more alerts. " if left_out > 0 else ""
    blocks.append({"type": "context", "elements": [_plain(more + message.why)]})
    return {"text": escaped(message.subject), "blocks": blocks}


def _blocks(title: str, lines: Any, url: str) -> list[dict[str, Any]]:
    link = f"<{escaped(url)}|Open the page>"
    return [
        {"type": "header", "text": _plain(title, MOST_HEADER)},
        {"type": "section", "text": _plain("\n".join(lines))},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": link}]},
    ]


def _plain(text: str, most: int = MOST_TEXT) -> dict[str, Any]:
    short = text if len(text) <= most else f"{text[: most - 1]}…"
    return {"type": "plain_text", "text": short, "emoji": False}


def send(address: str, message: Message) -> None:
    """Posts it; what Slack answers says whether the address still works."""
    answer = posting.post(address, json.dumps(body(message)), "Slack")
    if answer.code // 100 != 2:
        is_gone = answer.code in GONE or posting.words(answer) in GONE_WORDS
        raise posting.refusal("Slack", answer, permanent=is_gone)


CHANNEL = Channel(
    name="slack",
    title="Slack",
    address_title="Address of the incoming webhook",
    help_text="In Slack: Apps, Incoming Webhooks, Add. Begins with https://hooks.slack.com/services/. "
    "Mattermost and Rocket.Chat take the same.",
    check=posting.check_address,
    send=send,
    mask=posting.mask,
)

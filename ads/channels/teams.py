"""Microsoft Teams by a workflow that posts what a webhook receives, as an adaptive card."""

import json
from typing import Any

from ads.channels import posting
from ads.channels.channel import Channel
from ads.channels.message import Message, Note

MOST_NOTES = 10
# Adaptive cards up to this one are drawn by every Teams, on phones too.
VERSION = "1.4"
GONE = {404, 410}


def body(message: Message) -> dict[str, Any]:
    """The message as a card. A text run is never read as Markdown, so a name cannot become a link."""
    shown = list(message.notes[:MOST_NOTES])
    parts = [part for note in shown for part in _parts(note)]
    left_out = len(message.notes) - len(shown)
    more = f"{left_out} more alerts. " if left_out else ""
    parts.append(_text(more + message.why, size="Small", isSubtle=True))
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": VERSION,
        "fallbackText": message.subject,
        "msteams": {"width": "Full"},
        "body": parts,
    }
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return {"type": "message", "summary": message.subject, "attachments": [attachment]}


def _parts(note: Note) -> list[dict[str, Any]]:
    link = {"type": "Action.OpenUrl", "title": "Open the page", "url": note.url}
    return [
        _text(note.title, weight="Bolder", size="Medium"),
        *(_text(line) for line in note.lines),
        {"type": "ActionSet", "actions": [link]},
    ]


def _text(words: str, **looks: Any) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": words, **looks}]}


def send(address: str, message: Message) -> None:
    """Posts it. The connectors that workflows follow on from answered 200 also where nothing was posted."""
    answer = posting.post(address, json.dumps(body(message)), "Teams")
    if answer.code // 100 != 2 or b"delivery failed" in answer.body:
        raise posting.refusal("Teams", answer, permanent=answer.code in GONE)


CHANNEL = Channel(
    name="teams",
    title="Microsoft Teams",
    address_title="Address of the workflow",
    help_text="In Teams: at the channel’s name “…”, Workflows, “Post to a channel when a webhook request is "
    "received”. The address that it shows at its end.",
    check=posting.check_address,
    send=send,
    mask=posting.mask,
)

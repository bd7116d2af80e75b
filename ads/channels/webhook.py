"""A program of one's own: the message as JSON, signed as Standard Webhooks says.

The secret stands behind the address, after `#`: that part of an address is never sent.
"""

import json
import re
from hashlib import sha256

from django.core.exceptions import ValidationError
from django.utils import timezone
from standardwebhooks import Webhook

from ads.channels import posting
from ads.channels.channel import Channel
from ads.channels.message import Message
from ads.services.endpoints import new_secret

TYPE = "alert.message"
VERSION = 1
GONE = 410
# 24 to 64 bytes.
SECRET = re.compile(
    r"whsec_(?=.{32,88}$)(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?", re.ASCII
)


def check(address: str) -> str:
    """The address with a secret: the one given after `#`, else a new one."""
    url, _, secret = address.strip().partition("#")
    secret = secret or new_secret()
    if SECRET.fullmatch(secret) is None:
        raise ValidationError("What stands after # is no secret of Standard Webhooks; leave it out.")
    return f"{posting.check_address(url)}#{secret}"


def secret_of(address: str) -> str:
    """What the receiver verifies with."""
    return address.partition("#")[2]


def send(address: str, message: Message) -> None:
    """Posts it, signed for this moment, with an id that is the same each time that it is tried."""
    url, _, secret = address.partition("#")
    event_id, now = f"msg_{sha256(message.key.encode()).hexdigest()[:32]}", timezone.now()
    notes = [{"title": note.title, "lines": list(note.lines), "url": note.url} for note in message.notes]
    data = {"subject": message.subject, "alerts": notes}
    body = json.dumps({"type": TYPE, "version": VERSION, "id": event_id, "data": data}, ensure_ascii=False)
    headers = {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(event_id, now, body),
    }
    answer = posting.post(url, body, "The webhook", headers)
    if answer.code // 100 != 2:
        raise posting.refusal("The webhook", answer, permanent=answer.code == GONE)


CHANNEL = Channel(
    name="webhook",
    title="Signed webhook",
    address_title="Address of your program",
    help_text="Begins with https://. The secret that messages are signed with is made and shown once.",
    check=check,
    send=send,
    mask=posting.mask,
)

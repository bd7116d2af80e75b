"""E-mail to one of the people who use the system, through the outbox; by the channel that alerts go by."""

from datetime import datetime

from django.contrib.auth.models import User

from ads.channels import Message, Note, channel_named
from ads.models import ChannelKind, Delivery, DeliveryKind
from ads.services.effects import enqueue


def send(to: User, note: Note, *, key: str, why: str, now: datetime) -> None:
    """Has this sent after the commit; whoever has no address gets nothing."""
    if not to.email:
        return
    message = Message(key=f"mail:{key}", subject=note.title, notes=[note], why=why)
    enqueue(
        [
            Delivery(
                key=message.key,
                kind=DeliveryKind.MAIL,
                target=f"mail:{to.email}"[:100],
                payload={"to": to.email, "message": message.as_json()},
                created_at=now,
                due_at=now,
            )
        ]
    )


class MailSender:
    """Sends what was composed already."""

    def prepare(self, delivery: Delivery, now: datetime) -> None:
        """It is composed already."""

    def send(self, delivery: Delivery) -> None:
        """Hands it to the mail server."""
        message = Message.from_json(delivery.payload["message"])
        channel_named(ChannelKind.EMAIL).send(delivery.payload["to"], message)

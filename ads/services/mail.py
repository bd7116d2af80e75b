"""E-mail to people who use the system, through the outbox."""

from datetime import datetime
from smtplib import SMTPException

from django.contrib.auth.models import User
from django.core.mail import EmailMessage, get_connection

from ads.errors import DeliveryFailed
from ads.models import Delivery, DeliveryKind
from ads.services.effects import enqueue

SECONDS = 10


def send(to: User, *, key: str, subject: str, body: str, now: datetime) -> None:
    """Has this sent after the commit; whoever has no address gets nothing."""
    if not to.email:
        return
    payload = {"to": to.email, "subject": subject, "body": body}
    enqueue(
        [
            Delivery(
                key=f"mail:{key}",
                kind=DeliveryKind.MAIL,
                target=f"mail:{to.email}"[:100],
                payload=payload,
                created_at=now,
                due_at=now,
            )
        ]
    )


class MailSender:
    """Sends deliveries by the mail server of the settings."""

    def prepare(self, delivery: Delivery, now: datetime) -> None:
        """It is composed already."""

    def send(self, delivery: Delivery) -> None:
        """Hands it to the mail server."""
        payload = delivery.payload
        message = EmailMessage(
            payload["subject"],
            payload["body"],
            to=[payload["to"]],
            connection=get_connection(timeout=SECONDS),
        )
        try:
            message.send()
        except (OSError, SMTPException) as error:
            raise DeliveryFailed(f"{type(error).__name__}: {error}") from None

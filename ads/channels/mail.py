"""E-mail to one address, through the server that the settings name; in plain text and as HTML."""

from email.utils import parseaddr
from hashlib import sha256
from smtplib import (
    SMTPAuthenticationError,
    SMTPException,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPSenderRefused,
)

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives
from django.core.validators import validate_email
from django.template.loader import render_to_string

from ads.channels.channel import Channel
from ads.channels.message import Message
from ads.errors import DeliveryFailed

SERVER = "The mail server"


def check(address: str) -> str:
    """One address, so that a message is never sent to some of its receivers only."""
    address = address.strip()
    if "," in address or ";" in address:
        raise ValidationError(
            "Give one address; for several make several channels, or a list at your mail server."
        )
    validate_email(address)
    return address


def send(address: str, message: Message) -> None:
    """Sends it. What went wrong is told without the password, and by what somebody can do about it."""
    try:
        composed(address, message).send()
    except SMTPRecipientsRefused as refused:
        code, words = next(iter(refused.recipients.values()))
        raise _refused(f"refused the address {address}", code, words) from refused
    # What the settings name may be put right, so these two are tried again.
    except SMTPAuthenticationError as refused:
        what = "refused the name or password of EMAIL_URL"
        raise _refused(what, refused.smtp_code, refused.smtp_error, is_of_settings=True) from refused
    except SMTPSenderRefused as refused:
        what = f"refused mail from {settings.DEFAULT_FROM_EMAIL}"
        raise _refused(what, refused.smtp_code, refused.smtp_error, is_of_settings=True) from refused
    except SMTPResponseException as refused:
        raise _refused("refused the message", refused.smtp_code, refused.smtp_error) from refused
    except (OSError, SMTPException) as error:
        place = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
        if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
            raise DeliveryFailed(
                f"{SERVER} {place} did not answer within {settings.EMAIL_TIMEOUT} s."
            ) from error
        raise DeliveryFailed(f"{SERVER} {place} could not be reached: {_words(error)}.") from error


def composed(address: str, message: Message) -> EmailMultiAlternatives:
    """The e-mail, with an id by which a mailbox knows one that comes twice."""
    context = {"message": message}
    email = EmailMultiAlternatives(
        subject=" ".join(message.subject.split()),
        body=render_to_string("messages/message.txt", context),
        to=[address],
        headers={"Message-ID": message_id(message.key), "Auto-Submitted": "auto-generated"},
    )
    email.attach_alternative(render_to_string("messages/message.html", context), "text/html")
    return email


def message_id(key: str) -> str:
    """The same for the same message."""
    host = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    return f"<{sha256(key.encode()).hexdigest()[:32]}@{host}>"


def _refused(what: str, code: int, words: bytes | str, *, is_of_settings: bool = False) -> DeliveryFailed:
    said = words.decode(errors="replace") if isinstance(words, bytes) else words
    is_permanent = code >= 500 and not is_of_settings
    return DeliveryFailed(f"{SERVER} {what}: {code} {said}", permanent=is_permanent, answer_code=code)


def _words(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).rstrip(".")


def mask(address: str) -> str:
    """An e-mail address is no secret."""
    return address


CHANNEL = Channel(
    name="email",
    title="E-mail",
    address_title="Address",
    help_text="One e-mail address, such as that of a list or a shared mailbox.",
    check=check,
    send=send,
    mask=mask,
)

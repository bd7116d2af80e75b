"""Read an EMAIL_URL. Pure: no environment, no files. Messages never contain the password."""

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

PORTS: Final = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
EXAMPLES: Final = (
    "smtp+starttls://user:password@host:587, smtps://user:password@host, smtp://host or console:"
)


class EmailURLError(ValueError):
    """An EMAIL_URL that cannot be used; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class EmailServer:
    """The server that takes mail; without a host, mail is printed and sent to nobody."""

    host: str = ""
    port: int = 25
    user: str = ""
    password: str = field(default="", repr=False)
    starttls: bool = False
    tls: bool = False


def parse_email_url(url: str) -> EmailServer:
    """Return the mail server that an `smtp://`, `smtp+starttls://` or `smtps://` URL names, or none for `console:`."""
    if url.strip() == "console:":
        return EmailServer()
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        raise EmailURLError(
            "EMAIL_URL has a port that is no number, or a password with ':', '/', '?', '#' or '@' in it: "
            "write them percent-encoded (%3A, %2F, %3F, %23, %40)."
        ) from None
    if (
        parts.scheme not in PORTS
        or not parts.hostname
        or parts.path.strip("/")
        or parts.query
        or parts.fragment
    ):
        raise EmailURLError(f"EMAIL_URL must be one of these forms: {EXAMPLES}.")
    return EmailServer(
        host=parts.hostname,
        port=port or PORTS[parts.scheme],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        starttls=parts.scheme == "smtp+starttls",
        tls=parts.scheme == "smtps",
    )

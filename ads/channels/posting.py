"""What channels share that post JSON to an address which is itself the secret."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError

from ads.errors import DeliveryFailed
from ads.services import outbound

HTTPS_PORT = 443


def check_address(address: str) -> str:
    """An address that can be posted to; over HTTPS, because whoever knows it may post too."""
    address = address.strip()
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port or HTTPS_PORT
    except ValueError:
        host = None
    if host is None or parts.scheme not in {"http", "https"} or any(each.isspace() for each in address):
        raise ValidationError("Give the whole address, beginning with https://.")
    if parts.scheme == "http" and not outbound.is_trusted(host, port):
        raise ValidationError("Give an address that begins with https://: over http:// others can read it.")
    if parts.username or parts.password:
        raise ValidationError("Give the address without a name and password in it.")
    return address


def mask(address: str) -> str:
    """Where it leads to, without what makes it work."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.hostname}/…"


def post(address: str, body: str, who: str, headers: Mapping[str, str] | None = None) -> outbound.Answer:
    """Posts this JSON; DeliveryFailed where no answer comes."""
    given = {"Content-Type": "application/json"} | dict(headers or {})
    try:
        return outbound.request("POST", address, headers=given, content=body.encode())
    except DeliveryFailed as failure:
        raise DeliveryFailed(f"{who}: {failure}.", permanent=failure.permanent) from failure


def refusal(who: str, answer: outbound.Answer, *, permanent: bool) -> DeliveryFailed:
    """What to raise for an answer that is none of success."""
    said = words(answer)
    end = " This address will not work again; make a new one there." if permanent else ""
    return DeliveryFailed(
        f"{who} answered {answer.code}{': ' if said else ''}{said}.{end}",
        permanent=permanent,
        answer_code=answer.code,
        retry_after=outbound.retry_after(answer),
    )


def words(answer: outbound.Answer) -> str:
    """The beginning of what was answered, in one line."""
    text = answer.body[: outbound.TOLD_OF_ANSWER].decode(errors="replace")
    return " ".join(text.split()).rstrip(".")

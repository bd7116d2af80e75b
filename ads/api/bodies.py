"""Reads a request's body: its size, type and encoding first, then what it says, each error telling what would do."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from django.conf import settings
from django.http import HttpRequest
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, from_json

from ads.api.problems import FieldError, Problem, invalid, sentence
from ads.api.schemas import WAYS_TO_NAME

JSON = "application/json"
NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines")
MAX_ITEMS = 10_000
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

M = TypeVar("M", bound=BaseModel)


class Unreadable:
    """Stands where an item should be and no JSON is."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


def read_body(request: HttpRequest) -> bytes:
    """The body as it was sent, read once; raises a Problem where it is not of a kind or size that is taken."""
    kept: bytes | None = getattr(request, "_api_body", None)
    if kept is None:
        _refuse_encoding(request)
        kept = _read(request)
        request._api_body = kept  # type: ignore[attr-defined]
    return kept


def refuse_body(request: HttpRequest) -> None:
    """Raises a Problem where a request that its address says in full has a body: nothing in it would count."""
    if read_body(request).strip() not in (b"", b"{}"):
        raise invalid([FieldError("", "this takes no fields; leave the body out")])


def read_object(request: HttpRequest, form: type[M]) -> M:
    """The body as one object of this form."""
    _refuse_other_types(request, (JSON,))
    try:
        return form.model_validate(_parsed(read_body(request)))
    except ValidationError as error:
        raise invalid(field_errors(error, form)) from None


def read_items(request: HttpRequest) -> tuple[Sequence[object], bool]:
    """The items of the body, and whether it was one alone: an object, a list, {"items": [...]}, or NDJSON."""
    kind = _refuse_other_types(request, (JSON, *NDJSON))
    body = read_body(request)
    if kind != JSON:
        return _lines(body), False
    parsed = _parsed(body)
    if isinstance(parsed, dict) and "items" not in parsed:
        return [parsed], True
    items = _enclosed(parsed) if isinstance(parsed, dict) else parsed
    if not isinstance(items, list):
        raise invalid([FieldError("", 'give an object, a list of objects, or {"items": [...]}')])
    _refuse_many(len(items))
    return items, False


def field_errors(error: ValidationError, form: type[BaseModel]) -> list[FieldError]:
    """What pydantic found, in words that say what would be right."""
    return [_field_error(each, form) for each in error.errors(include_url=False, include_input=False)]


def _read(request: HttpRequest) -> bytes:
    limit: int = settings.API_MAX_BODY_BYTES
    declared = request.META.get("CONTENT_LENGTH") or ""
    if not declared and "HTTP_TRANSFER_ENCODING" in request.META:
        raise Problem("length-required", 411, "Send the body with a Content-Length.")
    length = int(declared) if declared.isdecimal() else 0
    if length > limit:
        raise Problem("too-large", 413, f"The body has more than {limit} bytes; send it in parts.")
    body = request.read(length)
    if len(body) < length:
        raise Problem("unreadable", 400, f"The body ends after {len(body)} of {length} bytes.")
    return body


def _refuse_encoding(request: HttpRequest) -> None:
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        detail = f"Content-Encoding {encoding[:40]} is not taken; send the body as it is."
        raise Problem("unsupported-media-type", 415, detail, headers={"Accept-Encoding": "identity"})


def _refuse_other_types(request: HttpRequest, taken: Sequence[str]) -> str:
    kind = request.content_type or ""
    if kind not in taken:
        detail = f"Content-Type {kind[:80] or 'is missing and'} is not taken; send {' or '.join(taken[:2])}."
        raise Problem("unsupported-media-type", 415, detail)
    charset = (request.content_params or {}).get("charset", "utf-8").lower()
    if charset not in ("utf-8", "utf8"):
        raise Problem("unsupported-media-type", 415, f"charset {charset[:40]} is not taken; send UTF-8.")
    return kind


def _parsed(body: bytes) -> Any:
    try:
        return from_json(body.removeprefix(BYTE_ORDER_MARK), allow_inf_nan=False)
    except ValueError as error:
        raise Problem("unreadable", 400, _reason(body, error)) from None


def _reason(body: bytes, error: ValueError) -> str:
    if not body.strip():
        return "The body is empty."
    try:
        body.decode()
    except UnicodeDecodeError as wrong:
        return f"The body is not UTF-8: byte {wrong.start} cannot be read."
    return f"The body is not JSON: {error}."


def _lines(body: bytes) -> list[object]:
    lines = [line for line in body.removeprefix(BYTE_ORDER_MARK).split(b"\n") if line.strip()]
    _refuse_many(len(lines))
    return [_line(line) for line in lines]


def _line(line: bytes) -> object:
    try:
        return from_json(line, allow_inf_nan=False)
    except ValueError as error:
        return Unreadable(f"this line is not JSON: {error}")


def _enclosed(parsed: Mapping[str, object]) -> object:
    unknown = [name for name in parsed if name != "items"]
    if unknown:
        raise invalid(
            [FieldError(name[:80], "is not a field beside items; leave it out") for name in unknown[:10]]
        )
    return parsed["items"]


def _refuse_many(number: int) -> None:
    if number > MAX_ITEMS:
        raise Problem("too-large", 413, f"There are {number} items; send at most {MAX_ITEMS} at a time.")


_BY_TYPE = {
    "missing": "is missing",
    "extra_forbidden": "is not a field here; leave it out",
    "string_too_short": "is empty",
    "model_type": "give an object with named fields",
}


def _field_error(error: ErrorDetails, form: type[BaseModel]) -> FieldError:
    # Of the two ways to name a campaign, which one was tried is no part of the field's name.
    names = [str(part)[:80] for part in error["loc"] if part not in WAYS_TO_NAME]
    known = form.model_fields.get(names[0]) if names else None
    said = _BY_TYPE.get(error["type"])
    if said is None and error["type"] == "string_too_long":
        said = f"has more than {error['ctx']['max_length']} characters"
    if said is None and len(names) == 1 and known is not None and known.description:
        said = f"give {known.description[0].lower()}{known.description[1:]}"
    return FieldError(".".join(names), said or sentence(error["msg"]))

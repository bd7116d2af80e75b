"""The changes of all brands in one feed. How far one has read is a number for each brand, told as one text."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router
from pydantic import BaseModel, Field

from ads.api import schemas
from ads.api.auth import can_read, token_of
from ads.api.openapi import LONG_ADDRESS
from ads.api.pages import DEFAULT_LIMIT, MAX_LIMIT, Id, cut, refuse_unknown
from ads.api.problems import FieldError, invalid, not_found
from ads.api.shapes import answer, changes_out
from ads.models import ApiToken, Brand
from ads.services.changes import changes_since, latest

router = Router(tags=["Serving"])

MAX_BRANDS = 500  # so that a cursor fits into an address
MAX_ASKED = 50
LATEST = "latest"


class FeedParameters(BaseModel):
    after: str = Field(
        "",
        max_length=3800,
        pattern=r"^[A-Za-z0-9_-]*$",
        description="The last answer's `next`. Empty: from the start. latest: from now on.",
    )
    brand: list[Id] = Field([], max_length=MAX_ASKED, description="Of these brands; several are possible.")
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = Field(DEFAULT_LIMIT, description="How many at most.")


@router.get(
    "/status-changes", auth=can_read, response={200: schemas.StatusChangeFeed}, openapi_extra=LONG_ADDRESS
)
def list_all_status_changes(
    request: HttpRequest, parameters: Annotated[FeedParameters, Query()]
) -> HttpResponse:
    """The changes of campaigns' statuses and reasons in all brands since the cursor; none is ever skipped.

    Of each brand they come in their order and without gaps; brands are mingled.
    """
    refuse_unknown(request, FeedParameters)
    brand_ids = _brand_ids(token_of(request), parameters.brand)
    if parameters.after == LATEST:
        return answer(schemas.StatusChangeFeed(items=[], next=_encoded(latest(brand_ids)), has_more=False))
    # Brands that are not asked for now keep their place.
    seen = _decoded(parameters.after)
    wanted = {brand_id: seen.get(brand_id, 0) for brand_id in brand_ids}
    changes, has_more = cut(changes_since(wanted, parameters.limit + 1), parameters.limit)
    following = _encoded(seen | {change.brand_id: change.sequence for change in changes})
    return answer(schemas.StatusChangeFeed(items=changes_out(changes), next=following, has_more=has_more))


def _brand_ids(token: ApiToken, asked: list[int]) -> list[int]:
    visible = token.visible(Brand.objects.all()).order_by("pk")
    if asked:
        visible = visible.filter(pk__in=asked)
    found = list(visible.values_list("pk", flat=True)[: MAX_BRANDS + 1])
    if len(found) < len(set(asked)):
        raise not_found("brand")
    if len(found) > MAX_BRANDS:
        detail = f"give at most {MAX_BRANDS} brands; this token sees more, so read them in several feeds"
        raise invalid([FieldError("brand", detail)])
    return found


def _encoded(seen: Mapping[int, int]) -> str:
    """Brand ids, each as its distance from the one before, and numbers, in as few bytes as each needs."""
    written = bytearray()
    previous = 0
    for brand_id, number in sorted(seen.items()):
        if number:
            written += _varint(brand_id - previous) + _varint(number)
            previous = brand_id
    return urlsafe_b64encode(bytes(written)).decode().rstrip("=") or "0"


def _decoded(cursor: str) -> dict[int, int]:
    if cursor in ("", "0"):
        return {}
    try:
        numbers = list(_varints(urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))))
    except ValueError:
        numbers = [0]
    seen: dict[int, int] = {}
    brand_id = 0
    for distance, number in zip(numbers[::2], numbers[1::2], strict=False):
        brand_id += distance
        seen[brand_id] = number
    if len(numbers) % 2 or any(number > schemas.MAX_ID - MAX_LIMIT - 1 for number in seen.values()):
        raise invalid([FieldError("after", "give the next of an earlier answer, or leave it out")])
    return seen


def _varint(number: int) -> bytes:
    """Seven bits to a byte, the lowest first; the high bit says that there are more."""
    written = bytearray()
    while number > 127:
        written.append(number & 127 | 128)
        number >>= 7
    written.append(number)
    return bytes(written)


def _varints(data: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in data:
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            yield number
            number = shift = 0
    if shift:
        raise ValueError("it ends within a number")

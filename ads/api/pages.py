"""Lists are read a page at a time, in the order of their ids, each page beginning after the last one's end."""

import re
from collections.abc import Sequence
from datetime import date
from typing import Annotated, TypeVar

from django.http import HttpRequest
from pydantic import BaseModel, BeforeValidator, Field

from ads.api.problems import FieldError, invalid
from ads.api.schemas import DAY, MAX_ID

T = TypeVar("T")

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000

Id = Annotated[int, Field(ge=1, le=MAX_ID)]


def _written_out(text: object) -> object:
    """A date as it is written, and not as the number of seconds that would be taken as well."""
    if isinstance(text, str) and not re.fullmatch(DAY, text):
        raise ValueError("give a date such as 2026-11-20")
    return text


Day = Annotated[date, BeforeValidator(_written_out)]


class PageParameters(BaseModel):
    """What every list takes."""

    after: Annotated[int, Field(ge=0, le=MAX_ID)] = Field(
        0, description="The page's `next`, to go on after it."
    )
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = Field(DEFAULT_LIMIT, description="How many at most.")


def refuse_unknown(request: HttpRequest, parameters: type[BaseModel]) -> None:
    """Raises a Problem for a parameter that is none of these: a misspelt filter must not pass for none.

    One that is given twice is refused as well, where it is no list: only one of the two would count.
    """
    fields = parameters.model_fields
    errors = []
    for name, values in request.GET.lists():
        if name not in fields:
            errors.append(FieldError(name[:80], "is not a parameter here; leave it out"))
        elif len(values) > 1 and not isinstance(fields[name].default, list):
            errors.append(FieldError(name, "is given more than once; give it once"))
    if errors:
        raise invalid(errors)


def cut(rows: Sequence[T], limit: int) -> tuple[Sequence[T], bool]:
    """A page of rows, of which one more than fits was read, and whether there is more."""
    return rows[:limit], len(rows) > limit


def next_after(ids: Sequence[int], parameters: PageParameters) -> int:
    """Where the next page begins: after the last of these, or where this one began if it is empty."""
    return ids[-1] if ids else parameters.after

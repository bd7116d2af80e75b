"""What people are told when a page fails, above all while the database cannot answer: without a session or a user."""

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from ads.services.outage import Outage, is_left_open, outage_of
from ads.services.transactions import waiting_at_most

logger = logging.getLogger("ads.outage")

READING = {"GET", "HEAD", "OPTIONS"}
RETRY_AFTER = "5"  # seconds
PART = "This part of the page stays as it was, and nothing was changed. Try again in a moment."
KEPT = "What was saved before is kept."
UNCHANGED = "Nothing was changed by what you sent."
AGAIN = "Try again in a moment; if it lasts, tell an administrator since when."
SEND_AGAIN = (
    "Send it again in a moment: what you entered is kept here. If it lasts, tell an administrator since when."
)


@dataclass(frozen=True, slots=True)
class Words:
    """A title, sentences on what it means and what to do, and which button does it."""

    title: str
    body: str
    way: Literal["look", "send", ""] = ""


# What it is, and why where somebody can tell.
_WHAT = {
    Outage.AWAY: ("the database cannot be reached", ""),
    Outage.CLOSED: ("the database takes nothing at the moment", ""),
    Outage.HELD: (
        "somebody else is working on this brand",
        "An import, say, or another person was not done with it in time. ",
    ),
}
_LEFT_OPEN = Words(
    "Perhaps not saved: the database went away",
    "It went away in the midst of saving, so nobody can tell from here whether your change was saved. Look whether it "
    "is there before you save it again.",
)


class OutageMiddleware:
    """No request waits for ever for what somebody has locked; where the database cannot answer a view, that is told."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with waiting_at_most(settings.LOCK_WAIT_SECONDS):
            return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        return _told(request, error, is_open=is_left_open(error))


def failed(request: HttpRequest) -> HttpResponse:
    """Answers what failed outside a view, where a view may have saved something before, and what is a fault of ours."""
    error = sys.exc_info()[1]
    told = None if error is None else _told(request, error, is_open=True)
    return told or HttpResponse(
        render_to_string("500.html", {"is_read": request.method in READING}),
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
    )


def _words(outage: Outage, *, is_read: bool) -> Words:
    what, why = _WHAT[outage]
    if is_read:
        return Words(f"{what[:1].upper()}{what[1:]}", f"{why}Nothing was lost. {KEPT} {AGAIN}", "look")
    return Words(f"Not saved: {what}", f"{why}{UNCHANGED} {KEPT} {SEND_AGAIN}", "send")


def _told(request: HttpRequest, error: BaseException, *, is_open: bool) -> HttpResponse | None:
    """503 and what it means, where the database could not answer; as text for a part of a page."""
    outage = outage_of(error)
    if outage is None:
        return None
    told = str(error).strip()
    logger.warning("The database could not answer %s %s: %s", request.method, request.path, told)
    # A part is only looked at, also where it posts: what is saved is sent as a whole.
    is_part = "HX-Request" in request.headers
    is_read = is_part or request.method in READING
    words = _LEFT_OPEN if is_open and not is_read else _words(outage, is_read=is_read)
    body = f"{words.title}. {PART}" if is_part else render_to_string("503.html", {"words": words})
    return HttpResponse(
        body,
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        content_type=f"text/{'plain' if is_part else 'html'}; charset=utf-8",
        headers={"Retry-After": RETRY_AFTER, "Cache-Control": "no-store"},
    )

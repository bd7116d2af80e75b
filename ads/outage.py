"""What people are told while the database cannot answer. It is told without the database: no session, no user."""

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.defaults import server_error

from ads.services.outage import Outage, is_left_open, outage_of
from ads.services.transactions import waiting_at_most

logger = logging.getLogger("ads.outage")

READING = {"GET", "HEAD", "OPTIONS"}
RETRY_AFTER = "5"  # seconds
PART = "This part of the page stays as it was, and nothing was changed. Try again in a moment."
KEPT = "What was saved before is kept."
AGAIN = "Try again in a moment; if it lasts, tell an administrator since when."
SEND_AGAIN = "Go back and save it again in a moment; if it lasts, tell an administrator since when."


@dataclass(frozen=True, slots=True)
class Words:
    """A title, and sentences on what it means and what to do."""

    title: str
    body: str


_READ = {
    Outage.AWAY: Words("The database cannot be reached", f"Nothing was lost. {KEPT} {AGAIN}"),
    Outage.CLOSED: Words("The database takes nothing at the moment", f"Nothing was lost. {KEPT} {AGAIN}"),
    Outage.HELD: Words(
        "Somebody else is working on this brand",
        f"What you asked for needs the brand too, and was waited for long enough. Nothing was changed. {AGAIN}",
    ),
}
_NOT_SAVED = {
    Outage.AWAY: Words(
        "Not saved: the database cannot be reached",
        f"Nothing was changed by what you sent. {KEPT} {SEND_AGAIN}",
    ),
    Outage.CLOSED: Words(
        "Not saved: the database takes nothing at the moment",
        f"Nothing was changed by what you sent. {KEPT} {SEND_AGAIN}",
    ),
    Outage.HELD: Words(
        "Not saved: somebody else is working on this brand",
        f"An import, say, or another person was not done with it in time. Nothing was changed by what you sent. "
        f"{SEND_AGAIN}",
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
        return _told(request, error)


def failed(request: HttpRequest) -> HttpResponse:
    """Answers what failed outside a view, such as in finding out who asks, and what is a fault of ours."""
    error = sys.exc_info()[1]
    told = None if error is None else _told(request, error)
    return told or server_error(request)


def _told(request: HttpRequest, error: BaseException) -> HttpResponse | None:
    """503 and what it means, where the database could not answer; as text for a part of a page."""
    outage = outage_of(error)
    if outage is None:
        return None
    logger.warning(
        "The database could not answer %s %s: %s", request.method, request.path, str(error).strip()
    )
    kind, body = "text/html", _page(request, outage, is_open=is_left_open(error))
    if (
        "HX-Request" in request.headers
    ):  # it only looks, also where it posts: pages are saved by whole requests
        kind, body = "text/plain", f"{_READ[outage].title}. {PART}"
    return HttpResponse(
        body,
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        content_type=f"{kind}; charset=utf-8",
        headers={"Retry-After": RETRY_AFTER, "Cache-Control": "no-store"},
    )


def _page(request: HttpRequest, outage: Outage, *, is_open: bool) -> str:
    words = _words(request, outage, is_open=is_open)
    return render_to_string("503.html", {"words": words, "is_read": request.method in READING})


def _words(request: HttpRequest, outage: Outage, *, is_open: bool) -> Words:
    if request.method in READING:
        return _READ[outage]
    return _LEFT_OPEN if is_open else _NOT_SAVED[outage]

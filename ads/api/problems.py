"""Errors as problem details (RFC 9457): one form for every one of them, naming the fields."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, RequestDataTooBig, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI
from ninja.errors import AuthenticationError
from ninja.errors import ValidationError as InvalidParameters
from pydantic_core import to_json

from ads.services.outage import Outage, outage_of

logger = logging.getLogger("ads.api")

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:problem-type:budgets:"
API_PATH = "/api/"


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field ('' for the whole)."""

    field: str
    message: str

    def as_dict(self) -> dict[str, str]:
        return {"field": self.field, "message": self.message}


@dataclass(eq=False)
class Problem(Exception):
    """Raised anywhere below a handler to answer with an error. `code` is the stable name for programs."""

    code: str
    http_status: int
    detail: str
    errors: Sequence[FieldError] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The problem as it is told."""
        return {
            "type": TYPE_PREFIX + self.code,
            "title": HTTPStatus(self.http_status).phrase,
            "status": self.http_status,
            "detail": self.detail,
            "errors": [error.as_dict() for error in self.errors],
            **self.more,
        }

    def response(self) -> HttpResponse:
        """The problem as an HTTP response."""
        body, headers = to_json(self.as_dict()), dict(self.headers)
        return HttpResponse(body, status=self.http_status, content_type=MEDIA_TYPE, headers=headers)


def not_found(what: str) -> Problem:
    """For what is not there and for what the token has no right to: nobody can tell one from the other."""
    return Problem("not-found", 404, f"There is no such {what}, or this token has no right to it.")


@csrf_exempt
def no_such_address(request: HttpRequest) -> HttpResponse:
    """Answers any address below /api/ that there is not, as all else of the API does."""
    return Problem(
        "not-found", 404, f"There is no {request.path} here; /api/v1/docs tells what there is."
    ).response()


def invalid(errors: Sequence[FieldError]) -> Problem:
    """For a body or parameters that can be read and cannot be taken."""
    first = errors[0]
    where = f"{first.field}: " if first.field else ""
    return Problem("invalid", 422, f"{where}{first.message}", errors)


def unauthorized(detail: str) -> Problem:
    """For a request without a token that opens anything."""
    return Problem("unauthorized", 401, detail, headers={"WWW-Authenticate": 'Bearer realm="api"'})


UNAVAILABLE = Problem(
    "unavailable",
    503,
    "The database could not answer. Send the same again: what was recorded is not counted twice.",
    headers={"Retry-After": "1"},
)
BUSY = Problem(
    "busy",
    503,
    "Something else works on the same brand, and was not done with it in time. Send the same again: what was "
    "recorded is not counted twice.",
    headers={"Retry-After": "5"},
)


def sentence(message: str) -> str:
    """A message as it follows the name of a field."""
    return message[:1].lower() + message[1:]


def register(api: NinjaAPI) -> None:
    """Makes a problem of everything that a handler can raise."""
    for kind, answer in _ANSWERS.items():
        api.add_exception_handler(kind, _handler(answer))
    api.add_exception_handler(Exception, _unexpected)


def _handler(answer: Callable[[Any], Problem]) -> Callable[[HttpRequest, Any], HttpResponse]:
    return lambda _request, error: answer(error).response()


def _unexpected(request: HttpRequest, error: Any) -> HttpResponse:
    outage = outage_of(error)
    if outage is not None:
        logger.warning("The database could not answer: %s", str(error).strip())
        return (BUSY if outage is Outage.HELD else UNAVAILABLE).response()
    logger.error("%s %s failed", request.method, request.path, exc_info=error)
    return Problem("internal", 500, "Something went wrong here; the log of the server tells what.").response()


def _of_parameters(error: InvalidParameters) -> Problem:
    return invalid([FieldError(str(each["loc"][-1]), sentence(each["msg"])) for each in error.errors])


def _of_values(error: ValidationError) -> Problem:
    return invalid(
        [
            FieldError("" if name == NON_FIELD_ERRORS else name, message)
            for name, messages in error.message_dict.items()
            for message in messages
        ]
    )


def _too_large(_: Exception) -> Problem:
    return Problem("too-large", 413, "The body is larger than this server takes.")


_ANSWERS: dict[type[Exception], Callable[[Any], Problem]] = {
    Problem: lambda problem: problem,
    AuthenticationError: lambda _: unauthorized("Send the header Authorization: Bearer <token>."),
    Http404: lambda _: not_found("thing"),
    InvalidParameters: _of_parameters,
    ValidationError: _of_values,
    RequestDataTooBig: _too_large,
    UnreadablePostError: lambda _: Problem("unreadable", 400, "The body could not be read to its end."),
}

_OUTSIDE_HANDLERS = {
    400: ("bad-request", "The request cannot be understood."),
    404: ("not-found", "There is nothing at this address."),
    405: (
        "method-not-allowed",
        "This address does not take this method; the header Allow names those it does.",
    ),
    413: ("too-large", "The body is larger than this server takes."),
    503: (UNAVAILABLE.code, UNAVAILABLE.detail),
}


class ProblemMiddleware:
    """Makes problems of the errors below /api/ that no handler of the API saw, and keeps answers out of caches."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not request.path_info.startswith(API_PATH):
            return response
        if response.status_code >= HTTPStatus.BAD_REQUEST and response["Content-Type"] != MEDIA_TYPE:
            response = _made_a_problem(response)
        response.setdefault("Cache-Control", "no-store")
        return response


def _made_a_problem(response: HttpResponse) -> HttpResponse:
    unexpected = ("internal", "Something went wrong here; the log of the server tells what.")
    code, detail = _OUTSIDE_HANDLERS.get(response.status_code, unexpected)
    kept = {name: response[name] for name in ("Allow", "Retry-After") if name in response}
    made = Problem(code, response.status_code, detail, headers=kept).response()
    made["Content-Length"] = str(len(made.content))
    return made

"""Each answer names the id that the log has for its request, so that who has a problem can tell it."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase
from structlog.contextvars import get_contextvars


class RequestIdMiddleware:
    """Stands behind the one that gives the ids."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request_id: str = get_contextvars()["request_id"]
        response = self.get_response(request)
        response.headers["X-Request-ID"] = request_id
        return response

"""The header Idempotency-Key: the same request sent again gets the first answer, and runs once."""

import time
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from hashlib import sha256
from http import HTTPStatus
from typing import ParamSpec, cast

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from ads.api.auth import token_of
from ads.api.bodies import JSON, read_body
from ads.api.problems import Problem
from ads.services import idempotency
from ads.services.idempotency import Claim, KeptAnswer, KeyReused, StillRunning

P = ParamSpec("P")
HEADER = "Idempotency-Key"
LONGEST_KEY = 255
WAITED_AT_MOST = timedelta(seconds=2)
ASKED_EVERY = timedelta(milliseconds=50)


def idempotent(handler: Callable[P, HttpResponse]) -> Callable[P, HttpResponse]:
    """Honours the header for this handler. Answers other than 2xx changed nothing and are not kept."""

    @wraps(handler)
    def run(*args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        request = cast("HttpRequest", args[0])
        key = request.headers.get(HEADER)
        if key is None:
            return handler(*args, **kwargs)
        claimed = _claim(request, key)
        if isinstance(claimed, KeptAnswer):
            return _replayed(claimed)
        try:
            response = handler(*args, **kwargs)
        except BaseException:
            idempotency.give_up(claimed)
            raise
        if response.status_code >= HTTPStatus.BAD_REQUEST:
            idempotency.give_up(claimed)
        else:
            idempotency.keep_answer(claimed, response.status_code, response.content)
        return response

    return run


def _claim(request: HttpRequest, key: str) -> Claim | KeptAnswer:
    """The right to run it, or the answer of whoever did; waits a little for one who is at it."""
    if not key.strip() or len(key) > LONGEST_KEY or not (key.isascii() and key.isprintable()):
        detail = f"{HEADER} is to have 1 to {LONGEST_KEY} printable ASCII characters."
        raise Problem("invalid-idempotency-key", 400, detail)
    digest = sha256(f"{request.method} {request.path}\n".encode() + read_body(request)).hexdigest()
    give_up_at = timezone.now() + WAITED_AT_MOST
    while True:
        now = timezone.now()
        try:
            return idempotency.claim(token_of(request), key, digest, now)
        except KeyReused:
            detail = f"This {HEADER} came before with another request; give each request one of its own."
            raise Problem("idempotency-key-reused", 409, detail) from None
        except StillRunning:
            if now >= give_up_at:
                raise _running() from None
        time.sleep(ASKED_EVERY.total_seconds())


def _running() -> Problem:
    detail = f"The first request with this {HEADER} has no answer yet; come back for it."
    return Problem("idempotency-key-in-use", 409, detail, headers={"Retry-After": "1"})


def _replayed(kept: KeptAnswer) -> HttpResponse:
    return HttpResponse(
        kept.body, status=kept.http_status, content_type=JSON, headers={"Idempotent-Replayed": "true"}
    )

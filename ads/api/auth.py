"""Who asks: a bearer token with a scope, at its pace."""

from collections.abc import Sequence

from django.http import HttpRequest
from django.utils import timezone
from ninja.security import HttpBearer

from ads.api.problems import Problem, unauthorized
from ads.api.throttling import throttle
from ads.models import ApiToken, Scope
from ads.services import tokens


class TokenAuth(HttpBearer):
    """Lets a request in whose token is known, in force and has the scope."""

    def __init__(self, scope: Scope) -> None:
        super().__init__()
        self.scope = scope

    def authenticate(self, request: HttpRequest, token: str) -> ApiToken:
        """The token; raises a Problem where it opens nothing here."""
        now = timezone.now()
        found = tokens.find(token.strip())
        refusal = "This token is not known." if found is None else found.refusal(now)
        if found is None or refusal:
            raise unauthorized(refusal)
        throttle.check(found, now)
        if self.scope not in found.scopes:
            raise lacks_scope(self.scope, found.scopes)
        tokens.note_use(found, now)
        return found


def lacks_scope(needed: Scope, given: Sequence[str]) -> Problem:
    """For a token that may other things than this."""
    detail = f"This needs the scope {needed.value}; the token has {' '.join(given)}."
    return Problem("forbidden", 403, detail)


can_write_spend = TokenAuth(Scope.SPEND_WRITE)
can_read = TokenAuth(Scope.READ)
can_manage = TokenAuth(Scope.MANAGE)


def token_of(request: HttpRequest) -> ApiToken:
    """The token that let the request in."""
    token = getattr(request, "auth", None)
    if not isinstance(token, ApiToken):
        raise TypeError("the handler has no TokenAuth")
    return token

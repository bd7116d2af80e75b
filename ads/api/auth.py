"""Who asks: a bearer token with a scope, at its pace."""

from collections.abc import Sequence
from datetime import datetime

from django.http import HttpRequest
from django.utils import timezone
from ninja.security import HttpBearer

from ads.api.problems import Problem, unauthorized
from ads.api.throttling import throttle
from ads.models import ApiToken, Scope
from ads.rights import Right, may
from ads.services import tokens, wrong_tokens
from budget_system.addresses import client_address


class TokenAuth(HttpBearer):
    """Lets a request in whose token is known, in force and has the scope, and whose user has the rights."""

    def __init__(self, scope: Scope, *rights: Right) -> None:
        super().__init__()
        self.scope = scope
        self.rights = rights

    def authenticate(self, request: HttpRequest, token: str) -> ApiToken:
        """The token; raises a Problem where it opens nothing here."""
        now = timezone.now()
        found = tokens.find(token.strip())
        if found is None:
            raise unknown_token(client_address(request) or "", now)
        if refusal := found.refusal(now):
            raise unauthorized(refusal)
        throttle.check(found, now)
        if self.scope not in found.scopes:
            raise lacks_scope(self.scope, found.scopes)
        tokens.note_use(found, now)
        demand_rights(found, *self.rights)
        return found


def unknown_token(address: str, now: datetime) -> Problem:
    """For a token that nobody was given: counted, until so many came from its address that it is locked out."""
    if wait := wrong_tokens.seconds_locked(address, now):
        detail = f"Too many unknown tokens came from this address. Come back in {wait} s; a known one is let in now."
        return Problem("locked-out", 429, detail, headers={"Retry-After": str(wait)})
    wrong_tokens.count(address, now)
    return unauthorized("This token is not known.")


def lacks_scope(needed: Scope, given: Sequence[str]) -> Problem:
    """For a token that may other things than this."""
    detail = f"This needs the scope {needed.value}; the token has {' '.join(given)}."
    return Problem("forbidden", 403, detail)


def demand_rights(token: ApiToken, *rights: Right) -> None:
    """Raises a Problem that names the first of these rights that the token's user has not."""
    for right in rights:
        if not may(token.user, right):
            raise lacks_right(right, token.user.get_username())


def lacks_right(needed: Right, user: str) -> Problem:
    """For a token whose user may other things than this."""
    detail = f"This needs the right “{needed.label}”, which the token’s user {user} does not have."
    return Problem("forbidden", 403, detail, more={"right": needed.value})


can_write_spend = TokenAuth(Scope.SPEND_WRITE, Right.SEE, Right.RECORD_SPEND)
can_read = TokenAuth(Scope.READ, Right.SEE)
# What is changed decides which rights that needs besides.
can_manage = TokenAuth(Scope.MANAGE, Right.SEE)
can_switch = TokenAuth(Scope.MANAGE, Right.SEE, Right.SWITCH)
can_handle_alerts = TokenAuth(Scope.MANAGE, Right.SEE, Right.HANDLE_ALERTS)


def token_of(request: HttpRequest) -> ApiToken:
    """The token that let the request in."""
    token = getattr(request, "auth", None)
    if not isinstance(token, ApiToken):
        raise TypeError("the handler has no TokenAuth")
    return token

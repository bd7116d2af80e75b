"""Who is acting: the person or command in whose name rows of history are written."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.http import HttpRequest, HttpResponse

Actor = AbstractBaseUser | AnonymousUser | str | None

# A request's user is a lazy object, so types are asked of `is_authenticated`, not of the class.
_current: ContextVar[Actor] = ContextVar("actor", default=None)


@contextmanager
def acting_as(by: Actor) -> Iterator[None]:
    """Names the actor for everything written inside; None leaves the present actor in place."""
    if by is None:
        yield
        return
    token = _current.set(by)
    try:
        yield
    finally:
        _current.reset(token)


def actor_name() -> str:
    """The present actor for columns named `by`: a user name, a command's name, or '' for the system itself."""
    actor = _current.get()
    return actor if isinstance(actor, str) else "" if actor is None else actor.get_username()


def actor_user(**_: object) -> AbstractBaseUser | None:
    """The present actor where it is a user, for the history of settings."""
    actor = _current.get()
    if isinstance(actor, str) or actor is None or not actor.is_authenticated:
        return None
    return actor


class ActorMiddleware:
    """Whoever is signed in acts in the requests they make."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with acting_as(request.user):
            return self.get_response(request)

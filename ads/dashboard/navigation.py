"""Links of the header, each shown only to whom its page is open, and only where that page exists."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from ads.models import Alert
from ads.rights import Right, may


@dataclass(frozen=True, slots=True)
class Link:
    """A link of the header."""

    title: str
    url: str
    is_current: bool
    waiting: int = 0


# Title and name of the address. Pages of the admin are for staff.
_PAGES = (
    ("Overview", "dashboard:overview"),
    ("Campaigns", "dashboard:campaigns"),
    ("Alerts", "dashboard:alerts"),
    ("Reports", "dashboard:reports"),
    ("Imports", "admin:ads_spendimport_changelist"),
    ("Quarantine", "admin:ads_quarantinedspend_changelist"),
    ("Admin", "admin:index"),
)


def url_or_none(name: str) -> str | None:
    """The address of this name; None where no page has it."""
    try:
        return reverse(name)
    except NoReverseMatch:
        return None


def admin_is_open_to(user: AbstractBaseUser | AnonymousUser, *rights: Right) -> bool:
    """Whether a page of the admin that asks for these rights lets this person in."""
    return user.is_active and getattr(user, "is_staff", False) and may(user, *rights)


def links(request: HttpRequest) -> Iterator[Link]:
    """The header's links for whoever is signed in."""
    for title, name in _PAGES:
        url = url_or_none(name)
        is_open = not name.startswith("admin:") or admin_is_open_to(request.user, Right.SEE)
        if url is not None and is_open and request.user.is_authenticated:
            is_below = len(url) > 1 and request.path.startswith(url)
            waiting = _open_alerts(request) if title == "Alerts" else 0
            yield Link(title, url, is_current=request.path == url or is_below, waiting=waiting)


def _open_alerts(request: HttpRequest) -> int:
    return Alert.objects.visible_to(request.user).open(timezone.now()).count()

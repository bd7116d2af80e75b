"""Links of the header, each shown only to whom its page is open, and only where that page exists."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, PermissionsMixin
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse


@dataclass(frozen=True, slots=True)
class Link:
    """A link of the header."""

    title: str
    url: str
    is_current: bool


# Title, name of the address, and what opens it: nothing, staff (""), or a permission.
_PAGES: tuple[tuple[str, str, str | None], ...] = (
    ("Overview", "dashboard:overview", None),
    ("Campaigns", "dashboard:campaigns", None),
    ("Reports", "dashboard:reports", None),
    ("Imports", "admin:ads_spendimport_changelist", "ads.view_spendimport"),
    ("Quarantine", "admin:ads_quarantinedspend_changelist", "ads.view_quarantinedspend"),
    ("Admin", "admin:index", ""),
)


def url_or_none(name: str) -> str | None:
    """The address of this name; None where no page has it."""
    try:
        return reverse(name)
    except NoReverseMatch:
        return None


def is_open_to(user: AbstractBaseUser | AnonymousUser, permission: str | None) -> bool:
    """Whether a page that asks for this lets this person in; "" asks for staff, None for nothing."""
    if permission is None:
        return user.is_authenticated
    if not isinstance(user, PermissionsMixin) or not user.is_active or not getattr(user, "is_staff", False):
        return False
    return not permission or user.has_perm(permission)


def links(request: HttpRequest) -> Iterator[Link]:
    """The header's links for whoever is signed in."""
    for title, name, permission in _PAGES:
        url = url_or_none(name)
        if url is not None and is_open_to(request.user, permission):
            is_below = len(url) > 1 and request.path.startswith(url)
            yield Link(title, url, is_current=request.path == url or is_below)

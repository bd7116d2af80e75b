"""What somebody may do on the dashboard, besides seeing: the one place that its pages ask."""

from enum import StrEnum

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, PermissionsMixin
from django.core.exceptions import PermissionDenied

_PERMISSION = "ads.change_brand"  # as in the admin, where one permission is for all of it


class Right(StrEnum):
    """One thing that somebody may do with the brands they see."""

    EDIT_BUDGETS = "edit_budgets"
    SWITCH = "switch"
    RESET_BUDGETS = "reset_budgets"


def may(person: AbstractBaseUser | AnonymousUser, right: Right) -> bool:
    """Whether this person has the right; who is switched off has none."""
    return right in Right and isinstance(person, PermissionsMixin) and person.has_perm(_PERMISSION)


def demand(person: AbstractBaseUser | AnonymousUser, right: Right) -> None:
    """Raises PermissionDenied where this person has not the right."""
    if not may(person, right):
        raise PermissionDenied

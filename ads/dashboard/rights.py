"""What the signed-in person may do with a campaign they see. The one place of the dashboard that asks."""

from enum import Enum, auto

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, PermissionsMixin
from django.core.exceptions import PermissionDenied


class Act(Enum):
    """Something that people do on a campaign's page."""

    SWITCH = auto()
    EDIT_BUDGETS = auto()
    EDIT_SCHEDULE = auto()
    RESET = auto()


_PERMISSIONS = {
    Act.SWITCH: "ads.change_campaign",
    Act.EDIT_BUDGETS: "ads.change_campaign",
    Act.EDIT_SCHEDULE: "ads.change_daypartingschedule",
    Act.RESET: "ads.change_campaign",
}


def may(person: AbstractBaseUser | AnonymousUser, act: Act) -> bool:
    """Whether this person may."""
    return isinstance(person, PermissionsMixin) and person.has_perm(_PERMISSIONS[act])


def demand(person: AbstractBaseUser | AnonymousUser, act: Act) -> None:
    """Raises PermissionDenied where this person may not."""
    if not may(person, act):
        raise PermissionDenied

"""What people may do: the rights there are, the roles made of them, and the right that each setting needs.

Roles are Django's groups: seeded once, and people's from then on. Whose brands somebody sees is decided by
`visible_to` in models/querysets.py.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, Group, Permission, PermissionsMixin
from django.core.exceptions import PermissionDenied
from django.db import models, router

Person = AbstractBaseUser | AnonymousUser
MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"  # which knows who has a right


class Right(models.TextChoices):
    """One thing that somebody may do; a permission of Django's, on the model Brand."""

    SEE = "see", "See brands, campaigns and spend"
    SEE_ALL_BRANDS = "see_all_brands", "Every brand, not only those assigned"
    EDIT_BUDGETS = "edit_budgets", "Change budgets"
    SWITCH = "switch", "Switch brands and campaigns on and off"
    EDIT_SCHEDULES = "edit_schedules", "Change flights and dayparting"
    EDIT_SETTINGS = "edit_settings", "Add, name, copy and archive brands and campaigns"
    RECORD_SPEND = "record_spend", "Record, import and reverse spend"
    RESET_BUDGETS = "reset_budgets", "Start budgets afresh"
    HANDLE_ALERTS = "handle_alerts", "Handle alerts and change their rules"
    MANAGE_PEOPLE = "manage_people", "Manage people, their roles, brands and API tokens"
    MANAGE_SCHEDULE = "manage_schedule", "Change the schedule of tasks"
    MANAGE_PLATFORMS = "manage_platforms", "Connect platforms"

    @property
    def permission(self) -> str:
        """Its name among Django's permissions."""
        return f"ads.{self.value}"


PERMISSIONS = tuple((right.value, right.label) for right in Right)


@dataclass(frozen=True, slots=True)
class Role:
    """What people of a kind may do with the brands they see."""

    name: str
    rights: frozenset[Right]


_TRAFFICKING = frozenset({Right.SEE, Right.SWITCH, Right.EDIT_SCHEDULES})
_ACCOUNT = _TRAFFICKING | {
    Right.EDIT_BUDGETS,
    Right.EDIT_SETTINGS,
    Right.RECORD_SPEND,
    Right.RESET_BUDGETS,
    Right.HANDLE_ALERTS,
}

VIEWER = Role("Viewer", frozenset({Right.SEE}))
TRAFFICKER = Role("Trafficker", _TRAFFICKING)
ACCOUNT_MANAGER = Role("Account manager", _ACCOUNT)
ADMINISTRATOR = Role("Administrator", frozenset(Right))
ROLES = (VIEWER, TRAFFICKER, ACCOUNT_MANAGER, ADMINISTRATOR)

_RIGHTS_OF_FIELDS = {
    "daily_budget": Right.EDIT_BUDGETS,
    "monthly_budget": Right.EDIT_BUDGETS,
    "total_budget": Right.EDIT_BUDGETS,
    "is_active": Right.SWITCH,
    "enabled": Right.SWITCH,
    "start_date": Right.EDIT_SCHEDULES,
    "end_date": Right.EDIT_SCHEDULES,
    "windows_timezone": Right.EDIT_SCHEDULES,
    "assigned_to": Right.MANAGE_PEOPLE,
}


def may(person: Person, *rights: Right) -> bool:
    """Whether this person has all of these rights; who is switched off has none, a superuser each."""
    return isinstance(person, PermissionsMixin) and all(person.has_perm(right.permission) for right in rights)


def demand(person: Person, *rights: Right) -> None:
    """Raises PermissionDenied, naming the first of these rights that this person has not."""
    for right in rights:
        if not may(person, right):
            raise PermissionDenied(f"This needs the right “{right.label}”.")


def is_superuser(person: Person) -> bool:
    """Whether this person may do everything."""
    return isinstance(person, PermissionsMixin) and person.is_superuser and person.is_active


def right_to_change(field: str) -> Right:
    """The right that changing a setting of a brand or campaign needs."""
    return _RIGHTS_OF_FIELDS.get(field.removesuffix("_micros"), Right.EDIT_SETTINGS)


def may_manage(person: Person, other: Person) -> bool:
    """Whether this person may change the other's account and act in the other's name.

    Nobody gets at more than they have themselves: not at a superuser, and at no one with a right they lack.
    """
    if not may(person, Right.MANAGE_PEOPLE) or not isinstance(other, PermissionsMixin):
        return False
    return is_superuser(person) or (not other.is_superuser and _permissions(other) <= _permissions(person))


def may_grant(person: Person, permissions: Iterable[str]) -> bool:
    """Whether this person has each of these permissions, given as `app.codename`."""
    return is_superuser(person) or (
        may(person, Right.MANAGE_PEOPLE) and _permissions(person) >= set(permissions)
    )


def _permissions(person: Person) -> set[str]:
    """All that somebody was given, also while switched off."""
    given = Permission.objects.filter(models.Q(user=person.pk) | models.Q(group__user=person.pk))
    return {f"{app}.{name}" for app, name in given.values_list("content_type__app_label", "codename")}


def seed_roles(*, using: str = "default", **_: object) -> None:
    """Makes the roles that are missing, and leaves those that people changed as they are."""
    if not router.allow_migrate_model(using, Group):
        return
    stored = Permission.objects.using(using).filter(content_type__app_label="ads", codename__in=Right.values)
    permissions = {permission.codename: permission for permission in stored}
    if len(permissions) < len(Right):  # migrated to where they were not thought of yet
        return
    for role in ROLES:
        group, is_new = Group.objects.using(using).get_or_create(name=role.name)
        if is_new:
            # Past the signals: what a role means at first is nobody's change.
            through = Group.permissions.through
            through._default_manager.using(using).bulk_create(
                through(group_id=group.pk, permission_id=permissions[right.value].pk) for right in role.rights
            )

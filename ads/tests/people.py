"""Gives people roles, as the pages of people do."""

from django.contrib.auth.models import Group, User

from ads.rights import Role


def take_role(user: User, *roles: Role) -> User:
    """The person, who now has these roles and no others."""
    user.groups.set(Group.objects.filter(name__in=[role.name for role in roles]))
    return User.objects.get(pk=user.pk)  # read again: what somebody may do is remembered with them

"""Querysets that decide rights and keep history append-only."""

from typing import Any, ClassVar, NoReturn, Self, TypeVar

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, PermissionsMixin
from django.db import models

from ads.errors import AppendOnlyError

M = TypeVar("M", bound=models.Model)


class VisibleQuerySet(models.QuerySet[M]):
    """`visible_to` is the one place that decides whose brands a person sees and changes."""

    path_to_brand: ClassVar[str] = "brand"

    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        """Rows of the brands this user has a right to: all for superusers, else those assigned to them."""
        if not isinstance(user, PermissionsMixin) or not user.is_active:
            return self.none()
        if user.is_superuser:
            return self.all()
        return self.filter(**{f"{self.path_to_brand}__in": user.brands.values("pk")})  # type: ignore[attr-defined]


class AppendOnlyQuerySet(VisibleQuerySet[M]):
    """Rows of history: added, never changed, never deleted."""

    def update(self, **kwargs: Any) -> NoReturn:
        raise AppendOnlyError(f"{self.model._meta.verbose_name} rows are never changed")

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnlyError(f"{self.model._meta.verbose_name} rows are never changed")

    def delete(self) -> NoReturn:
        raise AppendOnlyError(f"{self.model._meta.verbose_name} rows are never deleted")

    delete.queryset_only = True  # type: ignore[attr-defined]


class AppendOnlyModel(models.Model):
    """A row of history: added, never changed, never deleted; the database refuses it as well (guards.py)."""

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnlyError(f"{self._meta.verbose_name} rows are never changed")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnlyError(f"{self._meta.verbose_name} rows are never deleted")

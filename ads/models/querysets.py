"""Querysets that decide rights and keep history append-only."""

from typing import Any, ClassVar, NoReturn, Self, TypeVar

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models

from ads.errors import AppendOnlyError
from ads.rights import Right, may

M = TypeVar("M", bound=models.Model)


class VisibleQuerySet(models.QuerySet[M]):
    """`visible_to` is the one place that decides whose brands a person sees and changes."""

    path_to_brand: ClassVar[str] = "brand"

    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        """Rows of the brands this user has a right to: none without a role, every one or those assigned to them."""
        if not may(user, Right.SEE):
            return self.none()
        if may(user, Right.SEE_ALL_BRANDS):
            return self.all()
        return self.filter(**{f"{self.path_to_brand}__in": user.brands.values("pk")})  # type: ignore[union-attr]


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

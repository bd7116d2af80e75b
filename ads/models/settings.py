"""What Brand, Campaign and DaypartingSchedule share: however one is written, it is decided again."""

from collections.abc import Collection, Iterable, Mapping
from functools import partial
from typing import Any, ClassVar, Self, TypeVar

from django.db import models, transaction
from django.db.models import ProtectedError
from django.db.models.utils import resolve_callables

from ads.errors import DecidedFieldError, Protected
from ads.models.querysets import VisibleQuerySet
from ads.signals import settings_changed


def lock_brands(brand_ids: Collection[int | None]) -> None:
    """Takes the brand rows' locks in id order, before anything else is locked or read."""
    from ads.models.brand import Brand

    Brand.objects.lock({brand_id for brand_id in brand_ids if brand_id is not None})


class SettingsModel(models.Model):
    """Saved or deleted in one transaction with the decision that follows from it, the brand locked first."""

    decided_fields: ClassVar[frozenset[str]] = frozenset()
    # As read from the database, and what this instance has changed since: see _writable.
    _read: Mapping[str, object] = {}
    _changed: Collection[str] = ()

    class Meta:
        abstract = True

    @classmethod
    def from_db(
        cls, db: str | None, field_names: Collection[str], values: Collection[Any], **options: Any
    ) -> Self:
        instance = super().from_db(db, field_names, values, **options)
        instance._read = dict(zip(field_names, values, strict=True))
        return instance

    def refresh_from_db(
        self,
        using: str | None = None,
        fields: Iterable[str] | None = None,
        from_queryset: models.QuerySet[Self] | None = None,
    ) -> None:
        names = None if fields is None else set(fields)
        super().refresh_from_db(using, names, from_queryset)
        self._remember_read(names)

    def owner(self) -> tuple[int | None, set[int] | None]:
        """The brand's id, and the ids of the campaigns this row concerns (None: all of the brand's)."""
        raise NotImplementedError

    def save(
        self,
        *,
        force_insert: Any = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        with transaction.atomic(using=using):
            lock_brands({self.owner()[0]})
            self.check_values()
            self.check_change()
            created = self._state.adding
            written = self._writable(update_fields, force_insert=bool(force_insert))
            super().save(
                force_insert=force_insert, force_update=force_update, using=using, update_fields=written
            )
            if created:
                self._remember_read()
            self._announce()
            transaction.on_commit(partial(self._remember_written, self._values(written)), using=using)

    def delete(self, using: str | None = None, keep_parents: bool = False) -> tuple[int, dict[str, int]]:
        with transaction.atomic(using=using):
            brand_id, campaign_ids = self.owner()
            lock_brands({brand_id})
            try:
                deleted = super().delete(using=using, keep_parents=keep_parents)
            except ProtectedError as error:
                raise Protected(
                    f"{self} has campaigns, spend or a history of its own and cannot be deleted; archive it instead"
                ) from error
            if brand_id is not None:
                settings_changed.send(type(self), brand_ids={brand_id}, campaign_ids=campaign_ids)
        return deleted

    def check_values(self) -> None:
        """Raises ValidationError where a value of this row is not one that can be; asks no database."""

    def check_change(self) -> None:
        """Raises ValidationError where what is about to be saved breaks a rule about what may change."""

    def _writable(self, update_fields: Iterable[str] | None, *, force_insert: bool) -> list[str] | None:
        """Only what was changed on this instance, and never what the system decided.

        A stale instance would otherwise bring back an old status, or undo a person's switch-off.
        """
        if self._state.adding or force_insert:
            return None if update_fields is None else list(update_fields)
        if update_fields is None:
            differing = {
                name
                for name, value in self._values().items()
                if name not in self._read or value != self._read[name]
            }
            # Written again until it is committed: a rollback does not make it stored.
            self._changed = differing.union(self._changed)
            update_fields = self._changed
        return [name for name in update_fields if name not in self.decided_fields]

    def _loaded_fields(self) -> list[models.Field[Any, Any]]:
        deferred = self.get_deferred_fields()
        return [
            field
            for field in self._meta.concrete_fields
            if not field.primary_key and field.attname not in deferred
        ]

    def _values(self, names: Collection[str] | None = None) -> dict[str, object]:
        return {
            field.attname: getattr(self, field.attname)
            for field in self._loaded_fields()
            if names is None or field.name in names or field.attname in names
        }

    def _remember_written(self, values: Mapping[str, object]) -> None:
        self._read = {**self._read, **values}
        self._changed = set(self._changed) - set(values)

    def _remember_read(self, names: Collection[str] | None = None) -> None:
        self._remember_written(self._values(names))

    def _announce(self) -> None:
        brand_id, campaign_ids = self.owner()
        if brand_id is None:
            raise AssertionError("a saved row has an owner")
        settings_changed.send(type(self), brand_ids={brand_id}, campaign_ids=campaign_ids)
        if self.decided_fields:
            self.refresh_from_db(fields=sorted(self.decided_fields))


S = TypeVar("S", bound=SettingsModel)


class SettingsQuerySet(VisibleQuerySet[S]):
    """The bulk ways to write: brands locked first, the change kept in the history, its consequence decided."""

    path_to_brand_id: ClassVar[str] = "brand_id"
    path_to_campaign_id: ClassVar[str | None] = None
    not_in_bulk: ClassVar[frozenset[str]] = frozenset()

    def update(self, **kwargs: Any) -> int:
        self._refuse(kwargs)
        with transaction.atomic(using=self.db):
            locked, brand_ids, campaign_ids = self._lock_owners()
            # The filter may be on what is being written, so the rows are pinned by key.
            pinned = self.model._base_manager.filter(pk__in=list(locked.values_list("pk", flat=True)))
            updated = pinned.update(**kwargs)
            self._check_and_remember(pinned.all(), update=True)
            self._announce(brand_ids, campaign_ids)
        self._result_cache = None
        return updated

    update.alters_data = True  # type: ignore[attr-defined]

    def bulk_update(self, objs: Iterable[S], fields: Iterable[str], batch_size: int | None = None) -> int:
        rows = list(objs)
        with transaction.atomic(using=self.db):
            # All brands at once: it goes on to call update() for one batch of rows after another.
            self.filter(pk__in=[row.pk for row in rows])._lock_owners()
            return super().bulk_update(rows, list(fields), batch_size)

    bulk_update.alters_data = True  # type: ignore[attr-defined]

    def update_or_create(
        self,
        defaults: Mapping[str, Any] | None = None,
        create_defaults: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> tuple[S, bool]:
        """As Django's, but it locks the brand and never the row before it."""
        with transaction.atomic(using=self.db):
            first = defaults if create_defaults is None else create_defaults
            row, created = self.get_or_create(defaults=first, **kwargs)
            if not created:
                lock_brands({row.owner()[0]})
                row.refresh_from_db()
                for name, value in resolve_callables(defaults or {}):
                    setattr(row, name, value)
                row.save(using=self.db)
        return row, created

    update_or_create.alters_data = True  # type: ignore[attr-defined]

    def bulk_create(self, objs: Iterable[S], *args: Any, **kwargs: Any) -> list[S]:
        rows = list(objs)
        if args[1:] or any(kwargs.get(mode) for mode in ("ignore_conflicts", "update_conflicts")):
            raise DecidedFieldError(
                "rows are created in bulk or not at all; change those that exist by update()"
            )
        with transaction.atomic(using=self.db):
            lock_brands({row.owner()[0] for row in rows})
            created = super().bulk_create(rows, *args, **kwargs)
            self._check_and_remember(created, update=False)
            owners = [row.owner() for row in created]
            self._announce(
                {brand_id for brand_id, _ in owners if brand_id is not None},
                set().union(*(campaign_ids or () for _, campaign_ids in owners)),
            )
        return created

    bulk_create.alters_data = True  # type: ignore[attr-defined]

    def delete(self) -> tuple[int, dict[str, int]]:
        with transaction.atomic(using=self.db):
            locked, brand_ids, campaign_ids = self._lock_owners()
            try:
                deleted = super(SettingsQuerySet, locked).delete()
            except ProtectedError as error:
                raise Protected(
                    "Some of these have campaigns, spend or a history of their own and cannot be deleted; "
                    "archive them instead"
                ) from error
            self._announce(brand_ids, campaign_ids)
        return deleted

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]

    def _refuse(self, names: Collection[str]) -> None:
        for name in sorted(self.model.decided_fields.intersection(names)):
            raise DecidedFieldError(f"{name} is decided by the system; change the settings it follows from")
        for name in sorted(self.not_in_bulk.intersection(names)):
            raise DecidedFieldError(f"{name} cannot be changed in bulk; save each row instead")

    def _lock_owners(self) -> tuple[Self, set[int], set[int]]:
        """Locks the brands of these rows; returns the rows, their brands' ids and those of the campaigns concerned.

        A row that has come to match meanwhile in a brand that is not locked is left out.
        """
        brand_ids = set(self.order_by().values_list(self.path_to_brand_id, flat=True))
        lock_brands(brand_ids)
        locked = self.filter(**{f"{self.path_to_brand_id}__in": brand_ids})
        if self.path_to_campaign_id is None:
            return locked, brand_ids, set()
        return locked, brand_ids, set(locked.order_by().values_list(self.path_to_campaign_id, flat=True))

    def _check_and_remember(self, written: Iterable[S], *, update: bool) -> None:
        rows = list(written)
        for row in rows:
            row.check_values()
        self.model.history.bulk_history_create(rows, batch_size=500, update=update)  # type: ignore[attr-defined]

    def _announce(self, brand_ids: set[int], campaign_ids: set[int]) -> None:
        if brand_ids:
            settings_changed.send(
                self.model,
                brand_ids=brand_ids,
                campaign_ids=campaign_ids if self.path_to_campaign_id is not None else None,
            )

"""Brand: a client, its budgets, and its time zone with every zone it has had."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connections, models
from django.db.transaction import TransactionManagementError
from django.utils import timezone as clock
from simple_history.models import HistoricalRecords

from ads.actor import actor_user
from ads.models.amounts import IntegerOnSqlite, OptionalAmount, within
from ads.models.choices import check_currency, check_zone, currency_choices, zone_choices
from ads.models.settings import SettingsModel, SettingsQuerySet
from ads.rights import PERMISSIONS
from ads.rules.money import from_micros
from ads.rules.periods import Calendar, ZoneSpan, month_start

NO_LIMIT = "Empty: no limit. 0: spend nothing."


class BrandQuerySet(SettingsQuerySet["Brand"]):
    path_to_brand: ClassVar[str] = "pk"
    path_to_brand_id: ClassVar[str] = "pk"
    not_in_bulk: ClassVar[frozenset[str]] = frozenset({"currency"})

    def lock(self, brand_ids: Collection[int], *, free_only: bool = False) -> list["Brand"]:
        """Locks these brands in id order, in a statement of its own; everything else is read after it.

        With `free_only` it waits for nobody: brands that others hold are left out.
        """
        if not brand_ids:
            return []
        connection = connections[self.db]
        if not connection.in_atomic_block:
            raise TransactionManagementError(
                "A brand is locked for the rest of a transaction; there is none."
            )
        with connection.cursor() as cursor:
            cursor.execute(*self.locking(brand_ids, free_only=free_only))
            return self.locked(cursor.fetchall())

    def locking(self, brand_ids: Collection[int], *, free_only: bool = False) -> tuple[str, list[str | int]]:
        """The statement that locks them, and its parameters, for whoever runs others in the same round trip."""
        connection = connections[self.db]
        # Every write begins with this, and composing a query takes longer than running it.
        columns = ", ".join(
            "CAST(zone_history AS text)" if name == "zone_history" else name for name in self._columns()
        )
        sql = f"SELECT {columns} FROM ads_brand WHERE id"  # noqa: S608 - names of ours
        if not connection.features.has_select_for_update:
            return f"{sql} IN ({', '.join(['%s'] * len(brand_ids))}) ORDER BY id", list(brand_ids)
        for_update = connection.ops.for_update_sql(no_key=True, skip_locked=free_only)
        ids = f"{{{','.join(map(str, brand_ids))}}}"
        return f"{sql} = ANY(%s::bigint[]) ORDER BY id {for_update}", [ids]

    def locked(self, rows: Iterable[Sequence[Any]]) -> list["Brand"]:
        """The brands of the rows that this statement returned."""
        connection = connections[self.db]
        compiler = connection.ops.compiler("SQLCompiler")(self.query, connection, self.db)
        table = Brand._meta.db_table
        converters = compiler.get_converters([field.get_col(table) for field in Brand._meta.concrete_fields])
        names = self._columns()
        return [Brand.from_db(self.db, names, row) for row in compiler.apply_converters(rows, converters)]

    @staticmethod
    def _columns() -> list[str]:
        return [field.attname for field in Brand._meta.concrete_fields]


class Brand(SettingsModel):
    name = models.CharField(max_length=200, unique=True)
    daily_budget_micros = models.BigIntegerField(null=True, blank=True)
    monthly_budget_micros = models.BigIntegerField(null=True, blank=True)
    timezone = models.CharField(
        "time zone",
        max_length=64,
        blank=True,
        default="",
        choices=zone_choices,
        help_text="Where the brand's day and month begin. Empty: the system's time zone. "
        "A change takes effect at the next midnight.",
    )
    currency = models.CharField(
        max_length=3,
        default="USD",
        choices=currency_choices,
        help_text="Fixed once there is spend.",
    )
    is_active = models.BooleanField(
        "active", default=True, help_text="Switched off, none of the brand's campaigns runs."
    )
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)
    opened_on = models.DateField(null=True, blank=True, editable=False)
    # [[first day, zone], ...]: each rules from its first day's midnight. On the row that is locked, because
    # whoever books or decides needs it.
    zone_history = models.JSONField(default=list, blank=True, editable=False)
    assigned_to = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        blank=True,
        related_name="brands",
        help_text="Who sees this brand, each with the rights of their role.",
    )

    daily_budget = OptionalAmount("daily_budget_micros")
    monthly_budget = OptionalAmount("monthly_budget_micros")

    objects = BrandQuerySet.as_manager()
    history = HistoricalRecords(excluded_fields=["opened_on", "zone_history"], get_user=actor_user)

    decided_fields: ClassVar[frozenset[str]] = frozenset({"opened_on", "zone_history"})

    class Meta:
        ordering = ("name",)
        permissions = PERMISSIONS
        constraints = [
            models.CheckConstraint(
                condition=within("daily_budget_micros", 0) & within("monthly_budget_micros", 0),
                name="brand_budgets_not_negative",
            ),
            IntegerOnSqlite(
                columns=["daily_budget_micros", "monthly_budget_micros"], name="brand_integer_micros"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def owner(self) -> tuple[int | None, set[int] | None]:
        return self.pk, None

    def check_values(self) -> None:
        check_zone("timezone", self.timezone)
        check_currency("currency", self.currency)

    def check_change(self) -> None:
        if self.pk is None:
            return
        stored = Brand.objects.filter(pk=self.pk).values_list("currency", flat=True).first()
        if stored is not None and stored != self.currency and self.has_spend():
            raise ValidationError(
                {"currency": f"This brand has spend in {stored}; its currency cannot change."}
            )

    def has_spend(self) -> bool:
        from ads.models.archive import SealedDay
        from ads.models.ledger import SpendLog

        return any(model.objects.filter(brand_id=self.pk).exists() for model in (SpendLog, SealedDay))

    @property
    def zone_name(self) -> str:
        """The IANA name asked for; the system's where the brand names none."""
        return self.timezone or settings.TIME_ZONE

    @property
    def calendar(self) -> Calendar:
        """The brand's days and months, with every zone it has had."""
        spans = tuple((day, zone) for day, zone in self.zone_history)
        return _calendar(spans or ((date.min.isoformat(), self.zone_name),))

    @property
    def current_daily_spend(self) -> Decimal:
        """Spent less waived in the brand's current day."""
        return from_micros(self._counted("DAY", self._today()))

    @property
    def current_monthly_spend(self) -> Decimal:
        """Spent less waived in the brand's current month."""
        return from_micros(self._counted("MONTH", month_start(self._today())))

    @property
    def daily_remaining(self) -> Decimal | None:
        """The day's budget less what counts against it; negative when over, None without a budget."""
        return None if self.daily_budget is None else self.daily_budget - self.current_daily_spend

    @property
    def monthly_remaining(self) -> Decimal | None:
        """The month's budget less what counts against it; negative when over, None without a budget."""
        return None if self.monthly_budget is None else self.monthly_budget - self.current_monthly_spend

    def _today(self) -> date:
        return self.calendar.local_date(clock.now())

    def _counted(self, kind: str, starts_on: date) -> int:
        period = self.periods.filter(kind=kind, starts_on=starts_on).first()
        return 0 if period is None else period.counted_micros


@lru_cache(maxsize=4096)
def _calendar(spans: tuple[tuple[str, str], ...]) -> Calendar:
    return Calendar(tuple(ZoneSpan(date.fromisoformat(day), ZoneInfo(zone)) for day, zone in spans))

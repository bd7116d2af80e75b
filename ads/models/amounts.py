"""Amounts: integer micros in the columns, Decimal at the faces."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self, overload

from django.db import models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from ads.rules.money import MAX_MICROS, from_micros, to_micros


class OptionalAmount(property):
    """A Decimal face for a `_micros` column; None stays None. Works as a keyword of `objects.create`.

    A property and not a model field: `filter()` and `update()` refuse it instead of mixing units in silence.
    """

    def __init__(self, column: str) -> None:
        name = column.removesuffix("_micros")

        def read(instance: models.Model) -> Decimal | None:
            micros: int | None = getattr(instance, column)
            return None if micros is None else from_micros(micros)

        def write(instance: models.Model, amount: Decimal | int | str | None) -> None:
            setattr(instance, column, None if amount is None else to_micros(amount, field=name))

        super().__init__(read, write, doc=f"{column} as a Decimal of the brand's currency.")

    if TYPE_CHECKING:

        @overload
        def __get__(self, instance: None, owner: type, /) -> Self: ...
        @overload
        def __get__(self, instance: models.Model, owner: type | None = None, /) -> Decimal | None: ...
        def __get__(self, instance: Any, owner: type | None = None, /) -> Any: ...


class Amount(OptionalAmount):
    """The same for a column that is never NULL."""

    if TYPE_CHECKING:

        @overload
        def __get__(self, instance: None, owner: type, /) -> Self: ...
        @overload
        def __get__(self, instance: models.Model, owner: type | None = None, /) -> Decimal: ...
        def __get__(self, instance: Any, owner: type | None = None, /) -> Any: ...


class IntegerOnSqlite(models.BaseConstraint):
    """SQLite stores what it is given in any column; this makes it refuse all but integers in columns of money."""

    def __init__(self, *, columns: list[str], name: str) -> None:
        self.columns = columns
        super().__init__(name=name)

    def constraint_sql(
        self, model: type[models.Model] | None, schema_editor: BaseDatabaseSchemaEditor | None
    ) -> str:
        if schema_editor is None or schema_editor.connection.vendor != "sqlite":
            return ""
        check = " AND ".join(f"typeof(\"{column}\") IN ('integer', 'null')" for column in self.columns)
        return f'CONSTRAINT "{self.name}" CHECK ({check})'

    def create_sql(
        self, model: type[models.Model] | None, schema_editor: BaseDatabaseSchemaEditor | None
    ) -> str:
        return ""  # SQLite adds constraints by rebuilding the table, from constraint_sql.

    def remove_sql(
        self, model: type[models.Model] | None, schema_editor: BaseDatabaseSchemaEditor | None
    ) -> str:
        return ""

    def validate(self, *args: object, **kwargs: object) -> None:
        """Model fields are integers already; only raw SQL could break this."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IntegerOnSqlite) and (self.name, self.columns) == (other.name, other.columns)

    def __hash__(self) -> int:
        return hash((self.name, tuple(self.columns)))

    def deconstruct(self) -> tuple[str, tuple[()], dict[str, object]]:
        return "ads.models.amounts.IntegerOnSqlite", (), {"columns": self.columns, "name": self.name}


def within(column: str, low: int = -MAX_MICROS, high: int = MAX_MICROS) -> models.Q:
    """The column lies in the range that exact sums can bear, or is NULL."""
    return models.Q(**{f"{column}__isnull": True}) | models.Q(**{f"{column}__range": (low, high)})

"""Everything of one database into another that is empty, table by table, proved by equal counts and amounts."""

from collections.abc import Callable
from dataclasses import dataclass

from django.apps import apps
from django.core.management.color import no_style
from django.db import connections, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Count, Model, QuerySet, Sum
from django.db.models.fields import Field

from ads import guards
from ads.errors import CannotMove
from ads.models import Brand, SpendLog

ROWS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Content:
    """What a table holds: rows, and the sum of each column of amounts in micros, by its name."""

    table: str
    rows: int
    sums: dict[str, int]


def move_everything(source: str, target: str, tell: Callable[[str, int], None]) -> list[Content]:
    """Copies all rows between two migrated databases, given as Django's aliases, in one transaction of the target.

    `tell` hears of each table and how many rows it has, before it is copied. Raises CannotMove, and leaves the
    target as it was, where the two differ in their migrations, the target holds data, or a sum differs afterwards.
    """
    _check_migrations(source, target)
    _check_empty(target)
    models = [
        model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy
    ]
    moved: list[Content] = []
    # Nobody writes to the source meanwhile: on SQLite this holds its one lock.
    with transaction.atomic(using=source), transaction.atomic(using=target), guards.lifted(using=target):
        _empty(models, target)
        for model in models:
            before = _content(model, source)
            tell(before.table, before.rows)
            _copy(model, source, target)
            after = _content(model, target)
            if before != after:
                raise CannotMove(f"{before.table}: {after} arrived of {before}; nothing was moved")
            moved.append(after)
        _follow_ids(models, target)
    return moved


def _check_migrations(source: str, target: str) -> None:
    applied = [set(MigrationRecorder(connections[alias]).applied_migrations()) for alias in (source, target)]
    if not applied[0]:
        raise CannotMove("the database to move from holds none of this system's tables")
    if applied[0] != applied[1]:
        names = ", ".join(sorted(f"{app}.{name}" for app, name in applied[0] ^ applied[1]))
        raise CannotMove(f"run `migrate` on both databases first; they differ in {names}")


def _check_empty(target: str) -> None:
    for model in (Brand, SpendLog, apps.get_model("auth", "User")):
        if model._base_manager.using(target).exists():
            raise CannotMove(
                f"the database to move to holds {model._meta.verbose_name_plural} already; give an empty one"
            )


def _empty(models: list[type[Model]], target: str) -> None:
    """Takes away what migrating has put there: it comes from the source too, with its own ids."""
    connection = connections[target]
    tables = [model._meta.db_table for model in models]
    with connection.cursor() as cursor:
        for statement in connection.ops.sql_flush(no_style(), tables, allow_cascade=False):
            cursor.execute(statement)


def _copy(model: type[Model], source: str, target: str) -> None:
    to: QuerySet[Model] = QuerySet(model, using=target)
    chunk: list[Model] = []
    rows: QuerySet[Model] = QuerySet(model, using=source).order_by("pk")
    for row in rows.iterator(chunk_size=ROWS_AT_ONCE):
        chunk.append(row)
        if len(chunk) == ROWS_AT_ONCE:
            to.bulk_create(chunk)
            chunk = []
    to.bulk_create(chunk)


def _content(model: type[Model], alias: str) -> Content:
    amounts = [field.name for field in model._meta.concrete_fields if _is_amount(field)]
    rows: QuerySet[Model] = QuerySet(model, using=alias).order_by()
    found = rows.aggregate(rows=Count("pk"), **{f"sum_{name}": Sum(name) for name in amounts})
    return Content(
        model._meta.db_table, found["rows"], {name: int(found[f"sum_{name}"] or 0) for name in amounts}
    )


def _is_amount(field: "Field[object, object]") -> bool:
    return field.name.endswith("_micros")


def _follow_ids(models: list[type[Model]], target: str) -> None:
    connection = connections[target]
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), models):
            cursor.execute(statement)
        if connection.vendor == "postgresql":
            # The ledger's last row may have left for a file; its id is not given again.
            cursor.execute(
                "SELECT setval('ads_spendlog_id_seq', last) FROM (SELECT max(last_id) AS last FROM ads_archivedmonth) "
                "AS archived WHERE last > (SELECT last_value FROM ads_spendlog_id_seq)"
            )

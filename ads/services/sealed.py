"""What has left the ledger for files, for those who ask the ledger: its sums, and where its rows are."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection
from django.db.models import Max, QuerySet, Sum

from ads.models import ArchivedMonth, SealedDay
from ads.rules.periods import month_start
from ads.services.archive_files import FileRow
from ads.services.given import Value, given

COLUMNS = (
    "archived_month_id", "brand_id", "campaign_id", "spent_on", "source", "of_totals", "row_count", "amount_micros",
    "first_recorded_at", "last_recorded_at",
)  # fmt: skip
TYPES = ("int8", "int8", "int8", "date", "text", "int8", "int8", "int8", "timestamptz", "timestamptz")
KEY = ("campaign_id", "spent_on", "source", "of_totals", "archived_month_id")
# The current month and the two before stay in the ledger: pages and alerts read their rows.
MONTHS_KEPT = 3


def first_month_kept(now: datetime) -> date:
    """The first day of the oldest month of which no row may leave the ledger yet."""
    month = month_start(now.date())
    return date(month.year + (month.month - MONTHS_KEPT) // 12, (month.month - MONTHS_KEPT) % 12 + 1, 1)


@dataclass(slots=True)
class _Sum:
    rows: int
    micros: int
    first: datetime
    last: datetime


def add(archived: ArchivedMonth, rows: Iterable[FileRow]) -> None:
    """Adds rows that leave the ledger to the sums that stand for them, in the transaction in which they leave."""
    least, greatest = ("min", "max") if connection.vendor == "sqlite" else ("least", "greatest")
    _write(
        archived,
        rows,
        f"""
        INSERT INTO ads_sealedday AS day ({", ".join(COLUMNS)})
        SELECT {_selected()} FROM moved WHERE true
        ON CONFLICT ({", ".join(KEY)}) DO UPDATE SET
            row_count = day.row_count + excluded.row_count,
            amount_micros = day.amount_micros + excluded.amount_micros,
            first_recorded_at = {least}(day.first_recorded_at, excluded.first_recorded_at),
            last_recorded_at = {greatest}(day.last_recorded_at, excluded.last_recorded_at)
        """,  # noqa: S608 - names of ours are put in
    )


def take_away(archived: ArchivedMonth, rows: Sequence[FileRow]) -> None:
    """Takes rows that come back into the ledger from the sums that stood for them."""
    same = " AND ".join(f"ads_sealedday.{column} = moved.{column}" for column in KEY if column != "of_totals")
    _write(
        archived,
        rows,
        f"""
        UPDATE ads_sealedday SET row_count = ads_sealedday.row_count - moved.row_count,
            amount_micros = ads_sealedday.amount_micros - moved.amount_micros
        FROM moved WHERE {same} AND ads_sealedday.of_totals = {_as_bool("moved.of_totals")}
        """,  # noqa: S608 - names of ours are put in
    )
    campaigns = {row.campaign_id for row in rows}
    archived.days.filter(campaign__in=campaigns, row_count=0, amount_micros=0).delete()


def _selected() -> str:
    return ", ".join(_as_bool(column) if column == "of_totals" else column for column in COLUMNS)


def _as_bool(column: str) -> str:
    return column if connection.vendor == "sqlite" else f"({column} <> 0)"


def _write(archived: ArchivedMonth, rows: Iterable[FileRow], statement: str) -> None:
    sums: dict[tuple[Value, ...], _Sum] = {}
    for row in rows:
        key = (row.brand_id, row.campaign_id, row.spent_on, row.source, int(row.snapshot_key is not None))
        found = sums.setdefault(key, _Sum(0, 0, row.recorded_at, row.recorded_at))
        found.rows += 1
        found.micros += row.amount_micros
        found.first, found.last = min(found.first, row.recorded_at), max(found.last, row.recorded_at)
    if not sums:
        return
    values = [
        (archived.pk, *key, found.rows, found.micros, found.first, found.last) for key, found in sums.items()
    ]
    table, params = given(TYPES, values)
    with connection.cursor() as cursor:
        cursor.execute(f"WITH moved ({', '.join(COLUMNS)}) AS ({table}) {statement}", params)


def where(days: Iterable[date | None]) -> str:
    """Where rows of these dates are and what to do, to follow "is archived" in an error."""
    months = {month_start(day) for day in days if day is not None}
    files = ArchivedMonth.objects.filter(month__in=months).order_by("month", "part")
    names = " or ".join(files.values_list("file_name", flat=True))
    return (
        f" in {names}; restore that first (restore_spend)" if names else "; restore it first (restore_spend)"
    )


def dates_with_events(
    owners: Collection[tuple[int, date]], source: str, now: datetime
) -> set[tuple[int, date]]:
    """Those of these campaigns' dates of which single events of this source are in files."""
    kept = first_month_kept(now)
    old = {(campaign_id, day) for campaign_id, day in owners if day < kept}
    if not old:
        return set()
    found = SealedDay.objects.filter(
        campaign_id__in={campaign_id for campaign_id, _ in old},
        spent_on__in={day for _, day in old},
        source=source,
        of_totals=False,
    )
    return set(found.values_list("campaign_id", "spent_on"))


@dataclass(frozen=True, slots=True)
class Sums:
    """What had been recorded by a moment, in micros by date; `unclear` dates had only a part of it by then."""

    micros: dict[date, int]
    unclear: list[date]


def sums_at(days: QuerySet[SealedDay], at: datetime) -> Sums:
    """Of sums that stand for rows, what had been recorded by then. One query."""
    began = days.filter(first_recorded_at__lte=at).order_by().values_list("spent_on")
    found = list(began.annotate(total=Sum("amount_micros"), last=Max("last_recorded_at")))
    unclear = [day for day, _, last in found if last > at]
    return Sums({day: int(total) for day, total, _ in found}, unclear)

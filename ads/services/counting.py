"""Counts what is appended to the histories, a while later and apart: who appends waits for no counter.

A counter that each transaction raised would be one row for which all of them wait.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, F, Max, Min, Model

from ads.models import HistoryCount, HistoryKind, JobProgress, SpendLog, StatusChange
from ads.services.transactions import retrying

# By then who has taken a number has committed, or never will: no transaction lasts as long.
SETTLED_AFTER = timedelta(seconds=60)
ROWS_AT_ONCE = 100_000
SLICES_AT_ONCE = 20

Sorts = Iterable[tuple[str, int, datetime]]


@dataclass(frozen=True, slots=True)
class _History:
    """An append-only table, the moment of its rows, and the sorts of those between two numbers."""

    kind: HistoryKind
    model: type[Model]
    at: str
    sorts: Callable[[int, int], Sorts]


def _by_source(after: int, upto: int) -> Sorts:
    rows = SpendLog.objects.filter(pk__gt=after, pk__lte=upto).order_by()
    return rows.values_list("source").annotate(count=Count("pk"), last=Max("recorded_at"))


def _by_reason(after: int, upto: int) -> Sorts:
    rows = StatusChange.objects.filter(pk__gt=after, pk__lte=upto).order_by()
    rows = rows.exclude(from_status=F("to_status"))
    for status, reasons, cause, count, last in rows.values_list(
        "to_status", "reason_codes", "cause"
    ).annotate(count=Count("pk"), last=Max("at")):
        yield f"{status},{reasons.partition(',')[0]},{cause}", count, last


HISTORIES = (
    _History(HistoryKind.SPEND, SpendLog, "recorded_at", _by_source),
    _History(HistoryKind.STATUS, StatusChange, "at", _by_reason),
)


def count_new(now: datetime) -> Counter[HistoryKind]:
    """Counts the rows that came since the last time and are a minute old; returns how many of each history."""
    counted: Counter[HistoryKind] = Counter()
    for history in HISTORIES:
        for _ in range(SLICES_AT_ONCE):
            number = _count_slice(history, now)
            if number is None:
                break
            counted[history.kind] += number
    return counted


@retrying
def _count_slice(history: _History, now: datetime) -> int | None:
    """Counts the next rows and returns how many of them; None where there is nothing to count."""
    name = f"count {history.kind}"
    JobProgress.objects.get_or_create(name=name)
    # Locked, so that two runs do not count the same.
    job = JobProgress.objects.select_for_update().get(name=name)
    upto = _settled_upto(history, job.position, now)
    if upto <= job.position:
        return None
    found = _summed(history.sorts(job.position, upto))
    _add(history.kind, found)
    JobProgress.objects.filter(name=name).update(position=upto, updated_at=now)
    return sum(number for number, _ in found.values())


def _settled_upto(history: _History, after: int, now: datetime) -> int:
    """The highest number to be counted now: before the first row that is young, and not too far."""
    rows = history.model._base_manager.filter(pk__gt=after, pk__lte=after + ROWS_AT_ONCE)
    newest = rows.aggregate(newest=Max("pk"))["newest"]
    young = rows.filter(**{f"{history.at}__gt": now - SETTLED_AFTER}).aggregate(first=Min("pk"))["first"]
    if young is not None:
        return int(young) - 1
    if newest is not None:
        return int(newest)
    # Numbers that were taken and never used.
    following = history.model._base_manager.filter(pk__gt=after).aggregate(first=Min("pk"))["first"]
    return after if following is None else int(following) - 1


def _summed(sorts: Sorts) -> dict[str, tuple[int, datetime]]:
    found: dict[str, tuple[int, datetime]] = {}
    for sort, count, last in sorts:
        before, since = found.get(sort, (0, last))
        found[sort] = (before + count, max(since, last))
    return found


def _add(kind: HistoryKind, found: dict[str, tuple[int, datetime]]) -> None:
    counts = {each.sort: each for each in HistoryCount.objects.filter(kind=kind, sort__in=list(found))}
    for sort, (number, last) in found.items():
        count = counts.setdefault(sort, HistoryCount(kind=kind, sort=sort, last_at=last))
        count.count, count.last_at = count.count + number, max(count.last_at, last)
    HistoryCount.objects.bulk_create(
        counts.values(),
        update_conflicts=True,
        unique_fields=["kind", "sort"],
        update_fields=["count", "last_at"],
    )

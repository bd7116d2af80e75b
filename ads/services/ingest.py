"""The one door through which spend gets in."""

import random
from collections import defaultdict
from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Protocol, TypeVar

from ads.errors import InvalidSpend, SpendConflict
from ads.models import Brand, ImportMode, Kind, SpendLog
from ads.services import quarantine
from ads.services.checking import brands_of
from ads.services.events import book_events
from ads.services.ledger import LedgerRow
from ads.services.moments import passing
from ads.services.records import Answer, Result, SpendEvent, SpendSnapshot, Totals
from ads.services.snapshots import book_snapshots
from ads.services.summing import summed
from ads.services.transactions import retrying

R = TypeVar("R", SpendEvent, SpendSnapshot)
R_contra = TypeVar("R_contra", contravariant=True)

# The more records of a campaign come together, the fewer totals are touched for each.
BUFFER = 100_000
# As many as are booked before somebody who waits for the same brand would notice.
SLICE = 3_000


def record(event: SpendEvent, *, brand_id: int, source: str, now: datetime) -> SpendLog:
    """Books one event and returns its row; the first one's where the same was recorded before.

    Raises InvalidSpend where it cannot be counted, SpendConflict where its id came with other content before.
    """
    (answer,) = book_events([event], source=source, now=now, brand_ids={brand_id})
    if answer.result == Result.CONFLICT:
        quarantine.keep_uncounted([answer], source=source, now=now)
    log_id = _row_or_error(answer)
    if answer.row is not None:
        return LedgerRow(*answer.row).as_log()
    return SpendLog.objects.filter(pk=log_id).first() or _archived(event, log_id, source)


def ingest(
    records: Iterable[SpendEvent | SpendSnapshot],
    *,
    source: str,
    mode: ImportMode,
    now: datetime,
    import_id: int | None = None,
) -> Generator[Answer, None, Totals]:
    """Books records of any number, all of them events or all of them totals so far, as `mode` says.

    Yields what became of each: accepted, duplicate, conflict, quarantined or refused, with the reason; and returns
    the totals. Raises TypeError for a record of the other kind, when its turn comes.
    """
    if mode == ImportMode.EVENTS:
        return ingest_events(_only(SpendEvent, records), source=source, now=now, import_id=import_id)
    return ingest_snapshots(_only(SpendSnapshot, records), source=source, now=now, import_id=import_id)


def _only(kind: type[R], records: Iterable[SpendEvent | SpendSnapshot]) -> Iterator[R]:
    for record in records:
        if not isinstance(record, kind):
            raise TypeError(f"{record} is no {kind.__name__}; give records of one kind")
        yield record


def ingest_events(
    records: Iterable[SpendEvent], *, source: str, now: datetime, import_id: int | None = None
) -> Generator[Answer, None, Totals]:
    """Books events of any number, slice by slice, and yields what became of each.

    What cannot be counted goes into quarantine; a conflict too.
    """
    book = partial(book_events, import_id=import_id)
    return _ingest(records, book, source=source, now=now, import_id=import_id)


def ingest_snapshots(
    records: Iterable[SpendSnapshot], *, source: str, now: datetime, import_id: int | None = None
) -> Generator[Answer, None, Totals]:
    """Books what a feed's totals so far add to those known, slice by slice, and yields what became of each.

    Equal identities within `records` are one value, their sum, so all are read before the first is booked; of many
    most are kept in a temporary file meanwhile. What cannot be counted goes into quarantine; a conflict too.
    """
    book = partial(book_snapshots, arrived=now, import_id=import_id)
    return _ingest(summed(records), book, source=source, now=now, import_id=import_id)


class _Book(Protocol[R_contra]):
    def __call__(
        self, records: Sequence[R_contra], /, *, source: str, now: datetime, brand_ids: Collection[int] | None
    ) -> list[Answer]: ...


def _ingest(
    records: Iterable[R], book: _Book[R], *, source: str, now: datetime, import_id: int | None
) -> Generator[Answer, None, Totals]:
    clock, totals = passing(now), Totals()

    @retrying
    def book_or_keep(rows: Sequence[R], brand_ids: set[int] | None) -> list[Answer]:
        moment = clock()
        answers = book(rows, source=source, now=moment, brand_ids=brand_ids)
        quarantine.keep_uncounted(answers, source=source, now=moment, import_id=import_id)
        return answers

    for buffer in _buffers(records):
        for rows, brand_ids in _slices_by_brand(buffer):
            answers = book_or_keep(rows, brand_ids)
            totals.add(answers)
            yield from answers
    return totals


def _buffers(records: Iterable[R]) -> Iterator[list[R]]:
    iterator = iter(records)
    while buffer := list(islice(iterator, BUFFER)):
        yield buffer


def _slices_by_brand(buffer: Sequence[R]) -> Iterator[tuple[list[R], set[int] | None]]:
    """Slices that hold few brands each, with their ids; None where a campaign was not known yet.

    Each writer takes the brands in an order of its own, so that several of them seldom meet.
    """
    brand_of = brands_of({record.campaign_id for record in buffer})
    by_brand: defaultdict[int | None, list[R]] = defaultdict(list)
    for record in buffer:
        by_brand[brand_of.get(record.campaign_id)].append(record)
    rows: list[R] = []
    held: set[int | None] = set()
    for brand_id in random.sample(list(by_brand), len(by_brand)):
        records = by_brand[brand_id]
        for start in range(0, len(records), SLICE):
            more = records[start : start + SLICE]
            if rows and len(rows) + len(more) > SLICE:
                yield rows, _known(held)
                rows, held = [], set()
            rows += more
            held.add(brand_id)
    yield rows, _known(held)


def _known(brand_ids: set[int | None]) -> set[int] | None:
    known = {brand_id for brand_id in brand_ids if brand_id is not None}
    return known if len(known) == len(brand_ids) else None


def append_rows(rows: Sequence[SpendLog], *, now: datetime) -> None:
    """Books unsaved ledger rows, each from its own source, all or none; afterwards they are as stored.

    Raises InvalidSpend or SpendConflict. A row that repeats a known record becomes the first one.
    """
    for row, stored in zip(rows, _append(rows, now), strict=True):
        for field in SpendLog._meta.concrete_fields:
            setattr(row, field.attname, getattr(stored, field.attname))
        row._state.adding = False
        row._state.db = stored._state.db


@retrying
def _append(rows: Sequence[SpendLog], now: datetime) -> list[SpendLog]:
    brand_ids = set(brands_of({row.campaign_id for row in rows}).values())
    # All of them at once: the sources are booked one after another.
    Brand.objects.lock(brand_ids)
    by_source: defaultdict[str, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        by_source[row.source].append(index)
    stored: dict[int, int] = {}
    for source, indexes in by_source.items():
        events = [_event(rows[index]) for index in indexes]
        answers = book_events(events, source=source, now=now, brand_ids=brand_ids)
        stored |= {index: _row_or_error(answer) for index, answer in zip(indexes, answers, strict=True)}
    logs = SpendLog.objects.in_bulk(list(stored.values()))
    return [
        logs.get(stored[index]) or _archived(_event(row), stored[index], row.source)
        for index, row in enumerate(rows)
    ]


def _event(row: SpendLog) -> SpendEvent:
    if row.reverses_id is not None:
        raise InvalidSpend("reverses_id", "is written by BudgetService.reverse_spend alone")
    return SpendEvent(
        campaign_id=row.campaign_id,
        amount_micros=row.amount_micros,
        kind=Kind(row.kind),
        occurred_at=row.occurred_at,
        spent_on=row.spent_on,
        external_id=row.external_id or None,
        description=row.description,
    )


def _archived(event: SpendEvent, log_id: int, source: str) -> SpendLog:
    """The row of a record that came again after its row had left for a file: what makes the two the same, no more."""
    brand = Brand.objects.get(campaigns=event.campaign_id)
    day = event.spent_on
    if day is None and event.occurred_at is not None:
        day = brand.calendar.local_date(event.occurred_at)
    log = SpendLog(
        pk=log_id,
        brand=brand,
        campaign_id=event.campaign_id,
        kind=event.kind.value,
        amount_micros=event.amount_micros,
        occurred_at=event.occurred_at,
        source=source,
        external_id=event.external_id,
        description=event.description,
    )
    if day is not None:
        log.spent_on = day
    log._state.adding = False
    return log


def _row_or_error(answer: Answer) -> int:
    if answer.result == Result.CONFLICT:
        raise SpendConflict(f"{answer.field}: {answer.message}")
    if answer.log_id is None:
        raise InvalidSpend(answer.field, answer.message)
    return answer.log_id

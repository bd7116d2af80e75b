"""One slice of a feed's totals so far in one transaction: lock, check, compare with the last ones, book."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import date, datetime
from uuid import UUID

from ads.errors import InvalidSpend
from ads.models import Kind, SnapshotDay, SpendLog
from ads.rules.money import MAX_MICROS, from_micros
from ads.services import identity, imported, ledger, sealed
from ads.services.booking import book
from ads.services.checking import Ground, check_snapshot, stand_on
from ads.services.given import run
from ads.services.imported import Imported
from ads.services.ledger import Known, KnownTotal, LedgerRow
from ads.services.records import Answer, Result, SpendSnapshot
from ads.services.transactions import retrying

ROWS_PER_STATEMENT = 2_000


@retrying
def book_snapshots(
    snapshots: Sequence[SpendSnapshot],
    *,
    source: str,
    now: datetime,
    arrived: datetime,
    brand_ids: Collection[int] | None = None,
    import_id: int | None = None,
    goes_on: bool = True,
) -> list[Answer]:
    """Books what each total so far adds to the last one known, and answers each, in their order.

    No two of them have the same identity. A value that is not newer, or not another, is a DUPLICATE; one that
    does not say of when it is, is of the moment at which all of them arrived. What an import that `goes_on` booked
    before it was interrupted is answered as it was then.
    """
    ground = stand_on((s.campaign_id for s in snapshots), source, now, brand_ids)
    if import_id is not None:
        imported.check_not_undone(import_id)
    answers: dict[int, Answer] = {}
    checked: list[tuple[int, SpendSnapshot]] = []
    for index, snapshot in enumerate(snapshots):
        try:
            check_snapshot(snapshot, ground)
            checked.append((index, snapshot))
        except InvalidSpend as error:
            answers[index] = Answer(snapshot, Result.REFUSED, field=error.field, message=error.message)
    cut = _granularities([snapshot for _, snapshot in checked], ground)
    keys = {index: _snapshot_key(snapshot, ground) for index, snapshot in checked}
    values = ledger.known_totals(list(keys.values()))
    done = imported.remembered(import_id, list(values)) if import_id is not None and goes_on else {}
    newer: dict[bytes, KnownTotal] = {}
    given: list[int] = []
    differences: dict[int, int] = {}
    for index, snapshot in checked:
        granularity = cut[snapshot.campaign_id, snapshot.day]
        if granularity != snapshot.granularity:
            message = (
                f"{source} already gives {granularity} for this campaign on {snapshot.day}; "
                f"{snapshot.granularity} would count twice"
            )
            answers[index] = Answer(snapshot, Result.CONFLICT, field="line", message=message)
            continue
        before = done.get(keys[index])
        if before is not None and before.amount_micros != snapshot.amount_micros:
            message = (
                f"its import has given {from_micros(before.amount_micros)} for the same total already; "
                "the file is not the one that it was"
            )
            answers[index] = Answer(snapshot, Result.CONFLICT, field="line", message=message)
            continue
        if before is not None:
            is_new = before.log_id is not None or before.before is None
            answers[index] = Answer(
                snapshot,
                Result.ACCEPTED if is_new else Result.DUPLICATE,
                before.log_id,
                before.booked_micros,
            )
            continue
        # No report is made after it has arrived, whatever a clock elsewhere says.
        as_of, last = min(snapshot.as_of or arrived, arrived), values.get(keys[index])
        if last is not None and as_of < last.as_of:
            answers[index] = Answer(
                snapshot, Result.DUPLICATE, message=f"older than the value of {last.as_of}"
            )
            continue
        difference = snapshot.amount_micros - (last.amount_micros if last else 0)
        if abs(difference) > MAX_MICROS:
            message = f"{from_micros(difference)} more than the value before is out of range"
            answers[index] = Answer(snapshot, Result.REFUSED, field="amount", message=message)
            continue
        newer[keys[index]] = KnownTotal(snapshot.amount_micros, as_of, import_id)
        given.append(index)
        if difference == 0:
            answers[index] = Answer(snapshot, Result.DUPLICATE if last else Result.ACCEPTED)
            continue
        differences[index] = difference
    ledger.keep_totals(newer)
    _count_totals([snapshots[index] for index in given if keys[index] not in values], ground)
    new = Known()
    run([new.taking_ids(len(differences))])
    rows = {
        index: _row(
            next(new.ids),
            snapshots[index],
            difference,
            keys[index],
            ground,
            is_first=keys[index] not in values,
        )
        for index, difference in differences.items()
    }
    book(list(rows.values()), [], ground)
    if import_id is not None:
        imported.remember(
            import_id,
            [
                Imported(
                    keys[index],
                    snapshots[index].campaign_id,
                    snapshots[index].day,
                    snapshots[index].amount_micros,
                    rows[index].id if index in rows else None,
                    values.get(keys[index]),
                )
                for index in given
            ],
        )
    for index, row in rows.items():
        answers[index] = Answer(snapshots[index], Result.ACCEPTED, row.id, row.amount_micros, row)
    return [answers[index] for index in range(len(snapshots))]


def _row(
    row_id: int, snapshot: SpendSnapshot, difference: int, key: bytes, ground: Ground, *, is_first: bool
) -> LedgerRow:
    parts = (
        "" if is_first else "restated",
        snapshot.line,
        "" if snapshot.hour is None else f"{snapshot.hour:02}:00",
    )
    return LedgerRow(
        id=row_id,
        brand_id=ground.campaigns[snapshot.campaign_id].owner.brand_id,
        campaign_id=snapshot.campaign_id,
        kind=Kind.SPEND.value if difference > 0 else Kind.ADJUSTMENT.value,
        amount_micros=difference,
        occurred_at=None,
        spent_on=snapshot.day,
        recorded_at=ground.now,
        source=ground.source,
        external_id=None,
        description=" ".join(part for part in parts if part)[:255],
        recorded_by=ground.by,
        while_off=False,
        reverses_id=None,
        snapshot_key=key,
    )


def _day_key(campaign_id: int, day: date, ground: Ground) -> bytes:
    brand_id = ground.campaigns[campaign_id].owner.brand_id
    return identity.snapshot_day_key(brand_id, ground.source, campaign_id, day)


def _snapshot_key(snapshot: SpendSnapshot, ground: Ground) -> bytes:
    brand_id = ground.campaigns[snapshot.campaign_id].owner.brand_id
    return identity.snapshot_key(
        brand_id, ground.source, snapshot.campaign_id, snapshot.line, snapshot.day, snapshot.hour
    )


def _granularities(snapshots: Sequence[SpendSnapshot], ground: Ground) -> dict[tuple[int, date], str]:
    """How finely each campaign's date is cut; a date seen for the first time takes the first snapshot's way."""
    first: dict[tuple[int, date], SpendSnapshot] = {}
    for snapshot in snapshots:
        first.setdefault((snapshot.campaign_id, snapshot.day), snapshot)
    keys = {UUID(bytes=_day_key(*owner, ground)): owner for owner in first}
    cut = {keys[day.key]: day.granularity for day in SnapshotDay.objects.filter(pk__in=list(keys))}
    new = {owner for owner in first if owner not in cut}
    with_events = set(
        SpendLog.objects.filter(
            campaign_id__in={campaign_id for campaign_id, _ in new},
            spent_on__in={day for _, day in new},
            source=ground.source,
            snapshot_key__isnull=True,
        )
        .order_by()
        .values_list("campaign_id", "spent_on")
        .distinct()
    ) | sealed.dates_with_events(new, ground.source, ground.now)
    for owner in new:
        cut[owner] = "single events" if owner in with_events else first[owner].granularity
    SnapshotDay.objects.bulk_create(
        [
            SnapshotDay(key=key, granularity=cut[owner], totals=0)
            for key, owner in keys.items()
            if owner in new and owner not in with_events
        ],
        batch_size=ROWS_PER_STATEMENT,
    )
    return cut


def _count_totals(new: Sequence[SpendSnapshot], ground: Ground) -> None:
    """Adds totals that were not known before to the counts of their days."""
    counts = Counter((snapshot.campaign_id, snapshot.day) for snapshot in new)
    ledger.add_to_days(
        {_day_key(campaign_id, day, ground): count for (campaign_id, day), count in counts.items()}
    )

"""One slice of a feed's totals so far in one transaction: lock, check, compare with the last ones, book."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime

from ads.errors import InvalidSpend
from ads.models import Kind
from ads.rules.money import MAX_MICROS, from_micros
from ads.services import identity, imported, sealed, totals
from ads.services.booking import book
from ads.services.checking import Ground, check_snapshot, stand_on
from ads.services.given import run
from ads.services.imported import Imported
from ads.services.ledger import Known, RowValues
from ads.services.records import Answer, Result, SpendSnapshot
from ads.services.totals import EventDays, KnownTotal, KnownTotals
from ads.services.transactions import retrying

SPEND, ADJUSTMENT = Kind.SPEND.value, Kind.ADJUSTMENT.value
SINGLE_EVENTS = "single events"


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
    keys: dict[int, bytes] = {}
    for place, snapshot in enumerate(snapshots):
        try:
            check_snapshot(snapshot, ground)
            keys[place] = _key(snapshot, ground)
        except InvalidSpend as error:
            answers[place] = Answer(snapshot, Result.REFUSED, field=error.field, message=error.message)
    known, days = _look_up([snapshots[place] for place in keys], list(keys.values()), ground)
    done = imported.remembered(import_id, list(known.values)) if import_id is not None and goes_on else {}
    newer: dict[bytes, KnownTotal] = {}
    new: Counter[tuple[bytes, str]] = Counter()
    differences: dict[int, int] = {}
    for place, key in keys.items():
        snapshot, last, before = snapshots[place], known.values.get(key), done.get(key)
        day_key, granularity = days[snapshot.campaign_id, snapshot.day]
        # No report is made after it has arrived, whatever a clock elsewhere says.
        as_of = min(snapshot.as_of or arrived, arrived)
        difference = snapshot.amount_micros - (last.amount_micros if last else 0)
        if granularity != snapshot.granularity:
            answers[place] = _otherwise_cut(snapshot, granularity, source)
        elif before is not None:
            answers[place] = _given_before(snapshot, before)
        elif last is not None and _is_older(as_of, import_id, last):
            message = f"older than the value of {last.as_of}"
            answers[place] = Answer(snapshot, Result.DUPLICATE, message=message)
        elif abs(difference) > MAX_MICROS:
            message = f"{from_micros(difference)} more than the value before is out of range"
            answers[place] = Answer(snapshot, Result.REFUSED, field="amount", message=message)
        else:
            newer[key] = KnownTotal(snapshot.amount_micros, as_of, import_id)
            if last is None:
                new[day_key, granularity] += 1
            if difference:
                differences[place] = difference
            else:
                answers[place] = Answer(snapshot, Result.DUPLICATE if last else Result.ACCEPTED)
    ids = Known()
    run(
        [
            *totals.keep(newer, known.values),
            *totals.count(new, known.granularities),
            ids.taking_ids(len(differences)),
        ]
    )
    rows: dict[bytes, RowValues] = {}
    for (place, difference), row_id in zip(differences.items(), ids.ids, strict=False):
        snapshot, key = snapshots[place], keys[place]
        row = _row(row_id, snapshot, difference, key, ground, is_first=key not in known.values)
        answers[place] = Answer(snapshot, Result.ACCEPTED, row_id, difference, row)
        rows[key] = row
    book(list(rows.values()), [], ground)
    if import_id is not None:
        given = [(snapshots[place], key) for place, key in keys.items() if key in newer]
        imported.remember(import_id, [_imported(*each, known, rows) for each in given])
    return [answers[place] for place in range(len(snapshots))]


def _look_up(
    snapshots: Sequence[SpendSnapshot], keys: Sequence[bytes], ground: Ground
) -> tuple[KnownTotals, dict[tuple[int, date], tuple[bytes, str]]]:
    """The totals that came before; and of each campaign's date the key and how finely it is cut.

    A date seen for the first time takes the first snapshot's way.
    """
    first: dict[tuple[int, date], SpendSnapshot] = {}
    for snapshot in snapshots:
        first.setdefault((snapshot.campaign_id, snapshot.day), snapshot)
    day_keys = {owner: _day_key(*owner, ground) for owner in first}
    known, with_events = KnownTotals(), EventDays()
    run([known.looking_for(keys), known.looking_for_days(day_keys.values())])
    new = [owner for owner, key in day_keys.items() if key not in known.granularities]
    if new:
        run([with_events.looking_for(new, ground.source)])
    of_events = with_events.days | sealed.dates_with_events(new, ground.source, ground.now)
    days = {
        owner: (key, known.granularities.get(key) or first[owner].granularity)
        for owner, key in day_keys.items()
    }
    return known, days | {owner: (day_keys[owner], SINGLE_EVENTS) for owner in of_events}


def _is_older(as_of: datetime, import_id: int | None, last: KnownTotal) -> bool:
    """Whether a value is older than the last one; of two imports of the same moment the later one rules.

    What waited in quarantine is booked when others have given their values already.
    """
    if as_of == last.as_of and import_id is not None and last.import_id is not None:
        return import_id < last.import_id
    return as_of < last.as_of


def _otherwise_cut(snapshot: SpendSnapshot, granularity: str, source: str) -> Answer:
    message = (
        f"{source} already gives {granularity} for this campaign on {snapshot.day}; "
        f"{snapshot.granularity} would count twice"
    )
    return Answer(snapshot, Result.CONFLICT, field="line", message=message)


def _given_before(snapshot: SpendSnapshot, before: Imported) -> Answer:
    """The answer of the same import, before it was interrupted."""
    if before.amount_micros != snapshot.amount_micros:
        message = (
            f"its import has given {from_micros(before.amount_micros)} for the same total already; "
            "the file is not the one that it was"
        )
        return Answer(snapshot, Result.CONFLICT, field="line", message=message)
    is_new = before.log_id is not None or before.before is None
    result = Result.ACCEPTED if is_new else Result.DUPLICATE
    return Answer(snapshot, result, before.log_id, before.booked_micros)


def _imported(
    snapshot: SpendSnapshot, key: bytes, known: KnownTotals, rows: Mapping[bytes, RowValues]
) -> Imported:
    log_id = rows[key][0] if key in rows else None
    return Imported(
        key, snapshot.campaign_id, snapshot.day, snapshot.amount_micros, log_id, known.values.get(key)
    )


def _row(
    row_id: int, snapshot: SpendSnapshot, difference: int, key: bytes, ground: Ground, *, is_first: bool
) -> RowValues:
    parts = (
        "" if is_first else "restated",
        snapshot.line,
        "" if snapshot.hour is None else f"{snapshot.hour:02}:00",
    )
    description = " ".join(filter(None, parts))[:255]
    brand_id = ground.campaigns[snapshot.campaign_id].owner.brand_id
    return (
        row_id, brand_id, snapshot.campaign_id, SPEND if difference > 0 else ADJUSTMENT, difference, None, snapshot.day,
        ground.now, ground.source, None, description, ground.by, False, None, key,
    )  # fmt: skip


def _day_key(campaign_id: int, day: date, ground: Ground) -> bytes:
    brand_id = ground.campaigns[campaign_id].owner.brand_id
    return identity.snapshot_day_key(brand_id, ground.source, campaign_id, day)


def _key(snapshot: SpendSnapshot, ground: Ground) -> bytes:
    brand_id = ground.campaigns[snapshot.campaign_id].owner.brand_id
    return identity.snapshot_key(
        brand_id, ground.source, snapshot.campaign_id, snapshot.line, snapshot.day, snapshot.hour
    )

"""One slice of records in one transaction: lock, check, append to the ledger, add to the periods, decide."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from operator import itemgetter
from uuid import UUID

from django.db import connection

from ads.errors import InvalidSpend
from ads.models import Cause, Kind, SnapshotDay, SpendLog
from ads.rules.money import MAX_MICROS, from_micros
from ads.rules.serving import Status
from ads.services import alerts, enforcement, identity, imported, ledger, periods, sealed
from ads.services.checking import Ground, check_event, check_snapshot, stand_on
from ads.services.given import among, as_datetime, run
from ads.services.imported import Imported
from ads.services.ledger import KnownRecord, KnownTotal, LedgerRow
from ads.services.records import Answer, Result, SpendEvent, SpendSnapshot
from ads.services.transactions import retrying

ROWS_PER_STATEMENT = 2_000


@retrying
def book_events(
    events: Sequence[SpendEvent],
    *,
    source: str,
    now: datetime,
    brand_ids: Collection[int] | None = None,
    import_id: int | None = None,
) -> list[Answer]:
    """Books events of known campaigns and answers each, in their order.

    What cannot be counted is answered REFUSED or CONFLICT and changes nothing; the others go in. Whoever knows
    the campaigns' brands may name them.
    """
    ground = stand_on((event.campaign_id for event in events), source, now, brand_ids)
    if import_id is not None:
        imported.check_not_undone(import_id)
    answers: dict[int, Answer] = {}
    rows: dict[int, LedgerRow] = {}
    for index, event in enumerate(events):
        try:
            rows[index] = _event_row(event, check_event(event, ground), ground)
        except InvalidSpend as error:
            answers[index] = Answer(event, Result.REFUSED, field=error.field, message=error.message)
    known, with_totals = _known(rows.values(), ground)
    first: dict[bytes, LedgerRow] = {}
    repeated: dict[int, KnownRecord | LedgerRow] = {}
    booked: dict[int, LedgerRow] = {}
    for index, row in rows.items():
        before = None if row.key is None else known.get(row.key) or first.get(row.key)
        if before is not None:
            repeated[index] = before
        elif row.reverses_id is None and (row.campaign_id, row.spent_on) in with_totals:
            message = (
                f"{source} gives totals for this campaign on {row.spent_on}; single events would count twice"
            )
            answers[index] = Answer(events[index], Result.CONFLICT, field="source", message=message)
        else:
            booked[index] = row
            if row.key is not None:
                first[row.key] = row
    _book(list(booked.values()), ground)
    for index, row in booked.items():
        answers[index] = Answer(events[index], Result.ACCEPTED, row.id, row.amount_micros, row)
    answers |= _answers_to_repeated(events, rows, repeated)
    if import_id is not None:
        _remember_events(import_id, booked.values())
    return [answers[index] for index in range(len(events))]


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
    booked: list[tuple[int, SpendSnapshot, LedgerRow]] = []
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
        row = _difference_row(snapshot, difference, keys[index], ground, is_first=last is None)
        booked.append((index, snapshot, row))
    ledger.keep_totals(newer)
    _count_totals([snapshots[index] for index in given if keys[index] not in values], ground)
    _book([row for _, _, row in booked], ground)
    if import_id is not None:
        rows = {index: row for index, _, row in booked}
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
    for index, snapshot, row in booked:
        answers[index] = Answer(snapshot, Result.ACCEPTED, row.id, row.amount_micros, row)
    return [answers[index] for index in range(len(snapshots))]


def _remember_events(import_id: int, rows: Iterable[LedgerRow]) -> None:
    imported.remember(
        import_id,
        [
            Imported(row.key, row.campaign_id, row.spent_on, row.amount_micros, row.id)
            for row in rows
            if row.key is not None
        ],
    )


def _event_row(event: SpendEvent, spent_on: date, ground: Ground) -> LedgerRow:
    brand = ground.campaigns[event.campaign_id].owner.brand
    is_dated = event.spent_on is not None and event.occurred_at is None
    row = LedgerRow(
        brand_id=brand.pk,
        campaign_id=event.campaign_id,
        kind=event.kind.value,
        amount_micros=event.amount_micros,
        occurred_at=None if is_dated else event.occurred_at or ground.now,
        spent_on=spent_on,
        recorded_at=ground.now,
        source=ground.source,
        recorded_by=ground.by,
        external_id=event.external_id,
        description=event.description,
        reverses_id=event.reverses_id,
    )
    if event.external_id is not None:
        row.key = identity.record_key(brand.pk, ground.source, event.external_id)
        row.content = identity.record_content(
            event.campaign_id, row.kind, row.amount_micros, brand.currency, event.occurred_at
        )
    return row


def _difference_row(
    snapshot: SpendSnapshot, difference: int, key: bytes, ground: Ground, *, is_first: bool
) -> LedgerRow:
    parts = (
        "" if is_first else "restated",
        snapshot.line,
        "" if snapshot.hour is None else f"{snapshot.hour:02}:00",
    )
    return LedgerRow(
        brand_id=ground.campaigns[snapshot.campaign_id].owner.brand.pk,
        campaign_id=snapshot.campaign_id,
        kind=Kind.SPEND.value if difference > 0 else Kind.ADJUSTMENT.value,
        amount_micros=difference,
        occurred_at=None,
        spent_on=snapshot.day,
        recorded_at=ground.now,
        source=ground.source,
        recorded_by=ground.by,
        description=" ".join(part for part in parts if part)[:255],
        snapshot_key=key,
    )


def _answers_to_repeated(
    events: Sequence[SpendEvent],
    rows: Mapping[int, LedgerRow],
    repeated: Mapping[int, KnownRecord | LedgerRow],
) -> dict[int, Answer]:
    """The same content is a duplicate of the first row; other content is a conflict that names it."""
    answers: dict[int, Answer] = {}
    conflicts: dict[int, int] = {}
    for index, before in repeated.items():
        log_id = before.log_id if isinstance(before, KnownRecord) else before.id
        if before.content == rows[index].content:
            answers[index] = Answer(events[index], Result.DUPLICATE, log_id)
        else:
            conflicts[index] = log_id
    logs = SpendLog.objects.in_bulk(set(conflicts.values())) if conflicts else {}
    for index, log_id in conflicts.items():
        event, log = events[index], logs.get(log_id)
        first = (
            f"row {log_id}, which is archived"
            if log is None
            else f"{log.kind} of {from_micros(log.amount_micros)} for campaign {log.campaign_id}"
        )
        message = f"{event.external_id} was recorded before as {first}; the same id with other content is not counted"
        answers[index] = Answer(event, Result.CONFLICT, log_id, field="external_id", message=message)
    return answers


def _day_key(campaign_id: int, day: date, ground: Ground) -> bytes:
    brand_id = ground.campaigns[campaign_id].owner.brand.pk
    return identity.snapshot_day_key(brand_id, ground.source, campaign_id, day)


def _snapshot_key(snapshot: SpendSnapshot, ground: Ground) -> bytes:
    brand_id = ground.campaigns[snapshot.campaign_id].owner.brand.pk
    return identity.snapshot_key(
        brand_id, ground.source, snapshot.campaign_id, snapshot.line, snapshot.day, snapshot.hour
    )


def _known(
    rows: Collection[LedgerRow], ground: Ground
) -> tuple[dict[bytes, KnownRecord], set[tuple[int, date]]]:
    """The records that came before, and the campaigns' dates for which this source gives totals."""
    days = {(row.campaign_id, row.spent_on) for row in rows}
    day_of = {_day_key(campaign_id, day, ground): (campaign_id, day) for campaign_id, day in days}
    known, with_totals = ledger.known_records((row.key for row in rows if row.key is not None), day_of)
    return known, {day_of[key] for key in with_totals}


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


def _book(rows: Sequence[LedgerRow], ground: Ground) -> None:
    if not rows:
        return
    _flag_while_off(rows, ground)
    added: defaultdict[tuple[int, int, date], int] = defaultdict(int)
    for row in rows:
        added[row.brand_id, row.campaign_id, row.spent_on] += row.amount_micros
    limits = {pk: campaign.limits for pk, campaign in ground.campaigns.items()}
    crossed = periods.Crossed()
    run([*ledger.append(rows), *periods.add(added, ground.brands, limits, crossed, ground.now)])
    _decide(crossed, ground)
    alerts.spent(crossed.moves, ground.now)


def _decide(crossed: periods.Crossed, ground: Ground) -> None:
    """Whoever's limit is now reached, or no longer, is decided; for all others nothing has changed."""
    brands = [ground.brands[brand_id] for brand_id in sorted(crossed.brand_ids)]
    if brands:
        enforcement.decide_brands(brands, cause=Cause.SPEND, now=ground.locked_at)
    brand_of = {pk: ground.campaigns[pk].owner.brand.pk for pk in crossed.campaign_ids}
    alone = {pk: brand_id for pk, brand_id in brand_of.items() if brand_id not in crossed.brand_ids}
    if alone:
        owners = [ground.brands[brand_id] for brand_id in sorted(set(alone.values()))]
        enforcement.decide_campaigns(owners, alone, cause=Cause.SPEND, now=ground.locked_at)


def _flag_while_off(rows: Sequence[LedgerRow], ground: Ground) -> None:
    """Marks spend of a moment at which its campaign was not to run; rows without a moment stay unmarked."""
    before: list[tuple[LedgerRow, datetime]] = []
    for row in rows:
        if row.occurred_at is None or row.reverses_id is not None:
            continue
        campaign = ground.campaigns[row.campaign_id]
        if campaign.status_since is not None and row.occurred_at < campaign.status_since:
            before.append((row, row.occurred_at))
        else:
            row.while_off = campaign.status != Status.ACTIVE
    if before:
        _flag_by_history(before, ground)


def _flag_by_history(rows: Sequence[tuple[LedgerRow, datetime]], ground: Ground) -> None:
    """The state at a moment is what the first later change of status changed it from."""
    earliest = min(moment for _, moment in rows)
    are_these, params = among("bigint", list({row.campaign_id for row, _ in rows}))
    sql = f"""
        SELECT campaign_id, at, from_status FROM ads_statuschange
        WHERE campaign_id {are_these} AND at > %s ORDER BY at, id
    """  # noqa: S608 - only placeholders are put in
    history: defaultdict[int, list[tuple[datetime, str]]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(sql, [*params, connection.ops.adapt_datetimefield_value(earliest)])
        for campaign_id, at, status in cursor.fetchall():
            history[campaign_id].append((as_datetime(at), status))
    for row, moment in rows:
        status = ground.campaigns[row.campaign_id].status
        if changed := history.get(row.campaign_id):
            later = bisect_right(changed, moment, key=itemgetter(0))
            status = changed[later][1] if later < len(changed) else status
        row.while_off = status != Status.ACTIVE

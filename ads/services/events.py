"""One slice of events in one transaction: lock, check, tell the known from the new, book."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from typing import NamedTuple

from ads.errors import InvalidSpend
from ads.models import Kind, SpendLog
from ads.rules.money import from_micros
from ads.services import identity, imported
from ads.services.booking import book
from ads.services.checking import CampaignGround, Ground, check_event, stand_on
from ads.services.given import run
from ads.services.imported import Imported
from ads.services.ledger import Known, LedgerRow, RecordKey
from ads.services.records import Answer, Result, SpendEvent
from ads.services.transactions import retrying
from ads.services.while_off import Past, is_before_last_change

SPEND = Kind.SPEND
SPEND_VALUE = Kind.SPEND.value


class _Checked(NamedTuple):
    """An event that may be counted: its place, its campaign, the date it counts for, its moment and its identity."""

    place: int
    event: SpendEvent
    campaign: CampaignGround
    spent_on: date
    occurred_at: datetime | None
    key: bytes | None


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
    checked: list[_Checked] = []
    for place, event in enumerate(events):
        try:
            checked.append(_check(place, event, ground))
        except InvalidSpend as error:
            answers[place] = Answer(event, Result.REFUSED, field=error.field, message=error.message)
    known, with_totals, past = _look_up(checked, ground)
    repeated: list[tuple[_Checked, RecordKey]] = []
    booked: list[LedgerRow] = []
    keys: list[RecordKey] = []
    for record in checked:
        event, key = record.event, record.key
        before = None if key is None else known.records.get(key)
        if before is not None:
            repeated.append((record, before))
        elif (event.campaign_id, record.spent_on) in with_totals and event.reverses_id is None:
            message = f"{source} gives totals for this campaign on {record.spent_on}; single events would count twice"
            answers[record.place] = Answer(event, Result.CONFLICT, field="source", message=message)
        else:
            row = _row(record, next(known.ids), past, ground)
            booked.append(row)
            answers[record.place] = Answer(event, Result.ACCEPTED, row.id, row.amount_micros, row)
            if key is not None:
                # From here on it is known, should it come once more.
                known.records[key] = identified = RecordKey(key, _content(record), row.id)
                keys.append(identified)
    book(booked, keys, ground)
    answers |= _answers_to_repeated(repeated)
    if import_id is not None:
        _remember(import_id, booked, keys)
    return [answers[place] for place in range(len(events))]


def _check(place: int, event: SpendEvent, ground: Ground) -> _Checked:
    spent_on = check_event(event, ground)
    campaign = ground.campaigns[event.campaign_id]
    external_id = event.external_id
    key = (
        None
        if external_id is None
        else identity.record_key(campaign.owner.brand_id, ground.source, external_id)
    )
    # What has a date and no moment keeps none.
    occurred_at = event.occurred_at or (ground.now if event.spent_on is None else None)
    return _Checked(place, event, campaign, spent_on, occurred_at, key)


def _look_up(checked: Sequence[_Checked], ground: Ground) -> tuple[Known, set[tuple[int, date]], Past]:
    """What came before, for which campaigns' dates this source gives totals, and what campaigns were."""
    keys = [record.key for record in checked if record.key is not None]
    days = {(record.event.campaign_id, record.spent_on): record.campaign for record in checked}
    day_of = {
        identity.snapshot_day_key(campaign.owner.brand_id, ground.source, *day): day
        for day, campaign in days.items()
    }
    early = [
        (record.occurred_at, record.event.campaign_id)
        for record in checked
        if record.occurred_at is not None and is_before_last_change(record.campaign, record.occurred_at)
    ]
    known, past = Known(), Past()
    statements = [known.looking_for(keys, day_of), known.taking_ids(len(checked))]
    if early:
        statements.append(past.since(min(early)[0], {campaign_id for _, campaign_id in early}))
    run(statements)
    return known, {day_of[key] for key in known.with_totals}, past


def _row(record: _Checked, row_id: int, past: Past, ground: Ground) -> LedgerRow:
    event, campaign, occurred_at = record.event, record.campaign, record.occurred_at
    return LedgerRow(
        row_id,
        campaign.owner.brand_id,
        event.campaign_id,
        _kind(event),
        event.amount_micros,
        occurred_at,
        record.spent_on,
        ground.now,
        ground.source,
        event.external_id,
        event.description,
        ground.by,
        occurred_at is not None
        and event.reverses_id is None
        and past.was_off(event.campaign_id, campaign, occurred_at),
        event.reverses_id,
        None,
    )


def _content(record: _Checked) -> bytes:
    event = record.event
    return identity.record_content(
        event.campaign_id,
        _kind(event),
        event.amount_micros,
        record.campaign.owner.currency,
        event.occurred_at,
    )


def _kind(event: SpendEvent) -> str:
    # Asking a member of an enumeration for its value costs as much as a digest.
    return SPEND_VALUE if event.kind is SPEND else event.kind.value


def _answers_to_repeated(repeated: Iterable[tuple[_Checked, RecordKey]]) -> dict[int, Answer]:
    """The same content is a duplicate of the first row; other content is a conflict that names it."""
    answers: dict[int, Answer] = {}
    conflicts: list[tuple[_Checked, int]] = []
    for record, before in repeated:
        if before.content == _content(record):
            answers[record.place] = Answer(record.event, Result.DUPLICATE, before.log_id)
        else:
            conflicts.append((record, before.log_id))
    logs = SpendLog.objects.in_bulk({log_id for _, log_id in conflicts}) if conflicts else {}
    for record, log_id in conflicts:
        event, log = record.event, logs.get(log_id)
        first = (
            f"row {log_id}, which is archived"
            if log is None
            else f"{log.kind} of {from_micros(log.amount_micros)} for campaign {log.campaign_id}"
        )
        message = f"{event.external_id} was recorded before as {first}; the same id with other content is not counted"
        answers[record.place] = Answer(event, Result.CONFLICT, log_id, field="external_id", message=message)
    return answers


def _remember(import_id: int, rows: Sequence[LedgerRow], keys: Sequence[RecordKey]) -> None:
    key_of = {log_id: key for key, _, log_id in keys}
    imported.remember(
        import_id,
        [
            Imported(key_of[row.id], row.campaign_id, row.spent_on, row.amount_micros, row.id)
            for row in rows
            if row.id in key_of
        ],
    )

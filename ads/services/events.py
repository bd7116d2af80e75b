"""One slice of events in one transaction: lock, check, tell the known from the new, book."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime

from ads.errors import InvalidSpend
from ads.models import Kind, SpendLog
from ads.rules.money import from_micros
from ads.services import identity, imported
from ads.services.booking import book
from ads.services.checking import CampaignGround, Ground, check_event, stand_on
from ads.services.given import run
from ads.services.imported import Imported
from ads.services.ledger import Known, LedgerRow, RecordKey, RowValues
from ads.services.records import Answer, Result, SpendEvent
from ads.services.transactions import retrying
from ads.services.while_off import Past, is_before_last_change

SPEND = Kind.SPEND
SPEND_VALUE = Kind.SPEND.value

# An event that may be counted: its place among the others, its campaign, date and moment, and its identity.
_Checked = tuple[int, SpendEvent, CampaignGround, date, datetime | None, bytes | None]


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
            day = check_event(event, ground)
        except InvalidSpend as error:
            answers[place] = Answer(event, Result.REFUSED, field=error.field, message=error.message)
            continue
        campaign, external_id = ground.campaigns[event.campaign_id], event.external_id
        # Where nothing else is said it was now; what has only a date has no moment.
        moment = event.occurred_at or (now if event.spent_on is None else None)
        key = (
            None if external_id is None else identity.record_key(campaign.owner.brand_id, source, external_id)
        )
        checked.append((place, event, campaign, day, moment, key))
    known, with_totals, past = _look_up(checked, ground)
    repeated: list[tuple[_Checked, RecordKey]] = []
    rows: list[RowValues] = []
    keys: list[RecordKey] = []
    for record in checked:
        place, event, campaign, day, moment, key = record
        before = None if key is None else known.records.get(key)
        if before is not None:
            repeated.append((record, before))
        elif (event.campaign_id, day) in with_totals and event.reverses_id is None:
            message = f"{source} gives totals for this campaign on {day}; single events would count twice"
            answers[place] = Answer(event, Result.CONFLICT, field="source", message=message)
        else:
            row_id = next(known.ids)
            row = _row(row_id, event, campaign, day, moment, past, ground)
            rows.append(row)
            answers[place] = Answer(event, Result.ACCEPTED, row_id, event.amount_micros, row)
            if key is not None:
                # From here on it is known, should it come once more.
                known.records[key] = identified = (key, _content(event, campaign), row_id)
                keys.append(identified)
    book(rows, keys, ground)
    answers |= _answers_to_repeated(repeated)
    if import_id is not None:
        _remember(import_id, rows, keys)
    return [answers[place] for place in range(len(events))]


def _look_up(checked: Sequence[_Checked], ground: Ground) -> tuple[Known, set[tuple[int, date]], Past]:
    """What came before, for which campaigns' dates this source gives totals, and what campaigns were."""
    keys = [key for _, _, _, _, _, key in checked if key is not None]
    owner_of = {(event.campaign_id, day): campaign.owner for _, event, campaign, day, _, _ in checked}
    day_of = {
        identity.snapshot_day_key(owner.brand_id, ground.source, *day): day for day, owner in owner_of.items()
    }
    early = [
        (moment, event.campaign_id)
        for _, event, campaign, _, moment, _ in checked
        if moment is not None and is_before_last_change(campaign, moment)
    ]
    known, past = Known(), Past()
    statements = [known.looking_for(keys, day_of), known.taking_ids(len(checked))]
    if early:
        statements.append(past.since(min(early)[0], {campaign_id for _, campaign_id in early}))
    run(statements)
    return known, {day_of[key] for key in known.with_totals}, past


def _row(
    row_id: int,
    event: SpendEvent,
    campaign: CampaignGround,
    day: date,
    moment: datetime | None,
    past: Past,
    ground: Ground,
) -> RowValues:
    was_off = (
        moment is not None and event.reverses_id is None and past.was_off(event.campaign_id, campaign, moment)
    )
    return (
        row_id, campaign.owner.brand_id, event.campaign_id, _kind(event), event.amount_micros, moment, day, ground.now,
        ground.source, event.external_id, event.description, ground.by, was_off, event.reverses_id, None,
    )  # fmt: skip


def _content(event: SpendEvent, campaign: CampaignGround) -> bytes:
    return identity.record_content(
        event.campaign_id, _kind(event), event.amount_micros, campaign.owner.currency, event.occurred_at
    )


def _kind(event: SpendEvent) -> str:
    # Asking a member of an enumeration for its value costs as much as a digest.
    return SPEND_VALUE if event.kind is SPEND else event.kind.value


def _answers_to_repeated(repeated: Iterable[tuple[_Checked, RecordKey]]) -> dict[int, Answer]:
    """The same content is a duplicate of the first row; other content is a conflict that names it."""
    answers: dict[int, Answer] = {}
    conflicts: list[tuple[int, SpendEvent, int]] = []
    for (place, event, campaign, *_), (_, content, log_id) in repeated:
        if content == _content(event, campaign):
            answers[place] = Answer(event, Result.DUPLICATE, log_id)
        else:
            conflicts.append((place, event, log_id))
    logs = SpendLog.objects.in_bulk({log_id for *_, log_id in conflicts}) if conflicts else {}
    for place, event, log_id in conflicts:
        log = logs.get(log_id)
        first = (
            f"row {log_id}, which is archived"
            if log is None
            else f"{log.kind} of {from_micros(log.amount_micros)} for campaign {log.campaign_id}"
        )
        message = f"{event.external_id} was recorded before as {first}; the same id with other content is not counted"
        answers[place] = Answer(event, Result.CONFLICT, log_id, field="external_id", message=message)
    return answers


def _remember(import_id: int, rows: Iterable[RowValues], keys: Iterable[RecordKey]) -> None:
    key_of = {log_id: key for key, _, log_id in keys}
    imported.remember(
        import_id,
        [
            Imported(key_of[row.id], row.campaign_id, row.spent_on, row.amount_micros, row.id)
            for row in (LedgerRow(*values) for values in rows)
            if row.id in key_of
        ],
    )

"""Items of a body on their way into the ledger: each checked on its own, all that is good booked, each answered."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Generic, Protocol, TypeVar

from django.db.models.expressions import RawSQL
from pydantic import ValidationError

from ads.actor import acting_as
from ads.api import schemas
from ads.api.bodies import Unreadable, field_errors
from ads.api.problems import FieldError
from ads.errors import InvalidSpend
from ads.models import ApiToken, Campaign, Kind
from ads.rules.money import MoneyError, to_micros
from ads.services.given import given
from ads.services.ingest import ingest_events, ingest_snapshots
from ads.services.records import REVERSAL, Answer, Result, SpendEvent, SpendSnapshot

AMBIGUOUS = (
    "this request holds more than one total for this campaign, line, date and hour; send one, or tell by as_of "
    "which is the newest"
)

# A campaign's id, or its platform, account and id there.
CampaignKey = int | tuple[str, str, str]
Form = TypeVar("Form", schemas.SpendEvent, schemas.SpendSnapshot)
Record = TypeVar("Record", SpendEvent, SpendSnapshot)
Taken = TypeVar("Taken", contravariant=True)


@dataclass(slots=True)
class Outcome:
    """What became of one item; `booked_micros` is what it added to the ledger."""

    result: Result
    log_id: int | None = None
    booked_micros: int = 0
    errors: Sequence[FieldError] = ()


class Ingest(Protocol[Taken]):
    def __call__(self, records: Iterable[Taken], /, *, source: str, now: datetime) -> Iterator[Answer]: ...


@dataclass(frozen=True, slots=True)
class Way(Generic[Form, Record]):
    """How one kind of item is read, turned into a record and booked."""

    form: type[Form]
    record_of: Callable[[Form, int], Record]
    ingest: Ingest[Record]
    # What the core calls a field otherwise than the API does.
    field_names: dict[str, str]


def record_items(
    items: Sequence[object], way: Way[Form, Record], token: ApiToken, now: datetime
) -> list[Outcome]:
    """Books what can be counted and answers every item, in their order."""
    outcomes: dict[int, Outcome] = {}
    forms = _read(items, way.form, outcomes)
    known = _campaigns((_key(form.campaign) for form in forms.values()), token)
    by_source: defaultdict[str, dict[int, Record]] = defaultdict(dict)
    for index, form in forms.items():
        try:
            by_source[_source(form)][index] = way.record_of(form, _campaign_id(form, known))
        except (InvalidSpend, MoneyError) as error:
            outcomes[index] = _refused([_field_error(error, way.field_names)])
    with acting_as(token.user):
        for source, records in by_source.items():
            outcomes |= _book(records, way, source, now)
    return [outcomes[index] for index in range(len(items))]


def _read(items: Sequence[object], form: type[Form], outcomes: dict[int, Outcome]) -> dict[int, Form]:
    forms: dict[int, Form] = {}
    for index, item in enumerate(items):
        if isinstance(item, Unreadable):
            outcomes[index] = _refused([FieldError("", item.reason)])
            continue
        try:
            forms[index] = form.model_validate(item)
        except ValidationError as error:
            outcomes[index] = _refused(field_errors(error, form))
    return forms


def _campaigns(keys: Iterable[CampaignKey], token: ApiToken) -> dict[CampaignKey, int]:
    """The ids of those of these campaigns that the token sees; two queries at most."""
    wanted = set(keys)
    visible = token.visible(Campaign.objects.all()).order_by()
    known: dict[CampaignKey, int] = {}
    if ids := [key for key in wanted if isinstance(key, int)]:
        # A thousand ids one by one cost more to put into the statement than to look up.
        table, params = given(("bigint",), [(pk,) for pk in ids])
        found = visible.filter(pk__in=RawSQL(table, params))  # noqa: S611 - only placeholders are put in
        known |= {pk: pk for pk in found.values_list("pk", flat=True)}
    if references := [key for key in wanted if not isinstance(key, int)]:
        rows = visible.filter(
            platform__in={platform for platform, _, _ in references},
            external_id__in={external_id for _, _, external_id in references},
        )
        for platform, account, external_id, pk in rows.values_list(
            "platform", "account", "external_id", "pk"
        ):
            known[platform, account, external_id] = pk
    return known


def _key(campaign: int | schemas.CampaignReference) -> CampaignKey:
    if isinstance(campaign, int):
        return campaign
    return campaign.platform, campaign.account, campaign.external_id


def _source(form: schemas.SpendEvent | schemas.SpendSnapshot) -> str:
    if form.source == REVERSAL:
        raise InvalidSpend("source", f"{REVERSAL} is kept for rows that take others back; give another")
    return form.source


def _campaign_id(form: schemas.SpendEvent | schemas.SpendSnapshot, known: dict[CampaignKey, int]) -> int:
    campaign_id = known.get(_key(form.campaign))
    if campaign_id is None:
        raise InvalidSpend("campaign", "there is no such campaign, or this token has no right to it")
    return campaign_id


def _book(
    records: dict[int, Record], way: Way[Form, Record], source: str, now: datetime
) -> dict[int, Outcome]:
    # Answers come in the order of booking, each with the very record it is for.
    index_of = {id(record): index for index, record in records.items()}
    outcomes: dict[int, Outcome] = {}
    for answer in way.ingest(records.values(), source=source, now=now):
        errors = [_field_error(answer, way.field_names)] if answer.field else []
        outcomes[index_of[id(answer.record)]] = Outcome(
            answer.result, answer.log_id, answer.booked_micros, errors
        )
    return outcomes


def _refused(errors: Sequence[FieldError]) -> Outcome:
    return Outcome(Result.REFUSED, errors=errors)


def _field_error(error: InvalidSpend | MoneyError | Answer, field_names: dict[str, str]) -> FieldError:
    if isinstance(error, MoneyError):
        return FieldError("amount", str(error).removeprefix("amount: "))
    return FieldError(field_names.get(error.field, error.field), error.message)


def event_of(form: schemas.SpendEvent, campaign_id: int) -> SpendEvent:
    """The record that an event's form describes; raises InvalidSpend or MoneyError."""
    if form.occurred_at is not None and form.spent_on is not None:
        raise InvalidSpend("spent_on", "give occurred_at or spent_on, not both")
    return SpendEvent(
        campaign_id=campaign_id,
        amount_micros=to_micros(form.amount),
        kind=Kind(form.kind),
        occurred_at=_moment("occurred_at", form.occurred_at),
        spent_on=None if form.spent_on is None else _day("spent_on", form.spent_on),
        external_id=form.external_id,
        currency=form.currency,
        description=form.description,
    )


def snapshot_of(form: schemas.SpendSnapshot, campaign_id: int) -> SpendSnapshot:
    """The record that a total's form describes; raises InvalidSpend or MoneyError."""
    return SpendSnapshot(
        campaign_id=campaign_id,
        day=_day("date", form.date),
        amount_micros=to_micros(form.amount),
        line=form.line,
        hour=form.hour,
        as_of=_moment("as_of", form.as_of),
        currency=form.currency,
    )


def _moment(field: str, text: str | None) -> datetime | None:
    try:
        return None if text is None else datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidSpend(field, f"{text} is no moment: {error}") from None


def _day(field: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InvalidSpend(field, f"{text} is no date: {error}") from None


def ingest_distinct(records: Iterable[SpendSnapshot], /, *, source: str, now: datetime) -> Iterator[Answer]:
    """Books totals; of several for the same campaign, line, date and hour the newest.

    Where nothing says which is newer, none of them is taken: they may be parts to be added up, or one sent
    twice, and only the sender knows.
    """
    groups: defaultdict[tuple[object, ...], list[SpendSnapshot]] = defaultdict(list)
    for record in records:
        groups[record.campaign_id, record.line, record.day, record.hour].append(record)
    distinct: dict[SpendSnapshot, SpendSnapshot] = {}
    for group in groups.values():
        moments = {record.as_of for record in group} - {None}
        if 1 < len(group) != len(moments):
            yield from (Answer(record, Result.REFUSED, field="line", message=AMBIGUOUS) for record in group)
            continue
        newest = max(group, key=lambda record: record.as_of or now)
        distinct[newest] = newest
        yield from (Answer(record, Result.DUPLICATE) for record in group if record is not newest)
    for answer in ingest_snapshots(distinct.values(), source=source, now=now):
        # The core makes its own records, of the same values.
        if isinstance(answer.record, SpendSnapshot):
            answer.record = distinct[answer.record]
        yield answer


EVENTS = Way(schemas.SpendEvent, event_of, ingest_events, {"date": "spent_on"})
SNAPSHOTS = Way(schemas.SpendSnapshot, snapshot_of, ingest_distinct, {})

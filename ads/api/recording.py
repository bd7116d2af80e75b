"""Items of a body on their way into the ledger: each checked on its own, all that is good booked, each answered."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Generic, Protocol, TypeVar

from pydantic import ValidationError

from ads.actor import acting_as
from ads.api import schemas
from ads.api.bodies import Unreadable, field_errors
from ads.api.problems import FieldError
from ads.errors import InvalidSpend
from ads.importers.spool import Owner
from ads.models import ApiToken, Brand, Campaign, CampaignAlias, Kind, QuarantineProblem
from ads.rules.money import MoneyError, to_micros
from ads.services import quarantine
from ads.services.given import OneOf, rows_of
from ads.services.ingest import ingest_events, ingest_snapshots
from ads.services.matching import Match, aliased
from ads.services.records import REVERSAL, Answer, Result, SpendEvent, SpendSnapshot

AMBIGUOUS = (
    "this request holds more than one total for this campaign, line, date and hour; send one, or tell by as_of "
    "which is the newest"
)

NO_SUCH_CAMPAIGN = "there is no such campaign, or this token has no right to it"
NOBODYS = Match(0)  # the campaign of a record that waits for one

KINDS = {kind.value: kind for kind in Kind}

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
    record_of: Callable[[Form, Match], Record]
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
    unmatched: dict[int, tuple[Form, Record]] = {}
    for index, form in forms.items():
        match = known.get(_key(form.campaign))
        try:
            source = _source(form)
            record = way.record_of(form, match or NOBODYS)
        except (InvalidSpend, MoneyError) as error:
            outcomes[index] = _refused([_field_error(error, way.field_names)])
            continue
        if match is not None:
            by_source[source][index] = record
        elif isinstance(form.campaign, int):
            outcomes[index] = _refused([FieldError("campaign", NO_SUCH_CAMPAIGN)])
        else:
            unmatched[index] = (form, record)
    with acting_as(token.user):
        for source, records in by_source.items():
            outcomes |= _book(records, way, source, now)
        outcomes |= _quarantine(unmatched, token, now)
    return [outcomes[index] for index in range(len(items))]


def _read(items: Sequence[object], form: type[Form], outcomes: dict[int, Outcome]) -> dict[int, Form]:
    forms: dict[int, Form] = {}
    validate = form.__pydantic_validator__.validate_python  # model_validate without its wrapping
    for index, item in enumerate(items):
        if isinstance(item, Unreadable):
            outcomes[index] = _refused([FieldError("", item.reason)])
            continue
        try:
            forms[index] = validate(item)
        except ValidationError as error:
            outcomes[index] = _refused(field_errors(error, form))
    return forms


def _campaigns(keys: Iterable[CampaignKey], token: ApiToken) -> dict[CampaignKey, Match]:
    """Those of these campaigns that the token sees; three queries at most."""
    wanted = set(keys)
    visible = token.visible(Campaign.objects.all()).order_by()
    known: dict[CampaignKey, Match] = {}
    if ids := [key for key in wanted if isinstance(key, int)]:
        found = visible.filter(OneOf("pk", ids)).values_list("pk")
        known |= {pk: Match(pk) for (pk,) in rows_of(found)}
    if references := [key for key in wanted if not isinstance(key, int)]:
        named = {
            "platform__in": {platform for platform, _, _ in references},
            "external_id__in": {external_id for _, _, external_id in references},
        }
        rows = visible.filter(**named).values_list("platform", "account", "external_id", "pk")
        known |= {(platform, account, ref): Match(pk) for platform, account, ref, pk in rows}
        known |= _learned(named, token)
    return known


def _learned(named: dict[str, set[str]], token: ApiToken) -> dict[CampaignKey, Match]:
    """What people have matched; left out where several of the token's brands have it."""
    rows = token.visible(CampaignAlias.objects.all()).order_by().filter(**named)
    learned: defaultdict[CampaignKey, list[Match]] = defaultdict(list)
    for platform, account, ref, pk in rows.values_list("platform", "account", "external_id", "campaign_id"):
        learned[platform, account, ref].append(aliased(pk, Owner(account, ref, "")))
    return {called: matches[0] for called, matches in learned.items() if len(matches) == 1}


def _quarantine(
    unmatched: dict[int, tuple[Form, Record]], token: ApiToken, now: datetime
) -> dict[int, Outcome]:
    """Keeps what is of campaigns that are not known (yet): for the token's brand where it has only one."""
    if not unmatched:
        return {}
    brands = list(token.visible(Brand.objects.all()).order_by("pk").values_list("pk", flat=True)[:2])
    rows = [
        quarantine.uncounted(
            record,
            problem=QuarantineProblem.UNKNOWN_CAMPAIGN,
            reason=f"campaign: {NO_SUCH_CAMPAIGN}",
            source=form.source,
            brand_id=brands[0] if len(brands) == 1 else None,
            now=now,
            owner=(form.campaign.platform, form.campaign.account, form.campaign.external_id, ""),
        )
        for form, record in unmatched.values()
        if not isinstance(form.campaign, int)
    ]
    quarantine.keep(rows)
    error = FieldError("campaign", f"{NO_SUCH_CAMPAIGN}; kept until somebody matches it to one")
    return {index: Outcome(Result.QUARANTINED, errors=[error]) for index in unmatched}


def _key(campaign: int | schemas.CampaignReference) -> CampaignKey:
    if isinstance(campaign, int):
        return campaign
    return campaign.platform, campaign.account, campaign.external_id


def _source(form: schemas.SpendEvent | schemas.SpendSnapshot) -> str:
    if form.source == REVERSAL:
        raise InvalidSpend("source", f"{REVERSAL} is kept for rows that take others back; give another")
    return form.source


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


def event_of(form: schemas.SpendEvent, match: Match) -> SpendEvent:
    """The record that an event's form describes; raises InvalidSpend or MoneyError."""
    if form.occurred_at is not None and form.spent_on is not None:
        raise InvalidSpend("spent_on", "give occurred_at or spent_on, not both")
    return SpendEvent(
        campaign_id=match.campaign_id,
        amount_micros=to_micros(form.amount),
        kind=KINDS[form.kind],
        occurred_at=_moment("occurred_at", form.occurred_at),
        spent_on=None if form.spent_on is None else _day("spent_on", form.spent_on),
        external_id=form.external_id,
        currency=form.currency,
        description=form.description,
    )


def snapshot_of(form: schemas.SpendSnapshot, match: Match) -> SpendSnapshot:
    """The record that a total's form describes; raises InvalidSpend or MoneyError."""
    return SpendSnapshot(
        campaign_id=match.campaign_id,
        day=_day("date", form.date),
        amount_micros=to_micros(form.amount),
        line=form.line or match.line,
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

"""What a person decides on quarantined spend: match it and count it, once; correct it; or put it aside."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime

from django.db.models import QuerySet

from ads.actor import Actor, acting_as, actor_name
from ads.errors import InvalidSpend
from ads.importers.spool import Owner, line_within
from ads.models import (
    Brand,
    Campaign,
    ImportMode,
    ImportState,
    Kind,
    QuarantinedSpend,
    QuarantineProblem,
    QuarantineState,
    SpendImport,
)
from ads.services.events import book_events
from ads.services.given import run
from ads.services.identity import snapshot_key
from ads.services.matching import Match, aliased, learn, match_campaigns
from ads.services.records import Answer, Result, SpendEvent, SpendSnapshot
from ads.services.snapshots import book_snapshots
from ads.services.totals import KnownTotals
from ads.services.transactions import retrying

ROWS_AT_ONCE = 1_000
STILL_AT_WORK = "its file is still being worked on; try again when that is done"
COUNTED_BEFORE = "The same was counted before."
RESOLVED = ("state", "brand", "campaign", "reason", "note", "resolved_at", "resolved_by", "log_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What a person says instead of the record; None leaves the record's own. The amount is in the brand's currency."""

    amount_micros: int | None = None
    spent_on: date | None = None
    line: str | None = None
    external_id: str | None = None


@dataclass(slots=True)
class Released:
    """What became of rows: how many are decided on now, what that booked (micros), what still stands against others."""

    count: int = 0
    booked_micros: int = 0
    held: list[tuple[QuarantinedSpend, str]] = field(default_factory=list)

    def add(self, other: "Released") -> None:
        self.count += other.count
        self.booked_micros += other.booked_micros
        self.held += other.held


@dataclass(frozen=True, slots=True)
class _Ready:
    """A row, its campaign, and the record that is to be booked for it."""

    row: QuarantinedSpend
    brand_id: int
    record: SpendEvent | SpendSnapshot


def waiting_like(row: QuarantinedSpend) -> QuerySet[QuarantinedSpend]:
    """All that waits for a match of the same campaign of the same platform; without one, all of the same file."""
    waiting = QuarantinedSpend.objects.filter(
        state=QuarantineState.OPEN, problem=QuarantineProblem.UNKNOWN_CAMPAIGN, brand=row.brand
    )
    if row.campaign_ref:
        return waiting.filter(platform=row.platform, account=row.account, campaign_ref=row.campaign_ref)
    same = waiting.filter(campaign_ref="", campaign_name=row.campaign_name)
    if row.campaign_name:
        return same.filter(platform=row.platform, account=row.account)
    return same.filter(spend_import_id=row.spend_import_id)


def release(
    row_ids: Iterable[int],
    *,
    campaign: Campaign | None = None,
    correction: Correction | None = None,
    by: Actor = None,
    now: datetime,
) -> Released:
    """Counts what waits, each row once, and says what still stands against the others, which go on waiting.

    With `campaign` all of it is that campaign's, and what its platform calls it is learned; what is known as
    another by now goes on waiting, or it would count for both. Without, the campaign is the record's own, or one
    that is known by now. Rows decided on before are left alone.
    Raises InvalidSpend where a row is of another brand than the campaign.
    """
    ids, done = sorted(row_ids), Released()
    with acting_as(by):
        for start in range(0, len(ids), ROWS_AT_ONCE):
            done.add(_release(ids[start : start + ROWS_AT_ONCE], campaign, correction or Correction(), now))
    return done


def dismiss(row_ids: Iterable[int], *, note: str = "", by: Actor = None, now: datetime) -> int:
    """Puts what waits aside: it is kept, and not counted unless it is taken up again. Returns how many rows."""
    with acting_as(by):
        return QuarantinedSpend.objects.filter(pk__in=list(row_ids), state=QuarantineState.OPEN).update(
            state=QuarantineState.DISMISSED, resolved_at=now, resolved_by=actor_name(), note=note
        )


def take_up_again(row_ids: Iterable[int]) -> int:
    """What was put aside waits again. Returns how many rows."""
    return QuarantinedSpend.objects.filter(pk__in=list(row_ids), state=QuarantineState.DISMISSED).update(
        state=QuarantineState.OPEN, resolved_at=None, resolved_by="", note=""
    )


@retrying
def _release(
    ids: Sequence[int], campaign: Campaign | None, correction: Correction, now: datetime
) -> Released:
    rows = QuarantinedSpend.objects.filter(pk__in=ids, state=QuarantineState.OPEN)
    of_rows = set(rows.order_by().values_list("brand_id", flat=True)) - {None}
    locked = Brand.objects.lock(of_rows | ({campaign.brand_id} if campaign else set()))
    brands = {brand.pk: brand for brand in locked}
    # Read after the lock, and only what nobody else has decided on meanwhile.
    waiting = list(rows.select_for_update(no_key=True, of=("self",)).order_by("pk"))
    matches = _matches(waiting, brands)
    if campaign is not None:
        matches = _matched(waiting, matches, campaign, now)
    imports = SpendImport.objects.filter(
        pk__in=[row.spend_import_id for row in waiting if row.spend_import_id]
    )
    states: dict[int | None, str] = dict(imports.order_by().values_list("pk", "state"))
    done = Released()
    ready: defaultdict[tuple[str, str, int | None], list[_Ready]] = defaultdict(list)
    for row in waiting:
        state = states.get(row.spend_import_id)
        if state in SpendImport.AT_WORK:
            done.held.append((row, STILL_AT_WORK))
            continue
        try:
            match = matches[row.pk]
            if isinstance(match, str):
                raise InvalidSpend("campaign", match)
            brand = brands[campaign.brand_id if campaign else row.brand_id or 0]
            one = _Ready(row, brand.pk, _record(row, match, correction, brand))
        except InvalidSpend as error:
            done.held.append((row, str(error)))
        else:
            # What is taken up again after its import was undone is no longer that import's.
            import_id = None if state == ImportState.UNDONE else row.spend_import_id
            ready[row.mode, row.source, import_id].append(one)
    for (mode, source, import_id), group in ready.items():
        book = _book_events if mode == ImportMode.EVENTS else _book_totals
        for one, answer in zip(group, book(group, source, import_id, now), strict=True):
            _resolve(one, answer, correction, done, now)
    QuarantinedSpend.objects.bulk_update(waiting, RESOLVED, batch_size=ROWS_AT_ONCE)
    return done


def _owner(row: QuarantinedSpend) -> Owner:
    return Owner(row.account, row.campaign_ref, "" if row.campaign_ref else row.campaign_name)


def _matched(
    rows: Sequence[QuarantinedSpend], known: Mapping[int, Match | str], campaign: Campaign, now: datetime
) -> dict[int, Match | str]:
    """Every row is the campaign's; what their platforms call it is learned, where that can be known again.

    What is known by now, such as by an id that was entered meanwhile, is counted as that: its newer totals are.
    """
    if any(row.brand_id not in (None, campaign.brand_id) for row in rows):
        raise InvalidSpend("campaign", f"{campaign} is not a campaign of the brand that the spend is for")
    unmatched = [row for row in rows if row.campaign_id is None]
    by_now = {row.pk: match for row in unmatched if isinstance(match := known[row.pk], Match)}
    called = {
        row.pk: (row.platform, owner)
        for row, owner in ((row, _owner(row)) for row in unmatched if row.pk not in by_now)
        if row.platform and (owner.campaign_id or owner.name)
    }
    learn(campaign, called.values(), now)
    matches: dict[int, Match | str] = {row.pk: Match(campaign.pk) for row in rows}
    matches |= {pk: aliased(campaign.pk, owner) for pk, (_, owner) in called.items()}
    for pk, match in by_now.items():
        is_other = match.campaign_id != campaign.pk
        matches[pk] = "is known as another campaign by now; release it as that one" if is_other else match
    return matches


def _matches(rows: Sequence[QuarantinedSpend], brands: Mapping[int, Brand]) -> dict[int, Match | str]:
    """Each row's own campaign, or the one that it is known to be by now, or why there is none."""
    matches: dict[int, Match | str] = {
        row.pk: Match(row.campaign_id) if row.campaign_id else "say which campaign it is" for row in rows
    }
    unmatched: defaultdict[tuple[int, str], list[QuarantinedSpend]] = defaultdict(list)
    for row in rows:
        if row.campaign_id is None and row.brand_id is not None:
            unmatched[row.brand_id, row.platform].append(row)
    for (brand_id, platform), group in unmatched.items():
        found = match_campaigns(brands[brand_id], platform, [_owner(row) for row in group])
        for row in group:
            match = found[_owner(row)]
            matches[row.pk] = match if isinstance(match, Match) else match.reason
    return matches


def _record(
    row: QuarantinedSpend, match: Match, asked: Correction, brand: Brand
) -> SpendEvent | SpendSnapshot:
    """The record that is to be booked. Raises InvalidSpend where something of it is still missing."""
    micros = row.amount_micros if asked.amount_micros is None else asked.amount_micros
    day = asked.spent_on or row.spent_on
    if micros is None:
        raise InvalidSpend("amount", "say how much was spent, such as 12.50")
    currency = row.currency or None if asked.amount_micros is None else None
    if row.mode == ImportMode.SNAPSHOT:
        if day is None:
            raise InvalidSpend("date", "say on which day it was spent, such as 2026-03-31")
        line = line_within(row.line, match.line) if asked.line is None else asked.line
        return SpendSnapshot(
            campaign_id=match.campaign_id,
            day=day,
            amount_micros=micros,
            line=line or match.line,
            hour=row.hour,
            as_of=row.as_of or row.received_at,
            currency=currency,
        )
    if day is None and row.occurred_at is None:
        # It happened when it came. Given as a moment it would not be the same content if it came again.
        day = brand.calendar.local_date(row.received_at)
    return SpendEvent(
        campaign_id=match.campaign_id,
        amount_micros=micros,
        kind=Kind(row.kind),
        occurred_at=row.occurred_at if asked.spent_on is None else None,
        spent_on=day,
        external_id=asked.external_id or row.external_id or None,
        currency=currency,
        description=row.description,
    )


def _book_events(group: Sequence[_Ready], source: str, import_id: int | None, now: datetime) -> list[Answer]:
    events = [one.record for one in group if isinstance(one.record, SpendEvent)]
    return book_events(events, source=source, now=now, import_id=import_id)


def _book_totals(group: Sequence[_Ready], source: str, import_id: int | None, now: datetime) -> list[Answer]:
    """Equal identities are one value, their sum, and get one answer. Those of one file add up, here as in the file."""
    sums: dict[SpendSnapshot, SpendSnapshot] = {}
    identities: list[SpendSnapshot] = []
    for one in group:
        if not isinstance(one.record, SpendSnapshot):
            continue
        same = replace(one.record, amount_micros=0, as_of=None)
        before = sums.get(same, same)
        sums[same] = replace(
            same,
            amount_micros=one.record.amount_micros + before.amount_micros,
            as_of=max(filter(None, (one.record.as_of, before.as_of))),
        )
        identities.append(same)
    if import_id is not None and sums:
        sums = _with_their_files(sums, group[0].brand_id, source, import_id)
    booked = book_snapshots(
        list(sums.values()), source=source, now=now, arrived=now, import_id=import_id, goes_on=False
    )
    answers = dict(zip(sums, booked, strict=True))
    first = dict.fromkeys(identities, True)
    # What one value booked is counted once.
    return [
        answers[same] if first.pop(same, False) else replace(answers[same], booked_micros=0)
        for same in identities
    ]


def _with_their_files(
    sums: Mapping[SpendSnapshot, SpendSnapshot], brand_id: int, source: str, import_id: int
) -> dict[SpendSnapshot, SpendSnapshot]:
    """The totals with what the import has given for the same identities already."""
    keys = {
        same: snapshot_key(brand_id, source, same.campaign_id, same.line, same.day, same.hour)
        for same in sums
    }
    known = KnownTotals()
    run([known.looking_for(keys.values())])
    given = {key: last.amount_micros for key, last in known.values.items() if last.import_id == import_id}
    return {
        same: replace(total, amount_micros=total.amount_micros + given.get(keys[same], 0))
        for same, total in sums.items()
    }


def _resolve(one: _Ready, answer: Answer, correction: Correction, done: Released, now: datetime) -> None:
    row = one.row
    if answer.result in (Result.REFUSED, Result.CONFLICT):
        row.reason = f"{answer.field}: {answer.message}"
        done.held.append((row, row.reason))
        return
    row.state, row.brand_id, row.campaign_id = (
        QuarantineState.RELEASED,
        one.brand_id,
        one.record.campaign_id,
    )
    row.resolved_at, row.resolved_by, row.log_id = now, actor_name(), answer.log_id
    row.note = COUNTED_BEFORE if answer.result == Result.DUPLICATE else _corrected(correction)
    done.count += 1
    done.booked_micros += answer.booked_micros


def _corrected(asked: Correction) -> str:
    """What a person said instead of the record, for whoever reads it later."""
    said = [field.name for field in fields(asked) if getattr(asked, field.name) is not None]
    names = {"amount_micros": "amount", "spent_on": "date", "line": "line", "external_id": "id"}
    return f"Corrected by hand: {', '.join(names[name] for name in said)}." if said else ""

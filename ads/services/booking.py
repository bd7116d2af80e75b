"""One slice of records in one transaction: lock, check, append to the ledger, add to the periods, decide."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from ads.actor import actor_name
from ads.errors import InvalidSpend
from ads.models import (
    Brand,
    Campaign,
    Cause,
    Kind,
    SnapshotDay,
    SnapshotValue,
    SpendKey,
    SpendLog,
    StatusChange,
)
from ads.rules.money import MAX_MICROS, from_micros
from ads.rules.periods import Calendar
from ads.rules.serving import Status
from ads.services import enforcement, identity, periods
from ads.services.periods import Addition, Limits
from ads.services.records import Answer, Result, SpendEvent, SpendSnapshot
from ads.services.transactions import retrying

FURTHEST_AHEAD = timedelta(hours=24)
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
ROWS_PER_STATEMENT = 2_000


@dataclass(frozen=True, slots=True)
class CampaignRow:
    """What booking needs to know of a campaign, read after its brand was locked."""

    brand_id: int
    status: str
    status_since: datetime | None
    limits: Limits


@dataclass(frozen=True, slots=True)
class Ground:
    """What a slice stands on: its locked brands, their campaigns, the source and the moment."""

    brands: Mapping[int, Brand]
    campaigns: Mapping[int, CampaignRow]
    source: str
    now: datetime

    def brand_of(self, campaign_id: int) -> Brand:
        return self.brands[self.campaigns[campaign_id].brand_id]

    def calendar_of(self, campaign_id: int) -> Calendar:
        return self.brand_of(campaign_id).calendar


@dataclass(slots=True)
class Entry:
    """A row that is about to be booked for a record, with its identity where it has one."""

    log: SpendLog
    key: UUID | None = None
    content: UUID | None = None


@retrying
def book_events(events: Sequence[SpendEvent], *, source: str, now: datetime) -> list[Answer]:
    """Books events of known campaigns and answers each, in their order.

    What cannot be counted is answered REFUSED or CONFLICT and changes nothing; the others go in.
    """
    ground = _stand_on((event.campaign_id for event in events), source, now)
    answers: dict[int, Answer] = {}
    checked: list[tuple[int, SpendEvent, date]] = []
    for index, event in enumerate(events):
        try:
            checked.append((index, event, _check_event(event, ground)))
        except InvalidSpend as error:
            answers[index] = Answer(event, Result.REFUSED, field=error.field, message=error.message)
    with_totals = _days_with_totals(checked, ground)
    known = _known_records(checked, ground)
    entries: list[Entry] = []
    first: dict[UUID, tuple[UUID, SpendLog]] = {}
    for index, event, spent_on in checked:
        key, content = _identity(event, ground)
        before = known.get(key) or first.get(key) if key else None
        if before is not None:
            answers[index] = _repeated(event, before, content)
        elif _day_key(event.campaign_id, spent_on, ground) in with_totals:
            message = (
                f"{source} gives totals for this campaign on {spent_on}; single events would count twice"
            )
            answers[index] = Answer(event, Result.CONFLICT, field="source", message=message)
        else:
            log = _new_row(event, spent_on, ground)
            entries.append(Entry(log, key, content))
            answers[index] = Answer(event, Result.ACCEPTED, log)
            if key:
                first[key] = (content, log)
    _book(entries, ground)
    return [answers[index] for index in range(len(events))]


@retrying
def book_snapshots(snapshots: Sequence[SpendSnapshot], *, source: str, now: datetime) -> list[Answer]:
    """Books what each total so far adds to the last one known, and answers each, in their order.

    No two of them have the same identity. A value that is not newer, or not another, is a DUPLICATE.
    """
    ground = _stand_on((snapshot.campaign_id for snapshot in snapshots), source, now)
    answers: dict[int, Answer] = {}
    checked: list[tuple[int, SpendSnapshot]] = []
    for index, snapshot in enumerate(snapshots):
        try:
            _check_snapshot(snapshot, ground)
            checked.append((index, snapshot))
        except InvalidSpend as error:
            answers[index] = Answer(snapshot, Result.REFUSED, field=error.field, message=error.message)
    cut = _granularities([snapshot for _, snapshot in checked], ground)
    keys = {index: _snapshot_key(snapshot, ground) for index, snapshot in checked}
    values = SnapshotValue.objects.in_bulk(list(keys.values()))
    newer: list[SnapshotValue] = []
    entries: list[Entry] = []
    for index, snapshot in checked:
        granularity = cut[_day_key(snapshot.campaign_id, snapshot.day, ground)]
        if granularity != snapshot.granularity:
            message = (
                f"{source} already gives {granularity} for this campaign on {snapshot.day}; "
                f"{snapshot.granularity} would count twice"
            )
            answers[index] = Answer(snapshot, Result.CONFLICT, field="line", message=message)
            continue
        as_of, last = snapshot.as_of or now, values.get(keys[index])
        if last is not None and as_of < last.as_of:
            answers[index] = Answer(
                snapshot, Result.DUPLICATE, message=f"older than the value of {last.as_of}"
            )
            continue
        newer.append(SnapshotValue(key=keys[index], amount_micros=snapshot.amount_micros, as_of=as_of))
        difference = snapshot.amount_micros - (last.amount_micros if last else 0)
        if difference == 0:
            answers[index] = Answer(snapshot, Result.DUPLICATE if last else Result.ACCEPTED)
            continue
        log = _difference_row(snapshot, difference, keys[index], ground, is_first=last is None)
        entries.append(Entry(log))
        answers[index] = Answer(snapshot, Result.ACCEPTED, log)
    SnapshotValue.objects.bulk_create(
        newer,
        batch_size=ROWS_PER_STATEMENT,
        update_conflicts=True,
        unique_fields=["key"],
        update_fields=["amount_micros", "as_of"],
    )
    _book(entries, ground)
    return [answers[index] for index in range(len(snapshots))]


def _stand_on(campaign_ids: Iterable[int], source: str, now: datetime) -> Ground:
    ids = set(campaign_ids)
    # A campaign belongs to one brand for ever, so this may be read before the lock.
    brand_ids = set(Campaign.objects.filter(pk__in=ids).order_by().values_list("brand_id", flat=True))
    brands = Brand.objects.lock(brand_ids)
    rows = Campaign.objects.filter(pk__in=ids).order_by()
    return Ground(
        brands={brand.pk: brand for brand in brands},
        campaigns={
            pk: CampaignRow(brand_id, status, since, Limits(daily, monthly, total))
            for pk, brand_id, status, since, daily, monthly, total in rows.values_list(
                "pk", "brand_id", "status", "status_since",
                "daily_budget_micros", "monthly_budget_micros", "total_budget_micros",
            )
        },
        source=source,
        now=now,
    )  # fmt: skip


def _check_event(event: SpendEvent, ground: Ground) -> date:
    """The date it counts for; raises InvalidSpend where it cannot be counted."""
    calendar = _check_owner(event, ground)
    amount = from_micros(event.amount_micros)
    if event.amount_micros == 0:
        raise InvalidSpend("amount", "0 is no event; leave it out")
    if event.kind == Kind.SPEND and event.amount_micros < 0:
        raise InvalidSpend("amount", f"{amount} is negative; record it as a REFUND or an ADJUSTMENT")
    if event.kind == Kind.REFUND and event.amount_micros > 0:
        raise InvalidSpend("amount", f"{amount} is positive; a REFUND is negative, such as -{amount}")
    _check_text("external_id", event.external_id, 255)
    _check_text("description", event.description, 255)
    if event.occurred_at is not None:
        _check_instant(event.occurred_at, ground.now)
    spent_on = event.spent_on or calendar.local_date(event.occurred_at or ground.now)
    _check_day(spent_on, calendar, ground.now)
    return spent_on


def _check_snapshot(snapshot: SpendSnapshot, ground: Ground) -> None:
    calendar = _check_owner(snapshot, ground)
    _check_text("line", snapshot.line, 255)
    _check_day(snapshot.day, calendar, ground.now)
    if snapshot.hour is not None and snapshot.hour not in range(24):
        raise InvalidSpend("hour", f"{snapshot.hour} is not an hour; give 0 to 23")


def _check_owner(record: SpendEvent | SpendSnapshot, ground: Ground) -> Calendar:
    if record.campaign_id not in ground.campaigns:
        raise InvalidSpend("campaign", f"{record.campaign_id} is not a campaign")
    currency = ground.brand_of(record.campaign_id).currency
    if record.currency is not None and record.currency != currency:
        raise InvalidSpend("currency", f"{record.currency} is not the brand's currency, which is {currency}")
    if abs(record.amount_micros) > MAX_MICROS:
        raise InvalidSpend("amount", f"{from_micros(record.amount_micros)} is out of range")
    _check_text("source", ground.source, 64)
    if not ground.source:
        raise InvalidSpend("source", "is empty; name where the record comes from, such as meta")
    return ground.calendar_of(record.campaign_id)


def _check_text(field: str, value: str | None, longest: int) -> None:
    if value is None:
        return
    if len(value) > longest:
        raise InvalidSpend(field, f"has {len(value)} characters; at most {longest} are possible")
    if "\x00" in value:
        raise InvalidSpend(field, "holds a NUL character; leave it out")


def _check_instant(occurred_at: datetime, now: datetime) -> None:
    if occurred_at.tzinfo is None:
        raise InvalidSpend("occurred_at", f"{occurred_at} has no time zone; add its offset, such as +00:00")
    if occurred_at < EARLIEST:
        raise InvalidSpend("occurred_at", f"{occurred_at} is before 2000; give the moment it was spent")
    if occurred_at > now + FURTHEST_AHEAD:
        raise InvalidSpend("occurred_at", f"{occurred_at} is more than 24 hours ahead of now, {now}")


def _check_day(day: date, calendar: Calendar, now: datetime) -> None:
    if day < EARLIEST.date():
        raise InvalidSpend("date", f"{day} is before 2000; give the day it was spent")
    if day > calendar.local_date(now + FURTHEST_AHEAD):
        raise InvalidSpend("date", f"{day} is more than 24 hours ahead of now, {now}")


def _identity(event: SpendEvent, ground: Ground) -> tuple[UUID | None, UUID]:
    brand = ground.brand_of(event.campaign_id)
    content = identity.record_content(
        event.campaign_id,
        event.kind,
        event.amount_micros,
        event.currency or brand.currency,
        event.occurred_at,
    )
    if event.external_id is None:
        return None, content
    return identity.record_key(brand.pk, ground.source, event.external_id), content


def _known_records(
    checked: Iterable[tuple[int, SpendEvent, date]], ground: Ground
) -> dict[UUID | None, tuple[UUID, SpendLog]]:
    """The content and the first row of every identity that is known already."""
    keys = [key for key in (_identity(event, ground)[0] for _, event, _ in checked) if key is not None]
    if not keys:
        return {}
    found = SpendKey.objects.in_bulk(keys)
    logs = SpendLog.objects.in_bulk([known.log_id for known in found.values()]) if found else {}
    return {key: (known.content, logs[known.log_id]) for key, known in found.items()}


def _repeated(event: SpendEvent, before: tuple[UUID, SpendLog], content: UUID) -> Answer:
    first_content, first_log = before
    if content == first_content:
        return Answer(event, Result.DUPLICATE, first_log)
    message = (
        f"{event.external_id} was recorded before as {first_log.kind} of {first_log.amount} for campaign "
        f"{first_log.campaign_id}; the same id with other content is not counted"
    )
    return Answer(event, Result.CONFLICT, first_log, field="external_id", message=message)


def _day_key(campaign_id: int, day: date, ground: Ground) -> UUID:
    return identity.snapshot_day_key(ground.campaigns[campaign_id].brand_id, ground.source, campaign_id, day)


def _snapshot_key(snapshot: SpendSnapshot, ground: Ground) -> UUID:
    brand_id = ground.campaigns[snapshot.campaign_id].brand_id
    return identity.snapshot_key(
        brand_id, ground.source, snapshot.campaign_id, snapshot.line, snapshot.day, snapshot.hour
    )


def _days_with_totals(checked: Iterable[tuple[int, SpendEvent, date]], ground: Ground) -> set[UUID]:
    """Keys of the campaigns' dates for which this source gives totals; a reversal may go there all the same."""
    keys = {
        _day_key(event.campaign_id, spent_on, ground)
        for _, event, spent_on in checked
        if event.reverses_id is None
    }
    return set(SnapshotDay.objects.filter(pk__in=keys).values_list("pk", flat=True))


def _granularities(snapshots: Sequence[SpendSnapshot], ground: Ground) -> dict[UUID, str]:
    """How finely each campaign's date is cut; a date seen for the first time takes the first snapshot's way."""
    first: dict[UUID, SpendSnapshot] = {}
    for snapshot in snapshots:
        first.setdefault(_day_key(snapshot.campaign_id, snapshot.day, ground), snapshot)
    cut = {day.key: day.granularity for day in SnapshotDay.objects.filter(pk__in=list(first))}
    new = {key: snapshot for key, snapshot in first.items() if key not in cut}
    with_events = set(
        SpendLog.objects.filter(
            campaign_id__in={snapshot.campaign_id for snapshot in new.values()},
            spent_on__in={snapshot.day for snapshot in new.values()},
            source=ground.source,
            snapshot_key__isnull=True,
        )
        .order_by()
        .values_list("campaign_id", "spent_on")
        .distinct()
    )
    days = []
    for key, snapshot in new.items():
        if (snapshot.campaign_id, snapshot.day) in with_events:
            cut[key] = "single events"
        else:
            cut[key] = snapshot.granularity
            days.append(SnapshotDay(key=key, granularity=snapshot.granularity))
    SnapshotDay.objects.bulk_create(days, batch_size=ROWS_PER_STATEMENT)
    return cut


def _new_row(event: SpendEvent, spent_on: date, ground: Ground) -> SpendLog:
    is_dated = event.spent_on is not None and event.occurred_at is None
    return SpendLog(
        brand_id=ground.campaigns[event.campaign_id].brand_id,
        campaign_id=event.campaign_id,
        kind=event.kind,
        amount_micros=event.amount_micros,
        occurred_at=None if is_dated else event.occurred_at or ground.now,
        spent_on=spent_on,
        recorded_at=ground.now,
        source=ground.source,
        external_id=event.external_id,
        description=event.description,
        recorded_by=actor_name(),
        reverses_id=event.reverses_id,
    )


def _difference_row(
    snapshot: SpendSnapshot, difference: int, key: UUID, ground: Ground, *, is_first: bool
) -> SpendLog:
    return SpendLog(
        brand_id=ground.campaigns[snapshot.campaign_id].brand_id,
        campaign_id=snapshot.campaign_id,
        kind=Kind.SPEND if difference > 0 else Kind.ADJUSTMENT,
        amount_micros=difference,
        spent_on=snapshot.day,
        recorded_at=ground.now,
        source=ground.source,
        description=" ".join(
            part
            for part in (
                "" if is_first else "restated",
                snapshot.line,
                "" if snapshot.hour is None else f"{snapshot.hour:02}:00",
            )
            if part
        ),
        recorded_by=actor_name(),
        snapshot_key=key,
    )


def _book(entries: Sequence[Entry], ground: Ground) -> None:
    if not entries:
        return
    logs = [entry.log for entry in entries]
    _flag_while_off(logs, ground)
    SpendLog._base_manager.bulk_create(logs, batch_size=ROWS_PER_STATEMENT)
    SpendKey.objects.bulk_create(
        [
            SpendKey(key=entry.key, content=entry.content, log_id=entry.log.pk)
            for entry in entries
            if entry.key is not None and entry.content is not None
        ],
        batch_size=ROWS_PER_STATEMENT,
    )
    crossed = periods.add(
        (Addition(log.brand_id, log.campaign_id, log.spent_on, log.amount_micros) for log in logs),
        ground.brands,
        {pk: campaign.limits for pk, campaign in ground.campaigns.items()},
        ground.now,
    )
    _decide(crossed, ground)


def _decide(crossed: periods.Crossed, ground: Ground) -> None:
    """Whoever's limit is now reached, or no longer, is decided; for all others nothing has changed."""
    brands = [ground.brands[brand_id] for brand_id in sorted(crossed.brand_ids)]
    if brands:
        enforcement.decide_brands(brands, cause=Cause.SPEND, now=ground.now)
    alone = {pk for pk in crossed.campaign_ids if ground.campaigns[pk].brand_id not in crossed.brand_ids}
    if alone:
        owners = sorted({ground.campaigns[pk].brand_id for pk in alone})
        enforcement.decide_campaigns(
            [ground.brands[pk] for pk in owners], alone, cause=Cause.SPEND, now=ground.now
        )


def _flag_while_off(logs: Sequence[SpendLog], ground: Ground) -> None:
    """Marks spend of a moment at which its campaign was not to run; rows without a moment stay unmarked."""
    before: list[SpendLog] = []
    for log in logs:
        if log.occurred_at is None or log.reverses_id is not None:
            continue
        campaign = ground.campaigns[log.campaign_id]
        if campaign.status_since is not None and log.occurred_at < campaign.status_since:
            before.append(log)
        else:
            log.while_off = campaign.status != Status.ACTIVE
    if before:
        _flag_by_history(before, ground)


def _flag_by_history(logs: Sequence[SpendLog], ground: Ground) -> None:
    """The state at a moment is what the first later change of status changed it from."""
    earliest = min(log.occurred_at for log in logs if log.occurred_at is not None)
    history: defaultdict[int, list[tuple[datetime, str]]] = defaultdict(list)
    changes = StatusChange.objects.filter(campaign_id__in={log.campaign_id for log in logs}, at__gt=earliest)
    for campaign_id, at, status in changes.order_by("at", "pk").values_list(
        "campaign_id", "at", "from_status"
    ):
        history[campaign_id].append((at, status))
    for log in logs:
        changed = history[log.campaign_id]
        later = bisect_right(changed, log.occurred_at, key=lambda change: change[0])
        status = changed[later][1] if later < len(changed) else ground.campaigns[log.campaign_id].status
        log.while_off = status != Status.ACTIVE

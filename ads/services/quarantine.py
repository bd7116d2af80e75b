"""Spend that could not be counted is kept whole, once, until a person decides (release.py)."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

from ads.actor import actor_name
from ads.models import (
    Campaign,
    ImportMode,
    QuarantinedSpend,
    QuarantineProblem,
    QuarantineState,
)
from ads.services.identity import quarantine_key
from ads.services.records import Answer, Result, SpendEvent, SpendSnapshot
from ads.services.transactions import retrying

ROWS_PER_STATEMENT = 1_000
WIDEST_MICROS = 2**63 - 1
LONGEST_CURRENCY = 16
# What a newer value of the same record changes.
NEWER = (
    "state", "problem", "reason", "campaign", "spend_import", "amount_micros", "as_of", "cells", "row", "received_at",
    "received_by", "resolved_at", "resolved_by", "note", "log_id",
)  # fmt: skip


def keep_uncounted(
    answers: Sequence[Answer], *, source: str, now: datetime, import_id: int | None = None
) -> None:
    """Keeps what these answers refuse or call a conflict, in the caller's transaction.

    What is kept is QUARANTINED and no longer REFUSED. What can never be counted as it is, such as an event of 0 or
    a refund above it, stays refused to a sender, who hears of it; of a file it is kept like all else.
    """
    kept: list[tuple[Answer, QuarantineProblem]] = []
    for answer in answers:
        if answer.result in (Result.REFUSED, Result.CONFLICT):
            problem = _problem(answer, now)
            if problem != QuarantineProblem.INVALID or import_id is not None:
                kept.append((answer, problem))
    if not kept:
        return
    ids = {answer.record.campaign_id for answer, _ in kept}
    brand_of = dict(Campaign.objects.filter(pk__in=ids).order_by().values_list("pk", "brand_id"))
    keep([_row(answer, problem, brand_of, source, now, import_id) for answer, problem in kept])
    for answer, _ in kept:
        if answer.result == Result.REFUSED:
            answer.result = Result.QUARANTINED


def keep(rows: Sequence[QuarantinedSpend]) -> None:
    """Keeps these rows, each under the identity that its record has.

    The same record again changes nothing, whatever was decided on it. One with another value that is not older
    takes its place and waits for a person again.
    """
    newest = {row.identity: row for row in rows}
    for start in range(0, len(newest), ROWS_PER_STATEMENT):
        _keep_slice(list(newest.values())[start : start + ROWS_PER_STATEMENT])


@retrying
def _keep_slice(rows: Sequence[QuarantinedSpend]) -> None:
    known = QuarantinedSpend.objects.in_bulk([row.identity for row in rows], field_name="identity")
    new = [row for row in rows if row.identity not in known]
    QuarantinedSpend.objects.bulk_create(
        new, update_conflicts=True, unique_fields=["identity"], update_fields=["identity"]
    )
    changed = []
    for row in rows:
        before = known.get(row.identity)
        if before is None or before.amount_micros == row.amount_micros or _is_older(row, before):
            continue
        row.pk = before.pk
        changed.append(row)
    QuarantinedSpend.objects.bulk_update(changed, NEWER)


def _is_older(row: QuarantinedSpend, before: QuarantinedSpend) -> bool:
    return (row.as_of or row.received_at) < (before.as_of or before.received_at)


def _problem(answer: Answer, now: datetime) -> QuarantineProblem:
    if answer.result == Result.CONFLICT:
        return QuarantineProblem.CONFLICT
    if answer.field == "campaign":
        return QuarantineProblem.UNKNOWN_CAMPAIGN
    if answer.field == "currency":
        return QuarantineProblem.CURRENCY
    record = answer.record
    if answer.field == "date":
        day = record.day if isinstance(record, SpendSnapshot) else record.spent_on
        return QuarantineProblem.TOO_FAR_AHEAD if day and day > now.date() else QuarantineProblem.INVALID
    if answer.field == "occurred_at" and isinstance(record, SpendEvent) and record.occurred_at:
        is_ahead = record.occurred_at.tzinfo is not None and record.occurred_at > now
        return QuarantineProblem.TOO_FAR_AHEAD if is_ahead else QuarantineProblem.INVALID
    return QuarantineProblem.INVALID


def _row(
    answer: Answer,
    problem: QuarantineProblem,
    brand_of: dict[int, int],
    source: str,
    now: datetime,
    import_id: int | None,
) -> QuarantinedSpend:
    record, brand_id = answer.record, brand_of.get(answer.record.campaign_id)
    row = uncounted(
        record,
        problem=problem,
        reason=f"{answer.field}: {answer.message}",
        source=source,
        brand_id=brand_id,
        now=now,
        import_id=import_id,
    )
    if brand_id is None:
        row.campaign_ref = str(record.campaign_id)
    else:
        row.campaign_id = record.campaign_id
    return row


def uncounted(
    record: SpendEvent | SpendSnapshot,
    *,
    problem: QuarantineProblem,
    reason: str,
    source: str,
    brand_id: int | None,
    now: datetime,
    import_id: int | None = None,
    owner: tuple[str, str, str, str] = ("", "", "", ""),
) -> QuarantinedSpend:
    """A row, not yet kept, that holds all of a record. `owner` is platform, account, campaign's id and name there."""
    platform, account, ref, name = owner
    row = QuarantinedSpend(
        state=QuarantineState.OPEN,
        problem=problem,
        reason=storable(reason),
        brand_id=brand_id,
        spend_import_id=import_id,
        source=source,
        platform=platform,
        account=storable(account),
        campaign_ref=storable(ref),
        campaign_name=storable(name),
        # Sums of a file may be beyond what a column holds; the reason names them.
        amount_micros=record.amount_micros if abs(record.amount_micros) <= WIDEST_MICROS else None,
        currency=storable(record.currency or "")[:LONGEST_CURRENCY],
        received_at=now,
        received_by=actor_name(),
    )
    who = (brand_id, source, record.campaign_id, platform, account, ref, name if not ref else "")
    if isinstance(record, SpendSnapshot):
        row.mode, row.spent_on, row.hour = ImportMode.SNAPSHOT, record.day, record.hour
        row.line, row.as_of = storable(record.line), record.as_of
        key = quarantine_key("total", *who, record.day, record.hour, record.line, record.currency)
    else:
        row.mode, row.kind, row.spent_on = ImportMode.EVENTS, record.kind, record.spent_on
        row.occurred_at, row.external_id = _stored(record.occurred_at), storable(record.external_id or "")
        row.description = storable(record.description)
        # Without an id nothing tells two equal records apart from one that came twice.
        key = uuid4().bytes
        if record.external_id:
            content = (
                record.kind,
                record.amount_micros,
                record.currency,
                record.occurred_at,
                record.spent_on,
            )
            key = quarantine_key("event", *who, record.external_id, *content)
    row.identity = UUID(bytes=key)
    return row


def _stored(moment: datetime | None) -> datetime | None:
    """None for moments of the last or first day of all, which are none in UTC; the reason names them."""
    try:
        return moment and moment.astimezone(UTC)
    except OverflowError:
        return None


def storable(text: str) -> str:
    """The text with what no database stores written out: NUL, and halves of surrogate pairs."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")

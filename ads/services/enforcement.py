"""The one writer of status, reasons and next_transition_at.

Whoever calls `decide_brands` or `decide_campaigns` holds the brands' locks and is inside a transaction; `tick`
and `sweep` take both themselves.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import count
from operator import attrgetter
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import Count, QuerySet

from ads.actor import actor_name
from ads.models import Brand, Campaign, Cause, EventType, PeriodKind, StatusChange
from ads.models.campaign import reasons_from_codes
from ads.models.period import first_day
from ads.rules.serving import Decision, Reason, Status, decide
from ads.services import alerts, brand_locks
from ads.services.alerts import Owner, OwnersPeriod
from ads.services.changes import latest
from ads.services.facts import StoredDecision, load_brand_facts, load_campaign_facts
from ads.services.given import OneOf, given
from ads.services.moments import passing
from ads.services.platform_states import follow_statuses, is_anything_connected
from ads.services.transactions import aside
from ads.services.webhooks import Event, emit, is_wanted

logger = logging.getLogger("ads.enforcement")

# Campaigns. Who waits for a lock waits for as many to be decided and written as are locked at once.
LOCKED_AT_ONCE = 2_000
LOOKED_AT_ONCE = 10_000
BRANDS_AT_ONCE = 500
ROWS_PER_STATEMENT = 2_000

VERBS = {
    Status.ACTIVE: "Resuming",
    Status.PAUSED: "Pausing",
    Status.INACTIVE: "Switching off",
    Status.COMPLETED: "Completing",
}
PLANNED = {
    Status.ACTIVE: "Would resume",
    Status.PAUSED: "Would pause",
    Status.INACTIVE: "Would switch off",
    Status.COMPLETED: "Would complete",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One campaign whose status or reasons are others than before."""

    campaign_id: int
    campaign: str
    brand_id: int
    brand: str
    from_status: Status
    from_reasons: tuple[Reason, ...]
    to_status: Status
    reasons: tuple[Reason, ...]

    @property
    def sentence(self) -> str:
        """The change as the log tells it."""
        return self._told(VERBS[self.to_status])

    @property
    def planned_sentence(self) -> str:
        """The same of one that was only tried."""
        return self._told(PLANNED[self.to_status])

    def _told(self, verb: str) -> str:
        words = ", ".join(reason.words for reason in self.reasons) or "nothing stands against it"
        if self.from_status == self.to_status:
            verb = f"Still {self.to_status.lower()}:"
        return f"{verb} campaign {self.campaign} ({self.brand}): {words}"


@dataclass(frozen=True, slots=True)
class Decided:
    """How many campaigns were decided, and what changed."""

    campaigns: int
    changes: list[Change]


@dataclass(slots=True)
class Tally:
    """What a run over many transactions did, in campaigns."""

    decided: int = 0
    paused: int = 0
    resumed: int = 0
    other_changes: int = 0

    @property
    def changed(self) -> int:
        return self.paused + self.resumed + self.other_changes

    def add(self, *several: Decided) -> None:
        self.decided += sum(decided.campaigns for decided in several)
        for change in (change for decided in several for change in decided.changes):
            became = None if change.from_status == change.to_status else change.to_status
            if became == Status.PAUSED:
                self.paused += 1
            elif became == Status.ACTIVE:
                self.resumed += 1
            else:
                self.other_changes += 1


def decide_brands(brands: Sequence[Brand], *, cause: Cause, now: datetime) -> Decided:
    """Decides every campaign of these locked brands."""
    campaigns = Campaign.objects.filter(brand_id__in=[brand.pk for brand in brands])
    return _decide(brands, campaigns, cause=cause, now=now)


def decide_campaigns(
    brands: Sequence[Brand], campaign_ids: Iterable[int], *, cause: Cause, now: datetime
) -> Decided:
    """Decides these campaigns of these locked brands."""
    return _decide(brands, Campaign.objects.filter(pk__in=list(campaign_ids)), cause=cause, now=now)


def tick(now: datetime) -> Tally:
    """Decides the campaigns whose status or reasons time alone may have changed by now, and no others."""
    tally, clock = Tally(), passing(now)
    held: dict[int, list[int]] = {}
    while True:
        due: defaultdict[int, list[int]] = defaultdict(list)
        for brand_id, campaign_id in (
            Campaign.objects.filter(next_transition_at__lte=now)
            .exclude(brand_id__in=held)
            .order_by()
            .values_list("brand_id", "pk")[:LOCKED_AT_ONCE]
        ):
            due[brand_id].append(campaign_id)
        done, left = brand_locks.of_free(list(due), partial(_decide_due, due, clock))
        tally.add(*done)
        held |= {brand_id: due[brand_id] for brand_id in left}
        if sum(map(len, due.values())) < LOCKED_AT_ONCE:
            break
    for brand_id in sorted(held):
        tally.add(*brand_locks.of_held(brand_id, partial(_decide_due, held, clock)))
    return tally


def _decide_due(
    due: Mapping[int, list[int]], clock: Callable[[], datetime], brands: Sequence[Brand]
) -> Decided:
    """Decides those of these locked brands that are still due."""
    now, campaign_ids = clock(), [pk for brand in brands for pk in due[brand.pk]]
    still_due = Campaign.objects.filter(pk__in=campaign_ids, next_transition_at__lte=now)
    return _decide(brands, still_due, cause=Cause.CLOCK, now=now)


def sweep(now: datetime) -> Tally:
    """Decides everything again. What it changes, the other paths have missed: that should be nothing."""
    tally, clock = Tally(), passing(now)
    for share in shares(Brand.objects.all()):
        tally.add(sweep_share(share, clock))
    return tally


class Share(NamedTuple):
    """Brands to be looked at together, with all their campaigns or with just these of one brand."""

    brand_ids: list[int]
    campaign_ids: list[int] | None
    is_last_of_brand: bool = True


def shares(brands: QuerySet[Brand]) -> Iterator[Share]:
    """All campaigns of these brands, in the order of the brands' ids, in shares of a bounded size."""
    last = 0
    while ids := list(
        brands.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BRANDS_AT_ONCE]
    ):
        sizes = sizes_of(ids)
        for brand_ids in in_groups(sizes, LOOKED_AT_ONCE):
            last = brand_ids[-1]
            if sizes[last] > LOOKED_AT_ONCE:  # it is alone
                yield from _shares_of_one(last)
            else:
                yield Share(brand_ids, None)


def sizes_of(brand_ids: Iterable[int]) -> dict[int, int]:
    """How many campaigns each of these brands has, in the order given."""
    counts = Campaign.objects.filter(OneOf("brand_id", brand_ids)).order_by().values_list("brand_id")
    counted = dict(counts.annotate(size=Count("pk")))
    return {brand_id: counted.get(brand_id, 0) for brand_id in brand_ids}


def in_groups(sizes: Mapping[int, int], most: int) -> Iterator[list[int]]:
    """Brands, given with how many campaigns they have, in groups of at most so many; a larger brand is alone."""
    group: list[int] = []
    room = most
    for brand_id, size in sizes.items():
        if group and (size > room or len(group) == BRANDS_AT_ONCE):
            yield group
            group, room = [], most
        group.append(brand_id)
        room -= size
    if group:
        yield group


def _shares_of_one(brand_id: int) -> Iterator[Share]:
    ids = list(Campaign.objects.filter(brand_id=brand_id).order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(ids), LOOKED_AT_ONCE):
        end = start + LOOKED_AT_ONCE
        yield Share([brand_id], ids[start:end], is_last_of_brand=end >= len(ids))


def sweep_share(share: Share, clock: Callable[[], datetime]) -> Decided:
    """Looks without a lock whether anything is not as decided now, and decides that again under the brands' locks.

    So a sweep that finds nothing holds up nobody. What changes while it looks is decided by whoever changes it.
    """
    campaigns = (
        Campaign.objects.filter(brand_id__in=share.brand_ids)
        if share.campaign_ids is None
        else Campaign.objects.filter(pk__in=share.campaign_ids)
    )
    brands = Brand.objects.filter(pk__in=share.brand_ids).order_by()
    looked_at, stale = _look(brands, campaigns, clock())
    by_brand: defaultdict[int, list[int]] = defaultdict(list)
    for stored, _ in stale:
        by_brand[stored.brand_id].append(stored.campaign_id)
    groups = in_groups({brand_id: len(by_brand[brand_id]) for brand_id in by_brand}, LOCKED_AT_ONCE)
    decided = brand_locks.under_locks(groups, partial(_decide_missed, by_brand, clock))
    changes = [change for each in decided for change in each.changes]
    if changes:
        logger.warning("The sweep changed %d campaigns that the others had missed", len(changes))
    return Decided(looked_at, changes)


def _decide_missed(
    missed: Mapping[int, list[int]], clock: Callable[[], datetime], brands: Sequence[Brand]
) -> Decided:
    campaign_ids = [pk for brand in brands for pk in missed[brand.pk]]
    return decide_campaigns(brands, campaign_ids, cause=Cause.SWEEP, now=clock())


def _look(
    brands: Iterable[Brand], campaigns: QuerySet[Campaign], now: datetime
) -> tuple[int, list[tuple[StoredDecision, Decision]]]:
    """How many of these campaigns there are, and those that are not stored as they are decided now."""
    looked_at = 0
    stale: list[tuple[StoredDecision, Decision]] = []
    for stored, facts in load_campaign_facts(campaigns, load_brand_facts(list(brands), now), now):
        looked_at += 1
        decision = decide(facts, now)
        if _is_stale(stored, decision):
            stale.append((stored, decision))
    return looked_at, stale


def _decide(
    brands: Sequence[Brand], campaigns: QuerySet[Campaign], *, cause: Cause, now: datetime
) -> Decided:
    names = {brand.pk: brand.name for brand in brands}
    decided, stale = _look(brands, campaigns, now)
    written = _compare_and_set(stale, now)
    changes = [
        _change(stored, decision, names[stored.brand_id])
        for stored, decision in stale
        if stored.campaign_id in written and _is_change(stored, decision)
    ]
    changes.sort(key=attrgetter("campaign_id"))
    _record(changes, cause=cause, now=now)
    alerts.paused(_stops(changes, brands, now), now)
    return Decided(decided, changes)


def _codes(reasons: tuple[Reason, ...]) -> str:
    return ",".join(reasons)


def _is_stale(stored: StoredDecision, decision: Decision) -> bool:
    return (
        stored.is_new
        or stored.status != decision.status
        or stored.next_transition_at != decision.next_transition_at
        or stored.reason_codes != _codes(decision.reasons)
    )


def _is_change(stored: StoredDecision, decision: Decision) -> bool:
    """A campaign's first status is no change."""
    return not stored.is_new and (
        stored.status != decision.status or stored.reason_codes != _codes(decision.reasons)
    )


def _change(stored: StoredDecision, decision: Decision, brand: str) -> Change:
    return Change(
        campaign_id=stored.campaign_id,
        campaign=stored.name,
        brand_id=stored.brand_id,
        brand=brand,
        from_status=Status(stored.status),
        from_reasons=reasons_from_codes(stored.reason_codes),
        to_status=decision.status,
        reasons=decision.reasons,
    )


def _compare_and_set(stale: Sequence[tuple[StoredDecision, Decision]], now: datetime) -> set[int]:
    """Writes each decision where the campaign still stands as it was read; returns the ids written."""
    written: set[int] = set()
    for rows in _in_slices(stale, ROWS_PER_STATEMENT):
        written |= _write_slice(rows, now)
    if len(written) < len(stale):
        logger.warning("%d campaigns were decided elsewhere meanwhile", len(stale) - len(written))
    return written


def _in_slices(
    rows: Sequence[tuple[StoredDecision, Decision]], size: int
) -> Iterator[Sequence[tuple[StoredDecision, Decision]]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _write_slice(rows: Sequence[tuple[StoredDecision, Decision]], now: datetime) -> set[int]:
    table, params = given(
        ("bigint", "text", "text", "text", "text", "timestamptz", "timestamptz"),
        [
            (
                stored.campaign_id,
                stored.status,
                stored.reason_codes,
                decision.status.value,
                _codes(decision.reasons),
                decision.next_transition_at,
                now,
            )
            for stored, decision in rows
        ],
    )
    sql = f"""
        WITH decided (id, was_status, was_reasons, status, reasons, next_at, at) AS ({table})
        UPDATE ads_campaign
        SET status = decided.status, reason_codes = decided.reasons,
            next_transition_at = decided.next_at,
            status_since = CASE WHEN ads_campaign.status = decided.status AND status_since IS NOT NULL
                THEN status_since ELSE decided.at END
        FROM decided
        WHERE ads_campaign.id = decided.id
          AND ads_campaign.status = decided.was_status AND ads_campaign.reason_codes = decided.was_reasons
        RETURNING ads_campaign.id
    """  # noqa: S608 - only placeholders are put in
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return {campaign_id for (campaign_id,) in cursor.fetchall()}


def _record(changes: Sequence[Change], *, cause: Cause, now: datetime) -> None:
    if not changes:
        return
    by = actor_name()
    # The brands are locked, so whoever sees a number can see all before it.
    last = latest({change.brand_id for change in changes})
    numbers = {brand_id: count(number + 1) for brand_id, number in last.items()}
    rows = [
        StatusChange(
            brand_id=change.brand_id,
            sequence=next(numbers[change.brand_id]),
            campaign_id=change.campaign_id,
            from_status=change.from_status,
            from_reason_codes=_codes(change.from_reasons),
            to_status=change.to_status,
            reason_codes=_codes(change.reasons),
            cause=cause,
            by=by,
            at=now,
        )
        for change in changes
    ]
    StatusChange.objects.bulk_create(rows, batch_size=ROWS_PER_STATEMENT)
    if is_anything_connected():
        aside(partial(follow_statuses, rows, now), "Telling platforms of status changes")
    if is_wanted(EventType.STATUS_CHANGED):
        events = [_event(change, row) for change, row in zip(changes, rows, strict=True)]
        aside(partial(emit, events, now), "Telling endpoints of status changes")
    transaction.on_commit(partial(_log, changes))


def _event(change: Change, row: StatusChange) -> Event:
    return Event(
        EventType.STATUS_CHANGED,
        f"status:{row.brand_id}:{row.sequence}",
        row.brand_id,
        row.campaign_id,
        {
            "brand_name": change.brand,
            "campaign_name": change.campaign,
            "from_status": change.from_status,
            "from_reasons": _told(change.from_reasons),
            "to_status": change.to_status,
            "reasons": _told(change.reasons),
            "cause": row.cause,
            "by": row.by,
        },
    )


def _told(reasons: tuple[Reason, ...]) -> list[dict[str, str]]:
    return [{"code": reason.value, "words": reason.words} for reason in reasons]


_BUDGETS: dict[Reason, PeriodKind] = {
    Reason.BRAND_DAILY: PeriodKind.DAY,
    Reason.BRAND_MONTHLY: PeriodKind.MONTH,
    Reason.CAMPAIGN_DAILY: PeriodKind.DAY,
    Reason.CAMPAIGN_MONTHLY: PeriodKind.MONTH,
    Reason.CAMPAIGN_TOTAL: PeriodKind.FLIGHT,
}


def _stops(changes: Sequence[Change], brands: Sequence[Brand], now: datetime) -> Counter[OwnersPeriod]:
    """How many campaigns each budget, of a brand or a campaign and a period, has newly paused."""
    calendars = {brand.pk: brand.calendar for brand in brands}
    stops: Counter[OwnersPeriod] = Counter()
    for change in changes:
        if change.to_status != Status.PAUSED:
            continue
        today = calendars[change.brand_id].local_date(now)
        for reason in change.reasons:
            if reason in _BUDGETS and reason not in change.from_reasons:
                of_brand = reason in (Reason.BRAND_DAILY, Reason.BRAND_MONTHLY)
                owner = Owner(change.brand_id, None if of_brand else change.campaign_id)
                stops[OwnersPeriod(owner, _BUDGETS[reason], first_day(_BUDGETS[reason], today))] += 1
    return stops


def _log(changes: Sequence[Change]) -> None:
    for change in changes:
        logger.info("%s", change.sentence)

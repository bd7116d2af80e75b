"""Raise alerts, arm them again, and let people handle them.

Steps of a budget are crossed in the transaction that crosses them, under the brand's lock. Whatever fails here is
logged and holds back nothing: neither spend nor a pause.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial

from django.db import connection
from django.db.models import F, Value
from django.db.models.functions import Coalesce

from ads.actor import actor_name
from ads.models import Alert, AlertKind, AlertStep, BrandPeriod, CampaignPeriod, EventType
from ads.models.alerts import AlertQuerySet
from ads.rules.alerting import Level, is_eased, steps_crossed
from ads.services import notifying
from ads.services.alert_rules import Rule, ruling
from ads.services.given import OneOf, given
from ads.services.transactions import aside, retrying
from ads.services.webhooks import Event, emit

OF_BUDGETS = (AlertKind.THRESHOLD, AlertKind.OVERSPEND, AlertKind.BUDGET_PAUSE)
REACHED = 100
ROWS_PER_STATEMENT = 2_000
WHAT = "Raising alerts"
ONCE = "ON CONFLICT (key) WHERE ended_at IS NULL DO NOTHING"


@dataclass(frozen=True, slots=True)
class Owner:
    """A brand, or one of its campaigns; neither where nobody knows whose something is."""

    brand_id: int | None
    campaign_id: int | None = None

    @property
    def key(self) -> str:
        """What stands for it in the key of an alert."""
        return f"b{self.brand_id or ''}" if self.campaign_id is None else f"c{self.campaign_id}"


@dataclass(frozen=True, slots=True)
class OwnersPeriod:
    """One period of a brand or campaign."""

    owner: Owner
    kind: str
    starts_on: date

    def key(self, kind: str) -> str:
        """What an alert of this kind is about."""
        return f"{kind}:{self.owner.key}:{self.kind}:{self.starts_on}"


@dataclass(frozen=True, slots=True)
class Move:
    """What counts against a budget, and the budget, before something happened and after it."""

    period: OwnersPeriod
    before: Level
    after: Level


@dataclass(frozen=True, slots=True)
class Draft:
    """An alert that is to be raised, if it is not already; with the steps that were crossed."""

    alert: Alert
    steps: Sequence[int] = ()


@dataclass(slots=True)
class Settled:
    """How many alerts were raised, and how many have ended."""

    raised: int = 0
    ended: int = 0


def spent(moves: Sequence[Move], now: datetime) -> None:
    """Raises what spend has crossed. The brands are locked."""
    if moves:
        aside(partial(_cross, moves, now), WHAT)


def budgets_changed(moves: Sequence[Move], now: datetime) -> None:
    """Arms again the steps that a person's change has taken spend back below, and raises those it crosses.

    The brands are locked.
    """
    if moves:
        aside(partial(_follow, moves, now), WHAT)


def paused(stops: Mapping[OwnersPeriod, int], now: datetime) -> None:
    """Raises one alert for each of these budgets; each has paused so many campaigns. The brands are locked."""
    if stops:
        aside(partial(_raise_pauses, stops, now), WHAT)


def _follow(moves: Sequence[Move], now: datetime) -> None:
    eased = [move for move in moves if is_eased(move.before, move.after)]
    for start in range(0, len(eased), ROWS_PER_STATEMENT):
        _rearm(eased[start : start + ROWS_PER_STATEMENT], now)
    _cross(moves, now)


def _rearm(moves: Sequence[Move], now: datetime) -> None:
    after = {move.period.key(kind): move.after for move in moves for kind in OF_BUDGETS}
    fired = AlertStep.objects.filter(OneOf("key", after), rearmed_at__isnull=True)
    below = [
        (pk, alert_id)
        for pk, alert_id, key, step in fired.values_list("pk", "alert_id", "key", "step")
        if not after[key].reaches(step)
    ]
    if below:
        AlertStep.objects.filter(pk__in=[pk for pk, _ in below]).update(rearmed_at=now)
        end({alert_id for _, alert_id in below}, now)


def _cross(moves: Sequence[Move], now: datetime) -> None:
    owners = {move.period.owner for move in moves}
    rules = ruling(
        (AlertKind.THRESHOLD, AlertKind.OVERSPEND),
        {owner.brand_id for owner in owners if owner.brand_id is not None},
        {owner.campaign_id for owner in owners if owner.campaign_id is not None},
    )
    drafts = []
    for move in moves:
        owner = move.period.owner
        for kind in (AlertKind.THRESHOLD, AlertKind.OVERSPEND):
            rule = rules.of(kind, owner.brand_id, owner.campaign_id)
            if rule is None or move.period.kind not in rule.period_kinds:
                continue
            if crossed := steps_crossed(move.before, move.after, _steps(rule)):
                drafts.append(_of_budget(rule, move.period, move.after, crossed))
    if drafts:
        _raise_steps(drafts, now)


def _steps(rule: Rule) -> Sequence[int]:
    return rule.steps if rule.kind == AlertKind.THRESHOLD else [REACHED + rule.percent]


def _raise_pauses(stops: Mapping[OwnersPeriod, int], now: datetime) -> None:
    owners = {period.owner for period in stops}
    rules = ruling(
        (AlertKind.BUDGET_PAUSE,),
        {owner.brand_id for owner in owners if owner.brand_id is not None},
        {owner.campaign_id for owner in owners if owner.campaign_id is not None},
    )
    ruled = [
        (period, rule)
        for period in stops
        if (rule := rules.of(AlertKind.BUDGET_PAUSE, period.owner.brand_id, period.owner.campaign_id))
        and period.kind in rule.period_kinds
    ]
    if not ruled:
        return
    levels = _levels([period for period, _ in ruled])
    _raise_steps(
        [
            _of_budget(rule, period, levels[period], [REACHED], {"campaigns": stops[period]})
            for period, rule in ruled
            # A budget of 0 is how people say that nothing is to be spent.
            if period in levels and levels[period].limit
        ],
        now,
    )


def _levels(periods: Collection[OwnersPeriod]) -> dict[OwnersPeriod, Level]:
    """What counts against these periods' budgets. One query for brands, and one for campaigns."""
    levels = {}
    of_brands = [period for period in periods if period.owner.campaign_id is None]
    of_campaigns = [period for period in periods if period.owner.campaign_id is not None]
    dates = {"kind__in": {p.kind for p in periods}, "starts_on__in": {p.starts_on for p in periods}}
    numbers = ("kind", "starts_on", F("spent_micros") - F("waived_micros"), "budget_micros")
    if of_brands:
        rows = BrandPeriod.objects.filter(brand__in={p.owner.brand_id for p in of_brands}, **dates)
        for brand_id, kind, starts_on, counted, limit in rows.order_by().values_list("brand_id", *numbers):
            levels[OwnersPeriod(Owner(brand_id), kind, starts_on)] = Level(counted, limit)
    if of_campaigns:
        brand_of = {p.owner.campaign_id: p.owner.brand_id for p in of_campaigns}
        found = CampaignPeriod.objects.filter(campaign__in=list(brand_of), **dates)
        for pk, kind, starts_on, counted, limit in found.order_by().values_list("campaign_id", *numbers):
            levels[OwnersPeriod(Owner(brand_of[pk], pk), kind, starts_on)] = Level(counted, limit)
    return levels


def _of_budget(
    rule: Rule,
    period: OwnersPeriod,
    level: Level,
    steps: Sequence[int],
    facts: dict[str, object] | None = None,
) -> Draft:
    alert = Alert(
        key=period.key(rule.kind),
        rule_id=rule.pk,
        kind=rule.kind,
        brand_id=period.owner.brand_id,
        campaign_id=period.owner.campaign_id,
        period_kind=period.kind,
        starts_on=period.starts_on,
        spent_micros=level.counted,
        budget_micros=level.limit,
        facts=facts or {},
    )
    return Draft(alert, steps)


def _raise_steps(drafts: Sequence[Draft], now: datetime) -> None:
    """Raises these alerts, or adds to those that there are, with each step that has not been crossed before."""
    keys = [draft.alert.key for draft in drafts]
    before = AlertStep.objects.filter(key__in=keys, rearmed_at__isnull=True)
    fired = set(before.order_by().values_list("key", "step"))
    unfired = (
        (draft, [step for step in draft.steps if (draft.alert.key, step) not in fired]) for draft in drafts
    )
    new = [(draft, steps) for draft, steps in unfired if steps]
    if not new:
        return
    raised = _insert([draft.alert for draft, _ in new], now)
    known = {
        alert.key: alert
        for alert in _locked().filter(key__in=[draft.alert.key for draft, _ in new], ended_at__isnull=True)
    }
    going_on = [
        _go_on(known[draft.alert.key], draft.alert, now)
        for draft, _ in new
        if known[draft.alert.key].pk not in raised
    ]
    if going_on:
        Alert.objects.bulk_update(going_on, GOES_ON, batch_size=ROWS_PER_STATEMENT)
    crossed = [(known[draft.alert.key], step) for draft, steps in new for step in steps]
    _insert_steps(crossed, now)
    _tell(list(known.values()), raised, crossed, now)


GOES_ON = (
    "rule", "changed_at", "spent_micros", "budget_micros", "facts",
    "acknowledged_at", "acknowledged_by", "resolved_at", "resolved_by",
)  # fmt: skip


def _go_on(alert: Alert, draft: Alert, now: datetime) -> Alert:
    """The alert with a step more: what people did about the steps before does not answer this one."""
    alert.rule_id, alert.facts = draft.rule_id, draft.facts
    alert.spent_micros, alert.budget_micros = draft.spent_micros, draft.budget_micros
    alert.changed_at = now
    alert.acknowledged_at = alert.resolved_at = None
    alert.acknowledged_by = alert.resolved_by = ""
    return alert


def settle(found: Iterable[Alert], known: Mapping[str, int], now: datetime) -> Settled:
    """Raises what is found and not known, and ends what is known (ids by key) and not found any more.

    Running it again, or twice at once, changes nothing.
    """
    drafts = {alert.key: alert for alert in found}
    return _settle(
        [alert for key, alert in drafts.items() if key not in known],
        [pk for key, pk in known.items() if key not in drafts],
        now,
    )


@retrying
def _settle(new: Sequence[Alert], over: Sequence[int], now: datetime) -> Settled:
    raised = _insert(new, now)
    if raised:
        _tell(list(_locked().filter(pk__in=raised)), raised, (), now)
    return Settled(len(raised), end(over, now))


def end(alert_ids: Collection[int], now: datetime) -> int:
    """What these alerts are about is over, and may come again; nobody needs to resolve them."""
    if not alert_ids:
        return 0
    going_on = Alert.objects.filter(pk__in=alert_ids, ended_at__isnull=True)
    return going_on.update(ended_at=now, resolved_at=Coalesce("resolved_at", Value(now)))


def acknowledge(alert_ids: Collection[int], now: datetime) -> int:
    """Somebody has seen these alerts and looks after them."""
    unseen = _unresolved(alert_ids).filter(acknowledged_at__isnull=True)
    return unseen.update(acknowledged_at=now, acknowledged_by=actor_name())


def snooze(alert_ids: Collection[int], until: datetime | None) -> int:
    """Leaves these alerts alone until then; None wakes them."""
    return _unresolved(alert_ids).update(snoozed_until=until)


def resolve(alert_ids: Collection[int], now: datetime) -> int:
    """Somebody has done what was to be done. What goes on is not raised again before it has ended."""
    return _unresolved(alert_ids).update(resolved_at=now, resolved_by=actor_name(), snoozed_until=None)


def _unresolved(alert_ids: Collection[int]) -> AlertQuerySet:
    return Alert.objects.unresolved().filter(pk__in=alert_ids)


def _insert(alerts: Sequence[Alert], now: datetime) -> set[int]:
    """Raises these alerts but for those that are there already; returns the ids of those it has raised."""
    if not alerts:
        return set()
    table, params = given(
        ("text", "bigint", "text", "bigint", "bigint", "text", "date", "bigint", "bigint", "text"),
        [
            (
                alert.key,
                alert.rule_id,
                alert.kind,
                alert.brand_id,
                alert.campaign_id,
                alert.period_kind,
                alert.starts_on,
                alert.spent_micros,
                alert.budget_micros,
                json.dumps(alert.facts),
            )
            for alert in alerts
        ],
    )
    facts = "CAST(facts AS jsonb)" if connection.vendor == "postgresql" else "facts"
    sql = f"""
        WITH new (key, rule, kind, brand, campaign, period_kind, starts_on, spent, budget, facts) AS ({table})
        INSERT INTO ads_alert (
            key, rule_id, kind, brand_id, campaign_id, period_kind, starts_on, spent_micros, budget_micros, facts,
            raised_at, changed_at, acknowledged_by, resolved_by
        )
        SELECT key, rule, kind, brand, campaign, period_kind, starts_on, spent, budget, {facts}, %s, %s, '', ''
        FROM new ORDER BY key {ONCE} RETURNING id
    """  # noqa: S608 - only placeholders are put in
    moment = connection.ops.adapt_datetimefield_value(now)
    with connection.cursor() as cursor:
        cursor.execute(sql, [*params, moment, moment])
        return {pk for (pk,) in cursor.fetchall()}


def _insert_steps(steps: Sequence[tuple[Alert, int]], now: datetime) -> None:
    table, params = given(
        ("bigint", "text", "bigint"), [(alert.pk, alert.key, step) for alert, step in steps]
    )
    sql = f"""
        WITH new (alert, key, step) AS ({table})
        INSERT INTO ads_alertstep (alert_id, key, step, at) SELECT alert, key, step, %s FROM new WHERE true
        ON CONFLICT (key, step) WHERE rearmed_at IS NULL DO NOTHING
    """  # noqa: S608 - only placeholders are put in
    with connection.cursor() as cursor:
        cursor.execute(sql, [*params, connection.ops.adapt_datetimefield_value(now)])


def _locked() -> AlertQuerySet:
    """Alerts with whose they are, their rows locked in one order."""
    return (
        Alert.objects.select_for_update(no_key=True, of=("self",))
        .select_related("brand", "campaign")
        .order_by("pk")
    )


def _tell(
    alerts: Sequence[Alert], raised: Collection[int], crossed: Sequence[tuple[Alert, int]], now: datetime
) -> None:
    """Has others told of alerts that were raised, or have steps more; their rows are locked."""
    events = [_raised_event(alert) for alert in alerts if alert.pk in raised and alert.brand is not None]
    events += [
        _crossed_event(alert, step)
        for alert, step in crossed
        if alert.kind == AlertKind.THRESHOLD and alert.brand is not None
    ]
    aside(partial(emit, events, now), "Telling endpoints of alerts")
    aside(partial(notifying.alert_changed, alerts, now), "Telling people of alerts")


def _raised_event(alert: Alert) -> Event:
    return _event(EventType.ALERT_RAISED, f"alert:{alert.pk}", alert, {"since": alert.raised_at.isoformat()})


def _crossed_event(alert: Alert, step: int) -> Event:
    return _event(EventType.THRESHOLD_CROSSED, f"threshold:{alert.pk}:{step}", alert, {"threshold": step})


def _event(event_type: EventType, key: str, alert: Alert, data: Mapping[str, object]) -> Event:
    if alert.brand is None:
        raise AssertionError("an event is of a brand")
    return Event(
        event_type,
        key,
        alert.brand.pk,
        alert.campaign_id,
        {
            "brand_name": alert.brand.name,
            "campaign_name": alert.campaign.name if alert.campaign else None,
            "currency": alert.brand.currency,
            "alert": alert.pk,
            "alert_kind": alert.kind,
            "kind": alert.period_kind or None,
            "starts_on": alert.starts_on.isoformat() if alert.starts_on else None,
            "spent": None if alert.spent is None else f"{alert.spent:f}",
            "budget": None if alert.budget is None else f"{alert.budget:f}",
            **data,
        },
    )

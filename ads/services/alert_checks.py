"""What holds or does not hold by now, whoever caused it: raised while it holds, ended when it does not any more.

Each slice of brands costs the same number of queries, however many brands it has.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Case, Count, Exists, Max, OuterRef, QuerySet, Sum, Value, When

from ads.models import (
    Alert,
    AlertKind,
    Brand,
    Campaign,
    NotificationChannel,
    PeriodKind,
    PlatformState,
    QuarantinedSpend,
    QuarantineState,
    SpendLog,
    StatusChange,
)
from ads.rules import alerting, pacing
from ads.rules.pacing import PacingFacts
from ads.rules.periods import ONE_DAY, month_start
from ads.rules.serving import Status
from ads.services import alerts
from ads.services.alert_rules import Rule, Ruling, ruling
from ads.services.alerts import OF_BUDGETS, Owner, OwnersPeriod, Settled
from ads.services.pacing import load_pacing
from ads.services.platform_differences import lasting_differences
from ads.services.standings import BrandStanding, stand_brands

CHECKED = (
    AlertKind.PROJECTION,
    AlertKind.DEAD_FEED,
    AlertKind.SPEND_WHILE_OFF,
    AlertKind.QUARANTINE,
    AlertKind.SPIKE,
    AlertKind.PLATFORM_DRIFT,
)
BRANDS_PER_SLICE = 500
HOUR = timedelta(hours=1)
LOOK_BACK = 31 * ONE_DAY

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class _Slice:
    """Brands that are looked at together, with what is known of them."""

    brands: Sequence[Brand]
    rules: Ruling
    known: Mapping[str, int]
    now: datetime

    @property
    def live(self) -> list[Brand]:
        """Brands that are switched on and not archived."""
        return [brand for brand in self.brands if brand.is_active and brand.archived_at is None]

    def rule(self, kind: AlertKind, brand_id: int, campaign_id: int | None = None) -> Rule | None:
        return self.rules.of(kind, brand_id, campaign_id)


def check(now: datetime) -> Settled:
    """Looks at all brands. Running it 0, 1 or 10 times raises nothing twice."""
    total, last = Settled(), 0
    for settled in (_check_quarantine_of_no_brand(now), _check_channels(now)):
        total.raised += settled.raised
        total.ended += settled.ended
    while True:
        brands = list(Brand.objects.filter(pk__gt=last).order_by("pk")[:BRANDS_PER_SLICE])
        if not brands:
            return total
        settled = _check_slice(brands, now)
        total.raised += settled.raised
        total.ended += settled.ended
        last = brands[-1].pk


def _check_slice(brands: Sequence[Brand], now: datetime) -> Settled:
    ids = [brand.pk for brand in brands]
    known, over = _known(brands, now)
    slice_ = _Slice(brands, ruling(CHECKED, ids), known, now)
    standings = stand_brands(slice_.live, now)
    facts = load_pacing(slice_.live, standings, now)
    found = [
        *_quarantined(slice_),
        *_spending_while_off(slice_),
        *_missing_the_month(slice_, standings, facts),
        *_spiking(slice_, standings, facts),
        *_silent(slice_),
        *_differing(slice_),
    ]
    return alerts.settle(found, known | over, now)


def _known(brands: Sequence[Brand], now: datetime) -> tuple[dict[str, int], dict[str, int]]:
    """Ids, by key, of the alerts that go on: those that are looked at here, and those whose period is over."""
    todays = {brand.pk: brand.calendar.local_date(now) for brand in brands}
    going_on = Alert.objects.filter(
        brand__in=list(todays), kind__in=[*CHECKED, *OF_BUDGETS], ended_at__isnull=True
    )
    known: dict[str, int] = {}
    over: dict[str, int] = {}
    for key, pk, kind, brand_id, period_kind, starts_on in going_on.order_by().values_list(
        "key", "pk", "kind", "brand_id", "period_kind", "starts_on"
    ):
        if kind in CHECKED:
            known[key] = pk
        elif starts_on is not None and alerting.is_over(period_kind, starts_on, todays[brand_id]):
            over[key] = pk
    return known, over


def _draft(rule: Rule, owner: Owner, period: OwnersPeriod | None = None, **values: object) -> Alert:
    key = period.key(rule.kind) if period else f"{rule.kind}:{owner.key}"
    return Alert(
        key=key,
        rule_id=rule.pk,
        kind=rule.kind,
        brand_id=owner.brand_id,
        campaign_id=owner.campaign_id,
        period_kind=period.kind if period else "",
        starts_on=period.starts_on if period else None,
        **values,
    )


def _check_quarantine_of_no_brand(now: datetime) -> Settled:
    rule = ruling((AlertKind.QUARANTINE,), ()).of(AlertKind.QUARANTINE, None)
    records = QuarantinedSpend.objects.filter(brand__isnull=True, state=QuarantineState.OPEN).count()
    known = Alert.objects.filter(brand__isnull=True, kind=AlertKind.QUARANTINE, ended_at__isnull=True)
    found = [_draft(rule, Owner(None), facts={"records": records})] if rule and records else []
    return alerts.settle(found, dict(known.values_list("key", "pk")), now)


def _check_channels(now: datetime) -> Settled:
    """Channels that do not deliver: one alert each, of the channel's brand where it has one, until it works again."""
    failing = list(NotificationChannel.objects.failing().order_by("pk"))
    rules = ruling((AlertKind.CHANNEL_FAILING,), {each.brand_id for each in failing if each.brand_id})
    known = Alert.objects.filter(kind=AlertKind.CHANNEL_FAILING, ended_at__isnull=True)
    found = [
        _of_channel(rule, each)
        for each in failing
        if (rule := rules.of(AlertKind.CHANNEL_FAILING, each.brand_id))
    ]
    return alerts.settle(found, dict(known.values_list("key", "pk")), now)


def _of_channel(rule: Rule, channel: NotificationChannel) -> Alert:
    """Without why it fails: what a receiver answers is for those alone who manage the channel."""
    facts: dict[str, object] = {
        "channel": channel.pk,
        "name": channel.name,
        "since": _text(channel.failing_since),
    }
    return Alert(
        key=f"{rule.kind}:{channel.pk}",
        rule_id=rule.pk,
        kind=rule.kind,
        brand_id=channel.brand_id,
        facts=facts,
    )


def _quarantined(slice_: _Slice) -> Iterator[Alert]:
    waiting = QuarantinedSpend.objects.filter(
        brand__in=[brand.pk for brand in slice_.brands], state=QuarantineState.OPEN
    )
    for brand_id, records in waiting.order_by().values_list("brand_id").annotate(records=Count("pk")):
        if rule := slice_.rule(AlertKind.QUARANTINE, brand_id):
            yield _draft(rule, Owner(brand_id), facts={"records": records})


def _spending_while_off(slice_: _Slice) -> Iterator[Alert]:
    """Of today's spend, what a person or the end of the flight should have kept from being spent."""
    todays = {brand.pk: brand.calendar.local_date(slice_.now) for brand in slice_.brands}
    logs = SpendLog.objects.filter(
        brand_id__in=list(todays),
        while_off=True,
        spent_on__gte=min(todays.values()),
        campaign__status__in=[Status.INACTIVE, Status.COMPLETED],
    ).order_by()
    for brand_id, day, campaign_id, micros in logs.values_list(
        "brand_id", "spent_on", "campaign_id"
    ).annotate(micros=Sum("amount_micros")):
        rule = slice_.rule(AlertKind.SPEND_WHILE_OFF, brand_id, campaign_id)
        if rule and day == todays[brand_id] and micros > 0:
            owner = Owner(brand_id, campaign_id)
            yield _draft(rule, owner, OwnersPeriod(owner, PeriodKind.DAY, day), spent_micros=int(micros))


def _missing_the_month(
    slice_: _Slice, standings: Mapping[int, BrandStanding], facts: Mapping[int, PacingFacts]
) -> Iterator[Alert]:
    for brand in slice_.live:
        rule, known = slice_.rule(AlertKind.PROJECTION, brand.pk), facts[brand.pk]
        budget = brand.monthly_budget_micros
        if rule is None or not budget or not alerting.may_project(known.today, known.minute):
            continue
        projection = pacing.project(known)
        period = OwnersPeriod(Owner(brand.pk), PeriodKind.MONTH, month_start(known.today))
        is_known = period.key(rule.kind) in slice_.known
        if projection and alerting.misses(projection.micros, budget, rule.percent, is_known=is_known):
            yield _draft(
                rule,
                period.owner,
                period,
                spent_micros=standings[brand.pk].month.counted,
                budget_micros=budget,
                facts={"projected_micros": projection.micros},
            )


def _spiking(
    slice_: _Slice, standings: Mapping[int, BrandStanding], facts: Mapping[int, PacingFacts]
) -> Iterator[Alert]:
    """Once a day: it is told of until the day is over."""
    usual = {}
    for brand in slice_.live:
        rule, hour = slice_.rule(AlertKind.SPIKE, brand.pk), pacing.usual_hour(facts[brand.pk])
        if rule and hour:
            usual[brand.pk] = (rule, hour)
    last_hour = _spent_in_the_last_hour(usual, slice_.now)
    for brand_id, (rule, hour) in usual.items():
        period = OwnersPeriod(Owner(brand_id), PeriodKind.DAY, facts[brand_id].today)
        micros = last_hour.get(brand_id, 0)
        if period.key(rule.kind) in slice_.known or alerting.is_spike(micros, hour, rule.times):
            yield _draft(
                rule,
                period.owner,
                period,
                spent_micros=standings[brand_id].day.counted,
                facts={"hour_micros": micros, "usual_micros": hour},
            )


def _spent_in_the_last_hour(brand_ids: Collection[int], now: datetime) -> dict[int, int]:
    """Only of records that say when they were spent; of the others an hour's share is not known."""
    logs = SpendLog.objects.filter(
        brand_id__in=list(brand_ids),
        # No zone's date is further from UTC's than a day.
        spent_on__range=(now.date() - ONE_DAY, now.date() + ONE_DAY),
        occurred_at__gt=now - HOUR,
        occurred_at__lte=now,
    ).order_by()
    return {
        pk: int(micros) for pk, micros in logs.values_list("brand_id").annotate(micros=Sum("amount_micros"))
    }


def _differing(slice_: _Slice) -> Iterator[Alert]:
    """Campaigns that for five minutes have not done on their platform what was decided.

    Where an account does not answer it is one alert of the brand, for all campaigns that wait for it.
    """
    states = lasting_differences([brand.pk for brand in slice_.brands], slice_.now)
    waiting: defaultdict[int, list[PlatformState]] = defaultdict(list)
    for state in states:
        brand_id = state.campaign.brand_id
        if state.connection.failing_since is not None:
            waiting[brand_id].append(state)
        elif rule := slice_.rule(AlertKind.PLATFORM_DRIFT, brand_id, state.campaign_id):
            known = {"desired": state.desired, "at": _text(state.desired_at), "observed": state.observed}
            yield _draft(rule, Owner(brand_id, state.campaign_id), facts=known)
    for brand_id, each in waiting.items():
        if rule := slice_.rule(AlertKind.PLATFORM_DRIFT, brand_id):
            of_account: dict[str, object] = {"campaigns": len(each), "account": str(each[0].connection)}
            yield _draft(rule, Owner(brand_id), facts=of_account)


def _silent(slice_: _Slice) -> Iterator[Alert]:
    """Brands, and campaigns with a rule of their own, that ran for so many hours without any record."""
    hours_of_brands: dict[int, Rule] = {}
    hours_of_campaigns: dict[int, Rule] = {}
    live = {brand.pk for brand in slice_.live}
    for brand_id in live:
        if rule := slice_.rule(AlertKind.DEAD_FEED, brand_id):
            hours_of_brands[brand_id] = rule
    for (kind, of_brand, campaign_id), rule in slice_.rules.rules.items():
        if kind == AlertKind.DEAD_FEED and campaign_id is not None and of_brand in live and rule.is_active:
            hours_of_campaigns[campaign_id] = rule
    yield from _silent_owners(slice_, hours_of_brands, Brand.objects.all(), "brand")
    yield from _silent_owners(slice_, hours_of_campaigns, Campaign.objects.all(), "campaign")


def _silent_owners(
    slice_: _Slice, rules: Mapping[int, Rule], owners: QuerySet[Brand] | QuerySet[Campaign], level: str
) -> Iterator[Alert]:
    now = slice_.now
    suspects = _without_a_recent_record(rules, owners, level, now)
    path = "brand_id" if level == "brand" else "pk"
    running: defaultdict[int, list[tuple[int, int, str, datetime | None]]] = defaultdict(list)
    campaigns = Campaign.objects.filter(
        archived_at__isnull=True,
        status__in=[Status.ACTIVE, Status.PAUSED],
        **{f"{path}__in": suspects},
    ).order_by()
    for owner_id, pk, brand_id, status, since in campaigns.values_list(
        path, "pk", "brand_id", "status", "status_since"
    ):
        running[owner_id].append((pk, brand_id, status, since))
    last = _last_records(list(running), level, now)
    since = {owner_id: last.get(owner_id) for owner_id in running}
    spans = _spans_of_running(running, since, now)
    for owner_id, each in running.items():
        rule, brand_id = rules[owner_id], each[0][1]
        owner = Owner(brand_id, None if level == "brand" else owner_id)
        draft = _draft(rule, owner, facts={"last_at": _text(since[owner_id]), "hours": rule.hours})
        # What is silent and known stays so until a record comes: nobody runs at night.
        is_known = draft.key in slice_.known
        if is_known or alerting.time_within(spans[owner_id]) >= timedelta(hours=rule.hours):
            yield draft


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _without_a_recent_record(
    rules: Mapping[int, Rule],
    owners: QuerySet[Brand] | QuerySet[Campaign],
    level: str,
    now: datetime,
) -> list[int]:
    by_hours: defaultdict[int, list[int]] = defaultdict(list)
    for owner_id, rule in rules.items():
        by_hours[rule.hours].append(owner_id)
    if not by_hours:
        return []
    longest = timedelta(hours=max(by_hours))
    since = Case(*(When(pk__in=ids, then=Value(now - timedelta(hours=h))) for h, ids in by_hours.items()))
    # Late records of days before show as well that something arrives.
    recent = SpendLog.objects.filter(
        **{level: OuterRef("pk")},
        spent_on__gte=(now - longest).date() - 2 * ONE_DAY,
        recorded_at__gt=OuterRef("silent_since"),
    )
    found = owners.filter(pk__in=list(rules)).annotate(silent_since=since)
    return list(found.filter(~Exists(recent)).order_by("pk").values_list("pk", flat=True))


def _last_records(owner_ids: Collection[int], level: str, now: datetime) -> dict[int, datetime]:
    logs = SpendLog.objects.filter(
        **{f"{level}_id__in": list(owner_ids)}, spent_on__gte=(now - LOOK_BACK).date()
    ).order_by()
    return dict(logs.values_list(f"{level}_id").annotate(last=Max("recorded_at")))


def _spans_of_running(
    running: Mapping[int, Sequence[tuple[int, int, str, datetime | None]]],
    since: Mapping[int, datetime | None],
    now: datetime,
) -> dict[int, list[Span]]:
    """When campaigns of each owner ran since its last record, as far as that is remembered."""
    owner_of = {pk: owner_id for owner_id, each in running.items() for pk, _, _, _ in each}
    earliest = now - LOOK_BACK
    begin = {owner_id: moment or earliest for owner_id, moment in since.items()}
    spans: dict[int, list[Span]] = {owner_id: [] for owner_id in running}
    began: dict[int, datetime] = {}
    seen: set[int] = set()
    changes = StatusChange.objects.filter(
        campaign_id__in=list(owner_of), at__gt=min(begin.values(), default=now)
    ).order_by("campaign_id", "pk")
    for pk, at, before, after in changes.values_list("campaign_id", "at", "from_status", "to_status"):
        owner_id = owner_of[pk]
        if at <= begin[owner_id]:
            continue
        # Where nothing was ever recorded, when it began to run is not known.
        if pk not in seen and before == Status.ACTIVE and since[owner_id] is not None:
            began[pk] = begin[owner_id]
        seen.add(pk)
        if before == Status.ACTIVE and pk in began:
            spans[owner_id].append((began.pop(pk), at))
        if after == Status.ACTIVE:
            began[pk] = at
    for owner_id, each in running.items():
        for _, _, status, status_since in each:
            if status == Status.ACTIVE:
                start = max(status_since or begin[owner_id], begin[owner_id])
                spans[owner_id].append((start, now))
    return spans

"""Why is this campaign not running, and why was it off at 14:05: every level with its numbers, and the decision."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from django.db.models import QuerySet

from ads.models import FLIGHT_STARTS_ON, Campaign, Cause, PeriodKind, StatusChange
from ads.rules.dayparting import Window, next_toggle
from ads.rules.periods import Calendar, in_utc, month_start
from ads.rules.serving import CampaignFacts, Decision, Reason, Status, decide
from ads.services.as_of import Known, NotKnownThen, Switch, Totals, known_now, known_then
from ads.services.standings import Standing

DAY, MONTH, FLIGHT = PeriodKind.DAY, PeriodKind.MONTH, PeriodKind.FLIGHT
CHANGES = 10
SAME_ACT = timedelta(seconds=5)  # from a setting's row of history to the decision in the same transaction


@dataclass(frozen=True, slots=True)
class SwitchLevel:
    """The brand's or the campaign's switch."""

    reason: Reason
    stands: bool
    switch: Switch


@dataclass(frozen=True, slots=True)
class FlightLevel:
    """The first or the last day of the flight (None: open) beside the brand's today."""

    reason: Reason
    stands: bool
    day: date | None
    today: date


@dataclass(frozen=True, slots=True)
class LimitLevel:
    """A budget and what counts against it in the period of this kind that begins on `starts_on`."""

    reason: Reason
    stands: bool
    kind: PeriodKind
    starts_on: date
    standing: Standing


@dataclass(frozen=True, slots=True)
class WindowLevel:
    """The windows (none: always open), the clock where they rule, and when they next open or close."""

    reason: Reason
    stands: bool
    windows: tuple[Window, ...]
    wall_clock: datetime
    zone: str
    toggles_at: datetime | None


Level = SwitchLevel | FlightLevel | LimitLevel | WindowLevel


@dataclass(frozen=True, slots=True)
class Stored:
    """What the system had stored: `since` is when it was written, None where nobody remembers."""

    status: Status
    reasons: tuple[Reason, ...]
    since: datetime | None


@dataclass(frozen=True, slots=True)
class ChangeSeen:
    """One change of status or reasons."""

    at: datetime
    from_status: Status
    from_reasons: tuple[Reason, ...]
    to_status: Status
    reasons: tuple[Reason, ...]
    cause: Cause
    by: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that stood against a campaign, and all that did not, at one moment.

    `decision` is what the rule says of what was known then, its `facts`; `stored` what the system had decided by
    then: they differ where a decision was still to come. `changes` lie around the moment, oldest first.
    """

    campaign_id: int
    campaign: str
    brand_id: int
    brand: str
    currency: str
    at: datetime
    calendar: Calendar
    levels: tuple[Level, ...]
    facts: CampaignFacts
    decision: Decision
    stored: Stored
    changes: tuple[ChangeSeen, ...]

    def level(self, reason: Reason) -> Level:
        """The level of this reason."""
        return next(level for level in self.levels if level.reason == reason)

    @property
    def zone(self) -> str:
        """The name of the zone that ruled the brand's dates at the moment."""
        return self.calendar.zone_at(self.at).key


def explain(campaign: Campaign, *, at: datetime | None = None, now: datetime) -> Explanation:
    """Explains the campaign as it is now, or with what was known at a past moment. Both are aware.

    Raises NotKnownThen where the moment is before the campaign or still to come. The number of queries does
    not depend on how much history there is.
    """
    campaign = Campaign.objects.select_related("brand").get(pk=campaign.pk)
    if at is None:
        known, changes = known_now(campaign, now), _before(campaign, now, CHANGES)
        return _explanation(campaign, known, now, _stored_now(campaign, changes), changes)
    if in_utc(at, "at") > now:
        raise NotKnownThen("That moment is still to come")
    known = known_then(campaign, at)
    before, after = _before(campaign, at, CHANGES // 2), _after(campaign, at, CHANGES // 2)
    stored = _stored_then(before, after) or _stored_now(campaign, ())
    return _explanation(campaign, known, at, stored, before + after)


def _explanation(
    campaign: Campaign, known: Known, at: datetime, stored: Stored, changes: tuple[ChangeSeen, ...]
) -> Explanation:
    decision = decide(known.facts, at)
    return Explanation(
        campaign_id=campaign.pk,
        campaign=campaign.name,
        brand_id=campaign.brand_id,
        brand=campaign.brand.name,
        currency=campaign.brand.currency,
        at=at,
        calendar=known.facts.brand.calendar,
        levels=tuple(_levels(campaign, known, decision, at)),
        facts=known.facts,
        decision=decision,
        stored=stored,
        changes=changes,
    )


def _levels(campaign: Campaign, known: Known, decision: Decision, at: datetime) -> Iterator[Level]:
    """In the order of the rule."""
    facts, stands = known.facts, decision.reasons
    today = facts.brand.calendar.local_date(at)
    for reason, switch in (
        (Reason.BRAND_INACTIVE, known.brand_switch),
        (Reason.SWITCHED_OFF, known.campaign_switch),
    ):
        yield SwitchLevel(reason, reason in stands, _with_actor(switch, reason, campaign))
    for reason, day in (
        (Reason.FLIGHT_NOT_STARTED, facts.start_date),
        (Reason.FLIGHT_ENDED, facts.end_date),
    ):
        yield FlightLevel(reason, reason in stands, day, today)
    for reason, kind, totals, budget in (
        (Reason.BRAND_DAILY, DAY, known.brand_totals, facts.brand.daily_budget_micros),
        (Reason.BRAND_MONTHLY, MONTH, known.brand_totals, facts.brand.monthly_budget_micros),
        (Reason.CAMPAIGN_DAILY, DAY, known.campaign_totals, facts.daily_budget_micros),
        (Reason.CAMPAIGN_MONTHLY, MONTH, known.campaign_totals, facts.monthly_budget_micros),
        (Reason.CAMPAIGN_TOTAL, FLIGHT, known.campaign_totals, facts.total_budget_micros),
    ):
        yield _limit_level(reason, reason in stands, kind, totals, budget, today)
    yield _window_level(facts, Reason.OUTSIDE_DAYPARTING in stands, at)


def _limit_level(
    reason: Reason, stands: bool, kind: PeriodKind, totals: Totals, budget: int | None, today: date
) -> LimitLevel:
    starts_on = {DAY: today, MONTH: month_start(today), FLIGHT: FLIGHT_STARTS_ON}[kind]
    spent, waived = totals.get((kind, starts_on), (0, 0))
    return LimitLevel(reason, stands, kind, starts_on, Standing(spent, waived, budget))


def _window_level(facts: CampaignFacts, stands: bool, at: datetime) -> WindowLevel:
    calendar = facts.window_calendar
    return WindowLevel(
        reason=Reason.OUTSIDE_DAYPARTING,
        stands=stands,
        windows=facts.windows,
        wall_clock=calendar.wall_clock(at),
        zone=calendar.zone_at(at).key,
        toggles_at=next_toggle(facts.windows, calendar, at),
    )


def _with_actor(switch: Switch, reason: Reason, campaign: Campaign) -> Switch:
    """A command's name stands in no history of settings, but in the status change that it brought about."""
    if switch.off_since is None or switch.by:
        return switch
    changes = StatusChange.objects.filter(
        campaign=campaign,
        at__range=(switch.off_since, switch.off_since + SAME_ACT),
        cause=Cause.SETTINGS,
        reason_codes__contains=reason,
    )
    change = changes.exclude(from_reason_codes__contains=reason).order_by("at", "pk").first()
    return switch if change is None else replace(switch, by=change.by)


def _before(campaign: Campaign, at: datetime, number: int) -> tuple[ChangeSeen, ...]:
    rows = StatusChange.objects.filter(campaign=campaign, at__lte=at).order_by("-at", "-pk")
    return tuple(reversed(_seen(rows[:number])))


def _after(campaign: Campaign, at: datetime, number: int) -> tuple[ChangeSeen, ...]:
    return _seen(StatusChange.objects.filter(campaign=campaign, at__gt=at).order_by("at", "pk")[:number])


def _seen(rows: QuerySet[StatusChange]) -> tuple[ChangeSeen, ...]:
    return tuple(
        ChangeSeen(
            at=row.at,
            from_status=Status(row.from_status),
            from_reasons=row.from_reasons,
            to_status=Status(row.to_status),
            reasons=row.reasons,
            cause=Cause(row.cause),
            by=row.by,
        )
        for row in rows
    )


def _stored_now(campaign: Campaign, changes: tuple[ChangeSeen, ...]) -> Stored:
    since = changes[-1].at if changes else campaign.status_since
    return Stored(Status(campaign.status), campaign.reasons, since)


def _stored_then(before: tuple[ChangeSeen, ...], after: tuple[ChangeSeen, ...]) -> Stored | None:
    """What the last change before made of it, else what the first one after found."""
    if before:
        return Stored(before[-1].to_status, before[-1].reasons, before[-1].at)
    return Stored(after[0].from_status, after[0].from_reasons, None) if after else None

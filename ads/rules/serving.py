"""The rule, once: may a campaign run, what stands against it, and when can time alone change the answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from ads.rules.dayparting import Window, inside, next_toggle
from ads.rules.periods import ONE_DAY, Calendar, in_utc, month_start, next_month


class Status(StrEnum):
    """What the system decided."""

    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    INACTIVE = "INACTIVE"
    COMPLETED = "COMPLETED"

    @property
    def word(self) -> str:
        """The status as people read it."""
        return _STATUS_WORDS[self]


_STATUS_WORDS = {
    Status.ACTIVE: "Running",
    Status.PAUSED: "Paused",
    Status.INACTIVE: "Off",
    Status.COMPLETED: "Completed",
}


class Reason(StrEnum):
    """One thing that stands against running, in the order in which they are told."""

    BRAND_INACTIVE = "BRAND_INACTIVE"
    SWITCHED_OFF = "SWITCHED_OFF"
    FLIGHT_NOT_STARTED = "FLIGHT_NOT_STARTED"
    FLIGHT_ENDED = "FLIGHT_ENDED"
    BRAND_DAILY = "BRAND_DAILY"
    BRAND_MONTHLY = "BRAND_MONTHLY"
    CAMPAIGN_DAILY = "CAMPAIGN_DAILY"
    CAMPAIGN_MONTHLY = "CAMPAIGN_MONTHLY"
    CAMPAIGN_TOTAL = "CAMPAIGN_TOTAL"
    OUTSIDE_DAYPARTING = "OUTSIDE_DAYPARTING"

    @property
    def words(self) -> str:
        """The reason as people read it."""
        return _WORDS[self]

    @property
    def in_sentence(self) -> str:
        """The same words within a sentence."""
        return f"{self.words[:1].lower()}{self.words[1:]}"


_WORDS = {
    Reason.BRAND_INACTIVE: "Brand is switched off",
    Reason.SWITCHED_OFF: "Switched off by a person",
    Reason.FLIGHT_NOT_STARTED: "Flight not started",
    Reason.FLIGHT_ENDED: "Flight ended",
    Reason.BRAND_DAILY: "Brand daily budget reached",
    Reason.BRAND_MONTHLY: "Brand monthly budget reached",
    Reason.CAMPAIGN_DAILY: "Campaign daily budget reached",
    Reason.CAMPAIGN_MONTHLY: "Campaign monthly budget reached",
    Reason.CAMPAIGN_TOTAL: "Campaign total budget reached",
    Reason.OUTSIDE_DAYPARTING: "Outside dayparting window",
}

_NOT_PAUSED = {
    Reason.BRAND_INACTIVE: Status.INACTIVE,
    Reason.SWITCHED_OFF: Status.INACTIVE,
    Reason.FLIGHT_ENDED: Status.COMPLETED,
}


@dataclass(frozen=True, slots=True, eq=False)
class BrandFacts:
    """What is known of a brand. Made anew for each reading: what was decided from one object is remembered.

    `days` and `months` hold the counted micros (spent - waived) by the first day of the period. A missing
    period counts 0; those before the current one are ignored, those after it count when they come.
    """

    is_active: bool
    calendar: Calendar
    daily_budget_micros: int | None
    monthly_budget_micros: int | None
    days: Mapping[date, int]
    months: Mapping[date, int]


class CampaignFacts(NamedTuple):  # a sweep makes a million, and a frozen dataclass takes four times as long
    """What is known of a campaign: `days` and `months` as in BrandFacts, `total_micros` for the flight."""

    brand: BrandFacts
    enabled: bool
    start_date: date | None
    end_date: date | None
    daily_budget_micros: int | None
    monthly_budget_micros: int | None
    total_budget_micros: int | None
    days: Mapping[date, int]
    months: Mapping[date, int]
    total_micros: int
    windows: tuple[Window, ...]
    window_calendar: Calendar


@dataclass(frozen=True, slots=True)
class Decision:
    """The status, every reason in order, and the first later instant (UTC) at which time alone changes it."""

    status: Status
    reasons: tuple[Reason, ...]
    next_transition_at: datetime | None


@dataclass(frozen=True, slots=True)
class _BrandNow:
    """What all campaigns of a brand share at one instant."""

    today: date
    month: date
    is_daily_reached: bool
    is_monthly_reached: bool
    next_transition_at: datetime | None


def reached(counted_micros: int, limit_micros: int | None) -> bool:
    """Return whether what counts has reached the limit; None is no limit, and nothing at all reaches 0."""
    return limit_micros is not None and counted_micros >= limit_micros


def status_of(reasons: tuple[Reason, ...]) -> Status:
    """Return the status that follows from the first of `reasons`."""
    if not reasons:
        return Status.ACTIVE
    return _NOT_PAUSED.get(reasons[0], Status.PAUSED)


def decide(facts: CampaignFacts, now: datetime) -> Decision:
    """Return the campaign's status at `now`, with every reason, and when time alone next changes them."""
    now = in_utc(now, "now")
    brand_now = _brand_now(facts.brand, now)
    if (
        _has_room(facts.days, facts.daily_budget_micros, brand_now.today)
        and _has_room(facts.months, facts.monthly_budget_micros, brand_now.month)
        and not reached(facts.total_micros, facts.total_budget_micros)
    ):
        start_date = facts.start_date
        if start_date is not None and start_date <= brand_now.today:
            start_date = None
        # Of a brand's campaigns many are alike in all that counts.
        return _decide_without_budgets(
            facts.brand,
            facts.enabled,
            start_date,
            facts.end_date,
            facts.windows,
            facts.window_calendar if facts.windows else None,
            now,
        )
    return _decide(facts, now)


def _has_room(counted: Mapping[date, int], limit_micros: int | None, current: date) -> bool:
    """Return whether the limit is as if there were none: not reached now, and time alone does not reach it."""
    if limit_micros is None:
        return True
    if reached(0, limit_micros) or reached(counted.get(current, 0), limit_micros):
        return False
    return not counted or max(counted) <= current


@lru_cache(maxsize=16384)
def _decide_without_budgets(
    brand: BrandFacts,
    enabled: bool,
    start_date: date | None,
    end_date: date | None,
    windows: tuple[Window, ...],
    window_calendar: Calendar | None,
    now: datetime,
) -> Decision:
    calendar = window_calendar or brand.calendar
    return _decide(
        CampaignFacts(brand, enabled, start_date, end_date, None, None, None, {}, {}, 0, windows, calendar),
        now,
    )


def _decide(facts: CampaignFacts, now: datetime) -> Decision:
    brand_now = _brand_now(facts.brand, now)
    reasons = _reasons(facts, brand_now, now)
    return Decision(status_of(reasons), reasons, _next_transition(facts, brand_now, now))


def _reasons(facts: CampaignFacts, brand_now: _BrandNow, now: datetime) -> tuple[Reason, ...]:
    today = brand_now.today
    reasons: list[Reason] = []
    if not facts.brand.is_active:
        reasons.append(Reason.BRAND_INACTIVE)
    if not facts.enabled:
        reasons.append(Reason.SWITCHED_OFF)
    if facts.start_date is not None and today < facts.start_date:
        reasons.append(Reason.FLIGHT_NOT_STARTED)
    if facts.end_date is not None and today > facts.end_date:
        reasons.append(Reason.FLIGHT_ENDED)
    if brand_now.is_daily_reached:
        reasons.append(Reason.BRAND_DAILY)
    if brand_now.is_monthly_reached:
        reasons.append(Reason.BRAND_MONTHLY)
    if reached(facts.days.get(today, 0), facts.daily_budget_micros):
        reasons.append(Reason.CAMPAIGN_DAILY)
    if reached(facts.months.get(brand_now.month, 0), facts.monthly_budget_micros):
        reasons.append(Reason.CAMPAIGN_MONTHLY)
    if reached(facts.total_micros, facts.total_budget_micros):
        reasons.append(Reason.CAMPAIGN_TOTAL)
    if facts.windows and not inside(facts.windows, facts.window_calendar, now):
        reasons.append(Reason.OUTSIDE_DAYPARTING)
    return tuple(reasons)


def _next_transition(facts: CampaignFacts, brand_now: _BrandNow, now: datetime) -> datetime | None:
    """Return the earliest instant at which any reason toggles: each is a function of time of its own."""
    calendar, today = facts.brand.calendar, brand_now.today
    at = brand_now.next_transition_at
    if facts.start_date is not None and today < facts.start_date:
        at = _earlier(at, calendar.day_start(facts.start_date))
    if facts.end_date is not None and today <= facts.end_date < date.max:
        at = _earlier(at, calendar.day_start(facts.end_date + ONE_DAY))
    at = _earlier(at, _next_day_toggle(calendar, facts.days, facts.daily_budget_micros, today))
    month = brand_now.month
    at = _earlier(at, _next_month_toggle(calendar, facts.months, facts.monthly_budget_micros, month))
    if facts.windows:
        at = _earlier(at, next_toggle(facts.windows, facts.window_calendar, now))
    return at


@lru_cache(maxsize=1024)
def _brand_now(brand: BrandFacts, now: datetime) -> _BrandNow:
    today = brand.calendar.local_date(now)
    month = month_start(today)
    return _BrandNow(
        today=today,
        month=month,
        is_daily_reached=reached(brand.days.get(today, 0), brand.daily_budget_micros),
        is_monthly_reached=reached(brand.months.get(month, 0), brand.monthly_budget_micros),
        next_transition_at=_earlier(
            _next_day_toggle(brand.calendar, brand.days, brand.daily_budget_micros, today),
            _next_month_toggle(brand.calendar, brand.months, brand.monthly_budget_micros, month),
        ),
    )


def _next_day_toggle(
    calendar: Calendar, days: Mapping[date, int], limit_micros: int | None, today: date
) -> datetime | None:
    if limit_micros is None:
        return None
    return _next_toggle(calendar, days, limit_micros, today, _next_day, _same_day)


def _next_month_toggle(
    calendar: Calendar, months: Mapping[date, int], limit_micros: int | None, month: date
) -> datetime | None:
    if limit_micros is None:
        return None
    return _next_toggle(calendar, months, limit_micros, month, next_month, month_start)


def _next_toggle(
    calendar: Calendar,
    counted: Mapping[date, int],
    limit_micros: int,
    current: date,
    following: Callable[[date], date],
    period_of: Callable[[date], date],
) -> datetime | None:
    """Return the start of the first later period that is reached where the current one is not, or vice versa.

    Only the next period, those that hold something and those right after them can be the first.
    """
    was_reached = reached(counted.get(current, 0), limit_micros)
    ahead = [starts_on for starts_on in counted if starts_on > current]
    if not ahead and reached(0, limit_micros) == was_reached:
        return None  # nearly always: a sweep asks this of every budget
    for first_day in sorted({following(starts_on) for starts_on in (current, *ahead)}.union(ahead)):
        start = calendar.day_start(first_day)
        starts_on = period_of(calendar.local_date(start))  # a later one where the zone skips that day
        if reached(counted.get(starts_on, 0), limit_micros) != was_reached:
            return start
    return None


def _next_day(day: date) -> date:
    return day + ONE_DAY


def _same_day(day: date) -> date:
    return day


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or other is None:
        return one or other
    return min(one, other)

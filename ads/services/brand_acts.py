"""What a person does to one brand from its page: tried first and taken back whole, or done, with what follows."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from ads.actor import Actor, acting_as
from ads.errors import ChangedMeanwhile
from ads.models import Brand, Campaign, PeriodKind
from ads.rules.periods import Calendar
from ads.rules.serving import Reason, Status
from ads.services import consequences
from ads.services.enforcement import Change
from ads.services.standings import Standing, stand_brands
from ads.services.transactions import retrying

DAY, MONTH = PeriodKind.DAY, PeriodKind.MONTH
_COLUMNS = {DAY: "daily_budget_micros", MONTH: "monthly_budget_micros"}
_REASONS = {DAY: Reason.BRAND_DAILY, MONTH: Reason.BRAND_MONTHLY}


@dataclass(frozen=True, slots=True)
class Staying:
    """A campaign that another budget alone does not make run: what still stands against it."""

    campaign: str
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class BudgetOutcome:
    """What follows from a new budget: the campaigns that change, and those that stay paused all the same.

    `standing` is the period under the new budget, `before` the budget as it was.
    """

    before: int | None
    standing: Standing
    changes: list[Change]
    staying: list[Staying]


def last_change(brand: Brand) -> int:
    """The number of the last change of the brand's settings, by which a reader is told from a later one."""
    newest = brand.history.order_by("-history_id").values_list("history_id", flat=True).first()
    return newest or 0


@retrying
def set_budget(
    brand_id: int,
    kind: PeriodKind,
    micros: int | None,
    *,
    by: Actor = None,
    seen: int | None = None,
    dry_run: bool = False,
    now: datetime,
) -> BudgetOutcome:
    """Gives the brand another daily or monthly budget. A dry run is taken back whole.

    Raises ChangedMeanwhile where the brand's settings are no longer those after the change `seen`.
    """
    with acting_as(by):
        point = consequences.mark({brand_id})
        brand = _as_seen(brand_id, seen)
        before: int | None = getattr(brand, _COLUMNS[kind])
        if before != micros:
            setattr(brand, _COLUMNS[kind], micros)
            brand.save()
        standing = stand_brands([brand], now)[brand.pk]
        outcome = BudgetOutcome(
            before,
            standing.day if kind == DAY else standing.month,
            changes := consequences.since(point),
            _staying(changes, _REASONS[kind]),
        )
    transaction.set_rollback(dry_run)
    return outcome


def _as_seen(brand_id: int, seen: int | None) -> Brand:
    """The brand, whose settings nobody has changed since its reader saw them; else ChangedMeanwhile."""
    brand = Brand.objects.get(pk=brand_id)
    if seen is not None and last_change(brand) != seen:
        raise ChangedMeanwhile(f"The settings of {brand} were changed meanwhile")
    return brand


def _staying(changes: list[Change], reason: Reason) -> list[Staying]:
    """Campaigns that the budget no longer keeps from running, but something else does."""
    return [
        Staying(change.campaign, change.reasons)
        for change in changes
        if reason in change.from_reasons
        and reason not in change.reasons
        and change.to_status == Status.PAUSED
    ]


@retrying
def switch(brand_id: int, *, on: bool, by: Actor = None, dry_run: bool = False) -> list[Change]:
    """Switches the brand on or off. A dry run is taken back whole."""
    with acting_as(by):
        point = consequences.mark({brand_id})
        Brand.objects.filter(pk=brand_id).exclude(is_active=on).update(is_active=on)
        changes = consequences.since(point)
    transaction.set_rollback(dry_run)
    return changes


@dataclass(frozen=True, slots=True)
class ZoneOutcome:
    """What follows from another time zone: the brand's calendar before and after, and the campaigns that change.

    Of `followers` windows go by the brand's clock.
    """

    before: Calendar
    after: Calendar
    followers: int
    changes: list[Change]
    now: datetime


@retrying
def set_timezone(
    brand_id: int,
    name: str,
    *,
    by: Actor = None,
    seen: int | None = None,
    dry_run: bool = False,
    now: datetime,
) -> ZoneOutcome:
    """Gives the brand another time zone, '' for the system's, from the next day on. A dry run is taken back whole.

    Raises ChangedMeanwhile where the brand's settings are no longer those after the change `seen`.
    """
    with acting_as(by):
        point = consequences.mark({brand_id})
        brand = _as_seen(brand_id, seen)
        before = brand.calendar
        if brand.timezone != name:
            brand.timezone = name
            brand.save()
            brand.refresh_from_db()
        followers = Campaign.objects.filter(brand=brand, archived_at__isnull=True, schedules__timezone="")
        outcome = ZoneOutcome(
            before, brand.calendar, followers.distinct().count(), consequences.since(point), now
        )
    transaction.set_rollback(dry_run)
    return outcome

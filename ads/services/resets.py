"""A person's reset: what was spent so far in the current periods stops counting against the limits."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.db.models import F, OuterRef, Q, QuerySet, Subquery

from ads.actor import actor_name
from ads.models import Brand, BrandPeriod, Campaign, CampaignPeriod, Cause, PeriodKind, Waiver
from ads.models.period import first_day
from ads.rules.alerting import Level
from ads.services import alerts, enforcement
from ads.services.alerts import Move, Owner, OwnersPeriod
from ads.services.given import OneOf
from ads.services.moments import passing
from ads.services.transactions import retrying

DAY, MONTH = PeriodKind.DAY, PeriodKind.MONTH
ROWS_PER_STATEMENT = 2_000
_COUNTING = ~Q(spent_micros=F("waived_micros"))


@dataclass(frozen=True, slots=True)
class Waived:
    """What one reset did to the brands and campaigns it was for."""

    waivers: list[Waiver]
    changes: list[enforcement.Change]


def kinds_to_reset(today: date, *, daily: bool, monthly: bool) -> list[PeriodKind]:
    """The day, and the month too on its first day; or just what was asked for."""
    if daily or monthly:
        return [kind for kind, asked in ((DAY, daily), (MONTH, monthly)) if asked]
    return [DAY, MONTH] if today.day == 1 else [DAY]


@retrying
def waive(
    brand_ids: Sequence[int],
    *,
    campaign_id: int | None = None,
    daily: bool,
    monthly: bool,
    dry_run: bool = False,
    now: datetime,
) -> Waived:
    """Starts the count of the current periods afresh: what was spent so far stops counting against the limit.

    For the brands and all their campaigns, or for one campaign alone. Spend and the ledger stay as they are.
    A dry run is taken back whole.
    """
    clock = passing(now)
    brands = Brand.objects.lock(brand_ids)
    now = clock()
    waivers: list[Waiver] = []
    moves: list[Move] = []
    for (kind, starts_on), ids in _brands_by_period(brands, now, daily=daily, monthly=monthly).items():
        for brand_id, owner_id, counted, limit in _waive(kind, starts_on, ids, campaign_id):
            waivers.append(
                Waiver(
                    brand_id=brand_id,
                    campaign_id=owner_id,
                    kind=kind,
                    starts_on=starts_on,
                    amount_micros=counted,
                    by=actor_name(),
                    at=now,
                )
            )
            period = OwnersPeriod(Owner(brand_id, owner_id), kind, starts_on)
            moves.append(Move(period, Level(counted, limit), Level(0, limit)))
    waivers.sort(key=lambda waiver: (waiver.brand_id, waiver.kind, waiver.campaign_id or 0))
    Waiver.objects.bulk_create(waivers, batch_size=ROWS_PER_STATEMENT)
    alerts.budgets_changed(moves, now)
    if campaign_id is None:
        decided = enforcement.decide_brands(brands, cause=Cause.RESET, now=now)
    else:
        decided = enforcement.decide_campaigns(brands, [campaign_id], cause=Cause.RESET, now=now)
    transaction.set_rollback(dry_run)
    return Waived(waivers, decided.changes)


def _brands_by_period(
    brands: Sequence[Brand], now: datetime, *, daily: bool, monthly: bool
) -> Mapping[tuple[PeriodKind, date], list[int]]:
    """For each period to be reset the brands whose it is: at any moment there are two or three present dates."""
    found: defaultdict[tuple[PeriodKind, date], list[int]] = defaultdict(list)
    for brand in brands:
        today = brand.calendar.local_date(now)
        for kind in kinds_to_reset(today, daily=daily, monthly=monthly):
            found[kind, first_day(kind, today)].append(brand.pk)
    return found


def _waive(
    kind: PeriodKind, starts_on: date, brand_ids: Sequence[int], campaign_id: int | None
) -> Iterator[tuple[int, int | None, int, int | None]]:
    """Waives what counts in this period; yields brand, campaign (None: the brand's own), amount and budget of each."""
    if campaign_id is None:
        campaigns = Campaign.objects.filter(OneOf("brand_id", brand_ids))
        of_brands = BrandPeriod.objects.filter(
            _COUNTING, OneOf("brand_id", brand_ids), kind=kind, starts_on=starts_on
        )
        for brand_id, counted, limit in _waived(of_brands, "brand_id"):
            yield brand_id, None, counted, limit
    else:
        campaigns = Campaign.objects.filter(pk=campaign_id)
    its = CampaignPeriod.objects.filter(_COUNTING, campaign=OuterRef("pk"), kind=kind, starts_on=starts_on)
    # A join may read all periods that there are; this looks each up in the index.
    found = campaigns.order_by().values_list(Subquery(its.values("pk")), flat=True)
    ids = [pk for pk in found if pk is not None]
    of_campaigns = CampaignPeriod.objects.filter(OneOf("pk", ids))
    yield from _waived(of_campaigns, "campaign__brand_id", "campaign_id")


def _waived(periods: QuerySet[Any], *owner: str) -> list[Any]:
    """The owners, amounts and budgets of these periods, which count nothing any more."""
    counted = F("spent_micros") - F("waived_micros")
    rows = list(periods.order_by().values_list(*owner, counted, "budget_micros"))
    periods.update(waived_micros=F("spent_micros"))
    return rows

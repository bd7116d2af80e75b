"""Prove that the totals equal the ledger, and repair them where they do not."""

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from django.db.models import Model, QuerySet, Sum

from ads.models import (
    FLIGHT_STARTS_ON,
    Brand,
    BrandPeriod,
    Campaign,
    CampaignPeriod,
    Cause,
    JobProgress,
    PeriodKind,
    SpendLog,
    Waiver,
)
from ads.rules.periods import month_start
from ads.services import enforcement, periods
from ads.services.transactions import retrying

logger = logging.getLogger("ads.reconcile")

DAY, MONTH, FLIGHT = PeriodKind.DAY, PeriodKind.MONTH, PeriodKind.FLIGHT
BRANDS_PER_SLICE = 50
VERIFY = "verify_ledger"

PeriodKey = tuple[int, str, date]


@dataclass(frozen=True, slots=True)
class Totals:
    """Micros spent and waived in one period."""

    spent: int = 0
    waived: int = 0


@dataclass(frozen=True, slots=True)
class Difference:
    """A period whose stored totals are not what the ledger and the waivers add up to (micros)."""

    owner: str
    kind: str
    starts_on: date
    stored: Totals
    right: Totals

    def __str__(self) -> str:
        period = "flight" if self.kind == FLIGHT else f"{self.kind.lower()} {self.starts_on}"
        return (
            f"{self.owner}, {period}: spent {self.stored.spent} micros, ledger {self.right.spent}; "
            f"waived {self.stored.waived}, waivers {self.right.waived}"
        )


@dataclass(slots=True)
class Report:
    """What was compared and what differed."""

    brands: int = 0
    periods: int = 0
    differences: list[Difference] = field(default_factory=list)

    def add(self, other: "Report") -> None:
        self.brands += other.brands
        self.periods += other.periods
        self.differences += other.differences


def reconcile(now: datetime, *, repair: bool = False, brand_ids: Sequence[int] | None = None) -> Report:
    """Compares every brand, or these, a slice at a time; with `repair` the totals are made right and decided."""
    report = Report()
    brands = Brand.objects.order_by("pk")
    ids = list(
        (brands if brand_ids is None else brands.filter(pk__in=brand_ids)).values_list("pk", flat=True)
    )
    for start in range(0, len(ids), BRANDS_PER_SLICE):
        report.add(_reconcile_slice(ids[start : start + BRANDS_PER_SLICE], repair=repair, now=now))
    return report


def verify_next_slice(now: datetime) -> Report:
    """Compares the slice of brands after the one compared last, and starts over at the end."""
    progress, _ = JobProgress.objects.get_or_create(name=VERIFY)
    ids = list(
        Brand.objects.filter(pk__gt=progress.position)
        .order_by("pk")
        .values_list("pk", flat=True)[:BRANDS_PER_SLICE]
    )
    report = _reconcile_slice(ids, repair=False, now=now)
    JobProgress.objects.filter(name=VERIFY).update(
        position=ids[-1] if len(ids) == BRANDS_PER_SLICE else 0, updated_at=now
    )
    return report


@retrying
def _reconcile_slice(brand_ids: Sequence[int], *, repair: bool, now: datetime) -> Report:
    # Under the lock nothing is booked between reading the ledger and reading the totals.
    brands = Brand.objects.lock(brand_ids)
    names = {brand.pk: brand.name for brand in brands}
    campaigns = Campaign.objects.filter(brand__in=brands).order_by()
    campaign_names = {
        pk: f"{names[brand_id]} / {name}"
        for pk, brand_id, name in campaigns.values_list("pk", "brand_id", "name")
    }
    right_of_brands, right_of_campaigns = _from_ledger(brand_ids), _campaigns_from_ledger(brand_ids)
    stored_of_brands = _stored(BrandPeriod.objects.filter(brand_id__in=brand_ids), "brand_id")
    stored_of_campaigns = _stored(
        CampaignPeriod.objects.filter(campaign__brand_id__in=brand_ids), "campaign_id"
    )
    wrong_brands = dict(_compare(stored_of_brands, right_of_brands, names))
    wrong_campaigns = dict(_compare(stored_of_campaigns, right_of_campaigns, campaign_names))
    differences = [*wrong_brands.values(), *wrong_campaigns.values()]
    for difference in differences:
        logger.error("Totals differ from the ledger: %s", difference)
    if repair and differences:
        _repair(BrandPeriod, "brand_id", wrong_brands)
        _repair(CampaignPeriod, "campaign_id", wrong_campaigns)
        periods.follow_brand_budgets(brands, now)
        periods.follow_campaign_budgets(brands, campaign_names, now)
        enforcement.decide_brands(brands, cause=Cause.REPAIR, now=now)
    return Report(len(brands), len(stored_of_brands) + len(stored_of_campaigns), differences)


def _from_ledger(brand_ids: Sequence[int]) -> dict[PeriodKey, Totals]:
    logs = SpendLog.objects.filter(brand_id__in=brand_ids)
    waivers = Waiver.objects.filter(brand_id__in=brand_ids, campaign__isnull=True)
    return _add_up(_sums(logs, "brand_id"), _waived(waivers, "brand_id"), with_flight=False)


def _campaigns_from_ledger(brand_ids: Sequence[int]) -> dict[PeriodKey, Totals]:
    logs = SpendLog.objects.filter(brand_id__in=brand_ids)
    waivers = Waiver.objects.filter(brand_id__in=brand_ids, campaign__isnull=False)
    return _add_up(_sums(logs, "campaign_id"), _waived(waivers, "campaign_id"), with_flight=True)


def _sums(logs: QuerySet[SpendLog], owner: str) -> Iterator[tuple[int, date, int]]:
    rows = logs.order_by().values_list(owner, "spent_on").annotate(total=Sum("amount_micros"))
    return ((pk, day, int(total)) for pk, day, total in rows.iterator())


def _waived(waivers: QuerySet[Waiver], owner: str) -> dict[PeriodKey, int]:
    rows = waivers.order_by().values_list(owner, "kind", "starts_on").annotate(total=Sum("amount_micros"))
    return {(pk, kind, starts_on): int(total) for pk, kind, starts_on, total in rows}


def _add_up(
    days: Iterator[tuple[int, date, int]], waived: dict[PeriodKey, int], *, with_flight: bool
) -> dict[PeriodKey, Totals]:
    spent: defaultdict[PeriodKey, int] = defaultdict(int)
    for pk, day, total in days:
        spent[pk, DAY, day] += total
        spent[pk, MONTH, month_start(day)] += total
        if with_flight:
            spent[pk, FLIGHT, FLIGHT_STARTS_ON] += total
    return {key: Totals(spent.get(key, 0), waived.get(key, 0)) for key in spent.keys() | waived.keys()}


def _stored(rows: QuerySet[BrandPeriod] | QuerySet[CampaignPeriod], owner: str) -> dict[PeriodKey, Totals]:
    return {
        (pk, kind, starts_on): Totals(spent, waived)
        for pk, kind, starts_on, spent, waived in rows.order_by().values_list(
            owner, "kind", "starts_on", "spent_micros", "waived_micros"
        )
    }


def _compare(
    stored: dict[PeriodKey, Totals], right: dict[PeriodKey, Totals], names: dict[int, str]
) -> Iterator[tuple[PeriodKey, Difference]]:
    for key in sorted(stored.keys() | right.keys()):
        has, ought = stored.get(key, Totals()), right.get(key, Totals())
        if has != ought:
            pk, kind, starts_on = key
            yield key, Difference(names[pk], kind, starts_on, has, ought)


def _repair(model: type[Model], owner: str, wrong: dict[PeriodKey, Difference]) -> None:
    model._base_manager.bulk_create(
        [
            model(
                **{owner: pk},
                kind=kind,
                starts_on=starts_on,
                spent_micros=difference.right.spent,
                waived_micros=difference.right.waived,
            )
            for (pk, kind, starts_on), difference in wrong.items()
        ],
        batch_size=2_000,
        update_conflicts=True,
        unique_fields=[owner.removesuffix("_id"), "kind", "starts_on"],
        update_fields=["spent_micros", "waived_micros"],
    )

"""Prove that the totals equal the ledger, and repair them where they do not."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.db import connection
from django.db.models import Model

from ads.models import (
    FLIGHT_STARTS_ON,
    Brand,
    BrandPeriod,
    Campaign,
    CampaignPeriod,
    Cause,
    JobProgress,
    PeriodKind,
)
from ads.services import enforcement, periods
from ads.services.given import as_date
from ads.services.transactions import retrying

logger = logging.getLogger("ads.reconcile")

FLIGHT = PeriodKind.FLIGHT
BRANDS_PER_SLICE = 50
VERIFY = "verify_ledger"


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
    is_last = len(ids) < BRANDS_PER_SLICE
    # Before the work: a slice that is killed is left for the next round and does not hold up the others.
    JobProgress.objects.filter(name=VERIFY).update(position=0 if is_last else ids[-1], updated_at=now)
    report = _reconcile_slice(ids, repair=False, now=now)
    _note(progress, len(report.differences), now, is_last=is_last)
    return report


def _note(progress: JobProgress, differences: int, now: datetime, *, is_last: bool) -> None:
    """Keeps what this pass over all brands has found so far, and what the last one found."""
    found = differences if progress.position == 0 else progress.found + differences
    started = now if progress.position == 0 or progress.started_at is None else progress.started_at
    values: dict[str, object] = {"found": found, "started_at": started}
    if is_last:
        took = (now - started) // timedelta(milliseconds=1)
        values |= {"found_before": found, "found": 0, "finished_at": now, "took_ms": took}
    JobProgress.objects.filter(name=VERIFY).update(**values)


def _reconcile_slice(brand_ids: Sequence[int], *, repair: bool, now: datetime) -> Report:
    report = Report(
        brands=len(brand_ids),
        periods=BrandPeriod.objects.filter(brand_id__in=brand_ids).count()
        + CampaignPeriod.objects.filter(campaign__brand_id__in=brand_ids).count(),
    )
    differing = {**_differences(BRANDS, brand_ids), **_differences(CAMPAIGNS, brand_ids)}
    if differing and repair:
        # Under the lock nothing is booked between comparing and repairing.
        differing = _repair(brand_ids, now)
    report.differences = _named(differing)
    for difference in report.differences:
        logger.error("Totals differ from the ledger: %s", difference)
    return report


@dataclass(frozen=True, slots=True)
class Level:
    """One of the two levels of totals: its table, its owner's column, and which waivers are its own."""

    periods: type[BrandPeriod] | type[CampaignPeriod]
    owner: str
    of_brand: str
    waivers: str
    has_flight: bool


BRANDS = Level(BrandPeriod, "brand_id", "brand_id", "campaign_id IS NULL", has_flight=False)
CAMPAIGNS = Level(
    CampaignPeriod,
    "campaign_id",
    "(SELECT brand_id FROM ads_campaign WHERE id = campaign_id)",
    "campaign_id IS NOT NULL",
    has_flight=True,
)

Differing = dict[tuple[Level, int, str, date], tuple[Totals, Totals]]


def _differences(level: Level, brand_ids: Sequence[int]) -> Differing:
    """What differs, in one statement: it sees one moment, so no lock keeps spend waiting meanwhile.

    For rows that have left the ledger for a file their sums stand.
    """
    if not brand_ids:
        return {}
    month = (
        "date_trunc('month', day)::date"
        if connection.vendor == "postgresql"
        else "date(day, 'start of month')"
    )
    brands = f"({', '.join(['%s'] * len(brand_ids))})"
    flights = f"SELECT owner, 'FLIGHT', {_flight_day()}, 0, spent, 0, 0 FROM days"  # noqa: S608 - as below
    flight = f"UNION ALL {flights}" if level.has_flight else ""
    sql = f"""
        WITH days (owner, day, spent) AS (
            SELECT {level.owner}, spent_on, sum(amount_micros) FROM ads_spendlog
            WHERE brand_id IN {brands} GROUP BY 1, 2
            UNION ALL SELECT {level.owner}, spent_on, sum(amount_micros) FROM ads_sealedday
            WHERE brand_id IN {brands} GROUP BY 1, 2
        ), parts (owner, kind, starts_on, stored, spent, stored_waived, waived) AS (
            SELECT {level.owner}, kind, starts_on, spent_micros, 0, waived_micros, 0 FROM {level.periods._meta.db_table}
            WHERE {level.of_brand} IN {brands}
            UNION ALL SELECT owner, 'DAY', day, 0, spent, 0, 0 FROM days
            UNION ALL SELECT owner, 'MONTH', {month}, 0, spent, 0, 0 FROM days
            {flight}
            UNION ALL SELECT {level.owner}, kind, starts_on, 0, 0, 0, amount_micros FROM ads_waiver
            WHERE brand_id IN {brands} AND {level.waivers}
        )
        SELECT owner, kind, starts_on, sum(stored), sum(spent), sum(stored_waived), sum(waived)
        FROM parts GROUP BY owner, kind, starts_on
        HAVING sum(stored) <> sum(spent) OR sum(stored_waived) <> sum(waived)
        ORDER BY owner, starts_on, kind
    """  # noqa: S608 - names of ours and placeholders are put in
    with connection.cursor() as cursor:
        cursor.execute(sql, [*brand_ids] * 4)
        return {
            (level, owner, kind, as_date(starts_on)): (
                Totals(int(stored), int(stored_waived)),
                Totals(int(spent), int(waived)),
            )
            for owner, kind, starts_on, stored, spent, stored_waived, waived in cursor.fetchall()
        }


def _flight_day() -> str:
    literal = f"'{FLIGHT_STARTS_ON}'"
    return f"{literal}::date" if connection.vendor == "postgresql" else literal


def _named(differing: Differing) -> list[Difference]:
    brands = Brand.objects.in_bulk([owner for level, owner, _, _ in differing if level is BRANDS])
    campaigns = Campaign.objects.select_related("brand").in_bulk(
        [owner for level, owner, _, _ in differing if level is CAMPAIGNS]
    )
    names = {(BRANDS, pk): brand.name for pk, brand in brands.items()}
    names |= {
        (CAMPAIGNS, pk): f"{campaign.brand.name} / {campaign.name}" for pk, campaign in campaigns.items()
    }
    return [
        Difference(names[level, owner], kind, starts_on, stored, right)
        for (level, owner, kind, starts_on), (stored, right) in differing.items()
    ]


def _budgets(level: Level, brands: Sequence[Brand]) -> dict[tuple[int, PeriodKind], int | None]:
    """The present budgets, for rows that are missing."""
    if level is BRANDS:
        by_brand = {(brand.pk, PeriodKind.DAY): brand.daily_budget_micros for brand in brands}
        return by_brand | {(brand.pk, PeriodKind.MONTH): brand.monthly_budget_micros for brand in brands}
    budgets: dict[tuple[int, PeriodKind], int | None] = {}
    for campaign in Campaign.objects.filter(brand__in=brands).order_by():
        budgets[campaign.pk, PeriodKind.DAY] = campaign.daily_budget_micros
        budgets[campaign.pk, PeriodKind.MONTH] = campaign.monthly_budget_micros
        budgets[campaign.pk, FLIGHT] = campaign.total_budget_micros
    return budgets


@retrying
def _repair(brand_ids: Sequence[int], now: datetime) -> Differing:
    brands = Brand.objects.lock(brand_ids)
    repaired: Differing = {}
    for level in (BRANDS, CAMPAIGNS):
        differing = _differences(level, brand_ids)
        budgets = _budgets(level, brands)
        model: type[Model] = level.periods
        model._base_manager.bulk_create(
            [
                model(
                    **{level.owner: owner},
                    kind=kind,
                    starts_on=starts_on,
                    spent_micros=right.spent,
                    waived_micros=right.waived,
                    budget_micros=budgets[owner, PeriodKind(kind)],
                )
                for (_, owner, kind, starts_on), (_, right) in differing.items()
            ],
            batch_size=2_000,
            update_conflicts=True,
            unique_fields=[level.owner.removesuffix("_id"), "kind", "starts_on"],
            update_fields=["spent_micros", "waived_micros"],
        )
        repaired |= differing
    campaign_ids = Campaign.objects.filter(brand__in=brands).order_by().values_list("pk", flat=True)
    periods.follow_brand_budgets(brands, now)
    periods.follow_campaign_budgets(brands, campaign_ids, now)
    enforcement.decide_brands(brands, cause=Cause.REPAIR, now=now)
    return repaired

"""Record and reverse spend, start budgets afresh, and tell where a brand stands."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TypedDict

from django.db.models import Count, Q
from django.utils import timezone

from ads.actor import Actor, acting_as
from ads.errors import InvalidSpend, NotReversible
from ads.models import Brand, BrandPeriod, Campaign, CampaignPeriod, Kind, PeriodKind, SpendLog, Waiver
from ads.rules.money import MoneyError, from_micros, to_micros
from ads.rules.periods import month_start
from ads.rules.serving import Status, reached
from ads.services import enforcement, ingest, resets, sealed
from ads.services.enforcement import Change
from ads.services.moments import passing
from ads.services.records import REVERSAL, SpendEvent
from ads.services.transactions import retrying


class BrandSummary(TypedDict):
    """Amounts in the brand's currency; day and month are the brand's own. Current is spent less waived."""

    name: str
    daily_budget: Decimal | None
    monthly_budget: Decimal | None
    current_daily_spend: Decimal
    current_monthly_spend: Decimal
    daily_remaining: Decimal | None
    monthly_remaining: Decimal | None
    daily_exceeded: bool
    monthly_exceeded: bool
    active_campaigns: int
    total_campaigns: int
    daily_spent: Decimal
    daily_waived: Decimal
    monthly_spent: Decimal
    monthly_waived: Decimal


@dataclass(frozen=True, slots=True)
class ResetResult:
    """What a reset waived, and which campaigns changed by it."""

    waivers: list[Waiver]
    changes: list[Change]


class BudgetService:
    """Spend and budgets. `now` is aware and the present moment where it is not given."""

    @staticmethod
    def record_spend(
        campaign: Campaign,
        amount: Decimal | int | str,
        description: str = "",
        *,
        occurred_at: datetime | None = None,
        kind: Kind | str = Kind.SPEND,
        source: str = "manual",
        external_id: str | None = None,
        by: Actor = None,
        now: datetime | None = None,
    ) -> SpendLog:
        """Books `amount`, in the brand's currency, and decides what follows, in one transaction.

        The same (brand, source, external_id) with the same content is booked once and returns the first row.
        Raises InvalidSpend where it cannot be counted, SpendConflict where the id came with other content.
        """
        event = SpendEvent(
            campaign_id=campaign.pk,
            amount_micros=_micros(amount),
            kind=_kind(kind),
            occurred_at=occurred_at,
            external_id=external_id or None,
            description=description,
        )
        with acting_as(by):
            return ingest.record(event, brand_id=campaign.brand_id, source=source, now=now or timezone.now())

    @staticmethod
    def reverse_spend(
        log: SpendLog, reason: str, *, by: Actor = None, now: datetime | None = None
    ) -> SpendLog:
        """Books the opposite of a row, for the same date; the row itself stays as it is.

        Raises NotReversible for a reversal and for a row reversed before.
        """
        with acting_as(by):
            return _reverse(log, reason, now or timezone.now())

    @staticmethod
    def get_brand_summary(brand: Brand, *, now: datetime | None = None) -> BrandSummary:
        """Where the brand stands in its current day and month."""
        brand = Brand.objects.get(pk=brand.pk)  # the instance in hand may be stale
        today = brand.calendar.local_date(now or timezone.now())
        day = _period(brand, PeriodKind.DAY, today)
        month = _period(brand, PeriodKind.MONTH, month_start(today))
        counts = brand.campaigns.filter(archived_at__isnull=True).aggregate(
            total=Count("pk"), active=Count("pk", filter=Q(status=Status.ACTIVE))
        )
        return BrandSummary(
            name=brand.name,
            daily_budget=brand.daily_budget,
            monthly_budget=brand.monthly_budget,
            current_daily_spend=day.counted,
            current_monthly_spend=month.counted,
            daily_remaining=_remaining(brand.daily_budget_micros, day),
            monthly_remaining=_remaining(brand.monthly_budget_micros, month),
            daily_exceeded=reached(day.counted_micros, brand.daily_budget_micros),
            monthly_exceeded=reached(month.counted_micros, brand.monthly_budget_micros),
            active_campaigns=counts["active"],
            total_campaigns=counts["total"],
            daily_spent=day.spent,
            daily_waived=day.waived,
            monthly_spent=month.spent,
            monthly_waived=month.waived,
        )

    @staticmethod
    def get_campaign_spend_today(campaign: Campaign, *, now: datetime | None = None) -> Decimal:
        """Spent by the campaign in its brand's current day."""
        today = campaign.brand.calendar.local_date(now or timezone.now())
        period = CampaignPeriod.objects.filter(
            campaign=campaign, kind=PeriodKind.DAY, starts_on=today
        ).first()
        return from_micros(0) if period is None else period.spent

    @staticmethod
    def reset_budgets(
        *,
        brands: Iterable[Brand] | None = None,
        campaign: Campaign | None = None,
        daily: bool = False,
        monthly: bool = False,
        dry_run: bool = False,
        by: Actor = None,
        now: datetime | None = None,
    ) -> ResetResult:
        """A person's act: what was spent so far in the current periods stops counting against the limits.

        The day, and the month too on a brand's first of the month; with `daily` or `monthly` just what is
        asked for. Of all brands, of `brands` with all their campaigns, or of one `campaign` alone. Spend and
        the ledger stay. Each slice of brands is one transaction; a dry run is taken back whole.
        """
        clock = passing(now or timezone.now())
        sizes = enforcement.sizes_of(_brands_to_reset(brands, campaign))
        result = ResetResult([], [])
        with acting_as(by):
            for group in enforcement.in_groups(sizes, enforcement.LOCKED_AT_ONCE):
                waived = resets.waive(
                    group,
                    campaign_id=None if campaign is None else campaign.pk,
                    daily=daily,
                    monthly=monthly,
                    dry_run=dry_run,
                    now=clock(),
                )
                result.waivers.extend(waived.waivers)
                result.changes.extend(waived.changes)
        return result

    @staticmethod
    @retrying
    def archive_brand(brand: Brand, *, by: Actor = None, now: datetime | None = None) -> None:
        """Off and out of the lists, still accepting spend; what people asked of its campaigns stays."""
        with acting_as(by):
            Brand.objects.filter(pk=brand.pk, archived_at__isnull=True).update(
                archived_at=now or timezone.now()
            )
        brand.refresh_from_db()

    @staticmethod
    @retrying
    def restore_brand(brand: Brand, *, by: Actor = None) -> None:
        """Back from the archive."""
        with acting_as(by):
            Brand.objects.filter(pk=brand.pk).update(archived_at=None)
        brand.refresh_from_db()


@retrying
def _reverse(log: SpendLog, reason: str, now: datetime) -> SpendLog:
    if log.reverses_id is not None:
        raise NotReversible(f"{log} reverses row {log.reverses_id} and cannot be reversed itself")
    Brand.objects.lock({log.brand_id})
    if not SpendLog.objects.filter(pk=log.pk).exists():
        raise NotReversible(f"row {log.pk} is archived{sealed.where([log.spent_on])}, or book an adjustment")
    if SpendLog.objects.filter(campaign_id=log.campaign_id, reverses_id=log.pk).exists():
        raise NotReversible(f"{log} was reversed before")
    event = SpendEvent(
        campaign_id=log.campaign_id,
        amount_micros=-log.amount_micros,
        kind=Kind.ADJUSTMENT,
        occurred_at=log.occurred_at,
        spent_on=log.spent_on,
        external_id=str(log.pk),
        description=reason,
        reverses_id=log.pk,
    )
    return ingest.record(event, brand_id=log.brand_id, source=REVERSAL, now=now)


def _micros(amount: Decimal | int | str) -> int:
    try:
        return to_micros(amount)
    except MoneyError as error:
        raise InvalidSpend("amount", str(error).removeprefix("amount: ")) from error


def _kind(kind: Kind | str) -> Kind:
    try:
        return Kind(kind)
    except ValueError as error:
        known = ", ".join(Kind.values)
        raise InvalidSpend("kind", f"{kind!r} is not a kind of record; give one of {known}") from error


def _period(brand: Brand, kind: PeriodKind, starts_on: date) -> BrandPeriod:
    found = BrandPeriod.objects.filter(brand=brand, kind=kind, starts_on=starts_on).first()
    return found or BrandPeriod(brand=brand, kind=kind)


def _remaining(budget_micros: int | None, period: BrandPeriod) -> Decimal | None:
    return None if budget_micros is None else from_micros(budget_micros - period.counted_micros)


def _brands_to_reset(brands: Iterable[Brand] | None, campaign: Campaign | None) -> list[int]:
    if campaign is not None:
        return [campaign.brand_id]
    if brands is not None:
        return sorted(brand.pk for brand in brands)
    return list(Brand.objects.order_by("pk").values_list("pk", flat=True))

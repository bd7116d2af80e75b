"""Moments and readings that tests share."""

from datetime import UTC, date, datetime
from decimal import Decimal

from django.utils import timezone

from ads.models import Brand, BrandPeriod, Campaign, CampaignPeriod, PeriodKind, StatusChange
from ads.rules.serving import Reason, Status

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)  # a Tuesday


def zone_where_it_is(hour: int) -> str:
    """A zone without daylight saving in which it is now this hour; no midnight comes while a test runs."""
    return f"Etc/GMT{(timezone.now().hour - hour + 12) % 24 - 12:+d}"


def state(campaign: Campaign) -> tuple[Status, tuple[Reason, ...]]:
    """Status and reasons as stored now."""
    campaign.refresh_from_db()
    return Status(campaign.status), campaign.reasons


def changes(campaign: Campaign) -> list[str]:
    """The campaign's status changes, oldest first, such as "ACTIVE>PAUSED BRAND_DAILY SPEND"."""
    return [
        f"{change.from_status}>{change.to_status} {change.reason_codes or '-'} {change.cause}"
        for change in StatusChange.objects.filter(campaign=campaign).order_by("pk")
    ]


def brand_day(brand: Brand, day: date) -> Decimal | None:
    """Spent on a day, None without a row."""
    period = BrandPeriod.objects.filter(brand=brand, kind=PeriodKind.DAY, starts_on=day).first()
    return None if period is None else period.spent


def brand_month(brand: Brand, month: date) -> Decimal | None:
    """Spent in a month, None without a row."""
    period = BrandPeriod.objects.filter(brand=brand, kind=PeriodKind.MONTH, starts_on=month).first()
    return None if period is None else period.spent


def campaign_totals(campaign: Campaign) -> dict[str, Decimal]:
    """Spent by "DAY 2026-03-10", "MONTH 2026-03-01", "FLIGHT 1970-01-01"."""
    return {
        f"{period.kind} {period.starts_on}": period.spent
        for period in CampaignPeriod.objects.filter(campaign=campaign)
    }

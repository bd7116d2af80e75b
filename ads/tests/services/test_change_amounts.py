"""What was spent of which budget when a status changed: as it was known at that moment."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from freezegun import freeze_time

from ads.models import Brand, Campaign, Kind, StatusChange
from ads.rules.serving import Reason
from ads.services import BudgetService, CampaignService, enforcement, periods
from ads.services.change_amounts import load_amounts
from ads.services.standings import Standing
from ads.tests.factories import BrandFactory, CampaignFactory
from ads.tests.moments import NOON

pytestmark = pytest.mark.django_db

UNIT = 1_000_000
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def campaign() -> Campaign:
    """Of Acme: 100.00 a day and 2,000.00 a month, in UTC; made a day before noon."""
    with freeze_time(NOON - DAY):
        return CampaignFactory.create(brand=BrandFactory.create(name="Acme"), name="Summer Sale")


def spend(campaign: Campaign, amount: str, at: datetime, **options: object) -> None:
    with freeze_time(at):
        BudgetService.record_spend(campaign, Decimal(amount), **options)  # type: ignore[arg-type]


def change(row: Brand | Campaign, at: datetime, **values: Decimal | None) -> None:
    with freeze_time(at):
        row.refresh_from_db()
        for name, value in values.items():
            setattr(row, name, value)
        row.save()


def told(campaign: Campaign) -> list[dict[Reason, Standing]]:
    """Of each change, oldest first, the budgets with where they stood."""
    campaign = Campaign.objects.select_related("brand").get(pk=campaign.pk)
    changes = list(StatusChange.objects.filter(campaign=campaign).order_by("pk"))
    amounts = load_amounts(campaign, changes)
    return [
        {reason: standing for (pk, reason), standing in amounts.items() if pk == each.pk} for each in changes
    ]


def standing(spent: int, budget: int | None, waived: int = 0) -> Standing:
    return Standing(spent * UNIT, waived * UNIT, None if budget is None else budget * UNIT)


def test_what_was_recorded_or_set_afterwards_is_not_in_it(campaign: Campaign) -> None:
    spend(campaign, "60", NOON)
    spend(campaign, "58", NOON + MINUTE)
    spend(campaign, "5", NOON + 2 * MINUTE)
    change(campaign.brand, NOON + HOUR, daily_budget=Decimal(130))
    spend(campaign, "40", NOON + 2 * HOUR)
    change(campaign.brand, NOON + 3 * HOUR, daily_budget=None)
    assert told(campaign) == [
        {Reason.BRAND_DAILY: standing(118, 100)},
        {Reason.BRAND_DAILY: standing(123, 130)},
        {Reason.BRAND_DAILY: standing(163, 130)},
        {Reason.BRAND_DAILY: standing(163, None)},
    ]


def test_each_budget_counts_its_own_period_and_its_own_spend(campaign: Campaign) -> None:
    other = CampaignFactory.create(brand=campaign.brand)
    change(campaign, NOON, daily_budget=Decimal(30), monthly_budget=Decimal(70), total_budget=Decimal(80))
    spend(campaign, "25", NOON, occurred_at=NOON - 40 * DAY)
    spend(campaign, "45", NOON, occurred_at=NOON - DAY)
    spend(other, "12", NOON)
    spend(campaign, "9", NOON + MINUTE)
    spend(campaign, "21", NOON + 2 * MINUTE)
    assert told(campaign) == [
        {
            Reason.CAMPAIGN_DAILY: standing(30, 30),
            Reason.CAMPAIGN_MONTHLY: standing(75, 70),
            Reason.CAMPAIGN_TOTAL: standing(100, 80),
        }
    ]


def test_a_new_day_is_told_with_its_own_spend_and_a_reset_with_what_it_waived(campaign: Campaign) -> None:
    spend(campaign, "100", NOON)
    with freeze_time(NOON + HOUR):
        BudgetService.reset_budgets(brands=[campaign.brand], daily=True)
    spend(campaign, "110", NOON + 2 * HOUR)
    spend(campaign, "7", NOON + 3 * HOUR)
    with freeze_time(NOON + DAY):
        periods.rollover(NOON + DAY)
        enforcement.sweep(NOON + DAY)
    assert told(campaign) == [
        {Reason.BRAND_DAILY: standing(100, 100)},
        {Reason.BRAND_DAILY: standing(100, 100, waived=100)},
        {Reason.BRAND_DAILY: standing(210, 100, waived=100)},
        {Reason.BRAND_DAILY: standing(0, 100)},
    ]


def test_days_are_the_brands() -> None:
    with freeze_time(NOON - DAY):
        tokyo = CampaignFactory.create(
            brand=BrandFactory.create(timezone="Asia/Tokyo", daily_budget=Decimal(10))
        )
    late = datetime.combine(date(2026, 3, 10), NOON.time(), NOON.tzinfo) + 4 * HOUR  # the 11th in Tokyo
    spend(tokyo, "9", NOON)
    spend(tokyo, "10", late)
    assert told(tokyo) == [{Reason.BRAND_DAILY: standing(10, 10)}]


def test_a_refund_makes_room_and_what_no_budget_did_has_no_amounts(campaign: Campaign) -> None:
    spend(campaign, "100", NOON)
    spend(campaign, "-30", NOON + MINUTE, kind=Kind.REFUND)
    with freeze_time(NOON + HOUR):
        CampaignService.switch_off(campaign)
        CampaignService.switch_on(campaign)
    assert told(campaign) == [
        {Reason.BRAND_DAILY: standing(100, 100)},
        {Reason.BRAND_DAILY: standing(70, 100)},
        {},
        {},
    ]


@pytest.fixture
def many(campaign: Campaign) -> Campaign:
    for number in range(5):
        spend(campaign, "40", NOON + 2 * number * MINUTE)
        change(campaign, NOON + 2 * number * MINUTE, daily_budget=Decimal(40 * number + 40))
        change(
            campaign,
            NOON + (2 * number + 1) * MINUTE,
            daily_budget=Decimal(40 * number + 50),
            total_budget=Decimal(1000 + number),
        )
    return campaign


def test_it_asks_as_often_for_many_changes_as_for_few(many: Campaign) -> None:
    many = Campaign.objects.select_related("brand").get(pk=many.pk)
    changes = list(StatusChange.objects.filter(campaign=many).order_by("pk"))
    assert len(changes) >= 10

    def asked(number: int) -> int:
        with CaptureQueriesContext(connection) as queries:
            load_amounts(many, changes[:number])
        return len(queries)

    few = next(
        number for number in range(1, 10) if len({r for c in changes[:number] for r in c.reasons}) == 2
    )
    assert asked(few) == asked(len(changes)) == 7
    with CaptureQueriesContext(connection) as queries:
        assert load_amounts(many, []) == {}
    assert len(queries) == 0

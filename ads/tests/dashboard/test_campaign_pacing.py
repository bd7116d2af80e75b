"""The spend card of a campaign's page tells pace and projection of its month and of its flight."""

from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from ads.models import Brand, Campaign
from ads.services import BudgetService, CampaignService
from ads.services.as_of import known_now
from ads.services.pacing import load_campaign_pacing
from ads.tests.dashboard.reading import plain
from ads.tests.factories import BrandFactory, CampaignFactory, DaypartingScheduleFactory
from ads.tests.moments import NOON

pytestmark = pytest.mark.django_db


def card(client: Client, campaign: Campaign) -> str:
    """What people read of the spend card."""
    page = plain(client.get(f"/campaigns/{campaign.pk}/"))
    return page.partition(" 90 days ")[2].partition(" Week schedule ")[0]


def spend(campaign: Campaign, amount: str, day: int, hour: int = 12) -> None:
    at = datetime(2026, 3, day, hour, tzinfo=UTC)
    BudgetService.record_spend(campaign, Decimal(amount), occurred_at=at)


@pytest.fixture
def steady(campaign: Campaign) -> Campaign:
    """50.00 on each day of March, 25.00 today until noon."""
    for day in range(1, 10):
        spend(campaign, "50", day)
    spend(campaign, "25", 10, hour=6)
    return campaign


def change(campaign: Campaign, **values: object) -> None:
    for name, value in values.items():
        setattr(campaign, name, value)
    campaign.save()


def test_without_budgets_only_the_months_end_is_told(nina: Client, steady: Campaign) -> None:
    assert "March: $1,550.00 projected at its end." in card(nina, steady)
    assert "reaches" not in card(nina, steady)


def test_month_and_flight_stand_against_their_even_lines_and_their_budgets(
    nina: Client, steady: Campaign
) -> None:
    change(
        steady,
        monthly_budget=Decimal(1000),
        total_budget=Decimal(2000),
        start_date=date(2026, 3, 1),
        end_date=date(2026, 4, 19),
    )
    found = card(nina, steady)
    # Of the month 9.5 of 31 days are gone: 306.45. Of the flight 9.5 of 50: 380.
    assert "March $475.00 of $1,000.00, $525.00 left 55% ahead" in found
    assert "Whole flight $475.00 of $2,000.00, $1,525.00 left 25% ahead" in found
    # Half a day of 50 is left of today, 21 days of March and 19 of April.
    assert (
        "March: 55% ahead of the even line. $1,550.00 projected at its end, 155% of the monthly budget. "
        "It reaches its monthly budget on about 20 Mar. "
        "Whole flight: 25% ahead of the even line. $2,500.00 projected at its end, 125% of the total budget. "
        "It reaches its total budget on about 9 Apr."
    ) in found


def test_on_the_even_line_and_below_its_total_nothing_is_said_to_be_reached(
    nina: Client, steady: Campaign
) -> None:
    change(steady, total_budget=Decimal(2600), start_date=date(2026, 3, 1), end_date=date(2026, 4, 20))
    assert (
        "Whole flight: on the even line. $2,550.00 projected at its end, 98% of the total budget."
    ) in card(nina, steady)
    assert "reaches" not in card(nina, steady)


def test_a_flight_without_a_last_day_tells_only_when_it_reaches_its_total(
    nina: Client, steady: Campaign
) -> None:
    change(steady, total_budget=Decimal(20_000))
    assert "It does not reach its total budget within a year." in card(nina, steady)
    change(steady, total_budget=Decimal(15_000))
    assert "It reaches its total budget on about 25 Dec." in card(nina, steady)
    change(steady, total_budget=Decimal(16_000))
    assert "It reaches its total budget on about 14 Jan 2027." in card(nina, steady)


def test_windows_tell_on_which_days_it_costs(nina: Client, campaign: Campaign) -> None:
    for number in range(5):
        DaypartingScheduleFactory.create(
            campaign=campaign, day_of_week=number, start_time=time(6), end_time=time(18)
        )
    for day in (2, 3, 4, 5, 6, 9):
        spend(campaign, "50", day)
    spend(campaign, "25", 10, hour=8)
    change(campaign, end_date=date(2026, 3, 16))
    # Half of today's twelve hours, and Wednesday to Friday and Monday.
    assert "March: $550.00 projected at its end." in card(nina, campaign)
    assert "Whole flight: $550.00 projected at its end." in card(nina, campaign)


def test_behind_a_limit_no_more_is_expected_until_it_is_over(nina: Client, steady: Campaign) -> None:
    change(steady, daily_budget=Decimal(25))
    assert "March: $1,525.00 projected at its end." in card(nina, steady)
    change(steady, monthly_budget=Decimal(400))
    assert "March: a monthly budget is reached, no more is expected." in card(nina, steady)
    change(steady, total_budget=Decimal(475))
    assert "The total budget is reached: no more is expected." in card(nina, steady)
    assert "projected" not in card(nina, steady)


def test_the_brands_limit_holds_it_back_too(nina: Client, brand: Brand, steady: Campaign) -> None:
    brand.monthly_budget = Decimal(475)
    brand.save()
    assert "March: a monthly budget is reached, no more is expected." in card(nina, steady)


def test_what_is_off_or_over_is_not_projected(nina: Client, steady: Campaign) -> None:
    CampaignService.switch_off(steady)
    assert "It is off: no more is expected." in card(nina, steady)
    assert "projected" not in card(nina, steady)
    CampaignService.switch_on(steady)
    steady.refresh_from_db()
    change(steady, end_date=date(2026, 3, 9), total_budget=Decimal(2000))
    assert "projected" not in card(nina, steady)
    assert "expected" not in card(nina, steady)


def test_before_three_days_of_spend_it_says_from_when(nina: Client, campaign: Campaign) -> None:
    assert "projection" not in card(nina, campaign)
    spend(campaign, "50", 10, hour=6)
    assert "A projection takes three days of spend: from 13 Mar." in card(nina, campaign)


def test_a_month_that_was_started_afresh_is_projected_from_what_counts(
    nina: Client, steady: Campaign
) -> None:
    change(steady, monthly_budget=Decimal(2000))
    BudgetService.reset_budgets(campaign=steady, monthly=True)
    assert "$1,075.00 projected at its end, 54% of the monthly budget." in card(nina, steady)


def test_days_are_the_brands_and_windows_may_be_of_another_zone() -> None:
    campaign = CampaignFactory.create(brand=BrandFactory.create(timezone="America/New_York"))
    DaypartingScheduleFactory.create(
        campaign=campaign, timezone="Europe/Paris", start_time=time(2), end_time=time(14)
    )
    late = datetime(2026, 3, 10, 3, tzinfo=UTC)  # still the 9th in New York
    BudgetService.record_spend(campaign, Decimal(7), occurred_at=late)
    known = known_now(Campaign.objects.select_related("brand").get(), NOON).facts
    with CaptureQueriesContext(connection) as asked:
        found = load_campaign_pacing(campaign, known, (), NOON)
    assert len(asked) == 1
    assert (found.today, found.minute) == (date(2026, 3, 10), 8 * 60)
    assert (found.days[-1], found.today_micros, found.month_micros) == (7_000_000, 0, 7_000_000)
    # 02:00 to 14:00 in Paris is five hours (in these weeks) earlier in New York: 21:00 to 09:00.
    assert found.opening.minutes_before(date(2026, 3, 10), 9 * 60) == 9 * 60
    assert found.opening.minutes(date(2026, 3, 10)) == 12 * 60

"""The overview's numbers: whose brands, in which order, and at what cost."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from freezegun import freeze_time

from ads.actor import acting_as
from ads.models import Brand, BrandPeriod, Campaign, Kind, PeriodKind, SpendLog
from ads.rights import VIEWER
from ads.rules.attention import Cause, Level
from ads.rules.pacing import Direction
from ads.services import BudgetService, CampaignService, enforcement
from ads.services.latest import BudgetNews, StatusNews, load_latest
from ads.services.overview import (
    BrandRow,
    Filter,
    SpendWhileOff,
    load_overview,
    total_by_currency,
)
from ads.services.page_version import page_version
from ads.tests.factories import BrandFactory, CampaignFactory, DaypartingScheduleFactory
from ads.tests.moments import NOON
from ads.tests.people import take_role

pytestmark = pytest.mark.django_db

UNIT = 1_000_000
TODAY = date(2026, 3, 10)


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create_superuser("ada")


@pytest.fixture(autouse=True)
def noon() -> Any:
    with freeze_time(NOON):
        yield


def spent_each_day(brand: Brand, daily: int, days: int = 35) -> None:
    """Totals of past days and of the month so far, as the ledger would have left them."""
    past = [TODAY - timedelta(days=ago) for ago in range(1, days + 1)]
    BrandPeriod.objects.bulk_create(
        BrandPeriod(brand=brand, kind=PeriodKind.DAY, starts_on=day, spent_micros=daily * UNIT)
        for day in past
    )
    month = sum(daily * UNIT for day in past if day >= TODAY.replace(day=1))
    BrandPeriod.objects.update_or_create(
        brand=brand,
        kind=PeriodKind.MONTH,
        starts_on=TODAY.replace(day=1),
        defaults={"spent_micros": month, "budget_micros": brand.monthly_budget_micros},
    )


def steady(name: str, daily: int, *, monthly: int | None = 3100, **more: Any) -> Brand:
    """A brand with one campaign that spent so much each day, and until noon half of it."""
    budget = None if monthly is None else Decimal(monthly)
    brand = BrandFactory.create(name=name, daily_budget=None, monthly_budget=budget, **more)
    campaign = CampaignFactory.create(brand=brand, name=f"{name} one")
    spent_each_day(brand, daily)
    BudgetService.record_spend(campaign, Decimal(daily) / 2)
    return brand


def row_of(user: User, brand: Brand) -> BrandRow:
    return next(row for row in load_overview(user, NOON) if row.pk == brand.pk)


def test_a_brand_is_shown_with_its_day_month_pace_and_projection(ada: User) -> None:
    """At noon of the 10th of 31 days, 9.5 of them are gone: 950 of 3,100. To come are 21.5 more at 100."""
    row = row_of(ada, steady("Even", 100))
    assert (row.day.spent, row.month.spent) == (50 * UNIT, 950 * UNIT)
    assert row.pace is not None
    assert (row.pace.expected_micros, row.pace.direction) == (950 * UNIT, Direction.ON_PACE)
    assert row.projection is not None
    assert row.projection.micros == 3100 * UNIT
    assert row.attention.level == Level.ON_COURSE
    assert row.last_days == (*[100 * UNIT] * 13, 50 * UNIT)
    assert (row.running, row.paused, row.off) == (1, 0, 0)


def test_brands_that_need_somebody_come_first(ada: User) -> None:
    calm, fast = steady("A calm one", 100), steady("A fast one", 125)
    watched = steady("To watch", 108)
    stopped = steady("Stopped", 100)
    stopped.daily_budget = Decimal(40)
    stopped.save()
    rows = load_overview(ada, NOON)
    assert [row.pk for row in rows] == [stopped.pk, fast.pk, watched.pk, calm.pk]
    assert [row.attention.level for row in rows] == [Level.ACT, Level.ACT, Level.WATCH, Level.ON_COURSE]
    assert rows[0].attention.causes == (Cause.DAY_LIMIT,)
    assert (rows[0].day_stopped.campaigns, rows[0].day_stopped.since) == (1, NOON)


def test_a_budget_that_stops_nothing_needs_nobody(ada: User) -> None:
    brand = steady("Reached", 100)
    CampaignService.switch_off(Campaign.objects.get(brand=brand))
    brand.daily_budget = Decimal(10)
    brand.save()
    row = row_of(ada, brand)
    assert row.day.is_reached
    assert row.day_stopped.campaigns == 0
    assert Cause.DAY_LIMIT not in row.attention.causes


def test_behind_a_monthly_limit_nothing_more_is_projected(ada: User) -> None:
    brand = steady("Spent", 100, monthly=925)
    row = row_of(ada, brand)
    assert row.projection is not None
    assert row.projection.micros == 950 * UNIT
    assert row.attention.causes[0] == Cause.MONTH_LIMIT
    assert row.is_over_budget


def test_a_brand_that_is_switched_off_has_neither_pace_nor_projection(ada: User) -> None:
    brand = steady("Off", 300)
    brand.is_active = False
    brand.save()
    row = row_of(ada, brand)
    assert (row.pace, row.projection, row.attention.level) == (None, None, Level.ON_COURSE)


def test_windows_and_flights_say_what_is_still_to_come(ada: User) -> None:
    """From 09:00 to 17:00, three of eight hours are gone at noon; the flight ends on the 20th."""
    brand = BrandFactory.create(name="Office", daily_budget=None, monthly_budget=Decimal(3100))
    campaign = CampaignFactory.create(brand=brand, end_date=date(2026, 3, 20))
    DaypartingScheduleFactory.create(campaign=campaign, start_time=time(9), end_time=time(17))
    spent_each_day(brand, 80)
    projection = row_of(ada, brand).projection
    assert projection is not None
    assert projection.micros == (9 * 80 + 50 + 10 * 80) * UNIT


def test_windows_of_another_zone_are_told_by_the_brands_clock(ada: User) -> None:
    """09:00 to 17:00 in Tokyo is 00:00 to 08:00 in UTC: over at noon."""
    brand = BrandFactory.create(name="Far", daily_budget=None, monthly_budget=Decimal(3100))
    campaign = CampaignFactory.create(brand=brand, end_date=TODAY)
    DaypartingScheduleFactory.create(campaign=campaign, timezone="Asia/Tokyo")
    spent_each_day(brand, 80)
    projection = row_of(ada, brand).projection
    assert projection is not None
    assert projection.micros == 9 * 80 * UNIT


def test_campaigns_that_are_off_or_archived_open_nothing(ada: User) -> None:
    brand = steady("Half", 100)
    CampaignService.switch_off(Campaign.objects.get(brand=brand))
    CampaignService.archive(CampaignFactory.create(brand=brand))
    projection = row_of(ada, brand).projection
    assert projection is not None
    assert projection.micros == 950 * UNIT


def silent(brand: Brand, at: datetime, **more: Any) -> None:
    """The last record of a brand that usually spends 100 a day."""
    campaign = CampaignFactory.create(brand=brand)
    spent_each_day(brand, 100)
    with freeze_time(at):
        BudgetService.record_spend(campaign, Decimal(1), source="google_ads", **more)


def test_a_brand_of_which_nothing_was_recorded_for_hours_is_silent(ada: User) -> None:
    brand = BrandFactory.create(daily_budget=None, monthly_budget=None)
    silent(brand, NOON - timedelta(hours=5))
    silence = row_of(ada, brand).silence
    assert silence is not None
    assert (silence.since, silence.source) == (NOON - timedelta(hours=5), "google_ads")
    assert row_of(ada, brand).attention.causes == (Cause.SILENT,)


def test_a_brand_with_a_recent_record_is_not_silent_however_little_it_spends(ada: User) -> None:
    brand = BrandFactory.create(daily_budget=None, monthly_budget=None)
    silent(brand, NOON - timedelta(hours=3))
    assert row_of(ada, brand).silence is None


def test_a_brand_of_which_no_campaign_runs_is_not_silent(ada: User) -> None:
    brand = BrandFactory.create(daily_budget=None, monthly_budget=None)
    silent(brand, NOON - timedelta(hours=5))
    CampaignService.switch_off(Campaign.objects.get(brand=brand))
    assert row_of(ada, brand).silence is None


def test_spend_on_a_campaign_that_is_off_is_told(ada: User) -> None:
    brand = steady("Leaking", 100)
    off = CampaignFactory.create(brand=brand, name="Winter")
    CampaignService.switch_off(off)
    with freeze_time(NOON + timedelta(minutes=1)):
        BudgetService.record_spend(off, Decimal("7.50"))
    row = row_of(ada, brand)
    assert row.while_off == SpendWhileOff(7_500_000, 1, off.pk, "Winter")
    assert row.attention.causes == (Cause.SPEND_WHILE_OFF,)


def test_spend_on_a_campaign_that_a_limit_paused_is_no_leak(ada: User) -> None:
    brand = steady("Late", 100)
    paused = CampaignFactory.create(brand=brand, daily_budget=Decimal(1))
    BudgetService.record_spend(paused, Decimal(1))
    with freeze_time(NOON + timedelta(minutes=1)):
        BudgetService.record_spend(paused, Decimal("0.50"))
    assert SpendLog.objects.filter(while_off=True).count() == 1
    assert row_of(ada, brand).while_off is None


def test_totals_are_told_for_each_currency_and_never_across(ada: User) -> None:
    steady("One", 100)
    steady("Two", 200)
    steady("Free", 300, monthly=None)
    steady("Euro", 10, currency="EUR")
    dollars, euros = total_by_currency(load_overview(ada, NOON))
    assert (dollars.currency, dollars.brands, dollars.month, dollars.month_budget) == (
        "USD", 3, (950 + 1900) * UNIT, 6200 * UNIT,
    )  # fmt: skip
    assert (dollars.unlimited, dollars.unlimited_month) == (["Free"], 2850 * UNIT)
    assert dollars.today == 300 * UNIT
    assert (euros.currency, euros.brands, euros.month) == ("EUR", 1, 95 * UNIT)
    ledger = sum(SpendLog.objects.values_list("amount_micros", flat=True))
    assert dollars.today + euros.today == ledger


def test_filters_take_the_brands_they_name(ada: User) -> None:
    ahead, behind, off = steady("Ahead", 108), steady("Behind", 92), steady("Off", 100, is_active=False)
    mine = steady("Mine", 100)
    mine.assigned_to.add(ada)
    over = steady("Over", 100, monthly=925)
    taken = {
        kind: {row.pk for row in load_overview(ada, NOON) if kind.takes(row)}
        for kind in (Filter.MINE, Filter.OVER, Filter.AHEAD, Filter.BEHIND, Filter.PAUSED, Filter.OFF)
    }
    assert taken == {
        Filter.MINE: {mine.pk},
        Filter.OVER: {over.pk},
        Filter.AHEAD: {ahead.pk, over.pk},
        Filter.BEHIND: {behind.pk},
        Filter.PAUSED: {over.pk},
        Filter.OFF: {off.pk},
    }


def test_a_person_sees_only_the_brands_assigned_to_them(ada: User) -> None:
    nina = take_role(User.objects.create_user("nina"), VIEWER)
    hers, hidden = steady("Hers", 100), steady("Hidden", 100)
    hers.assigned_to.add(nina)
    for brand in (hers, hidden):
        brand.monthly_budget = Decimal(4000)
        brand.save()
    archived = steady("Archived", 100)
    archived.assigned_to.add(nina)
    Brand.objects.filter(pk=archived.pk).update(archived_at=NOON)
    assert [row.pk for row in load_overview(nina, NOON)] == [hers.pk]
    assert {news.brand_id for news in load_latest(nina)} <= {hers.pk, archived.pk}
    assert hidden.pk in {news.brand_id for news in load_latest(ada)}
    assert load_overview(User.objects.create_user("nobody"), NOON) == []


def test_the_number_of_queries_does_not_depend_on_the_number_of_brands(ada: User) -> None:
    def of_brands(number: int, offset: int) -> int:
        for index in range(offset, number):
            brand = steady(f"Brand {index}", 100, monthly=925 if index % 3 else 3100)
            campaign = CampaignFactory.create(brand=brand, end_date=date(2026, 3, 20))
            DaypartingScheduleFactory.create(campaign=campaign)
            Brand.objects.filter(pk=brand.pk).update(daily_budget_micros=10 * UNIT)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            total_by_currency(load_overview(ada, NOON))
            load_latest(ada)
        return len(queries)

    assert of_brands(3, 0) == of_brands(60, 3) <= 20


def test_latest_tells_campaigns_that_changed_together_and_budgets_in_one_line_each(ada: User) -> None:
    brand = steady("News", 100)
    CampaignFactory.create_batch(2, brand=brand)
    with freeze_time(NOON + timedelta(minutes=5)), acting_as(ada):
        brand.daily_budget = Decimal(40)
        brand.save()
    status, budget = load_latest(ada)
    assert isinstance(status, StatusNews)
    assert (status.campaigns, status.status, status.by) == (3, "PAUSED", "ada")
    assert isinstance(budget, BudgetNews)
    assert (budget.budget, budget.before, budget.after, budget.by) == ("daily", None, 40 * UNIT, "ada")


def test_windows_that_open_and_close_are_no_news(ada: User) -> None:
    campaign = CampaignFactory.create()
    DaypartingScheduleFactory.create(campaign=campaign)
    enforcement.tick(NOON + timedelta(hours=6))
    enforcement.tick(NOON + timedelta(days=1))
    assert campaign.status_changes.count() == 2
    assert load_latest(ada) == []


def test_the_version_changes_with_whatever_the_overview_shows(ada: User) -> None:
    brand = steady("Seen", 100)
    campaign = Campaign.objects.get(brand=brand)
    versions = [page_version(ada, NOON)]
    assert page_version(ada, NOON + timedelta(seconds=59)) == versions[0]

    def then(act: Any) -> None:
        act()
        versions.append(page_version(ada, NOON))

    then(lambda: BudgetService.record_spend(campaign, Decimal(1)))
    then(lambda: BudgetService.record_spend(campaign, Decimal(-1), kind=Kind.REFUND))
    then(lambda: BudgetService.reset_budgets(brands=[brand], daily=True))
    then(lambda: CampaignService.switch_off(campaign))
    then(lambda: Brand.objects.filter(pk=brand.pk).update(name="Renamed"))
    then(lambda: Campaign.objects.filter(pk=campaign.pk).update(name="Other"))
    then(lambda: DaypartingScheduleFactory.create(campaign=campaign))
    then(lambda: BrandFactory.create())
    versions.append(page_version(ada, NOON + timedelta(minutes=1)))
    versions.append(page_version(User.objects.create_user("nina"), NOON))
    assert len(set(versions)) == len(versions)

"""What four earlier systems got wrong, each shown by running it then, each refused or right here.

Races (read, add, save) are in test_concurrency, the type checker's settings in budget_system/tests.
"""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from django.core.management import call_command
from freezegun import freeze_time

from ads.beat import ENTRIES
from ads.errors import Protected
from ads.models import Brand, BrandPeriod, Campaign, SpendLog
from ads.rules.serving import Reason, Status
from ads.services import BudgetService, CampaignService, enforcement, periods
from ads.tests.factories import BrandFactory, CampaignFactory, DaypartingScheduleFactory, SpendFactory
from ads.tests.moments import NOON, brand_day, state
from budget_system.celery import app

pytestmark = pytest.mark.django_db

ACTIVE = (Status.ACTIVE, ())


def test_a_persons_pause_is_undone_by_no_reset_and_no_dayparting_tick(campaign: Campaign) -> None:
    with freeze_time(NOON):
        DaypartingScheduleFactory.create(campaign=campaign)
        CampaignService.switch_off(campaign, by="ann")
        call_command("reset_budgets")
    enforcement.tick(NOON + timedelta(hours=21))
    enforcement.sweep(NOON + timedelta(hours=21))
    assert state(campaign) == (Status.INACTIVE, (Reason.SWITCHED_OFF,))


def test_a_midnight_seen_65_minutes_late_still_begins_the_day(campaign: Campaign) -> None:
    with freeze_time(NOON):
        BudgetService.record_spend(campaign, 100)
    periods.rollover(datetime(2026, 3, 11, 1, 5, tzinfo=UTC))
    assert state(campaign) == ACTIVE
    assert brand_day(campaign.brand, date(2026, 3, 10)) == 100


def test_a_late_rollover_keeps_what_was_spent_since_midnight(campaign: Campaign) -> None:
    with freeze_time("2026-03-11 01:59"):
        BudgetService.record_spend(campaign, 40)
    for _ in range(2):
        periods.rollover(datetime(2026, 3, 11, 2, tzinfo=UTC))
    assert brand_day(campaign.brand, date(2026, 3, 11)) == 40


@freeze_time(NOON)
def test_a_raised_budget_does_not_stay_paused(campaign: Campaign) -> None:
    BudgetService.record_spend(campaign, 100)
    campaign.brand.daily_budget = Decimal(200)
    campaign.brand.save()
    assert state(campaign) == ACTIVE


@freeze_time(NOON)
def test_a_spend_row_saved_again_neither_doubles_totals_nor_revives_a_campaign(campaign: Campaign) -> None:
    log = SpendFactory.create(campaign=campaign, amount=Decimal(100))
    with pytest.raises(Exception, match="never changed"):
        log.save()
    assert brand_day(campaign.brand, NOON.date()) == 100
    assert state(campaign) == (Status.PAUSED, (Reason.BRAND_DAILY,))


def test_the_time_zone_is_read_new_york_9_to_17_is_shut_at_5_there() -> None:
    with freeze_time("2026-03-10 09:00"):  # 05:00 in New York
        campaign = CampaignFactory.create(brand__timezone="America/New_York")
        DaypartingScheduleFactory.create(campaign=campaign)
    assert state(campaign) == (Status.PAUSED, (Reason.OUTSIDE_DAYPARTING,))


def test_a_monday_only_schedule_is_shut_on_tuesday_and_a_dayparting_pause_ends(campaign: Campaign) -> None:
    with freeze_time(NOON):  # a Tuesday
        DaypartingScheduleFactory.create(campaign=campaign, day_of_week=0)
    assert state(campaign) == (Status.PAUSED, (Reason.OUTSIDE_DAYPARTING,))
    enforcement.tick(datetime(2026, 3, 16, 9, tzinfo=UTC))
    assert state(campaign) == ACTIVE


@freeze_time(NOON)
def test_two_campaigns_do_not_spend_180_of_a_brands_100(brand: Brand) -> None:
    one, two = CampaignFactory.create_batch(2, brand=brand)
    BudgetService.record_spend(one, 90)
    BudgetService.record_spend(two, 10)
    assert state(one) == state(two) == (Status.PAUSED, (Reason.BRAND_DAILY,))


@freeze_time(NOON)
def test_ten_times_a_tenth_reaches_a_budget_of_1_and_two_times_0_004_is_0_008() -> None:
    campaign = CampaignFactory.create(brand__daily_budget=Decimal(1))
    for _ in range(10):
        assert state(campaign) == ACTIVE
        BudgetService.record_spend(campaign, Decimal("0.1"))
    assert state(campaign) == (Status.PAUSED, (Reason.BRAND_DAILY,))
    small = CampaignFactory.create()
    for _ in range(2):
        BudgetService.record_spend(small, "0.004")
    assert brand_day(small.brand, NOON.date()) == Decimal("0.008")


@freeze_time(NOON)
def test_nothing_is_clamped_and_late_spend_on_a_paused_campaign_is_kept(campaign: Campaign) -> None:
    BudgetService.record_spend(campaign, 150, external_id="late")
    BudgetService.record_spend(campaign, 150, external_id="late")
    log = BudgetService.record_spend(campaign, 25)
    assert log.while_off
    assert BrandPeriod.objects.get(kind="DAY").spent == 175


@freeze_time(NOON)
def test_a_reset_revives_no_ended_campaign(campaign: Campaign) -> None:
    Campaign.objects.update(end_date=date(2026, 3, 9))
    BudgetService.reset_budgets(by="ann")
    assert state(campaign)[0] == Status.COMPLETED


def test_every_scheduled_task_name_is_registered() -> None:
    app.autodiscover_tasks(force=True)
    assert {entry.task for entry in ENTRIES} <= set(app.tasks)
    call_command("check", databases=["default"])


@freeze_time(NOON)
def test_deleting_a_brand_never_takes_the_ledger_with_it(campaign: Campaign) -> None:
    BudgetService.record_spend(campaign, 1)
    with pytest.raises(Protected):
        campaign.brand.delete()
    assert SpendLog.objects.count() == 1


def test_a_window_of_one_whole_day_is_open_at_its_last_second() -> None:
    with freeze_time("2026-03-10 23:59:59"):
        campaign = CampaignFactory.create(brand=BrandFactory.create())
        DaypartingScheduleFactory.create(campaign=campaign, start_time=time(0), end_time=time(0))
    assert state(campaign) == ACTIVE

"""A brand's page: the finding, its money by hour, day and month, its campaigns, and what was changed."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from freezegun import freeze_time

from ads.models import Brand, Campaign
from ads.rights import ACCOUNT_MANAGER
from ads.services import BudgetService, CampaignService, periods
from ads.services.ingest import ingest_events
from ads.services.records import SpendEvent
from ads.tests.dashboard.reading import data as chart
from ads.tests.dashboard.reading import plain as text
from ads.tests.factories import BrandFactory, CampaignFactory, DaypartingScheduleFactory
from ads.tests.moments import NOON
from ads.tests.people import take_role

pytestmark = pytest.mark.django_db

UNIT = 1_000_000


def url(brand: Brand) -> str:
    return f"/brands/{brand.pk}/"


def spend(campaign: Campaign, amount: str, at: datetime | None = None, **more: Any) -> None:
    BudgetService.record_spend(campaign, Decimal(amount), occurred_at=at, **more)


def at(hour: int, minute: int = 0, day: int = 10) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def test_the_finding_comes_first(ada: Client, brand: Brand, campaign: Campaign) -> None:
    assert "Acme On course No spend recorded yet. 1 of 1 campaign runs." in text(ada.get(url(brand)))
    spend(campaign, "92")
    assert "Acme Watch 92% of today’s budget is spent. 1 of 1 campaign runs." in text(ada.get(url(brand)))
    spend(campaign, "26")
    page = ada.get(url(brand))
    assert (
        "Acme Needs you Daily budget reached at 12:00. 1 campaign is paused; it does not run "
        "again before 24:00."
    ) in text(page)
    assert "<title>Acme: Daily budget reached at 12:00 · Budgets</title>" in page.content.decode()
    assert "Amounts in USD Times in UTC, now Tue 10 Mar, 12:00 Change time zone 1 campaign: 1 paused" in text(
        page
    )


def test_a_brand_that_is_off_or_archived_or_empty_says_so(ada: Client, brand: Brand) -> None:
    assert "Acme Nothing runs No campaigns yet." in text(ada.get(url(brand)))
    assert "Add a campaign" in text(ada.get(url(brand)))
    CampaignFactory.create(brand=brand)
    Brand.objects.filter(pk=brand.pk).update(is_active=False)
    told = text(ada.get(url(brand)))
    assert "Acme Off Switched off. None of its 1 campaign runs; what people asked of each is kept." in told
    assert "Brand off: switch on" in told
    BudgetService.archive_brand(brand)
    told = text(ada.get(url(brand)))
    assert "Acme Archived Archived on 10 Mar. No campaign of it runs; spend is still recorded." in told
    assert "Budgets of an archived brand are not changed." in told
    assert "Edit" not in told
    assert "switch on" not in told


def test_a_budget_of_nothing_says_so(ada: Client) -> None:
    brand = BrandFactory.create(daily_budget=Decimal(0))
    CampaignFactory.create(brand=brand)
    assert "Daily budget is 0: nothing may be spent. 0 of 1 campaign run." in text(ada.get(url(brand)))


def test_without_budgets_words_stand_where_bars_would(ada: Client) -> None:
    brand = BrandFactory.create(daily_budget=None, monthly_budget=None)
    spend(CampaignFactory.create(brand=brand), "12.345678")
    page = ada.get(url(brand))
    told = text(page)
    assert "$12.35 spent today, no limit set." in told
    assert "Daily No limit set Edit daily budget Monthly No limit set Edit monthly budget" in told
    assert "Per day to end on budget" not in told
    assert chart(page, "d-cum")["budget"] is None
    assert chart(page, "d-cum")["even"] == []


def test_spend_per_hour_is_by_the_brands_clock_and_what_has_only_a_date_is_apart(ada: Client) -> None:
    brand = BrandFactory.create(currency="EUR", timezone="Asia/Kolkata")  # half an hour off UTC's hours
    campaign = CampaignFactory.create(brand=brand)
    midnight = datetime(2026, 3, 9, 18, 30, tzinfo=UTC)
    spend(campaign, "1", midnight - timedelta(seconds=1))  # yesterday's
    spend(campaign, "2", midnight)
    spend(campaign, "3", midnight + timedelta(minutes=59, seconds=59))
    spend(campaign, "4", midnight + timedelta(hours=17))
    with freeze_time("2026-03-10 12:01"):
        BudgetService.record_spend(campaign, Decimal("0.5"), source="feed", external_id="x")
        page = ada.get(url(brand))
    drawn = chart(page, "d-hours")
    assert drawn["labels"][:2] == ["00:00", "01:00"]
    assert len(drawn["labels"]) == 24
    assert drawn["spend"][0] == 5 * UNIT
    assert drawn["spend"][17] == 4 * UNIT + UNIT // 2
    assert drawn["spend"][18:] == [None] * 6
    assert (drawn["cur"], drawn["digits"]) == ("€", 2)
    assert "Today 00:00 to 24:00, Asia/Kolkata €9.50 of €100.00" in text(page)
    assert "Last record 17:31 today, feed" in text(page)


def test_spend_with_a_date_only_is_told_apart(ada: Client, brand: Brand, campaign: Campaign) -> None:
    event = SpendEvent(
        campaign_id=campaign.pk, amount_micros=7 * UNIT, spent_on=date(2026, 3, 10), external_id="a"
    )
    assert [answer.result.value for answer in ingest_events([event], source="csv", now=NOON)] == ["accepted"]
    page = ada.get(url(brand))
    assert "With a date only $7.00" in text(page)
    assert "Spend that came with a date only is in no hour." in text(page)
    assert "d-hours" not in page.content.decode()


def test_an_hour_of_another_day_is_in_none_of_this_one(ada: Client, brand: Brand, campaign: Campaign) -> None:
    """A platform's day may not be the brand's."""
    events = [
        SpendEvent(
            campaign_id=campaign.pk,
            amount_micros=micros,
            spent_on=date(2026, 3, 10),
            occurred_at=moment,
            external_id=str(micros),
        )
        for micros, moment in ((UNIT, at(23, 59, day=9)), (2 * UNIT, at(0)), (4 * UNIT, at(0, day=11)))
    ]
    assert all(answer.log_id for answer in ingest_events(events, source="csv", now=NOON))
    page = ada.get(url(brand))
    assert (
        sum(filter(None, chart(page, "d-hours")["spend"])) == chart(page, "d-hours")["spend"][0] == 2 * UNIT
    )
    assert "$7.00 of $100.00" in text(page)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-10-26", 24)])
def test_days_on_which_clocks_change_have_their_own_number_of_hours(
    ada: Client, day: str, hours: int
) -> None:
    with freeze_time(f"{day} 21:00"):
        brand = BrandFactory.create(timezone="Europe/Paris")
        spend(CampaignFactory.create(brand=brand), "1")
        ada.force_login(User.objects.get())
        assert len(chart(ada.get(url(brand)), "d-hours")["labels"]) == hours


def test_each_day_stands_against_the_budget_that_was_in_force(ada: Client) -> None:
    with freeze_time("2026-03-07 08:00"):
        brand = BrandFactory.create(daily_budget=Decimal(50))
        campaign = CampaignFactory.create(brand=brand)
        periods.rollover(datetime(2026, 3, 7, 8, tzinfo=UTC))
        spend(campaign, "60")
    with freeze_time("2026-03-08 08:00"):
        periods.rollover(datetime(2026, 3, 8, 8, tzinfo=UTC))
        brand.refresh_from_db()
        brand.daily_budget = Decimal(40)
        brand.save()
        spend(campaign, "40")
    periods.rollover(NOON)
    spend(campaign, "10")
    page = ada.get(url(brand))
    drawn = chart(page, "d-days")
    assert drawn["budget"][5:10] == [None, 50 * UNIT, *[40 * UNIT] * 3]
    assert drawn["budget"][10:] == [40 * UNIT] * 21
    assert drawn["spend"][5:10] == [0, 60 * UNIT, 40 * UNIT, 0, 10 * UNIT]
    assert drawn["spend"][10:] == [None] * 21
    assert drawn["today"] == 9
    assert "Over budget on 1 of 4 days, by $10.00. Budget lowered from $50.00 to $40.00 on 8 Mar." in text(
        page
    )
    assert "Sat 7 Mar $60.00 $50.00 $10.00" in text(page)
    long = chart(ada.get(url(brand), {"days": "90"}), "d-days")
    assert (len(long["spend"]), long["today"]) == (90, 89)
    assert long["spend"][86] == 60 * UNIT


def test_the_month_adds_up_and_goes_on_as_it_went(ada: Client, brand: Brand, campaign: Campaign) -> None:
    for day in range(1, 10):
        spend(campaign, "50", at(12, day=day))
    spend(campaign, "25", at(6))
    page = ada.get(url(brand))
    drawn = chart(page, "d-cum")
    assert drawn["spent"][:10] == [*(50 * UNIT * day for day in range(1, 10)), 475 * UNIT]
    assert drawn["spent"][10:] == [None] * 21
    assert drawn["even"][0] == 2000 * UNIT // 31
    assert drawn["even"][-1] == 2000 * UNIT
    assert drawn["mid"][9] == 475 * UNIT
    assert drawn["mid"][8] is None
    # 475 so far, half a day of 50 left of today, and 21 days of 50.
    assert drawn["mid"][-1] == drawn["lo"][-1] == drawn["hi"][-1] == 1550 * UNIT
    told = text(page)
    assert "March day 10 of 31 $475.00 of $2,000.00 Left $1,525.00 Pace 22% behind" in told
    assert "Month end projected $1,550.00" in told
    assert "Per day, last 7 days $50.00" in told
    assert "Per day to end on budget $72.61 21 days after today" in told
    assert "Month end projected at $1,550.00, $450.00 under budget." in told


def test_it_says_when_the_month_would_reach_its_budget(ada: Client, campaign: Campaign) -> None:
    Brand.objects.update(monthly_budget_micros=600 * UNIT)
    for day in range(1, 10):
        spend(campaign, "50", at(12, day=day))
    told = text(ada.get(url(campaign.brand)))
    # 450 + 25 today, and from then on 50 a day: 475, 525, 575, 625.
    assert "over budget. Campaigns would pause on about 13 Mar." in told


def test_after_a_reset_of_the_month_the_projection_goes_on_from_what_is_spent(
    ada: Client, brand: Brand, campaign: Campaign
) -> None:
    for day in range(1, 10):
        spend(campaign, "50", at(12, day=day))
    BudgetService.reset_budgets(brands=[brand], monthly=True)
    page = ada.get(url(brand))
    drawn = chart(page, "d-cum")
    # 450 are spent and stand, half a day of 50 is left of today, and 21 days of 50.
    assert (drawn["spent"][9], drawn["mid"][9], drawn["mid"][-1]) == (450 * UNIT, 450 * UNIT, 1525 * UNIT)
    assert "$0.00 of $2,000.00 Left $2,000.00 Spent before the reset $450.00" in text(page)
    assert "$450.00 of it does not count since a reset." in text(page)


def test_what_a_reset_waived_stands_beside(ada: Client, brand: Brand, campaign: Campaign) -> None:
    spend(campaign, "30")
    BudgetService.reset_budgets(brands=[brand], daily=True)
    spend(campaign, "5")
    told = text(ada.get(url(brand)))
    assert "$5.00 of $100.00 Left $95.00 Spent before the reset $30.00" in told


def test_campaigns_tell_every_reason_and_what_comes_next(ada: Client) -> None:
    brand = BrandFactory.create(timezone="Europe/Paris")
    office = CampaignFactory.create(brand=brand, name="Office", platform="meta", daily_budget=Decimal(10))
    DaypartingScheduleFactory.create(campaign=office, start_time=time(9), end_time=time(17))
    later = CampaignFactory.create(brand=brand, name="Later", start_date=date(2026, 3, 20))
    CampaignFactory.create(brand=brand, name="Over", end_date=date(2026, 3, 9))
    off = CampaignFactory.create(brand=brand, name="Quiet")
    CampaignService.switch_off(off)
    spend(office, "4")
    told = text(ada.get(url(brand)))
    assert "Office meta Running $4.00 $10.00" in told
    assert "Stops at 17:00 today outside dayparting window" in told
    assert "Later Paused Flight not started" in told
    assert "Starts at 00:00, Fri 20 Mar" in told
    assert "Over Completed Flight ended" in told
    assert "None: the flight is over" in told
    assert "Quiet Off Switched off " in told
    assert "None: stays off until switched on" in told
    assert "All 4 Running 1 Paused 1 Off 1 Completed 1" in told
    assert "Times in Europe/Paris." in told
    spend(later, "96")
    told = text(ada.get(url(brand)))
    assert "Office meta Paused Brand daily budget reached" in told
    assert "Runs again at 09:00 tomorrow, Wed 11 Mar" in told
    assert "Flight not started; brand daily budget reached" in told


def test_a_change_that_is_due_is_told_as_such(ada: Client, brand: Brand) -> None:
    office = CampaignFactory.create(brand=brand, name="Office")
    DaypartingScheduleFactory.create(campaign=office, start_time=time(9), end_time=time(17))
    with freeze_time("2026-03-10 17:00:01"):
        assert "Running no limit $0.00 no limit" in text(ada.get(url(brand)))
        assert "Stops within a minute outside dayparting window" in text(ada.get(url(brand)))


def test_campaigns_are_filtered_by_status_and_come_in_portions(ada: Client, brand: Brand) -> None:
    for number in range(53):
        CampaignFactory.create(brand=brand, name=f"C{number:02}")
    CampaignFactory.create(brand=brand, name="Quiet", enabled=False)
    told = text(ada.get(url(brand))).split("Changes to settings")[0]
    assert "C49" in told
    assert "C50" not in told
    assert "Show 4 more" in told
    assert "C52" in text(ada.get(url(brand), {"show": "100"}))
    only_off = text(ada.get(url(brand), {"status": "off"})).split("Changes to settings")[0]
    assert "Quiet" in only_off
    assert "C01" not in only_off
    assert "No campaign of this kind." in text(ada.get(url(brand), {"status": "paused"}))
    assert "C01" in text(ada.get(url(brand), {"status": "nonsense", "show": "x"}))


def test_campaigns_of_others_and_archived_ones_are_not_listed(ada: Client, brand: Brand) -> None:
    CampaignService.archive(CampaignFactory.create(brand=brand, name="Gone"))
    CampaignFactory.create(name="Foreign")
    told = text(ada.get(url(brand)))
    assert "Gone" not in told.split("Changes to settings")[0]
    assert "Foreign" not in told


def test_the_newest_changes_are_told(ada: Client, brand: Brand, campaign: Campaign) -> None:
    brand.daily_budget = Decimal(90)
    brand.save()
    spend(campaign, "90")
    told = text(ada.get(url(brand)))
    assert "Budgets changed 12:00 by The system or a command" in told
    assert "12:00 today Daily budget from $100.00 to $90.00 The system or a command" in told
    assert "12:00 today Summer Sale paused: brand daily budget reached" in told


def test_who_may_only_look_is_offered_nothing_to_change(
    nina: Client, brand: Brand, campaign: Campaign
) -> None:
    told = text(nina.get(url(brand)))
    assert "You can see these budgets but not change them." in told
    for offer in ("Edit", "afresh …", "switch off", "Switch"):
        assert offer not in told
    take_role(User.objects.get(username="nina"), ACCOUNT_MANAGER)
    told = text(nina.get(url(brand)))
    for offer in ("Edit daily budget", "Start a budget afresh …", "Brand active: switch off", "Switch"):
        assert offer in told


def test_brands_of_others_are_not_there(nina: Client) -> None:
    other = BrandFactory.create(name="Zenith")
    for path in ("", "budgets/daily/", "switch/", "reset/"):
        assert nina.get(f"{url(other)}{path}").status_code == 404


def test_it_asks_as_often_for_one_campaign_as_for_many(ada: Client, brand: Brand, campaign: Campaign) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert ada.get(url(brand)).status_code == 200
        return len(asked)

    spend(campaign, "1")
    few = queries()
    for number in range(20):
        other = CampaignFactory.create(brand=brand, daily_budget=Decimal(10))
        DaypartingScheduleFactory.create(campaign=other)
        spend(other, "1", at(number % 12), source=f"source-{number % 3}")
        CampaignService.switch_off(other)
    assert queries() == few <= 32


def test_nothing_is_sent_again_while_nothing_has_changed(
    ada: Client, nina: Client, brand: Brand, campaign: Campaign
) -> None:
    live = f"{url(brand)}live/"
    tag = ada.get(live)["ETag"]
    again = ada.get(live, headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    for other in ({"days": "90"}, {"status": "paused"}, {"show": "100"}):
        assert ada.get(live, other, headers={"If-None-Match": tag}).status_code == 200
    assert nina.get(live, headers={"If-None-Match": tag}).status_code == 200
    spend(campaign, "118")
    changed = ada.get(live, headers={"If-None-Match": tag})
    assert (changed.status_code, changed["ETag"] != tag) == (200, True)
    assert "Daily budget reached at 12:00." in text(changed)
    assert "<html" not in changed.content.decode()

"""A campaign's page says first whether it runs, then why, with every number; and who may not see it, sees nothing."""

import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from freezegun import freeze_time

from ads.models import Brand, Campaign, DaypartingSchedule, StatusChange
from ads.services import BudgetService, CampaignService
from ads.services.enforcement import tick
from ads.tests.dashboard.reading import data, levels, text, told
from ads.tests.factories import BrandFactory, CampaignFactory, DaypartingScheduleFactory
from ads.tests.moments import NOON

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def url(campaign: Campaign, rest: str = "") -> str:
    return f"/campaigns/{campaign.pk}/{rest}"


def title(response: Any) -> str:
    return told(response, '<h2 id="h-why">', "</h2>")


def verdict(response: Any) -> str:
    return told(response, 'id="h-why">', "</div>")


def test_what_runs_says_since_when_and_until_when(nina: Client, campaign_with_dayparting: Campaign) -> None:
    page = nina.get(url(campaign_with_dayparting))
    assert title(page) == "Running since 12:00: nothing stands against it"
    assert "Runs until 17:00 today, then outside dayparting window." in verdict(page)


def test_what_does_not_run_says_why_and_when_it_runs_again(
    nina: Client, brand: Brand, campaign_with_dayparting: Campaign
) -> None:
    with freeze_time(NOON + HOUR):
        BudgetService.record_spend(campaign_with_dayparting, Decimal("118.40"))
    with freeze_time(NOON + 2 * HOUR):
        page = nina.get(url(campaign_with_dayparting))
    assert title(page) == "Not running since 13:00: brand daily budget reached"
    assert (
        "Runs again at 09:00 tomorrow, Wed 11 Mar: the brand’s daily budget starts afresh at 00:00 and the window "
        "opens at 09:00. Raise the brand’s budget to run again now."
    ) in verdict(page)
    assert levels(page) == [
        "Allows: Brand: Acme is active",
        "Allows: Switch: on",
        "No limit: Flight: no dates set",
        "Stands against: Brand daily budget: $118.40 of $100.00, reached at 13:00",
        "Allows: Brand monthly budget: $118.40 of $2,000.00, $1,881.60 left",
        "No limit: Campaign daily budget: no limit set, $118.40 spent",
        "No limit: Campaign monthly budget: no limit set, $118.40 spent",
        "No limit: Campaign total budget: no limit set, $118.40 spent",
        "Allows: Dayparting: open until 17:00 today",
    ]


def test_everything_that_stands_against_it_is_told_in_order(nina: Client, campaign: Campaign) -> None:
    campaign.daily_budget = Decimal(40)
    campaign.end_date = date(2026, 3, 9)
    campaign.save()
    BudgetService.record_spend(campaign, Decimal(100))
    CampaignService.switch_off(campaign, by="nina")
    page = nina.get(url(campaign))
    assert title(page) == (
        "Not running since 12:00: switched off by nina, flight ended on Mon 9 Mar 2026, brand daily budget reached "
        "and campaign daily budget reached"
    )
    assert "It does not start by itself. Switch it on to run it again." in verdict(page)


def test_what_never_ran_does_not_pretend_to_have_stopped(nina: Client, brand: Brand) -> None:
    campaign = CampaignFactory.create(brand=brand, start_date=date(2026, 3, 12), end_date=date(2026, 3, 20))
    page = nina.get(url(campaign))
    assert title(page) == "Has not run yet: flight starts on Thu 12 Mar 2026"
    assert "Starts at 00:00, Thu 12 Mar: the flight starts at 00:00." in verdict(page)
    assert "Flight: starts Thu 12 Mar 2026, ends Fri 20 Mar 2026" in levels(page)[2]


def test_an_archived_campaign_says_so_and_is_not_switched(mira: Client, campaign: Campaign) -> None:
    CampaignService.archive(campaign, by="nina")
    page = mira.get(url(campaign))
    assert title(page) == "Not running since 12:00: archived by nina"
    assert 'role="switch"' not in page.content.decode()


def test_without_spend_without_windows_and_without_changes_the_page_says_so(
    nina: Client, campaign: Campaign
) -> None:
    page = text(nina.get(url(campaign)))
    assert "No spend in March yet. It shows here as soon as it is recorded or imported." in page
    assert "No windows are set: it may run at any time." in page
    assert "No change of status yet." in page
    assert "<canvas" not in nina.get(url(campaign)).content.decode()


def test_times_are_told_where_the_brand_is(nina: Client, brand: Brand, campaign: Campaign) -> None:
    brand.timezone = "America/New_York"
    brand.save()
    with freeze_time(NOON + 48 * HOUR):
        page = nina.get(url(campaign))
    assert "Times in America/New_York, now Thu 12 Mar, 08:00" in text(page)


def test_the_chart_shows_each_day_against_the_budget_in_force(nina: Client, campaign: Campaign) -> None:
    campaign.daily_budget = Decimal(10)
    campaign.save()
    BudgetService.record_spend(campaign, Decimal("12.50"))
    with freeze_time(NOON + 24 * HOUR):
        campaign.daily_budget = Decimal(20)
        campaign.save()
    with freeze_time(NOON + 48 * HOUR):
        BudgetService.record_spend(campaign, Decimal("7.25"))
        campaign.daily_budget = Decimal(30)
        campaign.save()
        page = nina.get(url(campaign))
    chart = data(page, "d-camp")
    assert chart["labels"][:3] == ["10 Mar", "11 Mar", "12 Mar"]
    assert len(chart["labels"]) == 22
    assert chart["spend"][:4] == [12_500_000, 0, 7_250_000, None]
    assert chart["budget"][:4] == [10_000_000, 20_000_000, 30_000_000, None]
    assert (chart["today"], chart["cur"], chart["digits"]) == (2, "$", 2)
    assert "$19.75 on 2 days with spend; 1 day over the daily budget, most on 10 Mar: $2.50 over." in text(
        page
    )
    assert (
        "Thu 12 Mar 2026 $7 .25 $30 .00 – Wed 11 Mar 2026 $0 .00 $20 .00 – Tue 10 Mar 2026 $12 .50 $10 .00 $2 .50"
        in text(page)
    )


def test_ninety_days_reach_back_over_months(nina: Client, campaign: Campaign) -> None:
    BudgetService.record_spend(campaign, Decimal(5), occurred_at=datetime(2026, 1, 2, 12, tzinfo=UTC))
    chart = data(nina.get(url(campaign), {"range": "90"}), "d-camp")
    assert (chart["labels"][0], chart["labels"][-1], chart["spend"][0], chart["today"]) == (
        "2 Jan",
        "10 Mar",
        5_000_000,
        67,
    )


def test_the_days_ribbon_tells_what_was_and_what_is_to_come(
    nina: Client, campaign_with_dayparting: Campaign
) -> None:
    with freeze_time(NOON + HOUR):
        BudgetService.record_spend(campaign_with_dayparting, Decimal(100))
    with freeze_time(NOON + 2 * HOUR):
        page = nina.get(url(campaign_with_dayparting)).content.decode()
    assert (
        'aria-label="Today: from 12:00 running; from 13:00 brand daily budget reached; '
        "from 14:00 to come: brand daily budget reached; "
        'from 17:00 to come: brand daily budget reached and outside dayparting window"'
    ) in page
    assert '<rect class="r-run" x="50.00%" y="0" width="4.16%" height="14"/>' in page


def test_changes_are_told_with_reason_and_author(nina: Client, campaign: Campaign) -> None:
    CampaignService.switch_off(campaign, by="tom")
    with freeze_time(NOON + HOUR):
        CampaignService.switch_on(campaign, by="tom")
        BudgetService.record_spend(campaign, Decimal(100))
        page = text(nina.get(url(campaign)))
    assert (
        "Today, Tue 10 Mar 13:00:00 Running to paused. Brand daily budget reached: $100.00 of $100.00. "
        "System, as spend was recorded "
        "13:00:00 Off to running. Switched on. tom 12:00:00 Running to off. Switched off by a person. tom"
    ) in page


def test_older_changes_come_on_demand(nina: Client, campaign: Campaign) -> None:
    for number in range(7):
        with freeze_time(NOON + number * HOUR):
            CampaignService.switch_off(campaign)
            CampaignService.switch_on(campaign)
    page = nina.get(url(campaign)).content.decode()
    assert page.count("<li><time") == 10
    older = re.search(r'hx-get="([^"]+before=\d+)"', page)
    assert older is not None
    part = nina.get(older.group(1), headers={"HX-Request": "true"}).content.decode()
    assert (part.count("<li><time"), "<html" in part, "Older changes" in part) == (4, False, False)
    assert "Status changes of Summer Sale" in text(nina.get(older.group(1)))


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (
            {"day": "2026-03-10", "time": "14:05"},
            (
                "Paused at 14:05:00 on Tue 10 Mar 2026 (UTC). Since 13:00:00, Tue 10 Mar; brand daily budget reached. "
                "Next change: 15:00:00, Tue 10 Mar, off: switched off by a person and brand daily budget reached, "
                "by tom."
            ),
        ),
        (
            {"day": "2026-03-10", "time": "12:30"},
            (
                "Running at 12:30:00 on Tue 10 Mar 2026 (UTC). Nothing stood against it. "
                "Next change: 13:00:00, Tue 10 Mar, paused: brand daily budget reached."
            ),
        ),
        ({"day": "2026-03-12", "time": "12:00"}, "That moment is still to come."),
        ({"day": "2026-03-09", "time": "12:00"}, "Summer Sale was not there yet at that moment."),
        ({"day": "2026-03-10", "time": "25:99"}, "“25:99” is no time of day. Give one such as 14:05."),
        ({"day": "soon", "time": "12:00"}, "“soon” is no day. Give one such as 2026-03-11."),
    ],
)
def test_the_state_at_a_moment_is_answered(
    nina: Client, campaign: Campaign, asked: dict[str, str], answer: str
) -> None:
    with freeze_time(NOON + HOUR):
        BudgetService.record_spend(campaign, Decimal(100))
    with freeze_time(NOON + 3 * HOUR):
        CampaignService.switch_off(campaign, by="tom")
    with freeze_time(NOON + 24 * HOUR):
        part = nina.get(url(campaign, "moment/"), asked, headers={"HX-Request": "true"})
        whole = nina.get(url(campaign, "moment/"), asked)
    assert text(part).startswith(answer)
    assert answer in text(whole)


def test_the_state_at_a_moment_is_asked_by_the_brands_clock(nina: Client, brand: Brand) -> None:
    paris = BrandFactory.create(name="Paris", timezone="Europe/Paris")
    paris.assigned_to.set(brand.assigned_to.all())
    campaign = CampaignFactory.create(brand=paris)
    with freeze_time(NOON + 24 * 30 * HOUR):
        nina.force_login(brand.assigned_to.get())  # the first session is over by then
        page = nina.get(
            url(campaign, "moment/"), {"day": "2026-03-29", "time": "02:30"}, headers={"HX-Request": "true"}
        )
    assert text(page) == "2026-03-29 02:30 does not exist in Europe/Paris: clocks were put forward."


def test_what_is_asked_for_stands_in_the_form_and_yesterday_at_this_time_at_first(
    nina: Client, campaign: Campaign
) -> None:
    page = nina.get(url(campaign)).content.decode()
    assert 'name="day" type="date" value="2026-03-09"' in page
    assert 'name="time"' in page
    assert 'value="12:00"' in page


PATHS = ["", "moment/", "changes/", "settings/", "schedule/2/", "reset/"]


@pytest.mark.parametrize("path", PATHS)
def test_a_campaign_of_anothers_brand_is_not_there(mira: Client, path: str) -> None:
    hidden = CampaignFactory.create(brand__name="Zenith", name="Secret")
    response = mira.get(url(hidden, path))
    assert response.status_code == 404
    assert "Secret" not in response.content.decode()


@pytest.mark.parametrize("path", ["switch/", "settings/", "schedule/", "schedule/2/", "reset/"])
def test_nothing_of_anothers_brand_can_be_done(mira: Client, path: str) -> None:
    hidden = CampaignFactory.create(brand__name="Zenith")
    sent = {"to": "off", "save": "1", "seen": "0", "period": "both", "windows": "[]"}
    assert mira.post(url(hidden, path), sent).status_code == 404
    hidden.refresh_from_db()
    assert hidden.enabled


def test_who_may_only_look_is_told_so_and_offered_nothing(nina: Client, campaign: Campaign) -> None:
    page = nina.get(url(campaign))
    assert "You may look at this campaign, not change it." in text(page)
    assert 'aria-readonly="true"' in page.content.decode()
    for offered in (
        "Edit budgets and flight",
        "Start budgets afresh",
        'role="switch"',
        'id="wk-form"',
        "schedule/2/",
    ):
        assert offered not in page.content.decode()


@pytest.mark.parametrize("path", ["switch/", "settings/", "schedule/", "schedule/2/", "reset/"])
def test_who_may_only_look_is_refused_politely(nina: Client, campaign: Campaign, path: str) -> None:
    sent = {"to": "off", "save": "1", "seen": "0", "period": "both", "daily_budget": "1", "windows": "[]"}
    response = nina.post(url(campaign, path), sent)
    assert response.status_code == 403
    assert "You may not do this" in response.content.decode()
    campaign.refresh_from_db()
    assert (campaign.enabled, campaign.daily_budget, campaign.schedules.count()) == (True, None, 0)


def test_names_of_people_and_campaigns_are_never_markup(nina: Client, brand: Brand) -> None:
    campaign = CampaignFactory.create(brand=brand, name="</script><b>x</b>")
    DaypartingScheduleFactory.create(campaign=campaign)
    page = nina.get(url(campaign)).content.decode()
    assert "<b>x</b>" not in page
    assert " style=" not in page


def test_the_week_is_drawn_with_now_marked(nina: Client, brand: Brand, campaign: Campaign) -> None:
    DaypartingSchedule.objects.bulk_create(
        [
            DaypartingSchedule(campaign=campaign, day_of_week=1, start_time=time(9, 10), end_time=time(17)),
            DaypartingSchedule(campaign=campaign, day_of_week=4, start_time=time(18), end_time=time(2)),
        ]
    )
    page = nina.get(url(campaign)).content.decode()
    labels = re.findall(r'<td role="gridcell" tabindex="(-?\d)" class="[^"]*" aria-label="([^"]*)"', page)
    assert len(labels) == 336
    assert [label for tab, label in labels if tab == "0"] == ["Tuesday 12:00, open, now"]
    assert [label for _, label in labels if label.startswith("Tuesday 09:")] == [
        "Tuesday 09:00, partly open",
        "Tuesday 09:30, open",
    ]
    assert [label for _, label in labels if label.startswith("Saturday") and "open" in label] == [
        "Saturday 00:00, open",
        "Saturday 00:30, open",
        "Saturday 01:00, open",
        "Saturday 01:30, open",
    ]
    sums = re.findall(r'data-sum="(\d)">([^<]*)<', page)
    assert dict(sums) == {
        "0": "closed",
        "1": "09:10–17:00",
        "2": "closed",
        "3": "closed",
        "4": "18:00–02:00 Sat",
        "5": "closed",
        "6": "closed",
    }
    assert data(nina.get(url(campaign)), "wk-data") == {
        "saved": [
            {"day": 1, "start": "09:10:00", "end": "17:00:00"},
            {"day": 4, "start": "18:00:00", "end": "02:00:00"},
        ],
        "mine": None,
    }


def test_the_page_asks_as_often_with_much_history_as_with_none(ada: Client, campaign: Campaign) -> None:
    ada.get(url(campaign))
    with CaptureQueriesContext(connection) as few:
        ada.get(url(campaign))
    for day in range(12):
        with freeze_time(NOON + day * 24 * HOUR):
            BudgetService.record_spend(campaign, Decimal(100))
            DaypartingScheduleFactory.create(campaign=campaign, day_of_week=day % 7, start_time=time(day))
            CampaignService.switch_off(campaign, by="tom")
            CampaignService.switch_on(campaign, by="tom")
            tick(timezone.now())
    assert StatusChange.objects.filter(campaign=campaign).count() > 20
    with freeze_time(NOON + 12 * 24 * HOUR), CaptureQueriesContext(connection) as many:
        ada.get(url(campaign))
    assert len(many) == len(few)
    assert len(few) <= 25


def test_nothing_is_sent_again_while_nothing_has_changed(
    nina: Client, mira: Client, campaign: Campaign
) -> None:
    live = url(campaign, "live/")
    tag = nina.get(live)["ETag"]
    again = nina.get(live, headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert nina.get(live, {"range": "90"}, headers={"If-None-Match": tag}).status_code == 200
    assert mira.get(live, headers={"If-None-Match": tag}).status_code == 200
    BudgetService.record_spend(campaign, Decimal(118))
    changed = nina.get(live, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert title(changed) == "Not running since 12:00: brand daily budget reached"
    assert "<html" not in changed.content.decode()
    assert 'class="wk"' not in changed.content.decode()


def test_a_past_moment_is_told_as_seen_from_now(nina: Client, campaign: Campaign) -> None:
    with freeze_time(NOON + HOUR):
        BudgetService.record_spend(campaign, Decimal(100))
    asked = {"day": "2026-03-10", "time": "23:00"}
    with freeze_time(NOON + 13 * HOUR):
        soon = text(nina.get(url(campaign, "moment/"), asked, headers={"HX-Request": "true"}))
    assert "Since 13:00:00, Tue 10 Mar; brand daily budget reached." in soon
    assert "reached at 13:00 yesterday" in soon
    with freeze_time(NOON + 12 * HOUR):
        tick(timezone.now())
    with freeze_time(NOON + 14 * HOUR):
        next_day = text(nina.get(url(campaign, "moment/"), asked, headers={"HX-Request": "true"}))
    assert "Next change: 00:00:00 today, running" in next_day
    with freeze_time(NOON + 48 * HOUR):
        later = text(nina.get(url(campaign, "moment/"), asked, headers={"HX-Request": "true"}))
    assert "Next change: 00:00:00, Wed 11 Mar, running" in later
    assert "reached at 13:00, Tue 10 Mar" in later
    assert "tomorrow" not in soon + next_day + later


def test_a_switch_that_is_off_says_so_and_by_whom(nina: Client, campaign: Campaign) -> None:
    CampaignService.switch_off(campaign, by="tom")
    assert "Stands against: Switch: off since 12:00 by tom" in levels(nina.get(url(campaign)))

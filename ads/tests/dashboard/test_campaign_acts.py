"""What people do on a campaign's page: told before, done at once and as a whole, never over another's change."""

import json
import re
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from freezegun import freeze_time

from ads.models import Brand, Campaign, DaypartingSchedule
from ads.rights import VIEWER, Right
from ads.rules.serving import Reason, Status
from ads.services import BudgetService, CampaignService
from ads.tests.dashboard.reading import data, text
from ads.tests.factories import CampaignFactory, DaypartingScheduleFactory
from ads.tests.moments import NOON, changes, state
from ads.tests.people import take_role

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
HTMX = {"HX-Request": "true"}


def url(campaign: Campaign, rest: str = "") -> str:
    return f"/campaigns/{campaign.pk}/{rest}"


def seen(page: Any) -> str:
    """The number of the last change that the form's reader has seen."""
    found = re.search(r'name="seen" value="(\d+)"', page.content.decode())
    assert found is not None
    return found.group(1)


def week(*windows: tuple[int, str, str]) -> str:
    return json.dumps([{"day": day, "start": start, "end": end} for day, start, end in windows])


def stored(campaign: Campaign) -> list[str]:
    return [str(row) for row in campaign.schedules.all()]


EVERY_DAY = [(day, "09:00", "17:00") for day in range(7)]


# Switching


def test_a_switch_off_stops_it_at_once_and_survives_a_reset(mira: Client, campaign: Campaign) -> None:
    response = mira.post(url(campaign, "switch/"), {"to": "off"}, follow=True)
    assert "Switched off. It is off until somebody switches it on." in text(response)
    BudgetService.reset_budgets(daily=True, monthly=True)
    assert state(campaign) == (Status.INACTIVE, (Reason.SWITCHED_OFF,))
    assert changes(campaign) == ["ACTIVE>INACTIVE SWITCHED_OFF SETTINGS"]
    assert campaign.history.latest().history_user.username == "mira"


def test_switching_on_is_told_before_and_does_not_lift_a_limit(mira: Client, campaign: Campaign) -> None:
    BudgetService.record_spend(campaign, Decimal(100))
    CampaignService.switch_off(campaign)
    assert "If you switch it on, it does not run yet: brand daily budget reached." in text(
        mira.get(url(campaign))
    )
    response = mira.post(url(campaign, "switch/"), {"to": "on"}, follow=True)
    assert "Switched on. It is paused: brand daily budget reached." in text(response)
    assert state(campaign) == (Status.PAUSED, (Reason.BRAND_DAILY,))


def test_a_switch_tells_what_would_follow_not_what_is(mira: Client, campaign: Campaign) -> None:
    assert "If you switch it off, it stops at once." in text(mira.get(url(campaign)))
    CampaignService.switch_off(campaign)
    assert "If you switch it on, it runs at once." in text(mira.get(url(campaign)))
    CampaignService.switch_on(campaign)
    BudgetService.record_spend(campaign, Decimal(100))
    page = text(mira.get(url(campaign)))
    assert "If you switch it off, it stays off until somebody switches it on." in page
    assert "it stays off:" not in page


# Budgets and flight


def test_what_follows_is_told_before_saving_and_named_on_the_button(mira: Client, campaign: Campaign) -> None:
    BudgetService.record_spend(campaign, Decimal(60))
    form = mira.get(url(campaign, "settings/"))
    sent = {"seen": seen(form), "daily_budget": "50", "monthly_budget": "", "total_budget": ""}
    told = mira.post(url(campaign, "settings/"), sent, headers=HTMX)
    assert text(told) == (
        "It pauses at once: campaign daily budget reached. Runs again at 00:00 tomorrow, Wed 11 Mar: the daily "
        "budget starts afresh at 00:00. Daily budget: $50.00. Save and pause Cancel"
    )
    campaign.refresh_from_db()
    assert (campaign.daily_budget, campaign.status) == (None, Status.ACTIVE)

    saved = mira.post(url(campaign, "settings/"), {**sent, "save": "1"}, follow=True)
    assert "Saved. It is paused: campaign daily budget reached." in text(saved)
    campaign.refresh_from_db()
    assert (campaign.daily_budget, campaign.status) == (Decimal(50), Status.PAUSED)
    assert campaign.history.latest().history_user.username == "mira"


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        (
            {"daily_budget": "61"},
            (
                "It runs at once. It runs until a budget is reached or somebody stops it. Daily budget: $61.00. "
                "Save and run"
            ),
        ),
        (
            {"daily_budget": "40"},
            (
                "Still paused: campaign daily budget reached. Runs again at 00:00 tomorrow, Wed 11 Mar: the daily "
                "budget starts afresh at 00:00. That is as before. Daily budget: $40.00. Save"
            ),
        ),
        ({"daily_budget": "", "end_date": "2026-03-09"}, "Completed from then on: flight ended."),
        (
            {"daily_budget": "50", "start_date": "2026-03-12"},
            "Still paused: flight not started and campaign daily budget reached.",
        ),
        ({"daily_budget": "1,300"}, "Daily budget: $1,300.00."),
        ({"daily_budget": "150"}, "The brand’s daily budget of $100.00 is the limit all the same."),
        ({"daily_budget": "0"}, "It does not start by itself. Raise its daily budget to run it again."),
    ],
)
def test_each_consequence_is_told(
    mira: Client, campaign: Campaign, sent: dict[str, str], sentence: str
) -> None:
    campaign.daily_budget = Decimal(50)
    campaign.save()
    BudgetService.record_spend(campaign, Decimal(60))
    number = seen(mira.get(url(campaign, "settings/")))
    assert sentence in text(mira.post(url(campaign, "settings/"), {"seen": number, **sent}, headers=HTMX))


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        ({"daily_budget": "-1"}, "Daily budget: -1 is negative; give 0 or more."),
        ({"daily_budget": "1.2345678"}, "Daily budget: '1.2345678' has more than 6 decimals"),
        ({"total_budget": "NaN"}, "Total budget: 'NaN' is not an amount"),
        ({"start_date": "soon"}, "First day: Enter a valid date."),
        (
            {"start_date": "2026-03-10", "end_date": "2026-03-09"},
            "Last day: The flight would end before it starts on 2026-03-10.",
        ),
    ],
)
def test_what_cannot_be_is_told_with_its_field_and_nothing_is_saved(
    mira: Client, campaign: Campaign, sent: dict[str, str], error: str
) -> None:
    number = seen(mira.get(url(campaign, "settings/")))
    response = mira.post(url(campaign, "settings/"), {"seen": number, "save": "1", **sent})
    assert (response.status_code, error in text(response)) == (422, True)
    assert 'name="save"' not in response.content.decode().partition('id="then"')[2].partition("</form>")[0]
    campaign.refresh_from_db()
    assert (campaign.daily_budget, campaign.total_budget, campaign.start_date) == (None, None, None)


def test_without_scripts_the_page_itself_tells_what_follows(mira: Client, campaign: Campaign) -> None:
    number = seen(mira.get(url(campaign, "settings/")))
    page = mira.post(url(campaign, "settings/"), {"seen": number, "daily_budget": "0"})
    assert page.status_code == 200
    assert "It pauses at once: campaign daily budget reached." in text(page)
    assert '<button class="btn btn-1" type="submit" name="save" value="1">Save and pause</button>' in (
        page.content.decode()
    )


def test_a_change_of_another_person_is_not_overwritten(mira: Client, campaign: Campaign) -> None:
    number = seen(mira.get(url(campaign, "settings/")))
    campaign.daily_budget = Decimal(70)
    campaign.save()
    sent = {"seen": number, "daily_budget": "20", "save": "1"}
    response = mira.post(url(campaign, "settings/"), sent)
    assert response.status_code == 422
    assert "The settings were changed meanwhile" in text(response)
    campaign.refresh_from_db()
    assert campaign.daily_budget == Decimal(70)


def test_a_flight_is_changed_with_the_budgets(mira: Client, campaign: Campaign) -> None:
    number = seen(mira.get(url(campaign, "settings/")))
    sent = {
        "seen": number,
        "save": "1",
        "daily_budget": "12.34",
        "start_date": "2026-03-12",
        "end_date": "2026-04-01",
    }
    mira.post(url(campaign, "settings/"), sent)
    campaign.refresh_from_db()
    assert (campaign.daily_budget, campaign.start_date, campaign.end_date) == (
        Decimal("12.34"),
        date(2026, 3, 12),
        date(2026, 4, 1),
    )
    assert state(campaign) == (Status.PAUSED, (Reason.FLIGHT_NOT_STARTED,))


def test_who_may_change_schedules_and_not_budgets_changes_the_flight_alone(
    mira: Client, campaign: Campaign
) -> None:
    mira_herself = take_role(User.objects.get(username="mira"), VIEWER)
    mira_herself.user_permissions.set(Permission.objects.filter(codename=Right.EDIT_SCHEDULES))
    page = mira.get(url(campaign, "settings/"))
    assert "Daily budget</label>" not in page.content.decode()
    assert "First day</label>" in page.content.decode()
    sent = {"seen": seen(page), "daily_budget": "1", "start_date": "2026-03-01", "save": "1"}
    mira.post(url(campaign, "settings/"), sent)
    campaign.refresh_from_db()
    assert (campaign.daily_budget, campaign.start_date) == (None, date(2026, 3, 1))
    assert mira.post(url(campaign, "switch/"), {"to": "off"}).status_code == 403


# The week


def test_painted_windows_are_tried_before_they_are_saved(mira: Client, campaign: Campaign) -> None:
    sent = {"seen": "0", "windows": week((1, "13:00", "17:00"))}
    told = mira.post(url(campaign, "schedule/"), sent, headers=HTMX)
    assert text(told) == (
        "Not saved. After saving: it pauses at once: outside dayparting window. Runs again at 13:00 today: the window "
        "opens at 13:00. Save and pause"
    )
    assert (stored(campaign), changes(campaign)) == ([], [])


def test_a_saved_week_decides_in_the_same_transaction(mira: Client, campaign: Campaign) -> None:
    sent = {"seen": "0", "windows": week((1, "13:00", "17:00")), "save": "1"}
    response = mira.post(url(campaign, "schedule/"), sent, follow=True)
    assert "Schedule saved. It is paused: outside dayparting window." in text(response)
    assert stored(campaign) == ["Tuesday 13:00-17:00"]
    assert changes(campaign) == ["ACTIVE>PAUSED OUTSIDE_DAYPARTING SETTINGS"]
    assert {row.history_user.username for row in DaypartingSchedule.history.all()} == {"mira"}


def test_a_week_that_leaves_it_running_is_no_change_of_status(mira: Client, campaign: Campaign) -> None:
    DaypartingScheduleFactory.create(campaign=campaign)  # 09:00 to 17:00 every day
    number = seen(mira.get(url(campaign)))
    windows = [window for window in EVERY_DAY if window[0] != 6]
    mira.post(url(campaign, "schedule/"), {"seen": number, "windows": week(*windows), "save": "1"})
    assert [str(row) for row in campaign.schedules.all()] == [
        f"{day} 09:00-17:00" for day in ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
    ]
    assert changes(campaign) == []


def test_what_is_the_same_every_day_and_over_midnight_is_kept_in_the_fewest_windows(
    mira: Client, campaign: Campaign
) -> None:
    windows = week(*EVERY_DAY, (4, "18:00", "00:00"), (5, "00:00", "02:00"))
    mira.post(url(campaign, "schedule/"), {"seen": "0", "windows": windows, "save": "1"})
    assert stored(campaign) == ["every day 09:00-17:00", "Friday 18:00-02:00"]


def test_windows_that_stay_are_the_same_rows(mira: Client, campaign: Campaign) -> None:
    kept = DaypartingScheduleFactory.create(campaign=campaign, day_of_week=0)
    DaypartingScheduleFactory.create(campaign=campaign, day_of_week=1)
    number = seen(mira.get(url(campaign)))
    windows = week((0, "09:00", "17:00"), (2, "09:00", "17:00"))
    mira.post(url(campaign, "schedule/"), {"seen": number, "windows": windows, "save": "1"})
    assert stored(campaign) == ["Monday 09:00-17:00", "Wednesday 09:00-17:00"]
    assert campaign.schedules.get(day_of_week=0).pk == kept.pk


def test_a_week_keeps_the_zone_of_its_windows(mira: Client, campaign: Campaign) -> None:
    DaypartingScheduleFactory.create(campaign=campaign, timezone="Asia/Tokyo")
    page = mira.get(url(campaign))
    assert "Asia/Tokyo" in text(page)
    sent = {"seen": seen(page), "windows": week((0, "10:00", "12:00")), "save": "1"}
    mira.post(url(campaign, "schedule/"), sent)
    assert campaign.schedules.get().timezone == "Asia/Tokyo"


def test_a_week_all_open_needs_no_window(mira: Client, campaign: Campaign) -> None:
    DaypartingScheduleFactory.create(campaign=campaign)
    number = seen(mira.get(url(campaign)))
    windows = week(*((day, "00:00", "00:00") for day in range(7)))
    mira.post(url(campaign, "schedule/"), {"seen": number, "windows": windows, "save": "1"})
    assert stored(campaign) == []


def test_nothing_open_is_refused_because_no_window_means_always(mira: Client, campaign: Campaign) -> None:
    DaypartingScheduleFactory.create(campaign=campaign)
    number = seen(mira.get(url(campaign)))
    told = mira.post(url(campaign, "schedule/"), {"seen": number, "windows": "[]"}, headers=HTMX)
    assert text(told).startswith("This cannot be saved. Nothing would be open.")
    assert "<button" not in told.content.decode()
    response = mira.post(
        url(campaign, "schedule/"), {"seen": number, "windows": "[]", "save": "1"}, follow=True
    )
    assert "Not saved: Nothing would be open." in text(response)
    assert stored(campaign) == ["every day 09:00-17:00"]


@pytest.mark.parametrize(
    "windows",
    [
        "", "no", "{}", "[1]", '[{"day": 7, "start": "09:00", "end": "10:00"}]', '[{"day": null, "start": "1"}]',
        '[{"day": 1, "start": "09:00", "end": "09:00"}]', '[{"day": 1, "start": "x", "end": "09:00"}]',
        json.dumps([{"day": 1, "start": "09:00", "end": "10:00"}] * 337),
    ],
)  # fmt: skip
def test_what_is_no_week_changes_nothing(mira: Client, campaign: Campaign, windows: str) -> None:
    response = mira.post(
        url(campaign, "schedule/"), {"seen": "0", "windows": windows, "save": "1"}, follow=True
    )
    assert "Not saved:" in text(response)
    assert stored(campaign) == []


def test_a_week_that_another_changed_meanwhile_is_not_overwritten_and_not_lost(
    mira: Client, campaign: Campaign
) -> None:
    DaypartingScheduleFactory.create(campaign=campaign)
    number = seen(mira.get(url(campaign)))
    DaypartingSchedule.objects.filter(campaign=campaign).update(end_time=time(18))
    sent = {"seen": number, "windows": week((0, "10:00", "12:00")), "save": "1"}
    response = mira.post(url(campaign, "schedule/"), sent)
    assert response.status_code == 409
    assert "The schedule was changed meanwhile" in text(response)
    assert stored(campaign) == ["every day 09:00-18:00"]
    week_data = data(response, "wk-data")
    assert week_data["mine"] == [{"day": 0, "start": "10:00:00", "end": "12:00:00"}]
    assert week_data["saved"][0] == {"day": 0, "start": "09:00:00", "end": "18:00:00"}
    mira.post(url(campaign, "schedule/"), {**sent, "seen": seen(response)})
    assert stored(campaign) == ["Monday 10:00-12:00"]


def test_a_window_removed_meanwhile_is_noticed_too(mira: Client, campaign: Campaign) -> None:
    DaypartingScheduleFactory.create(campaign=campaign)
    number = seen(mira.get(url(campaign)))
    campaign.schedules.all().delete()
    sent = {"seen": number, "windows": week((0, "10:00", "12:00")), "save": "1"}
    assert mira.post(url(campaign, "schedule/"), sent).status_code == 409
    assert stored(campaign) == []


def test_trying_never_saves_even_with_the_button_of_saving(mira: Client, campaign: Campaign) -> None:
    sent = {"seen": "0", "windows": week((1, "13:00", "17:00")), "save": "1"}
    mira.post(url(campaign, "schedule/"), sent, headers=HTMX)
    number = seen(mira.get(url(campaign, "settings/")))
    mira.post(url(campaign, "settings/"), {"seen": number, "daily_budget": "5", "save": "1"}, headers=HTMX)
    campaign.refresh_from_db()
    assert (stored(campaign), campaign.daily_budget, changes(campaign)) == ([], None, [])


# One day in fields


def test_a_day_is_edited_in_fields_and_told_before(mira: Client, campaign: Campaign) -> None:
    DaypartingScheduleFactory.create(campaign=campaign)
    page = mira.get(url(campaign, "schedule/1/"))
    assert 'name="start" size="6" maxlength="8" inputmode="numeric" placeholder="07:00" value="09:00"' in (
        page.content.decode()
    )
    sent = {"seen": seen(page), "start": ["09:00", "18:00"], "end": ["11:30", "24:00"]}
    told = mira.post(url(campaign, "schedule/1/"), sent)
    assert "It pauses at once: outside dayparting window. Runs again at 18:00 today" in text(told)
    assert "Save and pause" in text(told)
    assert stored(campaign) == ["every day 09:00-17:00"]
    mira.post(url(campaign, "schedule/1/"), {**sent, "save": "1"})
    assert stored(campaign)[1:3] == ["Tuesday 09:00-11:30", "Tuesday 18:00-24:00"]
    assert len(stored(campaign)) == 8
    assert state(campaign) == (Status.PAUSED, (Reason.OUTSIDE_DAYPARTING,))


def test_a_day_keeps_windows_to_the_second(mira: Client, campaign: Campaign) -> None:
    exact = DaypartingScheduleFactory.create(
        campaign=campaign, day_of_week=1, start_time=time(9, 0, 30), end_time=time(17, 0, 15)
    )
    page = mira.get(url(campaign, "schedule/1/"))
    fields = {
        name: re.findall(rf'name="{name}"[^>]*value="([^"]*)"', page.content.decode())
        for name in ("start", "end")
    }
    assert fields == {"start": ["09:00:30", "", ""], "end": ["17:00:15", "", ""]}
    mira.post(url(campaign, "schedule/1/"), {"seen": seen(page), **fields, "save": "1"})
    assert campaign.schedules.get().pk == exact.pk
    mira.post(
        url(campaign, "schedule/2/"), {"seen": seen(page), "start": ["9:00"], "end": ["17:00"], "save": "1"}
    )
    assert [str(row.window) for row in campaign.schedules.all()] == [
        str(exact.window),
        "Window(day_of_week=2, start=datetime.time(9, 0), end=datetime.time(17, 0))",
    ]


def test_a_day_can_be_put_on_every_day(mira: Client, campaign: Campaign) -> None:
    sent = {"seen": "0", "start": ["22:00"], "end": ["06:00"], "all": "1", "save": "1"}
    mira.post(url(campaign, "schedule/4/"), sent)
    assert stored(campaign) == ["every day 22:00-06:00"]
    assert "Open until 06:00 from the day before; change that there." in text(
        mira.get(url(campaign, "schedule/0/"))
    )


@pytest.mark.parametrize(
    ("start", "end", "error"),
    [
        ("9x", "10:00", "“9x to 10:00” is no window. Give both times, such as 07:00 and 21:00."),
        ("", "10:00", "“… to 10:00” is no window."),
        ("10:00", "10:00", "“10:00 to 10:00” ends where it starts. For the whole day give 00:00 and 24:00."),
    ],
)
def test_what_is_no_window_is_told_and_kept_in_its_field(
    mira: Client, campaign: Campaign, start: str, end: str, error: str
) -> None:
    response = mira.post(
        url(campaign, "schedule/1/"), {"seen": "0", "start": [start], "end": [end], "save": "1"}
    )
    assert (response.status_code, error in text(response)) == (422, True)
    assert f'value="{end}"' in response.content.decode()
    assert stored(campaign) == []


def test_the_last_open_day_cannot_be_closed(mira: Client, campaign: Campaign) -> None:
    DaypartingScheduleFactory.create(campaign=campaign, day_of_week=1)
    number = seen(mira.get(url(campaign, "schedule/1/")))
    response = mira.post(
        url(campaign, "schedule/1/"), {"seen": number, "start": [""], "end": [""], "save": "1"}
    )
    assert "Nothing would be open." in text(response)
    assert stored(campaign) == ["Tuesday 09:00-17:00"]


def test_a_week_has_seven_days(mira: Client, campaign: Campaign) -> None:
    assert mira.get(url(campaign, "schedule/7/")).status_code == 404


# Starting budgets afresh


def test_a_reset_says_what_follows_from_each_answer(mira: Client, campaign: Campaign) -> None:
    campaign.daily_budget = Decimal(40)
    campaign.save()
    BudgetService.record_spend(campaign, Decimal(45))
    page = mira.get(url(campaign, "reset/"))
    assert (
        "Today $45.00 would stop counting against the daily budget. It would run at once. Start today afresh and run "
        "This month $45.00 would stop counting against the monthly budget. It would stay: campaign daily budget "
        "reached. Start this month afresh Today and this month"
    ) in text(page)
    assert state(campaign) == (Status.PAUSED, (Reason.CAMPAIGN_DAILY,))

    response = mira.post(url(campaign, "reset/"), {"period": "day"}, follow=True)
    assert "Today: the campaign’s budgets started afresh. It is running." in text(response)
    assert state(campaign) == (Status.ACTIVE, ())
    assert "$0.00 of $40.00, $40.00 left; $45.00 waived" in text(response)
    assert BudgetService.get_campaign_spend_today(campaign) == Decimal(45)


def test_a_reset_of_nothing_offers_nothing(mira: Client, campaign: Campaign) -> None:
    page = mira.get(url(campaign, "reset/"))
    assert "Nothing counts yet, so nothing would change." in text(page)
    assert 'name="period"' not in page.content.decode()
    assert mira.post(url(campaign, "reset/"), {"period": "all"}).status_code == 200
    assert changes(campaign) == []


def test_a_reset_leaves_the_brand_and_its_other_campaigns_alone(
    mira: Client, brand: Brand, campaign: Campaign
) -> None:
    other = CampaignFactory.create(brand=brand, daily_budget=Decimal(5))
    BudgetService.record_spend(other, Decimal(5))
    BudgetService.record_spend(campaign, Decimal(95))
    mira.post(url(campaign, "reset/"), {"period": "both"})
    assert state(other) == (Status.PAUSED, (Reason.BRAND_DAILY, Reason.CAMPAIGN_DAILY))
    assert state(campaign) == (Status.PAUSED, (Reason.BRAND_DAILY,))


# How it is asked


@pytest.mark.parametrize("path", ["switch/", "schedule/"])
def test_a_link_changes_nothing(mira: Client, campaign: Campaign, path: str) -> None:
    assert mira.get(url(campaign, path)).status_code == 405
    assert state(campaign) == (Status.ACTIVE, ())


@pytest.mark.parametrize("path", ["switch/", "settings/", "schedule/", "schedule/2/", "reset/"])
def test_a_form_of_another_site_changes_nothing(mira: Client, campaign: Campaign, path: str) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = mira.cookies
    sent = {"to": "off", "save": "1", "seen": "0", "period": "both", "windows": week((1, "13:00", "14:00"))}
    assert strict.post(url(campaign, path), sent).status_code == 403
    assert (state(campaign), stored(campaign)) == ((Status.ACTIVE, ()), [])


def test_changes_are_shown_with_their_author(mira: Client, campaign: Campaign) -> None:
    with freeze_time(NOON + HOUR):
        number = seen(mira.get(url(campaign, "settings/")))
        mira.post(url(campaign, "settings/"), {"seen": number, "daily_budget": "25", "save": "1"})
        page = text(mira.get(url(campaign)))
    assert "13:00 today Daily budget from No limit set to $25.00 mira" in page

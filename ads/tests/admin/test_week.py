"""The week that is painted, on a campaign's page of the admin."""

import json
from datetime import time
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from ads.models import Campaign, DaypartingSchedule
from ads.rights import VIEWER
from ads.services.campaign_settings import last_change_of_windows
from ads.tests.admin.browser import campaign_form, page_url, told
from ads.tests.people import take_role

MONDAY = [{"day": 0, "start": "09:10:00", "end": "17:00:00"}]


def paint(client: Client, campaign: Campaign, query: str = "?from=admin", **more: str) -> Any:
    url = reverse("dashboard:campaign-schedule", args=(campaign.pk,)) + query
    sent = {"windows": json.dumps(MONDAY), "seen": str(last_change_of_windows(campaign)), "save": "1"}
    return client.post(url, sent | more)


def stored(campaign: Campaign) -> list[str]:
    return [str(window) for window in campaign.schedules.all()]


def test_the_page_shows_the_week_and_the_exact_windows_behind_it(
    nina: Client, campaign_with_dayparting: Campaign
) -> None:
    page = nina.get(page_url(campaign_with_dayparting)).content.decode()
    assert 'aria-label="Tuesday 09:00, open"' in page
    assert 'aria-label="Tuesday 12:00, open, now"' in page
    assert 'aria-label="Tuesday 17:00, closed"' in page
    assert (
        page.index("Week schedule") < page.index('name="name"') < page.index("Exact windows, to the minute")
    )
    assert 'name="schedules-0-start_time"' in page
    assert f'action="/campaigns/{campaign_with_dayparting.pk}/schedule/?from=admin"' in page
    assert f'href="/campaigns/{campaign_with_dayparting.pk}/schedule/0/?from=admin"' in page


def test_what_was_painted_there_is_saved_and_leads_back_there(nina: Client, campaign: Campaign) -> None:
    response = paint(nina, campaign)
    assert response.headers["Location"] == f"{page_url(campaign)}#h-wk"
    assert told(response)[0].startswith("Schedule saved.")
    assert stored(campaign) == ["Monday 09:10-17:00"]
    response = paint(nina, campaign, windows="[]")
    assert response.headers["Location"] == f"{page_url(campaign)}#h-wk"
    assert told(response)[0].startswith("Not saved: Nothing would be open.")
    assert stored(campaign) == ["Monday 09:10-17:00"]


def test_elsewhere_it_leads_back_to_the_dashboard_whatever_the_address_says(
    nina: Client, campaign: Campaign
) -> None:
    for query in ("", "?from=//evil.example", "?from=dashboard"):
        response = paint(nina, campaign, query)
        assert response.headers["Location"] == f"/campaigns/{campaign.pk}/#h-wk"


def test_a_day_in_fields_leads_back_where_it_was_opened(nina: Client, campaign: Campaign) -> None:
    url = reverse("dashboard:campaign-day", args=(campaign.pk, 0))
    assert f'href="{page_url(campaign)}#h-wk">Cancel' in nina.get(f"{url}?from=admin").content.decode()
    assert f'href="/campaigns/{campaign.pk}/#h-wk">Cancel' in nina.get(url).content.decode()
    sent = {"start": "10:00", "end": "24:00", "all": "1", "save": "1", "seen": "0"}
    assert nina.post(f"{url}?from=admin", sent).headers["Location"] == f"{page_url(campaign)}#h-wk"
    assert stored(campaign) == ["every day 10:00-24:00"]


def test_what_another_changed_meanwhile_is_not_undone(nina: Client, campaign: Campaign) -> None:
    DaypartingSchedule.objects.create(campaign=campaign, start_time=time(1), end_time=time(2))
    assert paint(nina, campaign, seen="0").status_code == 409
    assert stored(campaign) == ["every day 01:00-02:00"]


def test_exact_windows_are_still_given_in_fields(nina: Client, campaign: Campaign) -> None:
    window = {
        "schedules-TOTAL_FORMS": "1",
        "schedules-0-id": "",
        "schedules-0-campaign": str(campaign.pk),
        "schedules-0-day_of_week": "0",
        "schedules-0-start_time": "09:07",
        "schedules-0-end_time": "17:01",
    }
    assert nina.post(page_url(campaign), campaign_form(campaign, **window)).status_code == 302
    assert stored(campaign) == ["Monday 09:07-17:01"]
    assert 'aria-label="Monday 09:00, partly open"' in nina.get(page_url(campaign)).content.decode()


def test_who_may_not_change_it_looks_at_it(nina: Client, manager: User, campaign: Campaign) -> None:
    take_role(manager, VIEWER)
    page = nina.get(page_url(campaign)).content.decode()
    assert 'aria-readonly="true"' in page
    assert 'id="wk-form"' not in page
    assert "/schedule/" not in page
    assert paint(nina, campaign).status_code == 403
    assert stored(campaign) == []


def test_a_new_campaign_has_no_week_yet_and_its_windows_in_fields(nina: Client, campaign: Campaign) -> None:
    page = nina.get(reverse("admin:ads_campaign_add")).content.decode()
    assert "Week schedule" not in page
    assert "Windows in which it may run" in page


def test_a_week_of_many_windows_takes_as_many_queries_as_one_of_few(ada: Client, campaign: Campaign) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert ada.get(page_url(campaign)).status_code == 200
        return len(captured)

    DaypartingSchedule.objects.create(campaign=campaign, start_time=time(1), end_time=time(2))
    queries()
    before = queries()
    DaypartingSchedule.objects.bulk_create(
        DaypartingSchedule(campaign=campaign, day_of_week=day, start_time=time(9), end_time=time(17))
        for day in range(7)
    )
    assert queries() == before

"""The list of alerts, what people do about them, and where else they show."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from freezegun import freeze_time

from ads.models import Alert, Brand, Campaign
from ads.rights import ACCOUNT_MANAGER, VIEWER
from ads.services import BudgetService
from ads.services.page_version import page_version
from ads.tests.factories import BrandFactory, CampaignFactory
from ads.tests.moments import NOON
from ads.tests.people import take_role

pytestmark = pytest.mark.django_db


@pytest.fixture
def brand(db: None) -> Brand:
    with freeze_time(NOON):
        return BrandFactory.create(name="Acme", timezone="Europe/Paris")


@pytest.fixture
def campaign(brand: Brand) -> Campaign:
    with freeze_time(NOON):
        return CampaignFactory.create(brand=brand, name="Summer Sale")


@pytest.fixture
def mia(brand: Brand) -> Client:
    """Account manager of Acme."""
    return signed_in("mia", ACCOUNT_MANAGER, brand)


@pytest.fixture
def alert(campaign: Campaign) -> Alert:
    """55 % of Acme's day, at noon."""
    spend(campaign, 55)
    return Alert.objects.get()


def signed_in(name: str, role: object, *brands: Brand) -> Client:
    user = User.objects.create_user(name)
    user.brands.set(brands)
    take_role(user, role)  # type: ignore[arg-type]
    client = Client()
    client.force_login(user)
    return client


def spend(campaign: Campaign, amount: int) -> None:
    BudgetService.record_spend(campaign, Decimal(amount), now=NOON)


def page(client: Client, url: str = "/alerts/", now: datetime = NOON) -> str:
    with freeze_time(now):
        response = client.get(url)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def act(client: Client, alert: Alert, what: str, **data: str) -> str:
    """What is told afterwards."""
    with freeze_time(NOON):
        response = client.post(f"/alerts/{alert.pk}/{what}/", data, follow=True)
    assert response.status_code == 200
    alert.refresh_from_db()
    return " ".join(response.content.decode().split())


class TestTheList:
    def test_tells_what_how_much_since_when_and_what_the_system_did(self, mia: Client, alert: Alert) -> None:
        told = page(mia)
        assert "<h1>1 open alert</h1>" in told
        assert "Acme: 50 % of the daily budget reached" in told
        assert "$55.00 of $100.00 spent on Tue 10 Mar 2026, 55 %." in told
        assert "Since 13:00 on Tue 10 Mar 2026 (Europe/Paris)." in told
        assert "Campaigns go on; the system pauses them when the budget is reached." in told
        assert f'href="/brands/{alert.brand_id}/"' in told
        assert '<span class="count count-act">1<span class="vh"> open</span></span>' in told

    def test_says_so_where_there_is_nothing(self, mia: Client) -> None:
        told = page(mia)
        assert "<h1>No open alerts</h1>" in told
        assert "Nothing waits for you." in told
        assert "count-act" not in told

    def test_is_filtered_by_state_brand_and_kind(self, mia: Client, campaign: Campaign, alert: Alert) -> None:
        spend(campaign, 50)
        assert "<h1>2 open alerts</h1>" in page(mia)
        assert "<h1>1 open alert</h1>" in page(mia, "/alerts/?kind=BUDGET_PAUSE")
        assert "paused by the daily budget" in page(mia, "/alerts/?kind=BUDGET_PAUSE")
        assert "<h1>No open alerts</h1>" in page(mia, "/alerts/?brand=999999")
        act(mia, alert, "resolve")
        assert "<h1>1 resolved alert</h1>" in page(mia, "/alerts/?state=resolved")
        assert "<h1>2 alerts</h1>" in page(mia, "/alerts/?state=all")
        assert "<h1>No snoozed alerts</h1>" in page(mia, "/alerts/?state=snoozed")

    def test_tells_nothing_of_other_brands(self, mia: Client) -> None:
        with freeze_time(NOON):
            hidden = CampaignFactory.create(brand__name="Zenith")
        spend(hidden, 105)
        told = page(mia)
        assert "Zenith" not in told
        assert "<h1>No open alerts</h1>" in told

    def test_asks_as_much_for_one_as_for_many(self, mia: Client, brand: Brand) -> None:
        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                page(mia)
            return len(captured)

        def crossing() -> None:
            with freeze_time(NOON):
                spend(CampaignFactory.create(brand=brand, daily_budget=Decimal(2)), 1)

        crossing()
        alone = queries()
        for _ in range(6):
            crossing()
        assert queries() == alone


class TestActs:
    def test_acknowledging_says_by_whom(self, mia: Client, alert: Alert) -> None:
        told = act(mia, alert, "acknowledge")
        assert "“Acme: 50 % of the daily budget reached” is acknowledged." in told
        assert "Acknowledged by mia at 13:00 today." in told
        assert (alert.acknowledged_at, alert.acknowledged_by, alert.resolved_at) == (NOON, "mia", None)

    def test_resolving_puts_it_away(self, mia: Client, alert: Alert) -> None:
        assert "<h1>No open alerts</h1>" in act(mia, alert, "resolve")
        assert (alert.resolved_at, alert.resolved_by, alert.ended_at) == (NOON, "mia", None)
        assert "Resolved by mia at 13:00 today." in page(mia, "/alerts/?state=resolved")

    def test_it_may_be_snoozed_for_an_hour(self, mia: Client, alert: Alert) -> None:
        assert "snoozed until 14:00 today" in act(mia, alert, "snooze", **{"for": "hour"})
        assert "<h1>No open alerts</h1>" in page(mia)
        assert "<h1>1 open alert</h1>" in page(mia, now=NOON + timedelta(hours=1))

    def test_until_tomorrow_by_the_brands_clock(self, mia: Client, alert: Alert) -> None:
        act(mia, alert, "snooze", **{"for": "tomorrow"})
        assert alert.snoozed_until == datetime.fromisoformat("2026-03-11T09:00+01:00")

    def test_day_and_time_are_filled_in_with_what_is_sent(self, mia: Client, alert: Alert) -> None:
        told = page(mia, now=datetime.fromisoformat("2026-03-10T23:30+00:00"))  # the brand's 11 March
        assert 'name="day" type="date" value="2026-03-12"' in told
        assert 'value="09:00" required' in told
        assert "placeholder" not in told.partition('class="snooze"')[2].partition("</details>")[0]

    def test_until_any_moment_by_the_brands_clock(self, mia: Client, alert: Alert) -> None:
        act(mia, alert, "snooze", day="2026-03-29", time="15:30")
        assert alert.snoozed_until == datetime.fromisoformat("2026-03-29T15:30+02:00")
        assert "no longer snoozed" in act(mia, alert, "wake")
        assert alert.snoozed_until is None

    @pytest.mark.parametrize(
        ("day", "time", "error"),
        [
            ("2026-03-10", "12:59", "Snooze until a moment to come"),
            ("2026-05-10", "12:00", "at most 31 days ahead"),
            ("", "12:00", "Give a day."),
            ("2026-03-11", "noon", "Give a time such as 09:00."),
        ],
    )
    def test_but_not_until_a_moment_that_makes_no_sense(
        self, mia: Client, alert: Alert, day: str, time: str, error: str
    ) -> None:
        assert error in act(mia, alert, "snooze", day=day, time=time)
        assert alert.snoozed_until is None

    def test_the_list_stays_as_it_was_filtered_and_leads_nowhere_else(
        self, mia: Client, alert: Alert
    ) -> None:
        for back, to in (("?state=all", "/alerts/?state=all"), ("https://evil.example", "/alerts/")):
            response = mia.post(f"/alerts/{alert.pk}/acknowledge/", {"back": back})
            assert response["Location"] == to

    def test_a_viewer_looks_only(self, brand: Brand, alert: Alert) -> None:
        nina = signed_in("nina", VIEWER, brand)
        assert "Acknowledge" not in page(nina).replace("Acknowledged", "")
        for each in ("acknowledge", "snooze", "wake", "resolve"):
            assert nina.post(f"/alerts/{alert.pk}/{each}/", {"for": "hour"}).status_code == 403
        alert.refresh_from_db()
        assert (alert.acknowledged_at, alert.snoozed_until, alert.resolved_at) == (None, None, None)

    def test_another_brands_alert_is_not_there(self, alert: Alert) -> None:
        mike = signed_in("mike", ACCOUNT_MANAGER)
        assert mike.post(f"/alerts/{alert.pk}/resolve/").status_code == 404

    def test_an_act_that_there_is_not_is_not_there(self, mia: Client, alert: Alert) -> None:
        assert mia.post(f"/alerts/{alert.pk}/explode/").status_code == 404


class TestWhereElse:
    def test_the_newest_stand_on_the_overview_and_on_the_pages_of_whom_they_are(
        self, mia: Client, campaign: Campaign, alert: Alert
    ) -> None:
        title = "Acme: 50 % of the daily budget reached"
        assert title in page(mia, "/")
        assert title in page(mia, f"/brands/{campaign.brand_id}/")
        assert title not in page(mia, f"/campaigns/{campaign.pk}/")
        act(mia, alert, "resolve")
        assert title not in page(mia, "/")

    def test_the_overview_is_another_one_when_an_alert_changes(self, mia: Client, campaign: Campaign) -> None:
        person, versions = User.objects.get(username="mia"), set()

        def remember() -> None:
            versions.add(page_version(person, NOON))

        remember()
        spend(campaign, 55)
        alert = Alert.objects.get()
        remember()
        act(mia, alert, "snooze", **{"for": "hour"})
        remember()
        act(mia, alert, "resolve")
        remember()
        assert len(versions) == 4

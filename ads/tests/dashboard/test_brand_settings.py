"""On a brand's page: its time zone is changed, and changes are put back; what follows is told before."""

from collections.abc import Iterator
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from freezegun import freeze_time

from ads.models import Brand, Campaign, DaypartingSchedule
from ads.rights import TRAFFICKER
from ads.rules.serving import Status
from ads.services import BudgetService
from ads.tests.dashboard.reading import plain as text
from ads.tests.factories import BrandFactory, CampaignFactory, DaypartingScheduleFactory
from ads.tests.moments import NOON
from ads.tests.people import take_role

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
HOUR = timedelta(hours=1)


def zone_url(brand: Brand) -> str:
    return f"/brands/{brand.pk}/time-zone/"


def ask(client: Client, brand: Brand, zone: str) -> str:
    """What would follow, as the box asks when a zone is chosen."""
    return text(client.get(zone_url(brand), {"timezone": zone}, headers=HTMX))


def zones(brand: Brand) -> list[Any]:
    """The zone that the brand names, and its history."""
    brand.refresh_from_db()
    return [brand.timezone, *brand.zone_history]


class TestTimeZone:
    def test_the_page_leads_to_it_and_it_says_which_rules(self, mira: Client, brand: Brand) -> None:
        assert f'hx-get="{zone_url(brand)}"' in mira.get(f"/brands/{brand.pk}/").content.decode()
        part = mira.get(zone_url(brand), headers=HTMX)
        assert "Change the time zone of Acme Time zone The system’s" in text(part)
        assert '<option value="" selected>' in part.content.decode()
        assert 'type="submit">Change' not in part.content.decode()
        whole = text(mira.get(zone_url(brand)))
        assert "Change the time zone of Acme" in whole
        assert "Spend per day" in whole

    def test_from_which_day_a_zone_to_the_west_rules_is_told_before(self, mira: Client, brand: Brand) -> None:
        DaypartingScheduleFactory.create(campaign=CampaignFactory.create(brand=brand))
        DaypartingScheduleFactory.create(campaign=CampaignFactory.create(brand=brand), timezone="Asia/Tokyo")
        before = zones(brand)
        told = ask(mira, brand, "America/New_York")
        assert (
            "America/New_York rules from Wed 11 Mar 2026 on: from 00:00 there, 04:00 tomorrow, Wed 11 Mar in UTC."
        ) in told
        assert "Until then days are those of UTC; Tue 10 Mar 2026 lasts 28 h." in told
        assert "Flights, and the windows of 1 campaign without a zone of their own, follow then." in told
        assert "Spend that is recorded stays on the days that it has." in told
        assert "Change from Wed 11 Mar 2026 on" in told
        assert zones(brand) == before

    def test_a_zone_in_which_it_is_tomorrow_already_rules_a_day_later(
        self, mira: Client, brand: Brand
    ) -> None:
        with freeze_time(NOON + 8 * HOUR):
            told = ask(mira, brand, "Pacific/Auckland")  # 09:00 on the 11th there
        assert "Pacific/Auckland rules from Thu 12 Mar 2026 on: from 00:00 there, 11:00 tomorrow" in told
        assert "Wed 11 Mar 2026 lasts 11 h." in told

    def test_it_is_changed_from_that_day_on_and_the_page_says_what_is_to_come(
        self, mira: Client, brand: Brand
    ) -> None:
        done = text(mira.post(zone_url(brand), {"timezone": "America/New_York"}, follow=True))
        assert "America/New_York rules from Wed 11 Mar 2026 on" in done
        assert "Times in UTC, now Tue 10 Mar, 12:00; America/New_York from Wed 11 Mar 2026 on" in done
        assert zones(brand) == [
            "America/New_York",
            [date.min.isoformat(), "UTC"],
            ["2026-03-11", "America/New_York"],
        ]
        with freeze_time(NOON + 24 * HOUR):
            mira.force_login(User.objects.get(username="mira"))
            page = text(mira.get(f"/brands/{brand.pk}/"))
        assert "Times in America/New_York, now Wed 11 Mar, 08:00 " in page
        assert "Mar 2026 on" not in page

    def test_a_change_that_is_to_come_can_be_taken_back(self, mira: Client, brand: Brand) -> None:
        mira.post(zone_url(brand), {"timezone": "America/New_York"})
        assert "UTC goes on ruling: the change that was to come is dropped. Keep the present" in ask(
            mira, brand, "UTC"
        )
        mira.post(zone_url(brand), {"timezone": "UTC"})
        assert zones(brand) == ["UTC", [date.min.isoformat(), "UTC"]]

    def test_the_zone_that_rules_already_changes_nothing(self, mira: Client, brand: Brand) -> None:
        told = ask(mira, brand, "UTC")
        assert "This is the time zone already: nothing changes." in told
        assert "Change from" not in told

    @pytest.mark.parametrize("zone", ["Mars/Olympus", "GMT+2", "x" * 300])
    def test_what_is_no_zone_is_refused(self, mira: Client, brand: Brand, zone: str) -> None:
        before = zones(brand)
        assert "is not an IANA time zone; choose one of the list." in ask(mira, brand, zone)
        assert "is not an IANA time zone" in text(mira.post(zone_url(brand), {"timezone": zone}))
        assert zones(brand) == before

    def test_what_another_changed_meanwhile_is_not_overwritten(self, mira: Client, brand: Brand) -> None:
        seen = brand.history.latest().history_id
        brand.name = "Acme & Sons"
        brand.save()
        sent = {"timezone": "America/New_York", "seen": str(seen)}
        again = mira.post(zone_url(brand), sent)
        assert "Somebody changed this brand’s settings at 12:00 today" in text(again)
        assert zones(brand)[0] == ""

    def test_who_may_not_change_settings_is_refused_and_not_led_there(
        self, nina: Client, brand: Brand
    ) -> None:
        assert "Change time zone" not in text(nina.get(f"/brands/{brand.pk}/"))
        take_role(User.objects.get(username="nina"), TRAFFICKER)
        for answer in (nina.get(zone_url(brand)), nina.post(zone_url(brand), {"timezone": "Asia/Tokyo"})):
            assert answer.status_code == 403
        assert zones(brand)[0] == ""


@pytest.fixture
def changed(brand: Brand, campaign: Campaign) -> Iterator[Campaign]:
    """The brand's budget, its campaign's and a window were changed, one hour after the other."""
    with freeze_time(NOON + HOUR):
        brand.daily_budget = Decimal(80)
        brand.save()
    with freeze_time(NOON + 2 * HOUR):
        campaign.daily_budget = Decimal(30)
        campaign.save()
    with freeze_time(NOON + 3 * HOUR):
        DaypartingSchedule(campaign=campaign, start_time=time(9), end_time=time(17)).save()
    with freeze_time(NOON + 4 * HOUR):
        yield campaign


def back(brand: Brand, kind: str, model: Any) -> str:
    return f"/brands/{brand.pk}/put-back/{kind}/{model.history.latest().history_id}/"


class TestHistory:
    def test_changes_of_campaigns_stand_beside_the_brands_newest_first(
        self, mira: Client, brand: Brand, changed: Campaign
    ) -> None:
        other = CampaignFactory.create(name="Foreign")
        other.daily_budget = Decimal(77)
        other.save()
        told = text(mira.get(f"/brands/{brand.pk}/")).partition("Every change is kept")[2]
        assert told.startswith(
            " 15:00 today Summer Sale: Window added: every day 09:00-17:00 The system or a command "
            "Put back … Window added: every day 09:00-17:00 of Summer Sale "
            "14:00 today Summer Sale: Daily budget from No limit set to $30.00 The system or a command "
            "Put back … Daily budget of Summer Sale "
            "13:00 today Daily budget from $100.00 to $80.00 The system or a command Put back … Daily budget of Acme "
        )
        assert "Foreign" not in told
        assert "Budgets changed 13:00 by" in text(mira.get(f"/brands/{brand.pk}/"))

    def test_the_value_before_is_known_however_long_ago_it_was_set(
        self, mira: Client, brand: Brand, changed: Campaign
    ) -> None:
        for number in range(70):
            CampaignFactory.create(brand=brand, name=f"C{number}")
        with freeze_time(NOON + 5 * HOUR):
            changed.refresh_from_db()
            changed.daily_budget = Decimal(40)
            changed.save()
        told = text(mira.get(f"/brands/{brand.pk}/"))
        assert "Summer Sale: Daily budget from $30.00 to $40.00" in told

    def test_it_asks_as_often_for_few_changes_as_for_many(
        self, mira: Client, brand: Brand, changed: Campaign
    ) -> None:
        def asked() -> int:
            with CaptureQueriesContext(connection) as queries:
                mira.get(f"/brands/{brand.pk}/")
            return len(queries)

        CampaignFactory.create(brand=brand)
        few = asked()
        for number in range(4):
            campaign = CampaignFactory.create(brand=brand)
            campaign.daily_budget = Decimal(number)
            campaign.save()
        assert asked() == few

    def test_putting_back_tells_first_what_follows_and_then_does_it(
        self, mira: Client, brand: Brand, changed: Campaign
    ) -> None:
        BudgetService.record_spend(changed, Decimal(35))
        url = back(brand, "campaign", Campaign)
        asked = text(mira.get(url, headers=HTMX))
        assert "Put back a change of Summer Sale Daily budget from $30.00 to No limit set" in asked
        assert "1 paused campaign resumes now." in asked
        changed.refresh_from_db()
        assert (changed.daily_budget, changed.status) == (Decimal(30), Status.PAUSED)
        seen = mira.get(url).context["asked"]["seen"]
        done = text(mira.post(url, {"seen": seen}, follow=True))
        assert "The change is put back." in done
        assert "1 campaign runs now." in done
        changed.refresh_from_db()
        assert (changed.daily_budget, changed.status) == (None, Status.ACTIVE)
        assert "Daily budget from $30.00 to No limit set mira" in done
        assert "It is as it was before already" in text(mira.get(url))

    def test_brands_and_windows_are_put_back_too(self, mira: Client, brand: Brand, changed: Campaign) -> None:
        assert "Window every day 09:00-17:00 from there to not there" in text(
            mira.get(back(brand, "window", DaypartingSchedule))
        )
        for kind, model in (("window", DaypartingSchedule), ("brand", Brand)):
            url = back(brand, kind, model)
            mira.post(url, {"seen": mira.get(url).context["asked"]["seen"]})
        brand.refresh_from_db()
        assert (brand.daily_budget, changed.schedules.count()) == (Decimal(100), 0)

    def test_nothing_is_put_back_unseen(self, mira: Client, brand: Brand, changed: Campaign) -> None:
        url = back(brand, "campaign", Campaign)
        seen = mira.get(url).context["asked"]["seen"]
        changed.name = "Winter Sale"
        changed.save()
        assert "The settings were changed meanwhile" in text(mira.post(url, {"seen": seen}))
        changed.refresh_from_db()
        assert changed.daily_budget == Decimal(30)

    def test_a_change_of_another_brand_or_of_no_kind_is_not_there(
        self, mira: Client, brand: Brand, changed: Campaign
    ) -> None:
        other = CampaignFactory.create(brand=BrandFactory.create(name="Zenith"))
        other.daily_budget = Decimal(5)
        other.save()
        made = brand.history.earliest().history_id
        for url in (
            back(brand, "campaign", Campaign),
            back(brand, "window", Campaign),
            back(brand, "nonsense", Brand),
            f"/brands/{brand.pk}/put-back/brand/{made}/",
            f"/brands/{other.brand_id}/put-back/campaign/{other.history.latest().history_id}/",
        ):
            assert mira.get(url).status_code == mira.post(url).status_code == 404
        other.refresh_from_db()
        assert other.daily_budget == Decimal(5)

    def test_who_may_not_change_it_may_not_put_it_back(
        self, nina: Client, brand: Brand, changed: Campaign
    ) -> None:
        assert "Put back" not in text(nina.get(f"/brands/{brand.pk}/"))
        take_role(User.objects.get(username="nina"), TRAFFICKER)
        told = text(nina.get(f"/brands/{brand.pk}/"))
        assert "Put back … Window added: every day 09:00-17:00 of Summer Sale" in told
        assert "Put back … Daily budget" not in told
        assert nina.post(back(brand, "campaign", Campaign)).status_code == 403
        changed.refresh_from_db()
        assert changed.daily_budget == Decimal(30)

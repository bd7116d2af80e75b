"""GET /serving: what may run now, decided live, cheap to ask for again."""

from datetime import time, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from freezegun import freeze_time

from ads.models import Brand, Campaign
from ads.services import BudgetService, CampaignService
from ads.tests.api.conftest import Api, Enter
from ads.tests.factories import BrandFactory, CampaignFactory, DaypartingScheduleFactory
from ads.tests.moments import NOON


def running(api: Api, query: str = "") -> list[int]:
    answer = api.get(f"/serving{query}")
    assert answer.code == 200, answer.content
    return [item["id"] for item in answer.json["campaigns"]]


def test_a_campaign_that_may_run_is_told_as_its_platform_knows_it(api: Api, brand: Brand) -> None:
    campaign = CampaignFactory.create(brand=brand, platform="meta", account="act_1", external_id="120")
    assert api.get("/serving").json == {
        "campaigns": [
            {
                "id": campaign.pk,
                "brand": brand.pk,
                "platform": "meta",
                "account": "act_1",
                "external_id": "120",
            }
        ],
        "next_transition_at": None,
    }


def test_whatever_stands_against_running_keeps_a_campaign_out(api: Api, brand: Brand) -> None:
    on = CampaignFactory.create(brand=brand)
    CampaignService.switch_off(CampaignFactory.create(brand=brand))
    CampaignService.archive(CampaignFactory.create(brand=brand))
    CampaignFactory.create(brand=brand, start_date=NOON.date() + timedelta(days=1))
    CampaignFactory.create(brand=brand, end_date=NOON.date() - timedelta(days=1))
    CampaignFactory.create(brand=brand, daily_budget=Decimal(0))
    DaypartingScheduleFactory.create(campaign__brand=brand, start_time=time(9), end_time=time(12))
    CampaignFactory.create(brand__is_active=False)
    CampaignFactory.create(brand__daily_budget=Decimal(0))
    assert running(api) == [on.pk]


def test_it_is_decided_live_and_not_read_from_the_stored_status(api: Api, campaign: Campaign) -> None:
    DaypartingScheduleFactory.create(campaign=campaign, start_time=time(9), end_time=time(17))
    with freeze_time(NOON.replace(hour=16, minute=59, second=59)):
        answer = api.get("/serving").json
        assert [item["id"] for item in answer["campaigns"]] == [campaign.pk]
        assert answer["next_transition_at"] == "2026-03-10T17:00:00Z"
    with freeze_time(NOON.replace(hour=17)):  # and no tick has come by
        campaign.refresh_from_db()
        assert campaign.is_active
        answer = api.get("/serving").json
        assert answer == {"campaigns": [], "next_transition_at": "2026-03-11T09:00:00Z"}


def test_an_unchanged_list_is_304_and_the_spend_that_ends_it_is_seen_at_once(
    api: Api, campaign: Campaign
) -> None:
    first = api.get("/serving")
    etag = first.headers["ETag"]
    assert first.headers["Cache-Control"] == "private, no-cache"
    assert first.headers["Vary"] == "Authorization"
    BudgetService.record_spend(campaign, Decimal("99.99"))
    unchanged = api.get("/serving", **{"If-None-Match": etag})
    assert (unchanged.code, unchanged.content, unchanged.headers["ETag"]) == (304, b"", etag)
    BudgetService.record_spend(campaign, Decimal("0.01"))
    changed = api.get("/serving", **{"If-None-Match": etag})
    assert (changed.code, changed.json["campaigns"]) == (200, [])
    assert changed.headers["ETag"] != etag


def test_it_is_filtered_by_brand_and_platform(api: Api, enter: Enter) -> None:
    one = CampaignFactory.create(platform="meta", external_id="1")
    two = CampaignFactory.create(brand=one.brand, platform="google", external_id="1")
    three = CampaignFactory.create(platform="meta", external_id="2")
    assert running(api) == [one.pk, two.pk, three.pk]
    assert running(api, f"?brand={one.brand_id}") == [one.pk, two.pk]
    assert running(api, "?platform=meta") == [one.pk, three.pk]
    assert running(api, f"?platform=meta&brand={one.brand_id}") == [one.pk]
    assert running(api, "?platform=none") == []
    answer = enter(one.brand).get(f"/serving?brand={three.brand_id}")
    assert (answer.code, answer.problem) == (404, "not-found")


@pytest.mark.parametrize("number", [1, 15])
def test_it_takes_five_queries_however_many_there_are(api: Api, number: int) -> None:
    api.get("/serving")
    for brand in BrandFactory.create_batch(number):
        for campaign in CampaignFactory.create_batch(2, brand=brand, daily_budget=Decimal(5)):
            DaypartingScheduleFactory.create(campaign=campaign)
            BudgetService.record_spend(campaign, 1)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert len(running(api)) == number * 2
    assert len(queries) == 5  # token, brands, their periods, facts, names

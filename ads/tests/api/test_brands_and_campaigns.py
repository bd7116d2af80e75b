"""Brands and campaigns: what is told of them, and changing them."""

from datetime import time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from ads.models import Brand, Campaign, StatusChange
from ads.services import BudgetService, CampaignService
from ads.tests.api.conftest import Api
from ads.tests.factories import BrandFactory, CampaignFactory, DaypartingScheduleFactory
from ads.tests.moments import NOON

TODAY = NOON.date()


def test_a_brand_is_told_with_what_it_spent_against_its_budgets(api: Api) -> None:
    brand = BrandFactory.create(name="Ñandú", daily_budget=Decimal(50), monthly_budget=None, currency="EUR")
    campaign = CampaignFactory.create(brand=brand)
    CampaignService.switch_off(CampaignFactory.create(brand=brand))
    CampaignService.archive(CampaignFactory.create(brand=brand))
    BudgetService.record_spend(campaign, Decimal(30))
    BudgetService.reset_budgets(brands=[brand], daily=True)
    BudgetService.record_spend(campaign, Decimal("62.5"))
    told = api.get(f"/brands/{brand.pk}").json
    assert told == {
        "id": brand.pk,
        "name": "Ñandú",
        "currency": "EUR",
        "timezone": "UTC",
        "is_active": True,
        "archived_at": None,
        "daily_budget": "50.00",
        "monthly_budget": None,
        "today": TODAY.isoformat(),
        "day": {
            "starts_on": TODAY.isoformat(),
            "budget": "50.00",
            "spent": "92.50",
            "waived": "30.00",
            "current": "62.50",
            "remaining": "-12.50",
            "reached": True,
        },
        "month": {
            "starts_on": TODAY.replace(day=1).isoformat(),
            "budget": None,
            "spent": "92.50",
            "waived": "0.00",
            "current": "92.50",
            "remaining": None,
            "reached": False,
        },
        "campaigns": {"ACTIVE": 0, "PAUSED": 1, "INACTIVE": 1, "COMPLETED": 0},
    }
    assert api.get("/brands").json["items"] == [told]


def test_a_campaign_is_told_with_its_status_all_reasons_and_the_live_decision(api: Api, brand: Brand) -> None:
    campaign = CampaignFactory.create(
        brand=brand,
        name="Late",
        daily_budget=Decimal(5),
        total_budget=Decimal(100),
        platform="meta",
        account="act_1",
        external_id="120",
        end_date=TODAY + timedelta(days=9),
    )
    BudgetService.record_spend(campaign, Decimal("7.25"))
    CampaignService.switch_off(campaign)
    told = api.get(f"/campaigns/{campaign.pk}").json
    reasons = [
        {"code": "SWITCHED_OFF", "words": "Switched off by a person"},
        {"code": "CAMPAIGN_DAILY", "words": "Campaign daily budget reached"},
    ]
    assert (told["status"], told["enabled"], told["reasons"]) == ("INACTIVE", False, reasons)
    decision = told["decision"]
    assert (decision["may_run"], decision["status"], decision["reasons"]) == (False, "INACTIVE", reasons)
    tomorrow = f"{TODAY + timedelta(days=1)}T00:00:00Z"
    assert decision["next_transition_at"] == tomorrow
    assert (told["day"]["remaining"], told["month"]["remaining"]) == ("-2.25", None)
    assert (told["total"]["budget"], told["total"]["remaining"]) == ("100.00", "92.75")
    assert told["total"]["starts_on"] is None
    assert (told["platform"], told["account"], told["external_id"]) == ("meta", "act_1", "120")
    assert (told["start_date"], told["end_date"]) == (None, str(TODAY + timedelta(days=9)))
    assert (told["brand"], told["currency"]) == (brand.pk, "USD")


def test_the_decision_is_live_where_the_stored_status_is_not_yet(api: Api, campaign: Campaign) -> None:
    DaypartingScheduleFactory.create(campaign=campaign, start_time=time(12), end_time=time(17))
    # As if the tick had not come by since a window opened.
    Campaign._base_manager.filter(pk=campaign.pk).update(status="PAUSED", reason_codes="OUTSIDE_DAYPARTING")
    told = api.get(f"/campaigns/{campaign.pk}").json
    assert (told["status"], told["decision"]["status"]) == ("PAUSED", "ACTIVE")
    assert told["decision"]["may_run"] is True


def test_lists_are_filtered(api: Api) -> None:
    running = CampaignFactory.create(platform="meta", external_id="1")
    off = CampaignFactory.create(platform="google", external_id="1")
    CampaignService.switch_off(off)
    archived = CampaignFactory.create(brand=off.brand)
    CampaignService.archive(archived)

    def found(query: str) -> list[int]:
        return [item["id"] for item in api.get(f"/campaigns{query}").json["items"]]

    assert found("") == [running.pk, off.pk]
    assert found(f"?brand={off.brand_id}") == [off.pk]
    assert found("?status=INACTIVE") == [off.pk]
    assert found("?platform=meta&external_id=1") == [running.pk]
    assert found("?archived=true") == [archived.pk]
    BudgetService.archive_brand(off.brand)
    brands = [item["id"] for item in api.get("/brands").json["items"]]
    assert brands == [running.brand_id]
    assert [item["id"] for item in api.get("/brands?archived=true").json["items"]] == [off.brand_id]


def test_lists_come_in_pages(api: Api, brand: Brand) -> None:
    campaigns = CampaignFactory.create_batch(5, brand=brand)
    first = api.get("/campaigns?limit=3").json
    rest = api.get(f"/campaigns?limit=3&after={first['next']}").json
    assert [item["id"] for item in first["items"] + rest["items"]] == [each.pk for each in campaigns]
    assert (first["has_more"], rest["has_more"]) == (True, False)
    page = api.get("/brands?limit=1").json
    assert (page["next"], page["has_more"]) == (brand.pk, False)


@pytest.mark.parametrize("number", [1, 12])
def test_the_number_of_queries_does_not_grow(
    api: Api, number: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    api.get("/brands")
    for _ in range(number):
        campaign = CampaignFactory.create(daily_budget=Decimal(5))
        DaypartingScheduleFactory.create(campaign=campaign)
        BudgetService.record_spend(campaign, 1)
    with django_assert_num_queries(4):  # token, brands, periods, campaigns by status
        assert len(api.get("/brands").json["items"]) == number
    with django_assert_num_queries(5):  # token, campaigns, periods; brands' periods, facts
        assert len(api.get("/campaigns").json["items"]) == number


def test_a_raised_budget_resumes_at_once(api: Api, campaign: Campaign) -> None:
    BudgetService.record_spend(campaign, Decimal(100))
    answer = api.patch(f"/brands/{campaign.brand_id}", {"daily_budget": "100.000001"})
    assert (answer.code, answer.json["daily_budget"], answer.json["warnings"]) == (200, "100.000001", [])
    assert answer.json["campaigns"]["ACTIVE"] == 1
    campaign.refresh_from_db()
    assert campaign.is_active
    change = StatusChange.objects.latest("pk")
    assert (change.cause, change.by) == ("SETTINGS", "ann")
    assert campaign.brand.history.latest().history_user.username == "ann"


def test_a_budget_lowered_below_what_is_spent_is_taken_with_a_warning(api: Api, campaign: Campaign) -> None:
    BudgetService.record_spend(campaign, Decimal(60))
    answer = api.patch(f"/brands/{campaign.brand_id}", {"daily_budget": "50"})
    assert answer.json["warnings"] == ["daily_budget: 60.00 of 50.00 is spent already; nothing runs on it."]
    assert answer.json["campaigns"] == {"ACTIVE": 0, "PAUSED": 1, "INACTIVE": 0, "COMPLETED": 0}


def test_what_is_not_given_stays_and_null_is_no_limit(api: Api, campaign: Campaign) -> None:
    brand = campaign.brand
    answer = api.patch(f"/brands/{brand.pk}", {"daily_budget": None})
    assert (answer.json["daily_budget"], answer.json["monthly_budget"]) == (None, "2000.00")
    assert answer.json["is_active"] is True
    api.patch(f"/brands/{brand.pk}", {})
    brand.refresh_from_db()
    assert (brand.daily_budget, brand.monthly_budget, brand.is_active) == (None, Decimal(2000), True)


def test_a_brand_switched_off_stops_its_campaigns_and_leaves_what_was_asked(
    api: Api, campaign: Campaign
) -> None:
    answer = api.patch(f"/brands/{campaign.brand_id}", {"is_active": False})
    assert answer.json["campaigns"]["INACTIVE"] == 1
    told = api.get(f"/campaigns/{campaign.pk}").json
    assert (told["enabled"], told["reasons"][0]["code"]) == (True, "BRAND_INACTIVE")


def test_a_campaigns_settings_change(api: Api, campaign: Campaign) -> None:
    BudgetService.record_spend(campaign, Decimal(3))
    change = {
        "daily_budget": "3",
        "monthly_budget": "30.5",
        "total_budget": None,
        "start_date": TODAY.isoformat(),
        "end_date": (TODAY + timedelta(days=30)).isoformat(),
        "enabled": True,
    }
    answer = api.patch(f"/campaigns/{campaign.pk}", change)
    assert answer.code == 200
    told = {name: answer.json[name] for name in change}
    assert told == change | {"daily_budget": "3.00", "monthly_budget": "30.50"}
    assert answer.json["status"] == "PAUSED"
    assert answer.json["decision"]["reasons"][0]["code"] == "CAMPAIGN_DAILY"
    assert answer.json["warnings"] == ["daily_budget: 3.00 of 3.00 is spent already; nothing runs on it."]


def test_campaigns_that_add_up_to_more_than_the_brand_are_taken_with_a_warning(
    api: Api, campaign: Campaign
) -> None:
    CampaignFactory.create(brand=campaign.brand, daily_budget=Decimal(60))
    answer = api.patch(f"/campaigns/{campaign.pk}", {"daily_budget": "50"})
    assert answer.json["warnings"] == [
        (
            "daily_budget: the campaigns' add up to 110.00, more than the 100.00 of the brand, "
            "which binds all the same."
        )
    ]


def test_a_flight_that_ended_is_reopened_by_a_later_end(api: Api, campaign: Campaign) -> None:
    yesterday, tomorrow = (str(TODAY + timedelta(days=days)) for days in (-1, 1))
    assert api.patch(f"/campaigns/{campaign.pk}", {"end_date": yesterday}).json["status"] == "COMPLETED"
    assert api.patch(f"/campaigns/{campaign.pk}", {"end_date": tomorrow}).json["status"] == "ACTIVE"


@pytest.mark.parametrize("what", ["brands", "campaigns"])
@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"daily_budget": 50}, "daily_budget", "string"),
        ({"daily_budget": "-1"}, "daily_budget", "string"),
        ({"daily_budget": "1.0000001"}, "daily_budget", "string"),
        ({"monthly_budget": "999999999999"}, "monthly_budget", "out of range"),
        ({"name": "Other"}, "name", "not a field here"),
        ({"status": "ACTIVE"}, "status", "not a field here"),
        ({"currency": "EUR"}, "currency", "not a field here"),
    ],
)
def test_what_cannot_be_is_422_and_changes_nothing(
    api: Api, campaign: Campaign, what: str, change: dict[str, Any], field: str, says: str
) -> None:
    pk = campaign.brand_id if what == "brands" else campaign.pk
    answer = api.patch(f"/{what}/{pk}", {"monthly_budget": "7"} | change)
    assert (answer.code, answer.problem, answer.fields) == (422, "invalid", [field])
    assert says in answer.json["errors"][0]["message"]
    assert api.get(f"/{what}/{pk}").json["monthly_budget"] != "7.00"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"enabled": "yes"}, "true or false"),
        ({"enabled": None}, "true or false"),
        ({"start_date": "2026-02-30"}, "day is out of range"),
        ({"start_date": "soon"}, "2026-11-20"),
        ({"start_date": "2026-05-02", "end_date": "2026-05-01"}, "ends before it starts"),
    ],
)
def test_what_a_campaign_cannot_be_is_422(
    api: Api, campaign: Campaign, change: dict[str, Any], says: str
) -> None:
    answer = api.patch(f"/campaigns/{campaign.pk}", change)
    assert (answer.code, answer.problem) == (422, "invalid")
    assert says in answer.json["errors"][0]["message"]


def test_a_list_is_no_change(api: Api, campaign: Campaign) -> None:
    answer = api.patch(f"/campaigns/{campaign.pk}", [])
    assert (answer.code, answer.fields) == (422, [""])


def test_switching_off_and_on(api: Api, campaign: Campaign) -> None:
    off = api.post(f"/campaigns/{campaign.pk}/switch-off")
    assert (off.code, off.json["enabled"], off.json["status"]) == (200, False, "INACTIVE")
    assert api.post(f"/campaigns/{campaign.pk}/switch-off").json["status"] == "INACTIVE"
    on = api.post(f"/campaigns/{campaign.pk}/switch-on")
    assert (on.code, on.json["enabled"], on.json["status"]) == (200, True, "ACTIVE")
    assert [change.by for change in StatusChange.objects.filter(campaign=campaign)] == ["ann", "ann"]


@pytest.mark.parametrize("body", [{"until": "2026-12-01"}, [], "off"])
def test_what_is_sent_to_a_switch_is_refused_as_it_would_not_count(
    api: Api, campaign: Campaign, body: object
) -> None:
    answer = api.post(f"/campaigns/{campaign.pk}/switch-off", body)

    assert (answer.code, answer.problem, answer.json["detail"]) == (
        422,
        "invalid",
        "this takes no fields; leave the body out",
    )
    campaign.refresh_from_db()
    assert campaign.enabled
    assert api.post(f"/campaigns/{campaign.pk}/switch-off", {}).code == 200

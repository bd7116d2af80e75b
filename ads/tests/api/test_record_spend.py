"""POST /spend: what gets in, what does not, and what is answered."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from ads.models import Brand, BrandPeriod, Campaign, Kind, SpendLog
from ads.services import BudgetService, CampaignService
from ads.tests.api.conftest import NDJSON, Api, Enter, event
from ads.tests.factories import BrandFactory, CampaignFactory
from ads.tests.moments import NOON


def total() -> Decimal:
    return sum((log.amount for log in SpendLog.objects.all()), Decimal(0))


def test_a_new_event_is_booked_and_answered_201(api: Api, campaign: Campaign) -> None:
    answer = api.post("/spend", event(campaign, "click-1", "0.004", source="adserver", description="A click"))
    log = SpendLog.objects.get()
    assert (answer.code, answer.json) == (201, {"result": "accepted", "id": log.pk, "errors": []})
    assert (log.amount, log.source, log.external_id) == (Decimal("0.004"), "adserver", "click-1")
    assert (log.kind, log.description, log.recorded_by) == (Kind.SPEND, "A click", "ann")
    period = BrandPeriod.objects.get(brand=campaign.brand, kind="DAY")
    assert period.spent == Decimal("0.004")


def test_the_event_that_reaches_a_budget_pauses_before_the_answer(api: Api, campaign: Campaign) -> None:
    assert api.post("/spend", event(campaign, amount="100.00")).code == 201
    campaign.refresh_from_db()
    assert campaign.status == "PAUSED"


def test_the_same_again_is_a_duplicate_with_the_first_rows_id(api: Api, campaign: Campaign) -> None:
    first = api.post("/spend", event(campaign))
    again = api.post("/spend", event(campaign))
    assert (again.code, again.json) == (
        200,
        {"result": "duplicate", "id": first.json["id"], "errors": []},
    )
    assert SpendLog.objects.count() == 1


@pytest.mark.parametrize(
    "change", [{"amount": "10.01"}, {"kind": "ADJUSTMENT"}, {"occurred_at": "2026-01-05T10:00:00Z"}]
)
def test_the_same_id_with_other_content_is_409_and_counts_nothing(
    api: Api, campaign: Campaign, change: dict[str, Any]
) -> None:
    first = api.post("/spend", event(campaign))
    other = api.post("/spend", event(campaign, **change))
    assert (other.code, other.problem, other.fields) == (409, "conflict", ["external_id"])
    assert other.json["id"] == first.json["id"]
    assert "was recorded before as SPEND of 10.00" in other.json["detail"]
    assert total() == Decimal("10.00")


def test_another_brands_same_key_is_its_own(api: Api, campaign: Campaign) -> None:
    theirs = CampaignFactory.create()
    assert api.post("/spend", event(campaign, "same", "1.00")).code == 201
    assert api.post("/spend", event(theirs, "same", "2.00")).code == 201
    assert total() == Decimal("3.00")


def test_another_sources_same_key_is_its_own(api: Api, campaign: Campaign) -> None:
    assert api.post("/spend", event(campaign, source="one")).code == 201
    assert api.post("/spend", event(campaign, source="two")).code == 201
    assert SpendLog.objects.count() == 2


def test_a_campaign_can_be_named_as_its_platform_does(api: Api, brand: Brand) -> None:
    campaign = CampaignFactory.create(brand=brand, platform="meta", account="act_1", external_id="120")
    CampaignFactory.create(brand=brand, platform="meta", account="act_2", external_id="120")
    reference = {"platform": "meta", "account": "act_1", "external_id": "120"}
    assert api.post("/spend", event(reference)).code == 201
    assert SpendLog.objects.get().campaign_id == campaign.pk


def test_what_the_platform_dates_counts_for_that_date(api: Api, campaign: Campaign) -> None:
    yesterday = NOON.date() - timedelta(days=1)
    api.post("/spend", event(campaign, "dated", spent_on=yesterday.isoformat()))
    log = SpendLog.objects.get()
    assert (log.spent_on, log.occurred_at) == (yesterday, None)


def test_refunds_and_adjustments_are_negative(api: Api, campaign: Campaign) -> None:
    items = [event(campaign, "1", "50"), event(campaign, "2", "-20.5", kind="REFUND")]
    items.append(event(campaign, "3", "-0.25", kind="ADJUSTMENT"))
    assert api.post("/spend", items).json["counts"]["accepted"] == 3
    assert total() == Decimal("29.25")


@pytest.mark.parametrize(
    ("given", "field", "says"),
    [
        ({"amount": 12.5}, "amount", "string"),
        ({"amount": "1.1234567"}, "amount", "6 decimals"),
        ({"amount": "1,50"}, "amount", "string"),
        ({"amount": "1e5"}, "amount", "string"),
        ({"amount": "NaN"}, "amount", "string"),
        ({"amount": " 1"}, "amount", "string"),
        ({"amount": "١٢"}, "amount", "string"),
        ({"amount": "999999999999.99"}, "amount", "out of range"),
        ({"amount": "0"}, "amount", "0 is no event"),
        ({"amount": "-1"}, "amount", "REFUND or an ADJUSTMENT"),
        ({"amount": "1", "kind": "REFUND"}, "amount", "a REFUND is negative"),
        ({"amount": None}, "amount", "string"),
        ({"kind": "GIFT"}, "kind", "one of SPEND"),
        ({"external_id": ""}, "external_id", "is empty"),
        ({"external_id": None}, "external_id", "sent again"),
        ({"external_id": 7}, "external_id", "sent again"),
        ({"external_id": "x" * 256}, "external_id", "more than 255"),
        ({"external_id": "a\x00b"}, "external_id", "sent again"),
        ({"source": ""}, "source", "short name"),
        ({"source": "a\nb"}, "source", "short name"),
        ({"source": "reversal"}, "source", "kept for rows that take others back"),
        ({"currency": "usd"}, "currency", "ISO 4217"),
        ({"description": "x" * 256}, "description", "more than 255"),
        ({"occurred_at": "2026-01-05T10:00:00"}, "occurred_at", "offset"),
        ({"occurred_at": "2026-02-30T10:00:00Z"}, "occurred_at", "is no moment"),
        ({"occurred_at": "1999-01-01T00:00:00Z"}, "occurred_at", "before 2000"),
        ({"occurred_at": "0001-01-01T00:00:00+14:00"}, "occurred_at", "before 2000"),
        ({"occurred_at": 1767607200}, "occurred_at", "offset"),
        ({"occurred_at": "1767607200"}, "occurred_at", "offset"),
        ({"spent_on": "2026-13-01"}, "spent_on", "is no date"),
        ({"spent_on": "01/02/2026"}, "spent_on", "2026-11-20"),
        ({"spent_on": "2026-01-05", "occurred_at": "2026-01-05T10:00:00Z"}, "spent_on", "not both"),
        ({"campaign": 987654}, "campaign", "no such campaign"),
        ({"campaign": "1"}, "campaign", "campaign's id"),
        ({"campaign": True}, "campaign", "campaign's id"),
        ({"campaign": 0}, "campaign", "campaign's id"),
        ({"campaign": 2**63}, "campaign", "campaign's id"),
        ({"campaign": {"platform": "meta"}}, "campaign.external_id", "is missing"),
        ({"campaign": {"platform": "meta", "external_id": "1", "id": 5}}, "campaign.id", "not a field"),
        ({"campaign": {"platform": "\x00", "external_id": "1"}}, "campaign.platform", "pattern"),
        ({"amout": "5"}, "amout", "not a field here"),
        ({"id": 5}, "id", "not a field here"),
    ],
)
def test_what_cannot_be_counted_is_422_and_says_what_would_be_right(
    api: Api, campaign: Campaign, given: dict[str, Any], field: str, says: str
) -> None:
    answer = api.post("/spend", event(campaign) | given)
    assert (answer.code, answer.problem, answer.fields) == (422, "invalid", [field])
    assert says in answer.json["errors"][0]["message"]
    assert not SpendLog.objects.exists()


@pytest.mark.parametrize("missing", ["campaign", "amount", "external_id"])
def test_what_is_missing_is_named(api: Api, campaign: Campaign, missing: str) -> None:
    given = {name: value for name, value in event(campaign).items() if name != missing}
    answer = api.post("/spend", given)
    assert (answer.code, answer.json["errors"]) == (422, [{"field": missing, "message": "is missing"}])


def test_everything_wrong_with_an_event_is_told_at_once(api: Api, campaign: Campaign) -> None:
    answer = api.post("/spend", {"campaign": "x", "amount": 1, "unknown": 1})
    assert sorted(answer.fields) == ["amount", "campaign", "external_id", "unknown"]


MANY = [
    lambda items: (items, "application/json"),
    lambda items: ({"items": items}, "application/json"),
    lambda items: (b"\n".join(str(item).replace("'", '"').encode() for item in items), NDJSON),
]


@pytest.mark.parametrize("shape", MANY, ids=["list", "items", "ndjson"])
def test_of_many_all_that_is_good_goes_in_and_each_is_answered_in_its_place(
    api: Api, campaign: Campaign, shape: Any
) -> None:
    theirs = CampaignFactory.create()
    api.post("/spend", event(campaign, "old", "1.00"))
    items = [
        event(campaign, "new", "5.00"),
        event(campaign, "old", "1.00"),
        event(campaign, "old", "2.00"),
        event(campaign, "bad", "0"),
        event(theirs, "new", "7.00"),
        event(campaign, "new", "5.00"),
        event(campaign, "other source", "3.00", source="adserver"),
    ]
    answer = api.post("/spend", *shape(items))
    results = [item["result"] for item in answer.json["items"]]
    assert answer.code == 200
    assert results == [
        "accepted", "duplicate", "conflict", "refused", "accepted", "duplicate", "accepted",
    ]  # fmt: skip
    assert answer.json["counts"] == {
        "accepted": 3,
        "duplicate": 2,
        "conflict": 1,
        "quarantined": 0,
        "refused": 1,
    }
    assert answer.json["items"][3]["errors"] == [
        {"field": "amount", "message": "0 is no event; leave it out"}
    ]
    assert answer.json["items"][5]["id"] == answer.json["items"][0]["id"]
    assert total() == Decimal("16.00")


def test_items_that_are_no_objects_are_refused_in_their_place(api: Api, campaign: Campaign) -> None:
    answer = api.post("/spend", [5, None, [], "x", event(campaign)])
    assert [item["result"] for item in answer.json["items"]] == ["refused"] * 4 + ["accepted"]
    assert answer.json["items"][0]["errors"] == [{"field": "", "message": "give an object with named fields"}]


def test_a_line_that_is_no_json_does_not_keep_the_others_out(api: Api, campaign: Campaign) -> None:
    body = b'\xef\xbb\xbf{"campaign": %d, "external_id": "1", "amount": "1"}\r\n\n{"campaign": ' % campaign.pk
    answer = api.post("/spend", body, NDJSON)
    assert [item["result"] for item in answer.json["items"]] == ["accepted", "refused"]
    assert answer.json["items"][1]["errors"][0]["message"].startswith("this line is not JSON")


def test_an_empty_batch_is_answered_with_nothing(api: Api) -> None:
    answer = api.post("/spend", [])
    assert (answer.code, answer.json["items"]) == (200, [])


@pytest.mark.parametrize("shape", MANY, ids=["list", "items", "ndjson"])
def test_more_than_10_000_items_are_413(api: Api, shape: Any) -> None:
    answer = api.post("/spend", *shape([{}] * 10_001))
    assert (answer.code, answer.problem) == (413, "too-large")
    assert "10001 items; send at most 10000" in answer.json["detail"]


def test_unknown_fields_beside_items_are_refused(api: Api) -> None:
    answer = api.post("/spend", {"items": [], "source": "x"})
    assert (answer.code, answer.fields) == (422, ["source"])


@pytest.mark.parametrize("body", ["text", 5, None, True])
def test_a_body_of_another_shape_is_422(api: Api, body: object) -> None:
    answer = api.post("/spend", b"null" if body is None else body)
    assert (answer.code, answer.fields) == (422, [""])


def test_spend_on_what_is_switched_off_or_archived_is_recorded(api: Api, campaign: Campaign) -> None:
    CampaignService.archive(campaign)
    assert api.post("/spend", event(campaign)).code == 201
    assert SpendLog.objects.get().while_off


def test_events_and_totals_of_one_source_for_one_date_are_a_conflict(api: Api, campaign: Campaign) -> None:
    day = NOON.date().isoformat()
    assert api.post("/spend/snapshots", {"campaign": campaign.pk, "date": day, "amount": "5"}).code == 201
    answer = api.post("/spend", event(campaign))
    assert (answer.code, answer.problem, answer.fields) == (409, "conflict", ["source"])


def test_a_reversal_of_a_row_from_the_api_cannot_be_kept_from_people(api: Api, campaign: Campaign) -> None:
    log_id = api.post("/spend", event(campaign)).json["id"]
    squatted = event(campaign, str(log_id), "-1", kind="ADJUSTMENT", source="reversal")
    assert api.post("/spend", squatted).code == 422
    BudgetService.reverse_spend(SpendLog.objects.get(pk=log_id), "wrong")
    assert total() == 0


def test_a_brand_of_others_looks_like_one_that_is_not_there(enter: Enter, campaign: Campaign) -> None:
    mine, theirs = CampaignFactory.create(), CampaignFactory.create(platform="x", external_id="1")
    program = enter(mine.brand)
    answer = program.post(
        "/spend",
        [event(mine), event(theirs), event(10**6), event({"platform": "x", "external_id": "1"})],
    )
    assert [item["result"] for item in answer.json["items"]] == [
        "accepted", "refused", "refused", "quarantined",
    ]  # fmt: skip
    told = {str(item["errors"]) for item in answer.json["items"][1:3]}
    assert len(told) == 1
    nowhere = program.post("/spend", [event({"platform": "x", "external_id": "2"})])
    assert nowhere.json["items"] == [answer.json["items"][3]]
    assert not SpendLog.objects.filter(campaign=theirs).exists()


def test_the_number_of_queries_does_not_grow_with_the_items(
    api: Api, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    brand = BrandFactory.create(daily_budget=None, monthly_budget=None)
    campaigns = CampaignFactory.create_batch(5, brand=brand)
    api.post("/spend", [event(campaigns[0], "warm")])
    with django_assert_max_num_queries(100) as few:
        api.post("/spend", [event(campaigns[0], "a"), event(campaigns[1], "b")])
    with django_assert_max_num_queries(100) as many:
        api.post("/spend", [event(campaigns[i % 5], f"m{i}") for i in range(200)])
    assert len(many) <= len(few)

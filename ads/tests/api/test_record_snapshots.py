"""POST /spend/snapshots: totals so far, of which the ledger gets the differences."""

from decimal import Decimal
from typing import Any

import pytest

from ads.models import Campaign, Kind, SpendLog
from ads.tests.api.conftest import Api
from ads.tests.factories import CampaignFactory
from ads.tests.moments import NOON

TODAY = NOON.date().isoformat()


def snapshot(campaign: Campaign, amount: str, **more: Any) -> dict[str, Any]:
    return {"campaign": campaign.pk, "date": TODAY, "amount": amount, "source": "meta"} | more


def booked() -> list[tuple[str, Decimal]]:
    return [(log.kind, log.amount) for log in SpendLog.objects.order_by("pk")]


def test_the_newest_total_replaces_the_last_one(api: Api, campaign: Campaign) -> None:
    answers = [api.post("/spend/snapshots", snapshot(campaign, total)) for total in ("10", "12.5", "7", "0")]
    assert [answer.code for answer in answers] == [201] * 4
    assert [answer.json["booked"] for answer in answers] == ["10.00", "2.50", "-5.50", "-7.00"]
    assert booked() == [
        (Kind.SPEND, Decimal("10.00")),
        (Kind.SPEND, Decimal("2.50")),
        (Kind.ADJUSTMENT, Decimal("-5.50")),
        (Kind.ADJUSTMENT, Decimal("-7.00")),
    ]


def test_the_same_total_again_is_a_duplicate(api: Api, campaign: Campaign) -> None:
    api.post("/spend/snapshots", snapshot(campaign, "10"))
    again = api.post("/spend/snapshots", snapshot(campaign, "10.00"))
    assert (again.code, again.json) == (
        200,
        {"result": "duplicate", "id": None, "errors": [], "booked": "0.00"},
    )


def test_a_first_total_of_zero_is_a_value(api: Api, campaign: Campaign) -> None:
    answer = api.post("/spend/snapshots", snapshot(campaign, "0"))
    assert (answer.code, answer.json["result"], answer.json["booked"]) == (201, "accepted", "0.00")
    assert not SpendLog.objects.exists()


def test_an_older_total_is_a_duplicate(api: Api, campaign: Campaign) -> None:
    later, earlier = f"{TODAY}T00:00:02Z", f"{TODAY}T01:00:01+01:00"
    api.post("/spend/snapshots", snapshot(campaign, "10", as_of=later))
    answer = api.post("/spend/snapshots", snapshot(campaign, "99", as_of=earlier))
    assert (answer.code, answer.json["result"]) == (200, "duplicate")
    assert booked() == [(Kind.SPEND, Decimal("10.00"))]


def test_lines_add_up_and_each_is_replaced_on_its_own(api: Api, campaign: Campaign) -> None:
    lines = [snapshot(campaign, amount, line=f"ad={number}") for number, amount in enumerate(("1", "2"))]
    answer = api.post("/spend/snapshots", lines)
    assert answer.json["counts"]["accepted"] == 2
    assert api.post("/spend/snapshots", snapshot(campaign, "5", line="ad=1")).json["booked"] == "3.00"
    by_campaign = api.post("/spend/snapshots", snapshot(campaign, "6"))
    assert (by_campaign.code, by_campaign.problem, by_campaign.fields) == (409, "conflict", ["line"])


def test_hours_of_a_day_add_up(api: Api, campaign: Campaign) -> None:
    hours = [snapshot(campaign, "1.5", hour=hour) for hour in (0, 23)]
    assert api.post("/spend/snapshots", hours).json["counts"]["accepted"] == 2
    assert sum(amount for _, amount in booked()) == Decimal(3)


def test_of_totals_for_the_same_the_newest_counts(api: Api, campaign: Campaign) -> None:
    items = [
        snapshot(campaign, "12", as_of=f"{TODAY}T00:00:03Z"),
        snapshot(campaign, "10", as_of=f"{TODAY}T00:00:01Z"),
        snapshot(campaign, "11", as_of=f"{TODAY}T00:00:02Z", currency="USD"),
    ]
    answer = api.post("/spend/snapshots", items)
    assert [item["result"] for item in answer.json["items"]] == ["accepted", "duplicate", "duplicate"]
    assert booked() == [(Kind.SPEND, Decimal("12.00"))]


def test_two_totals_of_which_nothing_tells_the_newer_are_refused_both(api: Api, campaign: Campaign) -> None:
    other = CampaignFactory.create(brand=campaign.brand)
    items = [snapshot(campaign, "10"), snapshot(other, "1"), snapshot(campaign, "11", currency="USD")]
    answer = api.post("/spend/snapshots", items)
    assert [item["result"] for item in answer.json["items"]] == ["refused", "accepted", "refused"]
    assert "tell by as_of which is the newest" in answer.json["items"][0]["errors"][0]["message"]
    assert booked() == [(Kind.SPEND, Decimal("1.00"))]


def test_the_same_item_of_two_sources_counts_twice(api: Api, campaign: Campaign) -> None:
    items = [snapshot(campaign, "10", source=source) for source in ("meta", "google")]
    assert api.post("/spend/snapshots", items).json["counts"]["accepted"] == 2


@pytest.mark.parametrize(
    ("given", "field", "says"),
    [
        ({"amount": 3}, "amount", "string"),
        ({"date": "2026-02-30"}, "date", "is no date"),
        ({"date": None}, "date", "2026-11-20"),
        ({"hour": 24}, "hour", "0 to 23"),
        ({"hour": "5"}, "hour", "0 to 23"),
        ({"line": "x" * 256}, "line", "more than 255"),
        ({"line": "120216"}, "line", '"ad=120216"'),
        ({"line": "ad="}, "line", '"ad=120216"'),
        ({"as_of": "yesterday"}, "as_of", "offset"),
        ({"external_id": "1"}, "external_id", "not a field here"),
        ({"campaign": 10**9}, "campaign", "no such campaign"),
    ],
)
def test_what_cannot_be_counted_is_422_and_says_what_would_be_right(
    api: Api, campaign: Campaign, given: dict[str, Any], field: str, says: str
) -> None:
    answer = api.post("/spend/snapshots", snapshot(campaign, "1") | given)
    assert (answer.code, answer.problem, answer.fields) == (422, "invalid", [field])
    assert says in answer.json["errors"][0]["message"]

"""GET /spend: the ledger, filtered, a page at a time."""

from datetime import timedelta
from decimal import Decimal

import pytest
from pytest_django import DjangoAssertNumQueries

from ads.models import Campaign, Kind, SpendLog
from ads.services import BudgetService
from ads.tests.api.conftest import Api, Enter
from ads.tests.factories import CampaignFactory, SpendFactory
from ads.tests.moments import NOON

TODAY = NOON.date()


def ids(api: Api, query: str = "") -> list[int]:
    answer = api.get(f"/spend{query}")
    assert answer.code == 200, answer.content
    return [row["id"] for row in answer.json["items"]]


def test_a_row_is_told_whole_and_its_amount_exactly(api: Api, campaign: Campaign) -> None:
    log = BudgetService.record_spend(
        campaign, Decimal("12345678901.000001"), "big", source="adserver", external_id="é/1", by="cron"
    )
    (row,) = api.get("/spend").json["items"]
    assert row == {
        "id": log.pk,
        "brand": campaign.brand_id,
        "campaign": campaign.pk,
        "kind": "SPEND",
        "amount": "12345678901.000001",
        "currency": "USD",
        "occurred_at": "2026-03-10T12:00:00Z",
        "recorded_at": "2026-03-10T12:00:00Z",
        "spent_on": TODAY.isoformat(),
        "source": "adserver",
        "external_id": "é/1",
        "description": "big",
        "recorded_by": "cron",
        "while_off": False,
        "reverses": None,
    }


@pytest.mark.parametrize(
    ("amount", "told"),
    [("50", "50.00"), ("0.1", "0.10"), ("0.004", "0.004"), ("0.000001", "0.000001"), ("100000", "100000.00")],
)
def test_amounts_have_two_decimals_or_as_many_more_as_they_need(
    api: Api, campaign: Campaign, amount: str, told: str
) -> None:
    SpendFactory.create(campaign=campaign, amount=Decimal(amount))
    assert api.get("/spend").json["items"][0]["amount"] == told


def test_filters_narrow(api: Api, campaign: Campaign) -> None:
    other = CampaignFactory.create(brand=campaign.brand)
    theirs = CampaignFactory.create()
    a = BudgetService.record_spend(campaign, 1).pk
    b = BudgetService.record_spend(other, 2, source="meta").pk
    c = BudgetService.record_spend(theirs, -3, kind=Kind.REFUND).pk
    d = BudgetService.record_spend(campaign, 4, occurred_at=NOON - timedelta(days=3)).pk
    yesterday = TODAY - timedelta(days=1)
    assert ids(api) == [a, b, c, d]
    assert ids(api, f"?brand={campaign.brand_id}") == [a, b, d]
    assert ids(api, f"?campaign={campaign.pk}") == [a, d]
    assert ids(api, "?kind=REFUND") == [c]
    assert ids(api, "?source=meta") == [b]
    assert ids(api, f"?spent_from={yesterday}") == [a, b, c]
    assert ids(api, f"?spent_to={yesterday}") == [d]
    assert ids(api, f"?brand={campaign.brand_id}&kind=SPEND&source=manual&spent_from={TODAY}") == [a]


def test_pages_meet_without_gap_or_overlap(api: Api, campaign: Campaign) -> None:
    expected = [BudgetService.record_spend(campaign, 1).pk for _ in range(7)]
    found: list[int] = []
    after, has_more = 0, True
    while has_more:
        page = api.get(f"/spend?limit=3&after={after}").json
        found += [row["id"] for row in page["items"]]
        after, has_more = page["next"], page["has_more"]
    assert found == expected
    assert api.get(f"/spend?after={after}").json == {"items": [], "next": after, "has_more": False}
    late = BudgetService.record_spend(campaign, 1).pk
    assert ids(api, f"?after={after}") == [late]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=x", "limit"),
        ("after=-1", "after"),
        (f"after={2**63}", "after"),
        ("kind=GIFT", "kind"),
        ("spent_from=2026-02-30", "spent_from"),
        ("spent_to=1770000000", "spent_to"),
        ("spent_to=0", "spent_to"),
        ("brand=0", "brand"),
        ("source=%00", "source"),
        ("brnad=1", "brnad"),
        ("campaign=1&campaign=2", "campaign"),
    ],
)
def test_parameters_that_cannot_be_taken_are_422(api: Api, query: str, field: str) -> None:
    answer = api.get(f"/spend?{query}")
    assert (answer.code, answer.problem, answer.fields) == (422, "invalid", [field])


def test_others_rows_are_not_there(enter: Enter, campaign: Campaign) -> None:
    mine = BudgetService.record_spend(campaign, 1).pk
    theirs = BudgetService.record_spend(CampaignFactory.create(), 1)
    program = enter(campaign.brand)
    assert ids(program) == [mine]
    for query in (f"brand={theirs.brand_id}", f"campaign={theirs.campaign_id}", f"brand={10**6}"):
        answer = program.get(f"/spend?{query}")
        assert (answer.code, answer.problem) == (404, "not-found")


def test_the_number_of_queries_does_not_grow(
    api: Api, campaign: Campaign, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    api.get("/spend")
    for number in (1, 30):
        SpendLog.objects.bulk_create(
            [SpendLog(campaign=campaign, amount_micros=1_000_000) for _ in range(number)]
        )
        with django_assert_num_queries(2):  # the token, the rows
            assert api.get("/spend?limit=1000").code == 200

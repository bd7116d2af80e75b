"""What cannot be counted yet is kept whole: answered 202 or in its place, matched by a person, and then known."""

from decimal import Decimal
from typing import Any

import pytest

from ads.models import Brand, CampaignAlias, QuarantinedSpend, SpendLog
from ads.services.release import release, waiting_like
from ads.tests.api.conftest import Api, Enter
from ads.tests.factories import BrandFactory, CampaignFactory
from ads.tests.moments import NOON

UNKNOWN = {"platform": "meta", "account": "act_1", "external_id": "120"}
KEPT = {
    "field": "campaign",
    "message": "there is no such campaign, or this token has no right to it; kept until somebody matches it to one",
}


def event(campaign: object, external_id: str = "1", **more: object) -> dict[str, Any]:
    return {"campaign": campaign, "amount": "2.50", "external_id": external_id, **more}


def test_an_unknown_campaign_is_kept_for_the_token_s_brand(enter: Enter) -> None:
    brand = BrandFactory.create()
    program = enter(brand)
    answer = program.post("/spend", event(UNKNOWN, description="a click"))

    assert (answer.code, answer.json) == (202, {"result": "quarantined", "id": None, "errors": [KEPT]})
    (row,) = QuarantinedSpend.objects.all()
    assert (row.brand, row.problem, row.amount, row.external_id) == (
        brand, "UNKNOWN_CAMPAIGN", Decimal("2.50"), "1",
    )  # fmt: skip
    assert (row.platform, row.account, row.campaign_ref, row.description) == (
        "meta",
        "act_1",
        "120",
        "a click",
    )
    assert program.post("/spend", event(UNKNOWN, description="a click")).code == 202
    assert QuarantinedSpend.objects.count() == 1
    assert not SpendLog.objects.exists()


def test_for_nobody_s_where_the_token_sees_several_brands(api: Api) -> None:
    BrandFactory.create_batch(2)
    assert api.post("/spend", event(UNKNOWN)).code == 202
    assert QuarantinedSpend.objects.get().brand is None


def test_once_matched_it_is_counted_and_the_platform_s_name_is_known(enter: Enter) -> None:
    brand = BrandFactory.create()
    campaign, program = CampaignFactory.create(brand=brand), enter(brand)
    day = NOON.date().isoformat()
    program.post("/spend", event(UNKNOWN))
    program.post("/spend/snapshots", {"campaign": UNKNOWN, "date": day, "amount": "4", "source": "feed"})
    rows = waiting_like(QuarantinedSpend.objects.all()[0])
    assert release([row.pk for row in rows], campaign=campaign, now=NOON).booked_micros == 6_500_000

    assert program.post("/spend", event(UNKNOWN)).json["result"] == "duplicate"
    assert program.post("/spend", event(UNKNOWN, "2")).json["result"] == "accepted"
    again = program.post(
        "/spend/snapshots", {"campaign": UNKNOWN, "date": day, "amount": "5", "source": "feed"}
    )
    assert (again.json["result"], again.json["booked"]) == ("accepted", "1.00")
    assert set(SpendLog.objects.values_list("campaign_id", flat=True)) == {campaign.pk}


def test_a_match_in_another_brand_is_not_this_token_s(enter: Enter) -> None:
    brand, other = BrandFactory.create_batch(2)
    theirs = CampaignFactory.create(brand=other)
    CampaignAlias.objects.create(
        brand=other, campaign=theirs, platform="meta", account="act_1", external_id="120", created_at=NOON
    )
    assert enter(brand).post("/spend", event(UNKNOWN)).code == 202
    assert not SpendLog.objects.exists()


@pytest.mark.parametrize(
    ("given", "field", "problem"),
    [
        ({"currency": "EUR"}, "currency", "CURRENCY"),
        ({"occurred_at": "2099-01-01T00:00:00Z"}, "occurred_at", "TOO_FAR_AHEAD"),
        ({"occurred_at": "9999-12-31T23:59:59-12:00"}, "occurred_at", "TOO_FAR_AHEAD"),
        ({"spent_on": "2099-01-01"}, "spent_on", "TOO_FAR_AHEAD"),
    ],
)
def test_what_cannot_be_counted_yet_waits(
    api: Api, brand: Brand, given: dict[str, str], field: str, problem: str
) -> None:
    campaign = CampaignFactory.create(brand=brand)
    answer = api.post("/spend", event(campaign.pk, **given))

    assert (answer.code, answer.json["errors"][0]["field"]) == (202, field)
    assert QuarantinedSpend.objects.get().problem == problem
    assert not SpendLog.objects.exists()


def test_a_conflict_is_kept_for_a_person_and_still_a_conflict(api: Api, brand: Brand) -> None:
    campaign = CampaignFactory.create(brand=brand)
    api.post("/spend", event(campaign.pk))
    assert api.post("/spend", event(campaign.pk, amount="3")).code == 409
    (row,) = QuarantinedSpend.objects.all()
    assert (row.problem, row.campaign, row.amount) == ("CONFLICT", campaign, Decimal(3))


def test_many_are_answered_in_their_place(api: Api, brand: Brand) -> None:
    campaign = CampaignFactory.create(brand=brand)
    items = [
        event(campaign.pk),
        event(UNKNOWN, "2"),
        event(campaign.pk, "3", currency="EUR"),
        {"amount": "1"},
    ]
    answer = api.post("/spend", items)

    assert answer.json["counts"] == {
        "accepted": 1, "duplicate": 0, "conflict": 0, "quarantined": 2, "refused": 1,
    }  # fmt: skip

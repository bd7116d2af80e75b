"""Alerts over the API: the same words as on the pages, the same rights, the same state afterwards."""

from decimal import Decimal

from django.db import connection
from django.test.utils import CaptureQueriesContext
from freezegun import freeze_time

from ads.models import Alert, AlertKind, AlertRule, Campaign
from ads.services import BudgetService
from ads.tests.api.conftest import Api, Enter
from ads.tests.factories import CampaignFactory
from ads.tests.moments import NOON

PAUSES = "The system pauses what it limits until a new period, a higher budget or a reset."


def cross(campaign: Campaign) -> Alert:
    """From nothing to 105 % of the brand's day."""
    AlertRule.objects.exclude(kind=AlertKind.THRESHOLD).update(is_active=False)
    BudgetService.record_spend(campaign, Decimal(105), now=NOON)
    return Alert.objects.get(brand=campaign.brand)


@freeze_time(NOON)
def test_an_alert_is_told_whole(api: Api, campaign: Campaign) -> None:
    alert = cross(campaign)
    answer = api.get("/alerts").json
    assert (answer["next"], answer["has_more"]) == (alert.pk, False)
    assert answer["items"] == [
        {
            "id": alert.pk,
            "kind": "THRESHOLD",
            "brand": campaign.brand_id,
            "campaign": None,
            "state": "open",
            "title": "Acme: 50, 80, 90 and 100 % of the daily budget reached",
            "lines": [
                "$105.00 of $100.00 spent on Tue 10 Mar 2026, 105 %: $5.00 over.",
                "Since 12:00 on Tue 10 Mar 2026 (UTC).",
                f"The budget is reached. {PAUSES}",
            ],
            "steps": [50, 80, 90, 100],
            "period": "DAY",
            "starts_on": "2026-03-10",
            "spent": "105.00",
            "budget": "100.00",
            "raised_at": "2026-03-10T12:00:00Z",
            "changed_at": "2026-03-10T12:00:00Z",
            "acknowledged_by": "",
            "snoozed_until": None,
            "resolved_at": None,
            "resolved_by": "",
            "ended_at": None,
        }
    ]


@freeze_time(NOON)
def test_handling_it_is_in_the_name_of_the_tokens_user(api: Api, campaign: Campaign) -> None:
    alert = cross(campaign)
    told = api.post(f"/alerts/{alert.pk}/acknowledge").json
    assert (told["state"], told["acknowledged_by"]) == ("acknowledged", "ann")
    told = api.post(f"/alerts/{alert.pk}/resolve").json
    assert (told["state"], told["resolved_by"], told["ended_at"]) == ("resolved", "ann", None)
    assert api.get("/alerts").json["items"] == []
    assert [each["id"] for each in api.get("/alerts?resolved=true").json["items"]] == [alert.pk]
    alert.refresh_from_db()
    assert alert.resolved_at == NOON


@freeze_time(NOON)
def test_others_alerts_and_those_of_no_brand_are_not_there(enter: Enter, campaign: Campaign) -> None:
    theirs = cross(campaign)
    Alert.objects.create(key="q", kind=AlertKind.QUARANTINE, raised_at=NOON, changed_at=NOON)
    program = enter(CampaignFactory.create().brand)
    assert program.get("/alerts").json["items"] == []
    assert program.post(f"/alerts/{theirs.pk}/resolve").code == 404
    theirs.refresh_from_db()
    assert theirs.resolved_at is None


@freeze_time(NOON)
def test_a_list_is_narrowed_and_costs_the_same_however_long(api: Api, campaign: Campaign) -> None:
    alert = cross(campaign)
    assert api.get("/alerts").code == 200  # which also notes that the token is used
    costs = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            assert api.get("/alerts").code == 200
        costs.append(len(queries))
        for other in CampaignFactory.create_batch(3):
            cross(other)
    assert costs[0] == costs[1]
    of_brand = api.get(f"/alerts?brand={campaign.brand_id}").json["items"]
    assert [each["id"] for each in of_brand] == [alert.pk]
    assert api.get("/alerts?kind=SPIKE").json["items"] == []
    assert api.get("/alerts?kind=NONE").code == 422

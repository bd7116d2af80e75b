"""The list of campaigns: found by status, reason, brand or a part of the name, in as many queries as for one."""

import re
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from ads.models import Brand, Campaign
from ads.services import BudgetService, CampaignService
from ads.tests.dashboard.reading import text
from ads.tests.factories import BrandFactory, CampaignFactory, DaypartingScheduleFactory

pytestmark = pytest.mark.django_db


def names(response: Any) -> list[str]:
    return re.findall(r'class="name" href="[^"]*">([^<]*)<', response.content.decode())


def chips(response: Any) -> list[str]:
    found = re.findall(r'class="chip"[^>]*>(\w+) <span class="n">(\d+)', response.content.decode())
    return [f"{label} {number}" for label, number in found]


@pytest.fixture
def five(brand: Brand) -> dict[str, Campaign]:
    """One running, one at its own limit, one off, one over, one archived."""
    made = {
        name: CampaignFactory.create(brand=brand, name=name)
        for name in ("Alpha", "Beta", "Gamma", "Delta", "Omega")
    }
    Campaign.objects.filter(name="Beta").update(daily_budget_micros=5_000_000)
    BudgetService.record_spend(made["Beta"], Decimal("5.50"))
    CampaignService.switch_off(made["Gamma"])
    Campaign.objects.filter(name="Delta").update(end_date=date(2026, 3, 9))
    CampaignService.archive(made["Omega"])
    return made


def test_a_row_tells_status_reasons_amounts_and_what_comes_next(
    nina: Client, five: dict[str, Campaign]
) -> None:
    page = text(nina.get("/campaigns/"))
    assert "1 of 4 campaigns running" in page
    assert (
        "Beta Acme Paused Campaign daily budget reached $5 .50 of $5.00 $5 .50 no limit "
        "Runs again at 00:00 tomorrow, Wed 11 Mar UTC 12:00"
    ) in page
    assert (
        "Gamma Acme Off Switched off by a person $0 .00 no limit $0 .00 no limit None: stays off until switched on"
        in page
    )
    assert "Alpha Acme Running $0 .00 no limit $0 .00 no limit None by the clock" in page
    assert "Delta Acme Completed Flight ended" in page


def test_filters_leave_what_fits_and_count_what_each_status_would(
    nina: Client, five: dict[str, Campaign]
) -> None:
    page = nina.get("/campaigns/")
    assert names(page) == ["Alpha", "Beta", "Delta", "Gamma"]
    assert chips(page) == ["All 4", "Running 1", "Paused 1", "Off 1", "Completed 1", "Archived 1"]
    assert names(nina.get("/campaigns/", {"status": "PAUSED"})) == ["Beta"]
    assert names(nina.get("/campaigns/", {"status": "archived"})) == ["Omega"]
    assert names(nina.get("/campaigns/", {"reason": "FLIGHT_ENDED"})) == ["Delta"]
    assert names(nina.get("/campaigns/", {"q": "alp"})) == ["Alpha"]
    assert names(nina.get("/campaigns/", {"q": "acme", "status": "INACTIVE"})) == ["Gamma"]
    filtered = nina.get("/campaigns/", {"q": "a", "reason": "CAMPAIGN_DAILY"})
    assert chips(filtered) == ["All 1", "Running 0", "Paused 1", "Off 0", "Completed 0", "Archived 0"]
    assert "?q=a&amp;status=PAUSED&amp;reason=CAMPAIGN_DAILY" in filtered.content.decode()


def test_what_is_asked_wrongly_is_not_asked(nina: Client, five: dict[str, Campaign]) -> None:
    asked = {"status": "x", "reason": "y", "brand": "z", "page": "-1"}
    assert names(nina.get("/campaigns/", asked)) == ["Alpha", "Beta", "Delta", "Gamma"]


def test_only_campaigns_of_ones_own_brands_are_listed_and_counted(
    nina: Client, five: dict[str, Campaign]
) -> None:
    hidden = CampaignFactory.create(brand__name="Zenith", name="Alpha Secret")
    page = nina.get("/campaigns/", {"q": "alpha"})
    assert names(page) == ["Alpha"]
    assert chips(page)[0] == "All 1"
    assert "Zenith" not in page.content.decode()
    assert names(nina.get("/campaigns/", {"brand": hidden.brand_id})) == []


def test_nothing_found_and_nothing_there_are_told_apart(nina: Client, ada: Client) -> None:
    page = text(nina.get("/campaigns/"))
    assert "No campaigns yet" in page
    assert "An administrator can add one." in page
    assert "Add a campaign" not in page
    assert "Add a campaign" in text(ada.get("/campaigns/"))
    page = text(nina.get("/campaigns/", {"q": "zzz"}))
    assert "No campaign fits" in page
    assert "Clear all filters" in page


def test_pages_of_fifty_follow_each_other_with_their_filters(ada: Client, brand: Brand) -> None:
    for number in range(101):
        CampaignFactory.create(brand=brand, name=f"Same {number:03}")
    first = ada.get("/campaigns/", {"q": "same"})
    assert (names(first)[0], names(first)[-1], len(names(first))) == ("Same 000", "Same 049", 50)
    assert "1 to 50 of 101" in text(first)
    assert '<a class="btn btn-s" href="?q=same&amp;page=2">Next</a>' in first.content.decode()
    assert "Previous" not in first.content.decode()
    last = ada.get("/campaigns/", {"q": "same", "page": "3"})
    assert names(last) == ["Same 100"]
    assert names(ada.get("/campaigns/", {"q": "same", "page": "99"})) == ["Same 100"]


def test_many_campaigns_of_many_brands_ask_as_often_as_one(ada: Client, campaign: Campaign) -> None:
    ada.get("/campaigns/")
    with CaptureQueriesContext(connection) as few:
        ada.get("/campaigns/")
    for number in range(20):
        each = CampaignFactory.create(brand=BrandFactory.create(), daily_budget=Decimal(5 + number % 2))
        DaypartingScheduleFactory.create(campaign=each)
        BudgetService.record_spend(each, Decimal(5))
    with CaptureQueriesContext(connection) as many:
        ada.get("/campaigns/")
    assert len(many) == len(few) == 9

"""Budgets of many brands or campaigns changed by a percentage, from their lists."""

import re
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from ads.models import Brand, Campaign
from ads.rights import TRAFFICKER
from ads.rules.serving import Reason, Status
from ads.services import BudgetService, CampaignService
from ads.tests.admin.browser import list_url, run, told
from ads.tests.factories import BrandFactory, CampaignFactory
from ads.tests.moments import changes, state
from ads.tests.people import take_role

DAILY, BOTH = ["daily"], ["daily", "monthly"]


def words(page: Any) -> str:
    """The page as it reads."""
    text = re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", page.content.decode(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", text.replace("&#x27;", "'"))


def see(client: Client, rows: Any, percent: str, budgets: list[str]) -> Any:
    """What follows, as the page tells it."""
    return ask(client, rows, percent=percent, budgets=budgets)


def ask(client: Client, rows: Any, **sent: Any) -> Any:
    chosen = list(rows)
    data = {
        "action": "change_budgets",
        "select_across": "1",
        "_selected_action": chosen[0].pk,
        "rows": ",".join(str(row.pk) for row in chosen),
    }
    return client.post(list_url(type(chosen[0])), data | sent)


def change(client: Client, rows: Any, page: Any, **more: Any) -> Any:
    """Presses the button of the page that told what follows."""
    form = page.context["form"]
    sent = {"percent": form["percent"].value(), "budgets": form["budgets"].value()}
    return ask(client, rows, save="1", seen=page.context["seen"], **(sent | more))


def test_the_list_leads_to_the_question(nina: Client, brand: Brand) -> None:
    page = run(nina, "change_budgets", [brand])
    assert "Change budgets of 1 brand" in words(page)
    assert page.context["rows"] == str(brand.pk)
    assert "seen" not in page.context
    brand.refresh_from_db()
    assert brand.daily_budget == Decimal(100)


def test_it_tells_each_budget_before_and_after_and_what_follows(ada: Client, brand: Brand) -> None:
    """Acme has 3 campaigns paused by its 100.00; Beta is about to be stopped; Free has no limit."""
    for campaign in CampaignFactory.create_batch(3, brand=brand):
        BudgetService.record_spend(campaign, Decimal(35))
    free = BrandFactory.create(name="Free", daily_budget=None, monthly_budget=None)
    page = see(ada, [brand, free], "+10", BOTH)
    text = words(page)
    assert "+10%: what follows 3 paused campaigns resume now." in text
    assert (
        "Acme $100.00 → becomes $110.00 $2,000.00 → becomes $2,200.00 3 paused campaigns resume now." in text
    )
    assert "Free No limit set, left No limit set, left Left as it is" in text
    assert "1 of them stays as it is" in text
    assert "Change 2 budgets and resume 3" in text
    brand.refresh_from_db()
    assert (brand.daily_budget, brand.monthly_budget) == (Decimal(100), Decimal(2000))
    assert Campaign.objects.filter(status=Status.PAUSED).count() == 3


def test_what_it_told_is_done_in_the_persons_name(
    nina: Client, manager: User, brand: Brand, campaign: Campaign
) -> None:
    BudgetService.record_spend(campaign, Decimal(96))
    page = see(nina, [brand], "-5", DAILY)
    assert "1 running campaign pauses now" in words(page)
    assert "Change 1 budget and pause 1" in words(page)
    assert state(campaign) == (Status.ACTIVE, ())
    done = change(nina, [brand], page)
    first, second = told(done)
    assert first == "1 budget of 1 brand changed by -5%."
    assert second == "Summer Sale (Acme) paused: Brand daily budget reached."
    brand.refresh_from_db()
    assert (brand.daily_budget, brand.monthly_budget) == (Decimal(95), Decimal(2000))
    assert state(campaign) == (Status.PAUSED, (Reason.BRAND_DAILY,))
    assert brand.history.latest("history_id").history_user == manager


def test_it_is_refused_and_told_anew_when_something_changed(
    ada: Client, brand: Brand, campaign: Campaign
) -> None:
    BudgetService.record_spend(campaign, Decimal(96))
    page = see(ada, [brand], "-5", DAILY)
    BudgetService.record_spend(campaign, Decimal(4))
    again = change(ada, [brand], page)
    assert again.status_code == 200
    assert "Something changed since this was told." in words(again)
    assert "No campaign changes now." in words(again)
    brand.refresh_from_db()
    assert brand.daily_budget == Decimal(100)
    assert change(ada, [brand], again).status_code == 302
    brand.refresh_from_db()
    assert brand.daily_budget == Decimal(95)
    assert len(changes(campaign)) == 1


def test_nothing_is_done_that_nobody_was_told(ada: Client, brand: Brand) -> None:
    for sent in ({}, {"seen": ""}, {"seen": "forged"}):
        page = ask(ada, [brand], percent="10", budgets=DAILY, save="1", **sent)
        assert "Something changed since this was told." in words(page)
    brand.refresh_from_db()
    assert brand.daily_budget == Decimal(100)


@pytest.mark.parametrize(
    ("percent", "budgets", "why"),
    [
        ("", DAILY, "Give a number, such as 10 or -5."),
        ("ten", DAILY, "Give a number, such as 10 or -5."),
        ("NaN", DAILY, "Give a number, such as 10 or -5."),
        ("0", DAILY, "0 changes nothing; give a number such as 10 or -5."),
        ("-100.5", DAILY, "greater than or equal to -100"),
        ("1001", DAILY, "less than or equal to 1000"),
        ("1.234", DAILY, "no more than 2 decimal places"),
        ("10", [], "Choose at least one budget."),
        ("10", ["total"], "total is not one of the available choices"),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    ada: Client, brand: Brand, percent: str, budgets: list[str], why: str
) -> None:
    for more in ({}, {"save": "1", "seen": "x"}):
        page = ask(ada, [brand], percent=percent, budgets=budgets, **more)
        assert why in words(page)
        assert "seen" not in page.context
    brand.refresh_from_db()
    assert brand.daily_budget == Decimal(100)


@pytest.mark.parametrize("percent", ["10", "+10", "10%", " +10.00 "])
def test_a_percentage_is_taken_as_people_write_it(ada: Client, brand: Brand, percent: str) -> None:
    assert "+10%: what follows" in words(see(ada, [brand], percent, DAILY))
    assert "-5%: what follows" in words(see(ada, [brand], "\N{MINUS SIGN}5", DAILY))


def test_a_budget_out_of_range_is_named(ada: Client, brand: Brand) -> None:
    rich = BrandFactory.create(name="Rich", daily_budget=Decimal(95_000_000_000))
    page = see(ada, [brand, rich], "10", DAILY)
    assert "Daily budget of Rich: '104500000000.00' is out of range" in words(page)
    assert "seen" not in page.context


def test_campaigns_tell_of_each_what_becomes_of_it(ada: Client, brand: Brand) -> None:
    brand.currency = "JPY"
    brand.save()
    spent = CampaignFactory.create(brand=brand, name="Spent", daily_budget=Decimal(20))
    off = CampaignFactory.create(brand=brand, name="Off", daily_budget=Decimal(20), total_budget=Decimal(5))
    bare = CampaignFactory.create(brand=brand, name="Bare")
    both = CampaignFactory.create(brand=brand, name="Both", daily_budget=Decimal(9), total_budget=Decimal(10))
    close = CampaignFactory.create(brand=brand, name="Close", daily_budget=Decimal(30))
    CampaignService.switch_off(off)
    BudgetService.record_spend(spent, Decimal(20))
    BudgetService.record_spend(both, Decimal(11))
    BudgetService.record_spend(close, Decimal(20))
    page = see(ada, Campaign.objects.all(), "25", ["daily", "total"])
    text = words(page)
    assert "Spent Acme ¥20 → becomes ¥25 No limit set, left Resumes now" in text
    assert "Off Acme ¥20 → becomes ¥25 ¥5 → becomes ¥6 Stays off" in text
    assert "Bare Acme No limit set, left No limit set, left Left as it is" in text
    assert "Both Acme ¥9 → becomes ¥11 ¥10 → becomes ¥12 Stays paused: campaign daily budget" in text
    assert "Close Acme ¥30 → becomes ¥38 No limit set, left Goes on running" in text
    assert "Change 6 budgets and resume 1" in text
    lower = words(see(ada, [close], "-33", DAILY))
    assert "Close Acme ¥30 → becomes ¥20 Pauses now: campaign daily budget" in lower
    change(ada, Campaign.objects.all(), page)
    both.refresh_from_db()
    assert (both.daily_budget, both.monthly_budget, both.total_budget) == (Decimal(11), None, Decimal(12))
    assert state(spent) == (Status.ACTIVE, ())
    bare.refresh_from_db()
    assert bare.daily_budget is None


def test_a_budget_that_becomes_nothing_is_pointed_out(ada: Client, brand: Brand) -> None:
    assert "$100.00 → becomes $0.00 Nothing may be spent" in words(see(ada, [brand], "-100", DAILY))


def test_only_ones_own_are_changed_whatever_is_sent(nina: Client, brand: Brand, other_brand: Brand) -> None:
    page = see(nina, [brand, other_brand], "10", DAILY)
    assert "Zenith" not in words(page)
    change(nina, [brand, other_brand], page)
    brand.refresh_from_db()
    other_brand.refresh_from_db()
    assert (brand.daily_budget, other_brand.daily_budget) == (Decimal(110), Decimal(100))


def test_without_the_right_nothing_is_told_or_changed(nina: Client, manager: User, brand: Brand) -> None:
    take_role(manager, TRAFFICKER)
    for sent in ({}, {"save": "1"}):
        page = ask(nina, [brand], percent="10", budgets=DAILY, **sent)
        assert "what follows" not in words(page)
    brand.refresh_from_db()
    assert brand.daily_budget == Decimal(100)


def test_at_most_a_thousand_at_a_time(ada: Client, brand: Brand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ads.admin.budget_percent.MOST_ROWS", 1)
    BrandFactory.create()
    response = run(ada, "change_budgets", Brand.objects.all())
    assert told(response) == ["Choose at most 1 brands at a time."]


def test_a_page_of_30_takes_as_many_queries_as_one_of_3(ada: Client) -> None:
    def queries(number: int) -> tuple[int, int]:
        brands = BrandFactory.create_batch(number)
        for brand in brands:
            BudgetService.record_spend(CampaignFactory.create(brand=brand), Decimal(96))
        with CaptureQueriesContext(connection) as seen:
            page = see(ada, brands, "-5", BOTH)
        assert f"Change {2 * number} budgets and pause {number}" in words(page)
        with CaptureQueriesContext(connection) as done:
            change(ada, brands, page)
        return len(seen), len(done)

    queries(2)  # fills the caches
    assert queries(3) == queries(30)

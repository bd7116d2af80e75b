"""What people do on a brand's page: what follows is told before, done once, and told afterwards."""

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from ads.models import Brand, Campaign, StatusChange, Waiver
from ads.rights import ACCOUNT_MANAGER
from ads.rules.serving import Reason, Status
from ads.services import BudgetService, brand_acts
from ads.tests.dashboard.reading import plain as text
from ads.tests.factories import BrandFactory, CampaignFactory
from ads.tests.moments import changes, state
from ads.tests.people import take_role

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


def budget_url(brand: Brand, period: str = "daily") -> str:
    return f"/brands/{brand.pk}/budgets/{period}/"


def ask(client: Client, brand: Brand, amount: str, period: str = "daily") -> Any:
    """What would follow, as the box asks while somebody writes."""
    return client.get(budget_url(brand, period), {"amount": amount}, headers=HTMX)


def save(client: Client, brand: Brand, amount: str, period: str = "daily", **more: Any) -> Any:
    return client.post(budget_url(brand, period), {"amount": amount} | more, follow=True)


@pytest.fixture
def manager(nina: Client) -> Client:
    """A browser in which somebody who may change Acme is signed in."""
    take_role(User.objects.get(username="nina"), ACCOUNT_MANAGER)
    return nina


@pytest.fixture
def stopped(brand: Brand) -> list[Campaign]:
    """Three campaigns behind the brand's day of 100.00; the last has reached its own budget too."""
    campaigns = [CampaignFactory.create(brand=brand, name=name) for name in ("Search", "Social")]
    campaigns.append(CampaignFactory.create(brand=brand, name="Kids", daily_budget=Decimal(10)))
    BudgetService.record_spend(campaigns[2], Decimal(10))
    BudgetService.record_spend(campaigns[0], Decimal(90))
    return campaigns


def test_raising_a_budget_tells_first_who_resumes_and_who_does_not(
    manager: Client, brand: Brand, stopped: list[Campaign]
) -> None:
    before = StatusChange.objects.count()
    told = text(ask(manager, brand, "150"))
    assert "2 paused campaigns resume now." in told
    assert "1 stays paused: Kids (campaign daily budget reached)." in told
    assert "$50.00 of $150.00 is left today." in told
    assert "Save and resume 2" in told
    assert StatusChange.objects.count() == before
    brand.refresh_from_db()
    assert brand.daily_budget == Decimal(100)
    assert state(stopped[0]) == (Status.PAUSED, (Reason.BRAND_DAILY,))


def test_saving_does_what_was_told(manager: Client, brand: Brand, stopped: list[Campaign]) -> None:
    told = text(save(manager, brand, "150"))
    assert "Daily budget is $150.00 now." in told
    assert "2 campaigns run now." in told
    brand.refresh_from_db()
    assert brand.daily_budget == Decimal(150)
    assert state(stopped[0]) == state(stopped[1]) == (Status.ACTIVE, ())
    assert state(stopped[2]) == (Status.PAUSED, (Reason.CAMPAIGN_DAILY,))
    change = brand.history.latest("history_id")
    assert change.history_user.username == "nina"
    assert StatusChange.objects.filter(to_status=Status.ACTIVE).values_list(
        "by", "cause"
    ).distinct().get() == (
        "nina",
        "SETTINGS",
    )


def test_lowering_below_what_is_spent_pauses_only_who_was_told(
    manager: Client, brand: Brand, campaign: Campaign
) -> None:
    BudgetService.record_spend(campaign, Decimal(60))
    page = ask(manager, brand, "60.00")
    told = text(page)
    assert "1 running campaign pauses now: brand daily budget reached." in told
    assert "$60.00 of $60.00 is spent today, so it is reached; no campaign runs before 24:00." in told
    assert "Save and pause 1" in told
    assert '<input type="hidden" name="told" value="1">' in page.content.decode()
    # Who presses Enter before that was shown is shown it.
    page = save(manager, brand, "60.00", told="0")
    assert "This would pause campaigns. Read what follows, then save once more." in text(page)
    assert state(campaign) == (Status.ACTIVE, ())
    assert changes(campaign) == []
    assert save(manager, brand, "60.00", told="1").redirect_chain
    assert state(campaign) == (Status.PAUSED, (Reason.BRAND_DAILY,))


def test_no_limit_and_nothing_are_told_in_words(manager: Client, brand: Brand, campaign: Campaign) -> None:
    assert "No campaign changes now. No limit today from now on. Save" in text(ask(manager, brand, ""))
    told = text(ask(manager, brand, "0", "monthly"))
    assert "1 running campaign pauses now: brand monthly budget reached." in told
    assert "Nothing may be spent; no campaign runs before 1 April." in told
    assert "$100.00 is the budget already: nothing changes." in text(ask(manager, brand, "100.00"))
    assert "Daily budget is lifted: no limit." in text(save(manager, brand, " "))
    brand.refresh_from_db()
    assert brand.daily_budget is None


@pytest.mark.parametrize(
    ("amount", "why"),
    [
        ("abc", "is not an amount; give digits with a decimal point, such as 12.50"),
        ("-5", "-5 is negative; give 0 or more."),
        ("1.300", "“1.300” may mean 1,300 or 1.30; write the one that you mean."),
        ("1300.555", "“1300.555” has more decimals than USD; give at most 2, such as 1,300.56."),
        ("1.1234567", "has more than 6 decimals"),
        ("NaN", "is not an amount"),
    ],
)
def test_an_amount_that_cannot_be_taken_is_refused_in_words_and_kept(
    manager: Client, brand: Brand, amount: str, why: str
) -> None:
    assert why in text(ask(manager, brand, amount))
    page = save(manager, brand, amount)
    assert why in text(page)
    assert f'value="{amount}"' in page.content.decode()
    brand.refresh_from_db()
    assert brand.daily_budget == Decimal(100)


def test_a_budget_may_be_written_as_pages_write_it_and_is_told_as_understood(
    manager: Client, brand: Brand
) -> None:
    assert "$1,300.00 of $1,300.00 is left today." in text(ask(manager, brand, "$1,300.00"))
    assert "Daily budget is $1,300.00 now." in text(save(manager, brand, "1,300"))
    brand.refresh_from_db()
    assert brand.daily_budget == Decimal(1300)


def test_what_another_changed_meanwhile_is_not_undone(manager: Client, brand: Brand) -> None:
    seen = brand_acts.last_change(brand)
    brand.monthly_budget = Decimal(3000)
    brand.save()
    page = save(manager, brand, "150", seen=seen)
    assert "Somebody changed this brand’s settings at 12:00 today" in text(page)
    brand.refresh_from_db()
    assert (brand.daily_budget, brand.monthly_budget) == (Decimal(100), Decimal(3000))
    assert save(manager, brand, "150", seen=brand_acts.last_change(brand)).redirect_chain


def test_saving_the_same_changes_nothing(manager: Client, brand: Brand) -> None:
    before = brand_acts.last_change(brand)
    page = save(manager, brand, "100")
    assert "now." not in text(page).split("Acme")[0]
    assert brand_acts.last_change(brand) == before


def test_without_scripts_the_box_is_on_the_page(manager: Client, brand: Brand, campaign: Campaign) -> None:
    page = manager.get(budget_url(brand, "monthly"))
    assert 'name="amount" inputmode="decimal" value="2000.00"' in page.content.decode()
    assert "Acme" in text(page)
    assert "1 running campaign pauses now" in text(manager.get(budget_url(brand), {"amount": "0"}))
    assert manager.get(f"/brands/{brand.pk}/budgets/weekly/").status_code == 404


def test_switching_off_tells_who_stops_and_on_who_runs(
    manager: Client, brand: Brand, stopped: list[Campaign], campaign: Campaign
) -> None:
    BudgetService.reset_budgets(campaign=campaign, daily=True)
    Brand.objects.filter(pk=brand.pk).update(daily_budget_micros=None)
    url = f"/brands/{brand.pk}/switch/"
    told = text(manager.get(url, {"on": "no"}, headers=HTMX))
    assert "3 running campaigns stop now: brand is switched off." in told
    assert "1 paused campaign does not run again before the brand is switched on." in told
    assert "Switch off and stop 3" in told
    assert "Acme" in text(manager.get(url, {"on": "no"}))
    assert state(campaign) == (Status.ACTIVE, ())
    told = text(manager.post(url, {"on": "no"}, follow=True))
    assert "Acme is switched off. 3 campaigns are off now: brand is switched off." in told
    assert state(campaign) == (Status.INACTIVE, (Reason.BRAND_INACTIVE,))
    assert "Switch on and resume 3" in text(manager.get(url, {"on": "yes"}, headers=HTMX))
    assert "3 campaigns run now." in text(manager.post(url, {"on": "yes"}, follow=True))
    assert state(stopped[2]) == (Status.PAUSED, (Reason.CAMPAIGN_DAILY,))


def test_starting_afresh_tells_what_follows_of_each_period(
    manager: Client, brand: Brand, stopped: list[Campaign]
) -> None:
    url = f"/brands/{brand.pk}/reset/"
    told = text(manager.get(url, headers=HTMX))
    assert (
        "Today: $100.00 counts so far 3 paused campaigns resume now. Start today afresh and resume 3" in told
    )
    assert "This month: $100.00 counts so far No campaign changes now. Start this month afresh" in told
    assert not Waiver.objects.exists()
    told = text(manager.post(url, {"period": "daily"}, follow=True))
    assert "The budgets of Acme start afresh for today. 3 campaigns run now." in told
    assert {waiver.kind for waiver in Waiver.objects.all()} == {"DAY"}
    assert {waiver.by for waiver in Waiver.objects.all()} == {"nina"}
    assert "Nothing counts yet, so there is nothing to start afresh." in text(manager.get(url))
    assert manager.post(url, {"period": "yearly"}).status_code == 404


def test_a_campaign_is_switched_from_the_list(manager: Client, brand: Brand, stopped: list[Campaign]) -> None:
    url = f"/brands/{brand.pk}/campaigns/{stopped[0].pk}/switch/"
    assert "Search is switched off." in text(manager.post(url, {"on": "no"}, follow=True))
    assert state(stopped[0])[0] == Status.INACTIVE
    told = text(manager.post(url, {"on": "yes"}, follow=True))
    assert "Search is switched on and still does not run: brand daily budget reached." in told
    Brand.objects.filter(pk=brand.pk).update(daily_budget_micros=None)
    manager.post(url, {"on": "no"})
    assert "Search is switched on and runs now." in text(manager.post(url, {"on": "yes"}, follow=True))
    other = CampaignFactory.create()
    assert manager.post(f"/brands/{brand.pk}/campaigns/{other.pk}/switch/", {"on": "no"}).status_code == 404
    assert manager.get(url).status_code == 405


def test_who_may_only_look_changes_nothing(nina: Client, brand: Brand, campaign: Campaign) -> None:
    before = brand_acts.last_change(brand)
    acts = {
        budget_url(brand): {"amount": "1"},
        f"/brands/{brand.pk}/switch/": {"on": "no"},
        f"/brands/{brand.pk}/reset/": {"period": "daily"},
        f"/brands/{brand.pk}/campaigns/{campaign.pk}/switch/": {"on": "no"},
    }
    for url, given in acts.items():
        response = nina.post(url, given)
        assert (response.status_code, "You may not do this" in text(response)) == (403, True), url
    assert ask(nina, brand, "1").status_code == 403
    assert brand_acts.last_change(brand) == before
    assert state(campaign) == (Status.ACTIVE, ())
    assert not Waiver.objects.exists()


def test_brands_of_others_and_archived_ones_are_not_changed(manager: Client, brand: Brand) -> None:
    other = BrandFactory.create()
    assert save(manager, other, "1").status_code == 404
    assert manager.post(f"/brands/{other.pk}/switch/", {"on": "no"}).status_code == 404
    assert manager.post(f"/brands/{other.pk}/reset/", {"period": "daily"}).status_code == 404
    BudgetService.archive_brand(brand)
    assert save(manager, brand, "1").status_code == 404
    assert manager.post(f"/brands/{brand.pk}/switch/", {"on": "no"}).status_code == 404
    assert manager.post(f"/brands/{brand.pk}/reset/", {"period": "daily"}).status_code == 404
    other.refresh_from_db()
    assert other.daily_budget == Decimal(100)

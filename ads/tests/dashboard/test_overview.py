"""The overview's page: the finding first, whose brands, and an answer without a body while nothing has changed."""

import re
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from ads.models import Brand, Campaign
from ads.rights import ACCOUNT_MANAGER
from ads.services import BudgetService
from ads.tests.factories import BrandFactory, CampaignFactory
from ads.tests.people import take_role

pytestmark = pytest.mark.django_db


def text(page: Any) -> str:
    """What a person reads of a page, in one line."""
    plain = re.sub(r"<(script|svg)\b.*?</\1>|<[^>]+>", " ", page.content.decode(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", plain).replace("&amp;", "&").replace("&#x27;", "'")


def heading(page: Any) -> str:
    found = re.search(r"<h1[^>]*>(.*?)</h1>", page.content.decode(), re.DOTALL)
    assert found
    return found[1].strip()


def rows(page: Any) -> list[int]:
    """Ids of the brands in the table, in its order."""
    return [int(pk) for pk in re.findall(r'<tr role="row" id="brand-(\d+)"', page.content.decode())]


def stop(brand: Brand) -> None:
    """Spends the brand's day of 100.00 to the last cent."""
    BudgetService.record_spend(CampaignFactory.create(brand=brand), Decimal(118))


def test_the_heading_is_the_finding(ada: Client) -> None:
    assert heading(ada.get("/")) == "No brands yet"
    BrandFactory.create_batch(2)
    assert heading(ada.get("/")) == "No brand needs you"
    stop(BrandFactory.create(name="Brasswick"))
    assert heading(ada.get("/")) == "1 of 3 brands needs you"
    stop(BrandFactory.create(name="Jorvelle"))
    assert heading(ada.get("/")) == "2 of 4 brands need you"


def test_a_brand_that_needs_somebody_says_why_and_leads_there(ada: Client) -> None:
    brand = BrandFactory.create(name="Brasswick & Sons", currency="EUR", timezone="Europe/Berlin")
    stop(brand)
    page = ada.get("/")
    told = text(page)
    assert "Brasswick & Sons EUR · Berlin 13:00 Daily budget reached at 13:00" in told
    assert "1 campaign is paused; it does not run again before 24:00. €18.00 over." in told
    assert "€118 .00 of €100 " in told
    assert f'href="/brands/{brand.pk}/budgets/daily/#amount">Raise budget' in page.content.decode()
    brand.monthly_budget = Decimal(110)
    brand.save()
    page = ada.get("/")
    assert f'href="/brands/{brand.pk}/budgets/monthly/#amount">Raise budget' in page.content.decode()
    assert "Monthly budget reached at 13:00 today" in text(page)


def test_no_campaign_is_said_to_run_again_when_the_budget_is_renewed(ada: Client, brand: Brand) -> None:
    CampaignFactory.create(brand=brand, total_budget=Decimal(118))
    BudgetService.record_spend(Campaign.objects.get(), Decimal(118))
    CampaignFactory.create(brand=brand, start_date=date(2026, 3, 20))
    told = "All 2 enabled campaigns are paused; none runs again before 24:00."
    assert told in text(ada.get("/"))
    assert told in text(ada.get(f"/brands/{brand.pk}/"))
    assert "paused until 24:00" not in text(ada.get("/")) + text(ada.get(f"/brands/{brand.pk}/"))


def test_who_may_not_change_budgets_is_not_told_to(nina: Client, brand: Brand) -> None:
    stop(brand)
    assert "Raise budget" not in text(nina.get("/"))
    take_role(User.objects.get(username="nina"), ACCOUNT_MANAGER)
    assert "Raise budget" in text(nina.get("/"))


def test_a_person_sees_only_their_brands_in_every_part(nina: Client, brand: Brand) -> None:
    hidden = BrandFactory.create(name="Zenith", currency="JPY")
    stop(hidden)
    hidden.monthly_budget = Decimal(777)
    hidden.save()
    for url in ("/", "/?filter=all", "/live/", "/live/?filter=over"):
        page = nina.get(url).content.decode()
        assert "Zenith" not in page
        assert "JPY" not in page
    assert rows(nina.get("/?filter=all")) == [brand.pk]
    assert heading(nina.get("/")) == "No brand needs you"


def test_who_has_no_brand_is_told_so_and_who_may_add_one_is_shown_how(ada: Client) -> None:
    assert "create_sample_data to look around" in text(ada.get("/"))
    assert 'href="/admin/ads/brand/add/"' in ada.get("/").content.decode()
    BrandFactory.create()
    nobody = Client()
    nobody.force_login(User.objects.create_user("am-west"))
    told = text(nobody.get("/"))
    assert heading(nobody.get("/")) == "No brands are assigned to you"
    assert "as soon as an administrator assigns it to am-west" in told


def test_at_most_eight_stand_above_and_the_others_come_first_in_the_list(ada: Client) -> None:
    for number in range(10):
        stop(BrandFactory.create(name=f"Stopped {number}"))
    calm = BrandFactory.create(name="A calm one")
    page = ada.get("/")
    assert page.content.decode().count('<li class="need"') == 8
    assert "2 more need you, first in the list below." in text(page)
    assert rows(page)[-1] == calm.pk
    assert len(rows(page)) == 3


def test_what_would_be_empty_is_left_out(ada: Client, brand: Brand) -> None:
    stop(brand)
    told = text(ada.get("/"))
    assert not [words for words in ("The other", "Others", "No brand is left", "0 of 0") if words in told]
    assert rows(ada.get("/")) == []
    every = ada.get("/?filter=all")
    assert rows(every) == [brand.pk]
    assert "Others" not in text(every)
    assert "No brand is assigned to you" in text(ada.get("/?filter=mine"))


def test_filters_show_their_numbers_and_their_brands(ada: Client, brand: Brand) -> None:
    over = BrandFactory.create(name="Over")
    stop(over)
    off = BrandFactory.create(name="Off", is_active=False)
    told = text(ada.get("/"))
    assert "Others 2 All 3 Over budget 1 Ahead 0 Behind 0 Paused 1 Switched off 1" in told
    assert rows(ada.get("/?filter=over")) == rows(ada.get("/live/?filter=paused")) == [over.pk]
    assert rows(ada.get("/?filter=off")) == [off.pk]
    assert rows(ada.get("/?filter=all")) == [over.pk, brand.pk, off.pk]
    assert "No brand is ahead of pace" in text(ada.get("/?filter=ahead"))
    assert rows(ada.get("/?filter=nonsense")) == [brand.pk, off.pk]


def test_my_brands_are_offered_to_who_sees_others_too(ada: Client, nina: Client, brand: Brand) -> None:
    BrandFactory.create()
    assert "My brands" not in text(ada.get("/"))
    brand.assigned_to.add(User.objects.get(username="ada"))
    assert "My brands 1" in text(ada.get("/"))
    assert rows(ada.get("/?filter=mine")) == [brand.pk]
    assert "My brands" not in text(nina.get("/"))


def test_many_brands_come_in_portions(ada: Client) -> None:
    BrandFactory.create_batch(120)
    first = ada.get("/")
    assert len(rows(first)) == 25
    assert "25 of 120 brands, sorted by attention Show 25 more" in text(first)
    assert "On course · 120" in text(first)
    assert len(rows(ada.get("/?show=100"))) == 100
    assert "Show 20 more" in text(ada.get("/?show=100"))
    assert len(rows(ada.get("/?show=125"))) == 120
    for nonsense in ("0", "-5", "x", "9" * 30, "٣"):
        assert len(rows(ada.get("/", {"show": nonsense}))) == 25


def test_money_stands_in_the_brands_currency_and_nothing_known_is_a_dash(ada: Client) -> None:
    brand = BrandFactory.create(name="Yen", currency="JPY", monthly_budget=None)
    BudgetService.record_spend(CampaignFactory.create(brand=brand), Decimal(12))
    told = text(ada.get("/?filter=all"))
    assert "Yen JPY · UTC 12:00 ¥12 of ¥100 ¥88 12% used" in told
    assert "No monthly limit ¥12 – – first day of data No limit" in told


def test_nothing_is_sent_again_while_nothing_has_changed(ada: Client, campaign: Campaign) -> None:
    first = ada.get("/live/")
    tag = first["ETag"]
    assert first["Cache-Control"] == "private, no-cache" or first["Cache-Control"] == "no-cache, private"
    again = ada.get("/live/", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert ada.get("/live/?filter=all", headers={"If-None-Match": tag}).status_code == 200
    BudgetService.record_spend(campaign, Decimal(1))
    changed = ada.get("/live/", headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed["ETag"] != tag


def test_a_person_without_a_brand_gets_no_answer_of_somebody_elses(nina: Client, ada: Client) -> None:
    tag = ada.get("/live/")["ETag"]
    assert nina.get("/live/", headers={"If-None-Match": tag}).status_code == 200


def test_pages_ask_as_often_for_few_brands_as_for_many(ada: Client) -> None:
    def asked(url: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert ada.get(url).status_code == 200
        return len(queries)

    stop(BrandFactory.create())
    BrandFactory.create_batch(2)
    few = asked("/?filter=all"), asked("/live/?filter=all")
    for number in range(57):
        brand = BrandFactory.create()
        if number % 3 == 0:
            stop(brand)
    assert (asked("/?filter=all"), asked("/live/?filter=all")) == few
    assert max(few) <= 25


def test_what_fails_is_asked_for_once_an_answer(ada: Client) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert ada.get("/live/").status_code == 200
    asked = [query["sql"] for query in queries]
    for table in ("ads_notificationchannel", "ads_deliverytarget"):
        assert sum(f'FROM "{table}"' in sql for sql in asked) == 1


def test_names_are_shown_as_they_are_and_never_run(ada: Client) -> None:
    BrandFactory.create(name="<script>alert(1)</script>")
    stop(BrandFactory.create(name="<b>Bold</b> & Co"))
    page = ada.get("/").content.decode()
    assert "<script>alert" not in page
    assert "&lt;b&gt;Bold&lt;/b&gt; &amp; Co" in page

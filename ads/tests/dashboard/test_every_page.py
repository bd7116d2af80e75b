"""What all pages share: who gets in, the header, what a page may load, and what is said where nothing is."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import path, reverse

from ads.dashboard.urls import urlpatterns as pages
from ads.models import Brand, Campaign
from ads.tests.factories import BrandFactory, CampaignFactory
from budget_system import urls as site

pytestmark = pytest.mark.django_db

STRICT = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"


def links(response: Any) -> list[str]:
    """What the header leads to, in its order."""
    nav = re.search(r'<nav class="nav".*?</nav>', response.content.decode(), re.DOTALL)
    return re.findall(r"<a[^>]*>([^<]+)</a>", nav.group()) if nav else []


def policy(response: Any) -> set[str]:
    return {each.strip() for each in response["Content-Security-Policy"].split(";")}


def broken(_: HttpRequest) -> HttpResponse:
    raise RuntimeError("This page is broken.")


urlpatterns = [path("broken/", broken), *site.urlpatterns]
handler500 = site.handler500


def test_every_page_but_signing_in_asks_who_you_are() -> None:
    for page in pages:
        if page.name in ("sign-in", "sign-in-code", "sign-out"):
            continue
        url = reverse(f"dashboard:{page.name}", args=[1] * page.pattern.regex.groups)
        response = Client().get(url)
        assert (response.status_code, response["Location"]) == (302, f"/sign-in/?next={url}"), page.name


def test_signing_in_leads_to_the_page_that_was_asked_for() -> None:
    User.objects.create_user("nina", password="secret")
    response = Client().post("/sign-in/?next=/search/", {"username": "nina", "password": "secret"})
    assert (response.status_code, response["Location"]) == (302, "/search/")


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_signing_in_never_leads_to_another_site(elsewhere: str) -> None:
    User.objects.create_user("nina", password="secret")
    response = Client().post("/sign-in/", {"username": "nina", "password": "secret", "next": elsewhere})
    assert (response.status_code, response["Location"]) == (302, "/")


def test_a_wrong_password_is_told_without_saying_whether_the_name_exists() -> None:
    User.objects.create_user("nina", password="secret")
    for name in ("nina", "nobody"):
        page = Client().post("/sign-in/", {"username": name, "password": "wrong"}).content.decode()
        assert "Please enter a correct username and password" in page
        assert 'value="wrong"' not in page


def test_signing_out_takes_a_post(nina: Client) -> None:
    assert nina.get("/sign-out/").status_code == 405
    assert nina.post("/sign-out/")["Location"] == "/sign-in/"
    assert nina.get("/")["Location"] == "/sign-in/?next=/"


def test_the_header_leads_only_to_what_is_there_and_open(nina: Client, ada: Client) -> None:
    assert links(nina.get("/"))[0] == links(ada.get("/"))[0] == "Overview"
    assert "Admin" not in links(nina.get("/"))
    assert links(ada.get("/"))[-1] == "Admin"
    assert links(Client().get("/sign-in/")) == []
    assert "Find a brand or campaign" not in Client().get("/sign-in/").content.decode()


def test_staff_see_the_way_to_the_admin_and_others_do_not_whatever_they_may_there(nina: Client) -> None:
    User.objects.get(username="nina").user_permissions.set(Permission.objects.all())
    assert "Admin" not in links(nina.get("/"))
    User.objects.filter(username="nina").update(is_staff=True)
    assert links(nina.get("/"))[-1] == "Admin"


def test_pages_load_nothing_but_what_is_served_here(nina: Client, ada: Client) -> None:
    strict = set(STRICT.split("; "))
    assert policy(nina.get("/")) == strict
    assert policy(nina.get("/search/")) == strict
    assert policy(nina.get("/nowhere/")) == strict
    assert policy(Client().get("/sign-in/")) == strict
    assert policy(Client().get("/api/v1/openapi.json")) == strict
    admin = {"script-src 'self' 'unsafe-eval'", "style-src 'self' 'unsafe-inline'", "img-src 'self' data:"}
    assert policy(ada.get("/admin/")) == strict | admin
    docs = {"style-src 'self' 'unsafe-inline'", "img-src 'self' data:"}
    assert policy(Client().get("/api/v1/docs")) == strict | docs


def test_no_page_holds_inline_styles_or_scripts(nina: Client) -> None:
    for url in ("/", "/search/?q=a", "/sign-in/", "/nowhere/"):
        page = nina.get(url, follow=True).content.decode()
        assert " style=" not in page
        assert re.findall(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)", page) == []
        assert re.findall(r"\son[a-z]+=", page) == []


def test_what_is_not_there_and_what_is_not_yours_look_the_same(nina: Client, campaign: Campaign) -> None:
    hidden = BrandFactory.create(name="Zenith")
    foreign, absent, nowhere = (
        nina.get(url) for url in (f"/brands/{hidden.pk}/", f"/brands/{hidden.pk + 1}/", "/nowhere/")
    )
    token = re.compile(r'"X-CSRFToken": "\w+"|name="csrfmiddlewaretoken" value="\w+"')
    pages = [token.sub("", each.content.decode()) for each in (foreign, absent, nowhere)]
    assert [each.status_code for each in (foreign, absent, nowhere)] == [404, 404, 404]
    assert pages[0] == pages[1] == pages[2]
    assert "There is nothing here for you" in pages[0]
    assert "Zenith" not in pages[0]


@override_settings(ROOT_URLCONF=__name__)
def test_a_page_that_fails_says_so_in_the_same_look(nina: Client) -> None:
    nina.raise_request_exception = False
    response = nina.get("/broken/")
    assert response.status_code == 500
    assert "This page failed</h1>" in response.content.decode()
    assert "RuntimeError" not in response.content.decode()


def test_a_form_from_a_page_without_its_token_changes_nothing(nina: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = nina.cookies
    response = strict.post("/sign-out/")
    assert response.status_code == 403
    assert "This page was open for too long" in response.content.decode()
    assert nina.get("/").status_code == 200


def test_search_finds_brands_and_campaigns_of_ones_own(
    nina: Client, brand: Brand, campaign: Campaign
) -> None:
    hidden = BrandFactory.create(name="Acme Secret")
    CampaignFactory.create(brand=hidden, name="Summer Secret")
    page = nina.get("/search/", {"q": "acm"}).content.decode()
    assert f'href="/brands/{brand.pk}/"' in page
    assert "Acme Secret" not in page
    page = nina.get("/search/", {"q": "summer"}, headers={"HX-Request": "true"}).content.decode()
    assert f'href="/campaigns/{campaign.pk}/"' in page
    assert "Summer Secret" not in page
    assert "<html" not in page
    assert "No brand or campaign matches “secret”" in nina.get("/search/", {"q": "secret"}).content.decode()


def test_search_finds_a_campaign_by_its_whole_id_on_its_platform(nina: Client, brand: Brand) -> None:
    for its_brand, name in ((brand, "Gravel"), (BrandFactory.create(), "Hidden")):
        CampaignFactory.create(brand=its_brand, name=name, platform="meta", account=name, external_id="12022")
    page = nina.get("/search/", {"q": " 12022 "}).content.decode()
    assert "Gravel" in page
    assert "Hidden" not in page
    part = nina.get("/search/", {"q": "1202"}).content.decode()
    assert "No brand or campaign matches “1202”" in part
    assert "Names are searched, and a campaign’s whole id on its platform." in part


def test_search_asks_as_often_for_one_find_as_for_many(ada: Client, django_assert_num_queries: Any) -> None:
    for number in range(30):
        BrandFactory.create(name=f"Same {number:02}")
    with django_assert_num_queries(5):  # session, user, brands, campaigns
        page = ada.get("/search/", {"q": "same"}).content.decode()
    assert "Same 07" in page
    assert "Same 08" not in page
    assert "More match; write more of the name." in page


@pytest.mark.parametrize("text", ["brasswik", "Brasswick Biks", "bikez"])
def test_a_name_written_wrong_is_guessed(nina: Client, brand: Brand, text: str) -> None:
    brand.name = "Brasswick Bikes"
    brand.save()
    BrandFactory.create(name="Brasswik & Co")  # nobody's whom she could know
    for headers in ({}, {"HX-Request": "true"}):
        page = nina.get("/search/", {"q": text}, headers=headers).content.decode()
        assert "Did you mean" in page
        assert f'href="/brands/{brand.pk}/">Brasswick Bikes' in page
        assert "Brasswik &amp; Co" not in page
    assert "Did you mean" not in nina.get("/search/", {"q": "zzz"}).content.decode()

"""API tokens in the admin: shown once, renamed, revoked; nobody gets at another's or issues more than they may."""

import logging
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse

from ads.models import ApiToken, Brand
from ads.rights import ADMINISTRATOR, VIEWER
from ads.services import tokens
from ads.tests.admin.browser import act_url, errors, list_url, page_url, run, told
from ads.tests.admin.test_pages import queries_of
from ads.tests.factories import BrandFactory
from ads.tests.moments import NOON
from ads.tests.people import take_role

ADD = reverse("admin:ads_apitoken_add")
TEXT = re.compile(r"abt_[0-9a-f]{8}_[A-Za-z0-9_-]{43}")


def token_form(user: User | None = None, **more: Any) -> dict[str, Any]:
    """What a browser sends to make a token; only superusers name a user."""
    return {
        "name": "ad server",
        "scopes": ["read"],
        "all_brands": "yes",
        "expires_at_0": "",
        "expires_at_1": "",
        "form_id": str(uuid4()),
        **({} if user is None else {"user": str(user.pk)}),
        **more,
    }


def rows(client: Client, **query: str) -> list[str]:
    """Names of the tokens that the list shows."""
    return [token.name for token in client.get(list_url(ApiToken), query).context["cl"].result_list]


@pytest.fixture
def hers(manager: User) -> ApiToken:
    return tokens.issue(manager, "hers", ["read"]).token


@pytest.fixture
def not_hers(superuser: User) -> ApiToken:
    return tokens.issue(superuser, "not hers", ["read"]).token


class TestMaking:
    def test_the_token_is_on_the_page_that_follows_and_opens_the_api(
        self, ada: Client, manager: User, brand: Brand
    ) -> None:
        more = {"scopes": ["spend:write", "read"], "all_brands": "no", "brands": [str(brand.pk)]}
        page = ada.post(ADD, token_form(manager, expires_at_0="2026-12-31", expires_at_1="18:00", **more))
        (text,) = set(TEXT.findall(page.content.decode()))
        token = tokens.find(text)
        assert token is not None
        assert (token.name, token.user, token.scopes) == ("ad server", manager, ["read", "spend:write"])
        assert (token.all_brands, list(token.brands.all())) == (False, [brand])
        assert token.expires_at == datetime(2026, 12, 31, 18, tzinfo=UTC)
        assert "This is the only time the token is shown." in page.content.decode()
        assert "no-store" in page.headers["Cache-Control"]
        brands = Client().get("/api/v1/brands", headers={"Authorization": f"Bearer {text}"})
        assert [each["name"] for each in brands.json()["items"]] == ["Acme"]

    def test_it_is_never_shown_again_and_nowhere_kept(
        self, ada: Client, superuser: User, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.DEBUG):
            made = ada.post(ADD, token_form(superuser))
        (text,) = TEXT.findall(made.content.decode())
        token = ApiToken.objects.get()
        for url in (list_url(ApiToken), page_url(token), page_url(token, "history"), reverse("admin:index")):
            assert not TEXT.search(ada.get(url).content.decode())
        assert told(made) == []
        secret = text.split("_", 2)[2]
        sessions = [session.get_decoded() for session in Session.objects.all()]
        entries = list(LogEntry.objects.values())
        assert len(entries) == 1
        assert secret not in str([sessions, entries, list(ApiToken.objects.values()), caplog.text])
        issued = tokens.issue(superuser, "other", ["read"])
        assert issued.text not in repr(issued)  # as reports of errors would show it

    def test_the_page_that_follows_escapes_the_name(self, ada: Client, superuser: User) -> None:
        page = ada.post(ADD, token_form(superuser, name="<script>alert(1)</script>")).content.decode()
        assert "&lt;script&gt;alert(1)&lt;/script&gt; for ada" in page
        assert "<script>alert" not in page

    def test_a_form_sent_again_makes_no_second_token(self, ada: Client, superuser: User) -> None:
        form = token_form(superuser)
        ada.post(ADD, form)
        again = ada.post(ADD, form)
        assert errors(again) == {
            "__all__": ["This form has made a token before, which was shown then. Open a new form."]
        }
        assert not TEXT.search(again.content.decode())
        assert ApiToken.objects.count() == 1

    @pytest.mark.parametrize(
        ("given", "wrong"),
        [
            ({"name": ""}, {"name": ["This field is required."]}),
            ({"scopes": []}, {"scopes": ["This field is required."]}),
            (
                {"scopes": ["root"]},
                {"scopes": ["Select a valid choice. root is not one of the available choices."]},
            ),
            ({"all_brands": "no"}, {"brands": ["Choose at least one brand, or all brands above."]}),
            (
                {"expires_at_0": "2026-03-10", "expires_at_1": "12:00"},
                {"expires_at": ["2026-03-10 12:00 UTC is over"]},
            ),
        ],
    )
    def test_what_is_wrong_is_said_and_nothing_made(
        self, ada: Client, superuser: User, given: dict[str, Any], wrong: dict[str, list[str]]
    ) -> None:
        assert errors(ada.post(ADD, token_form(superuser, **given))) == wrong
        assert not ApiToken.objects.exists()

    def test_brands_are_chosen_or_all_and_of_the_tokens_user(
        self, ada: Client, manager: User, brand: Brand, other_brand: Brand
    ) -> None:
        both = token_form(manager, brands=[str(brand.pk)])
        assert errors(ada.post(ADD, both)) == {
            "brands": ["Leave this empty, or choose “Only the brands chosen below” above."]
        }
        anothers = token_form(manager, all_brands="no", brands=[str(brand.pk), str(other_brand.pk)])
        assert errors(ada.post(ADD, anothers)) == {"brands": ["nina has no right to Zenith"]}
        assert not ApiToken.objects.exists()


class TestList:
    def test_it_says_what_each_may_and_how_it_stands(
        self, ada: Client, superuser: User, brand: Brand, other_brand: Brand
    ) -> None:
        tokens.issue(superuser, "wide", ["manage", "read"])
        narrow = tokens.issue(
            superuser, "narrow", ["spend:write"], brands=[brand], expires_at=NOON + timedelta(1)
        )
        ApiToken.objects.filter(pk=narrow.token.pk).update(last_used_at=NOON - timedelta(minutes=5))
        page = ada.get(list_url(ApiToken)).content.decode()
        assert f"abt_{narrow.token.prefix}…" in page
        for words in ("Change budgets, switch on and off", "Record spend", "All brands of the user", "Acme"):
            assert words in page
        assert "Zenith" not in page
        assert "11:55 today" in page
        assert "12:00 tomorrow, Wed 11 Mar" in page
        assert page.count("In use</") == 3  # with the filter's

    def test_filters_by_state(self, ada: Client, superuser: User, manager: User) -> None:
        for name in ("used", "revoked", "expired"):
            tokens.issue(superuser, name, ["read"])
        tokens.issue(manager, "of one who left", ["read"])
        User.objects.filter(pk=manager.pk).update(is_active=False)
        ApiToken.objects.filter(name="expired").update(expires_at=NOON)
        ApiToken.objects.filter(name="revoked").update(revoked_at=NOON, expires_at=NOON)
        assert rows(ada, state="in_use") == ["used"]
        assert rows(ada, state="expired") == ["expired"]
        assert rows(ada, state="revoked") == ["revoked"]
        assert rows(ada) == ["expired", "of one who left", "revoked", "used"]
        assert "User switched off" in ada.get(list_url(ApiToken)).content.decode()

    def test_many_brands_are_counted(self, ada: Client, superuser: User) -> None:
        brands = [BrandFactory.create(name=f"Brand {letter}") for letter in "ABCDE"]
        tokens.issue(superuser, "x", ["read"], brands=brands)
        page = ada.get(list_url(ApiToken)).content.decode()
        assert "Brand C" in page
        assert "Brand D" not in page
        assert "and 2 more" in page

    def test_a_list_of_30_makes_as_many_queries_as_one_of_3(
        self, nina: Client, manager: User, brand: Brand
    ) -> None:
        def issue(number: int) -> None:
            for _ in range(number):
                tokens.issue(manager, "x", ["read"], brands=[brand])

        issue(3)
        queries_of(nina, list_url(ApiToken))
        with_3 = queries_of(nina, list_url(ApiToken))
        issue(27)
        assert queries_of(nina, list_url(ApiToken)) == with_3
        assert len(rows(nina)) == 30

    def test_an_empty_one_says_what_a_token_is(self, ada: Client) -> None:
        page = ada.get(list_url(ApiToken)).content.decode()
        assert "A token lets a program use the API in a person’s name." in page
        assert "Add API token" in page

    def test_the_front_page_leads_to_it(self, ada: Client) -> None:
        assert "<b>API tokens</b>" in ada.get(reverse("admin:index")).content.decode()


class TestChanging:
    def test_only_the_name_changes(self, ada: Client, hers: ApiToken, superuser: User, brand: Brand) -> None:
        before = ApiToken.objects.values().get()
        forged = token_form(
            superuser, name="reports", scopes=["manage"], all_brands="no", brands=[str(brand.pk)],
            expires_at_0="2030-01-01", expires_at_1="00:00", revoked_at="", digest="0" * 64,
        )  # fmt: skip
        assert ada.post(page_url(hers), forged).status_code == 302
        assert ApiToken.objects.values().get() == before | {"name": "reports"}
        assert not hers.brands.exists()

    def test_a_new_name_leaves_alone_what_happens_meanwhile(
        self, ada: Client, hers: ApiToken, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rename = tokens.rename

        def revoked_first(token: ApiToken, name: str) -> None:
            tokens.revoke(token)
            rename(token, name)

        monkeypatch.setattr(tokens, "rename", revoked_first)
        ada.post(page_url(hers), {"name": "reports"})
        assert ApiToken.objects.values_list("name", "revoked_at").get() == ("reports", NOON)


class TestRevoking:
    def test_it_asks_first_and_says_that_it_cannot_be_undone(self, ada: Client, hers: ApiToken) -> None:
        for page in (ada.get(act_url(hers, "revoke")), run(ada, "revoke", [hers])):
            assert "This cannot be undone." in page.content.decode()
            assert "Revoke hers" in page.content.decode()
        assert not ApiToken.objects.filter(revoked_at__isnull=False).exists()

    def test_from_then_on_it_opens_nothing(self, ada: Client, manager: User) -> None:
        issued = tokens.issue(manager, "hers", ["read"])
        headers = {"Authorization": f"Bearer {issued.text}"}
        assert Client().get("/api/v1/brands", headers=headers).status_code == 200
        assert told(ada.post(act_url(issued.token, "revoke"), {"sure": "yes"})) == [
            "hers revoked; from now on it is refused."
        ]
        assert Client().get("/api/v1/brands", headers=headers).status_code == 401
        page = ada.get(page_url(issued.token)).content.decode()
        assert "The token was revoked at 2026-03-10 12:00:00 UTC." in page
        assert "Revoke …" not in page
        assert "Revoked." in ada.get(page_url(issued.token, "history")).content.decode()

    def test_those_chosen_in_the_list_and_no_others(self, ada: Client, superuser: User) -> None:
        one, two, three = (tokens.issue(superuser, name, ["read"]).token for name in ("one", "two", "three"))
        earlier = NOON - timedelta(days=1)
        ApiToken.objects.filter(pk=two.pk).update(revoked_at=earlier)
        assert told(run(ada, "revoke", [one, two], sure="yes")) == ["one revoked; from now on it is refused."]
        assert told(run(ada, "revoke", [one, two], sure="yes")) == ["Revoked already."]
        revoked = dict(ApiToken.objects.values_list("pk", "revoked_at"))
        assert revoked == {one.pk: NOON, two.pk: earlier, three.pk: None}


class TestDeleting:
    def test_one_that_was_never_used_may_go(self, ada: Client, hers: ApiToken) -> None:
        assert ada.post(page_url(hers, "delete"), {"post": "yes"}).status_code == 302
        assert not ApiToken.objects.exists()

    def test_one_that_was_used_stays(self, ada: Client, hers: ApiToken) -> None:
        ApiToken.objects.update(last_used_at=NOON)
        assert ada.post(page_url(hers, "delete"), {"post": "yes"}).status_code == 403
        assert ApiToken.objects.exists()

    def test_one_that_is_used_meanwhile_stays(
        self, ada: Client, hers: ApiToken, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        as_read, delete = hers, tokens.delete

        def used_first(token: ApiToken) -> None:
            tokens.note_use(as_read, NOON)
            delete(token)

        monkeypatch.setattr(tokens, "delete", used_first)
        response = ada.post(page_url(hers, "delete"), {"post": "yes"})
        assert f"hers ({hers.prefix}…) was used, so it cannot be deleted; revoke it." in told(response)
        assert ApiToken.objects.exists()

    def test_the_list_offers_no_deletion(self, ada: Client, hers: ApiToken) -> None:
        run(ada, "delete_selected", [hers], post="yes")
        assert ApiToken.objects.exists()
        assert "delete_selected" not in ada.get(list_url(ApiToken)).content.decode()


class TestRights:
    def test_she_sees_her_own_alone(self, nina: Client, hers: ApiToken, not_hers: ApiToken) -> None:
        assert rows(nina) == ["hers"]
        assert rows(nina, q="not") == []
        for page in ("change", "history", "delete"):
            assert nina.get(page_url(not_hers, page)).status_code == 404

    def test_she_changes_and_revokes_her_own_alone(
        self, nina: Client, hers: ApiToken, not_hers: ApiToken
    ) -> None:
        nina.post(page_url(not_hers), {"name": "mine now"})
        nina.post(act_url(not_hers, "revoke"), {"sure": "yes"})
        nina.post(page_url(not_hers, "delete"), {"post": "yes"})
        run(nina, "revoke", [hers, not_hers], sure="yes")
        not_hers.refresh_from_db()
        hers.refresh_from_db()
        assert (not_hers.name, not_hers.revoked_at, hers.revoked_at) == ("not hers", None, NOON)

    def test_what_she_makes_is_hers_whatever_she_sends(
        self, nina: Client, manager: User, superuser: User
    ) -> None:
        assert 'name="user"' not in nina.get(ADD).content.decode()
        assert nina.post(ADD, token_form(superuser)).status_code == 200
        assert ApiToken.objects.get().user == manager

    def test_brands_that_she_does_not_see_are_neither_offered_nor_taken(
        self, nina: Client, other_brand: Brand
    ) -> None:
        choices = {"app_label": "ads", "model_name": "apitoken", "field_name": "brands", "term": ""}
        offered = nina.get(reverse("admin:autocomplete"), choices).json()["results"]
        assert [each["text"] for each in offered] == ["Acme"]
        response = nina.post(ADD, token_form(all_brands="no", brands=[str(other_brand.pk)]))
        assert errors(response)["brands"][0].startswith("Select a valid choice.")
        assert not ApiToken.objects.exists()

    def test_a_brand_taken_from_her_is_no_longer_named(
        self, nina: Client, ada: Client, manager: User, brand: Brand
    ) -> None:
        token = tokens.issue(manager, "narrow", ["read"], brands=[brand]).token
        manager.brands.clear()
        for url in (list_url(ApiToken), page_url(token)):
            assert "Acme" not in nina.get(url).content.decode()
            assert "Acme" in ada.get(url).content.decode()

    def test_a_token_of_hers_may_no_more_than_she(self, nina: Client, manager: User) -> None:
        take_role(manager, VIEWER)
        page = nina.get(ADD).content.decode()
        assert 'value="read"' in page
        assert 'value="manage"' not in page
        response = nina.post(ADD, token_form(scopes=["read", "manage"]))
        assert errors(response)["scopes"][0].startswith("Select a valid choice.")
        assert not ApiToken.objects.exists()

    def test_without_a_right_to_give_she_makes_none(self, nina: Client, manager: User) -> None:
        take_role(manager)
        assert nina.get(ADD).status_code == 403
        assert nina.post(ADD, token_form()).status_code == 403
        assert not ApiToken.objects.exists()

    def test_who_manages_people_sees_theirs_and_revokes_them_but_none_of_a_superuser(
        self, nina: Client, manager: User, superuser: User
    ) -> None:
        other_manager = User.objects.create_user("olga")
        take_role(manager, ADMINISTRATOR)
        theirs = tokens.issue(other_manager, "theirs", ["read"]).token
        root = tokens.issue(superuser, "root", ["read"]).token
        assert rows(nina) == ["theirs"]
        run(nina, "revoke", [theirs, root], sure="yes")
        theirs.refresh_from_db()
        root.refresh_from_db()
        assert (theirs.revoked_at, root.revoked_at) == (NOON, None)

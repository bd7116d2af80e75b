"""Platforms in the admin: an account is connected, tried, and told of; a campaign that differs is tried again."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pydantic import SecretStr
from pytest_django import Settings

from ads.models import Campaign, PlatformConnection, PlatformState
from ads.services import platform_work
from ads.tests.admin.browser import act_url, errors, list_url, page_url, run, told
from ads.tests.admin.test_pages import queries_of
from ads.tests.factories import CampaignFactory
from ads.tests.moments import NOON
from ads.tests.platform_stub import TOKEN, Stub, at_acme, connect, running_stub

ADD = reverse("admin:ads_platformconnection_add")


@pytest.fixture
def stub(settings: Settings) -> Iterator[Stub]:
    settings.PLATFORM_CREDENTIALS = {"PLATFORM_ACME": SecretStr(TOKEN)}
    with running_stub(c1="running") as stub:
        settings.OUTBOUND_TRUSTED_HOSTS = [stub.url.removeprefix("http://")]
        yield stub


@pytest.fixture
def connected(campaign: Campaign) -> Campaign:
    """Summer Sale with an id on the account that tests connect."""
    Campaign.objects.filter(pk=campaign.pk).update(**at_acme("c1"))
    campaign.refresh_from_db()
    return campaign


def form(stub: Stub, **changed: Any) -> dict[str, Any]:
    """What a browser sends to connect the account."""
    return {
        "adapter": "http",
        "platform": "dsp",
        "account": "acme",
        "url": stub.url,
        "manager_account": "",
        "credentials": "PLATFORM_ACME",
        "own_name": "system@agency",
        "mode": "observe",
        "is_active": "on",
        "all_brands": "on",
        "brands": [],
    } | changed


class TestConnecting:
    def test_connects_the_campaigns_of_the_account(
        self, ada: Client, connected: Campaign, stub: Stub
    ) -> None:
        response = ada.post(ADD, form(stub))
        assert "1 campaign is connected now." in told(response)
        assert PlatformState.objects.get().campaign == connected
        assert stub.requests == []

    def test_only_observes_unless_somebody_says_otherwise(self, ada: Client, stub: Stub) -> None:
        page = ada.get(ADD).content.decode()
        assert '<option value="observe" selected' in page

    def test_of_some_brands_and_then_of_none_disconnects_the_others(
        self, ada: Client, connected: Campaign, stub: Stub
    ) -> None:
        ada.post(ADD, form(stub, all_brands="", brands=[str(connected.brand_id)]))
        account = PlatformConnection.objects.get()
        assert account.states.count() == 1
        ada.post(page_url(account), form(stub, all_brands="", brands=[]))
        assert account.states.count() == 0

    @pytest.mark.parametrize(
        ("changed", "field", "error"),
        [
            ({"credentials": "SECRET_KEY"}, "credentials", "Give a name such as PLATFORM_META."),
            ({"credentials": "PLATFORM_ACME\n"}, None, ""),
            ({"credentials": "PLATFORM_acme"}, "credentials", "Give a name such as PLATFORM_META."),
            ({"url": ""}, "url", "A generic HTTP platform needs the address of its API."),
            ({"adapter": "meta", "account": ""}, "account", "Give the number of the account."),
            ({"own_name": ""}, "own_name", "This field is required."),
        ],
    )
    def test_refuses_what_cannot_work(
        self, ada: Client, stub: Stub, changed: dict[str, str], field: str | None, error: str
    ) -> None:
        response = ada.post(ADD, form(stub, **changed))
        if field is None:
            assert PlatformConnection.objects.get().credentials == "PLATFORM_ACME"
            return
        assert errors(response) == {field: [error]}
        assert not PlatformConnection.objects.exists()

    def test_connects_an_account_once(self, ada: Client, stub: Stub) -> None:
        ada.post(ADD, form(stub))
        assert errors(ada.post(ADD, form(stub))) == {"__all__": ["This account is connected already."]}


class TestTrying:
    def test_reads_one_campaign_and_changes_nothing(
        self, ada: Client, connected: Campaign, stub: Stub
    ) -> None:
        account = connect(stub)
        response = ada.post(act_url(account, "read_one"))
        assert told(response) == ["dsp acme answers: Summer Sale runs there."]
        assert stub.requests == ["GET /campaigns"]
        assert PlatformState.objects.get().observed == ""

    def test_tells_why_it_does_not_work(
        self, ada: Client, connected: Campaign, stub: Stub, settings: Settings
    ) -> None:
        account = connect(stub)
        settings.PLATFORM_CREDENTIALS = {"PLATFORM_ACME": SecretStr("another")}
        assert told(run(ada, "read_one", [account])) == ['dsp acme: Answered 401: {"error": "no right"}.']
        Campaign.objects.update(external_id="")
        assert told(run(ada, "read_one", [account])) == [
            "dsp acme: No campaign of this account has an external id yet."
        ]

    def test_the_list_says_since_when_an_account_does_not_answer(
        self, ada: Client, connected: Campaign, stub: Stub
    ) -> None:
        account = connect(stub)
        stub.codes = [503]
        platform_work.work_on(account.pk, NOON)
        page = ada.get(list_url(PlatformConnection)).content.decode()
        assert "Does not answer" in page
        assert "Since 12:00 today: Answered 503" in page
        assert "1 not as decided" in page

    def test_the_list_says_whether_an_account_was_read(
        self, ada: Client, connected: Campaign, stub: Stub
    ) -> None:
        account = connect(stub)
        assert "Not read yet" in ada.get(list_url(PlatformConnection)).content.decode()
        platform_work.work_on(account.pk, NOON)
        assert "Answers" in ada.get(list_url(PlatformConnection)).content.decode()

    def test_no_page_tells_the_secret(self, ada: Client, connected: Campaign, stub: Stub) -> None:
        account = connect(stub)
        for url in (list_url(PlatformConnection), page_url(account)):
            assert TOKEN not in ada.get(url).content.decode()


class TestStates:
    @pytest.fixture
    def differing(self, connected: Campaign, stub: Stub) -> PlatformState:
        """A campaign that runs on its platform although somebody switched it off here."""
        account = connect(stub)
        Campaign.objects.filter(pk=connected.pk).update(enabled=False)
        stub.ignores_writes = True
        platform_work.work_on(account.pk, NOON)
        return PlatformState.objects.get()

    def test_say_what_differs_and_since_when(self, ada: Client, differing: PlatformState) -> None:
        page = ada.get(list_url(PlatformState)).content.decode()
        assert "We paused it at 12:00; the platform still runs it." in page
        assert "Differs" in page

    def test_are_filtered_by_whether_they_differ(self, ada: Client, differing: PlatformState) -> None:
        def shown(state: str) -> int:
            return len(ada.get(list_url(PlatformState), {"state": state}).context["cl"].result_list)

        assert {state: shown(state) for state in ("differs", "as_decided", "unread")} == {
            "differs": 1,
            "as_decided": 0,
            "unread": 0,
        }

    def test_are_tried_again_at_once(self, ada: Client, differing: PlatformState, stub: Stub) -> None:
        assert differing.next_try_at > NOON
        PlatformConnection.objects.update(next_try_at=NOON + timedelta(hours=1))
        response = ada.post(act_url(differing, "try_again"))
        assert told(response) == ["1 campaign will be looked at at once."]
        assert platform_work.due_connections(NOON) == [differing.connection_id]

    def test_of_brands_without_a_right_to_them_are_not_there(
        self, nina: Client, differing: PlatformState, other_campaign: Campaign, stub: Stub
    ) -> None:
        Campaign.objects.filter(pk=other_campaign.pk).update(**at_acme("c2"))
        theirs = PlatformState.objects.get(campaign=other_campaign)
        shown = nina.get(list_url(PlatformState)).context["cl"].result_list
        assert shown == [differing]
        assert nina.post(act_url(theirs, "try_again")).status_code == 404
        assert nina.get(list_url(PlatformConnection)).status_code == 403

    def test_lists_ask_as_often_for_one_row_as_for_many(
        self, ada: Client, differing: PlatformState, connected: Campaign
    ) -> None:
        before = {model: queries_of(ada, list_url(model)) for model in (PlatformState, PlatformConnection)}
        for number in range(2, 8):
            CampaignFactory.create(brand=connected.brand, **at_acme(f"c{number}"))
        after = {model: queries_of(ada, list_url(model)) for model in (PlatformState, PlatformConnection)}
        assert before == after

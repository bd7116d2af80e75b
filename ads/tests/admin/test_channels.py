"""The channels' pages: made, tried out, seen to fail; and the address that nobody reads again."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client, override_settings

from ads.models import Brand, ChannelKind, NotificationChannel
from ads.tests.admin.browser import act_url, errors, list_url, page_url, run, told
from ads.tests.dashboard.reading import text
from ads.tests.factories import ChannelFactory
from ads.tests.mailbox import Mailbox, taking_mail, text_of
from ads.tests.moments import NOON
from ads.tests.receiver import Receiver, Reply, receiving

pytestmark = pytest.mark.django_db

ADDRESS = "https://hooks.slack.com/services/T0/B0/s3cr3t"
ADD = "/admin/ads/notificationchannel/add/"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver, override_settings(OUTBOUND_TRUSTED_HOSTS=[receiver.host]):
        yield receiver


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with taking_mail() as mailbox, override_settings(**mailbox.settings):
        yield mailbox


@pytest.fixture
def people(db: None) -> NotificationChannel:
    return NotificationChannel.objects.get(kind=ChannelKind.PEOPLE)


def form(**given: Any) -> dict[str, Any]:
    return {
        "name": "#alerts",
        "kind": "slack",
        "address": ADDRESS,
        "is_default": "on",
        "is_active": "on",
    } | given


class TestMaking:
    def test_an_administrator_makes_one_of_every_brand(self, ada: Client) -> None:
        assert ada.post(ADD, form()).status_code == 302
        made = NotificationChannel.objects.get(name="#alerts")
        assert (made.kind, made.brand, made.address) == ("slack", None, ADDRESS)
        assert (made.made_by, made.created_at, made.is_default) == ("ada", NOON, True)

    def test_a_manager_makes_one_of_her_brands_only(
        self, nina: Client, brand: Brand, other_brand: Brand
    ) -> None:
        assert errors(nina.post(ADD, form())) == {"brand": ["This field is required."]}
        foreign = errors(nina.post(ADD, form(brand=str(other_brand.pk))))
        assert "Select a valid choice" in foreign["brand"][0]
        assert nina.post(ADD, form(brand=str(brand.pk))).status_code == 302
        assert NotificationChannel.objects.get(name="#alerts").brand == brand

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"address": ""}, "Give the whole address"),
            ({"address": "http://hooks.slack.com/x"}, "over http:// others can read it"),
            ({"kind": "email", "address": "nina"}, "Enter a valid email address."),
            ({"kind": "teams", "address": "nina@agency.example"}, "Give the whole address"),
        ],
    )
    def test_an_address_that_cannot_work_is_refused_and_where_to_find_one_told(
        self, ada: Client, given: dict[str, str], said: str
    ) -> None:
        refused = errors(ada.post(ADD, form(**given)))["address"]
        assert said in refused[0]
        assert len(refused[1]) > 20

    def test_that_of_people_is_there_already_and_cannot_be_made_or_deleted(
        self, ada: Client, people: NotificationChannel
    ) -> None:
        assert "kind" in errors(ada.post(ADD, form(kind="people", address="")))
        assert ada.post(page_url(people, "delete"), {"post": "yes"}).status_code == 403
        assert ada.post(page_url(people), {"name": "By mail", "is_default": "on"}).status_code == 302
        people.refresh_from_db()
        assert (people.name, people.is_active) == ("By mail", False)


class TestTheAddress:
    def test_is_shown_to_nobody_once_it_is_kept(self, ada: Client) -> None:
        channel = ChannelFactory.create(name="#alerts")
        for url in (list_url(NotificationChannel), page_url(channel), page_url(channel, "delete")):
            page = ada.get(url).content.decode()
            assert "s3cr3t" not in page
        assert "https://hooks.slack.com/…" in ada.get(list_url(NotificationChannel)).content.decode()
        assert (
            "“https://hooks.slack.com/…” is kept and not shown again"
            in ada.get(page_url(channel)).content.decode()
        )

    def test_stays_where_none_is_given_and_changes_where_one_is(self, ada: Client) -> None:
        channel = ChannelFactory.create()
        ada.post(page_url(channel), form(name="#new", address=""))
        channel.refresh_from_db()
        assert (channel.name, channel.address) == ("#new", ADDRESS)
        ada.post(page_url(channel), form(address="https://hooks.slack.com/services/T1"))
        channel.refresh_from_db()
        assert channel.address == "https://hooks.slack.com/services/T1"
        assert "address" in errors(ada.post(page_url(channel), form(address="nonsense")))


class TestTheSecretOfAWebhook:
    def test_is_shown_once_where_it_is_made(self, ada: Client) -> None:
        shown = ada.post(ADD, form(kind="webhook", address="https://receiver.example/x"))
        channel = NotificationChannel.objects.get(name="#alerts")
        secret = channel.address.partition("#")[2]
        assert secret.startswith("whsec_")
        assert secret in shown.content.decode()
        for url in (list_url(NotificationChannel), page_url(channel)):
            assert "whsec_" not in ada.get(url).content.decode()

        assert ada.post(page_url(channel), form(address="")).status_code == 302
        again = ada.post(page_url(channel), form(address="https://receiver.example/x"))
        channel.refresh_from_db()
        assert channel.address.partition("#")[2] != secret
        assert channel.address.partition("#")[2] in again.content.decode()


class TestASample:
    def test_is_sent_at_once(self, ada: Client, receiver: Receiver) -> None:
        channel = ChannelFactory.create(name="#alerts", address=receiver.url)
        response = ada.post(act_url(channel, "try_out"))
        assert told(response) == ["#alerts: a sample was sent to http://127.0.0.1/…."]
        (request,) = receiver.received
        assert request.payload["text"] == "A sample from your budgets"
        assert "ada tried out the channel “#alerts”." in str(request.payload)

    def test_that_fails_says_why_and_the_channel_shows_it_until_one_arrives(
        self, ada: Client, receiver: Receiver
    ) -> None:
        channel = ChannelFactory.create(name="#alerts", address=receiver.url)
        receiver.reply = lambda _: Reply(404, body=b"no_service")
        why = "Slack answered 404: no_service. This address will not work again; make a new one there."
        assert told(ada.post(act_url(channel, "try_out"))) == [f"#alerts: {why}"]
        page = text(ada.get(page_url(channel)))
        assert f"Failing Since 12:00 today (UTC): {why}" in page
        assert why in text(ada.get(list_url(NotificationChannel)))
        receiver.reply = lambda _: Reply(200)
        ada.post(act_url(channel, "try_out"))
        assert "Failing" not in text(ada.get(page_url(channel)))

    def test_by_mail_goes_to_whoever_tries_it(
        self, ada: Client, mailbox: Mailbox, people: NotificationChannel
    ) -> None:
        response = ada.post(act_url(people, "try_out"))
        assert told(response) == ["People of the brand: a sample was sent to ada@example.com."]
        assert str(mailbox.received[0]["to"]) == "ada@example.com"
        assert "This is a sample; nothing has happened." in text_of(mailbox.received[0])

    def test_by_mail_says_where_no_server_is_set_and_where_one_has_no_address(
        self, ada: Client, people: NotificationChannel, settings: Any
    ) -> None:
        settings.EMAIL_BACKEND, settings.EMAIL_HOST = "django.core.mail.backends.locmem.EmailBackend", ""
        assert "no mail server is set (EMAIL_URL)" in told(ada.post(act_url(people, "try_out")))[0]
        User.objects.update(email="")
        assert "has no e-mail address" in told(ada.post(act_url(people, "try_out")))[0]

    def test_of_many_channels_at_once_is_too_much(self, ada: Client, receiver: Receiver) -> None:
        channels = [ChannelFactory.create(address=receiver.url) for _ in range(6)]
        assert told(run(ada, "try_out", channels)) == ["Choose at most 5 channels at a time."]
        assert receiver.received == []
        assert len(told(run(ada, "try_out", channels[:2]))) == 2
        assert len(receiver.received) == 2


def test_a_manager_sees_the_channels_of_her_brands_alone(
    nina: Client, brand: Brand, other_brand: Brand, people: NotificationChannel
) -> None:
    own = ChannelFactory.create(name="#acme", brand=brand)
    foreign = ChannelFactory.create(name="#zenith", brand=other_brand)
    agencys = ChannelFactory.create(name="#agency")
    page = text(nina.get(list_url(NotificationChannel)))
    assert "#acme" in page
    assert "#zenith" not in page
    assert "#agency" not in page
    assert nina.get(page_url(own)).status_code == 200
    for hidden in (foreign, agencys, people):
        assert nina.get(page_url(hidden)).status_code == 404
        assert nina.post(act_url(hidden, "try_out")).status_code == 404


def test_a_rule_of_a_brand_may_choose_its_channels_and_its_people(
    nina: Client, brand: Brand, other_brand: Brand, people: NotificationChannel
) -> None:
    own = ChannelFactory.create(name="#acme", brand=brand)
    ChannelFactory.create(name="#zenith", brand=other_brand)
    ChannelFactory.create(name="#agency")
    page = nina.get("/admin/ads/alertrule/add/?kind=SPIKE")
    offered = page.context["adminform"].form.fields["channels"].queryset
    assert set(offered) == {own, people}

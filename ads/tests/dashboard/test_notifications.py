"""My notifications: what somebody wishes; and channels that do not deliver, on the overview."""

from datetime import time, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from ads.models import (
    Brand,
    Delivery,
    DeliveryAttempt,
    DeliveryTarget,
    DigestChoice,
    EventType,
    NotificationChannel,
    NotificationPreference,
    WebhookEndpoint,
)
from ads.rights import VIEWER
from ads.services.webhooks import Event, emit
from ads.tests.dashboard.reading import text
from ads.tests.factories import BrandFactory, ChannelFactory, WebhookEndpointFactory
from ads.tests.moments import NOON
from ads.tests.people import take_role

pytestmark = pytest.mark.django_db

URL = "/notifications/"
WISHES = {
    "email": "on",
    "digest": "DAILY",
    "daily_at": "09:30",
    "quiet_from": "22:00",
    "quiet_until": "07:00",
    "timezone": "Europe/Berlin",
}


def preference() -> NotificationPreference:
    return NotificationPreference.objects.get(user__username="nina")


class TestMyNotifications:
    def test_are_reached_from_the_menu_and_tell_how_it_is(self, nina: Client, settings: Any) -> None:
        settings.EMAIL_HOST = "mail.example"
        assert 'href="/notifications/"' in nina.get("/").content.decode()
        page = text(nina.get(URL))
        assert "An alert of this moment would be told at once." in page
        assert "Of Acme, which is assigned to you" in page
        assert "Send me alerts to nina@example.com" in page
        assert "No mail server" not in page
        assert NotificationPreference.objects.count() == 0

    def test_are_saved_and_say_what_follows(self, nina: Client) -> None:
        response = nina.post(URL, WISHES, follow=True)
        saved = preference()
        assert (saved.email, saved.digest, saved.timezone) == (True, DigestChoice.DAILY, "Europe/Berlin")
        assert (saved.daily_at, saved.quiet_from, saved.quiet_until) == (time(9, 30), time(22), time(7))
        page = text(response)
        assert "Saved. It holds for what happens from now on." in page
        assert (
            "would be told at 09:30 tomorrow, Wed 11 Mar (Europe/Berlin), with all others until then." in page
        )
        html = response.content.decode()
        assert 'value="09:30"' in html
        assert '<option value="Europe/Berlin" selected>' in html

    def test_can_be_none_and_what_is_left_out_stays(self, nina: Client) -> None:
        nina.post(URL, WISHES)
        response = nina.post(URL, {"digest": "AT_ONCE", "daily_at": ""}, follow=True)
        saved = preference()
        assert (saved.email, saved.quiet_from, saved.daily_at) == (False, None, time(9, 30))
        assert "You are told nothing by e-mail." in text(response)

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"quiet_until": ""}, "Give both ends of the quiet hours, or neither."),
            ({"quiet_until": "22:00"}, "begin and end at the same time"),
            ({"quiet_from": "late"}, "Enter a valid time."),
            ({"digest": "NEVER"}, "Select a valid choice."),
            ({"timezone": "Mars/Olympus"}, "Select a valid choice."),
        ],
    )
    def test_are_not_saved_where_they_make_no_sense(
        self, nina: Client, wrong: dict[str, str], said: str
    ) -> None:
        response = nina.post(URL, WISHES | wrong)
        assert said in text(response)
        assert NotificationPreference.objects.count() == 0

    def test_of_another_person_are_theirs(self, nina: Client, mira: Client) -> None:
        nina.post(URL, WISHES)
        mira.post(URL, WISHES | {"digest": "HOURLY"})
        assert preference().digest == DigestChoice.DAILY

    def test_say_what_keeps_mail_from_coming(self, nina: Client, settings: Any) -> None:
        settings.EMAIL_HOST = ""
        assert "No mail server is set." in text(nina.get(URL))
        NotificationChannel.objects.update(is_active=False)
        assert "E-mail to people is switched off for everybody." in text(nina.get(URL))
        User.objects.update(email="")
        assert "Your account has no e-mail address." in text(nina.get(URL))
        Brand.objects.get().assigned_to.clear()
        assert "No brand is assigned to you, so there is nothing to tell" in text(nina.get(URL))


class TestTheOverviewShowsAChannelThatFails:
    WHY = "Slack answered 503: no Slack today."

    @pytest.fixture
    def broken(self, brand: Brand) -> NotificationChannel:
        return ChannelFactory.create(
            name="#acme", brand=brand, failing_since=NOON - timedelta(minutes=5), last_error=self.WHY
        )

    def test_to_whom_may_put_it_right(
        self, broken: NotificationChannel, ada: Client, mira: Client, nina: Client
    ) -> None:
        said = f"Alerts do not arrive by the channel “#acme” since 11:55 today. {self.WHY}"
        assert said in text(ada.get("/"))
        assert f"/admin/ads/notificationchannel/{broken.pk}/change/" in ada.get("/").content.decode()
        assert said in text(mira.get("/live/"))
        assert "Put it right" not in text(mira.get("/"))  # the admin is not open to her
        assert "#acme" not in text(nina.get("/"))

    def test_not_of_a_brand_that_is_not_ones_own(self, mira: Client) -> None:
        ChannelFactory.create(
            name="#zenith", brand=BrandFactory.create(), failing_since=NOON, last_error="no"
        )
        ChannelFactory.create(name="#agency", failing_since=NOON, last_error="no")
        assert "Alerts do not arrive" not in text(mira.get("/"))

    def test_and_not_any_more_once_it_works_or_is_switched_off(
        self, broken: NotificationChannel, ada: Client
    ) -> None:
        shown = ada.get("/live/")
        assert ada.get("/live/", headers={"if-none-match": shown["ETag"]}).status_code == 304
        NotificationChannel.objects.filter(pk=broken.pk).update(failing_since=None)
        again = ada.get("/live/", headers={"if-none-match": shown["ETag"]})
        assert again.status_code == 200
        assert "#acme" not in text(again)
        NotificationChannel.objects.filter(pk=broken.pk).update(failing_since=NOON, is_active=False)
        assert "Alerts do not arrive" not in text(ada.get("/"))


class TestAnEndpointThatTakesNothingIsTold:
    @pytest.fixture
    def hanging(self, brand: Brand) -> WebhookEndpoint:
        endpoint: WebhookEndpoint = WebhookEndpointFactory.create(name="ERP")
        emit([Event(EventType.ALERT_RAISED, "event:1", brand.pk, None, {})], NOON)
        for minutes, error in ((5, "It answered 500."), (1, "It did not answer within 10 s.")):
            at = NOON - timedelta(minutes=minutes)
            DeliveryAttempt.objects.create(delivery=Delivery.objects.get(), at=at, duration_ms=1, error=error)
        DeliveryTarget.objects.update(failures=2, failing_since=NOON - timedelta(minutes=5))
        return endpoint

    def test_to_whom_manages_it(
        self, hanging: WebhookEndpoint, ada: Client, mira: Client, nina: Client
    ) -> None:
        said = "The webhook endpoint “ERP” takes nothing since 11:55 today. It did not answer within 10 s."
        assert said in text(ada.get("/"))
        assert f"/admin/ads/webhookendpoint/{hanging.pk}/change/" in ada.get("/live/").content.decode()
        for other in (mira, nina):
            assert "ERP" not in text(other.get("/"))

    def test_and_not_any_more_once_it_takes_again_or_is_switched_off(
        self, hanging: WebhookEndpoint, ada: Client
    ) -> None:
        shown = ada.get("/live/")
        assert ada.get("/live/", headers={"if-none-match": shown["ETag"]}).status_code == 304
        WebhookEndpoint.objects.update(is_active=False)
        assert "ERP" not in text(ada.get("/live/", headers={"if-none-match": shown["ETag"]}))
        WebhookEndpoint.objects.update(is_active=True)
        DeliveryTarget.objects.update(failures=0, failing_since=None)
        assert "ERP" not in text(ada.get("/"))


def test_only_who_sees_a_brand_is_told_which_are_assigned(brand: Brand) -> None:
    user = take_role(User.objects.create_user("olga", "olga@example.com"))
    brand.assigned_to.add(user)
    client = Client()
    client.force_login(user)
    assert "Acme" not in text(client.get(URL))
    take_role(user, VIEWER)
    assert "Acme" in text(client.get(URL))

"""Webhook endpoints and deliveries in the admin: secrets shown once, what was sent and what not, sent again by hand."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from ads.models import Brand, Delivery, DeliveryAttempt, DeliveryTarget, EventType, WebhookEndpoint
from ads.rights import Right
from ads.services import webhooks
from ads.services.webhooks import Event
from ads.tests.admin.browser import act_url, errors, list_url, page_url, run, told
from ads.tests.admin.test_pages import queries_of
from ads.tests.factories import WebhookEndpointFactory
from ads.tests.moments import NOON

ADD = reverse("admin:ads_webhookendpoint_add")
SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{43}=")


def form(**more: Any) -> dict[str, Any]:
    """What a browser sends to make an endpoint."""
    return {
        "name": "reporting",
        "url": "https://receiver.example/hook",
        "event_types": ["campaign.status_changed"],
        "all_brands": "yes",
        **more,
    }


def secrets_in(response: Any) -> list[str]:
    return sorted(set(SECRET.findall(response.content.decode())))


@pytest.fixture
def hers(manager: User) -> WebhookEndpoint:
    return WebhookEndpointFactory.create(name="hers", owner=manager)


@pytest.fixture
def not_hers(superuser: User) -> WebhookEndpoint:
    return WebhookEndpointFactory.create(name="not hers", owner=superuser)


def delivery(endpoint: WebhookEndpoint, brand: Brand, key: str = "event:1") -> Delivery:
    webhooks.emit([Event(EventType.ALERT_RAISED, key, brand.pk, None, {})], NOON)
    return Delivery.objects.get(key=f"{endpoint.target}:{key}")


class TestMaking:
    def test_shows_the_secret_on_the_page_that_follows_and_never_again(
        self, nina: Client, manager: User, brand: Brand
    ) -> None:
        page = nina.post(ADD, form(all_brands="no", brands=[str(brand.pk)]))
        endpoint = WebhookEndpoint.objects.get()
        assert secrets_in(page) == [endpoint.secret]
        assert "no-store" in page.headers["Cache-Control"]
        assert (endpoint.owner, endpoint.name, endpoint.url) == (
            manager,
            "reporting",
            "https://receiver.example/hook",
        )
        assert (endpoint.event_types, endpoint.all_brands) == (["campaign.status_changed"], False)
        assert list(endpoint.brands.all()) == [brand]
        for url in (page_url(endpoint), list_url(WebhookEndpoint)):
            assert secrets_in(nina.get(url)) == []

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"url": "http://receiver.example/"}, "Give an address that begins with https://."),
            ({"url": "ftp://receiver.example/"}, "Give an address such as https://example.com/hook."),
            ({"url": "https://127.0.0.1/"}, "127.0.0.1 is not on the open internet."),
            ({"url": "https://[::ffff:10.0.0.1]/"}, "::ffff:10.0.0.1 is not on the open internet."),
            ({"url": "https://ada:secret@receiver.example/"}, "Leave the user name out"),
            ({"url": "https://receiver.example:99999/"}, "Give an address such as https://example.com/hook."),
            ({"event_types": []}, "This field is required."),
            ({"event_types": ["made.up"]}, "Select a valid choice."),
            ({"all_brands": "no"}, "Choose at least one brand, or all brands above."),
        ],
    )
    def test_refuses(self, nina: Client, wrong: dict[str, Any], message: str) -> None:
        found = errors(nina.post(ADD, form(**wrong)))
        assert any(message in text for texts in found.values() for text in texts), found
        assert WebhookEndpoint.objects.count() == 0

    def test_takes_an_address_inside_the_network_that_is_trusted(self, nina: Client, settings: Any) -> None:
        settings.OUTBOUND_TRUSTED_HOSTS = ["reports.internal:8080"]
        nina.post(ADD, form(url="http://reports.internal:8080/hook"))
        assert WebhookEndpoint.objects.get().url == "http://reports.internal:8080/hook"

    def test_takes_no_brand_that_she_does_not_see(self, nina: Client, other_brand: Brand) -> None:
        found = errors(nina.post(ADD, form(all_brands="no", brands=[str(other_brand.pk)])))
        assert "brands" in found
        assert WebhookEndpoint.objects.count() == 0


class TestChanging:
    def test_keeps_the_secret_and_the_owner(
        self, nina: Client, hers: WebhookEndpoint, superuser: User, brand: Brand
    ) -> None:
        secret = hers.secret
        changed = form(name="renamed", event_types=["period.closed"], owner=str(superuser.pk))
        nina.post(page_url(hers), changed | {"all_brands": "no", "brands": [str(brand.pk)]})
        endpoint = WebhookEndpoint.objects.get()
        assert (endpoint.name, endpoint.event_types, endpoint.secret) == (
            "renamed",
            ["period.closed"],
            secret,
        )
        assert (endpoint.owner, list(endpoint.brands.all())) == (hers.owner, [brand])

    def test_of_anothers_is_not_there(self, nina: Client, not_hers: WebhookEndpoint) -> None:
        assert nina.get(page_url(not_hers)).status_code == 404
        assert nina.post(act_url(not_hers, "rotate"), {"sure": "yes"}).status_code == 404
        assert nina.post(act_url(not_hers, "switch_off")).status_code == 404
        not_hers.refresh_from_db()
        assert not_hers.is_active

    def test_of_anothers_needs_sight_of_every_brand(
        self, nina: Client, manager: User, hers: WebhookEndpoint
    ) -> None:
        """Whoever could lead another's endpoint elsewhere would get at all that the other sees."""
        theirs = WebhookEndpointFactory.create(owner=User.objects.create_user("bob"))
        for right, met in ((Right.MANAGE_PEOPLE, 404), (Right.SEE_ALL_BRANDS, 200)):
            manager.user_permissions.add(Permission.objects.get(codename=right.value))
            assert nina.get(page_url(theirs)).status_code == met

    def test_is_open_to_an_administrator(self, ada: Client, hers: WebhookEndpoint) -> None:
        ada.post(act_url(hers, "switch_off"))
        hers.refresh_from_db()
        assert (hers.is_active, hers.switched_off_why) == (False, "By ada.")


class TestANewSecret:
    def test_is_asked_for_first_and_shown_once(self, nina: Client, hers: WebhookEndpoint) -> None:
        old = hers.secret
        asked = nina.get(act_url(hers, "rotate"))
        assert "Make a new secret" in asked.content.decode()
        hers.refresh_from_db()
        assert hers.secret == old
        shown = nina.post(act_url(hers, "rotate"), {"sure": "yes"})
        hers.refresh_from_db()
        assert secrets_in(shown) == [hers.secret]
        assert (hers.previous_secret, hers.previous_secret_until) == (old, NOON + timedelta(hours=24))
        assert LogEntry.objects.get().get_change_message() == "New secret."


class TestSwitching:
    def test_off_and_on_again(self, nina: Client, hers: WebhookEndpoint) -> None:
        DeliveryTarget.objects.create(name=hers.target, free_at=NOON, failures=9, failing_since=NOON)
        assert "Since 2026-03-10 12:00 UTC" in nina.get(page_url(hers)).content.decode()
        assert told(nina.post(act_url(hers, "switch_off"))) == ["Switched off: nothing is sent any more."]
        page = nina.get(page_url(hers)).content.decode()
        assert "2026-03-10 12:00 UTC: By nina." in page
        nina.post(act_url(hers, "switch_on"))
        hers.refresh_from_db()
        assert (hers.is_active, hers.switched_off_why) == (True, "")
        assert DeliveryTarget.objects.get().failures == 0

    def test_a_test_is_sent_to_one_that_is_on(self, nina: Client, hers: WebhookEndpoint) -> None:
        nina.post(act_url(hers, "ping"))
        assert Delivery.objects.get().payload["type"] == "endpoint.ping"
        WebhookEndpoint.objects.update(is_active=False)
        assert told(nina.post(act_url(hers, "ping"))) == ["Switched off: nothing is sent."]
        assert Delivery.objects.count() == 1


class TestDeliveries:
    def test_show_their_attempts(self, nina: Client, hers: WebhookEndpoint, brand: Brand) -> None:
        row = delivery(hers, brand)
        DeliveryAttempt.objects.create(
            delivery=row, at=NOON, duration_ms=12, answer_code=503, error="Answered 503: <b>down</b>"
        )
        Delivery.objects.update(state="DEAD", last_error="Answered 503")
        page = nina.get(page_url(row)).content.decode()
        assert "Dead letter" in page
        assert "Answered 503: &lt;b&gt;down&lt;/b&gt;" in page
        assert "12 ms" in page
        assert "&quot;type&quot;: &quot;alert.raised&quot;" in page

    def test_are_filtered_by_state_and_endpoint(
        self, nina: Client, hers: WebhookEndpoint, brand: Brand
    ) -> None:
        WebhookEndpointFactory.create(name="second", owner=hers.owner)
        dead = delivery(hers, brand)
        delivery(hers, brand, "event:2")
        Delivery.objects.filter(pk=dead.pk).update(state="DEAD")

        def shown(**query: str) -> list[int]:
            page = nina.get(list_url(Delivery), query)
            return [row.pk for row in page.context["cl"].result_list]

        assert len(shown()) == 4
        assert shown(state="DEAD") == [dead.pk]
        assert len(shown(endpoint__id__exact=str(hers.pk))) == 2
        assert len(shown(event="alert.raised")) == 4
        assert shown(event="period.closed") == []

    def test_are_redelivered_by_hand(self, nina: Client, hers: WebhookEndpoint, brand: Brand) -> None:
        rows = [delivery(hers, brand), delivery(hers, brand, "event:2")]
        Delivery.objects.update(state="DEAD", attempts=90)
        done = run(nina, "redeliver", rows)
        assert told(done) == ["2 deliveries will be sent again at once, with the same id."]
        assert {(row.state, row.redelivered_by) for row in Delivery.objects.all()} == {("PENDING", "nina")}

    def test_of_others_or_of_a_brand_that_she_lost_are_not_there(
        self, nina: Client, manager: User, hers: WebhookEndpoint, not_hers: WebhookEndpoint, brand: Brand
    ) -> None:
        mine, theirs = delivery(hers, brand), Delivery.objects.get(endpoint=not_hers)
        assert nina.get(page_url(mine)).status_code == 200
        assert nina.get(page_url(theirs)).status_code == 404
        nina.post(act_url(theirs, "redeliver"))
        theirs.refresh_from_db()
        assert theirs.redelivered_by == ""
        manager.brands.clear()
        assert nina.get(page_url(mine)).status_code == 404

    def test_and_endpoints_cost_no_more_queries_for_more_rows(
        self, ada: Client, hers: WebhookEndpoint, brand: Brand
    ) -> None:
        def cost() -> list[int]:
            return [queries_of(ada, list_url(model)) for model in (Delivery, WebhookEndpoint)]

        delivery(hers, brand)
        ada.get(list_url(Delivery))
        before = cost()
        for number in range(5):
            WebhookEndpointFactory.create()
            delivery(hers, brand, f"more:{number}")
        assert cost() == before


class TestDeleting:
    def test_is_for_what_was_never_used(self, ada: Client, hers: WebhookEndpoint, brand: Brand) -> None:
        row = delivery(hers, brand)
        assert ada.post(page_url(hers, "delete"), {"post": "yes"}).status_code == 403
        row.delete()
        ada.post(page_url(hers, "delete"), {"post": "yes"})
        assert WebhookEndpoint.objects.count() == 0

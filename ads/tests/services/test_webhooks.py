"""Webhooks: who is told of what, in which form, and by a real receiver's word."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings
from standardwebhooks.webhooks import WebhookVerificationError

from ads.models import (
    Brand,
    Campaign,
    Delivery,
    DeliveryAttempt,
    DeliveryTarget,
    EventType,
    StatusChange,
    WebhookEndpoint,
)
from ads.rights import ACCOUNT_MANAGER, VIEWER
from ads.services import BudgetService, CampaignService, effects, endpoints, enforcement, periods, webhooks
from ads.services.effects import Drained
from ads.services.webhooks import Event
from ads.tests.factories import BrandFactory, CampaignFactory, WebhookEndpointFactory
from ads.tests.moments import NOON
from ads.tests.people import take_role
from ads.tests.receiver import Receiver, Reply, receiving

pytestmark = pytest.mark.django_db


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    with receiving() as receiver:
        settings.OUTBOUND_TRUSTED_HOSTS = [receiver.host]
        yield receiver


@pytest.fixture
def endpoint(receiver: Receiver) -> WebhookEndpoint:
    return WebhookEndpointFactory.create(url=receiver.url)


def drain() -> Drained:
    return effects.drain(timezone.now())


def event(brand: Brand, key: str = "event:1", campaign: Campaign | None = None, **data: Any) -> Event:
    return Event(EventType.ALERT_RAISED, key, brand.pk, None if campaign is None else campaign.pk, data)


def told(endpoint: WebhookEndpoint) -> list[str]:
    """Types of what is to be told to an endpoint, in order."""
    return [row.payload["type"] for row in Delivery.objects.filter(endpoint=endpoint).order_by("pk")]


def of_status_alone(endpoint: WebhookEndpoint) -> None:
    """No alert that is raised by the way is told to this endpoint."""
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(event_types=[EventType.STATUS_CHANGED])


class TestAChangeOfStatus:
    def test_is_told_signed(self, receiver: Receiver, endpoint: WebhookEndpoint, campaign: Campaign) -> None:
        of_status_alone(endpoint)
        BudgetService.record_spend(campaign, Decimal(100))
        assert drain() == Drained(delivered=1)
        (request,) = receiver.received
        change = StatusChange.objects.get()
        assert request.verified(endpoint.secret) == {
            "type": "campaign.status_changed",
            "version": 1,
            "id": f"status:{campaign.brand_id}:1",
            "timestamp": change.at.isoformat().replace("+00:00", "Z"),
            "sequence": 1,
            "data": {
                "brand": campaign.brand_id,
                "brand_name": "Acme",
                "campaign": campaign.pk,
                "campaign_name": "Summer Sale",
                "from_status": "ACTIVE",
                "from_reasons": [],
                "to_status": "PAUSED",
                "reasons": [{"code": "BRAND_DAILY", "words": "Brand daily budget reached"}],
                "cause": "SPEND",
                "by": "",
            },
        }
        assert request.event_id == request.payload["id"]
        assert request.headers["content-type"] == "application/json"
        attempt = DeliveryAttempt.objects.get()
        assert (attempt.delivery.state, attempt.answer_code, attempt.error) == ("DELIVERED", 204, "")

    def test_is_not_told_where_none_was(self, endpoint: WebhookEndpoint, campaign: Campaign) -> None:
        of_status_alone(endpoint)
        BudgetService.record_spend(campaign, Decimal(99))
        enforcement.sweep(timezone.now())
        assert Delivery.objects.count() == 0

    def test_of_a_campaign_is_numbered_in_order(
        self, endpoint: WebhookEndpoint, campaign: Campaign, brand: Brand
    ) -> None:
        other = CampaignFactory.create(brand=brand)
        CampaignService.switch_off(campaign)
        CampaignService.switch_off(other)
        CampaignService.switch_on(campaign)
        numbers = {
            pk: [row.payload["sequence"] for row in Delivery.objects.filter(campaign=pk).order_by("pk")]
            for pk in (campaign.pk, other.pk)
        }
        assert numbers == {campaign.pk: [1, 2], other.pk: [1]}

    def test_happens_also_where_telling_of_it_fails(
        self, endpoint: WebhookEndpoint, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> None:
            Delivery.objects.create(key="half")

        monkeypatch.setattr(webhooks, "enqueue", fail)
        BudgetService.record_spend(campaign, Decimal(100))
        campaign.refresh_from_db()
        assert campaign.status == "PAUSED"
        assert Delivery.objects.count() == 0


class TestAPeriodThatIsOver:
    def test_is_told_with_what_was_spent(
        self, receiver: Receiver, endpoint: WebhookEndpoint, brand: Brand, campaign: Campaign
    ) -> None:
        periods.rollover(NOON)
        assert told(endpoint) == []
        BudgetService.record_spend(campaign, Decimal("12.34"), occurred_at=NOON)
        Delivery.objects.all().delete()
        midnight = NOON.replace(hour=0) + timedelta(days=1)
        periods.rollover(midnight)
        periods.rollover(midnight)
        assert [row.payload["data"] for row in Delivery.objects.filter(brand=brand)] == [
            {
                "brand": brand.pk,
                "brand_name": "Acme",
                "campaign": None,
                "currency": "USD",
                "kind": "DAY",
                "starts_on": "2026-03-10",
                "spent": "12.34",
                "waived": "0.00",
                "budget": "100.00",
            }
        ]
        periods.rollover(midnight.replace(month=4, day=1))
        kinds = [row.payload["data"]["kind"] for row in Delivery.objects.filter(brand=brand)]
        assert (kinds.count("DAY"), kinds.count("MONTH")) == (22, 1)

    def test_costs_one_look_where_nobody_asks(self, brand: Brand) -> None:
        periods.rollover(NOON)
        with CaptureQueriesContext(connection) as queries:
            periods.rollover(NOON + timedelta(days=1))
        assert sum("ads_webhookendpoint" in query["sql"] for query in queries) == 1
        assert Delivery.objects.count() == 0


class TestWhoIsTold:
    def test_is_who_asked_for_the_type(self, brand: Brand) -> None:
        asks = WebhookEndpointFactory.create(event_types=["alert.raised", "period.closed"])
        does_not = WebhookEndpointFactory.create(event_types=["period.closed"])
        is_off = WebhookEndpointFactory.create(is_active=False)
        webhooks.emit([event(brand)], NOON)
        assert [told(each) for each in (asks, does_not, is_off)] == [["alert.raised"], [], []]

    def test_is_who_sees_the_brand(self, brand: Brand) -> None:
        other = BrandFactory.create()
        manager = take_role(User.objects.create_user("nina"), ACCOUNT_MANAGER)
        manager.brands.add(brand)
        roleless = User.objects.create_user("nobody")
        roleless.brands.add(brand)
        hers = WebhookEndpointFactory.create(owner=manager)
        theirs = WebhookEndpointFactory.create(owner=roleless)
        narrowed = WebhookEndpointFactory.create(all_brands=False)
        narrowed.brands.add(other)
        everything = WebhookEndpointFactory.create()
        webhooks.emit([event(brand, "event:1"), event(other, "event:2")], NOON)
        ids = {
            each.pk: sorted(row.payload["id"] for row in Delivery.objects.filter(endpoint=each))
            for each in (hers, theirs, narrowed, everything)
        }
        assert ids == {
            hers.pk: ["event:1"],
            theirs.pk: [],
            narrowed.pk: ["event:2"],
            everything.pk: ["event:1", "event:2"],
        }

    def test_is_nobody_who_lost_the_right_before_it_was_sent(self, receiver: Receiver, brand: Brand) -> None:
        viewer = take_role(User.objects.create_user("vera"), VIEWER)
        viewer.brands.add(brand)
        WebhookEndpointFactory.create(owner=viewer, url=receiver.url)
        webhooks.emit([event(brand)], timezone.now())
        viewer.brands.clear()
        assert drain() == Drained(dead=1)
        assert receiver.received == []
        assert Delivery.objects.get().last_error == (
            "The endpoint or its owner has no right to this brand any more"
        )
        assert DeliveryTarget.objects.get().failures == 0

    def test_is_told_once_of_one_event(self, endpoint: WebhookEndpoint, brand: Brand) -> None:
        webhooks.emit([event(brand)], NOON)
        webhooks.emit([event(brand), event(brand, "event:2")], NOON)
        assert sorted(row.payload["id"] for row in Delivery.objects.all()) == ["event:1", "event:2"]


class TestQueries:
    def cost(self, brand: Brand, many: int) -> int:
        campaigns = CampaignFactory.create_batch(many, brand=brand)
        happened = [event(brand, f"{many}:{each.pk}", each) for each in campaigns]
        with CaptureQueriesContext(connection) as queries:
            webhooks.emit(happened, NOON)
        return len(queries)

    def test_without_an_endpoint_are_one(self, brand: Brand) -> None:
        assert [self.cost(brand, many) for many in (1, 30)] == [1, 1]

    def test_of_nothing_are_none(self, brand: Brand) -> None:
        assert self.cost(brand, 0) == 0

    def test_grow_neither_with_events_nor_with_endpoints(self, brand: Brand) -> None:
        manager = take_role(User.objects.create_user("nina"), ACCOUNT_MANAGER)
        WebhookEndpointFactory.create(owner=manager, all_brands=False)
        WebhookEndpointFactory.create()
        self.cost(brand, 1)  # makes the targets
        few = [self.cost(brand, many) for many in (1, 10)]
        WebhookEndpointFactory.create_batch(2)
        self.cost(brand, 2)
        # Endpoints, who sees, who sees all, who sees which, brands of endpoints, numbers, targets, insertion.
        assert [*few, self.cost(brand, 11)] == [8, 8, 8]


class TestSecrets:
    def test_sign_together_for_a_day_after_a_rotation(
        self, receiver: Receiver, endpoint: WebhookEndpoint
    ) -> None:
        old = endpoint.secret
        new = endpoints.rotate(endpoint, timezone.now())
        endpoint.refresh_from_db()
        assert (endpoint.secret, new != old, new.startswith("whsec_")) == (new, True, True)
        webhooks.ping(endpoint, timezone.now())
        drain()
        (request,) = receiver.received
        assert request.verified(old) == request.verified(new) == request.payload

        WebhookEndpoint.objects.update(previous_secret_until=timezone.now() - timedelta(seconds=1))
        webhooks.ping(endpoint, timezone.now())
        drain()
        later = receiver.received[1]
        later.verified(new)
        with pytest.raises(WebhookVerificationError):
            later.verified(old)

    def test_of_another_do_not_verify(self, receiver: Receiver, endpoint: WebhookEndpoint) -> None:
        webhooks.ping(endpoint, timezone.now())
        drain()
        with pytest.raises(WebhookVerificationError):
            receiver.received[0].verified(endpoints.new_secret())


class TestAPing:
    def test_goes_to_this_endpoint_alone(self, receiver: Receiver, endpoint: WebhookEndpoint) -> None:
        other = WebhookEndpointFactory.create(url=receiver.url)
        webhooks.ping(endpoint, timezone.now())
        assert drain() == Drained(delivered=1)
        assert receiver.received[0].payload["type"] == "endpoint.ping"
        assert told(other) == []


class TestAnEndpointThatKeepsFailing:
    def test_for_three_days_is_switched_off_and_its_owner_told(
        self, receiver: Receiver, endpoint: WebhookEndpoint, brand: Brand, mailoutbox: list[Any]
    ) -> None:
        receiver.reply = lambda _: Reply(500)
        webhooks.emit([event(brand), event(brand, "event:2")], NOON)
        effects.drain(NOON)
        assert endpoints.give_up_failing(NOON + timedelta(days=2, hours=23)) == 0
        later = NOON + timedelta(days=3, minutes=1)
        assert endpoints.give_up_failing(later) == 1
        assert endpoints.give_up_failing(later) == 0
        endpoint.refresh_from_db()
        assert (endpoint.is_active, endpoint.switched_off_at) == (False, later)
        assert endpoint.switched_off_why == "It has failed since 2026-03-10 12:00 UTC."
        assert {row.state for row in Delivery.objects.filter(endpoint=endpoint)} == {"DEAD"}
        assert effects.drain(later).delivered == 1
        (message,) = mailoutbox
        assert message.to == [endpoint.owner.email]
        assert "was switched off: It has failed since 2026-03-10 12:00 UTC." in message.body
        assert f"/admin/ads/webhookendpoint/{endpoint.pk}/change/" in message.body
        assert message.subject == f"Webhook endpoint “{endpoint.name}” was switched off"

    def test_is_told_nothing_more(self, receiver: Receiver, endpoint: WebhookEndpoint, brand: Brand) -> None:
        webhooks.emit([event(brand)], NOON)
        endpoints.switch_off(endpoint, "By ada.", NOON)
        webhooks.emit([event(brand, "event:2")], NOON)
        assert drain() == Drained()
        assert receiver.received == []
        assert [row.state for row in Delivery.objects.all()] == ["DEAD"]

    def test_can_be_switched_on_and_gets_its_dead_letters(
        self, receiver: Receiver, endpoint: WebhookEndpoint, brand: Brand
    ) -> None:
        webhooks.emit([event(brand)], NOON)
        endpoints.switch_off(endpoint, "By ada.", NOON)
        effects.redeliver(Delivery.objects.get(), by="ada")
        assert drain() == Drained(dead=1)  # not while it is off
        endpoint.refresh_from_db()
        endpoints.switch_on(endpoint, timezone.now())
        effects.redeliver(Delivery.objects.get(), by="ada")
        assert drain() == Drained(delivered=1)
        assert receiver.event_ids == ["event:1"]

    def test_with_too_many_dead_letters_is_switched_off(
        self, endpoint: WebhookEndpoint, brand: Brand, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(endpoints, "MOST_DEAD_LETTERS", 3)
        webhooks.emit([event(brand, f"event:{number}") for number in range(3)], NOON)
        Delivery.objects.filter(key__endswith=":0").update(state="DEAD")
        assert endpoints.give_up_failing(NOON) == 0
        Delivery.objects.update(state="DEAD")
        assert endpoints.give_up_failing(NOON) == 1
        endpoint.refresh_from_db()
        assert endpoint.switched_off_why == "It left 3 dead letters."
        endpoints.switch_on(endpoint, NOON + timedelta(seconds=1))
        assert endpoints.give_up_failing(NOON + timedelta(seconds=1)) == 0

    def test_that_says_it_is_gone_is_switched_off_at_once(
        self, receiver: Receiver, endpoint: WebhookEndpoint, brand: Brand
    ) -> None:
        receiver.reply = lambda _: Reply(410)
        webhooks.emit([event(brand), event(brand, "event:2")], timezone.now())
        drain()
        endpoint.refresh_from_db()
        assert (endpoint.is_active, endpoint.switched_off_why) == (False, "It answered 410 Gone.")
        assert len(receiver.received) == 1

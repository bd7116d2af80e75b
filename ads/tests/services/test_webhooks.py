"""Webhooks: who is told of what, in which form, and by a real receiver's word."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.utils import timezone
from pytest_django import Settings

from ads.models import Campaign, Delivery, DeliveryAttempt, WebhookEndpoint
from ads.services import BudgetService, effects
from ads.tests.factories import WebhookEndpointFactory
from ads.tests.receiver import Receiver, receiving

pytestmark = pytest.mark.django_db


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    with receiving() as receiver:
        settings.OUTBOUND_TRUSTED_HOSTS = [receiver.host]
        yield receiver


@pytest.fixture
def endpoint(receiver: Receiver) -> WebhookEndpoint:
    return WebhookEndpointFactory.create(url=receiver.url)


class TestAChangeOfStatus:
    def test_is_told_signed(self, receiver: Receiver, endpoint: WebhookEndpoint, campaign: Campaign) -> None:
        BudgetService.record_spend(campaign, Decimal(100))
        assert effects.drain(timezone.now()) == effects.Drained(delivered=1)
        (request,) = receiver.received
        told = request.verified(endpoint.secret)
        assert told["type"] == "campaign.status_changed"
        assert told["version"] == 1
        assert told["id"] == request.event_id
        assert told["sequence"] == 1
        assert told["data"]["campaign"] == campaign.pk
        assert told["data"]["to_status"] == "PAUSED"
        assert told["data"]["reasons"] == [{"code": "BRAND_DAILY", "words": "Daily budget exceeded"}]
        delivery = Delivery.objects.get()
        assert delivery.state == "DELIVERED"
        attempt = DeliveryAttempt.objects.get()
        assert (attempt.answer_code, attempt.error) == (204, "")
        assert effects.drain(timezone.now()) == effects.Drained()

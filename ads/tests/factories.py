"""Objects for tests, with believable defaults."""

from datetime import UTC, datetime, time
from decimal import Decimal

from django.contrib.auth.models import User
from factory.declarations import LazyFunction, Sequence, SubFactory
from factory.django import DjangoModelFactory

from ads.models import (
    Brand,
    Campaign,
    ChannelKind,
    DaypartingSchedule,
    Delivery,
    DeliveryKind,
    EventType,
    NotificationChannel,
    SpendLog,
    WebhookEndpoint,
)
from ads.services.endpoints import new_secret


class BrandFactory(DjangoModelFactory[Brand]):
    class Meta:
        model = Brand

    name = Sequence(lambda number: f"Brand {number}")
    daily_budget = Decimal(100)
    monthly_budget = Decimal(2000)


class CampaignFactory(DjangoModelFactory[Campaign]):
    class Meta:
        model = Campaign

    brand = SubFactory(BrandFactory)
    name = Sequence(lambda number: f"Campaign {number}")


class SpendFactory(DjangoModelFactory[SpendLog]):
    class Meta:
        model = SpendLog

    campaign = SubFactory(CampaignFactory)
    amount = Decimal(10)


class DaypartingScheduleFactory(DjangoModelFactory[DaypartingSchedule]):
    class Meta:
        model = DaypartingSchedule

    campaign = SubFactory(CampaignFactory)
    day_of_week = None
    start_time = time(9)
    end_time = time(17)


class AdministratorFactory(DjangoModelFactory[User]):
    """Somebody who sees every brand."""

    class Meta:
        model = User

    username = Sequence(lambda number: f"administrator-{number}")
    email = Sequence(lambda number: f"administrator-{number}@agency.example")
    is_superuser = True


class WebhookEndpointFactory(DjangoModelFactory[WebhookEndpoint]):
    """Told of everything in every brand."""

    class Meta:
        model = WebhookEndpoint

    name = Sequence(lambda number: f"Endpoint {number}")
    url = "https://receiver.example/hook"
    owner = SubFactory(AdministratorFactory)
    event_types = LazyFunction(lambda: list(EventType.values))
    secret = LazyFunction(new_secret)
    created_at = switched_on_at = datetime(2026, 1, 1, tzinfo=UTC)


class DeliveryFactory(DjangoModelFactory[Delivery]):
    """A message that is to be sent."""

    class Meta:
        model = Delivery

    key = Sequence(lambda number: f"delivery-{number}")
    kind = DeliveryKind.MAIL
    target = "mail"
    payload: dict[str, str] = {}
    created_at = due_at = datetime(2026, 1, 1, tzinfo=UTC)
    give_up_at = datetime(2030, 1, 1, tzinfo=UTC)


class ChannelFactory(DjangoModelFactory[NotificationChannel]):
    """A default channel of the agency, in Slack."""

    class Meta:
        model = NotificationChannel

    name = Sequence(lambda number: f"#channel-{number}")
    kind = ChannelKind.SLACK
    address = "https://hooks.slack.com/services/T0/B0/s3cr3t"
    created_at = datetime(2026, 1, 1, tzinfo=UTC)

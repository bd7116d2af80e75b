"""Objects for tests, with believable defaults."""

from datetime import time
from decimal import Decimal

from factory.declarations import Sequence, SubFactory
from factory.django import DjangoModelFactory

from ads.models import Brand, Campaign, DaypartingSchedule, SpendLog


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

"""How the sample's campaigns usually spend: by weekday and by hour of the brand's clock, in whole numbers."""

from datetime import datetime, timedelta

from ads.currencies import minor_units
from ads.rules.money import MICROS_PER_UNIT
from ads.rules.periods import Calendar
from ads.sample_data.agency import CONSUMER_DAY, SampleBrand, SampleCampaign

SECONDS_PER_HOUR = 3600


def minor_unit_micros(currency: str) -> int:
    """The currency's smallest coin in micros: 10,000 for a cent, 1,000,000 for a yen."""
    micros: int = MICROS_PER_UNIT // 10 ** minor_units(currency)
    return micros


def usual_micros(
    brand: SampleBrand, campaign: SampleCampaign, calendar: Calendar, since: datetime, until: datetime
) -> int:
    """What the campaign usually spends from one instant to another while it runs."""
    day = campaign.usual_day * MICROS_PER_UNIT
    micros = 0
    while since < until:
        wall = calendar.wall_clock(since)
        next_hour = since + timedelta(hours=1) - timedelta(minutes=wall.minute, seconds=wall.second)
        seconds = int((min(until, next_hour) - since).total_seconds())
        share = CONSUMER_DAY[wall.hour] * brand.week[wall.weekday()]
        micros += day * share * seconds // (1000 * 100 * SECONDS_PER_HOUR)
        since = min(until, next_hour)
    return micros

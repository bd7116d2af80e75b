"""Creates the agency with its history: once, and whole or not at all."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from operator import itemgetter
from random import Random

from django.conf import settings
from django.db import transaction

from ads.actor import acting_as
from ads.models import Brand, Campaign, DaypartingSchedule
from ads.rights import ACCOUNT_MANAGER
from ads.rules.money import MICROS_PER_UNIT, to_micros
from ads.rules.periods import ONE_DAY, Calendar
from ads.rules.serving import Reason
from ads.sample_data.agency import ACCOUNTS, AGENCY, SampleBrand, SampleCampaign
from ads.sample_data.clock import ReplayedClock
from ads.sample_data.people import ACTS, COLLEAGUES, Act, employ
from ads.sample_data.replay import Replay, Running, report_moments
from ads.sample_data.spending import minor_unit_micros
from ads.services import BudgetService, enforcement, periods
from ads.services.records import SpendEvent

ROLLOVER_DELAY = timedelta(seconds=23)  # the task that opens new days comes by every minute
BEFORE_THE_END = timedelta(minutes=5)
DAYS = 60
SIGNED_AT = "10:00"
SEED = "a believable agency"

Moment = tuple[datetime, Callable[[], None]]


@dataclass(frozen=True, slots=True)
class Created:
    """What was added: nothing of what was there already."""

    brands: int = 0
    campaigns: int = 0
    records: int = 0


def create_sample_data(now: datetime, *, days: int = DAYS) -> Created:
    """Adds the brands of the agency that are missing, with their campaigns and their last days up to `now`."""
    missing = [sample for sample in AGENCY if not _is_there(sample)]
    if not missing:
        return Created()
    # All that is there is brought up to date, so that the replay finds nothing due but its own.
    periods.rollover(now)
    enforcement.tick(now)
    with _quietly(), transaction.atomic():
        return _Creation(missing, now, days).run()


def _is_there(sample: SampleBrand) -> bool:
    ids = [campaign.external_id for campaign in sample.campaigns]
    campaigns = Campaign.objects.filter(account__in=ACCOUNTS.values(), external_id__in=ids)
    return Brand.objects.filter(name=sample.name).exists() or campaigns.exists()


@contextmanager
def _quietly() -> Iterator[None]:
    """Pauses of past weeks are no news."""
    log = logging.getLogger("ads.enforcement")
    level = log.level
    log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        log.setLevel(level)


class _Creation:
    """The missing brands, and what happens to them until `now`."""

    def __init__(self, samples: Sequence[SampleBrand], now: datetime, days: int) -> None:
        self.samples = samples
        self.now = now
        self.days = {sample.name: min(sample.days_of_history, days) for sample in samples}
        self.clock = ReplayedClock(now)
        self.replay = Replay(self.clock, {}, Random(SEED))  # noqa: S311 - the same agency each time
        self.calendars = {
            sample.name: Calendar.fixed(sample.timezone or settings.TIME_ZONE) for sample in samples
        }

    def run(self) -> Created:
        """Goes through all moments in their order."""
        moments = sorted(self._moments(), key=itemgetter(0))
        self.clock.moment = moments[0][0]
        with self.clock.shown():
            for moment, act in moments:
                self.replay.advance(moment)
                act()
            self.replay.advance(self.now)
        return Created(len(self.samples), len(self.replay.campaigns), self.replay.records)

    def _moments(self) -> Iterator[Moment]:
        for sample in self.samples:
            yield self._at(sample, self.days[sample.name], SIGNED_AT), partial(self._sign, sample)
            if sample.today_percent is not None:
                yield (
                    self._shortly_before_the_end(sample),
                    partial(self._spend_up_to, sample, sample.today_percent),
                )
        for calendar in dict.fromkeys(self.calendars.values()):
            yield from self._midnights(calendar)
        first = min(self._at(sample, self.days[sample.name], SIGNED_AT) for sample in self.samples)
        for moment, platform in report_moments(first, self.now - BEFORE_THE_END):
            yield moment, partial(self.replay.report, platform)
        for act in ACTS:
            if act.brand in self.samples:
                days_ago = min(act.days_ago, self.days[act.brand.name] - 1)
                yield min(self._at(act.brand, days_ago, act.clock_time), self.now), partial(self._do, act)

    def _midnights(self, calendar: Calendar) -> Iterator[Moment]:
        today = calendar.local_date(self.now)
        longest = max(days for name, days in self.days.items() if self.calendars[name] == calendar)
        for ago in range(longest):
            midnight = calendar.day_start(today - ago * ONE_DAY)
            yield midnight, partial(self.replay.end_day, calendar)
            yield min(midnight + ROLLOVER_DELAY, self.now), self.replay.open_days

    def _shortly_before_the_end(self, sample: SampleBrand) -> datetime:
        """Five minutes before it, but not before the brand's day has begun."""
        day_start = self.calendars[sample.name].day_start(self._today(sample))
        return min(max(self.now - BEFORE_THE_END, day_start + 2 * ROLLOVER_DELAY), self.now)

    def _at(self, sample: SampleBrand, days_ago: int, clock_time: str) -> datetime:
        day = self._today(sample) - days_ago * ONE_DAY
        zone = self.calendars[sample.name].zone_at(self.now)
        return datetime.combine(day, time.fromisoformat(clock_time), zone).astimezone(UTC)

    def _today(self, sample: SampleBrand) -> date:
        return self.calendars[sample.name].local_date(self.now)

    def _do(self, act: Act) -> None:
        act.run()
        self.replay.look()

    def _sign(self, sample: SampleBrand) -> None:
        """The client signs, and its manager enters what is agreed."""
        manager = employ(sample.manager, ACCOUNT_MANAGER)
        with acting_as(manager):
            brand = Brand.objects.create(
                name=sample.name,
                currency=sample.currency,
                timezone=sample.timezone,
                daily_budget_micros=_micros(sample.daily_budget),
                monthly_budget_micros=_micros(sample.monthly_budget),
            )
            brand.assigned_to.add(manager)
            for colleague in COLLEAGUES:
                user = employ(colleague.username, colleague.role)
                if sample in colleague.brands:
                    brand.assigned_to.add(user)
            for campaign in sample.campaigns:
                self._enter(brand, sample, campaign)
        self.replay.open_days()

    def _enter(self, brand: Brand, sample: SampleBrand, campaign: SampleCampaign) -> None:
        today = self._today(sample)
        entered = Campaign.objects.create(
            brand=brand,
            name=campaign.name,
            platform=campaign.platform,
            account=ACCOUNTS[campaign.platform],
            external_id=campaign.external_id,
            daily_budget_micros=_micros(campaign.daily_budget),
            monthly_budget_micros=_micros(campaign.monthly_budget),
            total_budget_micros=_micros(campaign.total_budget),
            start_date=None if campaign.starts is None else today + campaign.starts * ONE_DAY,
            end_date=None if campaign.ends is None else today + campaign.ends * ONE_DAY,
        )
        DaypartingSchedule.objects.bulk_create(
            DaypartingSchedule(
                campaign=entered,
                day_of_week=window.day_of_week,
                start_time=window.start,
                end_time=window.end,
                timezone=campaign.zone,
            )
            for window in campaign.windows
        )
        self.replay.campaigns[entered.pk] = Running(campaign, sample, self.calendars[sample.name])

    def _spend_up_to(self, sample: SampleBrand, percent: int) -> None:
        """The last reports bring the brand's day to this part of its budget, whatever the hour."""
        brand = Brand.objects.get(name=sample.name)
        spent = to_micros(BudgetService.get_brand_summary(brand)["daily_spent"])
        missing = (brand.daily_budget_micros or 0) * percent // 100 - spent
        able = Campaign.objects.filter(brand=brand, reason_codes__in=["", Reason.BRAND_DAILY])
        campaigns = list(able.order_by("pk"))
        unit = minor_unit_micros(brand.currency)
        for left in range(len(campaigns), 0, -1):
            campaign = campaigns[left - 1]
            micros = missing // left // unit * unit
            missing -= micros
            if micros > 0:
                event = SpendEvent(
                    campaign_id=campaign.pk,
                    amount_micros=micros,
                    occurred_at=self._while_it_ran(campaign, sample),
                    external_id=f"{campaign.external_id}-latest",
                    currency=brand.currency,
                )
                self.replay.book(campaign.platform, [event])

    def _while_it_ran(self, campaign: Campaign, sample: SampleBrand) -> datetime:
        moment = self.clock.moment
        if not campaign.is_active and campaign.status_since is not None:
            moment = campaign.status_since
        day_start = self.calendars[sample.name].day_start(self._today(sample))
        return max(moment - timedelta(seconds=20), day_start)


def _micros(units: int | None) -> int | None:
    return None if units is None else units * MICROS_PER_UNIT

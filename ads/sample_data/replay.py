"""Replays the agency's last weeks: each moment is decided when it came, from what was known by then."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from ads.models import Campaign
from ads.rules.periods import Calendar
from ads.rules.serving import Status
from ads.sample_data.agency import SampleBrand, SampleCampaign
from ads.sample_data.clock import ReplayedClock
from ads.sample_data.spending import minor_unit_micros, usual_micros
from ads.services import enforcement, periods
from ads.services.ingest import ingest_events
from ads.services.records import Result, SpendEvent

TICK_DELAY = timedelta(seconds=11)  # the tick that looks for what is due comes by every 20 seconds
LATE_ONE_IN = 25

# Hours from one report of a platform to its next: in the last days, and in the weeks before.
REPORTS_EVERY = {
    "google_ads": (3, 6),
    "meta": (3, 6),
    "tiktok": (8, 24),
    "linkedin": (8, 24),
    "microsoft_ads": (8, 24),
    "pinterest": (8, 24),
}
LAST_DAYS = timedelta(days=8)


@dataclass(slots=True)
class Running:
    """A campaign in the replay: what it has spent that its platform has not yet reported."""

    sample: SampleCampaign
    brand: SampleBrand
    calendar: Calendar
    unreported_micros: int = 0
    spent_until: datetime | None = None
    records: int = 0


@dataclass(slots=True)
class Replay:
    """The days up to `now`, moment by moment. The clock shows each moment while it is replayed."""

    clock: ReplayedClock
    campaigns: dict[int, Running]
    random: Random
    late: defaultdict[str, list[SpendEvent]] = field(default_factory=lambda: defaultdict(list))
    active: list[int] = field(default_factory=list)
    next_due: datetime | None = None
    records: int = 0

    def advance(self, until: datetime) -> None:
        """Lets time pass until this moment: campaigns spend, and what falls due is decided when it does."""
        while self.next_due is not None and self.next_due <= until:
            self._spend(self.next_due)
            self.clock.moment = max(self.clock.moment, min(self.next_due + TICK_DELAY, until))
            enforcement.tick(self.clock.moment)
            self.look()
        self._spend(until)
        self.clock.moment = until

    def look(self) -> None:
        """Sees which campaigns run from here on, and when time alone next changes that."""
        campaigns = Campaign.objects.filter(pk__in=self.campaigns).order_by()
        rows = list(campaigns.values_list("pk", "status", "next_transition_at"))
        self.active = [pk for pk, status, _ in rows if status == Status.ACTIVE]
        self.next_due = min((due for _, _, due in rows if due is not None), default=None)

    def end_day(self, calendar: Calendar) -> None:
        """What was spent before this midnight, and not reported yet, is reported after it as of before it."""
        for pk, running in self.campaigns.items():
            if running.calendar == calendar and (event := self._event(pk, running)) is not None:
                self.late[running.sample.platform].append(event)

    def open_days(self) -> None:
        """What the minute-by-minute task does where a brand has entered a new day."""
        if periods.rollover(self.clock.moment).brands:
            self.look()

    def report(self, platform: str) -> None:
        """The platform reports what was spent since it last did; the services decide what follows."""
        events = [*self.late.pop(platform, ()), *self._events(platform)]
        self.book(platform, events)

    def book(self, source: str, events: Sequence[SpendEvent]) -> None:
        """Books these records; a history in which one is refused is a mistake in the sample."""
        for answer in ingest_events(events, source=source, now=self.clock.moment):
            if answer.result != Result.ACCEPTED:
                raise AssertionError(f"{answer.field}: {answer.message}")
        if events:
            self.records += len(events)
            self.look()

    def _spend(self, until: datetime) -> None:
        since = self.clock.moment
        if until <= since:
            return
        for pk in self.active:
            running = self.campaigns[pk]
            running.unreported_micros += usual_micros(
                running.brand, running.sample, running.calendar, since, until
            )
            running.spent_until = until

    def _events(self, platform: str) -> Iterator[SpendEvent]:
        for pk, running in self.campaigns.items():
            if running.sample.platform != platform or (event := self._event(pk, running)) is None:
                continue
            if self.random.randrange(LATE_ONE_IN) == 0:
                self.late[platform].append(event)
            else:
                yield event

    def _event(self, pk: int, running: Running) -> SpendEvent | None:
        """What the campaign spent since its last record, with some chance in it, as the next one."""
        unit = minor_unit_micros(running.brand.currency)
        micros = running.unreported_micros * self.random.randint(82, 118) // 100 // unit * unit
        if micros == 0 or running.spent_until is None:
            return None
        running.unreported_micros = 0
        running.records += 1
        return SpendEvent(
            campaign_id=pk,
            amount_micros=micros,
            occurred_at=running.spent_until - timedelta(seconds=self.random.randint(1, 9)),
            external_id=f"{running.sample.external_id}-{running.records:05}",
            currency=running.brand.currency,
        )


def report_moments(since: datetime, until: datetime) -> Iterator[tuple[datetime, str]]:
    """When each platform reports: every few hours, each at minutes of its own."""
    for number, (platform, hours) in enumerate(REPORTS_EVERY.items()):
        moment = since + timedelta(minutes=17 + 37 * number, seconds=13 * number)
        while moment < until:
            yield moment, platform
            moment += timedelta(hours=hours[0] if moment > until - LAST_DAYS else hours[1])

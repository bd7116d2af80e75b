"""Beat is away over midnight for 3 h and for 3 days, comes twice and thrice, and the clock jumps: right in 60 s."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal

from ads.models import BrandPeriod, Campaign, PeriodKind, StatusChange
from ads.rules.serving import Status
from ads.services import BudgetService, CampaignService, heartbeats
from ads.tests.schedule import every_second
from budget_system.processes import NotReadyError, wait_until
from drills.agency import books, make_agency
from drills.clock import Clock
from drills.figures import Figure, at_most, exactly
from drills.stage import Stage

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DAILY = Decimal(100)
MOST_SECONDS = 60
JUMPS = {"10 minutes forward": 10, "10 minutes back": -10, "a day forward": 24 * 60, "a day back": -24 * 60}


class Agency:
    """Brands whose day is spent time and again, seen by a clock of their own."""

    def __init__(self, stage: Stage, *options: str) -> None:
        """A worker and a beat, with these options, that go by one clock, which starts two minutes before a midnight."""
        self.stage, self.options, self.records = stage, options, 0
        self.clock = Clock(stage.directory / "clock")
        self.clock.set(self.clock.now().replace(hour=0, minute=0, second=0, microsecond=0) + DAY - HOUR / 30)
        self.campaigns = make_agency(brands=3, campaigns=2, daily_budget=DAILY)
        every_second("Show that work is done", "Enforce what is due", "Open new days", "Sweep everything")
        stage.processes.start_worker("worker", "--concurrency=2", **self.clock.env)
        self.beat = self.start_beat("beat")
        self.seconds_until_right()

    def spend_the_day(self) -> None:
        for campaign in self.campaigns[::2]:  # one of each brand, which stops both
            now = self.clock.now()
            self.records += 1
            BudgetService.record_spend(
                campaign, DAILY, occurred_at=now, external_id=str(self.records), now=now
            )

    def start_beat(self, name: str) -> subprocess.Popen[bytes]:
        return self.stage.processes.start_beat(name, *self.options, **self.clock.env)

    def seconds_until_right(self) -> Decimal:
        """How long it takes until work is done and each campaign is as the rule decides at this moment."""
        began, seen = time.monotonic(), self._last_seen()
        with suppress(NotReadyError):
            wait_until(lambda: self._last_seen() != seen, seconds=2 * MOST_SECONDS, what="beat's next task")
            wait_until(self._is_right, seconds=2 * MOST_SECONDS, what="the right statuses")
        return Decimal(f"{time.monotonic() - began:.1f}")

    def running(self) -> int:
        return Campaign.objects.filter(status=Status.ACTIVE).count()

    def _last_seen(self) -> datetime | None:
        seen = heartbeats.last_seen().get(heartbeats.WORKER)
        return None if seen is None else seen.updated_at

    def _is_right(self) -> bool:
        return all(
            each.status == CampaignService.decide_now(each, now=self.clock.now()).status
            for each in Campaign.objects.select_related("brand")
        )


def drill(stage: Stage) -> Iterator[Figure]:
    """Beat is killed, started, and joined by others; then the clock jumps under all of them."""
    agency = Agency(stage)
    clock, beat = agency.clock, agency.beat
    for away, name in ((3 * HOUR, "3 hours"), (3 * DAY, "3 days")):
        agency.spend_the_day()
        yield exactly(f"running when beat goes for {name}", agency.running(), 0)
        os.killpg(beat.pid, signal.SIGKILL)
        clock.move(away)
        time.sleep(3)
        yield exactly("running while it is away", agency.running(), 0)
        beat = agency.start_beat(f"beat after {name}")
        yield at_most("all is right after its return within", agency.seconds_until_right(), MOST_SECONDS, "s")
        yield exactly("running then", agency.running(), len(agency.campaigns))
    days = BrandPeriod.objects.filter(kind=PeriodKind.DAY, closed_at=None).values_list("starts_on", flat=True)
    yield exactly("days that are open", set(days), {clock.now().date()})
    for number in ("second", "third"):
        agency.start_beat(f"the {number} beat")
        agency.spend_the_day()
        before = StatusChange.objects.count()
        clock.set(clock.now().replace(hour=0, minute=0, second=0, microsecond=0) + DAY - timedelta(seconds=5))
        time.sleep(5)
        yield at_most(
            f"right after midnight with a {number} beat", agency.seconds_until_right(), MOST_SECONDS, "s"
        )
        time.sleep(3)
        yield exactly(
            "changes at that midnight", StatusChange.objects.count() - before, len(agency.campaigns)
        )
    clock.move(DAY - timedelta(minutes=5))
    yield from _jumps(agency, list(JUMPS))
    yield from books(clock.now(), rows=agency.records, amount=DAILY * agency.records)


def control(stage: Stage) -> Iterator[Figure]:
    """Beat with the scheduler that this system's is made of."""
    agency = Agency(stage, "--scheduler=django_celery_beat.schedulers:DatabaseScheduler")
    yield from _jumps(agency, list(JUMPS)[:2])


def _jumps(agency: Agency, jumps: list[str]) -> Iterator[Figure]:
    """Over a midnight and back; each jump changes all campaigns, whose day is spent before it."""
    agency.seconds_until_right()
    agency.spend_the_day()
    for words in jumps:
        before = StatusChange.objects.count()
        agency.clock.move(timedelta(minutes=JUMPS[words]))
        yield at_most(
            f"right when the clock has jumped {words}", agency.seconds_until_right(), MOST_SECONDS, "s"
        )
        yield exactly("changes by it", StatusChange.objects.count() - before, len(agency.campaigns))

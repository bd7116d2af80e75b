"""Every minute around the changes of seven zones' clocks: windows and days begin and end on time, gap <= 60 s."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from unittest.mock import patch
from zoneinfo import ZoneInfo

from ads.models import Campaign, SpendLog, StatusChange
from ads.rules.periods import Calendar
from ads.rules.serving import Status
from ads.services import BudgetService, enforcement, periods
from ads.tests.factories import BrandFactory, CampaignFactory, DaypartingScheduleFactory
from drills.agency import books
from drills.figures import Figure, at_least, at_most, exactly, none_of
from drills.stage import Stage

# Some change at midnight, one on the evening before, one by half an hour.
ZONES = "Europe/Paris America/New_York America/Santiago Africa/Cairo Asia/Beirut America/Havana Australia/Lord_Howe"
Window = tuple[time, time]
WINDOWS: list[Window] = [(time(9), time(17)), (time(22), time(6)), (time(1, 30), time(2, 15))]
WINDOWS += [(time(2, 10), time(2, 20)), (time(0), time(0, 30)), (time(23, 30), time(0, 15))]
MINUTE = timedelta(minutes=1)
DAILY = Decimal(100)


@dataclass
class Watched:
    """A campaign, and whether it is to run by a clock on a wall there: in a window, or 20 minutes of each day."""

    campaign: Campaign
    zone: ZoneInfo
    window: Window | None = None
    today: date = date.min
    began: datetime | None = None
    spent: list[date] = field(default_factory=list)
    is_running: bool | None = None
    edges: list[tuple[datetime, bool]] = field(default_factory=list)

    def look(self, minute: datetime) -> None:
        """What is to be at this minute; spends the day's budget when that is due."""
        wall = minute.astimezone(self.zone)
        if wall.date() > self.today:  # a day that has begun goes on where the clock goes back
            self.today, self.began = wall.date(), minute
        assert self.began is not None
        if self.window is None and self.today not in self.spent and minute - self.began >= 20 * MINUTE:
            BudgetService.record_spend(
                self.campaign,
                DAILY,
                occurred_at=minute,
                now=minute,
                external_id=f"{self.campaign}-{self.today}",
            )
            self.spent.append(self.today)
        before, self.is_running = self.is_running, self._runs(wall.time())
        if before not in (None, self.is_running):
            self.edges.append((minute, self.is_running))

    def _runs(self, wall: time) -> bool:
        if self.window is None:
            return self.today not in self.spent
        begin, end = self.window
        return begin <= wall < end if begin < end else not end <= wall < begin

    def changes(self, since: datetime) -> list[tuple[datetime, bool]]:
        """When the system switched it, and to what."""
        rows = StatusChange.objects.filter(campaign=self.campaign, at__gt=since).order_by("pk")
        return [(row.at, row.to_status == Status.ACTIVE) for row in rows]


def drill(stage: Stage, every: int = 1) -> Iterator[Figure]:
    """The tasks that beat sends, as often as it does, each on a second of its own, around the changes of 2027."""
    watched = [each for zone in ZONES.split() for each in _campaigns(zone)]
    gaps: list[timedelta] = []
    wrong: list[str] = []
    near = _minutes(stage.size(4 * 60, quick=25), every=stage.size(every, quick=4))
    for minute in sorted(near):
        if minute - MINUTE not in near:
            since = _begin(watched, minute)
            tick, roll = stage.chance.randrange(20), stage.chance.randrange(60)
        for each in watched:
            each.look(minute)
        for second in sorted({tick, tick + 20, tick + 40, roll}):
            now = minute + timedelta(seconds=second)
            periods.rollover(now) if second == roll else enforcement.tick(now)
        if minute + MINUTE not in near:
            for each in watched:
                found = each.changes(since)
                if [to for _, to in found] != [to for _, to in each.edges]:
                    wrong.append(f"{each.campaign} before {minute}: {found} instead of {each.edges}")
                gaps += [at - edge for (at, _), (edge, _) in zip(found, each.edges, strict=False)]
    spent = [day for each in watched for day in each.spent]
    yield at_least("minutes", len(near), 90)
    yield at_least("edges of windows and days", len(gaps), 20)
    yield none_of("edges missed, or made up", wrong)
    yield at_most("the longest gap", max(abs(gap // timedelta(seconds=1)) for gap in gaps), 60, "s")
    days = SpendLog.objects.order_by("spent_on").values_list("spent_on", flat=True)
    yield exactly("spend by the day on the wall", list(days) == sorted(spent), True)
    yield from books(now, rows=len(spent), amount=DAILY * len(spent))


def control(stage: Stage) -> Iterator[Figure]:
    """Nobody expects the clock on the wall to jump."""
    with patch.object(Calendar, "steady_until", lambda _self, _instant, until: until):
        yield from drill(stage, every=4)


def _campaigns(zone: str) -> Iterator[Watched]:
    brand, spender = BrandFactory.create_batch(2, daily_budget=DAILY, monthly_budget=None, timezone=zone)
    yield Watched(CampaignFactory.create(brand=spender), ZoneInfo(zone))
    for begin, end in WINDOWS:
        campaign = CampaignFactory.create(brand=brand)
        DaypartingScheduleFactory.create(campaign=campaign, start_time=begin, end_time=end)
        yield Watched(campaign, ZoneInfo(zone), (begin, end))


def _minutes(around: int, every: int) -> set[datetime]:
    """All minutes at most so many from every change, or every so manieth, of one of the zones."""
    year = [datetime(2027, 1, 1, tzinfo=UTC) + number * 30 * MINUTE for number in range(365 * 48)]
    changes = {
        after
        for zone in map(ZoneInfo, ZONES.split())
        for before, after in pairwise(year)
        if before.astimezone(zone).utcoffset() != after.astimezone(zone).utcoffset()
    }
    return {
        change + offset * MINUTE for change in sorted(changes)[::every] for offset in range(-around, around)
    }


def _begin(watched: list[Watched], minute: datetime) -> datetime:
    """Lets everything be as it is at this minute, months later; what changes after it is watched."""
    periods.rollover(minute)
    enforcement.sweep(minute)
    for each in watched:
        each.is_running, each.edges = None, []
        each.today, each.began = date.min, minute
    return minute + timedelta(seconds=1)

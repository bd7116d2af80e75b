"""One function a figure of enforcement: seconds that a sweep, a tick or a midnight takes, and what it locks."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from statistics import median
from typing import ParamSpec, TypeVar

from django.db import connection, connections
from django.utils import timezone

from ads.models import BrandPeriod, Campaign
from ads.rules.serving import Status
from ads.services import enforcement, periods
from benchmarks import by_hand
from benchmarks.crowd import make_due, spend_out
from benchmarks.measures import one_by_one, seconds

P = ParamSpec("P")
R = TypeVar("R")


def by_turns(one: Callable[[], object], other: Callable[[], object], turns: int = 3) -> tuple[float, float]:
    """The median seconds of each."""
    took = [(seconds(one), seconds(other)) for _ in range(turns)]
    return median(first for first, _ in took), median(second for _, second in took)


def hand_written(sql: str) -> int:
    """Runs it; how many rows it read or wrote."""
    with connection.cursor() as cursor:
        cursor.execute(sql, {"now": timezone.now()})
        rows: int = cursor.rowcount
    return rows


def sweep_with_nothing_to_do() -> tuple[float, float]:
    """Seconds of a sweep, and of the statement that reads as much."""

    def sweep() -> None:
        tally = enforcement.sweep(timezone.now())
        if tally.changed:
            raise AssertionError(f"{tally.changed} campaigns were not what they should be")

    return by_turns(sweep, lambda: hand_written(by_hand.READ))


def sweep_with_a_tenth_to_change(campaigns: int) -> tuple[float, float]:
    """Seconds of a sweep that pauses one campaign in ten, and of the statement that writes as much."""
    took: tuple[list[float], list[float]] = ([], [])
    for turn in range(4):
        spend_out(turn, timezone.now())
        before = Campaign.objects.filter(status=Status.ACTIVE).count()
        took[turn % 2].append(seconds((_sweep, lambda: hand_written(by_hand.WRITE))[turn % 2]))
        paused = before - Campaign.objects.filter(status=Status.ACTIVE).count()
        if not campaigns / 20 < paused <= campaigns / 10:
            raise AssertionError(f"{paused} were paused")
        _sweep()  # what was written by hand gets its next transition
    return min(took[0]), min(took[1])


def naive_loop(campaigns: Sequence[Campaign]) -> float:
    """Seconds of what one would write first: per campaign load what it has spent, compare, save it."""

    def loop() -> None:
        for campaign in campaigns:
            day = BrandPeriod.objects.filter(
                brand=campaign.brand, kind="DAY", starts_on=timezone.now().date()
            ).first()
            is_over = day is not None and day.spent_micros >= (campaign.brand.daily_budget_micros or 0)
            if is_over != (campaign.status == Status.PAUSED):
                campaign.status = Status.PAUSED if is_over else Status.ACTIVE
            campaign.save()

    return seconds(loop)


def tick(due: int, campaigns: int) -> float:
    """The median seconds of a tick with so many due of so many campaigns."""
    took = []
    for _ in range(9 if due < 1_000 else 3):
        now = timezone.now()
        if due:
            make_due(due, campaigns, now - timedelta(seconds=1))
        tallies: list[enforcement.Tally] = []
        took.append(seconds(lambda tallies=tallies, now=now: tallies.append(enforcement.tick(now))))  # type: ignore[misc]
        if not due <= tallies[0].decided <= due + campaigns // 1_000:
            raise AssertionError(f"{tallies[0].decided} were decided")
    return median(took)


@contextmanager
def transactions() -> Iterator[list[float]]:
    """The seconds that each transaction of a sweep or rollover held its locks, while it is entered."""
    took: list[float] = []
    missed, rolled_over = enforcement._decide_missed, periods._roll_over

    def timed(work: Callable[P, R]) -> Callable[P, R]:
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            began = time.perf_counter()
            try:
                return work(*args, **kwargs)
            finally:
                took.append(time.perf_counter() - began)

        return run

    enforcement._decide_missed, periods._roll_over = timed(missed), timed(rolled_over)
    try:
        yield took
    finally:
        enforcement._decide_missed, periods._roll_over = missed, rolled_over


@contextmanager
def one_after_another(brands: int) -> Iterator[list[float]]:
    """The seconds that each `record_spend` takes, on campaigns of any brand, made all the while it is entered."""
    campaigns = list(
        Campaign.objects.filter(brand_id__lte=brands, status=Status.ACTIVE).order_by("?")[:2_000]
    )
    took: list[float] = []
    over = threading.Event()

    def record() -> None:
        number = 0
        while not over.is_set():
            took.extend(one_by_one([campaigns[number % len(campaigns)]], 1, prefix=f"{time.time_ns()}"))
            number += 1
            over.wait(0.005)
        connections.close_all()

    writer = threading.Thread(target=record)
    writer.start()
    try:
        yield took
    finally:
        over.set()
        writer.join()


def another_process(part: int, parts: int) -> "subprocess.Popen[bytes]":
    """A process that sweeps one part."""
    return subprocess.Popen([sys.executable, "-m", "benchmarks.sweeper", str(part), str(parts)])


def spend_out_the_day_before(now: datetime) -> None:
    """Four brands in ten have spent their budget of this day, and are paused for it."""
    for tenth in range(4):
        spend_out(tenth, now)
    enforcement.sweep(now)


def _sweep() -> enforcement.Tally:
    return enforcement.sweep(timezone.now())

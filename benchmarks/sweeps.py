"""One function a figure of enforcement: seconds that a sweep, a tick or a midnight takes, and what it locks."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from statistics import median
from typing import ParamSpec, TypeVar

from django.db import connection, connections
from django.utils import timezone

from ads.models import BrandPeriod, Campaign
from ads.rules.serving import Status
from ads.services import BudgetService, enforcement, periods
from ads.services.budgets import ResetResult
from benchmarks import by_hand
from benchmarks.crowd import make_due, spend_out
from benchmarks.measures import one_by_one, seconds

P = ParamSpec("P")
R = TypeVar("R")
FORK = get_context("fork")


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
    """The seconds that each `record_spend` takes, on campaigns of any brand; they are there when it is left.

    In a process of its own: a thread of this one would wait for the sweep's Python.
    """
    campaigns = list(
        Campaign.objects.filter(brand_id__lte=brands, status=Status.ACTIVE).order_by("?")[:2_000]
    )
    took: list[float] = []
    is_over, (ours, theirs) = FORK.Event(), FORK.Pipe()
    connections.close_all()
    writer = FORK.Process(target=_record, args=(campaigns, is_over, theirs))
    writer.start()
    try:
        yield took
    finally:
        is_over.set()
        took += ours.recv()
        writer.join()


@contextmanager
def others_computing(programs: int) -> Iterator[None]:
    """So many programs that compute all the while and know nothing of the database."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(programs)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def _record(campaigns: Sequence[Campaign], is_over: Event, told: "Connection[list[float], None]") -> None:
    took: list[float] = []
    while not is_over.is_set():
        campaign = campaigns[len(took) % len(campaigns)]
        took += one_by_one([campaign], 1, prefix=f"{time.time_ns()}")
        is_over.wait(0.005)
    told.send(took)


def reset(now: datetime) -> tuple[float, int]:
    """Seconds of a reset of all days when one brand in ten has spent its budget, and how many campaigns it resumes."""
    spend_out(1, now)
    enforcement.sweep(now)
    done: list[ResetResult] = []
    took = seconds(lambda: done.append(BudgetService.reset_budgets(daily=True)))
    return took, len(done[0].changes)


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

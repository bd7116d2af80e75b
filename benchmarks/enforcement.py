"""`python -m benchmarks.enforcement [--quick] [--json FILE]`: what deciding costs, up to a million campaigns."""

import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from benchmarks.figures import Figure
from benchmarks.program import measure

SIZES = (10_000, 100_000, 1_000_000)


def run(smaller: int) -> Iterator[Figure]:
    """Every figure, in order; sizes are divided by `smaller`."""
    from django.utils import timezone

    from benchmarks import sweeps
    from benchmarks.crowd import make_crowd

    hundred_due: dict[int, float] = {}
    memory: dict[int, int] = {}
    for size in (size // smaller for size in SIZES):
        make_crowd(size, timezone.now())
        ours, by_hand = sweeps.sweep_with_nothing_to_do()
        name = f"sweep of {size:,}, nothing to do"
        yield Figure(name, ours * 1000, "ms", ours / by_hand, "SQL by hand", "<= 2")
        ours, by_hand = sweeps.sweep_with_a_tenth_to_change(size)
        yield Figure(
            f"sweep of {size:,}, 10 % paused", ours * 1000, "ms", ours / by_hand, "SQL by hand", "<= 3"
        )
        if size == SIZES[1] // smaller:
            yield against_the_naive_loop(ours / size)
        for due in (0, 100, 10_000 // smaller):
            took = sweeps.tick(due, size)
            hundred_due[due] = hundred_due.get(due) or took
            ratio = took / hundred_due[due] if due == 100 else None
            against = f"of {SIZES[0] // smaller:,}" if ratio else ""
            yield Figure(
                f"tick, {due:,} due of {size:,}", took * 1000, "ms", ratio, against, "<= 1.5" if ratio else ""
            )
        _, memory[size] = peak_memory_of_a_sweep()
        if size == SIZES[1] // smaller:
            took, resumed = sweeps.reset(timezone.now())
            yield Figure(f"reset of {size:,}, {resumed:,} resumed", took * 1000, "ms")
    least, most = (memory[size // smaller] for size in SIZES[1:])
    yield Figure("memory of the largest sweep", most / 2**20, "MiB", most / least, "of a tenth", "<= 1.5")
    yield from beside_other_work(SIZES[-1] // smaller)


def peak_memory_of_a_sweep() -> tuple[float, int]:
    """Seconds and bytes of a process that does nothing else."""
    from benchmarks.measures import peak_memory

    return peak_memory([sys.executable, "-m", "benchmarks.sweeper", "0", "1"])


def against_the_naive_loop(ours: float) -> Figure:
    """Seconds a campaign of a sweep that pauses a tenth, against the loop over some of them."""
    from ads.models import Campaign
    from benchmarks import sweeps

    some = list(Campaign.objects.select_related("brand").order_by("pk")[:2_000])
    naive = sweeps.naive_loop(some) / len(some)
    return Figure("sweep, 10 % paused", 1 / ours, "campaigns/s", naive / ours, "naive loop", ">= 30")


def beside_other_work(size: int) -> Iterator[Figure]:
    """A sweep and a midnight while spend is recorded, and what the two do to each other."""
    from django.utils import timezone

    from ads.services import enforcement, periods
    from benchmarks import sweeps
    from benchmarks.crowd import spend_out
    from benchmarks.measures import p99, seconds

    brands = size // 100
    with sweeps.one_after_another(brands) as quiet:
        time.sleep(15)
    with sweeps.others_computing(2), sweeps.one_after_another(brands) as busy:
        time.sleep(15)
    yield Figure(
        "record_spend p99 beside two loops that only compute",
        p99(busy),
        "ms",
        p99(busy) / p99(quiet),
        "without",
    )
    for what in ("nothing to do", "10 % paused"):
        if what != "nothing to do":
            spend_out(5, timezone.now())
        with sweeps.transactions() as held, sweeps.one_after_another(brands) as during:
            took = seconds(lambda: enforcement.sweep(timezone.now()))
        yield Figure(f"sweep of {size:,} beside ingest, {what}", took * 1000, "ms")
        yield Figure(
            "record_spend p99 meanwhile", p99(during), "ms", p99(during) / p99(quiet), "without", "<= 3"
        )
        yield Figure("its longest transaction", max(held, default=0) * 1000, "ms", bar="< 1,000")

    two = seconds(lambda: [one.wait() for one in [sweeps.another_process(part, 2) for part in range(2)]])
    yield Figure(f"sweep of {size:,} by two processes", two * 1000, "ms")

    # New York's next midnight, where half of all brands are; their campaigns were paused for the day before.
    new_york = ZoneInfo("America/New_York")
    tomorrow = (timezone.now().astimezone(new_york) + timedelta(days=1)).date()
    midnight = datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=new_york).astimezone(
        ZoneInfo("UTC")
    )
    periods.rollover(midnight - timedelta(minutes=1))
    sweeps.spend_out_the_day_before(midnight - timedelta(minutes=1))
    tallies: list[periods.RolloverTally] = []
    with sweeps.transactions() as held, sweeps.one_after_another(brands) as during:
        took = seconds(lambda: tallies.append(periods.rollover(midnight + timedelta(seconds=1))))
    resumed = tallies[0].campaigns.resumed
    yield Figure(f"midnight of {tallies[0].brands:,} brands", took * 1000, "ms", bar="< 60,000")
    yield Figure("campaigns resumed by it", resumed, "campaigns", bar=f">= {size // 10:,}")
    yield Figure("record_spend p99 meanwhile", p99(during), "ms", p99(during) / p99(quiet), "without")
    yield Figure("its longest transaction", max(held) * 1000, "ms", bar="< 1,000")


if __name__ == "__main__":
    measure("python -m benchmarks.enforcement", __doc__, run)

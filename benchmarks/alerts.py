"""`python -m benchmarks.alerts [--quick] [--json FILE]`: what a look at all brands for alerts costs."""

import logging
import time
from collections.abc import Iterator
from statistics import median

from benchmarks.figures import Figure
from benchmarks.program import measure

BRANDS, CAMPAIGNS, ROWS = 1_000, 100_000, 2_000_000
TURNS = 5


def run(smaller: int) -> Iterator[Figure]:
    """The first look, which raises what there is, and those after it, which find it known."""
    from django.utils import timezone

    from ads.models import Brand, Campaign
    from benchmarks import world

    if not Brand.objects.exists():
        world.make(world.Size(BRANDS // smaller, CAMPAIGNS // smaller, ROWS // smaller), timezone.now())
    name = f"{Brand.objects.count():,} brands, {Campaign.objects.count():,} campaigns"
    logging.disable(logging.WARNING)
    first, raised, _ = look()
    yield Figure(f"check_alerts, {name}", first * 1000, "ms", bar="< 5,000")
    yield Figure("raised by it", raised, "alerts")
    looks = [look() for _ in range(TURNS)]
    cpu = median(took for _, _, took in looks)
    yield Figure("again, nothing new", median(took for took, _, _ in looks) * 1000, "ms", bar="< 5,000")
    yield Figure("of it computing here", cpu * 1000, "ms")


def look() -> tuple[float, int, float]:
    """Seconds of a look at all brands, how many alerts it raised, and the seconds that this process computed."""
    from django.utils import timezone

    from ads.services import alert_checks
    from benchmarks.measures import seconds

    settled: list[int] = []
    computed = time.process_time()
    took = seconds(lambda: settled.append(alert_checks.check(timezone.now()).raised))
    return took, settled[0], time.process_time() - computed


if __name__ == "__main__":
    measure("python -m benchmarks.alerts", __doc__, run, can_keep=True)

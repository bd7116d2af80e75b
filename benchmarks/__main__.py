"""`python -m benchmarks [--quick] [--json FILE]`: measures, prints a table, writes JSON."""

import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from statistics import harmonic_mean

from benchmarks.figures import Figure
from benchmarks.program import measure


def run(smaller: int) -> Iterator[Figure]:
    """Every figure, in order; sizes are divided by `smaller`.

    What is compared is measured by turns, so that a machine that is busy for a while is so for both.
    """
    from django.utils import timezone

    from ads.models import Campaign
    from benchmarks import http, measures
    from benchmarks.workload import make_brands, make_events

    now = timezone.now()
    events_count = 300_000 // smaller
    ids = make_brands(200, 50, prefix="Bulk")
    events = make_events(ids, events_count, now, prefix="bulk")
    before = measures.bare_copy(events, now)
    rate = measures.bulk_ingest(events, now, source="bulk")
    copy = harmonic_mean([before, measures.bare_copy(events, now)])
    yield Figure("bare COPY", copy, "rows/s")
    yield Figure("ingest, one writer", rate, "events/s", rate / copy, "bare COPY", ">= 0.4")
    naive = measures.naive_loop(1_000)
    yield Figure("ingest, one writer", rate, "events/s", rate / naive, "naive loop", ">= 30")

    rates: list[float] = []
    for writers in (1, 4, 1):
        make_brands(200, 50, prefix=f"Parallel {len(rates)}")
        rates.append(measures.parallel_ingest(events_count, writers=writers, brands=f"Parallel {len(rates)}"))
    one, four = harmonic_mean(rates[::2]), rates[1]
    yield Figure("ingest, four writers", four, "events/s", four / one, "one writer", ">= 1.5")

    for campaigns_each in (50, 1_000):
        single_ids = make_brands(1, campaigns_each, prefix=f"Single {campaigns_each}", reached=False)
        campaigns = list(Campaign.objects.select_related("brand").filter(pk__in=single_ids))
        took, naive_took = [], 0.0
        for turn in range(20):
            took += measures.one_by_one(campaigns, 50, prefix=f"single {campaigns_each} {turn}")
            naive_took += 50 / measures.naive_loop(50)
        name, single = f"record_spend, brand of {campaigns_each:,} campaigns", len(took) / sum(took)
        yield Figure(name, single, "records/s", naive_took / sum(took), "naive loop", ">= 0.8")

    over_http = make_events(ids, events_count, timezone.now(), prefix="http")
    rate_http = http.post_in_batches(over_http)
    name = "HTTP in batches of 1,000, two workers"
    yield Figure(name, rate_http, "events/s", rate_http / copy, "bare COPY", ">= 0.15")

    yield latency_during_ingest(ids, 3_000, events_count)
    yield from importer(smaller)

    measures.fill_ledger(ids, 10_000_000 // smaller, now)
    later = make_events(ids, events_count, now, prefix="later")
    full = measures.bulk_ingest(later, now, source="later")
    name = f"ingest onto {10_000_000 // smaller:,} rows"
    yield Figure(name, full, "events/s", full / rate, "empty ledger", ">= 0.8")


def latency_during_ingest(ids: list[int], singles: int, events_count: int) -> Figure:
    """`record_spend` on a brand of its own and on one that is being filled, while a bulk ingest runs."""
    from django.db import connections
    from django.utils import timezone

    from ads.models import Campaign
    from benchmarks import measures
    from benchmarks.workload import make_events

    campaigns = list(Campaign.objects.select_related("brand").filter(pk__in=ids[:500]))
    events = make_events(ids, events_count, timezone.now(), prefix="meanwhile")
    took: list[float] = []
    over = threading.Event()

    def record() -> None:
        number = 0
        while not over.is_set() and number < singles:
            took.extend(measures.one_by_one(campaigns, 1, prefix=f"meanwhile {number}"))
            number += 1
        connections.close_all()

    thread = threading.Thread(target=record)
    thread.start()
    measures.bulk_ingest(events, timezone.now(), source="meanwhile")
    over.set()
    thread.join()
    return Figure("record_spend p99 during bulk ingest", measures.p99(took), "ms", bar="< 200")


def importer(smaller: int) -> list[Figure]:
    """A large file, and one ten times smaller: the memory must not follow the size."""
    from ads.models import Brand
    from benchmarks import measures

    Brand.objects.create(name="Import")
    figures, memory = [], []
    with tempfile.TemporaryDirectory() as folder:
        for rows in (100_000 // smaller, 1_000_000 // smaller):
            path = Path(folder) / f"{rows}.csv"
            with path.open("w") as file:
                file.write("date,campaign_id,campaign_name,cost\n")
                for number in range(rows):
                    day, campaign = 1 + number // 1_000 % 28, number % 1_000
                    month, year = 1 + number // 28_000 % 12, 2020 + number // 336_000
                    file.write(
                        f"{year}-{month:02}-{day:02},{campaign},Campaign {campaign},{number % 977}.{number % 100:02}\n"
                    )
            command = [
                sys.executable, "manage.py", "import_spend", str(path), "--brand=Import", "--create-campaigns",
                f"--source=file{rows}", "--format=generic", "--date-column=date", "--campaign-id-column=campaign_id",
                "--campaign-column=campaign_name", "--amount-column=cost",
            ]  # fmt: skip
            took, most = measures.peak_memory(command)
            memory.append(most)
            figures.append(Figure(f"import of {rows:,} rows of CSV", rows / took, "rows/s"))
    ratio = memory[1] / memory[0]
    figures.append(
        Figure("memory of the larger import", memory[1] / 2**20, "MiB", ratio, "the smaller", "<= 1.3")
    )
    return figures


if __name__ == "__main__":
    measure("python -m benchmarks", __doc__, run)

"""One of several writers: makes its events, says that it is ready, and writes when it is told to."""

import logging
import sys

import django

from budget_system.garbage import collect_seldom


def main(count: int, brands: str, prefix: str) -> None:
    """Ingest so many events over the campaigns of these brands."""
    django.setup()
    collect_seldom()  # as in production
    logging.disable(logging.WARNING)
    from django.utils import timezone

    from ads.models import Campaign
    from benchmarks.measures import bulk_ingest
    from benchmarks.workload import make_events

    campaigns = Campaign.objects.filter(brand__name__startswith=f"{brands} ").order_by("pk")
    now = timezone.now()
    events = make_events(list(campaigns.values_list("pk", flat=True)), count, now, prefix=prefix)
    print("ready", flush=True)
    sys.stdin.readline()
    bulk_ingest(events, now, source="parallel")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3])

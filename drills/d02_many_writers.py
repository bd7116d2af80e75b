"""32 writers book 1,000 records each on one brand at once: every row once, exact, and nobody waits long."""

import time
from collections.abc import Iterator
from itertools import chain
from multiprocessing import get_context

from django.db import connections
from django.utils import timezone

from ads.models import Campaign
from ads.rules.money import from_micros
from ads.services import BudgetService
from drills.agency import books, make_agency
from drills.figures import Figure, at_most, told
from drills.stage import Stage

WRITERS = 32
MICROS = 1_234_567


def drill(stage: Stage) -> Iterator[Figure]:
    """Processes of their own, so that only the database keeps them from each other."""
    each = stage.size(1_000, quick=20)
    campaigns = make_agency(brands=1, campaigns=10, daily_budget=from_micros(MICROS) * each * WRITERS / 2)
    pks = [campaign.pk for campaign in campaigns]
    connections.close_all()
    with get_context("fork").Pool(WRITERS) as writers:
        took = sorted(chain(*writers.starmap(_write, [(pks, number, each) for number in range(WRITERS)])))
    what, slow = "99 % of records took", took[len(took) * 99 // 100]
    # Of few records too many are the first of their session, which waits for its plans.
    yield told(what, slow, "ms") if stage.is_quick else at_most(what, slow, 500, "ms")
    yield from books(timezone.now(), rows=each * WRITERS, amount=from_micros(MICROS) * each * WRITERS)


def _write(pks: list[int], number: int, count: int) -> list[int]:
    """Milliseconds that each record took."""
    campaigns = list(Campaign.objects.filter(pk__in=pks).order_by("pk"))
    took = []
    for index in range(count):
        began = time.perf_counter_ns()
        BudgetService.record_spend(
            campaigns[(number + index) % len(campaigns)], from_micros(MICROS), external_id=f"{number}-{index}"
        )
        took.append((time.perf_counter_ns() - began) // 1_000_000)
    return took

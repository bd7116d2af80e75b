"""Writers, editors of budgets and sweeps against snapshots from outside: no campaign is seen active over a budget."""

import random
import time
from collections.abc import Callable, Collection, Generator, Iterator
from decimal import Decimal
from multiprocessing import get_context
from unittest import mock

import psycopg
from django.db import DatabaseError, connections
from django.utils import timezone

from ads.models import Brand, BrandQuerySet, Campaign, Kind, StatusChange
from ads.rules.money import from_micros
from ads.services import BudgetService, enforcement
from drills.agency import books, make_agency
from drills.figures import Figure, at_least, exactly, none_of
from drills.stage import Stage

BRANDS, CAMPAIGNS, WRITERS, EDITORS, WATCHERS = 3, 4, 4, 2, 4
BREATH_SECONDS = 0.005  # the writers have to get somewhere in between
SECONDS = 1_200  # after which whoever still looks stops
# As whoever serves campaigns might read it: one statement, on a connection that knows nothing of Django.
SNAPSHOT = """
    SELECT count(*), count(*) FILTER (WHERE
        day.spent_micros - day.waived_micros >= brand.daily_budget_micros
        OR own.spent_micros - own.waived_micros >= campaign.daily_budget_micros)
    FROM ads_campaign campaign
    JOIN ads_brand brand ON brand.id = campaign.brand_id
    CROSS JOIN (SELECT (now() AT TIME ZONE 'UTC')::date AS date) today
    LEFT JOIN ads_brandperiod day ON (day.brand_id, day.kind, day.starts_on) = (brand.id, 'DAY', today.date)
    LEFT JOIN ads_campaignperiod own ON (own.campaign_id, own.kind, own.starts_on) = (campaign.id, 'DAY', today.date)
    WHERE campaign.status = 'ACTIVE'
"""

processes = get_context("fork")
over = processes.Event()

Work = Callable[[random.Random], list[Decimal]]


def drill(stage: Stage) -> Iterator[Figure]:
    """Spend and refunds cross limits that move, and all that decides runs at once."""
    written = yield from _gate(stage, stage.size(50_000, quick=4_000))
    yield from books(timezone.now(), rows=len(written), amount=sum(written, Decimal(0)))


def control(stage: Stage) -> Iterator[Figure]:
    """The brand's row is read and not locked."""

    locking = BrandQuerySet.locking

    def reading(
        self: BrandQuerySet, brand_ids: Collection[int], **options: bool
    ) -> tuple[str, list[str | int]]:
        sql, params = locking(self, brand_ids, **options)
        return sql.replace("FOR NO KEY UPDATE", ""), params

    with mock.patch.object(BrandQuerySet, "locking", reading):
        yield from _gate(stage, stage.size(10_000, quick=4_000))


def _gate(stage: Stage, snapshots: int) -> Generator[Figure, None, list[Decimal]]:
    """What was written meanwhile."""
    make_agency(brands=BRANDS, campaigns=CAMPAIGNS, daily_budget=Decimal(100))
    connections.close_all()
    works: list[Work] = [*[_write] * WRITERS, *[_edit] * EDITORS, _sweep]
    with processes.Pool(len(works) + WATCHERS) as pool:
        busy = [pool.apply_async(_go_on, (work, stage.seed + n)) for n, work in enumerate(works)]
        watching = [(stage.database.url, snapshots // WATCHERS)] * WATCHERS
        seen = [each for watched in pool.starmap(_watch, watching) for each in watched]
        over.set()
        ended = [each.get(SECONDS) for each in busy]
    yield at_least("snapshots", len(seen), snapshots)
    yield at_least("different numbers of active campaigns in them", len({active for active, _ in seen}), 3)
    yield at_least("changes of status meanwhile", StatusChange.objects.count(), snapshots // 50)
    yield exactly("snapshots with one active over its budget", sum(wrong > 0 for _, wrong in seen), 0)
    yield none_of("writes that failed", [error for _, errors in ended for error in errors])
    return [amount for written, _ in ended for amount in written]


def _go_on(work: Work, seed: int) -> tuple[list[Decimal], list[str]]:
    """Works until nobody looks any more; what was written, and what went wrong."""
    chance, written, errors = random.Random(seed), list[Decimal](), list[str]()
    while not over.is_set():
        try:
            written += work(chance)
        except DatabaseError as error:
            errors.append(f"{type(error).__name__}: {error}")
    return written, errors


def _write(chance: random.Random) -> list[Decimal]:
    """Spends, which may pause, and gets it back, which may resume."""
    campaign = chance.choice(Campaign.objects.order_by("pk"))
    amount = from_micros(chance.randrange(10_000_000, 70_000_000))
    BudgetService.record_spend(campaign, amount, external_id=f"{chance.random()}")
    BudgetService.record_spend(campaign, -amount, external_id=f"{chance.random()}", kind=Kind.REFUND)
    return [amount, -amount]


def _edit(chance: random.Random) -> list[Decimal]:
    brand = chance.choice(Brand.objects.order_by("pk"))
    brand.daily_budget = Decimal(chance.randrange(40, 160))
    brand.save()
    campaign = chance.choice(Campaign.objects.order_by("pk"))
    campaign.daily_budget = chance.choice([None, Decimal(chance.randrange(20, 80))])
    campaign.save()
    return []


def _sweep(chance: random.Random) -> list[Decimal]:
    chance.choice([enforcement.sweep, enforcement.tick])(timezone.now())
    return []


def _watch(url: str, snapshots: int) -> list[tuple[int, int]]:
    """Of each snapshot how many campaigns were active, and how many of them over a budget."""
    deadline, seen = time.monotonic() + SECONDS, list[tuple[int, int]]()
    with psycopg.connect(url, autocommit=True) as connection:
        while len(seen) < snapshots and time.monotonic() < deadline:
            seen += connection.execute(SNAPSHOT).fetchall()
            time.sleep(BREATH_SECONDS)
    return seen

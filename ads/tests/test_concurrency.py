"""Many writers at once, each on a connection of its own.

A race is forced, never hoped for: one writer stops at a point until the other has come to another. Beside it
stands a control in which the lock is taken out: there the same race does the harm, so it can.
"""

import inspect
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import count
from threading import Barrier, Event, local
from types import ModuleType, SimpleNamespace
from typing import Any, TypeVar

import psycopg
import pytest
from django.db import IntegrityError, OperationalError, connection, models, transaction
from django.db.models import F, Sum
from django.utils import timezone

from ads.errors import SpendConflict
from ads.models import Brand, BrandPeriod, BrandQuerySet, Campaign, CampaignPeriod, Kind, SpendLog, Waiver
from ads.models import settings as saving
from ads.rules.serving import Reason, Status
from ads.services import (
    BudgetService,
    booking,
    brand_locks,
    checking,
    enforcement,
    events,
    ingest,
    periods,
    reconcile,
    transactions,
)
from ads.services.given import Statement
from ads.services.ledger import Known
from ads.services.transactions import ATTEMPTS, retrying
from ads.tests.factories import BrandFactory, CampaignFactory, DaypartingScheduleFactory
from ads.tests.moments import changes, state, zone_where_it_is
from budget_system.environment import BASE_DIR
from budget_system.testing.fixtures import CommittedDatabase

T = TypeVar("T")
Point = tuple[ModuleType, str]

SECONDS = 120  # after which a test gives up
PATIENCE = 0.3  # seconds that a writer waits for another that the lock, if it works, keeps out
WRITING: Point = (enforcement, "_compare_and_set")

PAUSED = (Status.PAUSED, (Reason.BRAND_DAILY,))
RUNNING = (Status.ACTIVE, ())

pytestmark = pytest.mark.integration
committed = pytest.mark.django_db(transaction=True)
on_postgresql = pytest.mark.skipif(
    connection.vendor == "sqlite", reason="on SQLite one transaction writes at a time"
)


@pytest.fixture
def campaign(transactional_db: None) -> Campaign:
    """The campaign Summer Sale of Acme, which may spend 100.00 a day."""
    return campaign_of("Acme", name="Summer Sale")


def campaign_of(brand: str, **values: object) -> Campaign:
    owner = BrandFactory.create(name=brand, timezone=zone_where_it_is(12))
    return CampaignFactory.create(brand=owner, **values)


def spend(campaign: Campaign, amount: int, **options: Any) -> SpendLog:
    return BudgetService.record_spend(campaign, Decimal(amount), **options)


def in_threads(*jobs: Callable[[], T]) -> list[T]:
    """Lets all jobs go at one moment, each on a connection of its own; returns what they return."""
    start = Barrier(len(jobs))

    def run(job: Callable[[], T]) -> T:
        try:
            connection.ensure_connection()
            start.wait(SECONDS)
            return job()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(jobs)) as pool:
        futures = [pool.submit(run, job) for job in jobs]
    errors = [error for future in futures if isinstance(error := future.exception(), Exception)]
    if errors:
        raise ExceptionGroup("in threads", errors)
    return [future.result() for future in futures]


def waiting_writers(
    number: int, script: str, campaign: Campaign, database: CommittedDatabase
) -> list[Callable[[], None]]:
    """Starts processes that say when they are ready and then wait; gives what lets each of them go."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(campaign.pk)],
            env=database.env,
            cwd=BASE_DIR,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(number)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"

    def let_go(process: subprocess.Popen[str]) -> None:
        process.communicate("\n", timeout=2 * SECONDS)
        assert process.returncode == 0

    return [partial(let_go, process) for process in processes]


@dataclass
class Race:
    """Two writers of whom the first stops in the middle until the second has come to a point of its own.

    `met` says whether it came there meanwhile; if so it waited there until the first had finished.
    """

    first: Any
    second: Any
    met: bool


def race(
    monkeypatch: pytest.MonkeyPatch,
    first: Callable[[], object],
    second: Callable[[], object],
    *,
    stops_at: Point = WRITING,
    comes_to: Point = WRITING,
    patience: float = PATIENCE,
) -> Race:
    stopped, came, finished = Event(), Event(), Event()
    role = local()
    result = Race(None, None, met=False)

    def stop() -> None:
        stopped.set()
        result.met = came.wait(patience)

    def come() -> None:
        came.set()
        finished.wait(SECONDS)

    def before(point: Point, wanted: str, act: Callable[[], None]) -> None:
        original = getattr(*point)

        def acting(*args: Any, **kwargs: Any) -> Any:
            if getattr(role, "name", "") == wanted:
                role.name = ""  # the first time only
                act()
            return original(*args, **kwargs)

        monkeypatch.setattr(*point, acting)

    def run_first() -> None:
        role.name = "first"
        try:
            result.first = first()
        finally:
            stopped.set()
            finished.set()

    def run_second() -> None:
        stopped.wait(SECONDS)
        role.name = "second"
        try:
            result.second = second()
        finally:
            came.set()

    before(stops_at, "first", stop)
    before(comes_to, "second", come)
    in_threads(run_first, run_second)
    return result


def take_out_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the transaction around it, which on SQLite is the lock."""

    locking = BrandQuerySet.locking

    def read(self: BrandQuerySet, brand_ids: Sequence[int], *, free_only: bool = False) -> list[Brand]:
        return list(self.filter(pk__in=brand_ids).order_by("pk"))

    def reading(
        self: BrandQuerySet, brand_ids: Sequence[int], **options: bool
    ) -> tuple[str, list[str | int]]:
        sql, params = locking(self, brand_ids, **options)
        return sql.replace("FOR NO KEY UPDATE", ""), params

    def taking_ids(self: Known, new: int) -> Statement:
        self.ids = ids
        return Statement("SELECT 1", [])

    ids = count(1_000_000)
    monkeypatch.setattr(BrandQuerySet, "lock", read)
    monkeypatch.setattr(BrandQuerySet, "locking", reading)
    monkeypatch.setattr(Known, "taking_ids", taking_ids)  # SQLite's need the lock
    for module, name in (
        (ingest, "book_events"),
        (brand_locks, "of_free"),
    ):
        monkeypatch.setattr(module, name, inspect.unwrap(getattr(module, name)))
    no_transaction = SimpleNamespace(atomic=lambda using: nullcontext(), on_commit=lambda work, using: work())
    monkeypatch.setattr(saving, "transaction", no_transaction)


def running_over_budget() -> int:
    """How many campaigns are active although their brand's day has reached its budget: in one statement."""
    today = Brand.objects.all()[0].calendar.local_date(timezone.now())
    return Campaign.objects.filter(
        status=Status.ACTIVE,
        brand__periods__kind="DAY",
        brand__periods__starts_on=today,
        brand__daily_budget_micros__lte=F("brand__periods__spent_micros")
        - F("brand__periods__waived_micros"),
    ).count()


def totals(campaign: Campaign) -> set[Decimal]:
    """What the ledger, both periods of the brand and all three of the campaign say was spent."""
    brand_periods = BrandPeriod.objects.filter(brand=campaign.brand_id, spent_micros__gt=0)
    campaign_periods = CampaignPeriod.objects.filter(campaign=campaign)
    assert {period.kind for period in brand_periods} == {"DAY", "MONTH"}
    assert {period.kind for period in campaign_periods} == {"DAY", "MONTH", "FLIGHT"}
    return {booked(campaign), *(each.spent for each in (*brand_periods, *campaign_periods))}


def booked(campaign: Campaign) -> Decimal:
    total = SpendLog.objects.filter(campaign=campaign).aggregate(micros=Sum("amount_micros"))["micros"]
    return Decimal(total) / 10**6


WRITER = """
import sys
import django
django.setup()
from ads.models import Campaign
from ads.services import BudgetService
campaign = Campaign.objects.get(pk=int(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for _ in range(100):
    BudgetService.record_spend(campaign, 1)
"""


class TestNoMoneyIsLost:
    def test_when_6_threads_and_2_processes_write_100_records_each(
        self, committed_database: CommittedDatabase
    ) -> None:
        campaign = campaign_of("Acme")
        sibling = CampaignFactory.create(brand=campaign.brand)
        processes = waiting_writers(2, WRITER, campaign, committed_database)

        def write() -> None:
            for _ in range(100):
                spend(campaign, 1)

        in_threads(*[write] * 6, *processes)
        assert SpendLog.objects.count() == 800
        assert totals(campaign) == {Decimal(800)}
        for each in (campaign, sibling):
            assert state(each) == PAUSED
            assert changes(each) == ["ACTIVE>PAUSED BRAND_DAILY SPEND"]
        assert reconcile.reconcile(timezone.now()).differences == []

    @committed
    def test_control_read_add_save_without_the_lock_loses_it(
        self, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        spend(campaign, 1)
        all_have_read = Barrier(8)

        def read_add_save(additions: periods._Additions, now: datetime) -> list[Statement]:
            level, added = additions.level, additions._rows(now)
            model: type[BrandPeriod | CampaignPeriod] = BrandPeriod if level == "brand" else CampaignPeriod
            rows = [
                model._base_manager.get(**{f"{level}_id": pk}, kind=kind, starts_on=day)
                for pk, kind, day, *_ in added
            ]
            all_have_read.wait(SECONDS)
            for row, addition in zip(rows, added, strict=True):
                row.spent_micros += addition.micros
                row.save()
            return []

        take_out_the_lock(monkeypatch)
        monkeypatch.setattr(periods._Additions, "statements", read_add_save)
        in_threads(*[lambda: spend(campaign, 1)] * 8)
        assert totals(campaign) == {Decimal(9), Decimal(2)}
        assert booked(campaign) == 9


@committed
class TestOneRecordIsBookedOnce:
    def test_when_16_threads_bring_it(self, campaign: Campaign) -> None:
        rows = in_threads(*[lambda: spend(campaign, 1, external_id="7").pk] * 16)
        assert len(set(rows)) == 1
        assert totals(campaign) == {Decimal(1)}

    def test_when_its_second_arrival_meets_the_first(
        self, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def bring() -> SpendLog:
            return spend(campaign, 1, external_id="7")

        book = (events, "book")
        both = race(monkeypatch, bring, bring, stops_at=book, comes_to=book)
        assert both.first == both.second
        assert not both.met
        assert totals(campaign) == {Decimal(1)}

    def test_and_another_content_under_its_id_is_a_conflict(self, campaign: Campaign) -> None:
        def bring(amount: int) -> Decimal | None:
            try:
                return spend(campaign, amount, external_id="7").amount
            except SpendConflict:
                return None

        answers = in_threads(*[partial(bring, amount) for amount in range(1, 17)])
        (booked,) = [answer for answer in answers if answer is not None]
        assert SpendLog.objects.count() == 1
        assert totals(campaign) == {booked}


@committed
class TestACampaignThatReachedALimitDoesNotStayActive:
    """10.00 are left of the day. A window has opened, so the sweep and the tick are about to resume it."""

    @pytest.fixture
    def opening(self, campaign: Campaign) -> Campaign:
        DaypartingScheduleFactory.create(campaign=campaign)
        spend(campaign, 90)
        enforcement.sweep(timezone.now() - timedelta(hours=4))  # 08:00, an hour before it opens
        assert state(campaign) == (Status.PAUSED, (Reason.OUTSIDE_DAYPARTING,))
        return campaign

    @pytest.mark.parametrize("decide", [enforcement.sweep, enforcement.tick])
    def test_where_it_is_reached_while_a_sweep_decides(
        self, opening: Campaign, decide: Callable[[datetime], object], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        both = race(monkeypatch, lambda: decide(timezone.now()), lambda: spend(opening, 10))
        assert not both.met
        assert state(opening) == PAUSED
        assert running_over_budget() == 0

    @pytest.mark.parametrize("decide", [enforcement.sweep, enforcement.tick])
    def test_control_without_the_lock_it_does(
        self, opening: Campaign, decide: Callable[[datetime], object], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        take_out_the_lock(monkeypatch)
        both = race(monkeypatch, lambda: decide(timezone.now()), lambda: spend(opening, 10), patience=SECONDS)
        assert both.met
        assert state(opening) == RUNNING
        assert running_over_budget() == 1

    @on_postgresql
    @pytest.mark.parametrize(
        "run",
        [
            enforcement.tick,
            enforcement.sweep,
            lambda now: periods.rollover(now).campaigns,
        ],
        ids=["tick", "sweep", "rollover"],
    )
    def test_the_others_are_decided_where_somebody_holds_a_brand(
        self,
        opening: Campaign,
        run: Callable[[datetime], enforcement.Tally],
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        other = campaign_of("Globex")
        DaypartingScheduleFactory.create(campaign=other)
        enforcement.sweep(timezone.now() - timedelta(hours=4))
        monkeypatch.setattr(brand_locks, "HELD_SECONDS", 1)
        is_held, may_go = Event(), Event()

        def hold() -> None:
            with transaction.atomic():
                Brand.objects.lock([opening.brand_id])
                is_held.set()
                may_go.wait(SECONDS)

        def look() -> enforcement.Tally:
            is_held.wait(SECONDS)
            try:
                return run(timezone.now())
            finally:
                may_go.set()

        _, tally = in_threads(hold, look)
        assert isinstance(tally, enforcement.Tally)
        assert tally.resumed == 1
        assert state(other) == RUNNING
        assert state(opening) == (Status.PAUSED, (Reason.OUTSIDE_DAYPARTING,))
        assert f"Brand {opening.brand_id} is held by somebody" in caplog.text
        assert run(timezone.now()).resumed == 1
        assert state(opening) == RUNNING

    def test_where_it_is_reached_while_somebody_raises_the_budget(
        self, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert not self.raise_and_spend(campaign, monkeypatch, PATIENCE).met
        assert state(campaign) == PAUSED
        assert running_over_budget() == 0
        assert changes(campaign) == [
            "ACTIVE>PAUSED BRAND_DAILY SPEND",
            "PAUSED>ACTIVE - SETTINGS",
            "ACTIVE>PAUSED BRAND_DAILY SPEND",
        ]

    def test_control_without_the_lock_the_raise_revives_it(
        self, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        take_out_the_lock(monkeypatch)
        assert self.raise_and_spend(campaign, monkeypatch, SECONDS).met
        assert state(campaign) == RUNNING
        assert running_over_budget() == 1

    def raise_and_spend(self, campaign: Campaign, monkeypatch: pytest.MonkeyPatch, patience: float) -> Race:
        """From 100 of 100: the budget is raised to 200 while 150 more arrive."""
        spend(campaign, 100)
        brand = Brand.objects.get()
        brand.daily_budget = Decimal(200)
        return race(monkeypatch, brand.save, lambda: spend(campaign, 150), patience=patience)

    def test_at_any_moment_seen_from_outside(self, campaign: Campaign) -> None:
        """Spend and refunds cross the limit, the budget moves, sweeps and ticks run: somebody looks on."""
        CampaignFactory.create_batch(3, brand=campaign.brand)
        seen: set[str] = set()
        seen_enough = Event()

        def go_on(work: Callable[[int], object]) -> None:
            turn = 0
            try:
                while not seen_enough.is_set():
                    work(turn)
                    turn += 1
            finally:
                seen_enough.set()

        def write(turn: int) -> None:
            if turn % 2 == 0:
                spend(campaign, 60)
            else:
                spend(campaign, -60, kind=Kind.REFUND)

        def edit(turn: int) -> None:
            brand = Brand.objects.get()
            brand.daily_budget = Decimal(50 if turn % 2 == 0 else 100)
            brand.save()

        def enforce(turn: int) -> None:
            (enforcement.sweep, enforcement.tick)[turn % 2](timezone.now())

        def look_on(turn: int) -> None:
            assert running_over_budget() == 0
            seen.update(Campaign.objects.values_list("status", flat=True))
            assert turn < 100_000, f"only ever seen {seen}"
            if turn > 300 and len(seen) == 2:
                seen_enough.set()

        in_threads(*[partial(go_on, work) for work in (write, write, edit, enforce, look_on)])
        assert seen == {Status.ACTIVE, Status.PAUSED}
        assert reconcile.reconcile(timezone.now()).differences == []


@committed
class TestAStaleCampaignSaved:
    """Somebody renames a campaign that was active when they opened the form."""

    def test_while_it_is_being_paused_does_not_revive_it(
        self, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stale = self.renamed(campaign)
        assert not race(monkeypatch, lambda: spend(campaign, 100), stale.save).met
        self.is_paused_once_and_renamed(campaign)

    def test_just_before_it_is_paused_does_not_keep_it_running(
        self, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stale = self.renamed(campaign)
        assert not race(monkeypatch, stale.save, lambda: spend(campaign, 100)).met
        self.is_paused_once_and_renamed(campaign)

    def test_control_saved_in_djangos_own_way_it_runs_again(self, campaign: Campaign) -> None:
        stale = self.renamed(campaign)
        spend(campaign, 100)
        models.Model.save(stale)
        assert state(campaign) == RUNNING
        assert running_over_budget() == 1

    def renamed(self, campaign: Campaign) -> Campaign:
        stale = Campaign.objects.get(pk=campaign.pk)
        assert stale.is_active
        stale.name = "Winter Sale"
        return stale

    def is_paused_once_and_renamed(self, campaign: Campaign) -> None:
        assert state(campaign) == PAUSED
        assert campaign.name == "Winter Sale"
        assert changes(campaign) == ["ACTIVE>PAUSED BRAND_DAILY SPEND"]


@committed
class TestTheSameJobTwiceAtATime:
    """Acme spent 100 of 100 yesterday, and nobody has looked since."""

    @pytest.fixture
    def yesterday(self, campaign: Campaign) -> Campaign:
        then = timezone.now() - timedelta(days=1)
        periods.rollover(then)
        spend(campaign, 100, now=then)
        assert state(campaign) == PAUSED
        return campaign

    @pytest.mark.parametrize(
        ("one", "other", "cause"),
        [
            (periods.rollover, periods.rollover, "ROLLOVER"),
            (enforcement.tick, enforcement.tick, "CLOCK"),
            (enforcement.sweep, enforcement.sweep, "SWEEP"),
            (periods.rollover, enforcement.tick, "ROLLOVER"),
            (enforcement.tick, periods.rollover, "CLOCK"),
        ],
    )
    def test_changes_each_campaign_once(
        self,
        yesterday: Campaign,
        one: Callable[[datetime], object],
        other: Callable[[datetime], object],
        cause: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        now = timezone.now()
        assert not race(monkeypatch, lambda: one(now), lambda: other(now)).met
        assert changes(yesterday) == ["ACTIVE>PAUSED BRAND_DAILY SPEND", f"PAUSED>ACTIVE - {cause}"]

    def test_opens_a_day_once(self, yesterday: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
        now = timezone.now()
        both = race(monkeypatch, lambda: periods.rollover(now).brands, lambda: periods.rollover(now).brands)
        assert (both.first, both.second) == (1, 0)
        assert BrandPeriod.objects.filter(kind="DAY").count() == 2

    def test_waives_once(self, yesterday: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
        spend(yesterday, 100)

        def reset() -> int:
            return len(BudgetService.reset_budgets(daily=True).waivers)

        both = race(monkeypatch, reset, reset)
        assert (both.first, both.second, both.met) == (2, 0, False)
        assert sorted(waiver.amount for waiver in Waiver.objects.all()) == [100, 100]
        assert state(yesterday) == RUNNING

    def test_even_without_the_lock_only_one_writes_what_both_decided(
        self, yesterday: Campaign, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        take_out_the_lock(monkeypatch)
        now = timezone.now()
        both = race(
            monkeypatch, lambda: enforcement.sweep(now), lambda: enforcement.sweep(now), patience=SECONDS
        )
        assert both.met
        assert (both.first.resumed, both.second.resumed) == (1, 0)
        assert changes(yesterday) == ["ACTIVE>PAUSED BRAND_DAILY SPEND", "PAUSED>ACTIVE - SWEEP"]


@committed
class TestManyBrandsAtATime:
    def test_rows_in_any_order_never_deadlock(
        self, transactional_db: None, caplog: pytest.LogCaptureFixture
    ) -> None:
        campaigns = [campaign_of(name) for name in "ABCDE"]

        def write(order: Sequence[Campaign]) -> None:
            for _ in range(10):
                SpendLog.objects.bulk_create(
                    SpendLog(campaign=each, amount_micros=10**6, source="xy"[number % 2])
                    for number, each in enumerate(order)
                )

        orders = [campaigns[turn:] + campaigns[:turn][::-1] for turn in range(4)]
        in_threads(*[partial(write, order) for order in orders])
        assert [totals(each) for each in campaigns] == [{Decimal(40)}] * 5
        assert "taken again" not in caplog.text

    def test_rows_of_several_sources_lock_all_their_brands_before_the_first_is_booked(
        self, transactional_db: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one, other = campaign_of("A"), campaign_of("B")

        def write(first: Campaign, second: Campaign) -> None:
            SpendLog.objects.bulk_create(
                SpendLog(campaign=each, amount_micros=10**6, source=source)
                for each, source in ((first, "x"), (second, "y"))
            )

        decide = (booking, "_decide")
        both = race(
            monkeypatch,
            lambda: write(one, other),
            lambda: write(other, one),
            stops_at=decide,
            comes_to=decide,
        )
        assert not both.met
        assert [totals(each) for each in (one, other)] == [{Decimal(2)}] * 2

    @on_postgresql
    def test_control_in_the_order_of_arrival_they_do_and_are_taken_again(
        self, transactional_db: None, caplog: pytest.LogCaptureFixture
    ) -> None:
        one, other = campaign_of("A"), campaign_of("B")
        both_hold_one = Barrier(2)

        def write(first: Campaign, second: Campaign) -> int:
            attempts = []

            @retrying
            def book() -> None:
                attempts.append(1)
                spend(first, 1)
                if len(attempts) == 1:
                    both_hold_one.wait(SECONDS)
                spend(second, 1)

            book()
            return len(attempts)

        attempts = in_threads(lambda: write(one, other), lambda: write(other, one))
        assert sorted(attempts) == [1, 2]
        assert "deadlock detected" in caplog.text
        assert [totals(each) for each in (one, other)] == [{Decimal(2)}] * 2

    @on_postgresql
    def test_a_bulk_update_decides_every_campaign_it_writes_also_one_that_appears_meanwhile(
        self, transactional_db: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        campaign_of("A", platform="meta")
        appearing = campaign_of("B")
        appearing.platform = "meta"
        race(
            monkeypatch,
            lambda: Campaign.objects.filter(platform="meta").update(enabled=False),
            appearing.save,
            stops_at=(saving, "lock_brands"),
            comes_to=(reconcile, "reconcile"),  # nowhere: it finishes meanwhile
            patience=SECONDS,
        )
        for campaign in Campaign.objects.all():
            assert campaign.is_active == campaign.enabled


def told_by_the_database(error: psycopg.Error) -> OperationalError:
    told = OperationalError(str(error))
    told.__cause__ = error
    return told


TAKEN_BACK = [
    told_by_the_database(psycopg.errors.DeadlockDetected("deadlock detected")),
    told_by_the_database(psycopg.errors.SerializationFailure("could not serialize access")),
    told_by_the_database(psycopg.errors.LockNotAvailable("canceling statement due to lock timeout")),
    OperationalError("database is locked"),
]


@committed
class TestATransactionThatFails:
    @pytest.fixture(autouse=True)
    def at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(transactions, "FIRST_PAUSE_SECONDS", 0)

    @pytest.mark.parametrize("error", TAKEN_BACK, ids=str)
    def test_once_is_taken_again_whole_and_counted_once(
        self, campaign: Campaign, error: Exception, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        attempts = self.failing(monkeypatch, error, times=1)
        spend(campaign, 100, external_id="7")
        assert len(attempts) == 2
        assert totals(campaign) == {Decimal(100)}
        assert changes(campaign) == ["ACTIVE>PAUSED BRAND_DAILY SPEND"]

    def test_inside_another_takes_that_one_again(
        self, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        attempts = self.failing(monkeypatch, TAKEN_BACK[0], times=1)
        SpendLog.objects.bulk_create(
            SpendLog(campaign=campaign, amount_micros=10**6, source=source) for source in ("x", "y")
        )
        assert len(attempts) == 3
        assert totals(campaign) == {Decimal(2)}

    def test_again_and_again_is_given_up_and_leaves_nothing(
        self, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        attempts = self.failing(monkeypatch, TAKEN_BACK[0], times=ATTEMPTS)
        with pytest.raises(OperationalError, match="deadlock"):
            spend(campaign, 100)
        assert len(attempts) == ATTEMPTS
        self.nothing_is_booked()

    @pytest.mark.parametrize(
        "error", [OperationalError("disk I/O error"), IntegrityError("refused")], ids=str
    )
    def test_for_another_reason_is_not_taken_again(
        self, campaign: Campaign, error: Exception, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        attempts = self.failing(monkeypatch, error, times=1)
        with pytest.raises(type(error), match=str(error)):
            spend(campaign, 100)
        assert len(attempts) == 1
        self.nothing_is_booked()

    @on_postgresql
    def test_with_its_connection_is_taken_again_on_another(
        self, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        attempts = self.failing(monkeypatch, None, times=1)
        spend(campaign, 100)
        assert len(attempts) == 2
        assert totals(campaign) == {Decimal(100)}
        assert changes(campaign) == ["ACTIVE>PAUSED BRAND_DAILY SPEND"]

    @on_postgresql
    def test_with_its_connection_as_it_commits_is_not_taken_again(self, campaign: Campaign) -> None:
        attempts = []

        @retrying
        def book() -> None:
            attempts.append(1)
            spend(campaign, 100, external_id="7")
            end_this_session()

        with pytest.raises(OperationalError):
            book()
        assert len(attempts) == 1
        self.nothing_is_booked()

    @on_postgresql
    def test_without_a_server_is_given_up_when_the_pool_has_waited_once(
        self, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pool = {"min_size": 0, "max_size": 1, "timeout": 0.4, "reconnect_timeout": 0.2}
        connection.close()
        with monkeypatch.context() as nobody_there:
            nobody_there.setitem(connection.settings_dict, "HOST", "/nonexistent")
            nobody_there.setitem(connection.settings_dict, "OPTIONS", {"pool": pool})
            with pytest.raises(OperationalError, match="couldn't get a connection"):
                spend(campaign, 100)
            pool_of_psycopg = connection.pool  # type: ignore[attr-defined]
            asked = pool_of_psycopg.get_stats()["requests_num"]
            connection.close_pool()  # type: ignore[attr-defined]
        assert asked == 1
        self.nothing_is_booked()

    def test_to_learn_that_it_was_committed_is_not_taken_again_and_may_be_sent_again(
        self, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The answer to COMMIT is lost. Whether it was done is not known here; the id makes that harmless."""
        attempts = self.failing(monkeypatch, None, times=0)
        commit: Callable[[], None] = getattr(connection, "_commit")  # noqa: B009 - not in its public face

        def commit_and_lose_the_answer() -> None:
            monkeypatch.undo()
            commit()
            if connection.vendor == "postgresql":
                connection.connection.close()
            raise OperationalError("server closed the connection unexpectedly")

        monkeypatch.setattr(connection, "_commit", commit_and_lose_the_answer)
        with pytest.raises(OperationalError, match="closed the connection"):
            spend(campaign, 100, external_id="7")
        assert len(attempts) == 1
        assert totals(campaign) == {Decimal(100)}
        spend(campaign, 100, external_id="7")
        assert totals(campaign) == {Decimal(100)}
        assert changes(campaign) == ["ACTIVE>PAUSED BRAND_DAILY SPEND"]

    def failing(self, monkeypatch: pytest.MonkeyPatch, error: Exception | None, times: int) -> list[int]:
        """Lets so many transactions fail when all is booked but not yet decided; None ends the connection.

        What is returned grows by one with every attempt.
        """
        attempts: list[int] = []
        decide = booking._decide

        def fail_or_decide(crossed: periods.Crossed, ground: checking.Ground) -> None:
            attempts.append(1)
            if len(attempts) > times:
                decide(crossed, ground)
            elif error is not None:
                raise error
            else:
                end_this_session()
                SpendLog.objects.exists()

        monkeypatch.setattr(booking, "_decide", fail_or_decide)
        return attempts

    def nothing_is_booked(self) -> None:
        assert not SpendLog.objects.exists()
        assert not CampaignPeriod.objects.exists()
        assert not BrandPeriod.objects.filter(spent_micros__gt=0).exists()


def end_this_session() -> None:
    """Ends this thread's connection from the server's side, as a restart or an administrator would."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    parameters = {
        name: value for name, value in connection.get_connection_params().items()
        if name in {"dbname", "user", "password", "host", "port"}
    }  # fmt: skip
    with psycopg.connect(**parameters, autocommit=True) as other:
        assert other.execute("SELECT pg_terminate_backend(%s, 10000)", [pid]).fetchone() == (True,)

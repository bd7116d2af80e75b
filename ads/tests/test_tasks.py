"""The tasks: registered under the names of the schedule, thin, cheap, and telling what they did."""

import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from freezegun import freeze_time
from freezegun.api import FrozenDateTimeFactory
from pytest_django import DjangoCaptureOnCommitCallbacks

from ads import tasks
from ads.beat import ENTRIES
from ads.models import BrandPeriod, Campaign, StatusChange
from ads.rules.serving import Reason, Status
from ads.services import BudgetService, periods
from ads.tests.factories import BrandFactory, CampaignFactory, DaypartingScheduleFactory
from ads.tests.moments import NOON, changes, state
from budget_system.celery import app

FIVE = NOON.replace(hour=17)
MIDNIGHT = NOON.replace(hour=0) + timedelta(days=1)

Clock = FrozenDateTimeFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock() -> Iterator[Clock]:
    with freeze_time(NOON) as frozen:
        assert isinstance(frozen, FrozenDateTimeFactory)
        yield frozen


def with_office_hours(brands: int, campaigns: int) -> None:
    """So many campaigns that are open from 09:00 to 17:00."""
    for _ in range(brands):
        for campaign in CampaignFactory.create_batch(campaigns // brands, brand=BrandFactory.create()):
            DaypartingScheduleFactory.create(campaign=campaign)


def spent_out(brands: int, campaigns: int) -> None:
    """So many campaigns that their brand's daily budget has paused."""
    for _ in range(brands):
        batch = CampaignFactory.create_batch(campaigns // brands, brand=BrandFactory.create())
        BudgetService.record_spend(batch[0], Decimal(100))
    periods.rollover(NOON)


def wrongly_active(brands: int, campaigns: int) -> None:
    """So many campaigns that something made active although their brand's daily budget is reached."""
    spent_out(brands, campaigns)
    Campaign._base_manager.update(status=Status.ACTIVE, reason_codes="")


class TestNames:
    def test_the_schedule_runs_registered_tasks_of_this_module(self) -> None:
        app.autodiscover_tasks(force=True)
        scheduled = {entry.task for entry in ENTRIES}
        others = {
            "ads.tasks.check_and_update_campaign_status",
            "ads.tasks.work_on_import",
            "ads.tasks.work_on_platform",
        }
        assert {name for name in app.tasks if name.startswith("ads.")} == scheduled | others

    def test_one_that_takes_its_process_with_it_is_tried_five_times(self) -> None:
        assert app.conf.task_retry_on_worker_lost
        ours = [task for name, task in app.tasks.items() if name.startswith("ads.")]
        assert {(task.max_retries, task.default_retry_delay) for task in ours} == {(4, 5)}

    def test_their_intervals_are_those_that_the_promises_need(self) -> None:
        assert {(entry.task.rpartition(".")[2], entry.every_seconds) for entry in ENTRIES} == {
            ("enforce_dayparting", 20),
            ("reset_daily_monthly_spends", 60),
            ("enforce_budgets", 300),
            ("go_on_with_imports", 20),
            ("deliver_effects", 10),
            ("work_on_platforms", 15),
            ("look_after_deliveries", 600),
            ("verify_ledger", 600),
            ("forget_answered_requests", 3600),
            ("forget_expired", 86_400),
            ("check_alerts", 60),
            ("heartbeat", 20),
            ("count_history", 30),
        }


class TestReturnWhatTheyDid:
    def test_enforce_dayparting(self, clock: Clock) -> None:
        with_office_hours(1, 3)
        CampaignFactory.create()  # never due
        assert tasks.enforce_dayparting() == summary()
        clock.move_to(FIVE)
        assert tasks.enforce_dayparting() == summary(decided=3, paused=3)
        assert tasks.enforce_dayparting() == summary()
        clock.move_to(FIVE + timedelta(hours=16))
        assert tasks.enforce_dayparting() == summary(decided=3, resumed=3)

    def test_enforce_budgets(self) -> None:
        wrongly_active(1, 3)
        CampaignFactory.create()
        assert tasks.enforce_budgets() == summary(decided=4, paused=3)
        assert tasks.enforce_budgets() == summary(decided=4)

    def test_reset_daily_monthly_spends(self, clock: Clock) -> None:
        spent_out(1, 3)
        assert tasks.reset_daily_monthly_spends() == {"brands": 0, "resumed": 0}
        clock.move_to(MIDNIGHT)
        assert tasks.reset_daily_monthly_spends() == {"brands": 1, "resumed": 3}
        assert tasks.reset_daily_monthly_spends() == {"brands": 0, "resumed": 0}

    def test_check_and_update_campaign_status(self, clock: Clock) -> None:
        spent_out(1, 3)
        with_office_hours(1, 2)
        clock.move_to(MIDNIGHT)
        assert tasks.check_and_update_campaign_status() == summary(decided=5, resumed=3, paused=2)
        assert tasks.check_and_update_campaign_status() == summary(decided=5)

    def test_verify_ledger(self) -> None:
        spent_out(2, 2)
        assert tasks.verify_ledger() == {"brands": 2, "differences": 0}
        BrandPeriod.objects.filter(kind="DAY", spent_micros__gt=0).update(spent_micros=1)
        assert tasks.verify_ledger() == {"brands": 2, "differences": 2}


def summary(**some: int) -> dict[str, int]:
    return dict.fromkeys(("decided", "paused", "resumed", "other_changes"), 0) | some


class TestTheLogHasALineForEachCampaignChanged:
    @pytest.fixture
    def lines(
        self,
        caplog: pytest.LogCaptureFixture,
        django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    ) -> Callable[[Callable[[], object]], list[str]]:
        caplog.set_level(logging.INFO, logger="ads")

        def run(task: Callable[[], object]) -> list[str]:
            caplog.clear()
            with django_capture_on_commit_callbacks(execute=True):
                task()
            return [record.getMessage() for record in caplog.records]

        return run

    def test_in_the_words_of_its_reasons(
        self, clock: Clock, lines: Callable[[Callable[[], object]], list[str]]
    ) -> None:
        brand = BrandFactory.create(name="Acme")
        campaign = CampaignFactory.create(brand=brand, name="Summer Sale")
        other = CampaignFactory.create(brand=brand, name="Office Hours")
        DaypartingScheduleFactory.create(campaign=other)

        assert lines(lambda: BudgetService.record_spend(campaign, Decimal(100))) == [
            "Pausing campaign Summer Sale (Acme): Brand daily budget reached",
            "Pausing campaign Office Hours (Acme): Brand daily budget reached",
        ]
        assert lines(tasks.enforce_budgets) == []
        clock.move_to(FIVE)
        assert lines(tasks.enforce_dayparting) == [
            "Still paused: campaign Office Hours (Acme): Brand daily budget reached, Outside dayparting window"
        ]
        periods.rollover(FIVE)
        clock.move_to(MIDNIGHT)
        assert lines(tasks.reset_daily_monthly_spends) == [
            "Resuming campaign Summer Sale (Acme): nothing stands against it",
            "Still paused: campaign Office Hours (Acme): Outside dayparting window",
        ]
        assert lines(tasks.enforce_dayparting) == []

    def test_and_each_has_its_status_change(self, clock: Clock) -> None:
        with_office_hours(1, 3)
        clock.move_to(FIVE)
        tasks.enforce_dayparting()
        for campaign in Campaign.objects.all():
            assert state(campaign) == (Status.PAUSED, (Reason.OUTSIDE_DAYPARTING,))
            assert changes(campaign) == ["ACTIVE>PAUSED OUTSIDE_DAYPARTING CLOCK"]


class TestQueries:
    """All campaigns change in the run that is measured; their number must not show in the number of queries."""

    @pytest.mark.parametrize(
        ("task", "given", "at"),
        [
            (tasks.enforce_dayparting, with_office_hours, FIVE),
            (tasks.enforce_budgets, wrongly_active, NOON),
            (tasks.reset_daily_monthly_spends, spent_out, MIDNIGHT),
        ],
    )
    def test_do_not_grow_with_campaigns(
        self, clock: Clock, task: Callable[[], object], given: Callable[[int, int], None], at: datetime
    ) -> None:
        assert self.cost(clock, task, given, at, 1, 3) == self.cost(clock, task, given, at, 1, 30)

    @pytest.mark.parametrize(
        ("task", "given", "at"),
        [
            (tasks.enforce_dayparting, with_office_hours, FIVE),
            (tasks.enforce_budgets, wrongly_active, NOON),
            (tasks.reset_daily_monthly_spends, spent_out, MIDNIGHT),
        ],
    )
    def test_do_not_grow_with_brands(
        self, clock: Clock, task: Callable[[], object], given: Callable[[int, int], None], at: datetime
    ) -> None:
        assert self.cost(clock, task, given, at, 1, 10) == self.cost(clock, task, given, at, 10, 10)

    def cost(
        self,
        clock: Clock,
        task: Callable[[], object],
        given: Callable[[int, int], None],
        at: datetime,
        brands: int,
        campaigns: int,
    ) -> int:
        clock.move_to(NOON)
        with transaction.atomic():
            given(brands, campaigns)
            clock.move_to(at)
            before = StatusChange.objects.count()
            with CaptureQueriesContext(connection) as queries:
                task()
            assert StatusChange.objects.count() == before + campaigns
            transaction.set_rollback(True)
        return len(queries)

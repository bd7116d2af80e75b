"""What is appended to the histories is counted once, a minute later, whatever comes late, twice or in bulk."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from freezegun import freeze_time

from ads import tasks
from ads.models import Campaign, HistoryCount, HistoryKind, JobProgress, SpendLog
from ads.rules.serving import Status
from ads.services import BudgetService, counting, enforcement
from ads.services.counting import count_new
from ads.tests.factories import BrandFactory, CampaignFactory
from ads.tests.moments import NOON

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def noon() -> Iterator[None]:
    with freeze_time(NOON):
        yield


@pytest.fixture
def campaign() -> Campaign:
    return CampaignFactory.create(brand=BrandFactory.create(daily_budget=Decimal(100)))


def spend(campaign: Campaign, amount: int, at: datetime, source: str = "api") -> SpendLog:
    return BudgetService.record_spend(campaign, Decimal(amount), source=source, now=at, occurred_at=at)


def counts() -> dict[str, int]:
    return dict(HistoryCount.objects.values_list("sort", "count"))


def test_spend_by_source_and_changes_by_status_reason_and_cause(campaign: Campaign) -> None:
    spend(campaign, 60, NOON, source="meta")
    spend(campaign, 50, NOON + SECOND, source="meta")
    spend(campaign, 1, NOON + SECOND, source="tiktok")
    counted = count_new(NOON + 2 * counting.SETTLED_AFTER)
    assert counted == {HistoryKind.SPEND: 3, HistoryKind.STATUS: 1}
    assert counts() == {"meta": 2, "tiktok": 1, "PAUSED,BRAND_DAILY,SPEND": 1}
    assert HistoryCount.objects.get(sort="meta").last_at == NOON + SECOND


def test_again_and_again_counts_nothing_twice(campaign: Campaign) -> None:
    spend(campaign, 60, NOON)
    later = NOON + 2 * counting.SETTLED_AFTER
    assert [count_new(later)[HistoryKind.SPEND] for _ in range(3)] == [1, 0, 0]
    spend(campaign, 1, later)
    assert count_new(later + 2 * counting.SETTLED_AFTER)[HistoryKind.SPEND] == 1
    assert counts() == {"api": 2}


def test_what_is_younger_than_a_minute_waits_with_all_after_it(campaign: Campaign) -> None:
    """A row with a lower number may still be on its way, and no row is to be passed by."""
    spend(campaign, 1, NOON)
    spend(campaign, 1, NOON + 40 * SECOND)
    spend(campaign, 1, NOON + 20 * SECOND)  # an older moment under a higher number
    assert count_new(NOON + 59 * SECOND)[HistoryKind.SPEND] == 0
    assert count_new(NOON + 90 * SECOND)[HistoryKind.SPEND] == 1
    assert count_new(NOON + 99 * SECOND)[HistoryKind.SPEND] == 0
    assert count_new(NOON + 100 * SECOND)[HistoryKind.SPEND] == 2


def test_a_change_of_reasons_alone_is_no_change_of_status(campaign: Campaign) -> None:
    spend(campaign, 100, NOON)
    Campaign.objects.get(pk=campaign.pk)
    campaign.refresh_from_db()
    campaign.daily_budget = Decimal(1)
    campaign.save()
    assert campaign.status_changes.count() == 2
    count_new(NOON + 2 * counting.SETTLED_AFTER)
    assert counts() == {"api": 1, "PAUSED,BRAND_DAILY,SPEND": 1}


def test_what_the_sweep_finds_is_told_by_its_cause(campaign: Campaign) -> None:
    Campaign._base_manager.update(status=Status.PAUSED, reason_codes="BRAND_DAILY")
    enforcement.sweep(NOON)
    count_new(NOON + 2 * counting.SETTLED_AFTER)
    assert counts() == {"ACTIVE,,SWEEP": 1}


def test_many_are_counted_in_slices_and_gaps_between_numbers_are_passed(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(7):
        spend(campaign, 1, NOON + number * SECOND)
    JobProgress.objects.create(name="count SPEND", position=SpendLog.objects.earliest("pk").pk - 1000)
    monkeypatch.setattr(counting, "ROWS_AT_ONCE", 3)
    assert count_new(NOON + 2 * counting.SETTLED_AFTER)[HistoryKind.SPEND] == 7
    assert JobProgress.objects.get(name="count SPEND").position == SpendLog.objects.latest("pk").pk


def test_the_task_says_what_it_counted_in_as_many_queries_whatever_came(campaign: Campaign) -> None:
    def cost(rows: int) -> int:
        for _ in range(rows):
            spend(campaign, 1, NOON)
        with freeze_time(NOON + 2 * counting.SETTLED_AFTER), CaptureQueriesContext(connection) as queries:
            assert tasks.count_history() == {"spend": rows, "changes": 0}
        return len(queries)

    cost(1)  # makes the rows of the job
    assert cost(1) == cost(30)

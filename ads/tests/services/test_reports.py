"""Reports: whatever they tell spend apart by, they add up to the ledger."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from ads.models import Brand, Kind, SpendLog
from ads.services import replica, reports
from ads.services.ingest import ingest_events
from ads.services.records import SpendEvent
from ads.services.reports import Key, Question, count_rows, read_first_rows, read_rows, total_by_currency
from ads.tests.factories import BrandFactory, CampaignFactory

pytestmark = pytest.mark.django_db


FIRST, DAYS = date(2026, 1, 5), 81
LATER = datetime(2026, 4, 1, tzinfo=UTC)


@pytest.fixture
def ledger(db: None) -> list[SpendLog]:
    """Two brands of two currencies with two campaigns each, which spend or give back on most days until 26 March."""
    brands = [BrandFactory.create(name=name, currency=code) for name, code in (("B0", "USD"), ("B1", "EUR"))]
    campaigns = [
        CampaignFactory.create(brand=brand, name=name, platform=platform)
        for brand in brands
        for name, platform in (("one", "meta"), ("two", "google_ads"))
    ]
    chance = Random(4)
    events = [
        SpendEvent(
            campaign_id=campaign.pk,
            amount_micros=amount * 250_001,
            kind=Kind.SPEND if amount > 0 else Kind.REFUND,
            spent_on=FIRST + timedelta(days=day),
            external_id=f"{campaign.pk}-{day}",
        )
        for day in range(DAYS)
        for campaign in campaigns
        if (amount := chance.randrange(-20, 400))
    ]
    assert all(
        answer.log_id for answer in ingest_events(events, source="any", now=datetime(2026, 4, 1, tzinfo=UTC))
    )
    return list(SpendLog.objects.select_related("brand", "campaign"))


def test_every_report_adds_up_to_the_ledger(ledger: list[SpendLog], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "BRANDS_READ_FIRST", 1)

    @given(
        keys=st.frozensets(st.sampled_from(list(Key))),
        begin=st.integers(-10, DAYS),
        length=st.integers(0, DAYS),
        only_first=st.booleans(),
    )
    @settings(max_examples=150, deadline=None)
    def adds_up(keys: frozenset[Key], begin: int, length: int, only_first: bool) -> None:
        first = FIRST + timedelta(days=begin)
        last = first + timedelta(days=length)
        brands = Brand.objects.filter(name="B0") if only_first else Brand.objects.all()
        question = Question(brands, first, last, keys - {Key.MONTH} if Key.DAY in keys else keys)
        expected: defaultdict[tuple[Any, ...], int] = defaultdict(int)
        totals: defaultdict[str, int] = defaultdict(int)
        for log in ledger:
            if first <= log.spent_on <= last and (log.brand.name == "B0" or not only_first):
                expected[told_apart(log, question.keys)] += log.amount_micros
                totals[log.brand.currency] += log.amount_micros
        rows = list(read_rows(question))
        found = {
            (row.brand, row.campaign, row.platform, row.starts_on, row.currency): row.spent for row in rows
        }
        assert len(found) == len(rows)
        assert found == dict(expected)
        assert total_by_currency(question) == dict(totals)
        assert [read_first_rows(question, most) for most in (1, 3, 500)] == [rows[:1], rows[:3], rows[:500]]
        assert [count_rows(question), count_rows(question, 3)] == [len(rows), min(len(rows), 3)]

    adds_up()


def test_without_a_replica_the_primary_is_read_and_nothing_says_as_of_when(db: None) -> None:
    with CaptureQueriesContext(connection) as statements:
        assert replica.read(lambda as_of: (as_of, Brand.objects.count())) == (None, 0)
    assert len(statements) == 1


@pytest.mark.once
@pytest.mark.parametrize(
    ("is_copy", "as_of", "is_near"),
    [
        (True, LATER - replica.MOST_BEHIND, True),
        (True, LATER - replica.MOST_BEHIND - timedelta(microseconds=1), False),
        (True, LATER, True),
        (True, None, False),
        (False, LATER, False),
    ],
)
def test_a_replica_is_read_where_it_is_a_copy_and_near(
    is_copy: bool, as_of: datetime | None, is_near: bool
) -> None:
    assert timedelta(seconds=60) == replica.MOST_BEHIND
    assert replica.Standing(is_copy, as_of, LATER).is_near is is_near


def told_apart(log: SpendLog, keys: frozenset[Key]) -> tuple[Any, ...]:
    """What stands in the row of a report to which this record belongs."""
    day = log.spent_on if Key.DAY in keys else log.spent_on.replace(day=1) if Key.MONTH in keys else None
    return (
        log.brand.name if keys & {Key.BRAND, Key.CAMPAIGN} else "",
        log.campaign.name if Key.CAMPAIGN in keys else "",
        log.campaign.platform if keys & {Key.CAMPAIGN, Key.PLATFORM} else "",
        day,
        log.brand.currency,
    )

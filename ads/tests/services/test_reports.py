"""Reports: whatever they tell spend apart by, they add up to the ledger."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from ads.models import Brand, Campaign, Kind, SpendLog
from ads.services.ingest import ingest_events
from ads.services.records import SpendEvent
from ads.services.reports import Key, Question, read_rows, total_by_currency
from ads.tests.factories import BrandFactory, CampaignFactory

pytestmark = pytest.mark.django_db


@contextmanager
def four_campaigns() -> Iterator[list[Campaign]]:
    """Two brands of two currencies with two campaigns each, taken back afterwards."""
    with transaction.atomic():
        brands = [
            BrandFactory.create(name=f"B{number}", currency=code)
            for number, code in enumerate(("USD", "EUR"))
        ]
        yield [
            CampaignFactory.create(brand=brand, name=name, platform=platform)
            for brand in brands
            for name, platform in (("one", "meta"), ("two", "google_ads"))
        ]
        transaction.set_rollback(True)


KEYS = st.frozensets(st.sampled_from(list(Key)))
AMOUNTS = st.integers(-3, 400).filter(bool)
DAYS = st.integers(0, 80)
FIRST = date(2026, 1, 5)


@given(
    spent=st.lists(st.tuples(st.integers(0, 3), AMOUNTS, DAYS), min_size=1, max_size=20),
    keys=KEYS,
    begin=DAYS,
    length=DAYS,
    only_first=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_every_report_adds_up_to_the_ledger(
    spent: list[tuple[int, int, int]],
    keys: frozenset[Key],
    begin: int,
    length: int,
    only_first: bool,
) -> None:
    with four_campaigns() as campaigns:
        for number, (which, amount, day) in enumerate(spent):
            event = SpendEvent(
                campaign_id=campaigns[which].pk,
                amount_micros=amount * 250_001,
                kind=Kind.SPEND if amount > 0 else Kind.REFUND,
                spent_on=FIRST + timedelta(days=day),
                external_id=str(number),
            )
            (answer,) = ingest_events([event], source="any", now=datetime(2026, 4, 1, tzinfo=UTC))
            assert answer.log_id
        first = FIRST + timedelta(days=begin)
        last = first + timedelta(days=length)
        brands = Brand.objects.filter(name="B0") if only_first else Brand.objects.all()
        question = Question(brands, first, last, keys - {Key.MONTH} if Key.DAY in keys else keys)
        logs = SpendLog.objects.filter(brand__in=brands, spent_on__range=(first, last))
        expected: defaultdict[tuple[Any, ...], int] = defaultdict(int)
        totals: defaultdict[str, int] = defaultdict(int)
        for log in logs.select_related("campaign", "brand"):
            expected[told_apart(log, question.keys)] += log.amount_micros
            totals[log.brand.currency] += log.amount_micros
        found = {
            (row.brand, row.campaign, row.platform, row.starts_on, row.currency): row.spent
            for row in read_rows(question)
        }
        assert {key: micros for key, micros in found.items() if micros} == {
            key: micros for key, micros in expected.items() if micros
        }
        told = total_by_currency(question)
        assert {code: micros for code, micros in told.items() if micros} == {
            code: micros for code, micros in totals.items() if micros
        }


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

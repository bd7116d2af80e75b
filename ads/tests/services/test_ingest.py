"""The one door: any number of records of one kind, each answered."""

from collections import Counter
from collections.abc import Generator
from dataclasses import replace

import pytest

from ads.models import Campaign, ImportMode
from ads.rules.money import from_micros
from ads.services.ingest import ingest
from ads.services.records import Answer, Result, SpendEvent, SpendSnapshot, Totals
from ads.tests.moments import NOON, brand_day

pytestmark = pytest.mark.django_db


def event(campaign: Campaign, external_id: str, micros: int = 1_000_000) -> SpendEvent:
    return SpendEvent(
        campaign_id=campaign.pk, amount_micros=micros, external_id=external_id, occurred_at=NOON
    )


def total(campaign: Campaign, micros: int) -> SpendSnapshot:
    return SpendSnapshot(campaign_id=campaign.pk, day=NOON.date(), amount_micros=micros)


def test_events_count_once_each_however_long_the_stream(campaign: Campaign) -> None:
    stream = (event(campaign, str(number % 4_000)) for number in range(5_000))
    results = [answer.result for answer in ingest(stream, source="ads", mode=ImportMode.EVENTS, now=NOON)]

    assert (results.count(Result.ACCEPTED), results.count(Result.DUPLICATE)) == (4_000, 1_000)
    assert brand_day(campaign.brand, NOON.date()) == 4_000


def test_the_totals_come_at_the_end(campaign: Campaign) -> None:
    totals = Totals()

    def ingested() -> Generator[Answer, None, None]:
        nonlocal totals
        totals = yield from ingest(stream, source="ads", mode=ImportMode.EVENTS, now=NOON)

    other = replace(event(campaign, "1"), currency="EUR")
    stream = [
        event(campaign, "1"),
        event(campaign, "2", 250_000),
        event(campaign, "1"),
        other,
        event(campaign, "2"),
    ]
    answers = list(ingested())

    assert [answer.result.value for answer in answers] == [
        "accepted", "accepted", "duplicate", "quarantined", "conflict",
    ]  # fmt: skip
    assert totals == Totals(
        Counter({Result.ACCEPTED: 2, Result.DUPLICATE: 1, Result.QUARANTINED: 1, Result.CONFLICT: 1}),
        1_250_000,
    )


def test_totals_replace_the_last_ones(campaign: Campaign) -> None:
    for micros in (5_000_000, 7_000_000, 7_000_000):
        (answer,) = ingest([total(campaign, micros)], source="ads", mode=ImportMode.SNAPSHOT, now=NOON)

    assert answer.result == Result.DUPLICATE
    assert brand_day(campaign.brand, NOON.date()) == from_micros(7_000_000)


@pytest.mark.parametrize("mode", ImportMode)
def test_a_record_of_the_other_kind_is_an_error_of_the_caller(campaign: Campaign, mode: ImportMode) -> None:
    other = total(campaign, 1) if mode == ImportMode.EVENTS else event(campaign, "a")
    with pytest.raises(TypeError, match="give records of one kind"):
        list(ingest([other], source="ads", mode=mode, now=NOON))

    assert brand_day(campaign.brand, NOON.date()) is None

"""The one door: any number of records of one kind, each answered."""

import pytest

from ads.models import Campaign, ImportMode
from ads.rules.money import from_micros
from ads.services.ingest import ingest
from ads.services.records import Result, SpendEvent, SpendSnapshot
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

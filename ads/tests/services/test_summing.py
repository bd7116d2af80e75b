"""Equal identities of a feed are one value, however many records come."""

import tracemalloc
from collections.abc import Iterator
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ads.services import summing
from ads.services.records import SpendSnapshot
from ads.services.summing import summed
from ads.tests.moments import NOON

pytestmark = pytest.mark.unit

snapshots = st.builds(
    SpendSnapshot,
    campaign_id=st.integers(1, 3),
    day=st.dates(date(2026, 5, 1), date(2026, 5, 2)),
    amount_micros=st.integers(-(10**20), 10**20),
    line=st.sampled_from(["", "ad=1", "ad='\x00", "ad=\ud800"]),
    hour=st.none() | st.integers(0, 1),
    as_of=st.none() | st.integers(0, 3).map(lambda hours: NOON + timedelta(hours=hours)),
    currency=st.sampled_from([None, "USD", "EUR"]),
)


@given(st.lists(snapshots, max_size=30))
def test_what_is_sorted_in_a_file_sums_up_to_the_same(records: list[SpendSnapshot]) -> None:
    in_memory = list(summed(records))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(summing, "MOST_IN_MEMORY", 0)
        on_disk = list(summed(iter(records)))
    assert set(on_disk) == set(in_memory)
    assert len(on_disk) == len(in_memory)
    assert sum(each.amount_micros for each in on_disk) == sum(each.amount_micros for each in records)


@pytest.mark.parametrize("most_in_memory", [0, 3, 4])
def test_the_newest_moment_is_that_of_the_sum(most_in_memory: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summing, "MOST_IN_MEMORY", most_in_memory)
    later = NOON + timedelta(hours=1)
    records = [total(1), total(2, as_of=later), total(4, as_of=NOON), total(8, hour=3)]
    assert set(summed(records)) == {total(7, as_of=later), total(8, hour=3)}


def test_of_ten_times_as_many_no_more_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summing, "MOST_IN_MEMORY", 100)

    def many(count: int) -> Iterator[SpendSnapshot]:
        return (total(1, line=f"ad={number}") for number in range(count))

    few, more = peak(many(1_000)), peak(many(10_000))
    assert more < 1.3 * few


def peak(records: Iterator[SpendSnapshot]) -> int:
    """The most bytes that Python holds while they are summed."""
    tracemalloc.start()
    try:
        for _ in summed(records):
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def total(
    micros: int, line: str = "", hour: int | None = None, as_of: datetime | None = None
) -> SpendSnapshot:
    return SpendSnapshot(
        campaign_id=1, day=NOON.date(), amount_micros=micros, line=line, hour=hour, as_of=as_of
    )

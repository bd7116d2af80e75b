"""A file's rows come back summed by what they say, in order, however far apart they stand."""

from datetime import date
from typing import Any

import pytest

from ads.importers.records import ParsedRow
from ads.importers.spool import Owner, Spool, Target

pytestmark = pytest.mark.unit

FIRST, SECOND = date(2026, 5, 1), date(2026, 5, 2)


def row(number: int, day: date = FIRST, *, micros: int = 1, name: str = "", **changes: Any) -> ParsedRow:
    plain = ParsedRow(number, "meta", "a", "7", name, day, None, "", micros, None)
    return plain._replace(**changes)


def spooled(*rows: ParsedRow) -> Spool:
    spool = Spool(lambda currency: currency or "USD")
    for each in rows:
        spool.add(each)
    return spool


def test_equal_rows_are_one_sum() -> None:
    with spooled(row(2, micros=5), row(3, SECOND), row(4, micros=7), row(5, currency="USD")) as spool:
        totals = list(spool.totals({0: Target(70)}))

    assert [(total.target, total.day, total.micros, total.row, total.rows) for total in totals] == [
        (70, FIRST, 13, 2, 3),
        (70, SECOND, 1, 3, 1),
    ]


def test_what_differs_in_anything_stays_apart() -> None:
    rows = [
        row(2),
        row(3, hour=0),
        row(4, line="ad=1"),
        row(5, currency="EUR"),
        row(6, SECOND),
        row(7, campaign_id="8"),
    ]
    with spooled(*rows) as spool:
        assert len(list(spool.totals({0: Target(70), 1: Target(80)}))) == 6


def test_owners_with_the_same_target_are_one() -> None:
    with spooled(row(2), row(3, account="")) as spool:
        (total,) = spool.totals({0: Target(70), 1: Target(70)})

    assert (total.micros, total.rows) == (2, 2)


def test_owners_without_a_target_stay_out() -> None:
    with spooled(row(2), row(3, campaign_id="8"), row(4, campaign_id="8")) as spool:
        assert [total.target for total in spool.totals({0: Target(70)})] == [70]
        assert (spool.counts, spool.rows_of(1, 1), spool.rows_of(1, 9)) == ([1, 2], [3], [3, 4])


def test_an_owner_has_its_latest_name() -> None:
    rows = [row(2, SECOND, name="new"), row(3, FIRST, name="old"), row(4, FIRST, name="x", campaign_id="")]
    with spooled(*rows) as spool:
        assert spool.owners == [(Owner("a", "7", ""), "new"), (Owner("a", "", "x"), "x")]


def test_sums_may_be_larger_than_a_database_can_hold() -> None:
    with spooled(*(row(number, micros=10**17) for number in range(2, 202))) as spool:
        (total,) = spool.totals({0: Target(70)})

    assert total.micros == 200 * 10**17

"""What is known of feeds' totals so far: the newest value of each, and how finely each date is cut.

Whoever calls holds the brands' locks.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from ads.services.given import Statement, Value, among, as_date, given, moment
from ads.services.ledger import read_digest


class KnownTotal(NamedTuple):
    """The newest value of a feed's total, of when it is, and the import that gave it, if one did."""

    amount_micros: int
    as_of: datetime
    import_id: int | None = None


@dataclass(slots=True)
class KnownTotals:
    """Totals that came before, and how finely the dates are cut that have any, by their digests."""

    values: dict[bytes, KnownTotal] = field(default_factory=dict)
    granularities: dict[bytes, str] = field(default_factory=dict)

    def looking_for(self, keys: Iterable[bytes]) -> Statement:
        """To find these totals."""
        are_these, params = among("uuid", [key.hex() for key in keys])
        columns = f"{read_digest('key')}, amount_micros, CAST(as_of AS text), spend_import_id"
        sql = f"SELECT {columns} FROM ads_snapshotvalue WHERE key {are_these}"  # noqa: S608 - placeholders
        return Statement(sql, params, self._take)

    def looking_for_days(self, keys: Iterable[bytes]) -> Statement:
        """To find these dates of campaigns."""
        are_these, params = among("uuid", [key.hex() for key in keys])
        sql = f"SELECT {read_digest('key')}, granularity FROM ads_snapshotday WHERE key {are_these}"  # noqa: S608
        return Statement(sql, params, self._take_days)

    def _take(self, rows: list[tuple[str, int, str, int | None]]) -> None:
        for key, micros, as_of, import_id in rows:
            self.values[bytes.fromhex(key)] = KnownTotal(micros, moment(as_of), import_id)

    def _take_days(self, rows: list[tuple[str, str]]) -> None:
        for key, granularity in rows:
            self.granularities[bytes.fromhex(key)] = granularity


@dataclass(slots=True)
class EventDays:
    """Campaigns' dates of which there are single events."""

    days: set[tuple[int, date]] = field(default_factory=set)

    def looking_for(self, days: Sequence[tuple[int, date]], source: str) -> Statement:
        """To find those of these that this source has given; each is looked up in the ledger's index."""
        table, params = given(("bigint", "date"), days)
        sql = f"""
            WITH wanted (campaign, day) AS ({table})
            SELECT campaign, day FROM wanted WHERE 1 = (
                SELECT 1 FROM ads_spendlog
                WHERE campaign_id = campaign AND spent_on = day AND source = %s AND snapshot_key IS NULL LIMIT 1
            )
        """  # noqa: S608 - only placeholders are put in
        return Statement(sql, [*params, source], self._take)

    def _take(self, rows: list[tuple[int, date | str]]) -> None:
        self.days.update((campaign_id, as_date(day)) for campaign_id, day in rows)


def keeping(totals: Mapping[bytes, KnownTotal]) -> list[Statement]:
    """To make these the newest values."""
    if not totals:
        return []
    table, params = given(
        ("uuid", "bigint", "timestamptz", "bigint"), [(key.hex(), *total) for key, total in totals.items()]
    )
    sql = f"""
        WITH newest (key, amount_micros, as_of, spend_import_id) AS ({table})
        INSERT INTO ads_snapshotvalue (key, amount_micros, as_of, spend_import_id)
        SELECT key, amount_micros, as_of, spend_import_id FROM newest WHERE true
        ON CONFLICT (key) DO UPDATE SET amount_micros = excluded.amount_micros, as_of = excluded.as_of,
            spend_import_id = excluded.spend_import_id
    """  # noqa: S608 - only placeholders are put in
    return [Statement(sql, params)]


def counting(new: Mapping[tuple[bytes, str], int]) -> list[Statement]:
    """To add to how many totals each date has; a date that had none is cut from now on as is given with it."""
    by_granularity: dict[str, list[tuple[Value, ...]]] = {}
    for (key, granularity), count in new.items():
        by_granularity.setdefault(granularity, []).append((key.hex(), count))
    return [_counting(granularity, rows) for granularity, rows in by_granularity.items()]


def _counting(granularity: str, rows: Sequence[tuple[Value, ...]]) -> Statement:
    table, params = given(("uuid", "bigint"), rows)
    sql = f"""
        WITH added (key, count) AS ({table})
        INSERT INTO ads_snapshotday (key, granularity, totals)
        SELECT key, CAST(%s AS text), count FROM added WHERE true
        ON CONFLICT (key) DO UPDATE SET totals = ads_snapshotday.totals + excluded.totals
    """  # noqa: S608 - only placeholders are put in
    return Statement(sql, [*params, granularity])


def taking_back(gone: Counter[bytes]) -> list[Statement]:
    """To take from how many totals each date has."""
    if not gone:
        return []
    table, params = given(("uuid", "bigint"), [(key.hex(), count) for key, count in gone.items()])
    sql = f"""
        WITH gone (key, count) AS ({table})
        UPDATE ads_snapshotday SET totals = totals - gone.count FROM gone WHERE ads_snapshotday.key = gone.key
    """  # noqa: S608 - only placeholders are put in
    return [Statement(sql, params)]

"""What is known of feeds' totals so far: the newest value of each, and how finely each date is cut.

Whoever calls holds the brands' locks.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from ads.models import SnapshotDay, SnapshotValue
from ads.services.given import Statement, among, as_date, given, insert, moment
from ads.services.ledger import read_digest

VALUE_COLUMNS = ("key", "amount_micros", "as_of", "spend_import_id")
VALUE_TYPES = ("bytea", "int8", "timestamptz", "int8")  # 16 bytes are sent for a uuid as for a bytea
DAY_COLUMNS = ("key", "granularity", "totals")
DAY_TYPES = ("bytea", "varchar", "int8")


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


def keep(totals: Mapping[bytes, KnownTotal], known: Collection[bytes]) -> list[Statement]:
    """Makes these the newest values; those known have one before. Returns what is left to be run for it."""
    insert(
        SnapshotValue,
        VALUE_COLUMNS,
        VALUE_TYPES,
        [(k, *total) for k, total in totals.items() if k not in known],
    )
    changed = [(key.hex(), *total) for key, total in totals.items() if key in known]
    if not changed:
        return []
    table, params = given(("uuid", "bigint", "timestamptz", "bigint"), changed)
    columns = ", ".join(VALUE_COLUMNS)
    sql = f"""
        WITH newest ({columns}) AS ({table})
        INSERT INTO ads_snapshotvalue ({columns}) SELECT {columns} FROM newest WHERE true
        ON CONFLICT (key) DO UPDATE SET amount_micros = excluded.amount_micros, as_of = excluded.as_of,
            spend_import_id = excluded.spend_import_id
    """  # noqa: S608 - only placeholders are put in
    return [Statement(sql, params)]


def count(new: Mapping[tuple[bytes, str], int], known: Collection[bytes]) -> list[Statement]:
    """Adds to how many totals each date has; a date that is not known is cut from now on as is given with it.

    Returns what is left to be run for it.
    """
    insert(
        SnapshotDay,
        DAY_COLUMNS,
        DAY_TYPES,
        [(*day, number) for day, number in new.items() if day[0] not in known],
    )
    return _add({key: number for (key, _), number in new.items() if key in known})


def take_back(gone: Counter[bytes]) -> list[Statement]:
    """What takes from how many totals each date has."""
    return _add({key: -number for key, number in gone.items()})


def _add(numbers: Mapping[bytes, int]) -> list[Statement]:
    if not numbers:
        return []
    table, params = given(("uuid", "bigint"), [(key.hex(), number) for key, number in numbers.items()])
    sql = f"""
        WITH added (key, number) AS ({table})
        UPDATE ads_snapshotday SET totals = totals + added.number FROM added WHERE ads_snapshotday.key = added.key
    """  # noqa: S608 - only placeholders are put in
    return [Statement(sql, params)]

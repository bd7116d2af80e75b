"""A file's rows kept on disk while it is read, and given back summed and in order: memory stays flat.

Equal identities within a file are one value, their sum, however far apart they stand.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from functools import cache
from itertools import groupby, islice
from operator import itemgetter
from typing import NamedTuple, Self

from ads.importers.records import ParsedRow, fitted

ROWS_AT_ONCE = 5_000
MOST_OWNERS = 100_000
Stored = tuple[int, int, int, str, str, int, int]


class TooManyOwners(Exception):
    """More campaigns than any account has: their column is not what it is taken for."""

    def __init__(self, row: int) -> None:
        self.row = row


class Owner(NamedTuple):
    """Whose spend a row is, as the file tells it: `name` is part of it only where there is no id."""

    account: str
    campaign_id: str
    name: str


class Total(NamedTuple):
    """One value of a file: what `rows` rows, the first of them `row`, sum up to for `target`."""

    target: int
    day: date
    hour: int | None
    line: str
    currency: str
    micros: int
    row: int
    rows: int


class Target(NamedTuple):
    """What an owner's rows count for: a number of the caller's, and a line that tells them from those of others."""

    number: int
    line: str = ""


def line_within(line: str, campaign: str) -> str:
    """A row's line where several campaigns of a platform count as one: `campaign` is its own one's line."""
    if not campaign:
        return line
    return fitted(f"{line}|{campaign}") if line else campaign


class Spool:
    """Rows go in once, owners are given targets, totals come out by target and day.

    `currency` says what a row's currency is taken for, so that rows with and without one make one sum. Rows
    that are records with ids of their own are not summed: their id takes the place of the line.
    """

    def __init__(self, currency: Callable[[str | None], str], *, are_records: bool = False) -> None:
        # A database without a name is a temporary file that nobody else sees.
        self._database = sqlite3.connect("")
        self._database.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -16000; "
            "CREATE TABLE row (owner INT, day INT, hour INT, line TEXT, currency TEXT, micros INT, number INT); "
            "CREATE TABLE target (owner INTEGER PRIMARY KEY, target INT, line TEXT)"
        )
        self._database.create_function("line_within", 2, line_within, deterministic=True)
        self._currency = cache(currency)
        # All but the amount and, where rows are summed, their number.
        self._identity = itemgetter(0, 1, 2, 3, 4, 6) if are_records else itemgetter(0, 1, 2, 3, 4)
        self._are_records = are_records
        self._pending: list[Stored] = []
        self._owners: dict[tuple[str, str, str], int] = {}
        self._names: list[tuple[str, date]] = []
        self.counts: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    @property
    def owners(self) -> list[tuple[Owner, str]]:
        """Every owner with its latest name, numbered by its place."""
        return [(Owner(*owner), self._names[index][0]) for owner, index in self._owners.items()]

    def add(self, row: ParsedRow) -> None:
        """Takes a row in."""
        name = "" if row.campaign_id else row.campaign_name
        owner = (row.account, row.campaign_id, name)
        index = self._owners.get(owner)
        if index is None:
            if len(self._owners) >= MOST_OWNERS:
                raise TooManyOwners(row.row)
            index = self._owners[owner] = len(self._owners)
            self._names.append((row.campaign_name, row.day))
            self.counts.append(0)
        elif row.day > self._names[index][1] and row.campaign_name:
            self._names[index] = (row.campaign_name, row.day)
        self.counts[index] += 1
        hour = -1 if row.hour is None else row.hour
        currency = self._currency(row.currency)
        self._pending.append(
            (
                index,
                row.day.toordinal(),
                hour,
                row.external_id if self._are_records else row.line,
                currency,
                row.amount_micros,
                row.row,
            )
        )
        if len(self._pending) >= ROWS_AT_ONCE:
            self._flush()

    def totals(self, targets: Mapping[int, Target]) -> Iterator[Total]:
        """The sums of all rows whose owner has a target, by target and day."""
        self._flush()
        self._database.execute("DELETE FROM target")
        self._database.executemany(
            "INSERT INTO target VALUES (?, ?, ?)", ((owner, *target) for owner, target in targets.items())
        )
        rows: Iterable[Stored] = self._database.execute(
            "SELECT target, day, hour, "
            "CASE target.line WHEN '' THEN row.line ELSE line_within(row.line, target.line) END, "
            "currency, micros, number FROM row JOIN target USING (owner) "
            "ORDER BY target, day, hour, 4, currency, number"
        )
        # Summed here, because SQLite's integers end at 64 bits.
        for (target, day, hour, line, currency, *_), group in groupby(rows, key=self._identity):
            micros = count = first = 0
            for *_, amount, number in group:
                micros, count, first = micros + amount, count + 1, first or number
            yield Total(
                target,
                date.fromordinal(day),
                None if hour < 0 else hour,
                line,
                currency,
                micros,
                first,
                count,
            )

    def rows_of(self, owner: int, most: int) -> list[int]:
        """The numbers of an owner's first rows."""
        self._flush()
        found = self._database.execute("SELECT number FROM row WHERE owner = ? ORDER BY number", (owner,))
        return [number for (number,) in islice(found, most)]

    def _flush(self) -> None:
        self._database.executemany("INSERT INTO row VALUES (?, ?, ?, ?, ?, ?, ?)", self._pending)
        self._pending.clear()

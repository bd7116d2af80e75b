"""A feed's totals of one identity are one value, their sum; of any number of them, in bounded memory."""

import pickle
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import date
from itertools import chain, groupby, islice
from operator import itemgetter

from ads.services.records import SpendSnapshot

# How many are held; where there are more, all of them are sorted in a temporary file.
MOST_IN_MEMORY = 100_000


def summed(records: Iterable[SpendSnapshot]) -> Iterator[SpendSnapshot]:
    """One total for each campaign, date, line, hour and currency; what names no currency belongs to the first."""
    iterator = iter(records)
    first = list(islice(iterator, MOST_IN_MEMORY))
    following = list(islice(iterator, 1))
    groups = _grouped_on_disk(chain(first, following, iterator)) if following else _grouped(first)
    for group in groups:
        if len(group) == 1:
            yield group[0]
        else:
            yield from _sums(group)


def _identity(record: SpendSnapshot) -> tuple[int, date, str, int | None]:
    return record.campaign_id, record.day, record.line, record.hour


def _grouped(records: Iterable[SpendSnapshot]) -> Iterator[Sequence[SpendSnapshot]]:
    same: defaultdict[tuple[int, date, str, int | None], list[SpendSnapshot]] = defaultdict(list)
    for record in records:
        same[_identity(record)].append(record)
    yield from same.values()


def _grouped_on_disk(records: Iterable[SpendSnapshot]) -> Iterator[Sequence[SpendSnapshot]]:
    # A database without a name is a temporary file that nobody else sees.
    with closing(sqlite3.connect("")) as database:
        database.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -16000; "
            "CREATE TABLE record (identity TEXT, body BLOB)"
        )
        database.executemany(
            "INSERT INTO record VALUES (?, ?)",
            ((repr(_identity(record)), pickle.dumps(record)) for record in records),
        )
        rows = database.execute("SELECT identity, body FROM record ORDER BY identity, rowid")
        for _, group in groupby(rows, key=itemgetter(0)):
            yield [pickle.loads(body) for _, body in group]  # noqa: S301 - written above, in a file of ours alone


def _sums(same: Sequence[SpendSnapshot]) -> Iterator[SpendSnapshot]:
    by_currency: defaultdict[str | None, int] = defaultdict(int)
    for snapshot in same:
        by_currency[snapshot.currency] += snapshot.amount_micros
    if len(by_currency) > 1 and None in by_currency:
        unnamed = by_currency.pop(None)
        by_currency[next(iter(by_currency))] += unnamed
    newest = max((snapshot.as_of for snapshot in same if snapshot.as_of), default=None)
    for currency, micros in by_currency.items():
        yield replace(same[0], amount_micros=micros, currency=currency, as_of=newest)

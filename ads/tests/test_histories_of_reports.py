"""Reports of totals so far, in random histories: what is known of each total is what the newest report gives."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from ads.models import QuarantinedSpend, SnapshotValue
from ads.services.release import dismiss, release
from ads.tests.import_history import DAYS, MICROS, NAMES, STRANGE, Imports, follow, waiting
from ads.tests.services.importing import HEADER, NOW

Identity = tuple[str, date, str]  # campaign, day, ad
TOTALS = st.lists(st.tuples(NAMES, DAYS, st.sampled_from("xy"), st.integers(0, 900)), min_size=1, max_size=5)
# When a report was made; None: when it arrived.
AGES = st.sampled_from([None, None, NOW - timedelta(hours=2), NOW - timedelta(hours=1)])


@dataclass(frozen=True, slots=True)
class Value:
    """What a report gives for an identity, in cents; of two the one that is greater by its age rules."""

    cents: int
    age: tuple[datetime, int]  # when the report was made, which import it is
    is_open: bool = True  # of what waits

    @property
    def import_id(self) -> int:
        return self.age[1]


def total_of(row: QuarantinedSpend) -> Identity:
    assert row.spent_on is not None
    return row.campaign_ref, row.spent_on, row.line.removeprefix("ad=")


class Reports(Imports):
    """Reports of totals so far."""

    header = HEADER
    how: dict[str, Any] = {}

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[Identity, Value] = {}
        self.before: defaultdict[int, dict[Identity, Value | None]] = defaultdict(dict)
        self.kept: dict[Identity, Value] = {}

    @rule(rows=TOTALS, as_of=AGES)
    def a_report_comes(self, rows: list[tuple[str, date, str, int]], as_of: datetime | None) -> None:
        import_id = self.take_in(
            (f"{day},1,{name},,{ad},{cents / 100:.2f}" for name, day, ad, cents in rows), as_of
        )
        sums: defaultdict[Identity, int] = defaultdict(int)
        for name, day, ad, cents in rows:
            sums[name, day, ad] += cents
        for identity, cents in sums.items():
            value = Value(cents, (as_of or self.now, import_id))
            if identity[0] != STRANGE or self.owner is not None:
                self.give(identity, value)
            elif identity not in self.kept or (
                self.kept[identity].cents != cents and self.kept[identity].age < value.age
            ):
                self.kept[identity] = value

    def give(self, identity: Identity, value: Value) -> None:
        last = self.values.get(identity)
        if last is None or last.age <= value.age:
            self.before[value.import_id].setdefault(identity, last)
            self.values[identity] = value

    @precondition(lambda self: any(value.is_open for value in self.kept.values()))
    @rule(pick=st.integers(0, 1), is_all=st.booleans())
    def what_waits_is_matched(self, pick: int, is_all: bool) -> None:
        self.owner = self.owner or self.campaigns[pick]
        rows = waiting()[: None if is_all else 1]
        done = release([row.pk for row in rows], campaign=self.owner, by="ann", now=self.later())
        assert (done.count, done.held) == (len(rows), [])
        for identity in map(total_of, rows):
            value = self.kept[identity]
            self.kept[identity] = Value(value.cents, value.age, is_open=False)
            self.give(identity, value)

    @precondition(lambda self: any(value.is_open for value in self.kept.values()))
    @rule()
    def what_waits_is_put_aside(self) -> None:
        row = waiting()[-1]
        dismiss([row.pk], by="ann", now=self.later())
        value = self.kept[total_of(row)]
        self.kept[total_of(row)] = Value(value.cents, value.age, is_open=False)

    def is_undoable(self, import_id: int) -> bool:
        return all(self.values[identity].import_id == import_id for identity in self.before[import_id])

    def forget(self, import_id: int) -> None:
        for identity, before in self.before.pop(import_id).items():
            if before is None:
                del self.values[identity]
            else:
                self.values[identity] = before
        self.kept = {each: value for each, value in self.kept.items() if value.import_id != import_id}

    def given(self) -> Iterable[tuple[str, date, int]]:
        return [(name, day, value.cents) for (name, day, _), value in self.values.items()]

    @invariant()
    def values_are_what_is_given(self) -> None:
        stored = SnapshotValue.objects.values_list("amount_micros", "as_of", "spend_import_id")
        assert sorted(stored) == sorted((value.cents * MICROS, *value.age) for value in self.values.values())

    @invariant()
    def what_waits_is_what_nobody_has_decided_on(self) -> None:
        rows = {total_of(row): (row.amount_micros, row.as_of, row.spend_import_id) for row in waiting()}
        assert rows == {
            identity: (value.cents * MICROS, *value.age)
            for identity, value in self.kept.items()
            if value.is_open
        }


@pytest.mark.django_db
def test_totals_and_what_waits_are_right_after_every_step(tmp_path: Path) -> None:
    follow(Reports, tmp_path)

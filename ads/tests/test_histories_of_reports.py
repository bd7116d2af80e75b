"""Reports of totals so far, in random histories: what is known of each total is what the newest report gives."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from ads.models import ImportState, QuarantinedSpend, SnapshotValue, SpendImport
from ads.services import imports
from ads.services.release import dismiss, release
from ads.tests.import_history import DAYS, MICROS, NAMES, STRANGE, Imports, follow, money, waiting
from ads.tests.services.importing import HEADER, NOW, Killed

Identity = tuple[str, date, str]  # campaign, day, ad
Row = tuple[str, date, str, int]  # and cents
CENTS = st.sampled_from([0, 1, 250, 900])
TOTALS, PAID = (
    st.lists(st.tuples(NAMES, DAYS, st.sampled_from("xy"), cents), min_size=1, max_size=5)
    for cents in (CENTS, CENTS.filter(bool))
)
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


@dataclass(frozen=True, slots=True)
class Report:
    """A file of totals, unlike all others."""

    rows: list[Row]
    as_of: datetime | None
    number: int

    def lines(self) -> list[str]:
        return [f"{day},1,{name},{self.number},{ad},{money(cents)}" for name, day, ad, cents in self.rows]

    def sums(self) -> dict[Identity, int]:
        sums: defaultdict[Identity, int] = defaultdict(int)
        for name, day, ad, cents in self.rows:
            sums[name, day, ad] += cents
        return sums


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
        self.broken_off: dict[int, tuple[Report, datetime]] = {}
        self.numbers = count(1)

    @rule(rows=TOTALS, as_of=AGES)
    def a_report_comes(self, rows: list[Row], as_of: datetime | None) -> None:
        report = Report(rows, as_of, next(self.numbers))
        self.imports.append(self.take_in(report.lines(), as_of))
        self.follow(report, self.imports[-1], as_of or self.now)

    @rule(rows=PAID, as_of=AGES, is_booked=st.booleans())
    def the_work_on_one_breaks_off(self, rows: list[Row], as_of: datetime | None, is_booked: bool) -> None:
        """Before anything of it is booked, or before anybody can say that all of it is."""

        def dying(run: Any, *args: Any) -> None:
            if is_booked:
                book(run, *args)
            raise Killed

        report, book = Report(rows, as_of, next(self.numbers)), imports._Run._book
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(imports._Run, "_book", dying)
            self.imports.append(self.take_in(report.lines(), as_of))
        self.broken_off[self.imports[-1]] = report, as_of or self.now
        self.follow(report, self.imports[-1], as_of or self.now, is_booked=is_booked)

    @precondition(lambda self: self.broken_off)
    @rule(pick=st.integers(0, 99))
    def it_goes_on(self, pick: int) -> None:
        import_id = list(self.broken_off)[pick % len(self.broken_off)]
        report, made_at = self.broken_off.pop(import_id)
        self.take_in(report.lines(), report.as_of)
        assert SpendImport.objects.get(pk=import_id).state == ImportState.DONE
        self.kept = {each: value for each, value in self.kept.items() if value.import_id != import_id}
        self.follow(report, import_id, made_at)

    def follow(self, report: Report, import_id: int, made_at: datetime, *, is_booked: bool = True) -> None:
        for identity, cents in report.sums().items():
            value = Value(cents, (made_at, import_id))
            if identity[0] == STRANGE and self.owner is None:
                self.keep(identity, value)
            elif is_booked and identity not in self.before[import_id]:
                self.give(identity, value)

    def keep(self, identity: Identity, value: Value) -> None:
        there = self.kept.get(identity)
        if there is None or (there.cents != value.cents and there.age < value.age):
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
        rows = [row for row in rows if row.spend_import_id not in self.broken_off]
        assert done.count == len(rows)
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
        for identity, before in self.before.pop(import_id, {}).items():
            if before is None:
                del self.values[identity]
            else:
                self.values[identity] = before
        self.kept = {each: value for each, value in self.kept.items() if value.import_id != import_id}
        self.broken_off.pop(import_id, None)

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

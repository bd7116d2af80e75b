"""Files of records with ids, in random histories: an id counts once, as what it came first."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from ads.importers import Options
from ads.models import ImportMode, QuarantinedSpend, QuarantineProblem
from ads.services.release import Correction, release
from ads.tests.import_history import DAYS, MICROS, NAMES, STRANGE, Imports, follow, money, waiting

IDS = ("a", "b", "c")


@dataclass(frozen=True, slots=True)
class Record:
    """A record as a file gives it, in cents."""

    id: str
    name: str
    day: date
    cents: int


RECORDS = st.lists(
    st.builds(Record, st.sampled_from(IDS), NAMES, DAYS, st.integers(1, 3)),
    min_size=1,
    max_size=3,
    unique_by=lambda record: record.id,
)


class Records(Imports):
    """Files of records, each with an id of its own."""

    header = "day,campaign,cost,id"
    how: dict[str, Any] = {
        "mode": ImportMode.EVENTS,
        "source": "books",
        "options": Options(columns={"date": "day", "campaign": "campaign", "amount": "cost", "id": "id"}),
    }

    def __init__(self) -> None:
        super().__init__()
        self.counted: dict[str, tuple[Record, int]] = {}  # by id; and the import that counted it
        self.kept: dict[tuple[Record, bool], tuple[int, bool]] = {}  # is it a conflict: import, is it open
        self.said = 0

    @rule(records=RECORDS)
    def a_file_comes(self, records: list[Record]) -> None:
        import_id = self.take_in(
            f"{record.day},{record.name},{money(record.cents)},{record.id}" for record in records
        )
        self.imports.append(import_id)
        for record in records:
            if record.name == STRANGE and self.owner is None:
                self.kept.setdefault((record, False), (import_id, True))
            elif not self.count(record, import_id):
                same = next(
                    (key for key in self.kept if key[1] and self.same(key[0], record)), (record, True)
                )
                self.kept.setdefault(same, (import_id, True))

    def same(self, one: Record, other: Record) -> bool:
        return (one.id, self.campaign(one.name), one.day, one.cents) == (
            other.id,
            self.campaign(other.name),
            other.day,
            other.cents,
        )

    def count(self, record: Record, import_id: int) -> bool:
        """False where its id has counted with other content."""
        first, _ = self.counted.setdefault(record.id, (record, import_id))
        return (self.campaign(first.name), first.cents) == (self.campaign(record.name), record.cents)

    @precondition(lambda self: bool(waiting()))
    @rule(pick=st.integers(0, 1), is_all=st.booleans())
    def what_waits_is_matched(self, pick: int, is_all: bool) -> None:
        self.owner = self.owner or self.campaigns[pick]
        rows = waiting()[: None if is_all else 1]
        done = release([row.pk for row in rows], campaign=self.owner, by="ann", now=self.later())
        first_of = {row.spend_import_id: row.pk for row in reversed(rows)}
        held = set()
        for row in sorted(rows, key=lambda row: (first_of[row.spend_import_id], row.pk)):
            record = record_of(row)
            import_id, _ = self.kept[record, False]
            is_held = not self.count(record, import_id)
            self.kept[record, False] = import_id, is_held
            held |= {row.pk} if is_held else set()
        assert {row.pk for row, _ in done.held} == held
        assert done.count == len(rows) - len(held)

    @precondition(lambda self: bool(waiting(QuarantineProblem.CONFLICT)))
    @rule()
    def a_conflict_counts_under_another_id(self) -> None:
        row = waiting(QuarantineProblem.CONFLICT)[0]
        ((key, (import_id, _)),) = (
            (key, kept)
            for key, kept in self.kept.items()
            if key[1]
            and (key[0].id, self.campaign(key[0].name), key[0].day, key[0].cents * MICROS)
            == (row.external_id, row.campaign_id, row.spent_on, row.amount_micros)
        )
        self.said += 1
        correction = Correction(external_id=f"said-{self.said}")
        assert release([row.pk], correction=correction, by="ann", now=self.later()).count == 1
        record = Record(f"said-{self.said}", key[0].name, key[0].day, key[0].cents)
        self.counted[record.id] = record, import_id
        self.kept[key] = import_id, False

    def is_undoable(self, import_id: int) -> bool:
        return True

    def forget(self, import_id: int) -> None:
        self.counted = {pk: counted for pk, counted in self.counted.items() if counted[1] != import_id}
        self.kept = {key: kept for key, kept in self.kept.items() if kept[0] != import_id}

    def given(self) -> Iterable[tuple[str, date, int]]:
        return [(record.name, record.day, record.cents) for record, _ in self.counted.values()]

    @invariant()
    def what_waits_is_what_nobody_has_decided_on(self) -> None:
        assert len(waiting()) == sum(
            is_open for (_, is_conflict), (_, is_open) in self.kept.items() if not is_conflict
        )
        assert len(waiting(QuarantineProblem.CONFLICT)) == sum(
            is_open for (_, is_conflict), (_, is_open) in self.kept.items() if is_conflict
        )


def record_of(row: QuarantinedSpend) -> Record:
    assert row.spent_on is not None
    assert row.amount_micros is not None
    return Record(row.external_id, STRANGE, row.spent_on, row.amount_micros // MICROS)


@pytest.mark.django_db
def test_the_ledger_and_what_waits_are_right_after_every_step(tmp_path: Path) -> None:
    follow(Records, tmp_path)

"""What became of a file: counts, totals and reasons, as the command prints and the admin shows them."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime

from pydantic import TypeAdapter

from ads.importers import ParsedRow, Problem
from ads.services.enforcement import Change

REASONS_KEPT = 1_000


@dataclass(frozen=True, slots=True)
class KeptOut:
    """Rows that are not counted: the first of them, how many they are, and a sentence that says why."""

    row: int
    rows: int
    problem: Problem
    reason: str


@dataclass(slots=True)
class DayTotals:
    """One day of a file: its readable rows, their sum, and what of it is new to the ledger (micros)."""

    rows: int = 0
    read_micros: int = 0
    booked_micros: int = 0


@dataclass(slots=True, kw_only=True)
class ImportSummary:
    """What became of a file. Rows are its rows of data: accepted, duplicates, conflicts and quarantined add up to
    them.

    `read_micros` is what its readable rows in the brand's currency sum up to, `booked_micros` what the ledger gained;
    in a dry run, what it would have gained, and `changes` what that would have brought about, unless the file is too
    large to tell (`changes_are_known`).
    """

    file: str
    format: str
    platform: str
    source: str
    brand: str
    currency: str
    as_of: datetime
    is_dry_run: bool
    import_id: int | None = None  # none in a dry run
    rows: int = 0
    accepted: int = 0
    duplicates: int = 0
    conflicts: int = 0
    quarantined: int = 0
    left_out: int = 0
    left_out_rows: list[int] = field(default_factory=list)
    campaigns_created: int = 0
    read_micros: int = 0
    booked_micros: int = 0
    problems: Counter[Problem] = field(default_factory=Counter)
    kept_out: list[KeptOut] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    columns: list[tuple[str, str]] = field(default_factory=list)
    first_rows: list[ParsedRow] = field(default_factory=list)
    days: dict[date, DayTotals] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    changes_are_known: bool = True

    def keep_out(self, rows: KeptOut, *, is_conflict: bool = False) -> None:
        """Counts rows as not counted. The first thousand reasons are kept, all are counted."""
        if is_conflict:
            self.conflicts += rows.rows
        else:
            self.quarantined += rows.rows
        self.problems[rows.problem] += rows.rows
        if len(self.kept_out) < REASONS_KEPT:
            self.kept_out.append(rows)

    def day(self, day: date) -> DayTotals:
        """The totals of a day, to be added to."""
        totals = self.days.get(day)
        if totals is None:
            totals = self.days[day] = DayTotals()
        return totals


SUMMARY = TypeAdapter(ImportSummary)

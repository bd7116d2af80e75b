"""A random history of imports: files that restate, repeat, are undone, wait for a match, in whatever order.

Each kind of file has a model of what ought to be known; the ledger, what is known and what waits must be its.
"""

from abc import abstractmethod
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Sum
from freezegun import freeze_time
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ads.errors import NotUndoable
from ads.models import (
    Campaign,
    ImportedRecord,
    QuarantinedSpend,
    QuarantineProblem,
    SnapshotDay,
    SnapshotValue,
    SpendImport,
    SpendKey,
    SpendLog,
)
from ads.services import BudgetService, reconcile
from ads.services.import_jobs import Request, import_file, undo_at_once
from ads.tests.factories import BrandFactory, CampaignFactory
from ads.tests.services.importing import NOW, Killed

DAYS = st.sampled_from([date(2026, 5, day) for day in (8, 9)])
OURS, STRANGE = ("Sale", "Other"), "Strange"  # nobody has said yet whose the last one is
NAMES = st.sampled_from([*OURS, STRANGE])
MICROS = 10_000  # of a cent


class Imports(RuleBasedStateMachine):
    """A brand of two campaigns, and files that name a third."""

    header: str
    how: dict[str, Any]
    folder: Path

    def __init__(self) -> None:
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        super().__init__()
        self.now = NOW
        self.owner: Campaign | None = None  # of the strange campaign, once somebody has said so
        self.imports: list[int] = []
        self.reversed: list[tuple[int, SpendLog]] = []  # by a person, with the import that had booked it
        with freeze_time(NOW):
            self.brand = BrandFactory.create(daily_budget=None, monthly_budget=None)
            self.campaigns = [
                CampaignFactory.create(
                    brand=self.brand, name=name, platform="meta", account="1", external_id=name
                )
                for name in OURS
            ]

    def later(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now

    def take_in(self, lines: Iterable[str], as_of: datetime | None = None) -> int:
        """Imports a file and returns its number, also where the work on it breaks off."""
        path = self.folder / "file.csv"
        path.write_text("\n".join([self.header, *lines]))
        with suppress(Killed):
            import_file(path, Request(brand=self.brand, as_of=as_of, **self.how), now=self.later(), by="ann")
        SpendImport.objects.update(held_until=None)  # time passes
        return SpendImport.objects.latest("pk").pk

    def campaign(self, name: str) -> int:
        campaign = self.owner if name == STRANGE else self.campaigns[OURS.index(name)]
        assert campaign is not None
        return campaign.pk

    @abstractmethod
    def is_undoable(self, import_id: int) -> bool: ...

    @abstractmethod
    def forget(self, import_id: int) -> None:
        """Takes an import out of the model."""

    @abstractmethod
    def given(self) -> Iterable[tuple[str, date, int]]:
        """What ought to count: whose, when, cents."""

    @precondition(lambda self: self.imports)
    @rule(pick=st.integers(0, 99))
    def one_is_undone(self, pick: int) -> None:
        import_id = self.imports[pick % len(self.imports)]
        if self.is_undoable(import_id):
            self.undo(import_id)
        else:
            with pytest.raises(NotUndoable, match="newer values"):
                undo_at_once(SpendImport.objects.get(pk=import_id), now=self.later())

    def undo(self, import_id: int) -> None:
        undo_at_once(SpendImport.objects.get(pk=import_id), by="bob", now=self.later())
        self.forget(import_id)
        self.imports.remove(import_id)

    @rule(pick=st.integers(0, 99))
    def a_person_reverses_a_row(self, pick: int) -> None:
        gone = SpendLog.objects.exclude(reverses_id=None).values("reverses_id")
        rows = list(SpendLog.objects.filter(reverses_id=None).exclude(pk__in=gone).order_by("pk"))
        if rows:
            row = rows[pick % len(rows)]
            import_id = ImportedRecord.objects.get(log_id=row.pk).spend_import_id
            BudgetService.reverse_spend(row, "mistake", now=self.later())
            self.reversed.append((import_id, row))

    @invariant()
    def the_ledger_is_what_is_given(self) -> None:
        sums: defaultdict[tuple[int, date], int] = defaultdict(int)
        for name, day, cents in self.given():
            sums[self.campaign(name), day] += cents * MICROS
        for import_id, row in self.reversed:
            if import_id in self.imports:
                sums[row.campaign_id, row.spent_on] -= row.amount_micros
        rows = SpendLog.objects.order_by().values_list("campaign_id", "spent_on")
        booked = rows.annotate(sum=Sum("amount_micros")).exclude(sum=0)
        assert sorted(map(tuple, booked)) == sorted((*key, micros) for key, micros in sums.items() if micros)
        assert reconcile.reconcile(self.now).differences == []

    def teardown(self) -> None:
        """Whatever has happened, all of it can be undone."""
        try:
            while self.imports:
                self.undo(next(pk for pk in reversed(self.imports) if self.is_undoable(pk)))
            self.the_ledger_is_what_is_given()
            assert SnapshotValue.objects.count() == SnapshotDay.objects.count() == 0
            assert SpendKey.objects.count() == SpendLog.objects.exclude(reverses_id=None).count()
            assert QuarantinedSpend.objects.filter(state="OPEN").count() == 0
        finally:
            transaction.set_rollback(True)
            self.atomic.__exit__(None, None, None)


def waiting(problem: QuarantineProblem = QuarantineProblem.UNKNOWN_CAMPAIGN) -> list[QuarantinedSpend]:
    return list(QuarantinedSpend.objects.filter(state="OPEN", problem=problem).order_by("pk"))


def money(cents: int) -> str:
    """An amount as files give it."""
    return f"{cents // 100}.{cents % 100:02}"


def follow(machine: type[Imports], folder: Path) -> None:
    """Lets histories of this kind happen, with their files in this folder."""
    history = type(machine.__name__, (machine,), {"folder": folder})
    run_state_machine_as_test(
        history,
        settings=settings(
            max_examples=25, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )

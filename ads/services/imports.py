"""Imports a platform's export file for a brand: parse, match campaigns, book what it adds to what is known."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from ads.actor import Actor, acting_as
from ads.importers import (
    BadRow,
    Export,
    ImportRefused,
    Options,
    ParsedRow,
    Problem,
    open_table,
    understand,
)
from ads.importers.amounts import may_be
from ads.importers.spool import MOST_OWNERS, Owner, Spool, TooManyOwners, Total
from ads.models import Brand, Campaign
from ads.services.ingest import ingest_snapshots
from ads.services.matching import NewCampaign, Unmatched, create_campaigns, match_campaigns
from ads.services.moments import passing
from ads.services.records import Answer, Result, SpendSnapshot
from ads.services.transactions import retrying

TOTALS_AT_ONCE, MOST_AT_ONCE = 20_000, 50_000
REFUSALS_KEPT = 1_000
ROWS_BETWEEN_PROGRESS = 2_000

Progress = Callable[[str, int], None]
Booked = tuple[Total, Answer]
PROBLEM_OF_FIELD = {
    "currency": Problem.CURRENCY,
    "amount": Problem.OUT_OF_RANGE,
    "date": Problem.OUT_OF_RANGE,
    "hour": Problem.OUT_OF_RANGE,
    "line": Problem.LINE,
    "campaign": Problem.UNKNOWN_CAMPAIGN,
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Rows that were kept out: the first of them, how many they are, and a sentence that says why."""

    row: int
    rows: int
    problem: Problem
    reason: str


@dataclass(slots=True, kw_only=True)
class ImportSummary:
    """What became of a file. Rows are its rows of data: accepted, duplicates, conflicts and refused add up to them.

    `read_micros` is what its readable rows sum up to, `booked_micros` what the ledger gained, both in the
    brand's currency; in a dry run, what it would have gained.
    """

    file: str
    format: str
    platform: str
    source: str
    brand: str
    currency: str
    as_of: datetime
    is_dry_run: bool
    rows: int = 0
    accepted: int = 0
    duplicates: int = 0
    conflicts: int = 0
    refused: int = 0
    left_out: int = 0
    left_out_rows: list[int] = field(default_factory=list)
    campaigns_created: int = 0
    read_micros: int = 0
    booked_micros: int = 0
    problems: Counter[Problem] = field(default_factory=Counter)
    refusals: list[Refusal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def keep_out(self, refusal: Refusal, *, is_conflict: bool = False) -> None:
        """Counts rows as kept out. The first thousand reasons are kept, all are counted."""
        if is_conflict:
            self.conflicts += refusal.rows
        else:
            self.refused += refusal.rows
        self.problems[refusal.problem] += refusal.rows
        if len(self.refusals) < REFUSALS_KEPT:
            self.refusals.append(refusal)


def import_file(
    path: Path,
    *,
    brand: Brand,
    options: Options | None = None,
    campaign: Campaign | None = None,
    create_campaigns: bool = False,
    source: str = "",
    as_of: datetime | None = None,
    dry_run: bool = False,
    by: Actor = None,
    now: datetime | None = None,
    progress: Progress | None = None,
) -> ImportSummary:
    """Imports one file and says what became of it. The same file again books nothing.

    Without campaigns of its own the file is booked on `campaign`. `create_campaigns` creates those that are
    missing. `source` is the platform's name unless given; `as_of` is when the report was made, now unless given.
    `dry_run` does all of it and takes it back. `progress` hears of a stage and its per cent.

    Raises ImportRefused where nothing of the file can be taken, and then nothing is written.
    """
    now = now or timezone.now()
    if as_of is not None and as_of > now:
        raise ValueError(f"as_of: {as_of} is still to come; every later report would count as older")
    if campaign is not None and campaign.brand_id != brand.pk:
        raise ValueError(f"campaign: {campaign} is not a campaign of {brand}")
    with open_table(path) as table, acting_as(by):
        export = understand(table, options or Options())
        _check_campaigns(path.name, export, campaign)
        run = _Run(
            export=export,
            brand=brand,
            campaign=campaign,
            creates=create_campaigns,
            summary=ImportSummary(
                file=path.name,
                format=export.title,
                platform=export.platform,
                source=source or export.platform,
                brand=brand.name,
                currency=brand.currency,
                as_of=as_of or now,
                is_dry_run=dry_run,
            ),
            clock=passing(now),
            progress=progress or _tell_nobody,
        )
        return run.run()


def _tell_nobody(stage: str, percent: int) -> None:
    """For callers who do not want to know."""


def _check_campaigns(file: str, export: Export, campaign: Campaign | None) -> None:
    if export.has_campaigns and campaign is not None:
        raise ImportRefused(file, f"says itself which campaign each row belongs to; leave “{campaign}” out")
    if not export.has_campaigns and campaign is None:
        raise ImportRefused(
            file, "has no column with campaigns; name the one campaign that it is of (--campaign)"
        )


@dataclass(slots=True, kw_only=True)
class _Run:
    export: Export
    brand: Brand
    campaign: Campaign | None
    creates: bool
    summary: ImportSummary
    clock: Callable[[], datetime]
    progress: Progress

    def run(self) -> ImportSummary:
        with Spool(self._currency) as spool:
            self._read(spool)
            targets, missing = self._targets(spool)
            self._book(spool.totals(targets), missing, sum(spool.counts[owner] for owner in targets))
        return self.summary

    def _read(self, spool: Spool) -> None:
        summary = self.summary
        for row in self.export.rows():
            summary.rows += 1
            if isinstance(row, BadRow):
                summary.keep_out(Refusal(row.row, 1, row.problem, row.reason))
            else:
                summary.read_micros += row.amount_micros
                self._add(spool, row)
            if summary.rows % ROWS_BETWEEN_PROGRESS == 0:
                self.progress("Reading", self.export.percent_read)
        summary.left_out, summary.left_out_rows = self.export.rows_left_out, self.export.left_out
        summary.notes = self.export.notes
        self.progress("Reading", 100)

    def _add(self, spool: Spool, row: ParsedRow) -> None:
        try:
            spool.add(row)
        except TooManyOwners as error:
            reason = f"has more than {MOST_OWNERS:,} campaigns; perhaps the column of campaigns is another"
            raise ImportRefused(self.summary.file, reason, row=error.row) from error

    def _currency(self, currency: str | None) -> str:
        """What a file says of its currency, made the brand's where it may be; the door refuses all else."""
        home = self.brand.currency
        return home if currency is None or may_be(currency, home) else currency

    @property
    def _platform(self) -> str:
        """Whose ids the file's campaigns have: a generic file's are those of its source."""
        return self.summary.source if self.export.platform == "generic" else self.export.platform

    def _targets(self, spool: Spool) -> tuple[dict[int, int], dict[int, NewCampaign]]:
        """The campaign of each owner; below 0 one that is missing and is to be created."""
        owners = spool.owners
        if self.campaign is not None:
            return dict.fromkeys(range(len(owners)), self.campaign.pk), {}
        matches = match_campaigns(self.brand, self._platform, [owner for owner, _ in owners])
        targets: dict[int, int] = {}
        missing: dict[int, NewCampaign] = {}
        for index, (owner, name) in enumerate(owners):
            match = matches[owner]
            if isinstance(match, int):
                targets[index] = match
            elif self.creates and match.problem == Problem.UNKNOWN_CAMPAIGN:
                targets[index] = -index - 1
                missing[-index - 1] = NewCampaign(owner.account, owner.campaign_id, name)
            else:
                self._keep_out(spool, index, owner, match)
        if missing and not self.summary.is_dry_run:
            created = self._create(missing)
            targets = {index: created.get(target, target) for index, target in targets.items()}
        self.summary.campaigns_created = len(missing)
        return targets, missing

    def _keep_out(self, spool: Spool, index: int, owner: Owner, match: Unmatched) -> None:
        (row,) = spool.rows_of(index, 1)
        self.summary.keep_out(Refusal(row, spool.counts[index], match.problem, match.reason))

    def _create(self, missing: dict[int, NewCampaign]) -> dict[int, int]:
        created = create_campaigns(self.brand, self._platform, self.export.title, list(missing.values()))
        return dict(zip(missing, created, strict=True))

    def _book(self, totals: Iterator[Total], missing: dict[int, NewCampaign], rows: int) -> None:
        done = 0
        for chunk in _chunks(totals):
            booked = self._rehearse(chunk, missing) if self.summary.is_dry_run else self._ingest(chunk, {})
            for total, answer in booked:
                self._count(total, answer)
                done += total.rows
                if done % ROWS_BETWEEN_PROGRESS < total.rows:
                    self.progress("Booking", done * 100 // rows)
        self.progress("Booking", 100)

    def _rehearse(self, chunk: list[Total], missing: dict[int, NewCampaign]) -> Iterable[Booked]:
        """Books in a transaction and rolls it back; the brand stays locked for one chunk at a time."""
        wanted = {total.target: missing[total.target] for total in chunk if total.target in missing}

        @retrying
        def rehearse() -> list[Booked]:
            booked = list(self._ingest(chunk, self._create(wanted)))
            transaction.set_rollback(True)
            return booked

        return rehearse()

    def _ingest(self, chunk: list[Total], created: dict[int, int]) -> Iterator[Booked]:
        by_identity = {}
        for total in chunk:
            snapshot = SpendSnapshot(
                campaign_id=created.get(total.target, total.target),
                day=total.day,
                amount_micros=total.micros,
                line=total.line,
                hour=total.hour,
                as_of=self.summary.as_of,
                currency=total.currency,
            )
            by_identity[snapshot] = total
        for answer in ingest_snapshots(by_identity, source=self.summary.source, now=self.clock()):
            if not isinstance(answer.record, SpendSnapshot):
                raise AssertionError("a snapshot is answered")
            yield by_identity[answer.record], answer

    def _count(self, total: Total, answer: Answer) -> None:
        summary = self.summary
        if answer.result == Result.ACCEPTED:
            summary.accepted += total.rows
            summary.booked_micros += answer.booked_micros
        elif answer.result == Result.DUPLICATE:
            summary.duplicates += total.rows
        else:
            is_conflict = answer.result == Result.CONFLICT
            problem = Problem.CONFLICT if is_conflict else PROBLEM_OF_FIELD.get(answer.field, Problem.ROW)
            refusal = Refusal(total.row, total.rows, problem, f"{answer.field}: {answer.message}")
            summary.keep_out(refusal, is_conflict=is_conflict)


def _chunks(totals: Iterator[Total]) -> Iterator[list[Total]]:
    """Cut between two days of a campaign where that is near, so that a rehearsal sees a campaign's day whole."""
    chunk: list[Total] = []
    for total in totals:
        if len(chunk) >= TOTALS_AT_ONCE and (
            (total.target, total.day) != (chunk[-1].target, chunk[-1].day) or len(chunk) >= MOST_AT_ONCE
        ):
            yield chunk
            chunk = []
        chunk.append(total)
    if chunk:
        yield chunk

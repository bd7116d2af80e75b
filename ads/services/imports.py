"""Takes a platform's export file in for a brand: parse, match campaigns, book what it adds to what is known."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from operator import attrgetter
from pathlib import Path

from django.db import transaction
from django.db.models import F

from ads.formats import counted
from ads.importers import BadRow, Export, ImportRefused, Options, ParsedRow, Problem, open_table, understand
from ads.importers.amounts import may_be
from ads.importers.spool import MOST_OWNERS, Owner, Spool, Target, TooManyOwners, Total
from ads.models import (
    Brand,
    Campaign,
    ImportMode,
    Kind,
    QuarantinedSpend,
    QuarantineProblem,
    SpendImport,
)
from ads.services import consequences, imported, quarantine
from ads.services.enforcement import Change
from ads.services.events import book_events
from ads.services.identity import quarantine_key, record_key
from ads.services.import_summary import ImportSummary, KeptOut
from ads.services.ingest import ingest
from ads.services.matching import Match, NewCampaign, Unmatched, create_campaigns, match_campaigns
from ads.services.moments import passing
from ads.services.records import Answer, Result, SpendEvent, SpendSnapshot
from ads.services.transactions import retrying

TOTALS_AT_ONCE, MOST_AT_ONCE = 20_000, 50_000
KEPT_AT_ONCE = 1_000
ROWS_BETWEEN_PROGRESS = 2_000
FIRST_ROWS = 8

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is asked for: a file and how to take it.

    Without campaigns of its own the file is booked on `campaign`, else all of it waits in quarantine.
    `creates` creates campaigns that are missing. `source` is the platform's name where it is ''; `as_of` is when
    the report was made. With `record` what is booked is remembered as that import's; without, it is a dry run:
    all of it is done and taken back.
    """

    path: Path
    file_name: str
    checksum: str
    brand: Brand
    options: Options = field(default_factory=Options)
    campaign: Campaign | None = None
    creates: bool = False
    mode: ImportMode = ImportMode.SNAPSHOT
    source: str = ""
    as_of: datetime
    record: SpendImport | None = None


def run(job: Job, *, now: datetime, progress: Progress) -> ImportSummary:
    """Takes the file in and says what became of it. `progress` hears of a stage and its per cent.

    Raises ImportRefused where nothing of the file can be taken, and then nothing is written.
    """
    with open_table(job.path) as table:
        export = understand(table, job.options)
        _check(job, export)
        summary = ImportSummary(
            file=job.file_name,
            format=export.title,
            platform=export.platform,
            source=job.source or export.platform,
            brand=job.brand.name,
            currency=job.brand.currency,
            as_of=job.as_of,
            is_dry_run=job.record is None,
            import_id=None if job.record is None else job.record.pk,
            columns=export.columns_read,
        )
        return _Run(job=job, export=export, summary=summary, clock=passing(now), progress=progress).run()


def _check(job: Job, export: Export) -> None:
    if export.has_campaigns and job.campaign is not None:
        reason = f"says itself which campaign each row belongs to; leave “{job.campaign}” out"
        raise ImportRefused(job.file_name, reason)
    if job.mode == ImportMode.EVENTS and not export.has_ids:
        raise ImportRefused(job.file_name, "has no column with an id for each record; name it (--id-column)")


@dataclass(slots=True, kw_only=True)
class _Run:
    job: Job
    export: Export
    summary: ImportSummary
    clock: Callable[[], datetime]
    progress: Progress
    unreadable: list[QuarantinedSpend] = field(default_factory=list)
    without_currency: int = 0
    zeros: int = 0
    first_zero: int = 0
    is_home: dict[str | None, bool] = field(default_factory=dict)
    accepted: set[int] = field(default_factory=set)
    added: Counter[tuple[int, date]] = field(default_factory=Counter)

    def run(self) -> ImportSummary:
        if self.job.record is not None:
            # What an interrupted attempt kept out is kept out again, or is counted by now and must not wait, too.
            QuarantinedSpend.objects.filter(spend_import=self.job.record).delete()
        with Spool(self._currency, are_records=self.job.mode == ImportMode.EVENTS) as spool:
            self._read(spool)
            targets, missing, unmatched = self._targets(spool)
            self._keep_unmatched(spool, unmatched)
            self._book(spool.totals(targets), missing, sum(spool.counts[owner] for owner in targets))
            if self.summary.is_dry_run:
                self.summary.changes = self._consequences(missing)
        return self.summary

    def _read(self, spool: Spool) -> None:
        summary = self.summary
        for row in self.export.rows():
            summary.rows += 1
            if isinstance(row, BadRow):
                summary.keep_out(KeptOut(row.row, 1, row.problem, row.reason))
                self._keep_unreadable(row)
            elif self.job.mode == ImportMode.EVENTS and not row.amount_micros:
                # A record of nothing: there is nothing to count, and nothing to keep.
                summary.rows -= 1
                self.zeros, self.first_zero = self.zeros + 1, self.first_zero or row.row
            else:
                self._add(spool, row)
            if summary.rows % ROWS_BETWEEN_PROGRESS == 0:
                self.progress("Reading", self.export.percent_read)
        self._flush_unreadable()
        if abs(summary.read_micros) > quarantine.WIDEST_MICROS:
            reason = "has amounts that add up to more than can be kept; perhaps their column is another"
            raise ImportRefused(summary.file, reason)
        summary.left_out += self.export.rows_left_out
        summary.left_out_rows = self.export.left_out
        summary.notes = [*self._of_rows(), *self._of_currency(), *self.export.notes]
        self.progress("Reading", 100)

    def _of_rows(self) -> Iterator[str]:
        if self.zeros:
            yield f"{counted(self.zeros, 'record')} of 0 left out, the first in row {self.first_zero}."
        elif not self.summary.rows:
            yield "There is no row of data in it."

    def _of_currency(self) -> Iterator[str]:
        rows = self.without_currency
        if not rows:
            return
        is_whole_file = rows == sum(day.rows for day in self.summary.days.values())
        some = f"{counted(rows, 'row')} {'names' if rows == 1 else 'name'}"
        who = "The file names" if is_whole_file else some
        yield f"{who} no currency: taken as {self.job.brand.currency}, the brand's."

    def _add(self, spool: Spool, row: ParsedRow) -> None:
        summary = self.summary
        self.without_currency += row.currency is None
        if len(summary.first_rows) < FIRST_ROWS:
            summary.first_rows.append(row)
        day = summary.day(row.day)
        day.rows += 1
        is_home = self.is_home.get(row.currency)
        if is_home is None:
            is_home = self.is_home[row.currency] = self._currency(row.currency) == self.job.brand.currency
        if is_home:
            summary.read_micros += row.amount_micros
            day.read_micros += row.amount_micros
        try:
            spool.add(row)
        except TooManyOwners as error:
            reason = f"has more than {MOST_OWNERS:,} campaigns; perhaps the column of campaigns is another"
            raise ImportRefused(summary.file, reason, row=error.row) from error

    def _keep_unreadable(self, row: BadRow) -> None:
        if self.job.record is None:
            return
        cells = [(quarantine.storable(name), quarantine.storable(cell)) for name, cell in row.cells]
        self.unreadable.append(
            QuarantinedSpend(
                identity=quarantine_key("row", self.job.brand.pk, self.job.checksum, row.row).hex(),
                problem=QuarantineProblem.UNREADABLE,
                reason=quarantine.storable(row.reason),
                brand=self.job.brand,
                spend_import=self.job.record,
                mode=self.job.mode,
                source=self.summary.source,
                platform=self._platform,
                as_of=self.summary.as_of,
                cells=cells,
                row=row.row,
                received_at=self.clock(),
                received_by=self.job.record.created_by,
            )
        )
        if len(self.unreadable) >= KEPT_AT_ONCE:
            self._flush_unreadable()

    def _flush_unreadable(self) -> None:
        quarantine.keep(self.unreadable)
        self.unreadable.clear()

    def _currency(self, currency: str | None) -> str:
        """What a file says of its currency, made the brand's where it may be; the door refuses all else."""
        home = self.job.brand.currency
        return home if currency is None or may_be(currency, home) else currency

    @property
    def _platform(self) -> str:
        """Whose ids the file's campaigns have: a generic file's are those of its source."""
        return self.summary.source if self.export.platform == "generic" else self.export.platform

    def _targets(
        self, spool: Spool
    ) -> tuple[dict[int, Target], dict[int, NewCampaign], dict[int, Unmatched]]:
        """The campaign of each owner, below 0 one that is to be created; those to create; those without."""
        owners = spool.owners
        if self.job.campaign is not None:
            return dict.fromkeys(range(len(owners)), Target(self.job.campaign.pk)), {}, {}
        matches = match_campaigns(self.job.brand, self._platform, [owner for owner, _ in owners])
        targets: dict[int, Target] = {}
        missing: dict[int, NewCampaign] = {}
        unmatched: dict[int, Unmatched] = {}
        for index, (owner, name) in enumerate(owners):
            match = matches[owner]
            if isinstance(match, Match):
                line = "" if self.job.mode == ImportMode.EVENTS else match.line
                targets[index] = Target(match.campaign_id, line)
            elif self.job.creates and match.problem == Problem.UNKNOWN_CAMPAIGN:
                targets[index] = Target(-index - 1)
                missing[-index - 1] = NewCampaign(owner.account, owner.campaign_id, name)
            else:
                unmatched[index] = match
        if missing and self.job.record is not None:
            created = self._create(missing)
            targets = {
                index: Target(created.get(target.number, target.number), target.line)
                for index, target in targets.items()
            }
        self.summary.campaigns_created = len(missing)
        return targets, missing, unmatched

    def _keep_unmatched(self, spool: Spool, unmatched: dict[int, Unmatched]) -> None:
        """Counts the rows of campaigns that are none of ours, and keeps them until a person matches them."""
        for index, match in unmatched.items():
            (row,) = spool.rows_of(index, 1)
            self.summary.keep_out(KeptOut(row, spool.counts[index], match.problem, match.reason))
        if self.job.record is None or not unmatched:
            return
        kept: list[QuarantinedSpend] = []
        owners = spool.owners
        for total in spool.totals({index: Target(index) for index in unmatched}):
            owner, name = owners[total.target]
            kept.append(self._unmatched(total, owner, name, unmatched[total.target].reason))
            if len(kept) >= KEPT_AT_ONCE:
                quarantine.keep(kept)
                kept.clear()
        quarantine.keep(kept)

    def _unmatched(self, total: Total, owner: Owner, name: str, reason: str) -> QuarantinedSpend:
        row = quarantine.uncounted(
            self._record(total, 0),
            problem=QuarantineProblem.UNKNOWN_CAMPAIGN,
            reason=f"campaign: {reason}",
            source=self.summary.source,
            brand_id=self.job.brand.pk,
            now=self.clock(),
            import_id=self.job.record.pk if self.job.record else None,
            owner=(self._platform, owner.account, owner.campaign_id, name),
        )
        row.row = total.row
        return row

    def _create(self, missing: dict[int, NewCampaign]) -> dict[int, int]:
        @retrying
        def create() -> list[int]:
            created = create_campaigns(
                self.job.brand,
                self._platform,
                self.export.title,
                list(missing.values()),
                why="" if self.job.record is None else imported.creation(self.job.record.pk),
            )
            if self.job.record is not None:
                # With the campaigns: an import that goes on after a kill finds them there.
                SpendImport.objects.filter(pk=self.job.record.pk).update(
                    campaigns_created=F("campaigns_created") + len(missing)
                )
            return created

        return dict(zip(missing, create(), strict=True))

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
        import_id = self.job.record.pk if self.job.record else None
        records = [self._record(total, created.get(total.target, total.target)) for total in chunk]
        answers = ingest(
            records, source=self.summary.source, mode=self.job.mode, now=self.clock(), import_id=import_id
        )
        if self.job.mode == ImportMode.EVENTS:
            total_of = {id(record): total for record, total in zip(records, chunk, strict=True)}
            answered = list(answers)
            self._accept_again(answered)
            yield from ((total_of[id(answer.record)], answer) for answer in answered)
        else:
            total_by = {_what_is_told(record): total for record, total in zip(records, chunk, strict=True)}
            yield from ((total_by[_what_is_told(answer.record)], answer) for answer in answers)

    def _accept_again(self, answers: Sequence[Answer]) -> None:
        """What this import itself booked before it was interrupted is no duplicate, where it first comes again."""
        record = self.job.record
        if record is None or not record.attempts:
            return
        again: dict[bytes, Answer] = {}
        self.accepted.update(a.log_id for a in answers if a.result == Result.ACCEPTED and a.log_id)
        for answer in answers:
            if answer.result == Result.DUPLICATE and isinstance(answer.record, SpendEvent):
                external_id = answer.record.external_id or ""
                again.setdefault(record_key(record.brand_id, self.summary.source, external_id), answer)
        for key, done in imported.remembered(record.pk, list(again)).items():
            if done.log_id is not None and done.log_id not in self.accepted:
                self.accepted.add(done.log_id)
                again[key].result, again[key].booked_micros = Result.ACCEPTED, done.booked_micros

    def _record(self, total: Total, campaign_id: int) -> SpendEvent | SpendSnapshot:
        if self.job.mode == ImportMode.EVENTS:
            return SpendEvent(
                campaign_id=campaign_id,
                amount_micros=total.micros,
                kind=Kind.SPEND if total.micros > 0 else Kind.ADJUSTMENT,
                spent_on=total.day,
                external_id=total.line,
                currency=total.currency,
            )
        return SpendSnapshot(
            campaign_id=campaign_id,
            day=total.day,
            amount_micros=total.micros,
            line=total.line,
            hour=total.hour,
            as_of=self.summary.as_of,
            currency=total.currency,
        )

    def _count(self, total: Total, answer: Answer) -> None:
        summary = self.summary
        if answer.result == Result.ACCEPTED:
            summary.accepted += total.rows
            summary.booked_micros += answer.booked_micros
            summary.day(total.day).booked_micros += answer.booked_micros
            if summary.is_dry_run:
                self.added[total.target, total.day] += answer.booked_micros
        elif answer.result == Result.DUPLICATE:
            summary.duplicates += total.rows
        else:
            is_conflict = answer.result == Result.CONFLICT
            problem = Problem.CONFLICT if is_conflict else PROBLEM_OF_FIELD.get(answer.field, Problem.ROW)
            kept_out = KeptOut(total.row, total.rows, problem, f"{answer.field}: {answer.message}")
            summary.keep_out(kept_out, is_conflict=is_conflict)

    @retrying
    def _consequences(self, missing: dict[int, NewCampaign]) -> list[Change]:
        """Which campaigns would change, were all of it booked at once; rolled back."""
        added = {owner: micros for owner, micros in self.added.items() if micros}
        if not added:
            return []
        if len(added) > MOST_AT_ONCE:
            self.summary.changes_are_known = False
            return []
        point = consequences.mark({self.job.brand.pk})
        created = self._create({target: missing[target] for target, _ in added if target in missing})
        adjustments = [
            SpendEvent(
                campaign_id=created.get(target, target),
                amount_micros=micros,
                kind=Kind.ADJUSTMENT,
                spent_on=day,
            )
            for (target, day), micros in added.items()
        ]
        # Under a source of its own: the file's gives totals for these days.
        book_events(adjustments, source="rehearsal", now=self.clock())
        changes = consequences.since(point)
        transaction.set_rollback(True)
        return changes


# What tells the totals of a file from each other.
_what_is_told = attrgetter("campaign_id", "day", "hour", "line", "currency")


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

"""The life of an import: uploaded, checked, recorded, perhaps undone. Work that was interrupted goes on."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

from django.contrib.auth.models import User
from django.core.files.base import File
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from pydantic import TypeAdapter

from ads.actor import Actor, acting_as, actor_name
from ads.errors import NotUndoable, TakenOver
from ads.importers import ImportRefused, Options
from ads.models import Brand, Campaign, ImportMode, ImportState, QuarantinedSpend, SpendImport
from ads.services import imported, imports
from ads.services.checking import check_text
from ads.services.import_summary import SUMMARY, ImportSummary
from ads.services.imports import Job, Progress
from ads.services.quarantine import storable
from ads.services.undo import check_undoable, undo

OPTIONS = TypeAdapter(Options)
HELD_FOR = timedelta(seconds=90)
TOLD_EVERY = timedelta(seconds=1)
MOST_ATTEMPTS = 5
GIVEN_UP = (
    f"The work on it broke off {MOST_ATTEMPTS} times and got no further. The log of the workers says why."
)
TAKEN_OVER = "somebody else has taken the work on this import over, or has called it off"
BLOCK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """How a file is to be taken, as `imports.Job` says; `as_of` None: when it arrived."""

    brand: Brand
    campaign: Campaign | None = None
    options: Options = field(default_factory=Options)
    create_campaigns: bool = False
    mode: ImportMode = ImportMode.SNAPSHOT
    source: str = ""
    as_of: datetime | None = None

    def check(self, now: datetime) -> None:
        """Raises ValueError where it contradicts itself or cannot be kept."""
        check_text("source", self.source, 64)
        if self.as_of is not None and self.as_of > now:
            raise ValueError(f"as_of: {self.as_of} is still to come; every later report would count as older")
        if self.campaign is not None and self.campaign.brand_id != self.brand.pk:
            raise ValueError(f"campaign: {self.campaign} is not a campaign of {self.brand}")


def import_file(
    path: Path,
    request: Request,
    *,
    dry_run: bool = False,
    by: Actor = None,
    now: datetime | None = None,
    progress: Progress | None = None,
) -> ImportSummary:
    """Imports one file at once and says what became of it. The same file again books nothing.

    One that was killed goes on where the same file is imported again. `dry_run` does all of it and takes it back.
    Raises ImportRefused where nothing of the file can be taken, and then nothing is written.
    """
    now, name = now or timezone.now(), storable(path.name)
    request.check(now)
    tell = progress or _tell_nobody
    try:
        with path.open("rb") as file:
            checksum, size = _digest(file)
    except OSError as error:
        raise ImportRefused(name, f"cannot be read: {error.strerror or error}") from error
    with acting_as(by):
        if dry_run:
            return imports.run(
                _job(path, name, checksum, request, request.as_of or now), now=now, progress=tell
            )
        record = _interrupted(checksum, request, name, now) or _record(
            request, name, checksum, size, ImportState.IMPORTING, now
        )
        with _held(record, now) as hold:
            job = _job(path, name, checksum, request, record.as_of, record)

            def tell_both(stage: str, percent: int) -> None:
                tell(stage, percent)
                hold.tell(stage, percent)

            try:
                summary = imports.run(job, now=now, progress=tell_both)
            except ImportRefused:
                _forget(record)
                raise
            hold.finish(ImportState.DONE, summary)
    return summary


def upload(file: File[bytes], name: str, request: Request, *, by: Actor = None, now: datetime) -> SpendImport:
    """Keeps a file and has it checked by a worker; nothing of it is counted before `confirm`."""
    request.check(now)
    checksum, size = _digest(file)
    with acting_as(by):
        record = _record(request, name, checksum, size, ImportState.CHECKING, now)
    file.seek(0)
    record.file.save(Path(name).name, file)
    return record


def confirm(record: SpendImport, *, by: Actor = None) -> bool:
    """Has a checked file recorded by a worker; False where it is not waiting for that."""
    with acting_as(by):
        return _move(record, {ImportState.CHECKED}, ImportState.IMPORTING, created_by=actor_name())


def check_creating(record: SpendImport, *, by: Actor = None) -> bool:
    """Has a checked file checked again, with campaigns that are missing to be created; False where it is too late."""
    with acting_as(by):
        return _move(
            record,
            {ImportState.CHECKED},
            ImportState.CHECKING,
            create_campaigns=True,
            created_by=actor_name(),
        )


def cancel(record: SpendImport) -> bool:
    """Gives a file up that is not recorded yet; False where it is too late for that."""
    done = _move(record, {ImportState.CHECKING, ImportState.CHECKED}, ImportState.CANCELLED)
    if done and record.file:
        record.file.delete(save=False)
        SpendImport.objects.filter(pk=record.pk).update(file="")
    return done


def ask_undo(record: SpendImport, *, by: Actor = None, now: datetime) -> None:
    """Has an import undone by a worker. Raises NotUndoable with what stands against it."""
    record = SpendImport.objects.get(pk=record.pk)
    check_undoable(record, now)
    with acting_as(by):
        if not _move(
            record,
            {ImportState.DONE, ImportState.IMPORTING, ImportState.REFUSED},
            ImportState.UNDOING,
            undone_by=actor_name(),
        ):
            raise NotUndoable(f"{record} is being undone already")


def undo_at_once(record: SpendImport, *, by: Actor = None, now: datetime | None = None) -> None:
    """Undoes an import, here. Raises NotUndoable with what stands against it."""
    now = now or timezone.now()
    ask_undo(record, by=by, now=now)
    try:
        undo(record.pk, now=now)
    except NotUndoable:
        _move(record, {ImportState.UNDOING}, ImportState.DONE, undone_by="")
        raise


def to_go_on_with(now: datetime) -> QuerySet[SpendImport]:
    """Work that nobody holds. What a command was reading goes on with the command alone."""
    free = Q(held_until__isnull=True) | Q(held_until__lte=now)
    has_file = ~Q(file="") | Q(state=ImportState.UNDOING)
    return SpendImport.objects.filter(free, has_file, state__in=SpendImport.AT_WORK).order_by("pk")


def work_on(import_id: int, *, now: datetime) -> None:
    """Does what an import waits for, unless somebody else is at it: check it, record it, undo it.

    One at a time, so that long ones never take all processes of a worker: enforcement has to go on.
    """
    record = to_go_on_with(now).select_related("brand", "campaign").filter(pk=import_id).first()
    held = SpendImport.objects.filter(state__in=SpendImport.AT_WORK, held_until__gt=now).exclude(file="")
    if record is None or held.exists():
        return
    try:
        with acting_as(_person(record.undone_by or record.created_by)), _held(record, now) as hold:
            if record.attempts >= MOST_ATTEMPTS:
                _give_up(record, hold)
            elif record.state == ImportState.UNDOING:
                _undo(record, hold, now)
            else:
                _read(record, hold, now)
    except TakenOver:
        return


def _person(name: str) -> Actor:
    """Whoever has this name: a person, whom the history of settings can name, or a command."""
    return User.objects.filter(username=name).first() or name


def summary_of(record: SpendImport) -> ImportSummary | None:
    """What became of a file, or would; None before it is known."""
    return SUMMARY.validate_python(record.report) if record.report else None


def options_of(record: SpendImport) -> Options:
    """What a person said about the file."""
    return OPTIONS.validate_python(record.options)


def _read(record: SpendImport, hold: "_Hold", now: datetime) -> None:
    is_check = record.state == ImportState.CHECKING
    request = Request(
        brand=record.brand,
        campaign=record.campaign,
        options=options_of(record),
        create_campaigns=record.create_campaigns,
        mode=ImportMode(record.mode),
        source=record.source,
    )
    # Importers look into a file from several places at once, so it has to lie on this machine.
    with record.file.open("rb") as stored, TemporaryDirectory() as folder:
        path = Path(folder) / (Path(record.file_name).name or "file")
        with path.open("wb") as local:
            copyfileobj(stored, local, BLOCK)
        job = _job(
            path, record.file_name, record.checksum, request, record.as_of, None if is_check else record
        )
        try:
            summary = imports.run(job, now=now, progress=hold.tell)
        except ImportRefused as error:
            hold.finish(ImportState.REFUSED, None, problem=str(error))
            return
    hold.finish(ImportState.CHECKED if is_check else ImportState.DONE, summary)


def _give_up(record: SpendImport, hold: "_Hold") -> None:
    """What could not be undone stands as it was; what was recorded in part can be undone."""
    if record.state == ImportState.UNDOING:
        hold.finish(ImportState.DONE, None, problem=GIVEN_UP, undone_by="")
    else:
        hold.finish(ImportState.REFUSED, None, problem=GIVEN_UP)


def _undo(record: SpendImport, hold: "_Hold", now: datetime) -> None:
    try:
        undo(record.pk, now=now)
    except NotUndoable as error:
        hold.finish(ImportState.DONE, None, problem=f"It could not be undone: {error}.", undone_by="")


def _job(
    path: Path,
    name: str,
    checksum: str,
    request: Request,
    as_of: datetime,
    record: SpendImport | None = None,
) -> Job:
    return Job(
        path=path,
        file_name=name,
        checksum=checksum,
        brand=request.brand,
        options=request.options,
        campaign=request.campaign,
        creates=request.create_campaigns,
        mode=request.mode,
        source=request.source,
        as_of=as_of,
        record=record,
    )


def _digest(file: BinaryIO | File[bytes]) -> tuple[str, int]:
    digest, size = sha256(), 0
    while block := file.read(BLOCK):
        digest.update(block)
        size += len(block)
    return digest.hexdigest(), size


def _record(
    request: Request, name: str, checksum: str, size: int, state: ImportState, now: datetime
) -> SpendImport:
    return SpendImport.objects.create(
        brand=request.brand,
        campaign=request.campaign,
        file_name=name[-255:],
        checksum=checksum,
        size_bytes=size,
        options=OPTIONS.dump_python(request.options, mode="json"),
        create_campaigns=request.create_campaigns,
        mode=request.mode,
        source=request.source,
        as_of=request.as_of or now,
        state=state,
        created_at=now,
        created_by=actor_name(),
    )


def _interrupted(checksum: str, request: Request, name: str, now: datetime) -> SpendImport | None:
    """The import of the same file, taken in the same way, that was killed, if one was."""
    killed = SpendImport.objects.filter(
        brand=request.brand,
        campaign=request.campaign,
        checksum=checksum,
        mode=request.mode,
        source=request.source,
        create_campaigns=request.create_campaigns,
        state=ImportState.IMPORTING,
        file="",
    )
    if request.as_of is not None:
        killed = killed.filter(as_of=request.as_of)
    same = (record for record in killed.order_by("-pk") if options_of(record) == request.options)
    record = next(same, None)
    if record is not None and record.held_until is not None and record.held_until > now:
        raise ImportRefused(
            name, f"is being imported just now, since {record.created_at:%H:%M:%S} UTC by {record.created_by}"
        )
    return record


def _forget(record: SpendImport) -> None:
    """Takes back what is kept of a file that is refused, unless it was recorded in part before."""
    if not record.records.exists():
        QuarantinedSpend.objects.filter(spend_import=record).delete()
        record.delete()


def _move(record: SpendImport, states: set[ImportState], to: ImportState, **changed: object) -> bool:
    """Compare-and-set of the state; whoever held it before has lost it."""
    moved = SpendImport.objects.filter(pk=record.pk, state__in=states).update(
        state=to, held_until=None, attempts=0, stage="", percent=0, problem="", **changed
    )
    if moved:
        record.refresh_from_db()
    return bool(moved)


@dataclass(slots=True)
class _Hold:
    """The right to work on an import: renewed while the work goes on, free for others some time after it ends."""

    record: SpendImport
    until: datetime
    told: tuple[str, int] = ("", -1)

    def tell(self, stage: str, percent: int) -> None:
        """Shows how far it is, and goes on holding it. Raises TakenOver."""
        now = timezone.now()
        if (stage, percent) == self.told or (
            stage == self.told[0] and now + HELD_FOR - self.until < TOLD_EVERY
        ):
            return
        self.told = (stage, percent)
        self._write(held_until=now + HELD_FOR, stage=stage, percent=percent)

    def finish(
        self, state: ImportState, summary: ImportSummary | None, *, problem: str = "", **changed: str
    ) -> None:
        """Says what became of it. Raises TakenOver."""
        values = changed | {"problem": problem}
        if summary is not None:
            values |= {"source": summary.source, "format": summary.format}
        is_kept = summary is not None and state == ImportState.DONE
        self._write(
            held_until=None,
            state=state,
            stage="",
            percent=100,
            finished_at=timezone.now(),
            report=self.record.report if summary is None else SUMMARY.dump_python(summary, mode="json"),
            **{name: getattr(summary, name) for name in COUNTED if is_kept},
            **values,
        )

    def _write(self, *, held_until: datetime | None, **changed: object) -> None:
        ours = SpendImport.objects.filter(
            pk=self.record.pk, held_until=self.until, state__in=SpendImport.AT_WORK
        )
        if not ours.update(held_until=held_until, **changed):
            raise TakenOver(TAKEN_OVER)
        if held_until is not None:
            self.until = held_until


COUNTED = ("rows", "accepted", "duplicates", "conflicts", "quarantined", "read_micros", "booked_micros")


@contextmanager
def _held(record: SpendImport, now: datetime) -> Iterator[_Hold]:
    """Holds an import for this piece of work. Raises TakenOver where somebody else does."""
    until = timezone.now() + HELD_FOR
    free = Q(held_until__isnull=True) | Q(held_until__lte=now)
    ours = SpendImport.objects.filter(free, pk=record.pk, state=record.state)
    with transaction.atomic():
        # An undo keeps it locked to its end, which may be long: nobody else is to wait for that.
        is_ours = ours.select_for_update(skip_locked=True, no_key=True).exists()
        if not is_ours or not ours.update(held_until=until, **_one_more_try(record)):
            raise TakenOver(TAKEN_OVER)
    yield _Hold(record, until)


def _one_more_try(record: SpendImport) -> dict[str, Any]:
    """Where the last try recorded something this is a first one again: workers may be killed any number of times."""
    if record.state == ImportState.IMPORTING and record.attempts:
        recorded, booked_micros = imported.so_far(record.pk)
        if recorded > record.accepted:
            record.attempts = 1
            return {"attempts": 1, "rows": recorded, "accepted": recorded, "booked_micros": booked_micros}
    return {"attempts": F("attempts") + 1}


def _tell_nobody(stage: str, percent: int) -> None:
    """For callers who do not want to know."""

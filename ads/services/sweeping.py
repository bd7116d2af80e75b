"""The safety net as a job: one run at a time of each part of the brands, that goes on where one was killed."""

from datetime import datetime, timedelta

from django.db.models import F, Q
from django.db.models.functions import Mod

from ads.models import Brand, JobProgress
from ads.services import enforcement
from ads.services.enforcement import Tally
from ads.services.moments import passing

# Far longer than a share takes, so that nobody takes the place of a run that is alive.
HELD_FOR = timedelta(seconds=60)


def job_name(part: int, parts: int) -> str:
    """Under which name it is kept how far a part of the sweep is, and when it was last done."""
    return f"sweep {part}/{parts}"


def sweep_part(part: int, parts: int, now: datetime) -> Tally:
    """Decides every campaign of this part (of 0 to `parts` - 1) of the brands; nothing where a run holds it already."""
    tally, clock = Tally(), passing(now)
    job = _take(job_name(part, parts), now)
    if job is None:
        return tally
    brands = Brand.objects.annotate(part=Mod(F("pk"), parts)).filter(part=part, pk__gt=job.position)
    for share in enforcement.shares(brands):
        tally.add(enforcement.sweep_share(share, clock))
        if share.is_last_of_brand and not _go_on(job, share.brand_ids[-1], clock()):
            return tally
    _finish(job, clock())
    return tally


def _take(name: str, now: datetime) -> JobProgress | None:
    """The job, now held by this run; None where another holds it."""
    JobProgress.objects.get_or_create(name=name)
    free = Q(held_until=None) | Q(held_until__lt=now)
    if not JobProgress.objects.filter(free, name=name).update(held_until=now + HELD_FOR, updated_at=now):
        return None
    job = JobProgress.objects.get(name=name)
    if job.position == 0:  # not one that was killed
        job.started_at = now
        job.save(update_fields=["started_at"])
    return job


def _go_on(job: JobProgress, position: int, now: datetime) -> bool:
    """Remembers how far this run is and holds on; False where another has taken its place meanwhile."""
    held = JobProgress.objects.filter(name=job.name, position=job.position)
    job.position = position
    return held.update(position=position, held_until=now + HELD_FOR, updated_at=now) > 0


def _finish(job: JobProgress, now: datetime) -> None:
    took = now - (job.started_at or now)
    JobProgress.objects.filter(name=job.name, position=job.position).update(
        position=0,
        held_until=None,
        updated_at=now,
        finished_at=now,
        took_ms=took // timedelta(milliseconds=1),
    )

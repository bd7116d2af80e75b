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


def sweep_part(part: int, parts: int, now: datetime) -> Tally:
    """Decides every campaign of this part (of 0 to `parts` - 1) of the brands; nothing where a run holds it already."""
    tally, clock = Tally(), passing(now)
    job = _take(f"sweep {part}/{parts}", now)
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
    return JobProgress.objects.get(name=name)


def _go_on(job: JobProgress, position: int, now: datetime) -> bool:
    """Remembers how far this run is and holds on; False where another has taken its place meanwhile."""
    held = JobProgress.objects.filter(name=job.name, position=job.position)
    job.position = position
    return held.update(position=position, held_until=now + HELD_FOR, updated_at=now) > 0


def _finish(job: JobProgress, now: datetime) -> None:
    JobProgress.objects.filter(name=job.name, position=job.position).update(
        position=0, held_until=None, updated_at=now
    )

"""The schedule as somebody sets it in the admin."""

from django_celery_beat.models import IntervalSchedule, PeriodicTask


def every_second(*names: str) -> None:
    """These entries run every second, and no others run. For a beat that has yet to start."""
    second, _ = IntervalSchedule.objects.get_or_create(every=1, period=IntervalSchedule.SECONDS)
    PeriodicTask.objects.exclude(name__in=names).update(enabled=False)
    assert PeriodicTask.objects.filter(name__in=names).update(interval=second) == len(names)

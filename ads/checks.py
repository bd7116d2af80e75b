"""System checks for what can be set wrong; those of the database run with `check --database default`."""

from collections.abc import Sequence

from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections

from ads import guards


@register(Tags.database)
def history_is_guarded(*, databases: Sequence[str] | None = None, **_: object) -> list[CheckMessage]:
    """The database itself refuses to change history."""
    return [
        Error(f"The guard {name} is missing.", hint="Run `manage.py migrate`.", id="ads.E001")
        for alias in databases or ()
        for name in guards.missing(using=alias)
    ]


@register(Tags.database)
def schedule_names_registered_tasks(
    *, databases: Sequence[str] | None = None, **_: object
) -> list[CheckMessage]:
    """Every enabled entry of the schedule names a task that a worker knows."""
    from django_celery_beat.models import PeriodicTask

    from budget_system.celery import app

    app.autodiscover_tasks(force=True)
    app.finalize()
    table = PeriodicTask._meta.db_table
    return [
        Error(
            f"The schedule entry “{name}” names the task {task}, which no worker knows.",
            hint="Correct or disable it in the admin under Periodic tasks.",
            id="ads.E002",
        )
        for alias in databases or ()
        if table in connections[alias].introspection.table_names()
        for name, task in PeriodicTask.objects.using(alias).filter(enabled=True).values_list("name", "task")
        if task not in app.tasks
    ]

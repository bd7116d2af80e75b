"""The schedule that Beat runs: seeded once, kept in the database, and people's from then on."""

from dataclasses import dataclass

from django.db import router


@dataclass(frozen=True, slots=True)
class Entry:
    """A task that runs every so many seconds; one not started by its next run is dropped."""

    name: str
    task: str
    every_seconds: int
    description: str


ENTRIES = (
    Entry(
        "Show that work is done",
        "ads.tasks.heartbeat",
        20,
        "Writes down that beat, broker and worker are alive; without it /readyz says that they are not.",
    ),
    Entry(
        "Enforce what is due",
        "ads.tasks.enforce_dayparting",
        20,
        "Decides the campaigns whose status time may have changed: windows, flights, midnights.",
    ),
    Entry(
        "Open new days",
        "ads.tasks.reset_daily_monthly_spends",
        60,
        "Opens the day of every brand that has entered a new one; its budgets start afresh.",
    ),
    Entry(
        "Sweep everything",
        "ads.tasks.enforce_budgets",
        300,
        "The safety net: decides every campaign again. What it changes, the others have missed.",
    ),
    Entry(
        "Go on with imports",
        "ads.tasks.go_on_with_imports",
        20,
        "Hands out imports that nobody works on, such as those of a worker that was killed.",
    ),
    Entry(
        "Check alerts",
        "ads.tasks.check_alerts",
        60,
        "Projections, silent feeds, spikes, spend while off, quarantine: raises alerts and ends them.",
    ),
    Entry(
        "Deliver effects",
        "ads.tasks.deliver_effects",
        10,
        "Sends the webhooks and messages that are due, also those that a crash left.",
    ),
    Entry(
        "Look after deliveries",
        "ads.tasks.look_after_deliveries",
        600,
        "Switches off webhook endpoints that keep failing; deletes deliveries that were settled a month ago.",
    ),
    Entry(
        "Work on platforms",
        "ads.tasks.work_on_platforms",
        15,
        "Pauses and resumes campaigns where they run, and reads back whether they do as decided.",
    ),
    Entry(
        "Verify the ledger",
        "ads.tasks.verify_ledger",
        600,
        "Compares totals with the ledger, a slice of brands at a time, and reports what differs.",
    ),
    Entry(
        "Count what happened",
        "ads.tasks.count_history",
        30,
        "Counts new rows of spend by source and new changes of status by reason, for /metrics.",
    ),
    Entry(
        "Forget answered requests",
        "ads.tasks.forget_answered_requests",
        3600,
        "Deletes the answers that the API keeps for a day in case a request is sent again.",
    ),
    Entry(
        "Forget what has expired",
        "ads.tasks.forget_expired",
        86_400,
        "Deletes sessions that have expired, and failed sign-ins and wrong tokens of which the wait is over.",
    ),
)


def seed_schedule(*, using: str = "default", **_: object) -> None:
    """Makes the entries that are missing, and leaves those that people changed as they are."""
    from django_celery_beat.models import IntervalSchedule, PeriodicTask

    if not router.allow_migrate_model(using, PeriodicTask) or not _is_migrated(using):
        return
    for entry in ENTRIES:
        if PeriodicTask.objects.using(using).filter(name=entry.name).exists():
            continue
        interval, _created = IntervalSchedule.objects.using(using).get_or_create(
            every=entry.every_seconds, period=IntervalSchedule.SECONDS
        )
        PeriodicTask.objects.using(using).create(
            name=entry.name,
            task=entry.task,
            interval=interval,
            expire_seconds=entry.every_seconds,
            description=entry.description,
        )


def _is_migrated(using: str) -> bool:
    from django.db import connections

    return "django_celery_beat_periodictask" in connections[using].introspection.table_names()

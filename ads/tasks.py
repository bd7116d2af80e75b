"""One more interface over the services: read the clock, call one service, return what it did."""

from typing import TypedDict

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from ads.models import HistoryKind
from ads.services import (
    alert_checks,
    counting,
    effects,
    endpoints,
    enforcement,
    forgetting,
    heartbeats,
    idempotency,
    import_jobs,
    periods,
    platform_work,
    reconcile,
    sweeping,
)


class Checked(TypedDict):
    raised: int
    ended: int


class Counted(TypedDict):
    spend: int
    changes: int


class Delivered(TypedDict):
    delivered: int
    failed: int
    dead: int


class Enforced(TypedDict):
    decided: int
    paused: int
    resumed: int
    other_changes: int


class Expired(TypedDict):
    sessions: int
    sign_ins: int
    addresses: int


class Forgotten(TypedDict):
    requests: int


class HandedOut(TypedDict):
    accounts: int


class LookedAfter(TypedDict):
    forgotten: int
    switched_off: int


class RolledOver(TypedDict):
    brands: int
    resumed: int


class Waiting(TypedDict):
    imports: int


class WorkedOn(TypedDict):
    read: int
    asked: int
    switched_off: int
    differ: int


class Verified(TypedDict):
    brands: int
    differences: int


def _enforced(tally: enforcement.Tally) -> Enforced:
    return Enforced(
        decided=tally.decided, paused=tally.paused, resumed=tally.resumed, other_changes=tally.other_changes
    )


# Longer than the visibility time-out: a message that comes again meanwhile finds the part held.
@shared_task(time_limit=3600)
def enforce_budgets(part: int = 0) -> Enforced:
    """Decides everything again, the safety net: one part of the brands, and other workers the other parts."""
    if part == 0:
        for other in range(1, settings.SWEEP_PARTS):
            enforce_budgets.delay(other)
    return _enforced(sweeping.sweep_part(part, settings.SWEEP_PARTS, timezone.now()))


@shared_task
def enforce_dayparting() -> Enforced:
    """Decides what is due: window edges, flight dates, midnights."""
    return _enforced(enforcement.tick(timezone.now()))


@shared_task
def reset_daily_monthly_spends() -> RolledOver:
    """Opens the day of every brand that has entered a new one. Zeroes nothing."""
    done = periods.rollover(timezone.now())
    return RolledOver(brands=done.brands, resumed=done.campaigns.resumed)


@shared_task
def check_and_update_campaign_status() -> Enforced:
    """New days first, then everything decided again: all of it, by hand."""
    now = timezone.now()
    opened = periods.rollover(now).campaigns
    swept = enforcement.sweep(now)
    return Enforced(
        decided=swept.decided,
        paused=opened.paused + swept.paused,
        resumed=opened.resumed + swept.resumed,
        other_changes=opened.other_changes + swept.other_changes,
    )


# Longer than the visibility time-out: a message that comes again meanwhile finds the import held.
@shared_task(time_limit=3600)
def work_on_import(import_id: int) -> None:
    """Checks, records or undoes an import, whichever it waits for."""
    import_jobs.work_on(import_id, now=timezone.now())


@shared_task
def go_on_with_imports() -> Waiting:
    """Hands out imports that nobody works on: their worker was killed, or no message of them arrived."""
    waiting = list(import_jobs.to_go_on_with(timezone.now()).values_list("pk", flat=True))
    for import_id in waiting:
        work_on_import.delay(import_id)
    return Waiting(imports=len(waiting))


@shared_task
def verify_ledger() -> Verified:
    """Compares the totals of the next slice of brands with the ledger; tells what differs, repairs nothing."""
    report = reconcile.verify_next_slice(timezone.now())
    return Verified(brands=report.brands, differences=len(report.differences))


@shared_task
def forget_answered_requests() -> Forgotten:
    """Deletes the answers kept for requests of more than a day ago."""
    return Forgotten(requests=idempotency.forget(timezone.now()))


@shared_task
def forget_expired() -> Expired:
    """Deletes the sessions, failed sign-ins and wrong tokens that count no more."""
    done = forgetting.forget(timezone.now())
    return Expired(sessions=done.sessions, sign_ins=done.sign_ins, addresses=done.addresses)


@shared_task
def check_alerts() -> Checked:
    """Raises alerts of what holds by now, and ends those of what does not hold any more."""
    settled = alert_checks.check(timezone.now())
    return Checked(raised=settled.raised, ended=settled.ended)


@shared_task
def deliver_effects() -> Delivered:
    """Sends what is due to be told outside, such as webhooks."""
    done = effects.drain(timezone.now())
    return Delivered(delivered=done.delivered, failed=done.failed, dead=done.dead)


@shared_task
def look_after_deliveries() -> LookedAfter:
    """Switches off the endpoints that keep failing, and forgets what was settled a month ago."""
    now = timezone.now()
    return LookedAfter(switched_off=endpoints.give_up_failing(now), forgotten=effects.forget(now))


@shared_task
def work_on_platforms() -> HandedOut:
    """Hands out the accounts of platforms on which there is something to do, one by one."""
    due = platform_work.due_connections(timezone.now())
    for connection_id in due:
        work_on_platform.delay(connection_id)
    return HandedOut(accounts=len(due))


@shared_task
def work_on_platform(connection_id: int) -> WorkedOn:
    """Brings the campaigns of an account to what is wanted of them."""
    done = platform_work.work_on(connection_id, timezone.now())
    return WorkedOn(read=done.read, asked=done.asked, switched_off=done.switched_off, differ=done.differ)


@shared_task
def heartbeat() -> None:
    """Shows that beat has sent this, the broker has carried it and a worker has taken it."""
    heartbeats.note(heartbeats.WORKER, timezone.now())


@shared_task
def count_history() -> Counted:
    """Counts what was appended to the ledger and to the changes of status since the last time."""
    counted = counting.count_new(timezone.now())
    return Counted(spend=counted[HistoryKind.SPEND], changes=counted[HistoryKind.STATUS])

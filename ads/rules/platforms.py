"""What is found on a platform against what is wanted there: as wanted, drift, or a person's switch-off."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

LOST_AFTER = timedelta(minutes=2)
CLOCKS_DIFFER_BY = timedelta(minutes=2)
TOLD_AFTER = timedelta(minutes=5)  # a difference that lasts so long is somebody's to look at


class Desired(StrEnum):
    """What the system wants a campaign to do on its platform."""

    RUNNING = "RUNNING"
    PAUSED = "PAUSED"


class Observed(StrEnum):
    """What a campaign was found to do on its platform; GONE is one that was removed or archived there."""

    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    GONE = "GONE"


class Verdict(StrEnum):
    """What to make of a reading."""

    AS_WANTED = "AS_WANTED"
    DRIFT = "DRIFT"
    PERSONS_SWITCH_OFF = "PERSONS_SWITCH_OFF"


@dataclass(frozen=True, slots=True)
class Pause:
    """The last pause of a campaign in the platform's change log: by whom, and when."""

    actor: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a campaign on its platform before a reading.

    `requested` is what the system asked of the platform and no reading has confirmed yet. Pauses before
    `heed_since` are over: a person switched the campaign on here after them, or it was found running.
    `confirmed_running_at` is the last reading that found it running with no request pending, if nothing was
    requested since.
    """

    desired: Desired
    heed_since: datetime | None = None
    observed: Observed | None = None
    observed_at: datetime | None = None
    confirmed_running_at: datetime | None = None
    requested: Desired | None = None
    requested_at: datetime | None = None
    drift_since: datetime | None = None


def fits(desired: Desired, observed: Observed | None) -> bool:
    """Whether a platform does what is wanted; what was not read yet does not."""
    return observed is not None and (observed == Observed.RUNNING) == (desired == Desired.RUNNING)


def needs_change_log(known: Known, observed: Observed) -> bool:
    """Whether it matters who paused it: it stands still, and not because the system asked for that."""
    return observed != Observed.RUNNING and (
        known.desired == Desired.RUNNING or known.confirmed_running_at is not None
    )


def is_anothers(pause: Pause | None, known: Known, own_name: str) -> bool:
    """Whether the change log names another actor than the system for a pause that is not over."""
    return (
        pause is not None
        and pause.actor.casefold() != own_name.casefold()
        and (known.heed_since is None or pause.at > known.heed_since)
    )


def judge(known: Known, observed: Observed, *, paused_by_another: bool) -> Verdict:
    """What this reading means.

    A pause is a person's switch-off where the change log names another actor, or where the last reading confirmed
    it running and no request of the system is pending; it is so also if the system came to want a pause meanwhile,
    or the system would undo the person's later. Any other difference is drift.
    """
    if needs_change_log(known, observed) and (
        paused_by_another or (known.confirmed_running_at is not None and known.requested is None)
    ):
        return Verdict.PERSONS_SWITCH_OFF
    return Verdict.AS_WANTED if fits(known.desired, observed) else Verdict.DRIFT


def asked(known: Known, now: datetime) -> Known:
    """What is known once the system asks the platform for what it wants: written down before it is sent."""
    return replace(known, requested=known.desired, requested_at=now, confirmed_running_at=None)


def seen(known: Known, observed: Observed, now: datetime) -> Known:
    """What is known after a reading that was judged.

    A request that a reading does not confirm counts as pending for two minutes, and then as lost.
    """
    pending = known.requested
    if pending is not None and (
        fits(pending, observed) or known.requested_at is None or now - known.requested_at >= LOST_AFTER
    ):
        pending = None
    is_running = observed == Observed.RUNNING
    ran_at = now - CLOCKS_DIFFER_BY
    return replace(
        known,
        heed_since=max(known.heed_since or ran_at, ran_at) if is_running else known.heed_since,
        observed=observed,
        observed_at=now,
        confirmed_running_at=now if is_running and pending is None else None,
        requested=pending,
        requested_at=known.requested_at if pending else None,
        drift_since=None if fits(known.desired, observed) else known.drift_since or now,
    )

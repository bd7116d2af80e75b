"""What is wanted of a campaign on its platform and what was found there, in words."""

from collections.abc import Callable
from datetime import datetime

from ads.models import PlatformMode, PlatformState
from ads.rules.platforms import Desired, Observed

Moment = Callable[[datetime], str]

DOES = {
    Observed.RUNNING: "runs it",
    Observed.PAUSED: "has it paused",
    Observed.GONE: "has removed it",
}
FOUND = {Observed.RUNNING: "Runs", Observed.PAUSED: "Paused", Observed.GONE: "Removed"}
WANTED = {Desired.RUNNING: "Is to run", Desired.PAUSED: "Is to be paused"}


def difference(state: PlatformState, moment: Moment) -> str:
    """ "We paused it at 14:05; the platform still runs it."; empty where nothing differs."""
    if state.drift_since is None:
        return ""
    return f"{_decided(state, moment)}; {_found(state)}."


def _decided(state: PlatformState, moment: Moment) -> str:
    pauses = state.desired == Desired.PAUSED
    if state.desired_change_id is None:
        return f"It {'is paused' if pauses else 'may run'} here since it was connected"
    if state.connection.mode == PlatformMode.OBSERVE:
        return f"It {'is paused' if pauses else 'may run'} here since {moment(state.desired_at)}"
    return f"We {'paused it' if pauses else 'let it run'} at {moment(state.desired_at)}"


def _found(state: PlatformState) -> str:
    observed = state.known.observed
    if observed is None:
        return "the platform has not been read yet"
    still = "" if observed == Observed.GONE else "still "
    return f"the platform {still}{DOES[observed]}"


def agreement(state: PlatformState) -> str:
    """ "Runs there as decided", for a campaign of which nothing differs."""
    observed = state.known.observed
    return f"{FOUND[observed]} there as decided" if observed else "Not read yet"


def trouble(state: PlatformState, moment: Moment) -> str:
    """What keeps the platform from answering or following; empty where nothing does."""
    account = state.connection
    if account.failing_since is not None:
        return f"{account} has not answered since {moment(account.failing_since)}: {account.last_error}"
    return state.last_error

"""Brings platforms to what is wanted of them: reads, judges, asks, reads back. Repeating any of it changes nothing.

One worker at a time holds an account, under a lease that it renews before each request. What it asks of the
platform is written down before it is sent, so that a worker killed in between leaves no doubt who paused.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import randint
from typing import TypeVar

from django.conf import settings
from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Value, When

from ads.errors import DeliveryFailed, NoAnswer, TakenOver
from ads.models import Brand, PlatformAdapter, PlatformConnection, PlatformMode, PlatformState
from ads.platforms import Access, Platform, speak_to
from ads.rules.platforms import (
    Desired,
    Observed,
    Pause,
    Verdict,
    asked,
    is_anothers,
    judge,
    needs_change_log,
    seen,
)
from ads.services.campaigns import CampaignService
from ads.services.effects import PLATFORMS_TASK, ring
from ads.services.moments import passing
from ads.services.platform_states import covered, desired_for, want
from ads.services.transactions import retrying

logger = logging.getLogger("ads.platforms")
T = TypeVar("T")

# Longer than one request may take; what a killed worker held is free after it.
HELD_FOR = timedelta(seconds=30)
WORK_SECONDS = 30
READ_AGAIN_AFTER = timedelta(minutes=5)
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=5)
LONGEST_ASKED_FOR = timedelta(hours=1)
TRIES = 3  # of a reading, at once: a line that loses some answers is none that is dead
ERROR_LENGTH = 500
LIBRARIES: dict[str, str] = {
    PlatformAdapter.GOOGLE_ADS: "google-ads",
    PlatformAdapter.META: "facebook-business",
}
WRITTEN = (
    "heed_since",
    "observed",
    "observed_at",
    "confirmed_running_at",
    "requested",
    "requested_at",
    "drift_since",
    "attempts",
    "next_try_at",
    "last_error",
)


@dataclass(slots=True)
class Worked:
    """What was done about the campaigns of an account; `differ` are those that did not follow."""

    read: int = 0
    asked: int = 0
    switched_off: int = 0
    differ: int = 0


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of one campaign: what was read last (None: nothing), and what went wrong."""

    state: PlatformState
    observed: Observed | None
    error: str = ""


def due_connections(now: datetime) -> list[int]:
    """Accounts with something to do that nobody works on and that are not left alone for a while."""
    due = PlatformState.objects.filter(connection=OuterRef("pk"), next_try_at__lte=now)
    free = _free(now).filter(Q(next_try_at__isnull=True) | Q(next_try_at__lte=now), Exists(due))
    return list(free.order_by("next_try_at", "pk").values_list("pk", flat=True))


def work_on(connection_id: int, now: datetime) -> Worked:
    """Works on what is due of an account for half a minute at most; rings for the rest."""
    until = now + HELD_FOR
    if not _free(now).filter(pk=connection_id).update(held_until=until):
        return Worked()
    account = PlatformConnection.objects.get(pk=connection_id)
    visit = _Visit(account, until, now)
    try:
        visit.run()
    except TakenOver:
        return visit.worked
    except DeliveryFailed as failure:
        visit.leave(failure)
    except Exception as error:
        # Whatever it is, the account must not be asked again at once, and for ever.
        logger.exception("The work on %s broke off", account)
        visit.leave(DeliveryFailed(f"The work broke off: {error!r}"))
    else:
        visit.leave(None)
    return visit.worked


def read_one(account: PlatformConnection) -> tuple[str, Observed]:
    """Tries the connection: reads the state of one of its campaigns. Raises DeliveryFailed."""
    campaign = covered(account).first()
    if campaign is None:
        raise DeliveryFailed("No campaign of this account has an external id yet")
    reading = speak(account).read([campaign.external_id])
    if campaign.external_id not in reading:
        raise DeliveryFailed(_unknown(campaign.external_id))
    return campaign.name, reading[campaign.external_id]


def try_again(states: QuerySet[PlatformState], now: datetime) -> int:
    """Has these looked at now, also where their account is left alone for a while."""
    PlatformConnection.objects.filter(pk__in=states.order_by().values("connection_id")).update(
        next_try_at=None
    )
    number = states.order_by().update(next_try_at=now)
    ring(PLATFORMS_TASK)
    return number


def _free(now: datetime) -> QuerySet[PlatformConnection]:
    return PlatformConnection.objects.filter(
        Q(held_until__isnull=True) | Q(held_until__lte=now), is_active=True
    )


def speak(account: PlatformConnection) -> Platform:
    """The account by its adapter, with its secret from the environment. Raises DeliveryFailed."""
    secret = settings.PLATFORM_CREDENTIALS.get(account.credentials)
    if secret is None:
        raise DeliveryFailed(f"{account.credentials} is not set in the environment")
    try:
        return speak_to(
            account.adapter, Access(account.account, secret, account.url, account.manager_account)
        )
    except ImportError as error:
        library = LIBRARIES.get(account.adapter, error.name)
        raise DeliveryFailed(f"The library {library} is not installed; docs/platforms.md says how") from error


class _Visit:
    """One worker's time with one account."""

    def __init__(self, account: PlatformConnection, until: datetime, now: datetime) -> None:
        self.account = account
        self.until = until
        self.clock = passing(now)
        self.end = time.monotonic() + WORK_SECONDS
        self.worked = Worked()
        self.asking: Sequence[PlatformState] = ()  # what the present request is about

    def run(self) -> None:
        platform = speak(self.account)
        while not self._is_over() and (states := self._due(platform.reads_at_once)):
            self._work(platform, states)

    def leave(self, failure: DeliveryFailed | None) -> None:
        """Gives the account back; after a failure it is left alone for a while."""
        now = self.clock()
        held = PlatformConnection.objects.filter(pk=self.account.pk, held_until=self.until)
        if failure is None:
            held.update(held_until=None)
            if self._is_over():
                ring(PLATFORMS_TASK)
            return
        logger.warning("%s does not answer: %s", self.account, failure)
        self._put_back(failure, now)
        attempts = self.account.attempts + 1
        held.update(
            held_until=None,
            attempts=attempts,
            failing_since=self.account.failing_since or now,
            last_error=str(failure)[:ERROR_LENGTH],
            next_try_at=now + _pause_after(attempts, failure.retry_after),
        )

    def _put_back(self, failure: DeliveryFailed, now: datetime) -> None:
        """Others have their turn first, lest a campaign at which the platform fails keeps the rest from it."""
        for state in self.asking:
            PlatformState.objects.filter(pk=state.pk, version=state.version).update(
                attempts=state.attempts + 1,
                next_try_at=now + _pause_after(state.attempts + 1),
                last_error=str(failure)[:ERROR_LENGTH],
            )

    def _is_over(self) -> bool:
        return time.monotonic() > self.end

    def _due(self, most: int) -> list[PlatformState]:
        """The next ones, pauses first; one alone, as a probe, where the account failed last time."""
        due = self.account.states.filter(next_try_at__lte=self.clock()).select_related("campaign")
        pauses_first = Case(
            When(drift_since__isnull=False, desired=Desired.PAUSED, then=Value(0)),
            When(drift_since__isnull=False, then=Value(1)),
            default=Value(2),
        )
        return list(
            due.order_by(pauses_first, "next_try_at", "pk")[: 1 if self.account.failing_since else most]
        )

    def _work(self, platform: Platform, states: Sequence[PlatformState]) -> None:
        """Pauses do not wait for the change log: only what stands still unexplained does."""
        states = self._followed(states)
        readings = self._read(platform, states)
        unexplained = [
            state
            for state in states
            if self._acts
            and state.external_id in readings
            and needs_change_log(state.known, readings[state.external_id])
        ]
        explained = [state for state in states if state not in unexplained]
        self._bring_about(platform, explained, readings, {})
        if unexplained:
            decided, pauses = self._last_pauses(platform, unexplained, readings)
            self._bring_about(platform, decided, readings, pauses)

    def _bring_about(
        self,
        platform: Platform,
        states: Sequence[PlatformState],
        readings: Mapping[str, Observed],
        pauses: Mapping[str, Pause],
    ) -> None:
        """Judges these readings, and does what follows."""
        done: list[_Outcome] = []
        to_ask: list[PlatformState] = []
        for state in states:
            observed = readings.get(state.external_id)
            if observed is None:
                done.append(_Outcome(state, None, _unknown(state.external_id)))
                continue
            pause = pauses.get(state.external_id)
            by_another = is_anothers(pause, state.known, self.account.own_name)
            verdict = judge(state.known, observed, paused_by_another=by_another)
            if not self._acts or verdict == Verdict.AS_WANTED:
                done.append(_Outcome(state, observed))
            elif verdict == Verdict.PERSONS_SWITCH_OFF:
                if _switch_off(state, f"{self.account.label}: {_who(pause, is_known=by_another)}"):
                    self.worked.switched_off += 1
                    done.append(_Outcome(state, observed))
            elif observed == Observed.GONE:
                done.append(_Outcome(state, observed, "It was removed on the platform and cannot run"))
            else:
                to_ask.append(state)
        self._record(done)
        self._ask_all(platform, to_ask)

    @property
    def _acts(self) -> bool:
        return self.account.mode == PlatformMode.ACT

    def _followed(self, states: Sequence[PlatformState]) -> list[PlatformState]:
        """These states, each wanting what its campaign's status says."""
        missed = [
            state.campaign_id for state in states if state.desired != desired_for(state.campaign.status)
        ]
        if not missed:
            return list(states)
        logger.warning("What is wanted of %d campaigns had not followed their status", len(missed))
        _follow_missed(missed, self.clock())
        ids = [state.pk for state in states]
        return list(PlatformState.objects.filter(pk__in=ids).select_related("campaign").order_by("pk"))

    def _read(self, platform: Platform, states: Sequence[PlatformState]) -> Mapping[str, Observed]:
        self.asking = states if len(states) == 1 else ()
        readings = self._insist(lambda: platform.read([state.external_id for state in states]))
        self.asking = ()
        self.worked.read += len(states)
        if self.account.failing_since is not None:
            self._recovered()
        return readings

    def _last_pauses(
        self, platform: Platform, states: Sequence[PlatformState], readings: Mapping[str, Observed]
    ) -> tuple[list[PlatformState], Mapping[str, Pause]]:
        """Who paused these last, and those of which it can be told what their reading means."""
        known = [state.heed_since for state in states if state.heed_since is not None]
        since = min(known) if len(known) == len(states) else None
        try:
            ids = [state.external_id for state in states]
            return list(states), self._insist(lambda: platform.last_pauses(ids, since))
        except DeliveryFailed as failure:
            error = f"Who paused it could not be read: {failure}"
        # A reading that confirmed it running tells enough; of the others nothing is done until the log is read.
        certain = [
            state
            for state in states
            if judge(state.known, readings[state.external_id], paused_by_another=False)
            == Verdict.PERSONS_SWITCH_OFF
        ]
        self._record([_Outcome(state, None, error) for state in states if state not in certain])
        return certain, {}

    def _ask_all(self, platform: Platform, states: Sequence[PlatformState]) -> None:
        for desired, ask in ((Desired.PAUSED, platform.pause), (Desired.RUNNING, platform.resume)):
            chosen = [state for state in states if state.desired == desired]
            for start in range(0, len(chosen), platform.writes_at_once):
                if self._is_over():
                    return
                self._renew()
                to_send = self._write_down(chosen[start : start + platform.writes_at_once])
                if not to_send:
                    continue
                self.asking = to_send
                problems = _asked_for(ask, [state.external_id for state in to_send])
                self.asking = ()
                self.worked.asked += len(to_send)
                self._read_back(platform, to_send, problems)

    def _read_back(
        self, platform: Platform, states: Sequence[PlatformState], problems: Mapping[str, str]
    ) -> None:
        readings = self._read(platform, states)
        self._record(
            [
                _Outcome(state, readings.get(state.external_id), problems.get(state.external_id, ""))
                for state in states
            ]
        )

    def _write_down(self, states: Iterable[PlatformState]) -> list[PlatformState]:
        """Those of which still the same is wanted, with the request written down before it is sent."""
        sent = []
        now = self.clock()
        for state in states:
            state.known = asked(state.known, now)
            unchanged = PlatformState.objects.filter(pk=state.pk, version=state.version)
            if unchanged.update(requested=state.requested, requested_at=now, confirmed_running_at=None):
                sent.append(state)
        return sent

    def _record(self, outcomes: Sequence[_Outcome]) -> None:
        if outcomes:
            self.worked.differ += self._store(outcomes)

    @retrying
    def _store(self, outcomes: Sequence[_Outcome]) -> int:
        """Writes what became of these; returns how many differ from what is wanted."""
        by_pk = {outcome.state.pk: outcome for outcome in outcomes}
        self._check_held()
        now = self.clock()
        stored = PlatformState.objects.select_for_update(no_key=True).filter(pk__in=by_pk).order_by("pk")
        changed = [_settled(state, by_pk[state.pk], self._acts, now) for state in stored]
        PlatformState.objects.bulk_update(changed, WRITTEN)
        return sum(not state.is_as_wanted for state in changed)

    def _recovered(self) -> None:
        answered = {"failing_since": None, "last_error": "", "attempts": 0, "next_try_at": None}
        PlatformConnection.objects.filter(pk=self.account.pk).update(**answered)
        for name, value in answered.items():
            setattr(self.account, name, value)

    def _renew(self) -> None:
        """Holds the account for the next request. Raises TakenOver."""
        until = self.clock() + HELD_FOR
        ours = PlatformConnection.objects.filter(
            pk=self.account.pk, held_until=self.until, is_active=True, mode=self.account.mode
        )
        if not ours.update(held_until=until):
            raise TakenOver(f"somebody else works on {self.account}, or its settings were changed")
        self.until = until

    def _insist(self, reading: Callable[[], T]) -> T:
        """Reads, and where no answer comes at once again."""
        for _ in range(TRIES - 1):
            self._renew()
            try:
                return reading()
            except NoAnswer:
                continue
        self._renew()
        return reading()

    def _check_held(self) -> None:
        ours = PlatformConnection.objects.select_for_update(no_key=True).filter(
            pk=self.account.pk, held_until=self.until
        )
        if not ours.exists():
            raise TakenOver(f"somebody else works on {self.account}")


def _asked_for(ask: Callable[[Sequence[str]], Mapping[str, str]], ids: Sequence[str]) -> Mapping[str, str]:
    """What kept these from being done. Where the answer was lost, the reading that follows tells what was done."""
    try:
        return ask(ids)
    except NoAnswer as lost:
        return dict.fromkeys(ids, str(lost))


def _settled(state: PlatformState, outcome: _Outcome, acts: bool, now: datetime) -> PlatformState:
    """The row as it is to be stored, with when it is looked at next."""
    if outcome.observed is not None:
        state.known = seen(state.known, outcome.observed, now)
    is_well = outcome.observed is not None and state.is_as_wanted
    error = "" if is_well else outcome.error
    state.last_error = error[:ERROR_LENGTH]
    if state.version != outcome.state.version:
        return state  # something else is wanted by now, and that is due at once
    tries_again = acts and outcome.observed != Observed.GONE and not state.is_as_wanted
    is_unknown = outcome.observed is None and bool(error)
    state.attempts = min(state.attempts + 1, 1000) if tries_again or error else 0
    soon = tries_again or is_unknown
    state.next_try_at = now + (_pause_after(state.attempts) if soon else READ_AGAIN_AFTER)
    return state


def _pause_after(attempts: int, asked_for: int | None = None) -> timedelta:
    """Doubling, less up to a fifth, so that those that failed together do not come back together."""
    if asked_for is not None:
        return min(timedelta(seconds=max(asked_for, 0)), LONGEST_ASKED_FOR)
    longest = min(FIRST_PAUSE * (1 << min(attempts - 1, 16)), LONGEST_PAUSE)
    return longest * randint(80, 100) // 100  # noqa: S311


@retrying
def _follow_missed(campaign_ids: Collection[int], now: datetime) -> None:
    brand_ids = PlatformState.objects.filter(campaign_id__in=campaign_ids).order_by()
    Brand.objects.lock(set(brand_ids.values_list("campaign__brand_id", flat=True)))
    states = PlatformState.objects.filter(campaign_id__in=campaign_ids).select_related("campaign")
    for desired in Desired:
        pks = [state.pk for state in states if desired_for(state.campaign.status) == desired]
        want(PlatformState.objects.filter(pk__in=pks), desired, now)


@retrying
def _switch_off(state: PlatformState, by: str) -> bool:
    """A person's switch-off, unless something else is wanted by now than when the platform was read."""
    Brand.objects.lock({state.campaign.brand_id})
    if not PlatformState.objects.filter(pk=state.pk, version=state.version).exists():
        return False
    CampaignService.switch_off(state.campaign, by=by[:150])
    return True


def _who(pause: Pause | None, *, is_known: bool) -> str:
    return pause.actor if pause is not None and is_known else "somebody"


def _unknown(external_id: str) -> str:
    return f"The platform knows no campaign with the id {external_id}"

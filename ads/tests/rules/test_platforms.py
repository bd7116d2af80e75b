"""What a reading of a platform means: a truth table, and sequences of people, platform and system."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ads.rules.platforms import (
    CLOCKS_DIFFER_BY,
    LOST_AFTER,
    Desired,
    Known,
    Observed,
    Pause,
    Verdict,
    asked,
    fits,
    is_anothers,
    judge,
    needs_change_log,
    seen,
)
from ads.tests.moments import NOON

pytestmark = pytest.mark.unit

RUN, STOP = Desired.RUNNING, Desired.PAUSED
RUNS, STANDS, GONE = Observed.RUNNING, Observed.PAUSED, Observed.GONE
OK, DRIFT, PERSON = Verdict.AS_WANTED, Verdict.DRIFT, Verdict.PERSONS_SWITCH_OFF
MINUTE = timedelta(minutes=1)
OURS = "system@agency"

# wanted, confirmed running, our request pending, the log names another: what a pause found means
PAUSES = {
    (RUN, False, False, False): DRIFT,
    (RUN, False, False, True): PERSON,
    (RUN, False, True, False): DRIFT,
    (RUN, False, True, True): PERSON,
    (RUN, True, False, False): PERSON,
    (RUN, True, False, True): PERSON,
    (RUN, True, True, False): DRIFT,
    (RUN, True, True, True): PERSON,
    (STOP, False, False, False): OK,
    (STOP, False, False, True): OK,
    (STOP, False, True, False): OK,
    (STOP, False, True, True): OK,
    # Paused by a person just before the system came to want it: it must not resume it later.
    (STOP, True, False, False): PERSON,
    (STOP, True, False, True): PERSON,
    (STOP, True, True, False): OK,
    (STOP, True, True, True): PERSON,
}


def known(desired: Desired, *, confirmed: bool = False, pending: bool = False) -> Known:
    return Known(
        desired,
        confirmed_running_at=NOON if confirmed else None,
        requested=desired if pending else None,
        requested_at=NOON if pending else None,
    )


def test_the_table_has_every_case() -> None:
    assert set(PAUSES) == set(product(Desired, (False, True), (False, True), (False, True)))


@pytest.mark.parametrize("observed", [STANDS, GONE])
@pytest.mark.parametrize("case", PAUSES)
def test_a_pause_that_is_found(case: tuple[Desired, bool, bool, bool], observed: Observed) -> None:
    desired, confirmed, pending, by_another = case
    before = known(desired, confirmed=confirmed, pending=pending)
    assert judge(before, observed, paused_by_another=by_another) == PAUSES[case]


@pytest.mark.parametrize("case", PAUSES)
def test_what_runs_is_as_wanted_or_drift_whatever_the_log_says(
    case: tuple[Desired, bool, bool, bool],
) -> None:
    desired, confirmed, pending, by_another = case
    before = known(desired, confirmed=confirmed, pending=pending)
    assert judge(before, RUNS, paused_by_another=by_another) == (OK if desired == RUN else DRIFT)


@pytest.mark.parametrize("case", PAUSES)
def test_the_change_log_is_asked_where_it_decides(case: tuple[Desired, bool, bool, bool]) -> None:
    desired, confirmed, pending, _ = case
    before = known(desired, confirmed=confirmed, pending=pending)
    answers = {judge(before, STANDS, paused_by_another=by_another) for by_another in (False, True)}
    assert len(answers) == 1 or needs_change_log(before, STANDS)
    assert not needs_change_log(before, RUNS)


@pytest.mark.parametrize(
    ("desired", "observed", "expected"),
    [
        (RUN, RUNS, True),
        (RUN, STANDS, False),
        (RUN, GONE, False),
        (RUN, None, False),
        (STOP, RUNS, False),
        (STOP, STANDS, True),
        (STOP, GONE, True),
        (STOP, None, False),
    ],
)
def test_what_fits(desired: Desired, observed: Observed | None, *, expected: bool) -> None:
    assert fits(desired, observed) is expected


@pytest.mark.parametrize(
    ("pause", "heed_since", "expected"),
    [
        (None, None, False),
        (Pause("jane@agency", NOON), None, True),
        (Pause(OURS, NOON), None, False),
        (Pause("System@Agency", NOON), None, False),
        (Pause("jane@agency", NOON), NOON - MINUTE, True),
        (Pause("jane@agency", NOON), NOON, False),
        (Pause("jane@agency", NOON), NOON + MINUTE, False),
    ],
)
def test_a_pause_is_anothers_unless_it_is_ours_or_over(
    pause: Pause | None, heed_since: datetime | None, *, expected: bool
) -> None:
    assert is_anothers(pause, replace(known(RUN), heed_since=heed_since), OURS) is expected


class TestReadings:
    def test_running_as_wanted_is_confirmed(self) -> None:
        assert seen(known(RUN), RUNS, NOON) == Known(
            RUN, NOON - CLOCKS_DIFFER_BY, RUNS, NOON, confirmed_running_at=NOON
        )

    def test_a_request_is_written_down_and_ends_the_confirmation(self) -> None:
        running = seen(known(RUN), RUNS, NOON)
        assert asked(replace(running, desired=STOP), NOON + MINUTE) == replace(
            running, desired=STOP, requested=STOP, requested_at=NOON + MINUTE, confirmed_running_at=None
        )

    def test_the_pause_we_asked_for_is_ours(self) -> None:
        pending = asked(replace(seen(known(RUN), RUNS, NOON), desired=STOP), NOON)
        assert judge(pending, STANDS, paused_by_another=False) == OK
        done = seen(pending, STANDS, NOON)
        assert (done.requested, done.confirmed_running_at, done.drift_since) == (None, None, None)
        assert judge(replace(done, desired=RUN), STANDS, paused_by_another=False) == DRIFT

    def test_a_pause_that_is_not_followed_stays_pending_and_then_is_lost(self) -> None:
        pending = asked(known(STOP), NOON)
        soon, late = seen(pending, RUNS, NOON + MINUTE), seen(pending, RUNS, NOON + LOST_AFTER)
        assert (soon.requested, soon.confirmed_running_at) == (STOP, None)
        assert (late.requested, late.confirmed_running_at) == (None, NOON + LOST_AFTER)

    def test_drift_counts_from_its_first_reading_until_it_ends(self) -> None:
        first = seen(known(STOP), RUNS, NOON)
        again = seen(first, RUNS, NOON + MINUTE)
        assert (first.drift_since, again.drift_since) == (NOON, NOON)
        assert seen(again, STANDS, NOON + 2 * MINUTE).drift_since is None

    def test_pauses_before_it_was_found_running_are_over(self) -> None:
        running = seen(known(RUN), RUNS, NOON)
        assert running.heed_since == NOON - CLOCKS_DIFFER_BY
        later = replace(running, heed_since=NOON + MINUTE)
        assert seen(later, RUNS, NOON).heed_since == NOON + MINUTE
        assert seen(later, STANDS, NOON).heed_since == NOON + MINUTE


STEPS = st.lists(
    st.sampled_from(
        ["want run", "want stop", "person stops", "person runs", "work", "work, lost", "work, no answer"]
    ),
    max_size=25,
)


@dataclass
class Story:
    """A platform with a change log, a person there, and the system that reads, judges, asks and reads back."""

    has_log: bool
    now: datetime = NOON
    runs: bool = True
    known: Known = field(default_factory=lambda: Known(RUN))
    log: list[tuple[datetime, str, bool]] = field(default_factory=list)
    switched_off: bool = False
    persons_pause_stands: bool = False  # nobody has run it since
    person_paused_since_it_was_seen_running: bool = False

    def do(self, step: str) -> None:
        self.now += 5 * MINUTE
        if step.startswith("want"):
            if not self.switched_off:  # a person's switch-off leaves nothing else to be wanted
                self.known = replace(self.known, desired=RUN if step == "want run" else STOP)
        elif step.startswith("person"):
            self.turn("jane@agency", runs=step == "person runs")
        else:
            self.work(step)

    def turn(self, actor: str, *, runs: bool) -> None:
        if runs == self.runs:
            return  # a change that changes nothing is in no log
        self.runs = runs
        self.log.append((self.now, actor, runs))
        if actor != OURS:
            self.persons_pause_stands = not runs
            self.person_paused_since_it_was_seen_running |= not runs
        elif runs:
            assert not (self.has_log and self.persons_pause_stands), "the system undid a person"
            self.persons_pause_stands = False

    def work(self, step: str) -> None:
        verdict = self.read()
        if verdict != DRIFT:
            return
        self.known = asked(self.known, self.now)
        if step != "work, lost":
            self.turn(OURS, runs=self.known.desired == RUN)
        if step == "work":
            self.read()
            assert fits(self.known.desired, self.known.observed)

    def read(self) -> Verdict:
        observed = RUNS if self.runs else STANDS
        pauses = [Pause(actor, at) for at, actor, runs in self.log if not runs]
        pause = pauses[-1] if self.has_log and pauses else None
        before = self.known
        verdict = judge(before, observed, paused_by_another=is_anothers(pause, before, OURS))
        if verdict == PERSON:
            assert self.person_paused_since_it_was_seen_running, "nobody paused it"
            self.switched_off = True
            self.known = replace(self.known, desired=STOP)
        elif before.confirmed_running_at and not before.requested:
            assert self.runs, "a person's pause was not heeded"
        self.known = seen(self.known, observed, self.now)
        if self.runs:
            self.person_paused_since_it_was_seen_running = False
        return verdict


@given(STEPS, st.booleans())
def test_in_any_sequence_no_person_is_undone_and_nobody_is_blamed(steps: list[str], has_log: bool) -> None:
    story = Story(has_log)
    for step in steps:
        story.do(step)


@given(STEPS, st.booleans())
def test_after_one_undisturbed_round_the_platform_does_what_is_wanted(
    steps: list[str], has_log: bool
) -> None:
    story = Story(has_log)
    for step in [*steps, "work", "work"]:
        story.do(step)
    assert story.runs == (story.known.desired == RUN)
    assert story.known.drift_since is None

"""What time alone will bring: the decisions to come if nobody spends or changes anything any more."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from ads.rules.serving import CampaignFacts, Decision, Reason, Status, decide

MOST_STEPS = 1_000  # a year of windows that open and close once a day, and of the midnights between
_NOT_BY_TIME = frozenset(
    {Reason.BRAND_INACTIVE, Reason.SWITCHED_OFF, Reason.FLIGHT_ENDED, Reason.CAMPAIGN_TOTAL}
)


@dataclass(frozen=True, slots=True)
class Step:
    """A moment at which time alone changes the decision, and what it is from then on."""

    at: datetime
    decision: Decision


@dataclass(frozen=True, slots=True)
class Outlook:
    """The next moment at which it runs, or does not run, other than now (None: time alone brings none).

    `lifted` tells, where it is to run, what stands against it until then and when each of that goes.
    """

    decision: Decision
    changes: Step | None
    lifted: tuple[tuple[Reason, datetime], ...]


def steps(facts: CampaignFacts, now: datetime) -> Iterator[Step]:
    """Give every later decision in order. There may be no end of them."""
    at = decide(facts, now).next_transition_at
    while at is not None:
        decision = decide(facts, at)
        yield Step(at, decision)
        at = decision.next_transition_at


def outlook(facts: CampaignFacts, now: datetime) -> Outlook:
    """Return the decision at this moment, and when it will first run or stop running by time alone."""
    decision = decide(facts, now)
    if not _may_lift(facts, decision.reasons):
        return Outlook(decision, None, ())
    standing, went = set(decision.reasons), dict[Reason, datetime]()
    for step in islice(steps(facts, now), MOST_STEPS):
        went.update((reason, step.at) for reason in standing.difference(step.decision.reasons))
        standing = set(step.decision.reasons)
        if (step.decision.status == Status.ACTIVE) != (decision.status == Status.ACTIVE):
            lifted = sorted(went.items(), key=lambda each: each[1]) if not standing else []
            return Outlook(decision, step, tuple(lifted))
    return Outlook(decision, None, ())


def _may_lift(facts: CampaignFacts, reasons: tuple[Reason, ...]) -> bool:
    """Whether time can take away all of these: not what people decide, and no budget of 0."""
    limits = {
        Reason.BRAND_DAILY: facts.brand.daily_budget_micros,
        Reason.BRAND_MONTHLY: facts.brand.monthly_budget_micros,
        Reason.CAMPAIGN_DAILY: facts.daily_budget_micros,
        Reason.CAMPAIGN_MONTHLY: facts.monthly_budget_micros,
    }
    return _NOT_BY_TIME.isdisjoint(reasons) and all(limits.get(reason) != 0 for reason in reasons)

"""A campaign's present day from midnight to midnight: what was decided so far, and what time alone will bring."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from ads.models import Campaign, StatusChange
from ads.rules.forecast import steps
from ads.rules.serving import CampaignFacts, Reason, Status, decide


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the day in which one status held, or will hold."""

    start: datetime
    end: datetime
    status: Status
    reasons: tuple[Reason, ...]
    is_to_come: bool


def load_today(campaign: Campaign, facts: CampaignFacts, now: datetime) -> list[Stretch]:
    """The stretches in their order; none before the campaign was there. Two queries."""
    start, end = facts.brand.calendar.day_bounds(facts.brand.calendar.local_date(now))
    return [*_past(campaign, start, now), *_to_come(facts, now, end)]


def _past(campaign: Campaign, start: datetime, now: datetime) -> Iterator[Stretch]:
    changes = list(
        StatusChange.objects.filter(campaign=campaign, at__gte=start, at__lte=now).order_by("at", "pk")
    )
    made = (
        Campaign.history.filter(id=campaign.pk)
        .order_by("history_date")
        .values_list("history_date", flat=True)
        .first()
    )
    at = max(start, made) if made else start
    status, reasons = Status(campaign.status), campaign.reasons
    if changes:
        status, reasons = Status(changes[0].from_status), changes[0].from_reasons
    for change in changes:
        if at < change.at:
            yield Stretch(at, change.at, status, reasons, is_to_come=False)
        at, status, reasons = max(at, change.at), Status(change.to_status), change.reasons
    if at < now:
        yield Stretch(at, now, status, reasons, is_to_come=False)


def _to_come(facts: CampaignFacts, now: datetime, end: datetime) -> Iterator[Stretch]:
    at, decision = now, decide(facts, now)
    for step in steps(facts, now):
        if step.at >= end:
            break
        yield Stretch(at, step.at, decision.status, decision.reasons, is_to_come=True)
        at, decision = step.at, step.decision
    if at < end:
        yield Stretch(at, end, decision.status, decision.reasons, is_to_come=True)

"""A campaign's status changes as its page tells them: what, why with the amounts of the moment, and by whom."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from ads import formats
from ads.dashboard.campaign_words import capital, day_words, listed, stands
from ads.models import Campaign, Cause, StatusChange
from ads.rules.serving import Reason, Status
from ads.services.change_amounts import Amounts, load_amounts

CHANGES_SHOWN = 10
_GONE = {
    Reason.BRAND_INACTIVE: "brand switched on",
    Reason.SWITCHED_OFF: "switched on",
    Reason.FLIGHT_NOT_STARTED: "flight started",
    Reason.FLIGHT_ENDED: "flight goes on",
    Reason.BRAND_DAILY: "room in the brand’s daily budget again",
    Reason.BRAND_MONTHLY: "room in the brand’s monthly budget again",
    Reason.CAMPAIGN_DAILY: "room in the daily budget again",
    Reason.CAMPAIGN_MONTHLY: "room in the monthly budget again",
    Reason.CAMPAIGN_TOTAL: "room in the total budget again",
    Reason.OUTSIDE_DAYPARTING: "window opened",
}
_CAUSES = {
    Cause.SPEND: "as spend was recorded",
    Cause.SETTINGS: "as settings changed",
    Cause.CLOCK: "by the clock",
    Cause.ROLLOVER: "as a new day began",
    Cause.RESET: "as budgets started afresh",
    Cause.REPAIR: "as totals were put right",
    Cause.SWEEP: "in its regular check",
}


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One status change as the timeline tells it."""

    pk: int
    at: datetime
    time: str
    day: str
    icon: str
    head: str
    why: str
    by: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """Some status changes by day, newest first; `older` is where to read on, 0 at the end."""

    days: list[tuple[str, list[ChangeRow]]]
    older: int
    is_first: bool


def timeline(found: Campaign, now: datetime, before: int | None) -> Timeline:
    """The newest changes, or the newest before the one of this key."""
    rows = StatusChange.objects.filter(campaign=found)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    newest = list(rows.order_by("-at", "-pk")[: CHANGES_SHOWN + 1])
    shown = newest[:CHANGES_SHOWN]
    amounts = load_amounts(found, shown)
    told = [_row(change, amounts, found, now) for change in shown]
    days = [(day, list(group)) for day, group in groupby(told, lambda row: row.day)]
    return Timeline(days, told[-1].pk if len(newest) > CHANGES_SHOWN else 0, is_first=before is None)


def _row(change: StatusChange, amounts: Amounts, found: Campaign, now: datetime) -> ChangeRow:
    before, after = Status(change.from_status), Status(change.to_status)
    calendar = found.brand.calendar
    tone = formats.look(after, change.reasons).tone
    return ChangeRow(
        pk=change.pk,
        at=change.at,
        time=f"{calendar.wall_clock(change.at):%H:%M:%S}",
        day=day_words(change.at, calendar, now),
        icon={"limit": "paused"}.get(tone, tone),
        head=f"{before.word} to {after.word.lower()}" if before != after else f"Still {after.word.lower()}",
        why=_why(change, amounts, found.brand.currency),
        by=change.by or f"System, {_CAUSES[Cause(change.cause)]}",
    )


def _why(change: StatusChange, amounts: Amounts, currency: str) -> str:
    """What stands against it that did not before, else what no longer does, and what still does."""
    was, now = change.from_reasons, change.reasons
    came, went = [each for each in now if each not in was], [each for each in was if each not in now]
    stays = [each for each in now if each in was]
    told = [(reason.in_sentence, reason) for reason in came] or [(_GONE[reason], reason) for reason in went]
    sentence = f"{capital(_with_amounts(told, change, amounts, currency))}." if told else ""
    if stays:
        sentence += f" Also {stands(stays)}." if came else f" Still {stands(stays)}."
    return sentence.strip()


def _with_amounts(
    told: Sequence[tuple[str, Reason]], change: StatusChange, amounts: Amounts, currency: str
) -> str:
    """ "brand daily budget reached: €918.40 of €900.00"; of several, each has its own in brackets."""
    parts = []
    for words, reason in told:
        standing = amounts.get((change.pk, reason))
        if standing is None:
            parts.append(words)
            continue
        spent = formats.money(standing.counted, currency)
        of = "spent" if standing.budget is None else f"of {formats.limit(standing.budget, currency)}"
        parts.append(f"{words}: {spent} {of}" if len(told) == 1 else f"{words} ({spent} {of})")
    return listed(parts)

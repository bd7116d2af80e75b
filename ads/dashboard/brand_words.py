"""What a brand's page says, in sentences with their numbers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise

from ads import formats
from ads.dashboard import wording
from ads.dashboard.campaign_words import starts
from ads.models import Brand, PeriodKind
from ads.rules.attention import Level
from ads.rules.periods import Calendar
from ads.rules.serving import Reason, Status
from ads.services.brand_acts import BudgetOutcome, Staying
from ads.services.brand_campaigns import CampaignRow
from ads.services.day_series import Day
from ads.services.enforcement import Change
from ads.services.overview import BrandRow

_HOUR = timedelta(hours=1)
_MINUTE = timedelta(minutes=1)
_NAMED = 3  # so many campaigns are named one by one


@dataclass(frozen=True, slots=True)
class Line:
    """One line of what follows: a drawing of the sprite, its tone, and the words."""

    icon: str
    tone: str
    text: str
    is_main: bool = False


@dataclass(frozen=True, slots=True)
class Headline:
    """What there is to know first: the finding, what follows, and how urgent it is."""

    head: str
    body: str
    pill: str
    icon: str
    word: str


def headline(brand: Brand, row: BrandRow, now: datetime) -> Headline:
    """The finding of a brand's page."""
    if brand.archived_at is not None:
        head = f"Archived on {_day(row.calendar.wall_clock(brand.archived_at).date())}."
        return Headline(head, "No campaign of it runs; spend is still recorded.", "off", "box", "Archived")
    if not brand.is_active:
        stopped = formats.counted(row.standing.total, "campaign")
        body = f"None of its {stopped} runs; what people asked of each is kept." if row.standing.total else ""
        return Headline("Switched off.", body, "off", "off", "Off")
    if not row.standing.total:
        return Headline("No campaigns yet.", "Spend is recorded on campaigns.", "off", "none", "Nothing runs")
    head, body = _finding(row, now)
    if row.attention.level == Level.ACT:
        return Headline(head, body, "act", "act", "Needs you")
    if row.attention.level == Level.WATCH:
        return Headline(head, body, "watch", "watch", "Watch")
    return Headline(head, body, "run", "ok", "On course")


def _finding(row: BrandRow, now: datetime) -> tuple[str, str]:
    if row.attention.level == Level.ACT:
        found = wording.finding(row, now)
        return f"{found.head}.", found.body
    running = f"{row.running} of {formats.counted(row.standing.total, 'campaign')} {_run(row.running)}."
    if row.day.budget == 0 or row.month.budget == 0:
        period = "Daily" if row.day.budget == 0 else "Monthly"
        return f"{period} budget is 0: nothing may be spent.", running
    percent = formats.percent_used(row.day.counted, row.day.budget)
    if row.attention.level == Level.WATCH and percent is not None and percent >= 90:
        return f"{percent}% of today’s budget is spent.", running
    if row.projection is not None and row.month.budget:
        return f"{_projected(row)}.", running
    if not any((*row.facts.days, row.facts.today_micros)):
        return "No spend recorded yet.", running
    spent = formats.money(row.day.counted, row.currency)
    return f"{spent} spent today{'' if row.day.budget is not None else ', no limit set'}.", running


def _projected(row: BrandRow) -> str:
    budget, projection = row.month.budget, row.projection
    if budget is None or projection is None:
        raise ValueError(f"{row.name} has no projection against a budget")
    off = projection.micros - budget
    end = formats.whole_money(projection.micros, row.currency)
    percent = abs(off) * 100 // budget
    if not percent:
        return f"Month end projected at {end}, on budget"
    return f"Month end projected at {end}, {percent}% {'over' if off > 0 else 'under'} budget"


def tally(row: BrandRow) -> str:
    """ "9 campaigns: 7 paused, 1 off, 1 completed"."""
    counts = [
        f"{number} {status.word.lower()}"
        for status in (Status.ACTIVE, Status.PAUSED, Status.INACTIVE, Status.COMPLETED)
        if (number := row.standing.campaigns.get(status, 0))
    ]
    if not counts:
        return "No campaigns"
    return f"{formats.counted(row.standing.total, 'campaign')}: {', '.join(counts)}"


def starts_afresh(calendar: Calendar, today: date, now: datetime) -> str:
    """When the next day begins: "00:00, in 9 h 55 min"."""
    begins = calendar.day_start(today + timedelta(days=1))
    left = begins - now
    hours, minutes = left // _HOUR, (left % _HOUR) // _MINUTE
    return f"{formats.clock(begins, calendar)}, in {f'{hours} h ' if hours else ''}{minutes} min"


def days_caption(days: Sequence[Day], currency: str) -> str:
    """On how many days the budget was exceeded, and how it changed."""
    known = [day for day in days if day.spent is not None]
    limited = [day for day in known if day.budget is not None]
    over = [day for day in limited if day.over]
    if not any(day.spent for day in known):
        return "No spend in these days."
    if not limited:
        return "No daily limit was set."
    told = f"Not over budget on any of {formats.counted(len(limited), 'day')}."
    if over:
        total = formats.money(sum(day.over for day in over), currency)
        together = " together" if len(over) > 1 else ""
        told = f"Over budget on {len(over)} of {formats.counted(len(limited), 'day')}, by {total}{together}."
    return " ".join([told, *_budget_steps(days, currency)])


def _budget_steps(days: Sequence[Day], currency: str) -> Iterator[str]:
    steps = [
        (before.budget, after)
        for before, after in pairwise(days)
        if before.is_known and before.budget != after.budget and after.spent is not None
    ]
    for before, after in steps[-2:]:
        on = f"on {_day(after.day)}"
        if after.budget is None:
            yield f"Budget of {formats.money(before or 0, currency)} lifted {on}."
        elif before is None:
            yield f"Budget set to {formats.money(after.budget, currency)} {on}."
        else:
            verb = "raised" if after.budget > before else "lowered"
            was, became = (formats.money(micros, currency) for micros in (before, after.budget))
            yield f"Budget {verb} from {was} to {became} {on}."


def month_caption(row: BrandRow, reached_on: date | None) -> str:
    """Where the month ends, and when the budget would stop it."""
    if row.projection is None:
        if not row.is_active:
            return "The brand is off, so nothing more is expected."
        if row.projected_from is None:
            return "There is no spend yet to project from."
        return f"A projection takes three days of spend: from {_day(row.projected_from)}."
    end = formats.money(row.projection.micros, row.currency)
    if row.month.budget is None:
        return f"Month end projected at {end}. No monthly limit is set."
    off = row.projection.micros - row.month.budget
    by = formats.money(abs(off), row.currency)
    how = f"{by} {'over' if off > 0 else 'under'} budget" if off else "the budget"
    told = f"Month end projected at {end}, {how}."
    if reached_on is not None and not row.month.is_reached:
        told += f" Campaigns would pause on about {_day(reached_on)}."
    return told


def next_change(row: CampaignRow, now: datetime) -> tuple[str, str]:
    """What time brings next, and why in short."""
    campaign, calendar = row.campaign, row.standing.calendar
    status = Status(campaign.status)
    if status == Status.ACTIVE:
        if row.stops_at is None:
            return "None by the clock", ""
        why = "; ".join(reason.in_sentence for reason in row.stopped_by)
        if row.stops_at <= now:
            return "Stops within a minute", why
        return f"Stops at {formats.moment(row.stops_at, calendar, now)}", why
    if row.again_at is not None:
        if row.again_at <= now:
            return "Runs again within a minute", ""
        return f"{starts(campaign.reasons)} at {formats.moment(row.again_at, calendar, now)}", ""
    if Reason.BRAND_INACTIVE in campaign.reasons:
        return "None: the brand is off", ""
    if Reason.SWITCHED_OFF in campaign.reasons:
        return "None: stays off until switched on", ""
    if Reason.FLIGHT_ENDED in campaign.reasons:
        return "None: the flight is over", ""
    return "None: stays paused until a budget is raised", ""


def all_reasons(reasons: Sequence[Reason]) -> str:
    """Every reason in words, in order: "Brand daily budget reached; outside dayparting window"."""
    return "; ".join(
        reason.words if number == 0 else reason.in_sentence for number, reason in enumerate(reasons)
    )


def budget_consequences(outcome: BudgetOutcome, kind: PeriodKind, currency: str, renewed: str) -> list[Line]:
    """What another budget brings about, told before it is saved."""
    budget, standing = outcome.standing.budget, outcome.standing
    period = "today" if kind == PeriodKind.DAY else "this month"
    lines = list(changed(outcome.changes))
    if outcome.staying:
        lines.append(Line("paused", "t-watch", _staying(outcome.staying)))
    if outcome.before == budget:
        already = f"{formats.limit(budget, currency)} is the budget already: nothing changes."
        return [
            Line(
                "none", "muted", "There is no limit already: nothing changes." if budget is None else already
            )
        ]
    if not lines:
        lines.append(Line("none", "muted", "No campaign changes now.", is_main=True))
    if budget is None:
        lines.append(Line("clock", "muted", f"No limit {period} from now on."))
    elif standing.remaining is not None and standing.is_reached:
        spent = f"{formats.money(standing.counted, currency)} of {formats.exact_money(budget, currency)}"
        less = "nothing may be spent" if budget == 0 else f"{spent} is spent {period}, so it is reached"
        lines.append(
            Line("watch", "t-watch", f"{less[:1].upper()}{less[1:]}; no campaign runs before {renewed}.")
        )
    elif standing.remaining is not None:
        of = formats.exact_money(budget, currency)
        lines.append(
            Line("clock", "muted", f"{formats.money(standing.remaining, currency)} of {of} is left {period}.")
        )
    return lines


def save_label(outcome: BudgetOutcome) -> str:
    """The button, with what it brings about: "Save and pause 12"."""
    return f"Save{_and(outcome.changes, 'pause')}"


def switch_label(changes: Sequence[Change], *, on: bool) -> str:
    """The button, with what it brings about: "Switch off and stop 7"."""
    return f"Switch {'on' if on else 'off'}{_and(changes, 'stop')}"


def reset_label(changes: Sequence[Change], period: str) -> str:
    """The button, with what it brings about: "Start today afresh and resume 5"."""
    what = "today" if period == "daily" else "this month"
    return f"Start {what} afresh{_and(changes, 'pause')}"


def saved(title: str, outcome: BudgetOutcome, currency: str) -> str:
    """A budget after it was changed."""
    if outcome.standing.budget is None:
        return f"{title} is lifted: no limit."
    return f"{title} is {formats.exact_money(outcome.standing.budget, currency)} now."


def stopped(changes: Sequence[Change]) -> list[Change]:
    """Campaigns that ran and no longer do."""
    return [change for change in changes if change.from_status == Status.ACTIVE != change.to_status]


def _and(changes: Sequence[Change], verb: str) -> str:
    resumed = sum(change.to_status == Status.ACTIVE != change.from_status for change in changes)
    if stops := len(stopped(changes)):
        return f" and {verb} {stops}"
    return f" and resume {resumed}" if resumed else ""


def act_consequences(changes: Sequence[Change]) -> list[Line]:
    """What an act brings about, told before it is done."""
    return list(changed(changes)) or [Line("none", "muted", "No campaign changes now.", is_main=True)]


def switch_consequences(changes: Sequence[Change]) -> list[Line]:
    """What switching the brand brings about, also for campaigns that do not run now."""
    waiting = [
        each for each in changes if each.from_status == Status.PAUSED != each.to_status == Status.INACTIVE
    ]
    lines = list(changed(changes))
    if waiting:
        verb = "does" if len(waiting) == 1 else "do"
        who = formats.counted(len(waiting), "paused campaign")
        text = f"{who} {verb} not run again before the brand is switched on."
        lines.append(Line("off", "muted", text, is_main=not lines))
    return lines or act_consequences(changes)


def done_sentences(changes: Sequence[Change]) -> list[str]:
    """What followed from what was done, campaigns that changed status."""
    return [line.text for line in changed(changes, is_done=True)]


def changed(changes: Sequence[Change], *, is_done: bool = False) -> Iterator[Line]:
    """Campaigns that run, or stop, with what is done."""
    resumed = [change for change in changes if change.to_status == Status.ACTIVE]
    if resumed:
        verb = (
            _run(len(resumed)) + " now" if is_done else "resumes now" if len(resumed) == 1 else "resume now"
        )
        kind = "" if is_done else "paused " if all(c.from_status == Status.PAUSED for c in resumed) else ""
        text = f"{formats.counted(len(resumed), f'{kind}campaign')} {verb}."
        yield Line("run", "t-run", text, is_main=True)
    by_reason: dict[tuple[Status, Reason], int] = {}
    for change in stopped(changes):
        key = (change.to_status, change.reasons[0])
        by_reason[key] = by_reason.get(key, 0) + 1
    for (status, reason), number in by_reason.items():
        verb = "pauses" if number == 1 else "pause"
        if status == Status.INACTIVE:
            verb = "stops" if number == 1 else "stop"
        if is_done:
            verb = ("is " if number == 1 else "are ") + ("off" if status == Status.INACTIVE else "paused")
        text = f"{formats.counted(number, 'running campaign')} {verb} now: {reason.in_sentence}."
        if is_done:
            text = f"{formats.counted(number, 'campaign')} {verb} now: {reason.in_sentence}."
        icon = "off" if status == Status.INACTIVE else "paused"
        yield Line(icon, "t-watch", text, is_main=True)


def _staying(staying: Sequence[Staying]) -> str:
    verb = "stays" if len(staying) == 1 else "stay"
    named = [
        f"{each.campaign} ({', '.join(reason.in_sentence for reason in each.reasons)})"
        for each in staying[:_NAMED]
    ]
    if len(staying) > _NAMED:
        named.append(f"and {len(staying) - _NAMED} more")
    return f"{len(staying)} {verb} paused: {', '.join(named)}."


def _run(number: int) -> str:
    return "runs" if number == 1 else "run"


def _day(value: date) -> str:
    return f"{value.day} {value:%b}"

"""An alert in sentences: what happened to whom, how much, since when, and what the system did."""

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings

from ads import formats
from ads.models import Alert, AlertKind, PeriodKind
from ads.rules.periods import Calendar
from ads.rules.platforms import Desired

LONGEST_NAME = 100
_BUDGETS = {
    PeriodKind.DAY: "daily budget",
    PeriodKind.MONTH: "monthly budget",
    PeriodKind.FLIGHT: "total budget",
}
_HAPPENED = {
    AlertKind.PROJECTION: "projected to miss the monthly budget",
    AlertKind.DEAD_FEED: "no spend arrives although campaigns are active",
    AlertKind.SPEND_WHILE_OFF: "spends although it is off",
    AlertKind.QUARANTINE: "spend is quarantined",
    AlertKind.SPIKE: "spend far above the usual hour",
}
_DONE = {
    AlertKind.OVERSPEND: "The system had paused what this budget limits; what was spent is kept in full.",
    AlertKind.PROJECTION: "The system changed nothing: it pauses only when the budget is reached.",
    AlertKind.DEAD_FEED: "The system changed nothing: without spend no budget is reached.",
    AlertKind.SPEND_WHILE_OFF: "The system records it in full and cannot stop it; look at the platform.",
    AlertKind.QUARANTINE: "The system keeps it whole and counts it once somebody has decided.",
    AlertKind.SPIKE: "The system changed nothing: it pauses when a budget is reached.",
    AlertKind.PLATFORM_DRIFT: "The system goes on trying; look at the platform.",
    AlertKind.CHANNEL_FAILING: "The system goes on trying; Channels says why it fails, and sends a sample.",
}
_PAUSES = "The system pauses what it limits until a new period, a higher budget or a reset."
_GOES_ON = "Campaigns go on; the system pauses them when the budget is reached."


def title(alert: Alert, steps: Sequence[int] = ()) -> str:
    """What happened to whom, for a subject or a heading."""
    return f"{whose(alert)}: {_happened(alert, steps)}"


def lines(alert: Alert) -> list[str]:
    """How much, since when, what the system did, and that it is over where it is."""
    told = [_how_much(alert), _found(alert), f"Since {_moment(alert, alert.raised_at)}.", _done(alert)]
    if alert.ended_at is not None:
        told.append(f"It is over since {_moment(alert, alert.ended_at)}.")
    return [line for line in told if line]


def whose(alert: Alert) -> str:
    """The campaign with its brand, or the brand."""
    if alert.campaign is None:
        return brand_name(alert)
    return f"{_one_line(alert.campaign.name)} ({brand_name(alert)})"


def brand_name(alert: Alert) -> str:
    """The brand, in one line."""
    if alert.brand is None:
        return "All brands" if alert.kind == AlertKind.CHANNEL_FAILING else "Unknown brand"
    return _one_line(alert.brand.name)


def _one_line(name: str) -> str:
    """A name without whatever somebody has put into it to look like something else."""
    words = " ".join("".join(each if each.isprintable() else " " for each in name).split())
    return words if len(words) <= LONGEST_NAME else f"{words[: LONGEST_NAME - 1]}…"


def _happened(alert: Alert, steps: Sequence[int]) -> str:
    if alert.kind == AlertKind.THRESHOLD and steps:
        *before, last = [str(step) for step in sorted(steps)]
        numbers = f"{', '.join(before)} and {last}" if before else last
        return f"{numbers} % of the {_budget(alert)} reached"
    if alert.kind == AlertKind.OVERSPEND:
        return f"more than the {_budget(alert)} spent"
    if alert.kind == AlertKind.BUDGET_PAUSE:
        return f"paused by the {_budget(alert)}"
    if alert.kind == AlertKind.PLATFORM_DRIFT:
        return _differs(alert)
    if alert.kind == AlertKind.CHANNEL_FAILING:
        return f"the channel “{_one_line(str(alert.facts.get('name', '')))}” does not deliver"
    return _HAPPENED.get(AlertKind(alert.kind), f"the {_budget(alert)} is being spent")


def _differs(alert: Alert) -> str:
    if alert.campaign_id is None:
        number = formats.counted(int(alert.facts.get("campaigns", 0)), "campaign")
        return (
            f"{_one_line(str(alert.facts.get('account', '')))} does not answer; decided, not done: {number}"
        )
    if not alert.facts.get("observed"):
        return "cannot be read on its platform"
    if alert.facts.get("desired") == Desired.PAUSED:
        return "runs on its platform although it is paused"
    return "does not run on its platform although it may"


def _budget(alert: Alert) -> str:
    return _BUDGETS[PeriodKind(alert.period_kind)] if alert.period_kind else "budget"


def _how_much(alert: Alert) -> str:
    if alert.spent_micros is None or alert.brand is None:
        return ""
    currency = alert.brand.currency
    spent = formats.money(alert.spent_micros, currency)
    when = _when(alert)
    if alert.budget_micros is None:
        return f"{spent} spent{when}."
    percent = formats.percent_used(alert.spent_micros, alert.budget_micros)
    share = "" if percent is None else f", {percent} %"
    over = alert.spent_micros - alert.budget_micros
    beyond = f": {formats.money(over, currency)} over" if over > 0 else ""
    return f"{spent} of {formats.exact_money(alert.budget_micros, currency)} spent{when}{share}{beyond}."


def _found(alert: Alert) -> str:
    """What the numbers of its kind say; without them the rest is told all the same."""
    try:
        return _in_numbers(alert)
    except KeyError:
        return ""


def _in_numbers(alert: Alert) -> str:
    facts = alert.facts
    if alert.kind == AlertKind.PROJECTION and alert.brand is not None and alert.budget_micros:
        projected = int(facts["projected_micros"])
        off = abs(projected - alert.budget_micros) * 100 // alert.budget_micros
        way = "over" if projected >= alert.budget_micros else "under"
        ends = formats.whole_money(projected, alert.brand.currency)
        return f"Projected to end at {ends}, {off} % {way} the budget."
    if alert.kind == AlertKind.SPIKE and alert.brand is not None:
        hour, usual = (
            formats.money(int(facts[name]), alert.brand.currency) for name in ("hour_micros", "usual_micros")
        )
        return f"{hour} in the last hour; usual are {usual}."
    if alert.kind == AlertKind.DEAD_FEED:
        last = facts.get("last_at")
        when = (
            f"the last one came at {_moment(alert, datetime.fromisoformat(last))}"
            if last
            else "none ever came"
        )
        return f"No record in {formats.counted(facts['hours'], 'hour')} of running; {when}."
    if alert.kind == AlertKind.CHANNEL_FAILING:
        return f"What it should tell waits since {_moment(alert, datetime.fromisoformat(facts['since']))}."
    if alert.kind == AlertKind.QUARANTINE:
        return (
            f"{formats.counted(facts['records'], 'record')} {'waits' if facts['records'] == 1 else 'wait'}."
        )
    return ""


def _when(alert: Alert) -> str:
    if alert.starts_on is None or alert.period_kind == PeriodKind.FLIGHT:
        return ""
    if alert.period_kind == PeriodKind.MONTH:
        return f" in {formats.month(alert.starts_on)}"
    return f" on {formats.day(alert.starts_on)}"


def _done(alert: Alert) -> str:
    if alert.kind == AlertKind.BUDGET_PAUSE:
        number = int(alert.facts.get("campaigns", 0))
        who = (
            f"{formats.counted(number, 'campaign')} {'was' if number == 1 else 'were'} paused. "
            if number
            else ""
        )
        return f"{who}{_PAUSES}"
    if alert.kind == AlertKind.THRESHOLD:
        spent, budget = alert.spent_micros, alert.budget_micros
        is_reached = spent is not None and budget is not None and spent >= budget
        return f"The budget is reached. {_PAUSES}" if is_reached else _GOES_ON
    return _DONE.get(AlertKind(alert.kind), "")


def _moment(alert: Alert, instant: datetime) -> str:
    """On the brand's clock, and saying so."""
    calendar = alert.brand.calendar if alert.brand is not None else Calendar.fixed(settings.TIME_ZONE)
    wall = calendar.wall_clock(instant)
    return f"{wall:%H:%M} on {formats.day(wall.date())} ({calendar.zone_at(instant)})"

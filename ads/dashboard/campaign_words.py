"""What a campaign's page says, in sentences with their numbers."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from ads import formats
from ads.rules.forecast import Outlook
from ads.rules.periods import ONE_DAY, Calendar
from ads.rules.serving import CampaignFacts, Decision, Reason, Status, decide
from ads.services.as_of import Switch
from ads.services.explain import Explanation, FlightLevel, LimitLevel, SwitchLevel, WindowLevel
from ads.services.standings import Standing

_GOES = {
    Reason.FLIGHT_NOT_STARTED: "the flight starts at",
    Reason.BRAND_DAILY: "the brand’s daily budget starts afresh at",
    Reason.BRAND_MONTHLY: "the brand’s monthly budget starts afresh at",
    Reason.CAMPAIGN_DAILY: "the daily budget starts afresh at",
    Reason.CAMPAIGN_MONTHLY: "the monthly budget starts afresh at",
    Reason.OUTSIDE_DAYPARTING: "the window opens at",
}
_REMEDIES = {
    Reason.BRAND_INACTIVE: "Switch the brand on to run it again.",
    Reason.SWITCHED_OFF: "Switch it on to run it again.",
    Reason.FLIGHT_ENDED: "Give the flight a later last day to run it again.",
    Reason.BRAND_DAILY: "Raise the brand’s daily budget to run it again.",
    Reason.BRAND_MONTHLY: "Raise the brand’s monthly budget to run it again.",
    Reason.CAMPAIGN_DAILY: "Raise its daily budget to run it again.",
    Reason.CAMPAIGN_MONTHLY: "Raise its monthly budget to run it again.",
    Reason.CAMPAIGN_TOTAL: "Raise its total budget to run it again.",
}
_LIMITS = {
    Reason.BRAND_DAILY: "Brand daily budget",
    Reason.BRAND_MONTHLY: "Brand monthly budget",
    Reason.CAMPAIGN_DAILY: "Campaign daily budget",
    Reason.CAMPAIGN_MONTHLY: "Campaign monthly budget",
    Reason.CAMPAIGN_TOTAL: "Campaign total budget",
}


def listed(words: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def stands(reasons: Iterable[Reason]) -> str:
    """Everything that stands against it, in order."""
    return listed([reason.in_sentence for reason in reasons])


def capital(words: str) -> str:
    """With a capital letter at its beginning."""
    return words[:1].upper() + words[1:]


def since_words(at: datetime, calendar: Calendar, now: datetime) -> str:
    """ "11:42", "16:18 yesterday", "21:00, Mon 16 Nov"."""
    wall, today = calendar.wall_clock(at), calendar.wall_clock(now).date()
    if wall.date() == today:
        return f"{wall:%H:%M}"
    if wall.date() == today - ONE_DAY:
        return f"{wall:%H:%M} yesterday"
    return formats.moment(at, calendar, now)


def day_words(at: datetime, calendar: Calendar, now: datetime) -> str:
    """ "Today, Wed 18 Nov", "Yesterday, Tue 17 Nov", "Mon 16 Nov", and with the year where it is another."""
    day, today = calendar.wall_clock(at).date(), calendar.wall_clock(now).date()
    told = f"{day:%a} {day.day} {day:%b}" + ("" if day.year == today.year else f" {day.year}")
    return {today: f"Today, {told}", today - ONE_DAY: f"Yesterday, {told}"}.get(day, told)


def full_moment(at: datetime, calendar: Calendar) -> str:
    """ "Wed 18 Nov, 14:05"."""
    wall = calendar.wall_clock(at)
    return f"{wall:%a} {wall.day} {wall:%b}, {wall:%H:%M}"


def title(explained: Explanation, since: datetime | None) -> str:
    """The finding: "Not running since 11:42: brand daily budget reached"."""
    calendar, reasons = explained.calendar, explained.decision.reasons
    told = "" if since is None else f" since {since_words(since, calendar, explained.at)}"
    if not reasons:
        return f"Running{told}: nothing stands against it"
    words = listed([_stands_with_details(explained, reason) for reason in reasons])
    return f"Not running{told}: {words}" if told else f"Has not run yet: {words}"


def _stands_with_details(explained: Explanation, reason: Reason) -> str:
    level = explained.level(reason)
    if isinstance(level, SwitchLevel):
        is_archived = level.switch.archived_at is not None
        if not is_archived and not level.switch.by:
            return reason.in_sentence
        words = "archived" if is_archived else "switched off"
        words = f"brand {words}" if reason == Reason.BRAND_INACTIVE else words
        return f"{words} by {level.switch.by}" if level.switch.by else words
    if isinstance(level, FlightLevel) and level.day is not None:
        return f"flight {'starts' if reason == Reason.FLIGHT_NOT_STARTED else 'ended'} on {formats.day(level.day)}"
    return reason.in_sentence


@dataclass(frozen=True, slots=True)
class NextChange:
    """A sentence around the moment at which it runs again or stops; `moment` is '' where time brings none."""

    head: str
    moment: str
    tail: str

    def __str__(self) -> str:
        return f"{self.head}{self.moment}{self.tail}"


def next_change(outlook: Outlook, calendar: Calendar, now: datetime) -> NextChange:
    """When it runs again, or stops, if only time goes by; else what would have to happen."""
    reasons, step = outlook.decision.reasons, outlook.changes
    if step is None:
        if not reasons:
            return NextChange("It runs until a budget is reached or somebody stops it.", "", "")
        remedies = [_REMEDIES[reason] for reason in reasons if reason in _REMEDIES]
        return NextChange(" ".join(["It does not start by itself.", *remedies[:1]]), "", "")
    moment = formats.moment(step.at, calendar, now)
    if not reasons:
        return NextChange("Runs until ", moment, f", then {stands(step.decision.reasons)}.")
    went = [
        f"{_GOES[reason]} {_near(at, step.at, calendar)}" for reason, at in outlook.lifted if reason in _GOES
    ]
    return NextChange(f"{starts(reasons)} at ", moment, f": {listed(went)}." if went else ".")


def starts(reasons: Collection[Reason]) -> str:
    """What a campaign that does not run will do: "Starts" before its flight, else "Runs again"."""
    return "Starts" if Reason.FLIGHT_NOT_STARTED in reasons else "Runs again"


def _near(at: datetime, other: datetime, calendar: Calendar) -> str:
    wall = calendar.wall_clock(at)
    is_near = wall.date() == calendar.wall_clock(other).date()
    return f"{wall:%H:%M}" if is_near else f"{wall:%H:%M}, {wall:%a} {wall.day} {wall:%b}"


@dataclass(frozen=True, slots=True)
class LevelRow:
    """One thing that must allow it: whether it does, in words, with the standing that a bar is drawn of."""

    name: str
    stands: bool
    applies: bool
    words: str
    standing: Standing | None = None

    @property
    def said(self) -> str:
        """What its sign means."""
        return "Stands against" if self.stands else "Allows" if self.applies else "No limit"


def flight_words(start: date | None, end: date | None) -> str:
    """ "Flight Mon 5 Oct 2026 to Sun 20 Dec 2026"; '' where no dates are set."""
    if start and end:
        return f"Flight {formats.day(start)} to {formats.day(end)}"
    if start:
        return f"Flight from {formats.day(start)}"
    return f"Flight until {formats.day(end)}" if end else ""


def level_rows(explained: Explanation, now: datetime) -> Iterator[LevelRow]:
    """In the order of the rule; the two ends of the flight are one level. Moments are told as seen from `now`."""
    for level in explained.levels:
        if isinstance(level, SwitchLevel):
            yield _switch_row(explained, level, now)
        elif isinstance(level, LimitLevel):
            yield _limit_row(explained, level, now)
        elif isinstance(level, WindowLevel):
            yield _window_row(explained, level, now)
        elif level.reason == Reason.FLIGHT_NOT_STARTED:
            yield _flight_row(explained, level)


def _switch_row(explained: Explanation, level: SwitchLevel, now: datetime) -> LevelRow:
    is_brand = level.reason == Reason.BRAND_INACTIVE
    name = "Brand" if is_brand else "Switch"
    if not level.stands:
        on = f"{explained.brand} is active" if is_brand else "on"
        return LevelRow(name, stands=False, applies=True, words=on)
    return LevelRow(name, stands=True, applies=True, words=_off_words(explained, level.switch, now))


def _off_words(explained: Explanation, switch: Switch, now: datetime) -> str:
    words = "off" if switch.archived_at is None else "archived"
    if switch.off_since is not None:
        words += f" since {since_words(switch.off_since, explained.calendar, now)}"
    return words + (f" by {switch.by}" if switch.by else "")


def _flight_row(explained: Explanation, start: FlightLevel) -> LevelRow:
    end = explained.level(Reason.FLIGHT_ENDED)
    last = end.day if isinstance(end, FlightLevel) else None
    first, today = start.day, start.today
    stands_against = start.stands or end.stands
    if first is None and last is None:
        return LevelRow("Flight", stands=False, applies=False, words="no dates set")
    words = [] if first is None or last is None or stands_against else [_day_of(first, last, today)]
    if first is not None and today < first:
        words.append(f"starts {formats.day(first)}")
    elif first is not None and last is None:
        words.append(f"since {formats.day(first)}")
    if last is not None:
        words.append(f"{'ended' if end.stands else 'ends'} {formats.day(last)}")
    return LevelRow("Flight", stands=stands_against, applies=True, words=", ".join(words))


def _day_of(first: date, last: date, today: date) -> str:
    return f"day {(today - first).days + 1} of {(last - first).days + 1}"


def _limit_row(explained: Explanation, level: LimitLevel, now: datetime) -> LevelRow:
    standing, currency = level.standing, explained.currency
    counted = formats.money(standing.counted, currency)
    waived = f"; {formats.money(standing.waived, currency)} waived" if standing.waived else ""
    if standing.budget is None or standing.remaining is None:
        words = f"no limit set, {counted} spent{waived}"
        return LevelRow(_LIMITS[level.reason], stands=False, applies=False, words=words)
    words = f"{counted} of {formats.limit(standing.budget, currency)}"
    if level.stands:
        at = reached_at(explained, level.reason)
        words += ", reached" + ("" if at is None else f" at {since_words(at, explained.calendar, now)}")
    else:
        words += f", {formats.left_or_over(standing.remaining, currency)}"
    return LevelRow(_LIMITS[level.reason], level.stands, True, words + waived, standing)


def reached_at(explained: Explanation, reason: Reason) -> datetime | None:
    """Since when this reason stands without a break; None where the changes that were read do not tell."""
    for change in reversed(explained.changes):
        if change.at > explained.at:
            continue
        if reason not in change.reasons:
            return None
        if reason not in change.from_reasons:
            return change.at
    return None


def _window_row(explained: Explanation, level: WindowLevel, now: datetime) -> LevelRow:
    if not level.windows:
        return LevelRow("Dayparting", stands=False, applies=False, words="no windows: always open")
    state = "closed" if level.stands else "open"
    if level.toggles_at is None:
        return LevelRow("Dayparting", level.stands, True, f"{state} at all times")
    until = formats.moment(level.toggles_at, explained.calendar, now)
    return LevelRow("Dayparting", level.stands, True, f"{state} until {until}")


@dataclass(frozen=True, slots=True)
class Consequence:
    """What follows from a change before it is saved, and the button that names it."""

    sentence: str
    then: NextChange
    as_before: bool
    button: str
    icon: str


_BECOMES = {
    Status.PAUSED: ("It pauses at once", "Save and pause", "paused"),
    Status.COMPLETED: ("It ends at once", "Save and end", "done"),
    Status.INACTIVE: ("It stops at once", "Save and stop", "off"),
}


def consequence(before: Outlook, after: Outlook, calendar: Calendar, now: datetime) -> Consequence:
    """What a change brings about at once, and when it runs or stops after that."""
    was, will_be = before.decision.status, after.decision.status
    words, button, icon = (
        f"Still {will_be.word.lower()}",
        "Save",
        formats.look(will_be, after.decision.reasons).tone,
    )
    icon = {"limit": "paused"}.get(icon, icon)
    if will_be == Status.ACTIVE:
        words, icon = ("It goes on running", "run") if was == will_be else ("It runs at once", "run")
        button = "Save" if was == will_be else "Save and run"
    elif was == Status.ACTIVE:
        words, button, icon = _BECOMES[will_be]
    elif was != will_be:
        words = f"{will_be.word} from then on"
    against = f": {stands(after.decision.reasons)}" if after.decision.reasons else ""
    return Consequence(
        sentence=f"{words}{against}.",
        then=next_change(after, calendar, now),
        as_before=was == will_be and before.changes == after.changes and after.changes is not None,
        button=button,
        icon=icon,
    )


def decision_words(decision: Decision | Status, reasons: tuple[Reason, ...] = ()) -> str:
    """ "Running", "Paused: brand daily budget reached and outside dayparting window"."""
    status, against = (
        (decision.status, decision.reasons) if isinstance(decision, Decision) else (decision, reasons)
    )
    return f"{status.word}: {stands(against)}" if against else status.word


def switch_words(facts: CampaignFacts, ahead: Outlook, *, enabled: bool, now: datetime) -> str:
    """What follows if somebody switches the campaign on or off."""
    after = decide(facts._replace(enabled=enabled), now)
    if not enabled:
        is_running = ahead.decision.status == Status.ACTIVE
        follows = "it stops at once" if is_running else "it stays off until somebody switches it on"
        return f"If you switch it off, {follows}."
    if after.status == Status.ACTIVE:
        return "If you switch it on, it runs at once."
    return f"If you switch it on, it does not run yet: {stands(after.reasons)}."


def now_words(decision: Decision) -> str:
    """How a campaign stands after something was done: "It is running.", "It is paused: flight not started."."""
    if decision.reasons == (Reason.SWITCHED_OFF,):
        return "It is off until somebody switches it on."
    state = decision_words(decision)
    return f"It is {state[:1].lower()}{state[1:]}."

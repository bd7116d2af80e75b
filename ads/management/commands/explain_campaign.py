"""Why a campaign does or did not run, in plain text."""

from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ads.formats import exact_money, limit, look
from ads.management.arguments import find_brands, find_campaign, past_moment
from ads.management.text import period, table
from ads.models import DaypartingSchedule
from ads.rules.dayparting import Window
from ads.rules.periods import Calendar
from ads.rules.serving import Reason, Status
from ads.services.as_of import NotKnownThen, Switch
from ads.services.explain import (
    ChangeSeen,
    Explanation,
    FlightLevel,
    LimitLevel,
    SwitchLevel,
    WindowLevel,
    explain,
)

LIMIT_HEADINGS = ("", "budget", "spent", "waived", "counted", "remaining")
LONGEST_WORDS = max(len(reason.words) for reason in Reason)
# What is looked at, told where it does not stand against running; a budget's is in its reason.
LOOKED_AT = {
    Reason.BRAND_INACTIVE: "Brand",
    Reason.SWITCHED_OFF: "Campaign",
    Reason.FLIGHT_NOT_STARTED: "First day of the flight",
    Reason.FLIGHT_ENDED: "Last day of the flight",
    Reason.OUTSIDE_DAYPARTING: "Dayparting",
}
MANY_WINDOWS, FEW_WINDOWS = 7, 3


class Command(BaseCommand):
    help = "Tells what stands or stood against a campaign, with numbers, and its status changes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("campaign", metavar="NAME|ID")
        parser.add_argument(
            "--brand", action="append", default=[], metavar="NAME", help="the campaign's brand"
        )
        parser.add_argument(
            "--at",
            metavar="TIME",
            help="a past moment: 14:05 (the last one, today's or yesterday's) or “2026-11-20 14:05” by the brand's "
            "clock, or ISO with an offset",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        campaign = find_campaign(options["campaign"], find_brands(options["brand"]))
        at = None if options["at"] is None else past_moment(options["at"], campaign.brand.calendar, now)
        try:
            explanation = explain(campaign, at=at, now=now)
        except NotKnownThen as error:
            raise CommandError(f"{error}.") from error
        for line in _lines(explanation, is_past=at is not None):
            self.stdout.write(line)


def _lines(explanation: Explanation, *, is_past: bool) -> Iterator[str]:
    calendar, decision, stored = explanation.calendar, explanation.decision, explanation.stored
    next_at, since = decision.next_transition_at, stored.since
    rows = [
        ("Campaign", f"{explanation.campaign} (id {explanation.campaign_id}) of {explanation.brand}"),
        ("Moment", f"{_told(explanation.at, calendar)}, the brand's time{'' if is_past else ' (now)'}"),
        ("Decision", _verdict(decision.status, decision.reasons)),
        ("Stored", _verdict(stored.status, stored.reasons)),
        ("  since", "before any change" if since is None else _told(since, calendar)),
        ("Next", "time alone changes nothing" if next_at is None else _told(next_at, calendar)),
    ]
    yield table(rows, align="<<")
    yield ""
    yield from _levels(explanation)
    yield ""
    yield from _changes(explanation, is_past=is_past)


def _levels(explanation: Explanation) -> Iterator[str]:
    """The limits, which stand together in the order of the rule, as a table between the other levels."""
    limits = [level for level in explanation.levels if isinstance(level, LimitLevel)]
    cells = [LIMIT_HEADINGS, *(_limit(level, explanation.currency) for level in limits)]
    heading, *numbers = table(cells, align="<>>>>>").splitlines()
    told = iter(numbers)
    for level in explanation.levels:
        if level is limits[0]:
            yield _line("", "", heading)
        text = next(told) if isinstance(level, LimitLevel) else _text(level, explanation.calendar)
        yield (
            _line("AGAINST", level.reason.words, text)
            if level.stands
            else _line("ok", _looked_at(level.reason), text)
        )


def _looked_at(reason: Reason) -> str:
    return LOOKED_AT.get(reason) or reason.words.removesuffix(" reached")


def _line(mark: str, words: str, text: str) -> str:
    return f"{mark:<9}{words:<{LONGEST_WORDS}}  {text}".rstrip()


def _limit(level: LimitLevel, currency: str) -> tuple[str, ...]:
    standing = level.standing
    return (
        period(level.kind, level.starts_on),
        limit(standing.budget, currency),
        exact_money(standing.spent, currency),
        exact_money(standing.waived, currency),
        exact_money(standing.counted, currency),
        "" if standing.remaining is None else exact_money(standing.remaining, currency),
    )


def _text(level: SwitchLevel | FlightLevel | WindowLevel, calendar: Calendar) -> str:
    if isinstance(level, SwitchLevel):
        return _switch(level.switch, calendar)
    if isinstance(level, FlightLevel):
        return _flight(level)
    return _windows(level)


def _switch(switch: Switch, calendar: Calendar) -> str:
    if switch.off_since is None:
        return "switched on"
    by = f" by {switch.by}" if switch.by else ""
    archived = "" if switch.archived_at is None else f", archived {_told(switch.archived_at, calendar)}"
    return f"off since {_told(switch.off_since, calendar)}{by}{archived}"


def _flight(level: FlightLevel) -> str:
    return "not set" if level.day is None else f"{level.day}, today is {level.today}"


def _windows(level: WindowLevel) -> str:
    if not level.windows:
        return "no windows: always open"
    shown = level.windows if len(level.windows) <= MANY_WINDOWS else level.windows[:FEW_WINDOWS]
    told = [_window(window) for window in shown]
    if len(level.windows) > len(shown):
        told.append(f"{len(level.windows) - len(shown)} more")
    toggles = "never changes" if level.toggles_at is None else _toggle(level, level.toggles_at)
    return f"it is {level.wall_clock:%a %H:%M} in {level.zone}; {toggles}; open {', '.join(told)}"


def _toggle(level: WindowLevel, at: datetime) -> str:
    return f"{'opens' if level.stands else 'closes'} {at.astimezone(level.wall_clock.tzinfo):%a %H:%M}"


def _window(window: Window) -> str:
    return str(
        DaypartingSchedule(day_of_week=window.day_of_week, start_time=window.start, end_time=window.end)
    )


def _changes(explanation: Explanation, *, is_past: bool) -> Iterator[str]:
    if not explanation.changes:
        yield "No status changes."
        return
    yield (
        f"Status changes around {_told(explanation.at, explanation.calendar)}:"
        if is_past
        else "Last status changes:"
    )
    rows = [_change(change, explanation.calendar) for change in explanation.changes]
    yield from (f"  {line}" for line in table(rows, align="<<<<<").splitlines())


def _change(change: ChangeSeen, calendar: Calendar) -> tuple[str, ...]:
    return (
        f"{calendar.wall_clock(change.at):%Y-%m-%d %H:%M:%S}",
        look(change.from_status).word,
        f"-> {_verdict(change.to_status, change.reasons)}",
        change.cause.label,
        change.by,
    )


def _verdict(status: Status, reasons: tuple[Reason, ...]) -> str:
    return ": ".join(filter(None, (look(status).word, ", ".join(reason.words for reason in reasons))))


def _told(moment: datetime, calendar: Calendar) -> str:
    wall = calendar.wall_clock(moment)
    return f"{wall:%Y-%m-%d %H:%M:%S} {wall.tzinfo}"

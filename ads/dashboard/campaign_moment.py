"""What a campaign's state was at a moment of the brand's clock."""

from dataclasses import dataclass
from datetime import date, datetime

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from ads import formats
from ads.dashboard import campaign_words as words
from ads.forms import on_the_clock_of
from ads.models import Campaign
from ads.rules.periods import ONE_DAY, Calendar
from ads.services.as_of import NotKnownThen
from ads.services.explain import ChangeSeen, Explanation, explain


@dataclass(frozen=True, slots=True)
class Asked:
    """Day and time that are asked for, as they stand in the form."""

    day: str
    time: str


def asked_of(request: HttpRequest, calendar: Calendar, now: datetime) -> Asked:
    """What the address asks for; the same time of yesterday where it does not say."""
    yesterday = calendar.local_date(now) - ONE_DAY
    return Asked(
        request.GET.get("day", f"{yesterday}"), request.GET.get("time", f"{calendar.wall_clock(now):%H:%M}")
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """What it was at a moment, or why that cannot be told."""

    error: str = ""
    head: str = ""
    zone: str = ""
    icon: str = ""
    since: str = ""
    next: str = ""
    differs: str = ""
    levels: tuple[words.LevelRow, ...] = ()


def answer(request: HttpRequest, found: Campaign, now: datetime) -> Answer:
    """The answer to what is asked in the address."""
    calendar = found.brand.calendar
    asked = asked_of(request, calendar, now)
    try:
        day = date.fromisoformat(asked.day)
    except ValueError:
        return Answer(f"“{asked.day}” is no day. Give one such as {calendar.local_date(now)}.")
    try:
        wall = datetime.combine(day, forms.TimeField().clean(asked.time))
    except ValidationError:
        return Answer(f"“{asked.time}” is no time of day. Give one such as 14:05.")
    try:
        at = on_the_clock_of(calendar, wall)
        explained = explain(found, at=at, now=now)
    except ValidationError as error:
        return Answer(error.messages[0])
    except NotKnownThen as error:
        return Answer(f"{error}.")
    return _told(explained, now)


def _told(explained: Explanation, now: datetime) -> Answer:
    at, calendar, stored = explained.at, explained.calendar, explained.stored
    wall = calendar.wall_clock(at)
    look = formats.look(stored.status, stored.reasons)
    since = (
        "" if stored.since is None else f"Since {formats.moment(stored.since, calendar, now, seconds=True)}"
    )
    against = "nothing stood against it" if not stored.reasons else f"{words.stands(stored.reasons)}"
    later = next((change for change in explained.changes if change.at > at), None)
    differs = ""
    if (stored.status, stored.reasons) != (explained.decision.status, explained.decision.reasons):
        was_to_be = words.decision_words(explained.decision)
        differs = f"By what was known then it was to be: {was_to_be}. That was decided later."
    return Answer(
        head=f"{stored.status.word} at {wall:%H:%M:%S} on {wall:%a} {wall.day} {wall:%b %Y}",
        zone=explained.zone,
        icon={"limit": "paused"}.get(look.tone, look.tone),
        since=f"{since}; {against}." if since else f"{words.capital(against)}.",
        next="" if later is None else _next_words(later, calendar, now),
        differs=differs,
        levels=tuple(words.level_rows(explained, now)),
    )


def _next_words(change: ChangeSeen, calendar: Calendar, now: datetime) -> str:
    told = formats.moment(change.at, calendar, now, seconds=True)
    by = f", by {change.by}" if change.by else ""
    return f"Next change: {told}, {words.decision_words(change.to_status, change.reasons).lower()}{by}."

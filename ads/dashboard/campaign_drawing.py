"""What is drawn of one campaign: its day as a ribbon, and the data of its chart."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from ads import formats
from ads.currencies import minor_units
from ads.dashboard.campaign_words import capital, stands
from ads.dashboard.charts import tick
from ads.rules.periods import ONE_DAY, Calendar, month_start, next_month
from ads.rules.serving import Status
from ads.services.campaign_days import CampaignDay
from ads.services.campaign_today import Stretch

_WHOLE = 100 * 100  # hundredths of a per cent
_NEAR, _NEAR_ON_PHONES = 600, 1_500  # closer than this, labels would run into each other
_EDGE = 250

_RAN, _WILL_RUN, _LIMIT, _STAYS, _CLOCK, _OFF = "run", "will", "limit", "next", "clock", "off"
_WORDS = {
    _RAN: "ran",
    _WILL_RUN: "will run",
    _LIMIT: "paused by a limit",
    _STAYS: "stays paused",
    _CLOCK: "outside dayparting or flight",
    _OFF: "off or over",
}


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the ribbon, in per cent of the day."""

    kind: str
    x: str
    width: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A time below the ribbon; `anchor` is how its text lies at that place."""

    x: str
    text: str
    anchor: str
    is_now: bool
    only_wide: bool


@dataclass(frozen=True, slots=True)
class Ribbon:
    """The day from midnight to midnight."""

    pieces: Sequence[Piece]
    marks: Sequence[Mark]
    now: str
    key: Sequence[tuple[str, str]]
    label: str


def ribbon(stretches: Sequence[Stretch], calendar: Calendar, now: datetime) -> Ribbon:
    """What ran and stood when, and what is to come today if only time goes by."""
    start, end = calendar.day_bounds(calendar.local_date(now))

    def place(moment: datetime) -> int:
        return (moment - start) * _WHOLE // (end - start)

    pieces = [(_kind(each), place(each.start), place(each.end)) for each in stretches]
    kinds = list(dict.fromkeys(kind for kind, _, _ in pieces))
    edges = {
        place(each.start): formats.clock(each.start, calendar) for each in stretches if each.start > start
    }
    edges.pop(place(now), None)
    return Ribbon(
        pieces=[Piece(kind, _percent(first), _percent(last - first)) for kind, first, last in pieces],
        marks=_marks(edges, place(now)),
        now=_percent(place(now)),
        key=[(kind, _WORDS[kind]) for kind in _WORDS if kind in kinds],
        label=_label(stretches, calendar),
    )


def _kind(stretch: Stretch) -> str:
    if stretch.status == Status.ACTIVE:
        return _WILL_RUN if stretch.is_to_come else _RAN
    tone = formats.look(stretch.status, stretch.reasons).tone
    if tone == "limit":
        return _STAYS if stretch.is_to_come else _LIMIT
    return _CLOCK if tone == "clock" else _OFF


def _marks(edges: dict[int, str], now: int) -> list[Mark]:
    """Now, the two midnights, and as many of the edges as have room."""
    marks = [Mark(_percent(now), "now", _anchor(now), is_now=True, only_wide=False)]
    wide, phone = [now], [now]
    for at, text in [(0, "00:00"), (_WHOLE, "24:00"), *sorted(edges.items())]:
        if any(abs(at - other) < _NEAR for other in wide):
            continue
        wide.append(at)
        only_wide = any(abs(at - other) < _NEAR_ON_PHONES for other in phone)
        if not only_wide:
            phone.append(at)
        marks.append(Mark(_percent(at), text, _anchor(at), is_now=False, only_wide=only_wide))
    return marks


def _anchor(at: int) -> str:
    return "start" if at < _EDGE else "end" if at > _WHOLE - _EDGE else "middle"


def _label(stretches: Sequence[Stretch], calendar: Calendar) -> str:
    """The same in a sentence."""
    told = []
    for each in stretches:
        words = "running" if each.status == Status.ACTIVE else stands(each.reasons)
        to_come = "to come: " if each.is_to_come else ""
        told.append(f"from {formats.clock(each.start, calendar)} {to_come}{words}")
    return capital(f"today: {'; '.join(told)}")


def _percent(hundredths: int) -> str:
    return f"{hundredths // 100}.{hundredths % 100:02d}"


def days_of_chart(today: date, *, is_long: bool) -> tuple[date, date]:
    """The first and the last day that the chart shows: this month, or the last 90 days."""
    if is_long:
        return today - 89 * ONE_DAY, today
    first = month_start(today)
    return first, next_month(first) - ONE_DAY


def chart(days: Sequence[CampaignDay], last: date, currency: str) -> dict[str, Any]:
    """Data of the chart of days up to `last`; amounts are in micros."""
    to_come = (last - days[-1].day).days
    labels = [each.day for each in days] + [
        days[-1].day + number * ONE_DAY for number in range(1, to_come + 1)
    ]

    today, is_month = days[-1].day, len(labels) <= 31
    blank = [None] * to_come
    return {
        "cur": formats.symbol(currency),
        "digits": minor_units(currency),
        "labels": [f"{day.day} {day:%b}" for day in labels],
        "tick": [tick(day, last, today, is_month=is_month) for day in labels],
        "spend": [*(each.spent for each in days), *blank],
        "budget": [*(each.budget for each in days), *blank],
        "today": len(days) - 1,
    }


def caption(days: Sequence[CampaignDay], currency: str) -> str:
    """What the chart shows, in a sentence."""
    total = sum(each.spent for each in days)
    spending = [each for each in days if each.spent]
    words = f"{formats.money(total, currency)} on {formats.counted(len(spending), 'day')} with spend"
    over = [each for each in days if each.over]
    if over:
        most = max(over, key=lambda each: each.over)
        words += (
            f"; {formats.counted(len(over), 'day')} over the daily budget, most on {most.day.day} {most.day:%b}: "
            f"{formats.money(most.over, currency)} over"
        )
    elif any(each.budget is not None for each in days):
        words += "; no day over the daily budget"
    return f"{words}."

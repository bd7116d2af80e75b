"""The week grid: what it draws, what it is given, and the fields of one day."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from ads.models.dayparting import DAYS
from ads.rules.dayparting import Window
from ads.rules.periods import Calendar
from ads.rules.week import HALF_HOURS, HalfHour, by_day, half_hours, tidy

_PARTS = 6  # of a half hour, to mark now
MOST_TOLD = 3  # windows of a day beside its row; the others are counted
MOST_WINDOWS = 7 * HALF_HOURS
FROM_ADMIN = "?from=admin"  # beside an address: whoever saves goes back there


class BadWindows(ValueError):
    """What was sent is no week of windows; the message says what is wrong, for people."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One half hour."""

    classes: str
    label: str
    is_now: bool


@dataclass(frozen=True, slots=True)
class Hour:
    """The head of two columns."""

    column: int
    text: str
    is_quarter: bool
    is_now: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One weekday."""

    number: int
    name: str
    is_today: bool
    cells: Sequence[Cell]
    words: str


@dataclass(frozen=True, slots=True)
class Grid:
    """The board, with what its script starts from."""

    hours: Sequence[Hour]
    rows: Sequence[Row]
    now: int
    clock: str
    zone: str
    is_always_open: bool
    data: dict[str, Any]


def grid(
    windows: tuple[Window, ...], calendar: Calendar, now: datetime, painted: tuple[Window, ...] | None = None
) -> Grid:
    """The week of these windows, now marked; `painted` is a week that somebody has not saved yet."""
    wall = calendar.wall_clock(now)
    at = wall.weekday() * HALF_HOURS + wall.hour * 2 + wall.minute // 30
    cells, days = half_hours(windows), by_day(windows)
    part = wall.minute % 30 * _PARTS // 30
    return Grid(
        hours=[Hour(hour * 2, f"{hour:02}", hour % 6 == 0, hour == wall.hour) for hour in range(24)],
        rows=[
            Row(
                number=day,
                name=name,
                is_today=day == wall.weekday(),
                cells=[
                    _cell(
                        cells,
                        day * HALF_HOURS + number,
                        name,
                        f"now p{part}" if day * HALF_HOURS + number == at else "",
                    )
                    for number in range(HALF_HOURS)
                ],
                words=day_words(days[day]),
            )
            for day, name in DAYS
        ],
        now=at,
        clock=f"{wall:%H:%M}",
        zone=calendar.zone_at(now).key,
        is_always_open=not windows,
        data={"saved": as_data(windows), "mine": None if painted is None else as_data(painted)},
    )


def _cell(cells: Sequence[HalfHour], number: int, day: str, now: str) -> Cell:
    cell, column = cells[number], number % HALF_HOURS
    before, after = cells[number - 1], cells[(number + 1) % len(cells)]
    goes_on = after.is_open and after.is_tail
    classes = ["c"]
    classes += ["h"] if column % 2 == 0 else []
    classes += ["q"] if column % 12 == 0 else []
    if cell.is_open:
        joins = (
            bool(column)
            and before.is_open
            and before.is_tail == cell.is_tail
            and before.closes == 100
            and cell.opens == 0
        )
        is_last = column == HALF_HOURS - 1
        ends = is_last and not goes_on
        if not is_last:
            ends = not (
                after.is_open and after.is_tail == cell.is_tail and after.opens == 0 and cell.closes == 100
            )
        marks = {
            "o": True,
            "k": cell.is_tail,
            "p": cell.is_partly,
            "s": not joins and not cell.is_tail,
            "e": ends,
        }
        classes += [name for name, is_on in marks.items() if is_on]
        classes += ["x"] if is_last and goes_on else []
    state = "partly open" if cell.is_partly else "open" if cell.is_open else "closed"
    clock = f"{column // 2:02}:{column % 2 * 3}0"
    return Cell(
        " ".join([*classes, *([now] if now else [])]),
        f"{day} {clock}, {state}{', now' if now else ''}",
        bool(now),
    )


def day_words(windows: Sequence[Window]) -> str:
    """The windows that begin on one day; "closed" where none does."""
    if not windows:
        return "closed"
    if len(windows) > MOST_TOLD:
        return f"{len(windows)} windows, {clock_words(windows[0].start)} to {end_words(windows[-1].end)}"
    return ", ".join(window_words(window) for window in windows)


def window_words(window: Window) -> str:
    """From when until when, with the day on which it ends where that is the next one."""
    if window.start == window.end:
        return "open all day"
    words = f"{clock_words(window.start)}–{end_words(window.end)}"
    if time.min < window.end < window.start and window.day_of_week is not None:
        words += f" {DAYS[(window.day_of_week + 1) % 7][1][:3]}"
    return words


def end_words(end: time) -> str:
    """The midnight that ends a day is 24:00."""
    return "24:00" if end == time.min else clock_words(end)


def clock_words(value: time) -> str:
    """ "07:00", and with seconds where it has any."""
    return f"{value:%H:%M}" if not value.second and not value.microsecond else value.isoformat()


def as_data(windows: tuple[Window, ...]) -> list[dict[str, Any]]:
    """The windows of each day, as the grid's script takes and gives them."""
    return [
        {"day": window.day_of_week, "start": window.start.isoformat(), "end": window.end.isoformat()}
        for day in by_day(windows)
        for window in day
    ]


def from_data(text: str) -> tuple[Window, ...]:
    """The week that the grid's script sent, in the fewest windows; raises BadWindows."""
    try:
        found = json.loads(text)
        windows = [_window(each) for each in found[: MOST_WINDOWS + 1]]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadWindows("The schedule could not be read; open the page again.") from error
    if len(windows) > MOST_WINDOWS:
        raise BadWindows("The schedule has more windows than a week has half hours.")
    if not windows:
        raise BadWindows(NOTHING_OPEN)
    return tidy(windows)


def _window(each: Any) -> Window:
    day = each["day"]
    if type(day) is not int:
        raise TypeError("day")
    return Window(day, time.fromisoformat(each["start"]), time.fromisoformat(each["end"]))


NOTHING_OPEN = "Nothing would be open. Open at least one half hour; to stop the campaign, switch it off."

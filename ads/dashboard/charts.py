"""What the charts draw, as the browser reads it: amounts in micros, None where there is nothing to draw.

Each chart has its numbers beside it in a table; charts.js turns them into units for the axes.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

from ads import formats
from ads.currencies import minor_units
from ads.rules.pacing import Projection
from ads.rules.periods import Calendar
from ads.services.day_series import Day
from ads.services.hours import Hours

Chart = dict[str, Any]


def hours_chart(hours: Hours, calendar: Calendar, currency: str, now_hour: int) -> Chart:
    """Spend per hour; the hours to come are empty."""
    labels = [formats.clock(start, calendar) for start in hours.starts]
    spent = [micros if at <= now_hour else None for at, micros in enumerate(hours.spent)]
    ticks = [label if at % 4 == 0 else "" for at, label in enumerate(labels)]
    return _money(currency) | {"labels": labels, "tick": ticks, "spend": spent}


def days_chart(days: Sequence[Day], today: date, currency: str) -> Chart:
    """Spend per day against the budget in force on each."""
    is_month = len(days) <= 31
    return _money(currency) | {
        "labels": [f"{day.day:%a} {day.day.day} {day.day:%b}" for day in days],
        "tick": [tick(day.day, days[-1].day, today, is_month=is_month) for day in days],
        "spend": [day.spent for day in days],
        "budget": [day.budget for day in days],
        "today": next((at for at, day in enumerate(days) if day.day == today), -1),
    }


def month_chart(
    days: Sequence[Day],
    today: date,
    budget: int | None,
    even: Sequence[int],
    course: Sequence[Projection],
    waived: int,
    currency: str,
) -> Chart:
    """The month's spend day by day against the even line, with where it goes from here.

    What was waived is spent all the same, so it stands below the projection of what counts.
    """
    spent: list[int | None] = []
    total = 0
    for day in days:
        total += day.spent or 0
        spent.append(None if day.spent is None else total)
    at_today = today.day - 1
    # From where the month stands now, and then each day's end; of today only what it stands at is drawn.
    now = spent[at_today]
    ahead = [(None, None, None)] * at_today + [(now, now, now)]
    ahead += [
        (each.micros + waived, each.low_micros + waived, each.high_micros + waived) for each in course[1:]
    ]
    middle, low, high = ([point[kind] for point in ahead] if course else [] for kind in range(3))
    return _money(currency) | {
        "labels": [f"{day.day.day} {day.day:%b}" for day in days],
        "tick": [tick(day.day, days[-1].day, today, is_month=True) for day in days],
        "spent": spent,
        "even": list(even),
        "budget": budget,
        "mid": middle,
        "lo": low,
        "hi": high,
        "today": at_today,
    }


def _money(currency: str) -> Chart:
    return {"cur": formats.symbol(currency), "digits": minor_units(currency)}


def tick(day: date, last: date, today: date, *, is_month: bool) -> str:
    """The day under the axis, or nothing: a few are enough."""
    if not is_month:
        return f"{day.day} {day:%b}" if day.day in {1, 15} else ""
    is_near_today = day != today and abs((day - today).days) < 2
    is_regular = day.day == 1 or (day.day % 5 == 0 and (last - day).days > 1) or day == last
    return str(day.day) if day == today or (is_regular and not is_near_today) else ""

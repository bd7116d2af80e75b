"""Dates as exports write them. Whether 03/04 is in March or April is decided once for a whole file."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from ads.importers.records import shorten

LONGEST = 64


class Order(StrEnum):
    """Which of the two small numbers of a date comes first."""

    DAY_FIRST = "dmy"
    MONTH_FIRST = "mdy"


class Moment(NamedTuple):
    """A date and, where one is written, the minutes since midnight on the clock on the wall.

    An offset beside the time is left aside: a platform writes the time of its account.
    """

    day: date
    minutes: int | None


class Span(ValueError):
    """A value that covers more than a day."""


_TIME = (
    r"(?:(?:T|,?\s+)(?P<hour>\d{1,2})(?::(?P<minute>\d{2}))?(?::(?P<second>\d{2})(?:[.,]\d+)?)?"
    r"\s*(?P<half>[AaPp]\.?[Mm]\.?)?\s*(?:Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?)?"
)
_WEEKDAY = r"(?:[A-Za-z]{3,9},\s*)?"
_YEAR_FIRST = re.compile(
    r"(?P<year>\d{4})(?P<sep>[-/.])(?P<month>\d{1,2})(?P=sep)(?P<day>\d{1,2})" + _TIME, re.ASCII
)
_COMPACT = re.compile(r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})" + _TIME, re.ASCII)
_YEAR_LAST = re.compile(
    r"(?P<first>\d{1,2})(?P<sep>[-/.])(?P<second_>\d{1,2})(?P=sep)(?P<year>\d{4}|\d{2})" + _TIME, re.ASCII
)
_NAMED = [
    re.compile(
        _WEEKDAY + r"(?P<name>[A-Za-z]{3,9})\.?\s+(?P<day>\d{1,2}),?\s+(?P<year>\d{4})" + _TIME, re.ASCII
    ),
    re.compile(
        _WEEKDAY + r"(?P<day>\d{1,2})[-\s](?P<name>[A-Za-z]{3,9})\.?[-,\s]\s*(?P<year>\d{4}|\d{2})" + _TIME,
        re.ASCII,
    ),
]
_MONTHS = {
    name: number
    for number, names in enumerate(
        ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
         "november", "december"),
        start=1,
    )
    for name in (names, names[:3], names[:4])
}  # fmt: skip
_SERIAL = re.compile(r"[3-6]\d{4}(?:\.\d+)?", re.ASCII)  # of 1982 to 2091, with the time as a fraction
_BETWEEN = re.compile(r"\s+(?:-|–|—|to|until|~)\s+|\s*[–—~]\s*", re.IGNORECASE)
_MONTH_OR_LONGER = re.compile(
    r"\d{4}[-/](?:0?[1-9]|1[0-2]|W\d{1,2}|Q[1-4])|\d{4}|Q[1-4]\s+\d{4}|(?P<name>[A-Za-z]{3,9})\.?\s+\d{4}",
    re.ASCII,
)


def read_moment(text: str, order: Order | None) -> Moment:
    """Return the date (and time) of a cell. Raises Span where it covers more than a day, else ValueError."""
    text = text.strip()
    if len(text) > LONGEST:
        raise ValueError(f"“{shorten(text)}” is not a date; 2026-05-31 would be one")
    if found := _YEAR_FIRST.fullmatch(text) or _COMPACT.fullmatch(text):
        return _moment(int(found["year"]), int(found["month"]), int(found["day"]), found)
    if found := _YEAR_LAST.fullmatch(text):
        first, second = int(found["first"]), int(found["second_"])
        if order is None and first != second:
            raise ValueError(f"“{shorten(text)}” leaves open which number is the month")
        month, day = (first, second) if order == Order.MONTH_FIRST else (second, first)
        return _moment(_year(found["year"]), month, day, found)
    for pattern in _NAMED:
        found = pattern.fullmatch(text)
        if found and (month_ := _MONTHS.get(found["name"].lower())):
            return _moment(_year(found["year"]), month_, int(found["day"]), found)
    if _is_span(text, order):
        raise Span(f"“{shorten(text)}” covers more than one day")
    if _SERIAL.fullmatch(text):
        raise ValueError(
            f"“{text}” is the number by which a spreadsheet counts days; format the column as a date"
        )
    raise ValueError(f"“{shorten(text)}” is not a date; 2026-05-31 would be one" if text else "is empty")


def _moment(year: int, month: int, day: int, found: re.Match[str]) -> Moment:
    try:
        on = date(year, month, day)
    except ValueError:
        raise ValueError(f"“{shorten(found.group())}” is not in the calendar") from None
    if found["hour"] is None:
        return Moment(on, None)
    hour, minute = int(found["hour"]), int(found["minute"] or 0)
    if found["half"] and 1 <= hour <= 12:
        hour = hour % 12 + (12 if found["half"][0] in "Pp" else 0)
    if hour > 23 or minute > 59:
        raise ValueError(f"“{shorten(found.group())}” has no time of day that exists")
    return Moment(on, hour * 60 + minute)


def _year(digits: str) -> int:
    return int(digits) if len(digits) == 4 else 2000 + int(digits)


def _is_span(text: str, order: Order | None) -> bool:
    longer = _MONTH_OR_LONGER.fullmatch(text)
    if longer is not None and (longer["name"] is None or longer["name"].lower() in _MONTHS):
        return True
    ends = _BETWEEN.split(text, maxsplit=1)
    if len(ends) != 2:
        return False
    try:
        for end in ends:
            read_moment(end, order or Order.DAY_FIRST)
    except ValueError:
        return False
    return True


@dataclass(slots=True)
class OrderEvidence:
    """What a file's dates say about their order; rows and texts are kept for the message."""

    day_first: tuple[int, str] | None = None
    month_first: tuple[int, str] | None = None
    ambiguous: tuple[int, str] | None = None
    dotted: tuple[int, str] | None = None
    short: tuple[int, str] | None = None
    firsts: set[int] = field(default_factory=set)
    lasts: set[int] = field(default_factory=set)
    may_begin_with_year: bool = True

    def add(self, seen: Iterable[tuple[str, int]]) -> None:
        """Weighs cells, each with the first row that holds it."""
        for text, row in seen:
            found = _YEAR_LAST.fullmatch(text.strip()) if len(text) <= LONGEST else None
            if found is None:
                continue
            first, second = int(found["first"]), int(found["second_"])
            if len(found["year"]) == 2:
                self._add_short(first, second, int(found["year"]), (row, text))
            if first > 12:
                self.day_first = self.day_first or (row, text)
            elif second > 12:
                self.month_first = self.month_first or (row, text)
            elif first != second:
                if found["sep"] == ".":
                    self.dotted = self.dotted or (row, text)
                else:
                    self.ambiguous = self.ambiguous or (row, text)

    def _add_short(self, first: int, second: int, last: int, seen: tuple[int, str]) -> None:
        """Weighs a date whose year has two digits and may come first, as in 26-05-31."""
        self.short = self.short or seen
        self.firsts.add(first)
        self.lasts.add(last)
        self.may_begin_with_year &= 1 <= second <= 12 and 1 <= last <= 31

    def decide(self) -> Order | None:
        """The order of all dates; None where there is none to decide. Raises ValueError where it stays open.

        Dots decide too: no locale writes the month before the day with dots between. Of two numbers the year is the
        one that differs less.
        """
        if self.short and self.may_begin_with_year and len(self.firsts) <= len(self.lasts):
            row, text = self.short
            raise ValueError(
                f"no date tells whether “{shorten(text)}” in row {row} begins or ends with the year; export dates as "
                "2026-05-31, or, if the year comes last, say --date-order dmy or mdy"
            )
        if self.day_first and self.month_first:
            (row, text), (other_row, other) = sorted([self.day_first, self.month_first])
            ways = f"“{shorten(text)}” in row {row}, “{shorten(other)}” in row {other_row}"
            raise ValueError(f"dates are written in two ways: {ways}")
        if self.day_first:
            return Order.DAY_FIRST
        if self.month_first:
            return Order.MONTH_FIRST
        if self.ambiguous:
            row, text = self.ambiguous
            raise ValueError(
                f"no date tells whether “{shorten(text)}” in row {row} has the day or the month first; export dates "
                "as 2026-05-31, add a day after the 12th, or say --date-order dmy or mdy"
            )
        return Order.DAY_FIRST if self.dotted else None

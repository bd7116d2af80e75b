"""The cells of one sheet of an XLSX, as its XML parser reports them, turned into rows of text.

Numbers are taken as they are written in the file, never through a float.
"""

import re
from datetime import date, datetime, timedelta
from decimal import Context, Decimal, InvalidOperation

from ads.importers.records import ImportRefused, shorten

LONGEST_CELL = 131_072
MOST_ROWS, MOST_COLUMNS = 1_048_576, 16_384  # Excel's own limits
SIGNIFICANT = Context(prec=15)  # digits that a spreadsheet keeps; those beyond are noise of its arithmetic
NOT_OF_A_FORMAT = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.|_.|\*.')

Attributes = dict[str, str]


class Cells:
    """Collects a sheet's rows."""

    def __init__(self, name: str, strings: list[str], is_date: list[bool], epoch: date) -> None:
        self._name = name
        self._strings = strings
        self._is_date = is_date
        self._epoch = epoch
        self._rows: list[list[str]] = []
        self._rows_done = 0
        self._row: list[str] = []
        self._columns: dict[str, int] = {}
        self._attributes: Attributes = {}
        self._pieces: list[str] = []
        self._length = 0
        self._is_reading = self._is_aside = False
        self._formula: str | None = None

    def take(self) -> list[list[str]]:
        """The rows that have ended since the last time."""
        rows, self._rows = self._rows, []
        return rows

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "c":
            self._attributes = attributes
            self._begin_text()
            self._formula = None
        elif name in ("v", "t", "f"):
            self._is_reading = not self._is_aside
        elif name == "rPh":
            self._is_aside = True
        elif name == "row":
            self._begin_row(attributes.get("r"))

    def text(self, data: str) -> None:
        if self._is_reading:
            self._pieces.append(data)
            self._length += len(data)
            if self._length > LONGEST_CELL:
                raise self._too_long("".join(self._pieces))

    def end(self, name: str) -> None:
        if name in ("v", "t"):
            self._is_reading = False
        elif name == "f":
            self._is_reading = False
            self._formula = "".join(self._pieces)
            self._begin_text()
        elif name == "c":
            self._end_cell()
        elif name == "rPh":
            self._is_aside = False
        elif name == "row":
            self._rows.append(self._row)
            self._rows_done += 1

    def _begin_text(self) -> None:
        self._pieces.clear()
        self._length = 0

    def _too_long(self, value: str) -> ImportRefused:
        reason = f"“{shorten(value)}” is longer than {LONGEST_CELL:,} characters"
        return ImportRefused(self._name, reason, row=self._rows_done + 1, column=self._column() + 1)

    def _begin_row(self, number: str | None) -> None:
        row = (
            int(number)
            if number is not None and number.isdecimal() and len(number) < 9
            else self._rows_done + 1
        )
        if not self._rows_done < row <= MOST_ROWS:
            raise ImportRefused(
                self._name, f"has a row {row} after row {self._rows_done}; no spreadsheet does"
            )
        self._rows += [[] for _ in range(row - self._rows_done - 1)]
        self._rows_done = row - 1
        self._row = []

    def _column(self) -> int:
        letters = self._attributes.get("r", "").rstrip("0123456789")
        if not letters:
            if len(self._row) >= MOST_COLUMNS:
                raise ImportRefused(
                    self._name, f"has a row of more than {MOST_COLUMNS:,} cells; no spreadsheet does"
                )
            return len(self._row)
        column = self._columns.get(letters)
        if column is None:
            column = 0
            for letter in letters[:4]:
                column = column * 26 + ord(letter.upper()) - ord("A") + 1
            column -= 1
            if not 0 <= column < MOST_COLUMNS:
                raise ImportRefused(self._name, f"has a column {shorten(letters)}; no spreadsheet does")
            self._columns[letters] = column
        return column

    def _end_cell(self) -> None:
        if self._pieces:
            value = self._value("".join(self._pieces))
        elif self._formula is not None and self._attributes.get("t") != "str":
            value = f"={self._formula}"  # nobody has worked out what it gives
        elif "r" in self._attributes:
            return
        else:
            value = ""  # of a cell that does not say where it is: it takes its place
        row, column = self._row, self._column()
        if column == len(row):
            row.append(value)
            return
        if column > len(row):
            row += [""] * (column - len(row) + 1)
        row[column] = value

    def _value(self, text: str) -> str:
        kind = self._attributes.get("t", "n")
        if kind == "n":
            style = self._attributes.get("s", "0")
            if style.isdecimal() and int(style) < len(self._is_date) and self._is_date[int(style)]:
                return _moment(text, self._epoch)
            return text if text.isdecimal() else _number(text)
        if kind == "s":
            index = int(text) if text.isdecimal() else -1
            if not 0 <= index < len(self._strings):
                raise ImportRefused(self._name, f"refers to a text {shorten(text)} that it does not hold")
            if len(self._strings[index]) > LONGEST_CELL:
                raise self._too_long(self._strings[index])
            return self._strings[index]
        if kind == "b":
            return "TRUE" if text == "1" else "FALSE"
        return text


def _number(text: str) -> str:
    """A number as text, in a way that does not take 1.234 for a thousand and something."""
    try:
        number = str(SIGNIFICANT.create_decimal(text.strip()))
    except InvalidOperation:
        return text
    _, _, decimals = number.partition(".")
    return f"{number}0" if len(decimals) == 3 and decimals.isdecimal() else number


def _moment(text: str, epoch: date) -> str:
    """A date serial (days since the epoch, the time as a fraction) as text."""
    try:
        serial = Decimal(text.strip())
        seconds = int((serial * 86_400).to_integral_value())
        if seconds < 86_400:
            return str(timedelta(seconds=seconds))  # a time of day alone
        moment = datetime(epoch.year, epoch.month, epoch.day) + timedelta(seconds=seconds)  # noqa: DTZ001
    except (InvalidOperation, OverflowError, ValueError):
        return text
    return moment.date().isoformat() if seconds % 86_400 == 0 else moment.isoformat(" ", "seconds")


def is_date_format(code: str) -> bool:
    bare = NOT_OF_A_FORMAT.sub("", code.partition(";")[0]).lower()
    return any(letter in bare for letter in "dmyhs") and "#" not in bare and "general" not in bare

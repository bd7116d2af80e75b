"""A report as a file: exact amounts, no formula that a spreadsheet would run, and memory for a few rows at a time."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from io import StringIO
from tempfile import TemporaryFile
from typing import IO

from xlsxwriter import Workbook

from ads.rules.money import from_micros
from ads.services.reports import Key, Question, Row

MOST_ROWS_IN_A_SHEET = 100_000
_LINES_A_CHUNK = 500
_EXCEL_READS_UTF8 = "\N{BYTE ORDER MARK}"
_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_DIGITS_OF_A_NUMBER = 15  # as many as a spreadsheet keeps

Cell = str | date | Decimal | None


@dataclass(frozen=True, slots=True)
class Table:
    """The lines of an answered question, and as of when they are where each is to say it."""

    question: Question
    rows: Iterable[Row]
    as_of: datetime | None = None

    def header(self) -> list[str]:
        """The names of the columns."""
        names = [name for _, name in _key_columns(self.question)]
        budgets = ["Budget", "Overspend"] if self.question.has_budgets else []
        return [*names, "Currency", "Spent", *budgets, *([] if self.as_of is None else ["As of"])]

    def lines(self) -> Iterator[Sequence[Cell]]:
        """The cells of each line."""
        moment = [] if self.as_of is None else [self.as_of.isoformat(timespec="seconds")]
        return ([*_cells(self.question, row), *moment] for row in self.rows)


def write_csv(table: Table) -> Iterator[str]:
    """The lines of a CSV file, some at a time."""
    buffer = StringIO()
    buffer.write(_EXCEL_READS_UTF8)
    # All quoted, so that a program which separates by semicolons finds no other cells in a name.
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL)
    writer.writerow(table.header())
    for number, line in enumerate(table.lines(), start=1):
        writer.writerow([_plain(cell) for cell in line])
        if number % _LINES_A_CHUNK == 0:
            yield _taken(buffer)
    yield _taken(buffer)


def write_xlsx(table: Table) -> IO[bytes]:
    """A spreadsheet, in a file that is gone when it is closed."""
    file = TemporaryFile()  # noqa: SIM115 - whoever sends it closes it
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = Workbook(file, options)
    sheet = book.add_worksheet("Spend")
    bold, day = book.add_format({"bold": True}), book.add_format({"num_format": "yyyy-mm-dd"})
    money = book.add_format({"num_format": "#,##0.00####"})
    sheet.freeze_panes(1, 0)
    sheet.set_column(0, len(table.header()) - 1, 18)
    for column, name in enumerate(table.header()):
        sheet.write_string(0, column, name, bold)
    for number, line in enumerate(table.lines(), start=1):
        for column, cell in enumerate(line):
            if isinstance(cell, date):
                sheet.write_datetime(number, column, cell, day)
            elif isinstance(cell, Decimal) and len(cell.as_tuple().digits) <= _DIGITS_OF_A_NUMBER:
                sheet.write_number(number, column, cell, money)
            elif cell is not None:
                sheet.write_string(number, column, _text(cell))
    book.close()
    file.seek(0)
    return file


def _key_columns(question: Question) -> list[tuple[str, str]]:
    """Attributes of a row and what their columns are called."""
    keys = question.keys
    chosen = []
    if keys & {Key.BRAND, Key.CAMPAIGN}:
        chosen.append(("brand", "Brand"))
    if Key.CAMPAIGN in keys:
        chosen.append(("campaign", "Campaign"))
    if keys & {Key.CAMPAIGN, Key.PLATFORM}:
        chosen.append(("platform", "Platform"))
    if keys & {Key.DAY, Key.MONTH}:
        chosen.append(("starts_on", "Day" if Key.DAY in keys else "Month"))
    return chosen


def _cells(question: Question, row: Row) -> Sequence[Cell]:
    amounts = [row.spent, *([row.budget, row.overspend] if question.has_budgets else [])]
    return [
        *(getattr(row, name) for name, _ in _key_columns(question)),
        row.currency,
        *(None if micros is None else from_micros(micros) for micros in amounts),
    ]


def _plain(cell: Cell) -> str:
    """A cell of a CSV file. Text that a spreadsheet would take for a formula begins with an apostrophe."""
    if cell is None:
        return ""
    if isinstance(cell, Decimal):
        return f"{cell:f}"
    if isinstance(cell, date):
        return cell.isoformat()
    return f"'{cell}" if cell.lstrip(" ").startswith(_STARTS_FORMULA) else cell


def _text(cell: str | Decimal) -> str:
    """A text cell of a spreadsheet, never one that the writer would take for markup of its own."""
    if isinstance(cell, Decimal):
        return f"{cell:f}"
    return f"{cell} " if cell.startswith("<r>") else cell


def _taken(buffer: StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text

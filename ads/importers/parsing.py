"""A file that is understood, and its rows."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from itertools import islice, zip_longest
from typing import TypeVar

from ads.importers.cells import CellReader
from ads.importers.dates import Order
from ads.importers.header import Options, find_header
from ads.importers.layout import Cells, Key, Layout, lay_out, picker
from ads.importers.reading import Table
from ads.importers.records import BadRow, Broken, ImportRefused, ParsedRow, Problem, RowProblem
from ads.importers.survey import Findings, Survey, numbered
from ads.importers.totals import is_note, is_total

MOST_REMEMBERED = 100_000
LEFT_OUT_SHOWN = 20
ROWS_TO_FIND_A_DATE = 1_000
LONGEST_CELL_KEPT = 10_000

K = TypeVar("K")
T = TypeVar("T")


def understand(table: Table, options: Options) -> "Export":
    """Finds the format and decides how the file is written, from all of it. Raises ImportRefused."""
    format_, dialect, row, header = find_header(table, options)
    layout = lay_out(table.name, format_, header, row)
    skip = row - table.first_row + 1

    survey = Survey(table.name, layout, order=options.date_order, mark=options.decimal_mark)
    survey.take(numbered(islice(table.rows(dialect), skip, None), row + 1))
    if survey.needs_more():
        survey.take_others(numbered(islice(table.rows(dialect), skip, None), row + 1))
    export = Export(table, dialect, row, layout, survey.findings())
    _refuse_without_dates(table.name, export, layout)
    return export


def _refuse_without_dates(file: str, export: "Export", layout: Layout) -> None:
    """Raises ImportRefused where no row says when: that is no column of dates, and each row would wait for a person."""
    beginning = list(islice(export.rows(), ROWS_TO_FIND_A_DATE))
    if beginning and all(isinstance(row, BadRow) and row.problem == Problem.DATE for row in beginning):
        first = beginning[0]
        reason = first.reason.partition(": ")[2] if isinstance(first, BadRow) else ""
        raise ImportRefused(
            file, f"no row has a date that can be read: {reason}", row=first.row, column=layout.date.name
        )


class Export:
    """A file that is understood: its format, and its rows as often as they are asked for."""

    def __init__(
        self, table: Table, dialect: str, header_row: int, layout: Layout, findings: Findings
    ) -> None:
        self._table = table
        self._dialect = dialect
        self._header_row = header_row
        self._layout = layout
        self._findings = findings
        self._cells = CellReader(layout, findings)
        self._days: dict[Key, tuple[date, int | None]] = {}
        self._amounts: dict[str, tuple[int, str | None]] = {}
        self._owners: dict[Key, tuple[str, str, str, str | None]] = {}
        self._lines: dict[Key, str] = {}
        self._days_of = picker([layout.date.index, *([layout.hour] if layout.hour >= 0 else [])])
        self._owner_of = picker([layout.campaign_id, layout.campaign_name, layout.account, layout.currency])
        self._line_of = picker(findings.line_columns)
        self.rows_left_out = 0
        self.left_out: list[int] = []

    @property
    def platform(self) -> str:
        return self._layout.format.platform

    @property
    def title(self) -> str:
        """The format's name for people."""
        return self._layout.format.title

    @property
    def has_campaigns(self) -> bool:
        """Whether the file says which campaign a row belongs to."""
        return self._layout.has_campaigns

    @property
    def has_ids(self) -> bool:
        """Whether each row has an id of its own."""
        return self._layout.external_id >= 0

    @property
    def columns_read(self) -> list[tuple[str, str]]:
        """The columns that are read: what each says, and its name in the file."""
        return [(role, self._layout.names[index]) for role, index in self._layout.roles if index >= 0]

    @property
    def percent_read(self) -> int:
        """How far the latest reading has come."""
        return self._table.percent_read

    @property
    def notes(self) -> list[str]:
        """How the file was read, where it could have been otherwise."""
        found, notes = self._findings, list(self._table.notes)
        if found.order is not None:
            notes.append(f"Dates have the {'day' if found.order == Order.DAY_FIRST else 'month'} first.")
        if found.reader.mark == ",":
            notes.append("Amounts have a decimal comma.")
        if found.is_hourly:
            notes.append("Each row is one hour.")
        return notes

    def rows(self) -> Iterator[ParsedRow | BadRow]:
        """Every row of data, in order; `left_out` then holds the first rows of totals and notes, which are none."""
        self.rows_left_out, self.left_out = 0, []
        platform, width, amount_at = self.platform, self._layout.width, self._layout.amount.index
        days, amounts, owners, lines = self._days, self._amounts, self._owners, self._lines
        days_of, owner_of, line_of = self._days_of, self._owner_of, self._line_of
        id_at = self._layout.external_id
        skip = self._header_row - self._table.first_row + 1
        rows = islice(self._table.rows(self._dialect), skip, None)
        for number, row in enumerate(rows, self._header_row + 1):
            if isinstance(row, Broken):
                yield BadRow(number, Problem.ROW, row.reason, (("", row.text[:LONGEST_CELL_KEPT]),))
                continue
            try:
                if len(row) != width:
                    self._fit(row)
                row.append("")  # what columns that the file lacks, at -1, hold
                try:
                    day, hour = days[days_of(row)]
                    account, campaign_id, name, currency = owners[owner_of(row)]
                    line = lines[line_of(row)]
                except KeyError:
                    self._learn(row)
                    day, hour = days[days_of(row)]
                    account, campaign_id, name, currency = owners[owner_of(row)]
                    line = lines[line_of(row)]
                amount = amounts.get(row[amount_at])
                micros, sign = self._amount(row[amount_at]) if amount is None else amount
                if sign is not None:
                    currency = self._cells.agreed(currency, sign)
                external_id = self._cells.record_id(row[id_at]) if id_at >= 0 else ""
            except RowProblem as problem:
                if not self._is_data(row, number):
                    continue
                yield BadRow(number, problem.problem, problem.reason, self._as_it_stands(row))
                continue
            yield ParsedRow(
                number,
                platform,
                account,
                campaign_id,
                name,
                day,
                hour,
                line,
                micros,
                currency,
                external_id,
            )

    def _learn(self, row: Cells) -> None:
        """Reads what was not read before in this file. Raises RowProblem."""
        _remember(self._days, self._days_of(row), self._cells.day)
        _remember(self._owners, self._owner_of(row), self._cells.owner)
        _remember(self._lines, self._line_of(row), self._cells.line)

    def _amount(self, text: str) -> tuple[int, str | None]:
        amount = self._cells.amount(text)
        if len(self._amounts) < MOST_REMEMBERED:
            self._amounts[text] = amount
        return amount

    def _fit(self, row: Cells) -> None:
        """Gives a row the header's width. Raises RowProblem where its cells cannot be told apart."""
        width, cells = self._layout.width, len(row)
        if any(cell.strip() for cell in row[width:]):
            raise RowProblem(
                Problem.ROW,
                f"has {cells} cells under a header of {width}: a value that holds the delimiter needs quotation marks",
            )
        del row[width:]
        row += [""] * (width - cells)
        if cells <= self._layout.last_needed + 1 and cells < width:
            raise RowProblem(
                Problem.ROW, f"ends after {cells} of {width} cells; the file may have been cut off"
            )

    def _as_it_stands(self, row: Cells) -> tuple[tuple[str, str], ...]:
        cells = zip_longest(self._layout.names, row, fillvalue="")
        return tuple((name, cell[:LONGEST_CELL_KEPT]) for name, cell in cells if name or cell)

    def _is_data(self, row: Cells, number: int) -> bool:
        """Whether a row that cannot be read was to be read at all."""
        if not any(cell.strip() for cell in row):
            return False
        width = self._layout.width
        if (
            is_total(row, self._layout)
            or is_note(row, self._layout)
            or _same(row[:width], self._layout.names)
        ):
            self.rows_left_out += 1
            if len(self.left_out) < LEFT_OUT_SHOWN:
                self.left_out.append(number)
            return False
        return True


def _remember(known: dict[K, T], key: K, read: Callable[[K], T]) -> None:
    if key in known:
        return
    if len(known) >= MOST_REMEMBERED:
        known.clear()
    known[key] = read(key)


def _same(row: Sequence[str], names: Sequence[str]) -> bool:
    """Whether a row repeats the header, as where files were put one after the other."""
    return [cell.strip() for cell in row] == list(names)

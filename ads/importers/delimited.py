"""Rows of CSV, TSV and the like, in bounded memory however long a line or a cell is."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice

from ads.importers.records import Broken, ImportRefused, Row, shorten
from ads.importers.text import Text

LONGEST_ROW = 1 << 20  # characters
DELIMITERS = (",", ";", "\t", "|")


@dataclass(slots=True)
class _Progress:
    rows: int = 0


class DelimitedText:
    """CSV, TSV and the like; a dialect is its delimiter."""

    dialects: tuple[str, ...] = DELIMITERS
    dialects_are_parts = False
    first_row = 1

    def __init__(self, text: Text, *, is_quoted_well: bool = False) -> None:
        self._text = text
        self._is_quoted_well = is_quoted_well
        self.name = text.name
        self.notes = text.notes

    @property
    def percent_read(self) -> int:
        return self._text.percent_read

    def rows(self, dialect: str) -> Iterator[Row]:
        progress = _Progress()
        reader = csv.reader(chain.from_iterable(self._blocks(progress)), delimiter=dialect)
        lines = 0
        try:
            for progress.rows, row in enumerate(reader, 1):
                if reader.line_num - lines > 1 and not self._is_quoted_well:
                    yield _unless_others_are_in_it(row, dialect)
                else:
                    yield row
                lines = reader.line_num
        except csv.Error as error:
            raise self._endless(dialect, progress.rows + 1) from error

    def close(self) -> None:
        """Nothing stays open between readings."""

    def _blocks(self, progress: _Progress) -> Iterator[io.StringIO]:
        """Blocks of whole lines, cut without touching each line."""
        rest = ""
        rows, without_row = 0, 0
        for block in self._text.blocks():
            text = rest + block
            end = max(text.rfind("\n"), text.rfind("\r", 0, -1))  # a last \r may be half of a \r\n
            rest = text[end + 1 :]
            yield io.StringIO(text[: end + 1], newline="")
            # Lines that never make up a row: a quotation mark was opened and not closed.
            without_row = without_row + len(block) if progress.rows == rows else 0
            rows = progress.rows
            if len(rest) > LONGEST_ROW or without_row > 2 * LONGEST_ROW:
                # Given out as it is, so that the csv module says whether one cell is to blame.
                yield io.StringIO(rest, newline="")
                reason = f"“{shorten(rest)}” is part of a row of more than {LONGEST_ROW:,} characters"
                raise ImportRefused(self.name, reason, row=rows + 1)
        yield io.StringIO(rest, newline="")

    def _endless(self, delimiter: str, row: int) -> ImportRefused:
        """Names the cell that the csv module found too long."""
        lines = chain.from_iterable(self._blocks(_Progress()))
        for _ in islice(csv.reader(lines, delimiter=delimiter), row - 1):
            pass
        column, value = _endless_cell(next(lines, ""), delimiter)
        reason = (
            f"“{shorten(value)}” is longer than {csv.field_size_limit():,} characters; perhaps a quotation mark "
            "is opened and not closed"
        )
        return ImportRefused(self.name, reason, row=row, column=column)


def _unless_others_are_in_it(row: list[str], delimiter: str) -> Row:
    """The row, or why not where a quotation mark that was not closed has taken the next rows into one of its cells."""
    most = len(row) - 1
    for cell in row:
        first, *others = cell.splitlines() or [""]
        delimiters = [line.count(delimiter) for line in others]
        # Whole rows are in it; or the end of one and the beginning of another, whose own mark was taken for the end.
        is_cut = others and '"' in cell and first.count(delimiter) + delimiters[-1] == most
        if most and (most in delimiters or is_cut):
            reason = (
                f"“{shorten(cell)}” holds the rows that follow: a quotation mark is opened and not closed"
            )
            return Broken(reason, delimiter.join(row))
    return row


def _endless_cell(text: str, delimiter: str) -> tuple[int, str]:
    """The number of the cell that does not end in time, and how it begins."""
    column, start, quoted = 1, 0, False
    for index, char in enumerate(text):
        if char == '"':
            quoted = not quoted
        elif char == delimiter and not quoted:
            if index - start > csv.field_size_limit():
                break
            column, start = column + 1, index + 1
    return column, text[start : start + 200].lstrip('"')

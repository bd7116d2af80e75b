"""What single cells of a file say, its way of writing being known."""

import re
from datetime import date, timedelta

from ads.importers.amounts import SHARED_SIGNS, SIGNS, may_be
from ads.importers.dates import read_moment
from ads.importers.formats import Times
from ads.importers.layout import Key, Layout, parts
from ads.importers.records import LONGEST_STORED, Problem, RowProblem, fitted, shorten
from ads.importers.survey import Findings
from ads.importers.totals import is_named_like_a_total

LONGEST_TEXT = 1_000
NO_ID = frozenset({"", "-", "--", "—"})
# The latest UTC hour at which a midnight is that of the date written: Honolulu's. Later ones are of the next date.
LAST_HOUR_OF_SAME_DATE = 10

_ROUNDED = re.compile(r"\d(?:[.,]\d+)?[eE]\+?\d+|\d{16,}[.,]0+", re.ASCII)
_WHOLE_FLOAT = re.compile(r"(\d{1,15})\.0+", re.ASCII)
_WRAPPED = re.compile(r'="([^"]*)"')
_HOUR = re.compile(
    r"(\d{1,2})(?:(?::00){0,2}|\.0)", re.ASCII
)  # 5, 5:00, 5:00:00, or 5.0 of a column of floats
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class CellReader:
    """Reads cells, or raises RowProblem with a sentence that names column and value."""

    def __init__(self, layout: Layout, findings: Findings) -> None:
        self._layout = layout
        self._findings = findings

    def day(self, key: Key) -> tuple[date, int | None]:
        """The day a row counts for, and its hour where rows are hours."""
        cells = parts(key)
        name, times = self._layout.date.name, self._layout.when.times
        try:
            day, minutes = read_moment(cells[0], self._findings.order)
        except ValueError as error:
            raise RowProblem(Problem.DATE, f"column “{name}”: {error}") from None
        if times == Times.UTC_MIDNIGHT:
            return day + timedelta(days=(minutes or 0) // 60 > LAST_HOUR_OF_SAME_DATE), None
        if len(cells) > 1:
            return day, self._hour(cells[1])
        if self._findings.is_hourly:
            if minutes is None:
                raise RowProblem(Problem.DATE, f"column “{name}”: “{shorten(cells[0])}” lacks the hour")
            return day, minutes // 60
        if minutes:
            problem = f"“{shorten(cells[0])}” has a time of day, but rows of this export are days"
            raise RowProblem(Problem.DATE, f"column “{name}”: {problem}")
        return day, None

    def _hour(self, text: str) -> int:
        found = _HOUR.fullmatch(text.strip())
        if found is None or int(found[1]) > 23:
            name = self._layout.names[self._layout.hour]
            raise RowProblem(
                Problem.DATE, f"column “{name}”: “{shorten(text)}” is not an hour; 0 to 23 would be"
            )
        return int(found[1])

    def amount(self, text: str) -> tuple[int, str | None]:
        """Micros, and the currency written beside the number."""
        try:
            return self._findings.reader.read(text)
        except ValueError as error:
            raise RowProblem(Problem.AMOUNT, f"column “{self._layout.amount.name}”: {error}") from None

    def owner(self, key: Key) -> tuple[str, str, str, str | None]:
        """Account, campaign id, campaign name and currency."""
        layout, cells = self._layout, parts(key)
        campaign_id = self._campaign_id(cells[0])
        name = fitted(self._plain(cells[1], layout.campaign_name, Problem.CAMPAIGN))
        if layout.campaign_id < 0 <= layout.campaign_name and (not name or is_named_like_a_total(name)):
            raise RowProblem(Problem.CAMPAIGN, f"“{shorten(name)}” is a sum" if name else "names no campaign")
        account = layout.format.clean_account(self._id(cells[2], layout.account, Problem.CAMPAIGN))
        return account, campaign_id, name, self._currency(cells[3])

    def _campaign_id(self, text: str) -> str:
        layout = self._layout
        if layout.campaign_id < 0:
            return ""
        written = self._id(text, layout.campaign_id, Problem.CAMPAIGN)
        if written in NO_ID:
            raise RowProblem(
                Problem.CAMPAIGN, f"column “{layout.names[layout.campaign_id]}”: names no campaign"
            )
        try:
            return layout.format.clean_campaign_id(written)
        except ValueError as error:
            name = layout.names[layout.campaign_id]
            raise RowProblem(Problem.CAMPAIGN, f"column “{name}”: “{shorten(written)}” {error}") from None

    def _currency(self, text: str) -> str | None:
        code = text.strip()
        code = SIGNS.get(code, code if code in SHARED_SIGNS else code.upper())
        if not code:
            return self._findings.currency
        if not (code in SHARED_SIGNS or re.fullmatch("[A-Z]{3}", code)):
            name = self._layout.names[self._layout.currency]
            raise RowProblem(
                Problem.CURRENCY, f"column “{name}”: “{shorten(text)}” is no currency; USD would be one"
            )
        of_amounts = self._findings.currency
        if of_amounts is None:
            return code
        if may_be(code, of_amounts):
            return of_amounts
        if may_be(of_amounts, code):
            return code
        amount, name = self._layout.amount.name, self._layout.names[self._layout.currency]
        raise RowProblem(
            Problem.CURRENCY, f"column “{name}”: {code}, but column “{amount}” is {of_amounts}; leave one out"
        )

    def agreed(self, currency: str | None, sign: str) -> str:
        """The currency of a row whose amount carries one as well."""
        if currency is None or currency == sign or currency in SHARED_SIGNS.get(sign, ()):
            return currency or sign
        raise RowProblem(Problem.CURRENCY, f"the amount is in {sign}, but the file says {currency}")

    def record_id(self, text: str) -> str:
        """The id of the record that a row is."""
        index = self._layout.external_id
        value = self._id(text, index, Problem.ROW)
        if not value:
            raise RowProblem(Problem.ROW, f"column “{self._layout.names[index]}”: has no id")
        return value

    def line(self, key: Key) -> str:
        """The finest id, or the segments, as "level=id"; '' at campaign level."""
        label, columns = self._findings.label, self._findings.line_columns
        if not columns:
            return ""
        cells = parts(key)
        if len(cells) == 1:
            value = self._id(cells[0], columns[0], Problem.LINE)
        else:
            values = (self._plain(cell, at, Problem.LINE) for cell, at in zip(cells, columns, strict=True))
            value = "|".join(value.replace("\\", "\\\\").replace("|", "\\|") for value in values)
        return fitted(f"{label}={value}")

    def _id(self, text: str, index: int, problem: Problem) -> str:
        """An id as the platform writes it. Spreadsheets round long ones: such a ruin is refused."""
        value = self._plain(text, index, problem).removeprefix("'")
        name = self._layout.names[index] if index >= 0 else ""
        if _ROUNDED.fullmatch(value):
            rounded = f"“{shorten(value)}” is an id that a spreadsheet has rounded"
            raise RowProblem(
                problem, f"column “{name}”: {rounded}; import the platform's file as it was downloaded"
            )
        if len(value) > LONGEST_STORED:
            raise RowProblem(
                problem, f"column “{name}”: “{shorten(value)}” is longer than {LONGEST_STORED} characters"
            )
        whole = _WHOLE_FLOAT.fullmatch(value)
        return whole[1] if whole else value

    def _plain(self, text: str, index: int, problem: Problem) -> str:
        """A text without what guards it from spreadsheets; a formula is refused."""
        value = text.strip()
        name = self._layout.names[index] if index >= 0 else ""
        if len(value) > LONGEST_TEXT:
            raise RowProblem(
                problem, f"column “{name}”: “{shorten(value)}” is longer than {LONGEST_TEXT:,} characters"
            )
        if value.startswith("="):
            wrapped = _WRAPPED.fullmatch(value)
            if wrapped is None:
                raise RowProblem(problem, f"column “{name}”: “{shorten(value)}” is a formula; export values")
            value = wrapped[1].strip()
        return _storable(value)


def _storable(text: str) -> str:
    """The text without control characters and halves of characters, which no database takes."""
    return _CONTROL.sub(" ", text if text.isascii() else text.encode(errors="replace").decode())

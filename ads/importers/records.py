"""What comes out of a file: a row, a row that is kept out, or a file that is refused."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from hashlib import blake2b
from typing import NamedTuple

from ads.errors import BudgetSystemError

LONGEST_SHOWN = 60
LONGEST_STORED = 255


class Problem(StrEnum):
    """Why a row is kept out, in the words of the summary."""

    ROW = "row cannot be read"
    DATE = "date cannot be read"
    AMOUNT = "amount cannot be read"
    CURRENCY = "other or unreadable currency"
    LINE = "ad or segment cannot be read"
    CAMPAIGN = "no campaign, or its id was damaged"
    UNKNOWN_CAMPAIGN = "campaign is not known"
    NO_CAMPAIGN = "file does not say of which campaign"
    FOREIGN_CAMPAIGN = "campaign of another brand"
    OUT_OF_RANGE = "date or amount is out of range"
    CONFLICT = "would count twice"


class ParsedRow(NamedTuple):
    """What one row says was spent. `row` counts from 1 with the header and what stands above it, as a
    spreadsheet does.

    `account`, `campaign_id`, `campaign_name` are '' where the file has none. `line` is "level=id" of the finest
    id of the export, '' at campaign level. `day` and `hour` are the platform account's. `currency` is an ISO
    code, a sign such as "$" that several currencies share, or "not USD"; None where the file does not say.
    `external_id` is the record's own id, '' where rows are totals.
    """

    row: int
    platform: str
    account: str
    campaign_id: str
    campaign_name: str
    day: date
    hour: int | None
    line: str
    amount_micros: int
    currency: str | None
    external_id: str = ""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be taken, with a sentence that names column, value and what would be right.

    `cells` is the row as it stands in the file: pairs of a column's name, '' where it has none, and the cell.
    """

    row: int
    problem: Problem
    reason: str
    cells: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Broken:
    """In the place of a row that cannot be taken apart: why, and its text."""

    reason: str
    text: str


Row = list[str] | Broken


class RowProblem(ValueError):
    """Raised while a row is read; becomes its BadRow."""

    def __init__(self, problem: Problem, reason: str) -> None:
        self.problem = problem
        self.reason = reason
        super().__init__(reason)


class ImportRefused(BudgetSystemError):
    """A file of which nothing can be taken: names file, row and column, and says what would be right."""

    def __init__(
        self, file: str, reason: str, *, row: int | None = None, column: str | int | None = None
    ) -> None:
        place = [file]
        if row is not None:
            place.append(f"row {row}")
        if column is not None:
            place.append(f"column {column}" if isinstance(column, int) else f"column “{shorten(column)}”")
        self.row = row
        super().__init__(f"{', '.join(place)}: {reason}")


def shorten(value: str) -> str:
    """The value as messages show it: short, on one line and printable."""
    cut = value if len(value) <= LONGEST_SHOWN else f"{value[: LONGEST_SHOWN - 1]}…"
    return "".join(char if char.isprintable() else "�" for char in cut)


def fitted(text: str) -> str:
    """The text where a column holds it, else its beginning and a digest, so that no two become the same."""
    if len(text) <= LONGEST_STORED:
        return text
    return f"{text[:200]}#{blake2b(text.encode(), digest_size=16).hexdigest()}"

"""Finds the header of a file, and with it the platform and how the file is cut into cells."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from ads.importers import registry
from ads.importers.amounts import MARKS
from ads.importers.dates import Order
from ads.importers.formats import Columns, Format, renamed
from ads.importers.reading import Table
from ads.importers.records import Broken, ImportRefused, shorten

HEADER_WITHIN = 60  # rows; above it platforms write a title, the range and the like
GENERIC = "generic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a person may say about a file; all else is found.

    `columns` names columns by role: date, amount, campaign, campaign_id, line, currency, id (the record's own).
    """

    format: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    micros: bool | None = None
    date_order: Order | None = None
    decimal_mark: str = ""

    def __post_init__(self) -> None:
        if self.decimal_mark not in ("", *MARKS):
            raise ValueError(f"decimal_mark: {self.decimal_mark!r} is none; give . or ,")


def find_header(table: Table, options: Options) -> tuple[Format, str, int, list[str]]:
    """The format, the dialect under which it shows, and the header with its row number."""
    fitting = _fitting(table.name, options)
    problem: ImportRefused | None = None
    seen: list[str] = []
    for dialect in table.dialects:
        try:
            for number, row in enumerate(islice(table.rows(dialect), HEADER_WITHIN), table.first_row):
                if isinstance(row, Broken):
                    continue
                found = fitting(row)
                if len(found) > 1:
                    names = " or ".join(format_.platform for format_ in found)
                    raise ImportRefused(table.name, f"may be of {names}; say which with --format", row=number)
                if found:
                    while len(row) > 1 and not row[-1].strip():
                        row.pop()
                    _refuse_more_parts(table, dialect, fitting)
                    return found[0], dialect, number, row
                seen = max(seen, [cell for cell in row if cell.strip()], key=len)
        except ImportRefused as error:
            problem = problem or error  # with the right delimiter all may be well
    raise problem or ImportRefused(table.name, _unknown(seen, options))


def _refuse_more_parts(table: Table, first: str, fitting: Callable[[Sequence[str]], list[Format]]) -> None:
    """Raises ImportRefused where other parts of the file hold rows of an export too: one may be a copy of another."""
    if not table.dialects_are_parts:
        return
    parts = [
        first,
        *(other for other in table.dialects if other != first and _holds_rows(table, other, fitting)),
    ]
    if len(parts) > 1:
        sheets = " and ".join(f"“{shorten(part)}”" for part in parts[:2])
        reason = (
            f"has an export on each of the sheets {sheets}; save the one that counts as a file of its own"
        )
        raise ImportRefused(table.name, reason)


def _holds_rows(table: Table, dialect: str, fitting: Callable[[Sequence[str]], list[Format]]) -> bool:
    """Whether there is a header with a row that is not blank below it."""
    rows = (row for row in table.rows(dialect) if not isinstance(row, Broken))
    has_header = any(fitting(row) for row in islice(rows, HEADER_WITHIN))
    return has_header and any(cell.strip() for row in rows for cell in row)


def _fitting(file: str, options: Options) -> Callable[[Sequence[str]], list[Format]]:
    """A function that says of which formats, as far as the person leaves it open, a row is the header."""
    name = options.format or (GENERIC if options.columns else "")
    if not name:
        return registry.recognised
    named = [known for known in registry.formats() if known.platform == name]
    if not named:
        raise ImportRefused(
            file, f"“{shorten(name)}” is no format; there are {', '.join(registry.format_names())}"
        )
    if name == GENERIC and not (options.columns.get("date") and options.columns.get("amount")):
        raise ImportRefused(file, "name its columns: --date-column and --amount-column at least")
    formats = [renamed(known, options.columns, micros=options.micros) for known in named]
    asked = [column for column in options.columns.values() if column]

    def fitting(header: Sequence[str]) -> list[Format]:
        columns = Columns(header)
        if not all(columns.has(column) for column in asked):
            return []
        return [known for known in formats if any(columns.find(money.column) for money in known.amounts)]

    return fitting


def _unknown(seen: Sequence[str], options: Options) -> str:
    shown = ", ".join(f"“{shorten(name)}”" for name in seen[:12]) + (", …" if len(seen) > 12 else "")
    if options.columns or options.format:
        asked = [f"“{shorten(name)}”" for name in options.columns.values() if name]
        wanted = ", ".join(asked) or f"those of {options.format}"
        return f"has no header with the columns {wanted}; it has {shown or 'none'}"
    return (
        f"is no export that is known: its columns are {shown or 'none'}. Name them with --date-column, "
        "--amount-column and --campaign-column, or say --format"
    )

"""Small export files made in a test, and what comes out of them."""

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ads.importers import BadRow, ImportRefused, Options, ParsedRow, open_table, understand
from ads.rules.money import from_micros
from budget_system.environment import BASE_DIR

SHARED = BASE_DIR.parent / "shared" / "data"

needs_shared_data = pytest.mark.skipif(
    not SHARED.is_dir(), reason=f"the real export files are not here: {SHARED} is missing"
)


@dataclass
class Parsed:
    """Everything a file gave."""

    platform: str
    rows: list[ParsedRow] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    left_out: list[int] = field(default_factory=list)

    @property
    def total(self) -> Decimal:
        return from_micros(sum(row.amount_micros for row in self.rows))

    @property
    def amounts(self) -> list[str]:
        return [str(from_micros(row.amount_micros)) for row in self.rows]

    @property
    def days(self) -> list[str]:
        return [row.day.isoformat() for row in self.rows]

    @property
    def reasons(self) -> list[str]:
        return [f"row {bad.row}: {bad.reason}" for bad in self.bad]


def parse(path: Path, **options: Any) -> Parsed:
    """Reads a file to its end."""
    with open_table(path) as table:
        export = understand(table, Options(**options))
        parsed = Parsed(export.platform)
        for row in export.rows():
            if isinstance(row, BadRow):
                parsed.bad.append(row)
            else:
                parsed.rows.append(row)
        parsed.notes, parsed.left_out = export.notes, export.left_out
    return parsed


def refusal(path: Path, **options: Any) -> str:
    """The sentence with which a file is refused."""
    with pytest.raises(ImportRefused) as caught:
        parse(path, **options)
    return str(caught.value)


class Files:
    """Writes files into a test's own folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, content: str | bytes, name: str = "export.csv", encoding: str = "utf-8") -> Path:
        path = self._folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    def lines(self, *lines: str, name: str = "export.csv") -> Path:
        return self.write("".join(f"{line}\n" for line in lines), name)

    def meta(self, *rows: str, header: str = "date_start,campaign_id,spend") -> Path:
        """An export of Meta's API: the plainest there is."""
        return self.lines(header, *rows)

    def written(self, *amounts: str, delimiter: str = ";") -> Path:
        """A table as people write it, to be read with COLUMNS."""
        rows = [f"2026-05-{day:02}{delimiter}{amount}" for day, amount in enumerate(amounts, 1)]
        return self.lines(f"When{delimiter}Paid", *rows)

    def dated(self, *dates: str) -> Path:
        """A table of these dates, to be read with COLUMNS."""
        return self.lines("When;Paid", *(f"{date};1.00" for date in dates))


COLUMNS = {"date": "When", "amount": "Paid"}


def xlsx(path: Path, rows: Sequence[Sequence[object]], *, title: str = "Report") -> Path:
    """A spreadsheet as openpyxl writes it."""
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = title
    for row in rows:
        sheet.append(list(row))
    book.save(path)
    return path


MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def raw_xlsx(
    path: Path, rows: str, *, strings: str = "", formats: Sequence[str] = (), sheet: str = ""
) -> Path:
    """A spreadsheet of these XML rows and shared texts; cell style 1 has the first number format, and so on."""
    targets = {
        "worksheet": "worksheets/sheet1.xml",
        "styles": "/xl/styles.xml",
        "sharedStrings": "sharedStrings.xml",
    }
    codes = "".join(f'<numFmt numFmtId="{200 + i}" formatCode="{code}"/>' for i, code in enumerate(formats))
    styles = "".join(f'<xf numFmtId="{200 + i}"/>' for i in range(len(formats)))
    styles = f'<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/>{styles}</cellXfs>'
    sheets = '<sheets><sheet name="Data" r:id="worksheet"/></sheets>'
    parts = {
        "[Content_Types].xml": "<Types/>",
        "_rels/.rels": _relationships({"officeDocument": "xl/workbook.xml"}),
        "xl/workbook.xml": f'<workbook {MAIN} xmlns:r="{RELATIONS}">{sheets}</workbook>',
        "xl/_rels/workbook.xml.rels": _relationships(targets),
        "xl/styles.xml": f"<styleSheet {MAIN}><numFmts>{codes}</numFmts>{styles}</styleSheet>",
        "xl/sharedStrings.xml": f"<sst {MAIN}>{strings}</sst>",
        "xl/worksheets/sheet1.xml": sheet or f"<worksheet {MAIN}><sheetData>{rows}</sheetData></worksheet>",
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def _relationships(targets: Mapping[str, str]) -> str:
    return "".join(
        ["<Relationships>"]
        + [
            f'<Relationship Id="{kind}" Type="{RELATIONS}/{kind}" Target="{at}"/>'
            for kind, at in targets.items()
        ]
        + ["</Relationships>"]
    )

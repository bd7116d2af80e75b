"""XLSX, turned into text once, sheet by sheet, with a streaming XML parser.

The known libraries hold as much as a hostile file makes them hold: openpyxl a tree of all elements it does not
know, calamine every cell between the outermost two. Here nothing grows but the workbook's shared texts, up to a
limit.
"""

import csv
import posixpath
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import IO, BinaryIO, cast
from xml.parsers import expat

from ads.importers.delimited import DelimitedText
from ads.importers.records import ImportRefused, Row, shorten
from ads.importers.sheet_cells import LONGEST_CELL, Attributes, Cells, is_date_format
from ads.importers.text import Text

BLOCK = 1 << 18
LARGEST_UNPACKED = 2 << 30  # bytes of all parts
MOST_PACKED = 200  # times smaller than unpacked; exports of repeating zeros reach about 50
LARGEST_SMALL_PART = 16 << 20
LONGEST_TOKEN = 4 << 20  # bytes of one tag, one comment or the like, which the parser holds until it ends
DEEPEST = 64
MOST_STRINGS, MOST_STRING_CHARACTERS = 2_000_000, 1 << 27
DATE_STYLES = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
# What the zip module raises at archives that are cut off, damaged or worse.
DAMAGED = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, LookupError, ValueError, ArithmeticError,
    RuntimeError,
)  # fmt: skip


class Workbook:
    """An XLSX file; a dialect is the name of a sheet."""

    dialects_are_parts = True
    first_row = 1

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.notes: list[str] = []
        self.percent_read = 0
        self._texts: dict[str, DelimitedText] = {}
        self._files: list[IO[str]] = []
        try:
            self._archive = _checked_archive(path)
            self._parts = _Parts(self.name, self._archive)
        except DAMAGED as error:
            raise _unreadable(self.name, error) from error
        self.dialects = tuple(self._parts.sheets)
        if not self.dialects:
            raise ImportRefused(self.name, "has no sheet with cells")

    def rows(self, dialect: str) -> Iterator[Row]:
        if dialect not in self._texts:
            self._texts[dialect] = self._as_text(dialect)
        text = self._texts[dialect]
        for row in text.rows(","):
            self.percent_read = text.percent_read
            yield row

    def close(self) -> None:
        self._archive.close()
        for file in self._files:
            file.close()

    def _as_text(self, sheet: str) -> DelimitedText:
        file = tempfile.NamedTemporaryFile("w", newline="", encoding="utf-8", suffix=".csv")  # noqa: SIM115
        self._files.append(file)
        writer = csv.writer(file)
        try:
            writer.writerows(self._parts.rows(sheet))
        except DAMAGED as error:
            raise _unreadable(self.name, error) from error
        file.flush()
        path = Path(file.name)
        return DelimitedText(
            Text.probe(self.name, lambda: cast("BinaryIO", path.open("rb")), may_be_empty=True),
            is_quoted_well=True,
        )


def _checked_archive(path: Path) -> zipfile.ZipFile:
    archive = zipfile.ZipFile(path)
    parts = archive.infolist()
    declared = sum(part.file_size for part in parts)
    if declared > min(LARGEST_UNPACKED, max(MOST_PACKED * path.stat().st_size, LARGEST_SMALL_PART)):
        raise ImportRefused(
            path.name, f"would unpack to {declared:,} bytes; that is no export but a zip bomb"
        )
    if any(part.flag_bits & 1 for part in parts):
        raise ImportRefused(path.name, "is protected by a password; save it without")
    if "[Content_Types].xml" not in archive.namelist():
        raise ImportRefused(path.name, "is a ZIP archive but no XLSX; unpack it first")
    return archive


class _Parts:
    """What a workbook's parts say: its sheets, shared texts, date styles and where its dates begin."""

    def __init__(self, name: str, archive: zipfile.ZipFile) -> None:
        self._name = name
        self._archive = archive
        main = self._targets("", "_rels/.rels").get("officeDocument", {"": "xl/workbook.xml"})
        workbook = next(iter(main.values()))
        folder, base = posixpath.split(workbook)
        targets = self._targets(folder, f"{folder}/_rels/{base}.rels")
        self.sheets: dict[str, str] = {}
        self._epoch = date(1899, 12, 30)
        self._read_workbook(workbook, targets.get("worksheet", {}))
        self._is_date: list[bool] = []
        for part in targets.get("styles", {}).values():
            self._read_styles(part)
        self._strings: list[str] = []
        for part in targets.get("sharedStrings", {}).values():
            self._read_strings(part)

    def rows(self, sheet: str) -> Iterator[list[str]]:
        """The cells of a sheet as text, all rows as wide as the widest before them."""
        cells = Cells(self._name, self._strings, self._is_date, self._epoch)
        width = 0
        for _ in self._feed(self.sheets[sheet], cells.start, cells.end, cells.text, LARGEST_UNPACKED):
            for row in cells.take():
                width = max(width, len(row))
                yield row + [""] * (width - len(row))

    def _targets(self, folder: str, part: str) -> dict[str, dict[str, str]]:
        """The parts that a part refers to, by the kind of relation and their ids."""
        found: dict[str, dict[str, str]] = {}

        def start(name: str, attributes: Attributes) -> None:
            if name == "Relationship":
                kind = attributes.get("Type", "").rpartition("/")[2]
                target = posixpath.normpath(posixpath.join("/", folder, attributes.get("Target", "")))
                found.setdefault(kind, {})[attributes.get("Id", "")] = target.lstrip("/")

        if part in self._archive.NameToInfo:
            self._read_small(part, start)
        return found

    def _read_workbook(self, part: str, targets: dict[str, str]) -> None:
        def start(name: str, attributes: Attributes) -> None:
            if name == "workbookPr" and attributes.get("date1904") in ("1", "true"):
                self._epoch = date(1904, 1, 1)
            elif name == "sheet":
                reference = next((value for key, value in attributes.items() if key.endswith(":id")), "")
                if reference in targets:
                    self.sheets[attributes.get("name", reference)] = targets[reference]

        self._read_small(part, start)

    def _read_styles(self, part: str) -> None:
        own_formats: dict[str, bool] = {}
        inside: list[str] = []

        def start(name: str, attributes: Attributes) -> None:
            if name == "numFmt":
                own_formats[attributes.get("numFmtId", "")] = is_date_format(attributes.get("formatCode", ""))
            elif name in ("cellXfs", "cellStyleXfs", "dxfs"):
                inside[:] = [name]
            elif name == "xf" and inside == ["cellXfs"]:
                number = attributes.get("numFmtId", "0")
                known = number.isdecimal() and int(number) in DATE_STYLES
                self._is_date.append(own_formats.get(number, known))

        self._read_small(part, start)

    def _read_strings(self, part: str) -> None:
        pieces: list[str] = []
        path: list[str] = []
        length = total = 0

        def start(name: str, _: Attributes) -> None:
            path.append(name)

        def text(data: str) -> None:
            nonlocal length
            # Beyond what a cell may hold the rest is of no use: the cell that refers to it is refused.
            if path[-1] == "t" and "rPh" not in path and length <= LONGEST_CELL:  # rPh: how Japanese is read
                pieces.append(data)
                length += len(data)

        def end(name: str) -> None:
            nonlocal length, total
            path.pop()
            if name == "si":
                self._strings.append("".join(pieces))
                total += length
                length = 0
                pieces.clear()
                if len(self._strings) > MOST_STRINGS or total > MOST_STRING_CHARACTERS:
                    raise ImportRefused(self._name, "holds too much text for one XLSX; export CSV")

        for _ in self._feed(part, start, end, text, LARGEST_UNPACKED):
            pass

    def _read_small(self, part: str, start: Callable[[str, Attributes], None]) -> None:
        for _ in self._feed(part, start, lambda _: None, None, LARGEST_SMALL_PART):
            pass

    def _feed(
        self,
        part: str,
        start: Callable[[str, Attributes], None],
        end: Callable[[str], None],
        text: Callable[[str], None] | None,
        most_bytes: int,
    ) -> Iterator[None]:
        """Parses a part block by block, and pauses after each."""
        parser = expat.ParserCreate()
        watch = _Watch(self._name, part, start, end)
        parser.buffer_text = True
        parser.StartElementHandler = watch.start
        parser.EndElementHandler = watch.end
        parser.CharacterDataHandler = text
        parser.StartDoctypeDeclHandler = watch.refuse_doctype
        size = 0
        try:
            with self._archive.open(part) as file:
                while block := file.read(BLOCK):
                    size += len(block)
                    if size > most_bytes:
                        raise ImportRefused(
                            self._name, f"its part {part} unpacks to more than {most_bytes:,} bytes"
                        )
                    parser.Parse(block, False)
                    if size - parser.CurrentByteIndex > LONGEST_TOKEN:
                        raise ImportRefused(self._name, f"its part {part} holds a tag that does not end")
                    yield
            parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise _unreadable(self._name, error) from error
        yield


class _Watch:
    """Stands before a part's handlers so that no depth fills the memory."""

    def __init__(
        self, name: str, part: str, start: Callable[[str, Attributes], None], end: Callable[[str], None]
    ) -> None:
        self._name, self._part = name, part
        self._start, self._end = start, end
        self._depth = 0

    def start(self, name: str, attributes: Attributes) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise ImportRefused(self._name, f"its part {self._part} is nested too deeply")
        self._start(name.rpartition(":")[2] if ":" in name else name, attributes)

    def end(self, name: str) -> None:
        self._depth -= 1
        self._end(name.rpartition(":")[2] if ":" in name else name)

    def refuse_doctype(self, *_: object) -> None:
        raise ImportRefused(self._name, f"its part {self._part} declares entities; no spreadsheet does")


def _unreadable(name: str, error: Exception) -> ImportRefused:
    return ImportRefused(name, f"cannot be read as XLSX ({shorten(str(error)) or type(error).__name__})")

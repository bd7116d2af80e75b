"""Opens an export file of any kind, found from how it begins, not from its name."""

import gzip
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from ads.importers.delimited import DelimitedText
from ads.importers.ndjson import JsonLines
from ads.importers.records import ImportRefused, Row
from ads.importers.spreadsheets import Workbook
from ads.importers.text import Text

PICTURE = "is a picture, not a table; export CSV or XLSX"
KINDS_REFUSED = {
    b"\xd0\xcf\x11\xe0": "is an old Excel file (.xls) or one protected by a password; save it as .xlsx or CSV",
    b"%PDF": "is a PDF; export CSV or XLSX",
    b"\x28\xb5\x2f\xfd": "is packed with zstd; unpack it first",
    b"BZh": "is packed with bzip2; unpack it first",
    b"\xfd7zXZ": "is packed with xz; unpack it first",
    b"PAR1": "is a Parquet file; export CSV",
    b"\x89PNG": PICTURE,
    b"\xff\xd8\xff": PICTURE,
    b"GIF8": PICTURE,
}


class Table(Protocol):
    """A file's rows, to be read as often as needed, in one of several ways of cutting it (dialects)."""

    @property
    def name(self) -> str: ...
    @property
    def dialects(self) -> tuple[str, ...]: ...
    @property
    def dialects_are_parts(self) -> bool:
        """Whether each dialect gives rows of its own, as the sheets of a workbook do."""
        ...

    @property
    def first_row(self) -> int:
        """The number of the first row that `rows` gives."""
        ...

    @property
    def notes(self) -> list[str]:
        """What a person should know of how it was read."""
        ...

    @property
    def percent_read(self) -> int:
        """How far the latest reading has come."""
        ...

    def rows(self, dialect: str) -> Iterator[Row]: ...

    def close(self) -> None: ...


def open_table(path: Path) -> closing[Table]:
    """Opens any export file and reads it through once. Raises ImportRefused."""
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except OSError as error:
        raise ImportRefused(path.name, f"cannot be read: {error.strerror or error}") from error
    if not start:
        raise ImportRefused(path.name, "is empty")
    for magic, reason in KINDS_REFUSED.items():
        if start.startswith(magic):
            raise ImportRefused(path.name, reason)
    if start.startswith(b"PK\x03\x04"):
        return closing(cast("Table", Workbook(path)))
    if start.startswith(b"\x1f\x8b"):
        return closing(_text_table(path.name, lambda: cast("BinaryIO", gzip.open(path)), packed=path))
    return closing(_text_table(path.name, lambda: path.open("rb")))


def _text_table(name: str, opener: Callable[[], BinaryIO], *, packed: Path | None = None) -> Table:
    text = Text.probe(name, opener, is_packed=packed is not None)
    beginning = "".join(islice(text.blocks(), 1)).lstrip()
    if beginning.startswith("{"):
        return JsonLines(text)
    if beginning.startswith("["):
        raise ImportRefused(name, "is one JSON array; export NDJSON, one object a line")
    return DelimitedText(text)

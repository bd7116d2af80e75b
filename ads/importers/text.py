"""A file's characters, in blocks: any Unicode encoding or Latin-1, packed with gzip or not.

A file is read to its end before it is given out, so that what is cut off, damaged or in a wrong encoding is
found before anything is booked.
"""

import gzip
import zlib
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, getincrementaldecoder
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import BinaryIO

from ads.importers.records import ImportRefused

BLOCK = 1 << 18  # bytes
LARGEST_UNPACKED = 8 << 30  # bytes


@dataclass(slots=True)
class Text:
    """A file's characters in blocks, its encoding found from all of it."""

    name: str
    opener: Callable[[], BinaryIO]
    encoding: str
    size: int
    notes: list[str] = field(default_factory=list)
    percent_read: int = 0

    @classmethod
    def probe(
        cls, name: str, opener: Callable[[], BinaryIO], *, is_packed: bool = False, may_be_empty: bool = False
    ) -> "Text":
        with opener() as file:
            try:
                start = file.read(BLOCK)
            except (OSError, EOFError, zlib.error) as error:
                raise _damaged(name, error) from error
        if is_packed and start.startswith((b"PK\x03\x04", b"\x1f\x8b")):
            raise ImportRefused(name, "holds another packed file; unpack it first")
        if not start and not may_be_empty:
            raise ImportRefused(name, "is empty")
        text = cls(name, opener, _encoding(start), 0)
        try:
            text.size = text._check()
        except _NotDecodable as error:
            if text.encoding != "utf-8-sig":
                reason = f"is not the {text.encoding.upper()} it begins as; save it as UTF-8"
                raise ImportRefused(name, reason, row=error.row) from error
            text._fall_back(looks_like_text=b"\0" not in start)
        return text

    def blocks(self) -> Iterator[str]:
        """The decoded text, in order."""
        decoder = getincrementaldecoder(self.encoding)()
        done = 0
        for block in self._bytes():
            done += len(block)
            self.percent_read = done * 100 // self.size if self.size else 0
            yield decoder.decode(block)
        yield decoder.decode(b"", final=True)

    def _bytes(self) -> Iterator[bytes]:
        try:
            with self.opener() as file:
                while block := file.read(BLOCK):
                    yield block
        except (OSError, EOFError, zlib.error) as error:
            raise _damaged(self.name, error) from error

    def _check(self) -> int:
        """Decodes all of it; returns its length in bytes."""
        decoder = getincrementaldecoder(self.encoding)()
        size, row = 0, 1
        for block in chain(self._bytes(), (b"",)):
            size += len(block)
            if size > LARGEST_UNPACKED:
                raise ImportRefused(self.name, f"unpacks to more than {LARGEST_UNPACKED:,} bytes; split it")
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                raise _NotDecodable(row + block.count(b"\n", 0, error.start)) from error
            if "\0" in text:
                row += text.count("\n", 0, text.index("\0"))
                raise ImportRefused(self.name, "holds NUL characters: it is no text, or damaged", row=row)
            row += text.count("\n")
        return size

    def _fall_back(self, *, looks_like_text: bool) -> None:
        self.encoding = "cp1252"
        try:
            self.size = self._check()
        except _NotDecodable as error:
            if not looks_like_text:
                raise ImportRefused(self.name, "is no text, so not a table; export CSV or XLSX") from error
            reason = "is neither UTF-8 nor Latin-1 (Windows-1252); save it as UTF-8"
            raise ImportRefused(self.name, reason, row=error.row) from error
        self.notes.append("It is not UTF-8 and was read as Latin-1 (Windows-1252).")


class _NotDecodable(Exception):
    def __init__(self, row: int) -> None:
        self.row = row


def _encoding(start: bytes) -> str:
    if start.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return "utf-16"
    if start.startswith(BOM_UTF8):
        return "utf-8-sig"
    head = start[: min(len(start), 1_000) & ~1]
    if len(head) >= 4 and b"\0" in head:
        # Text of mostly Latin letters in UTF-16 has its zeros at every second place.
        even, odd = head[::2].count(0), head[1::2].count(0)
        if odd > len(head) // 4 and not even:
            return "utf-16-le"
        if even > len(head) // 4 and not odd:
            return "utf-16-be"
    return "utf-8-sig"


def _damaged(name: str, error: Exception) -> ImportRefused:
    if isinstance(error, EOFError):
        return ImportRefused(name, "ends too early: it was cut off; download it again")
    if isinstance(error, (gzip.BadGzipFile, zlib.error)):
        return ImportRefused(name, f"is damaged ({error}); download it again")
    return ImportRefused(name, f"cannot be read: {error}")

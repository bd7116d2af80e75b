"""Rows of the ledger as Parquet files. The library is an extra, and loaded when a file is written or read."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from ads.errors import ArchiveError

MISSING = "the library PyArrow is not installed here: pip install -r requirements-archive.txt"
ROWS_IN_GROUP = 50_000
BLOCK = 1 << 20


class FileRow(NamedTuple):
    """A row of a file: the ledger's columns as they are stored, and the currency of its brand."""

    id: int
    brand_id: int
    campaign_id: int
    kind: str
    amount_micros: int
    occurred_at: datetime | None
    spent_on: date
    recorded_at: datetime
    source: str
    external_id: str | None
    description: str
    recorded_by: str
    while_off: bool
    reverses_id: int | None
    snapshot_key: bytes | None
    currency: str


Write = Callable[[Sequence[FileRow]], None]


def check_library() -> None:
    """Raises ArchiveError where the extra is not installed."""
    if find_spec("pyarrow") is None:
        raise ArchiveError(MISSING)


@contextmanager
def writing(path: Path) -> Iterator[Write]:
    """Gives what writes rows into this file, which is whole and on the disk afterwards."""
    import pyarrow as pa
    from pyarrow import parquet

    schema, waiting = _schema(), list[FileRow]()

    def flush() -> None:
        columns = zip(*waiting, strict=True)
        arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
        writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
        waiting.clear()

    def write(rows: Sequence[FileRow]) -> None:
        waiting.extend(rows)
        if len(waiting) >= ROWS_IN_GROUP:
            flush()

    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        yield write
        if waiting:
            flush()
    _to_disk(path)


def read(path: Path, rows_at_once: int) -> Iterator[list[FileRow]]:
    """The rows of a file in their order, so many at once."""
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        if not file.schema_arrow.equals(_schema()):
            raise ArchiveError(f"{path} does not have the columns of the ledger")
        for batch in file.iter_batches(rows_at_once):
            columns = [column.to_pylist() for column in batch.columns]
            yield [FileRow(*values) for values in zip(*columns, strict=True)]


def checksum(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def keep(partial: Path, final: Path, manifest: dict[str, Any]) -> None:
    """Gives a proven file its name, and lays its manifest beside it; both are on the disk afterwards."""
    beside = final.with_suffix(".json")
    beside.write_text(json.dumps(manifest, indent=2) + "\n")
    _to_disk(beside)
    partial.replace(final)
    _to_disk(final.parent)


def _schema() -> Any:
    import pyarrow as pa

    moment, text = pa.timestamp("us", tz="UTC"), pa.string()
    optional = {"occurred_at", "external_id", "reverses_id", "snapshot_key"}
    types = {
        "id": pa.int64(), "brand_id": pa.int64(), "campaign_id": pa.int64(), "kind": text,
        "amount_micros": pa.int64(), "occurred_at": moment, "spent_on": pa.date32(), "recorded_at": moment,
        "source": text, "external_id": text, "description": text, "recorded_by": text, "while_off": pa.bool_(),
        "reverses_id": pa.int64(), "snapshot_key": pa.binary(16), "currency": text,
    }  # fmt: skip
    return pa.schema([pa.field(name, kind, nullable=name in optional) for name, kind in types.items()])


def _to_disk(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return  # Windows opens no directories
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""Rows of NDJSON: one object a line; what is nested is named with dots, such as campaign.id."""

import json
from collections.abc import Iterator
from itertools import islice

from ads.importers.records import Broken, ImportRefused, Row, shorten
from ads.importers.text import Text

LONGEST_LINE = 1 << 20  # characters
LINES_FOR_KEYS = 1_000
MOST_COLUMNS = 16_384


class JsonLines:
    """An NDJSON file; its columns are the keys of its first lines."""

    dialects: tuple[str, ...] = ("",)
    first_row = 0  # the names of the keys come first and are no line of the file

    def __init__(self, text: Text) -> None:
        self._text = text
        self.name = text.name
        self.notes = text.notes
        keys: dict[str, None] = {}
        for cells in islice(self._objects(), LINES_FOR_KEYS):
            if isinstance(cells, dict):
                keys.update(dict.fromkeys(cells))
            if len(keys) > MOST_COLUMNS:
                raise ImportRefused(self.name, f"has more than {MOST_COLUMNS:,} keys; export fewer columns")
        self._keys = list(keys)

    @property
    def percent_read(self) -> int:
        return self._text.percent_read

    def rows(self, dialect: str) -> Iterator[Row]:
        yield list(self._keys)
        keys = self._keys
        for cells in self._objects():
            yield [cells.get(key, "") for key in keys] if isinstance(cells, dict) else cells

    def close(self) -> None:
        """Nothing stays open between rows."""

    def _objects(self) -> Iterator[dict[str, str] | Broken]:
        for line in self._lines():
            if not line.strip():
                yield {}
                continue
            cells: dict[str, str] = {}
            try:
                value = json.loads(line, parse_float=_unmistakable, parse_int=str, parse_constant=str)
                if isinstance(value, dict):
                    _flatten(value, "", cells)
            except (ValueError, RecursionError) as error:
                reason = "is nested too deeply" if isinstance(error, RecursionError) else "is not JSON"
                yield Broken(f"“{shorten(line.strip())}” {reason}", line)
            else:
                yield (
                    cells
                    if isinstance(value, dict)
                    else Broken(f"“{shorten(line.strip())}” is no JSON object", line)
                )

    def _lines(self) -> Iterator[str]:
        rest, number = "", 1
        for block in self._text.blocks():
            *lines, rest = (rest + block).split("\n")
            number += len(lines)
            yield from lines
            if len(rest) > LONGEST_LINE:
                reason = f"“{shorten(rest)}” is longer than {LONGEST_LINE:,} characters"
                raise ImportRefused(self.name, reason, row=number)
        if rest:
            yield rest


def _unmistakable(number: str) -> str:
    """A number with a decimal point, so that 1.234 is not taken for a thousand and something."""
    _, _, decimals = number.partition(".")
    return f"{number}0" if len(decimals) == 3 and decimals.isdigit() else number


def _flatten(value: object, name: str, into: dict[str, str]) -> None:
    if isinstance(value, dict):
        if value.keys() == {"year", "month", "day"}:
            into[name] = "-".join(str(value[part]).zfill(2) for part in ("year", "month", "day"))
            return
        for key, inner in value.items():
            _flatten(inner, f"{name}.{key}" if name else key, into)
    elif isinstance(value, list):
        into[name] = ",".join(str(inner) for inner in value if not isinstance(inner, (dict, list)))
    elif value is None:
        into[name] = ""
    elif isinstance(value, bool):
        into[name] = "true" if value else "false"
    else:
        into[name] = str(value)

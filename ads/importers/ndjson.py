"""Rows of NDJSON: one object a line; what is nested is named with dots, such as campaign.id."""

import json
from collections.abc import Iterator

from ads.importers.records import Broken, ImportRefused, Row, shorten
from ads.importers.text import Text

LONGEST_LINE = 1 << 20  # characters
MOST_COLUMNS = 16_384


class JsonLines:
    """An NDJSON file; its columns are the keys of all its lines, of which many leave out what is empty."""

    dialects: tuple[str, ...] = ("",)
    dialects_are_parts = False
    first_row = 0  # the names of the keys come first and are no line of the file

    def __init__(self, text: Text) -> None:
        self._text = text
        self.name = text.name
        self.notes = text.notes
        keys: dict[str, None] = {}
        broken: tuple[int, Broken] | None = None
        for number, cells in enumerate(self._objects(), 1):
            if isinstance(cells, Broken):
                broken = broken or (number, cells)
            elif not cells.keys() <= keys.keys():
                keys.update(dict.fromkeys(cells))
            if len(keys) > MOST_COLUMNS:
                raise ImportRefused(self.name, f"has more than {MOST_COLUMNS:,} keys; export fewer columns")
        if broken and not keys:
            raise ImportRefused(self.name, broken[1].reason, row=broken[0])
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
                value = json.loads(
                    line,
                    parse_float=_unmistakable,
                    parse_int=str,
                    parse_constant=str,
                    object_pairs_hook=_object,
                )
                if isinstance(value, dict):
                    _flatten(value, "", cells)
            except _Twice as error:
                yield Broken(f"“{shorten(line.strip())}” has the key “{shorten(str(error))}” twice", line)
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


class _Twice(ValueError):
    """A key that stands twice, so that nothing tells which of its values counts."""


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    read = dict(pairs)
    if len(read) < len(pairs):
        names = [name for name, _ in pairs]
        raise _Twice(next(name for name in names if names.count(name) > 1))
    return read


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
    elif name in into:  # as {"a.b": 1, "a": {"b": 2}}
        raise _Twice(name)
    elif isinstance(value, list):
        # With a space, so that no two numbers look like one.
        into[name] = ", ".join(str(inner) for inner in value if not isinstance(inner, (dict, list)))
    elif value is None:
        into[name] = ""
    elif isinstance(value, bool):
        into[name] = "true" if value else "false"
    else:
        into[name] = str(value)

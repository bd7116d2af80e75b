"""Amounts as exports write them: exact, never through a float. Whether 1,234 is a thousand or one and a bit is
decided once for a whole column."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from ads.importers.records import shorten
from ads.rules.money import MAX_MICROS, MICROS_PER_UNIT, MoneyError, to_micros

MARKS = (".", ",")
LONGEST = 64
# Signs that name one currency, and those that several share.
SIGNS = {
    "€": "EUR", "£": "GBP", "₹": "INR", "₺": "TRY", "₽": "RUB", "₩": "KRW", "₪": "ILS", "₫": "VND", "₦": "NGN",
    "₱": "PHP", "฿": "THB", "₴": "UAH", "zł": "PLN", "Kč": "CZK", "R$": "BRL", "US$": "USD", "CA$": "CAD",
    "C$": "CAD", "A$": "AUD", "AU$": "AUD", "NZ$": "NZD", "HK$": "HKD", "S$": "SGD", "MX$": "MXN", "NT$": "TWD",
    "Rs": "INR", "Rs.": "INR", "Rp": "IDR", "CN¥": "CNY", "JP¥": "JPY",
}  # fmt: skip
SHARED_SIGNS = {
    "$": frozenset({"USD", "CAD", "AUD", "NZD", "HKD", "SGD", "MXN", "ARS", "CLP", "COP", "TWD"}),
    "¥": frozenset({"JPY", "CNY"}),
    "kr": frozenset({"SEK", "NOK", "DKK", "ISK"}),
    "kr.": frozenset({"SEK", "NOK", "DKK", "ISK"}),
}

_SIGN = "|".join(sorted(map(re.escape, [*SIGNS, *SHARED_SIGNS]), key=len, reverse=True)) + "|[A-Z]{3}"
_SPACE = " \u00a0\u202f"
_CELL = re.compile(
    rf"(?P<open>\()?(?P<minus>[-\u2212+])?[{_SPACE}]*(?P<before>{_SIGN})?[{_SPACE}]*(?P<minus_>[-\u2212+])?"
    rf"(?P<number>[\d.,'\u2019{_SPACE}]*\d[.,]?(?:[eE][+-]?\d+)?)"
    rf"(?P<trailing>-)?[{_SPACE}]*(?P<after>{_SIGN})?(?P<close>\))?",
    re.ASCII,
)
_GROUPED_BY_SPACE = re.compile(rf"\d{{1,3}}(?:[{_SPACE}'\u2019]\d{{3}})+(?:[.,]\d*)?", re.ASCII)
_SPACING = re.compile(rf"[{_SPACE}'\u2019]")
_PLAIN = {
    ".": re.compile(r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII),
    ",": re.compile(r"(?:\d+,?\d*|,\d+)(?:[eE][+-]?\d+)?", re.ASCII),
}
# Groups of three, or India's: the last of three and those before of two.
_GROUPED = {
    ".": re.compile(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?|[1-9]\d?(?:,\d{2})+,\d{3}(?:\.\d*)?", re.ASCII),
    ",": re.compile(r"[1-9]\d{0,2}(?:\.\d{3})+(?:,\d*)?|[1-9]\d?(?:\.\d{2})+\.\d{3}(?:,\d*)?", re.ASCII),
}


def may_be(currency: str, home: str) -> bool:
    """Whether what a file says of its currency (a code, a shared sign, "not USD") allows that it is `home`."""
    if currency.startswith("not "):
        return currency != f"not {home}"
    return currency == home or home in SHARED_SIGNS.get(currency, ())


class _Cell(NamedTuple):
    number: str
    is_negative: bool
    sign: str | None


@dataclass(frozen=True, slots=True)
class AmountReader:
    """Reads a column's amounts, its decimal mark being known."""

    mark: str = "."
    in_micros: bool = False
    empty_is_zero: bool = False

    def read(self, text: str) -> tuple[int, str | None]:
        """Return micros, and the currency (or shared sign) where one is written beside the number.

        Raises ValueError with a reason that names the value.
        """
        whole, _, fraction = text.partition(self.mark)
        if (
            not self.in_micros
            and text.isascii()
            and whole.isdecimal()
            and len(whole) <= 9
            and len(fraction) <= 6
        ):
            if not fraction:
                return int(whole) * MICROS_PER_UNIT, None
            if fraction.isdecimal():
                return int(whole) * MICROS_PER_UNIT + int(fraction.ljust(6, "0")), None
        return self._read_slowly(text.strip())

    def _read_slowly(self, text: str) -> tuple[int, str | None]:
        if not text:
            if self.empty_is_zero:
                return 0, None
            raise ValueError("is empty; a day without spend is written 0")
        if text[0] in "=@":
            raise ValueError(f"“{shorten(text)}” is a formula; export values")
        cell = _split(text)
        digits = None if cell is None else _digits(cell.number, self.mark)
        if cell is None or digits is None:
            example = "12500000" if self.in_micros else f"12{self.mark}50"
            raise ValueError(f"“{shorten(text)}” is not an amount; {example} would be one")
        micros = _count(text, digits) if self.in_micros else _exact(text, digits)
        return -micros if cell.is_negative else micros, cell.sign


def _split(text: str) -> _Cell | None:
    """The parts of a cell, None where it holds no amount."""
    found = _CELL.fullmatch(text) if len(text) <= LONGEST else None
    if found is None or (found["open"] is None) != (found["close"] is None):
        return None
    minuses = [found[name] for name in ("minus", "minus_", "trailing") if found[name]]
    if len(minuses) + (found["open"] is not None) > 1:
        return None
    signs = {SIGNS.get(sign, sign) for sign in (found["before"], found["after"]) if sign}
    if len(signs) > 1:
        signs -= SHARED_SIGNS.keys()  # "$12.50 USD"
    if len(signs) > 1:
        return None
    is_negative = found["open"] is not None or bool(minuses and minuses[0] != "+")
    return _Cell(found["number"], is_negative, next(iter(signs), None))


def _digits(number: str, mark: str) -> str | None:
    """The number with a decimal point and nothing else; None where it is none under this decimal mark."""
    if _SPACING.search(number):
        if not _GROUPED_BY_SPACE.fullmatch(number):
            return None
        number = _SPACING.sub("", number)
    elif _GROUPED[mark].fullmatch(number):
        number = number.replace("," if mark == "." else ".", "")
    return number.replace(mark, ".") if _PLAIN[mark].fullmatch(number) else None


def _exact(text: str, digits: str) -> int:
    try:
        return to_micros(digits)
    except MoneyError as error:
        if "decimals" in str(error):
            problem = "has more than 6 decimals; micros, such as 0.000001, are the finest that is counted"
            raise ValueError(f"“{shorten(text)}” {problem}") from None
        raise _out_of_range(text) from None


def _count(text: str, digits: str) -> int:
    """A number that counts micros already."""
    try:
        value = Decimal(digits)
    except InvalidOperation:
        raise _out_of_range(text) from None
    if value.copy_abs() > MAX_MICROS:
        raise _out_of_range(text)
    if value != value.to_integral_value():
        raise ValueError(f"“{shorten(text)}” has a fraction, but this column counts whole micros")
    return int(value)


def _out_of_range(text: str) -> ValueError:
    return ValueError(
        f"“{shorten(text)}” is out of range; at most {MAX_MICROS // MICROS_PER_UNIT} is possible"
    )


@dataclass(slots=True)
class MarkEvidence:
    """What cells say about their decimal mark; rows and texts are kept for the message."""

    point: tuple[int, str] | None = None
    comma: tuple[int, str] | None = None
    point_or_group: tuple[int, str] | None = None
    comma_or_group: tuple[int, str] | None = None

    def add(self, seen: Iterable[tuple[str, int]]) -> None:
        """Weighs cells, each with the first row that holds it."""
        for text, row in seen:
            points, commas = text.count("."), text.count(",")
            if not points and not commas:
                continue
            if (self.point and points == 1 and not commas) or (self.comma and commas == 1 and not points):
                continue  # a single mark never proves that the other one is the decimal mark
            cell = _split(text.strip())
            if cell is None or not ("." in cell.number or "," in cell.number):
                continue
            as_point, as_comma = (_digits(cell.number, mark) is not None for mark in MARKS)
            if as_point and as_comma:
                if "." in cell.number:
                    self.point_or_group = self.point_or_group or (row, text)
                else:
                    self.comma_or_group = self.comma_or_group or (row, text)
            elif as_point:
                self.point = self.point or (row, text)
            elif as_comma:
                self.comma = self.comma or (row, text)

    @property
    def is_open(self) -> bool:
        """Whether there is something to decide and nothing that decides it."""
        return not (self.point or self.comma) and bool(self.point_or_group or self.comma_or_group)

    def decide(self, usual: str) -> str:
        """The column's decimal mark; `usual` is the platform's, '' where people's settings rule.

        Raises ValueError where the column contradicts itself or stays open.
        """
        if self.point and self.comma:
            (row, text), (other_row, other) = sorted([self.point, self.comma])
            ways = f"“{shorten(text)}” in row {row}, “{shorten(other)}” in row {other_row}"
            raise ValueError(f"amounts are written in two ways: {ways}")
        if self.point or self.comma:
            return "." if self.point else ","
        undecided = self.comma_or_group if usual == "." else self.point_or_group or self.comma_or_group
        if undecided is None:
            return usual or "."
        row, text = undecided
        raise ValueError(
            f"no amount tells whether “{shorten(text)}” in row {row} has thousands or decimals after its mark; export "
            "amounts with two decimals, or say --decimal-mark . or ,"
        )

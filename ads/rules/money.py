"""Money is an integer number of micros (1/1,000,000 of the currency's unit) inside and Decimal at the faces.

Every conversion is exact or raises. Rounded is only for display, and a budget that is changed by a percentage.
"""

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow

MICROS_PER_UNIT = 10**6
MAX_MICROS = 10**17  # 100 thousand million units: far beyond any budget, and sums of dozens still fit 64 bits

_EXACT = Context(prec=60, traps=[Inexact, InvalidOperation, Overflow, DivisionByZero])
_ROUNDING = Context(prec=60, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, Overflow, DivisionByZero])
_CENT = Decimal("0.01")
_MICROS_PER_CENT = 10**4
_MAX_UNITS = Decimal(MAX_MICROS // MICROS_PER_UNIT)
# Decimal() alone would also take "1_000", "NaN" and digits of other scripts.
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
# As amounts nearly always are written. Each of these is in range, so that integers do, in a third of the time.
_PLAIN = re.compile(r"(-?[0-9]{1,11})(?:\.([0-9]{1,6}))?")


class MoneyError(ValueError):
    """An amount that cannot be taken exactly; the message names field, value and what would be right."""


def to_micros(amount: Decimal | int | str, *, field: str = "amount") -> int:
    """Return `amount`, in units of the currency, as micros: exactly, or raise MoneyError.

    Decimals beyond the sixth are taken only where they are zeros.
    """
    if isinstance(amount, str) and (plain := _PLAIN.fullmatch(amount)):
        units, decimals = plain.groups("")
        return int(units + decimals.ljust(6, "0"))
    value = _as_decimal(amount, field)
    if not value.is_finite():
        raise _error(field, amount, "is not a number; give a finite amount such as 12.50")
    # Before any arithmetic: 1E+999999999 as an integer would fill the memory.
    if value.copy_abs() > _MAX_UNITS:
        raise _error(field, amount, f"is out of range; give at most {_MAX_UNITS:,}")
    try:
        micros = _EXACT.multiply(value, Decimal(MICROS_PER_UNIT))
        whole = _EXACT.quantize(micros, Decimal(1))
    except (Inexact, InvalidOperation):
        raise _error(field, amount, "has more than 6 decimals; give at most 6, such as 0.000001") from None
    return int(whole)


def from_micros(micros: int) -> Decimal:
    """Return `micros` as units of the currency, exactly, with two decimals or as many more as it needs."""
    if type(micros) is not int:  # a bool is an int, and SQLite hands floats to whoever lets it
        raise _error("micros", micros, f"is a {type(micros).__name__}; give an integer number of micros")
    value = _EXACT.scaleb(Decimal(micros), -6)
    if micros % _MICROS_PER_CENT == 0:
        return _EXACT.quantize(value, _CENT)
    return _EXACT.normalize(value)


def round_for_display(micros: int, minor_units: int) -> Decimal:
    """Return `micros` rounded half-even to `minor_units` decimals of the currency (USD 2, JPY 0, KWD 3)."""
    if minor_units < 0:
        raise ValueError(f"minor_units {minor_units} is negative; give the currency's number of decimals")
    rounded = _ROUNDING.quantize(from_micros(micros), Decimal((0, (1,), -minor_units)))
    return rounded or rounded.copy_abs()  # nobody wants to read -0.00


def by_percent(micros: int, percent: Decimal, minor_units: int, *, field: str = "amount") -> int:
    """Return `micros` changed by `percent` (+10, -5), rounded half-even to the currency's minor unit.

    Raise MoneyError where it would be out of range.
    """
    exact = _EXACT.divide(_EXACT.multiply(from_micros(micros), _EXACT.add(100, percent)), 100)
    return to_micros(f"{_ROUNDING.quantize(exact, Decimal((0, (1,), -minor_units))):f}", field=field)


def _as_decimal(amount: object, field: str) -> Decimal:
    if isinstance(amount, bool) or not isinstance(amount, (Decimal, int, str)):
        kind = type(amount).__name__
        raise _error(field, amount, f"is a {kind}; give a Decimal, an int or a string such as '12.50'")
    if isinstance(amount, str) and not _NUMBER.fullmatch(amount):
        raise _error(field, amount, "is not an amount; give digits with a decimal point, such as 12.50")
    try:
        return Decimal(amount)
    except InvalidOperation:
        raise _error(field, amount, "is out of range; give an amount such as 12.50") from None


def _error(field: str, amount: object, problem: str) -> MoneyError:
    try:
        shown = repr(amount)
    except ValueError:  # an int of more digits than Python turns into text
        shown = "the number given"
    return MoneyError(f"{field}: {shown if len(shown) <= 60 else shown[:57] + '...'} {problem}.")

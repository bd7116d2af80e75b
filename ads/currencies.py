"""Currencies by ISO 4217: into how small parts an amount of one can be divided."""

from functools import cache

from babel.numbers import get_currency_precision

# ISO 4217's minor units where the locale data says otherwise (it leaves out coins no longer in use).
_ISO_MINOR_UNITS = {"IQD": 3} | dict.fromkeys(
    ("AFN", "ALL", "IRR", "KPW", "LAK", "LBP", "MGA", "MMK", "RSD", "SOS", "SYP", "YER"), 2
)


@cache
def minor_units(currency: str) -> int:
    """Decimals of the currency by ISO 4217: USD 2, JPY 0, KWD 3."""
    return _ISO_MINOR_UNITS.get(currency, get_currency_precision(currency))

"""Form fields that people give amounts and moments in: exact, and told in the words of the brand."""

import re
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.utils import to_current_timezone

from ads import formats
from ads.currencies import minor_units
from ads.importers.amounts import AmountReader, may_be
from ads.rules.money import MoneyError, from_micros, round_for_display, to_micros
from ads.rules.periods import Calendar

_READER = AmountReader()
# What may be a thousand or one and a bit, by the reader's country.
_COMMA_OR_POINT = re.compile(r"\d+,\d{1,2}|\d{1,3}(\.\d{3})+,\d*|\d{1,3}(\.\d{3}){2,}", re.ASCII)
_POINT_OR_GROUP = re.compile(r"\D*([1-9]\d{0,2})\.(\d{3})\D*", re.ASCII)


class AmountField(forms.Field):
    """An amount as an exact Decimal, written as pages write it: 1,300.50. What cannot be taken exactly is refused.

    Of a budget the `currency` is known: its sign may stand beside the number, which has no more decimals than the
    currency, except where it is the `present` one.
    """

    widget = forms.TextInput

    def __init__(
        self,
        *,
        can_be_negative: bool = False,
        currency: str = "",
        present: Decimal | None = None,
        **kwargs: Any,
    ) -> None:
        self.can_be_negative = can_be_negative
        self.currency = currency
        self.present = present
        super().__init__(**kwargs)

    def to_python(self, value: object) -> Decimal | None:
        text = str(value).strip() if value is not None else ""
        if not text:
            return None
        micros = self._read(text)
        if micros < 0 and not self.can_be_negative:
            raise ValidationError(f"{text} is negative; give 0 or more.", code="negative")
        amount = from_micros(micros)
        if self.currency and amount != self.present:
            self._check_decimals(text, micros)
        return amount

    def _read(self, text: str) -> int:
        number = text.removeprefix(formats.symbol(self.currency).strip()) if self.currency else text
        try:
            micros, sign = _READER.read(number)
        except ValueError as error:
            raise ValidationError(_problem(text, number) or f"{error}.", code="invalid") from error
        if sign is not None and not self.currency:
            raise ValidationError(f"“{text}” names a currency; give the number alone.", code="invalid")
        if sign is not None and not may_be(sign, self.currency):
            told = f"“{text}” is not in {self.currency}, in which the brand’s budgets are."
            raise ValidationError(told, code="currency")
        return micros

    def _check_decimals(self, text: str, micros: int) -> None:
        places = minor_units(self.currency)
        found = _POINT_OR_GROUP.fullmatch(text)
        if found is not None and places != 3:
            whole, rest = found.groups()
            decimals = f"{whole}.{rest[:places]}".removesuffix(".")
            raise ValidationError(
                f"“{text}” may mean {whole},{rest} or {decimals}; write the one that you mean.",
                code="ambiguous",
            )
        if micros % 10 ** (6 - places):
            near = round_for_display(micros, places) or Decimal(1).scaleb(-places)
            few = f"at most {places}" if places else "none"
            told = f"“{text}” has more decimals than {self.currency}; give {few}, such as {near:,f}."
            raise ValidationError(told, code="decimals")

    def prepare_value(self, value: object) -> object:
        return f"{value:f}" if isinstance(value, Decimal) else value

    def has_changed(self, initial: object, data: object) -> bool:
        try:
            return bool(self.to_python(initial) != self.to_python(data))
        except ValidationError:
            return True

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {"inputmode": "decimal", "autocomplete": "off"}


def _problem(text: str, number: str) -> str:
    """Why this is no amount, in a sentence; '' where only its reader knows."""
    if _COMMA_OR_POINT.fullmatch(number.strip()):
        return f"“{text}” is not clear: thousands are parted by a comma, as in 1,300, decimals by a point, as in 1.30."
    try:
        to_micros(number)
    except MoneyError as error:
        return str(error).removeprefix("amount: ")
    return ""


class EndTimeField(forms.TimeField):
    """A time of day that ends something: 24:00 is the midnight that ends the day, kept as 00:00."""

    def to_python(self, value: str | time | None) -> time | None:
        if isinstance(value, str) and value.strip() in {"24", "24:00", "24:00:00"}:
            return time.min
        return super().to_python(value)


class WallClockField(forms.SplitDateTimeField):
    """Date and time as a clock on the wall shows them, without a zone: `on_the_clock_of` gives the instant."""

    def compress(self, data_list: Any) -> datetime | None:
        if not data_list or all(value in self.empty_values for value in data_list):
            return None
        day, hour = data_list
        if day in self.empty_values:
            raise ValidationError("Give the date as well, such as 2026-11-18.", code="invalid_date")
        if hour in self.empty_values:
            raise ValidationError("Give the time as well, such as 14:05.", code="invalid_time")
        return datetime.combine(day, hour)

    def prepare_value(self, value: object) -> object:
        return to_current_timezone(value) if isinstance(value, datetime) and value.tzinfo else value


def on_the_clock_of(calendar: Calendar, wall: datetime) -> datetime:
    """The instant (UTC) at which the clock where `calendar` rules shows `wall`; the first of two such instants."""
    zone = calendar.zone_at(wall.replace(tzinfo=calendar.spans[-1].zone, fold=0))
    instant = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if calendar.wall_clock(instant).replace(tzinfo=None) != wall:
        raise ValidationError(
            f"{wall:%Y-%m-%d %H:%M} does not exist in {zone}: clocks were put forward.", code="no_such_time"
        )
    return instant

"""Form fields that people give amounts and moments in: exact, and told in the words of the brand."""

from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.utils import to_current_timezone

from ads.rules.money import MoneyError, to_micros
from ads.rules.periods import Calendar


class AmountField(forms.Field):
    """An amount of the brand's currency as an exact Decimal; what cannot be taken exactly is refused in words."""

    widget = forms.TextInput

    def __init__(self, *, can_be_negative: bool = False, **kwargs: Any) -> None:
        self.can_be_negative = can_be_negative
        super().__init__(**kwargs)

    def to_python(self, value: object) -> Decimal | None:
        text = str(value).strip() if value is not None else ""
        if not text:
            return None
        try:
            to_micros(text)
        except MoneyError as error:
            raise ValidationError(str(error).removeprefix("amount: "), code="invalid") from error
        amount = Decimal(text)
        if amount < 0 and not self.can_be_negative:
            raise ValidationError(f"{text} is negative; give 0 or more.", code="negative")
        return amount

    def prepare_value(self, value: object) -> object:
        return f"{value:f}" if isinstance(value, Decimal) else value

    def has_changed(self, initial: object, data: object) -> bool:
        try:
            return bool(self.to_python(initial) != self.to_python(data))
        except ValidationError:
            return True

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {"inputmode": "decimal", "autocomplete": "off"}


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

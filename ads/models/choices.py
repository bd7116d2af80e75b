"""Closed lists that come from libraries, as choices a form can offer and a save can check."""

from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from babel import Locale
from babel.numbers import list_currencies
from django.core.exceptions import ValidationError


@cache
def zone_choices() -> list[tuple[str, str]]:
    """IANA names such as Europe/Paris, without the legacy ones that are mere offsets or abbreviations."""
    return [
        (name, name) for name in sorted(available_timezones()) if "/" in name and not name.startswith("Etc/")
    ] + [("UTC", "UTC")]


@cache
def currency_choices() -> list[tuple[str, str]]:
    """ISO 4217 codes with their English names."""
    names = Locale("en").currencies
    return [(code, f"{code} - {names.get(code, code)}") for code in sorted(list_currencies())]


def check_zone(field: str, name: str) -> None:
    """Raises ValidationError unless the name is empty or one that the zone database knows."""
    if not name:
        return
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValidationError(
            {field: f"“{name}” is not an IANA time zone; give a name such as Europe/Paris"}
        ) from error


def check_currency(field: str, code: str) -> None:
    """Raises ValidationError unless the code is one of ISO 4217's."""
    if code not in dict(currency_choices()):
        raise ValidationError({field: f"“{code}” is not an ISO 4217 currency; give a code such as USD"})

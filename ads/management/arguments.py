"""What people name on the command line, found, or refused with a sentence that helps."""

import re
from argparse import ArgumentTypeError
from collections.abc import Sequence
from datetime import UTC, datetime, time
from difflib import get_close_matches
from getpass import getuser

from django.core.management.base import CommandError
from django.db.models import Q

from ads.models import Brand, Campaign
from ads.rules.periods import ONE_DAY, Calendar


def at_least_one(text: str) -> int:
    """For `add_argument(type=...)`: a whole number above 0."""
    if not text.isdecimal() or int(text) == 0:
        raise ArgumentTypeError(f"{text} is not possible; give a whole number, 1 or more")
    return int(text)


def command_line_user() -> str:
    """Who is acting, for rows of history."""
    try:
        return f"command line ({getuser()})"
    except (KeyError, OSError):  # a container's user may have no name
        return "command line"


def find_brands(names: Sequence[str]) -> list[Brand]:
    """The brands of these names, in their order."""
    return [_find_brand(name) for name in dict.fromkeys(names)]


def _find_brand(name: str) -> Brand:
    found = list(Brand.objects.filter(name=name)) or list(Brand.objects.filter(name__iexact=name))
    if len(found) == 1:
        return found[0]
    if not found:
        close = get_close_matches(name, Brand.objects.values_list("name", flat=True))
        raise CommandError(f"There is no brand “{name}”." + _did_you_mean(close))
    candidates = ", ".join(f"“{brand}”" for brand in found)
    raise CommandError(f"“{name}” may be any of {candidates}; write it as one of them.")


def find_campaign(name_or_id: str, brands: Sequence[Brand] = ()) -> Campaign:
    """The one campaign of this name or id, of these brands where any are given."""
    campaigns = Campaign.objects.select_related("brand").order_by("brand__name", "name")
    if brands:
        campaigns = campaigns.filter(brand__in=brands)
    is_id = Q(pk=int(name_or_id)) if _may_be_id(name_or_id) else Q(pk__in=[])
    found = list(campaigns.filter(Q(name=name_or_id) | is_id)) or list(
        campaigns.filter(name__iexact=name_or_id)
    )
    if len(found) == 1:
        return found[0]
    if not found:
        close = get_close_matches(name_or_id, campaigns.values_list("name", flat=True))
        raise CommandError(f"There is no campaign “{name_or_id}”{_of(brands)}." + _did_you_mean(close))
    candidates = "\n".join(f"  {campaign.pk}  {campaign.brand} / {campaign}" for campaign in found)
    raise CommandError(f"“{name_or_id}” may be any of these; give the id:\n{candidates}")


def _may_be_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 18


def _of(brands: Sequence[Brand]) -> str:
    return " of " + ", ".join(brand.name for brand in brands) if brands else ""


def _did_you_mean(names: Sequence[str]) -> str:
    return " Did you mean " + " or ".join(f"“{name}”" for name in dict.fromkeys(names)) + "?" if names else ""


def past_moment(text: str, calendar: Calendar, now: datetime) -> datetime:
    """A moment given as ISO with an offset, or by the brand's clock; a time alone is the last one that was so."""
    today = calendar.local_date(now)
    try:
        if not re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", text, re.ASCII):
            return _instant(datetime.fromisoformat(text), calendar, now)
        clock = time.fromisoformat(text.zfill(5) if text.count(":") == 1 else text.zfill(8))
    except ValueError:
        raise CommandError(
            f"“{text}” is not a moment; give 14:05, “2026-11-20 14:05” or 2026-11-20T14:05:00+01:00"
        ) from None
    at = _instant(datetime.combine(today, clock), calendar, now)
    return at if at <= now else _instant(datetime.combine(today - ONE_DAY, clock), calendar, now)


def _instant(given: datetime, calendar: Calendar, now: datetime) -> datetime:
    if given.tzinfo is None:
        given = given.replace(tzinfo=calendar.zone_at(given.replace(tzinfo=calendar.zone_at(now))))
    return given.astimezone(UTC)

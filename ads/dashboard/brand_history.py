"""What was changed of a brand's settings and of its campaigns', each with the way back from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse

from ads.admin.history import Entry
from ads.models import Brand, Campaign
from ads.rights import may


@dataclass(frozen=True, slots=True)
class SettingsLine:
    """A change of settings, with the campaign whose it was, and the way back where there is one."""

    entry: Entry
    campaign: str
    is_there: bool
    back_url: str


def settings_lines(request: HttpRequest, brand: Brand, entries: Sequence[Entry]) -> list[SettingsLine]:
    """These changes as the brand's page tells them. One query."""
    ids = {entry.campaign_id for entry in entries if entry.campaign_id is not None}
    named = dict(Campaign.objects.filter(pk__in=ids).order_by().values_list("pk", "name"))
    lines = []
    for entry in entries:
        is_there = entry.campaign_id is None or entry.campaign_id in named
        back_url = _back_url(request, brand, entry) if is_there else ""
        lines.append(SettingsLine(entry, _name_of(entry, named), is_there, back_url))
    return lines


def _name_of(entry: Entry, named: Mapping[int, str]) -> str:
    """The campaign's name; of one that was deleted the name it had."""
    if entry.campaign_id is None:
        return ""
    return named.get(entry.campaign_id, getattr(entry.source, "name", ""))


def _back_url(request: HttpRequest, brand: Brand, entry: Entry) -> str:
    if not entry.needs or not may(request.user, *entry.needs):
        return ""
    kind = {Brand: "brand", Campaign: "campaign"}.get(entry.source.instance_type, "window")
    return reverse("dashboard:brand-put-back", args=(brand.pk, kind, entry.source.history_id))

"""The history of a brand's or campaign's settings in sentences: who changed what from what to what, and when."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any

from django.db import models
from django.db.models import OuterRef, Subquery

from ads import formats
from ads.models import Brand, Campaign, DaypartingSchedule, RightKind, RightsChange
from ads.models.rights_change import RightsChangeQuerySet
from ads.models.settings import SettingsModel
from ads.rights import Right
from ads.services.put_back import (
    CHANGED,
    MADE,
    REMOVED,
    PutBack,
    Setting,
    before_of,
    changed_fields,
    rights_to_put_back,
)

LATEST = 200
_WHAT = {MADE: "Created", CHANGED: "Changed", REMOVED: "Deleted"}
THE_SYSTEM = "The system or a command"
_WORDS = {
    "enabled": "Switched on",
    "is_active": "Active",
    "archived_at": "Archived",
    "day_of_week": "Day",
    "external_id": "External id",
}


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One setting in words, before and after."""

    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One change: what happened, by whom, and each setting that is another afterwards.

    `source` is the row that remembers it; `needs` the rights that putting it back takes, none where it cannot be.
    """

    at: datetime
    by: str
    what: str
    changes: list[FieldChange]
    source: Any
    needs: frozenset[Right] = frozenset()

    @property
    def campaign_id(self) -> int | None:
        """The campaign whose setting, or whose window, it was."""
        model = getattr(self.source, "instance_type", None)
        key: dict[object, str] = {Campaign: "id", DaypartingSchedule: "campaign_id"}
        return getattr(self.source, key[model]) if model in key else None


def describe_changes(row: SettingsModel, at_most: int = LATEST) -> list[Entry]:
    """The latest changes of a brand's settings, or of a campaign's and its windows', newest first."""
    currency = brand_of(row).currency
    entries = list(_entries(row.history.all(), type(row), currency, at_most))  # type: ignore[attr-defined]
    if isinstance(row, Campaign):
        windows = DaypartingSchedule.history.filter(campaign_id=row.pk)
        entries += _entries(windows, DaypartingSchedule, currency, at_most)
    return _latest(entries, at_most)


def describe_brand(brand: Brand, at_most: int) -> list[Entry]:
    """The latest changes of a brand's settings, of its campaigns' and of their windows', newest first."""
    campaigns = Campaign.objects.filter(brand=brand).order_by()
    entries = [
        *_entries(brand.history.all(), Brand, brand.currency, at_most),
        *_entries(Campaign.history.filter(brand_id=brand.pk), Campaign, brand.currency, at_most),
        *_entries(
            DaypartingSchedule.history.filter(campaign_id__in=campaigns.values("pk")),
            DaypartingSchedule,
            brand.currency,
            at_most,
        ),
    ]
    return _latest(entries, at_most)


def describe_rights(
    changes: RightsChangeQuerySet, at_most: int = LATEST, *, of_brand: bool = False
) -> list[Entry]:
    """The latest of these changes of rights, newest first."""
    latest = changes.select_related("user").order_by("-pk")[:at_most]
    return [_right(change, of_brand=of_brand) for change in latest]


def describe_all(row: SettingsModel, at_most: int = LATEST) -> list[Entry]:
    """What was changed of a brand or campaign, who sees the brand included, newest first."""
    entries = describe_changes(row, at_most)
    if isinstance(row, Brand):
        entries += describe_rights(row.rights_changes.all(), at_most, of_brand=True)
    return _latest(entries, at_most)


def _setting(setting: Setting, currency: str) -> FieldChange:
    """What a setting is now, and what it would be."""
    now, then = (_value(setting.field, value, currency) for value in (setting.now, setting.then))
    return FieldChange(_label(setting.field.name), now, then)


def describe_put_back(row: SettingsModel, source: Any, tried: PutBack) -> list[FieldChange]:
    """What becomes another when a change is put back."""
    if tried.settings:
        return [_setting(setting, brand_of(row).currency) for setting in tried.settings]
    there, gone = "there", "not there"
    before, after = (there, gone) if source.history_type == MADE else (gone, there)
    return [FieldChange(f"Window {window_of(source)}", before, after)]


def _latest(entries: list[Entry], at_most: int) -> list[Entry]:
    return sorted(entries, key=attrgetter("at"), reverse=True)[:at_most]


def _right(change: RightsChange, *, of_brand: bool) -> Entry:
    subject = f"{change.username} sees it" if of_brand else f"{change.get_kind_display()}: {change.subject}"
    before, after = ("no", "yes") if change.given else ("yes", "no")
    return Entry(
        at=change.at,
        by=change.by or THE_SYSTEM,
        what=_WHAT[CHANGED],
        changes=[FieldChange(subject, before, after)],
        source=change,
        needs=frozenset() if change.kind == RightKind.TWO_FACTOR else frozenset({Right.MANAGE_PEOPLE}),
    )


def brand_of(row: SettingsModel) -> Brand:
    """The brand whose settings, or whose campaign's settings, these are."""
    if isinstance(row, Brand):
        return row
    if isinstance(row, Campaign):
        return row.brand
    raise TypeError(f"{row!r} has no page of its own")


def _entries(records: Any, model: type[SettingsModel], currency: str, at_most: int) -> Iterator[Entry]:
    newest = list(
        records.select_related("history_user").order_by("-history_date", "-history_id")[: at_most + 1]
    )
    earlier = _earlier(newest)
    for record in newest:
        entry = _entry(record, earlier.get(record.history_id), model, currency)
        if entry.changes or record.history_type != CHANGED:  # a save may leave everything as it was
            yield entry


def _earlier(newest_first: Sequence[Any]) -> dict[int, Any]:
    """What each record of settings replaced, by its key; where that is not among them it is read by one query."""
    earlier: dict[int, Any] = {}
    later: dict[object, Any] = {}
    for record in newest_first:
        if record.id in later:
            earlier[later[record.id].history_id] = record
        later[record.id] = record
    beyond = [record for record in later.values() if record.history_type != MADE]
    if beyond:
        history = type(beyond[0]).objects
        key = before_of(history.all(), OuterRef("id"), OuterRef("history_date"), OuterRef("history_id"))
        found = dict(
            history.filter(history_id__in=[record.history_id for record in beyond])
            .annotate(previous=Subquery(key.values("history_id")[:1]))
            .values_list("history_id", "previous")
        )
        previous = history.in_bulk([pk for pk in found.values() if pk])
        earlier |= {pk: previous[key] for pk, key in found.items() if key}
    return earlier


def _entry(record: Any, before: Any, model: type[SettingsModel], currency: str) -> Entry:
    is_changed = before is not None and record.history_type == CHANGED
    changes = list(_changes(before, record, currency)) if is_changed else []
    return Entry(
        at=record.history_date,
        by=record.history_user.get_username() if record.history_user else THE_SYSTEM,
        what=_what(record, model),
        changes=changes,
        source=record,
        needs=rights_to_put_back(record, before),
    )


def _what(record: Any, model: type[SettingsModel]) -> str:
    again = record.history_change_reason or ""
    if model is DaypartingSchedule:
        verb = {MADE: "added", CHANGED: "changed", REMOVED: "removed"}[record.history_type]
        told = f"Window {verb}: {window_of(record)}"
        return f"{again}. {told}" if again else told
    return again or _WHAT[record.history_type]


def window_of(record: Any) -> str:
    """The window that a record of it describes."""
    return str(
        DaypartingSchedule(
            day_of_week=record.day_of_week, start_time=record.start_time, end_time=record.end_time
        )
    )


def _changes(before: Any, after: Any, currency: str) -> Iterator[FieldChange]:
    for field in changed_fields(before, after):
        old, new = getattr(before, field.attname), getattr(after, field.attname)
        yield FieldChange(_label(field.name), _value(field, old, currency), _value(field, new, currency))


def _label(name: str) -> str:
    plain = name.removesuffix("_micros").replace("_", " ").capitalize()
    return _WORDS.get(name, plain)


def _value(field: models.Field[Any, Any], value: Any, currency: str) -> str:
    if field.name.endswith("_micros"):
        return formats.limit(value, currency)
    if field.name == "archived_at":
        return "yes" if value else "no"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if field.name == "timezone" and not value:
        return "not set"
    if field.name == "day_of_week" and value is None:
        return "every day"
    words = dict(field.flatchoices).get(value, value)
    return formats.NOTHING_KNOWN if words in {None, ""} else str(words)

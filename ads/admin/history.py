"""The history of a brand's or campaign's settings in sentences: who changed what from what to what, and when."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any

from django.db import models

from ads import formats
from ads.models import Brand, Campaign, DaypartingSchedule
from ads.models.settings import SettingsModel

LATEST = 200
THE_SYSTEM = "The system or a command"
_WORDS = {
    "enabled": "Switched on",
    "is_active": "Active",
    "archived_at": "Archived",
    "day_of_week": "Day",
    "external_id": "External id",
}
_MADE, _CHANGED, _REMOVED = "+", "~", "-"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One setting in words, before and after."""

    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One change: what happened, by whom, and each setting that is another afterwards."""

    at: datetime
    by: str
    what: str
    changes: list[FieldChange]


def describe_changes(row: SettingsModel) -> list[Entry]:
    """The latest changes of a brand, or of a campaign and its windows, newest first."""
    currency = brand_of(row).currency
    entries = list(_entries(row.history.all(), type(row), currency))  # type: ignore[attr-defined]
    if isinstance(row, Campaign):
        windows = DaypartingSchedule.history.filter(campaign_id=row.pk)
        entries += _entries(windows, DaypartingSchedule, currency)
    return sorted(entries, key=attrgetter("at"), reverse=True)[:LATEST]


def brand_of(row: SettingsModel) -> Brand:
    """The brand whose settings, or whose campaign's settings, these are."""
    if isinstance(row, Brand):
        return row
    if isinstance(row, Campaign):
        return row.brand
    raise TypeError(f"{row!r} has no page of its own")


def _entries(records: Any, model: type[SettingsModel], currency: str) -> Iterator[Entry]:
    newest_first = records.select_related("history_user").order_by("-history_date", "-history_id")
    later: dict[object, Any] = {}
    for record in newest_first[: LATEST + 1]:
        after = later.get(record.id)
        if after is not None:
            entry = _entry(after, record, model, currency)
            if entry.changes or after.history_type == _REMOVED:  # a save may leave everything as it was
                yield entry
        later[record.id] = record
    for record in later.values():
        if record.history_type == _MADE:
            yield _entry(record, None, model, currency)


def _entry(record: Any, before: Any, model: type[SettingsModel], currency: str) -> Entry:
    changes = (
        [] if before is None or record.history_type == _REMOVED else list(_changes(before, record, currency))
    )
    return Entry(
        at=record.history_date,
        by=record.history_user.get_username() if record.history_user else THE_SYSTEM,
        what=_what(record, model),
        changes=changes,
    )


def _what(record: Any, model: type[SettingsModel]) -> str:
    if model is DaypartingSchedule:
        window = str(
            DaypartingSchedule(
                day_of_week=record.day_of_week, start_time=record.start_time, end_time=record.end_time
            )
        )
        verb = {_MADE: "added", _CHANGED: "changed", _REMOVED: "removed"}[record.history_type]
        return f"Window {verb}: {window}"
    return {_MADE: "Created", _CHANGED: "Changed", _REMOVED: "Deleted"}[record.history_type]


def _changes(before: Any, after: Any, currency: str) -> Iterator[FieldChange]:
    for field in after.tracked_fields:
        old, new = getattr(before, field.attname), getattr(after, field.attname)
        if old != new:
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

"""Puts a change of settings back: an edit like any other, with the consequences of one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max, Q

from ads.actor import Actor, acting_as
from ads.errors import NotPutBack
from ads.models import Brand, Campaign, DaypartingSchedule
from ads.models.settings import SettingsModel
from ads.rights import Right, right_to_change
from ads.services import consequences
from ads.services.enforcement import Change
from ads.services.transactions import retrying

MADE, CHANGED, REMOVED = "+", "~", "-"
REASON = "Put back"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as it is now, and as it is when the change is put back."""

    field: Any
    now: Any
    then: Any


@dataclass(frozen=True, slots=True)
class PutBack:
    """The settings that are others afterwards (none where a window comes or goes), and what follows."""

    settings: list[Setting]
    changes: list[Change]


def before(record: Any) -> Any | None:
    """The settings as they were before this record of them; None where it is the first."""
    return before_of(type(record).objects.all(), record.id, record.history_date, record.history_id).first()


def before_of(records: Any, pk: Any, at: Any, history_id: Any) -> Any:
    """Those of these records of one row that come before the one of this time and key, the newest first."""
    earlier = Q(history_date__lt=at) | Q(history_date=at, history_id__lt=history_id)
    return records.filter(earlier, id=pk).order_by("-history_date", "-history_id")


def changed_fields(earlier: Any, later: Any) -> list[Any]:
    """The fields in which two records of the same settings differ."""
    return [
        field
        for field in later.tracked_fields
        if getattr(earlier, field.attname) != getattr(later, field.attname)
    ]


def rights_to_put_back(record: Any, earlier: Any | None) -> frozenset[Right]:
    """What putting this change back needs; nothing where there is nothing that could be put back."""
    if record.instance_type is DaypartingSchedule:
        return frozenset({Right.EDIT_SCHEDULES})
    if record.history_type != CHANGED or earlier is None:
        return frozenset()
    return frozenset(right_to_change(field.name) for field in changed_fields(earlier, record))


def last_change(owner: Brand | Campaign) -> str:
    """Marks where the history of these settings, and of the windows that belong to them, stands."""
    histories: list[Any] = [owner.history.all()]
    if isinstance(owner, Campaign):
        histories.append(DaypartingSchedule.history.filter(campaign_id=owner.pk))
    latest = (records.aggregate(last=Max("history_id"))["last"] for records in histories)
    return "-".join(str(last or 0) for last in latest)


@retrying
def put_back(
    owner: Brand | Campaign,
    record: Any,
    *,
    by: Actor = None,
    seen: str | None = None,
    dry_run: bool = False,
) -> PutBack:
    """Makes the settings of a brand or campaign what they were before this record. A dry run is taken back whole.

    Raises NotPutBack where that cannot be, is so already, or where they were changed since `seen`.
    """
    brand_id, _ = owner.owner()
    if brand_id is None:
        raise AssertionError("only what is stored has a history")
    mark = consequences.mark({brand_id})
    if seen is not None and last_change(owner) != seen:
        raise NotPutBack("The settings were changed meanwhile; look again at what would follow")
    with acting_as(by):
        try:
            settings = _put(record)
        except ValidationError as error:
            raise NotPutBack(" ".join(error.messages).rstrip(".")) from error
    done = PutBack(settings, consequences.since(mark))
    transaction.set_rollback(dry_run)
    return done


def _put(record: Any) -> list[Setting]:
    model: type[SettingsModel] = record.instance_type
    row = model._default_manager.filter(pk=record.id).first()
    if model is DaypartingSchedule and record.history_type != CHANGED:
        _put_window(record, row)
        return []
    earlier = before(record)
    if row is None or earlier is None:
        raise NotPutBack("It is not there any more")
    settings = [
        Setting(field, getattr(row, field.attname), getattr(earlier, field.attname))
        for field in changed_fields(earlier, record)
        if getattr(row, field.attname) != getattr(earlier, field.attname)
    ]
    if not settings:
        raise NotPutBack("It is as it was before already")
    _write(row, {setting.field.attname: setting.then for setting in settings})
    return settings


def _put_window(record: Any, row: SettingsModel | None) -> None:
    if (row is None) == (record.history_type == MADE):
        raise NotPutBack("It is as it was before already")
    if row is not None:
        row._change_reason = REASON  # type: ignore[attr-defined]
        row.delete()
        return
    window: DaypartingSchedule = record.instance
    window._change_reason = REASON  # type: ignore[attr-defined]
    window.save(force_insert=True)


def _write(row: SettingsModel, values: Mapping[str, Any]) -> None:
    others = DaypartingSchedule.objects.none()
    if isinstance(row, DaypartingSchedule) and "timezone" in values:
        # All windows of a campaign are in one zone, so they went together and come back together.
        others = DaypartingSchedule.objects.filter(campaign_id=row.campaign_id)
        others.update(timezone=values["timezone"])
        row.refresh_from_db()
    for name, value in values.items():
        setattr(row, name, value)
    row._change_reason = REASON  # type: ignore[attr-defined]
    row.validate_constraints()
    row.save()

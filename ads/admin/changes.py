"""The history of what people decide, on the pages of what it is about, and the way back from each change."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from ads import formats
from ads.admin.cells import change_url, when
from ads.admin.history import (
    LATEST,
    Entry,
    FieldChange,
    brand_of,
    describe_all,
    describe_put_back,
    describe_rights,
)
from ads.admin.telling import sentences, tell
from ads.errors import NotPutBack
from ads.models import Brand, Campaign, DaypartingSchedule, RightsChange
from ads.models.rights_change import RightsChangeQuerySet
from ads.rights import Right, is_superuser, may
from ads.rules.periods import Calendar
from ads.services import put_back, rights

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    Base = ModelAdmin[Any]
else:
    Base = object

LATEST_SHOWN = 10
SETTINGS, WINDOW, RIGHTS = "settings", "window", "rights"


class ChangesMixin(Base):
    """Shows the latest changes on a row's page and all of them on one of their own, each with its way back."""

    has_history = True

    def describe(self, request: HttpRequest, row: Any, at_most: int) -> list[Entry]:
        """Its latest changes, newest first."""
        raise NotImplementedError

    def calendar_of(self, row: Any) -> Calendar:
        """Whose clock its moments are told on."""
        return Calendar.fixed(settings.TIME_ZONE)

    def source_of(self, request: HttpRequest, row: Any, kind: str, key: int) -> Any:
        """What remembers this change of the row; None where there is no such change."""
        raise NotImplementedError

    def may_put_back(self, request: HttpRequest, source: Any) -> bool:
        """Whether the signed-in person may."""
        raise NotImplementedError

    def try_back(self, row: Any, source: Any) -> tuple[list[FieldChange], list[str]]:
        """What would be another, and what would follow; raises NotPutBack."""
        raise NotImplementedError

    def go_back(self, request: HttpRequest, row: Any, source: Any) -> None:
        """Puts it back, and tells what followed; raises NotPutBack."""
        raise NotImplementedError

    def get_urls(self) -> list[URLPattern]:
        way = path(
            "<path:object_id>/history/<slug:kind>/<int:key>/put-back/",
            self.admin_site.admin_view(self.put_back_view),
            name=f"{self.opts.app_label}_{self.opts.model_name}_put_back",
        )
        return [way, *super().get_urls()]

    def changes_context(self, request: HttpRequest, row: Any, *, at_most: int = LATEST) -> dict[str, Any]:
        """What the table of changes needs."""
        calendar, now = self.calendar_of(row), timezone.now()
        entries = self.describe(request, row, at_most + 1)
        return {
            "changes_zone": f"Times in {calendar.zone_at(now)}",
            "has_more_changes": len(entries) > at_most,
            "all_changes_url": self._url(row, "history"),
            "entries": [
                (when(entry.at, calendar, now, seconds=True), entry, self._way_back(request, row, entry))
                for entry in entries[:at_most]
            ],
        }

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().page_context(request, row)  # type: ignore[misc]
        return context | self.changes_context(request, row, at_most=LATEST_SHOWN)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        row = self._row(request, object_id)
        context = {
            **self.admin_site.each_context(request),
            "title": f"History of {row}",
            "opts": self.opts,
            "object": row,
            "back_url": change_url(row),
            **self.changes_context(request, row),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/ads/history.html", context)

    def put_back_view(self, request: HttpRequest, object_id: str, kind: str, key: int) -> HttpResponse:
        """Says what would follow, and on a POST does it."""
        row = self._row(request, object_id)
        source = self.source_of(request, row, kind, key)
        if source is None:
            raise Http404("There is no such change.")
        if not self.may_put_back(request, source):
            raise PermissionDenied
        back = HttpResponseRedirect(self._url(row, "history"))
        try:
            if request.method == "POST":
                self.go_back(request, row, source)
                return back
            changes, followed = self.try_back(row, source)
        except NotPutBack as error:
            messages.error(request, f"{error}.")
            return back
        context = {
            **self.admin_site.each_context(request),
            "title": f"Put back a change of {row}",
            "opts": self.opts,
            "changes": changes,
            "followed": followed,
            "seen": self.seen(row),
            "back_url": back.url,
        }
        return TemplateResponse(request, "admin/ads/put_back.html", context)

    def seen(self, row: Any) -> str:
        """Where its history stands, so that nobody puts back another thing than they were told."""
        return ""

    def _row(self, request: HttpRequest, object_id: str) -> Any:
        row = self.get_object(request, unquote(object_id))
        if row is None:
            raise Http404(f"There is no such {self.opts.verbose_name}, or you have no right to it.")
        if not self.has_view_or_change_permission(request, row):
            raise PermissionDenied
        return row

    def _way_back(self, request: HttpRequest, row: Any, entry: Entry) -> str:
        if not entry.needs or not may(request.user, *entry.needs):
            return ""
        source = entry.source
        if isinstance(source, RightsChange):
            return self._url(row, "put_back", RIGHTS, source.pk) if _is_offered(request, source) else ""
        kind = WINDOW if source.instance_type is DaypartingSchedule else SETTINGS
        return self._url(row, "put_back", kind, source.history_id)

    def _url(self, row: Any, page: str, *more: object) -> str:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_{page}"
        return reverse(name, args=(row.pk, *more))


def _is_offered(request: HttpRequest, change: RightsChange) -> bool:
    """Told from what is read already; whether it is allowed in full is asked when somebody follows the link."""
    if is_superuser(request.user):
        return True
    return change.user is not None and not change.user.is_superuser and change.subject_key != "is_superuser"


class RightsChangesMixin(ChangesMixin):
    """The history of rights, on the page of whoever has them."""

    def changes_of(self, request: HttpRequest, row: Any) -> RightsChangeQuerySet:
        """Its changes of rights, but for those over brands that the signed-in person does not see."""
        raise NotImplementedError

    def describe(self, request: HttpRequest, row: Any, at_most: int) -> list[Entry]:
        return describe_rights(self.changes_of(request, row), at_most)

    def source_of(self, request: HttpRequest, row: Any, kind: str, key: int) -> Any:
        return self.changes_of(request, row).filter(pk=key).first() if kind == RIGHTS else None

    def may_put_back(self, request: HttpRequest, source: RightsChange) -> bool:
        return rights.may_put_back(request.user, source)

    def try_back(self, row: Any, source: RightsChange) -> tuple[list[FieldChange], list[str]]:
        return _change_of_right(source), _effects(source, rights.put_back(source, dry_run=True))

    def go_back(self, request: HttpRequest, row: Any, source: RightsChange) -> None:
        rights.put_back(source, by=request.user)
        messages.success(request, "The change is put back.")


class SettingsChangesMixin(RightsChangesMixin):
    """The history of the settings of a brand or campaign; of a brand also who sees it."""

    def changes_of(self, request: HttpRequest, row: Brand | Campaign) -> RightsChangeQuerySet:
        return row.rights_changes.all() if isinstance(row, Brand) else RightsChange.objects.none()

    def describe(self, request: HttpRequest, row: Brand | Campaign, at_most: int) -> list[Entry]:
        return describe_all(row, at_most)

    def calendar_of(self, row: Brand | Campaign) -> Calendar:
        return brand_of(row).calendar

    def source_of(self, request: HttpRequest, row: Brand | Campaign, kind: str, key: int) -> Any:
        histories: dict[str, Any] = {SETTINGS: row.history}
        if isinstance(row, Campaign):
            histories[WINDOW] = DaypartingSchedule.history.filter(campaign_id=row.pk)
        if kind in histories:
            return histories[kind].filter(history_id=key).first()
        return super().source_of(request, row, kind, key)

    def may_put_back(self, request: HttpRequest, source: Any) -> bool:
        if isinstance(source, RightsChange):
            return super().may_put_back(request, source)
        needs = put_back.rights_to_put_back(source, put_back.before(source))
        return bool(needs) and may(request.user, *needs)

    def try_back(self, row: Brand | Campaign, source: Any) -> tuple[list[FieldChange], list[str]]:
        if isinstance(source, RightsChange):
            return super().try_back(row, source)
        tried = put_back.put_back(row, source, dry_run=True)
        followed = [sentence for _, sentence in sentences(tried.changes, are_planned=True)]
        return describe_put_back(row, source, tried), followed or ["No campaign would change its status."]

    def go_back(self, request: HttpRequest, row: Brand | Campaign, source: Any) -> None:
        if isinstance(source, RightsChange):
            super().go_back(request, row, source)
            return
        done = put_back.put_back(row, source, by=request.user, seen=request.POST.get("seen", ""))
        messages.success(request, "The change is put back.")
        tell(request, done.changes)

    def seen(self, row: Brand | Campaign) -> str:
        return put_back.last_change(row)


def _change_of_right(change: RightsChange) -> list[FieldChange]:
    before, after = ("yes", "no") if change.given else ("no", "yes")
    return [FieldChange(f"{change.get_kind_display()}: {change.subject}", before, after)]


def _effects(change: RightsChange, effect: rights.Effect) -> list[str]:
    who = change.username
    told = [
        *(f"{who} may then also: {_in_words(effect.gained)}." for _ in effect.gained[:1]),
        *(f"{who} may no longer: {_in_words(effect.lost)}." for _ in effect.lost[:1]),
    ]
    if effect.brands_before != effect.brands_after:
        sees = formats.counted(effect.brands_after, "brand")
        told.append(f"{who} would see {sees} instead of {effect.brands_before:,}.")
    return told or ["Nobody could do more or less with the brands they see."]


def _in_words(found: Sequence[Right]) -> str:
    return "; ".join(f"{right.label[0].lower()}{right.label[1:]}" for right in found)

"""Sign-ins that failed, and the way in again for who is locked out by them."""

from typing import Any

from axes.models import AccessAttempt
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.safestring import SafeString

from ads.admin import cells
from ads.admin.base import ReadOnlyAdmin
from ads.rights import Right
from ads.rules.periods import Calendar
from ads.services import lock_out

AccessAttempt._meta.verbose_name = "failed sign-in"
AccessAttempt._meta.verbose_name_plural = "failed sign-ins"


@admin.register(AccessAttempt)
class FailedSignInAdmin(ReadOnlyAdmin[Any]):
    """Kept until the wait is over; what was typed as a password is kept nowhere."""

    needs = {"view": {Right.MANAGE_PEOPLE}}
    actions = ("unlock",)
    acts = {"unlock": "Unlock this name"}
    list_display = ("when", "username", "ip_address", "failures_since_start", "until")
    fields = ("when", "username", "ip_address", "failures_since_start", "until", "user_agent", "path_info")
    search_fields = ("username", "ip_address")
    search_help_text = "Search by name or address"
    empty_text = "No sign-in failed lately."

    @admin.display(description="Last at (UTC)")
    def when(self, attempt: Any) -> SafeString:
        return cells.when(attempt.attempt_time, Calendar.fixed("UTC"), timezone.now(), seconds=True)

    @admin.display(description="Locked out until (UTC)")
    def until(self, attempt: Any) -> SafeString | str:
        now = timezone.now()
        until = lock_out.locked_until(attempt.username or "", attempt.ip_address, now)
        return (
            "Not locked out" if until is None else cells.when(until, Calendar.fixed("UTC"), now, seconds=True)
        )

    @admin.action(permissions=["view"], description="Unlock these names")
    def unlock(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse:
        for name in sorted({attempt.username or "" for attempt in queryset}):
            lock_out.unlock(name)
            self.message_user(request, f"“{name}” may be tried again.", messages.SUCCESS)
        return HttpResponseRedirect(cells.list_url(AccessAttempt))

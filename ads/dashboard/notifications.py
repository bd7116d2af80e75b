"""What somebody wants to be told by e-mail, and when."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from ads import formats
from ads.models import Brand, NotificationChannel, NotificationPreference
from ads.models.choices import zone_choices
from ads.rules.rhythm import told_at
from ads.services.notifying import preference_of

CLOCK = "%H:%M"


class PreferenceForm(forms.ModelForm[NotificationPreference]):
    """The wishes of whoever is signed in."""

    class Meta:
        model = NotificationPreference
        fields = ("email", "digest", "daily_at", "quiet_from", "quiet_until", "timezone")

    def __init__(self, instance: NotificationPreference, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, instance=instance)
        self.fields["timezone"] = forms.ChoiceField(
            required=False, choices=[("", f"The system’s ({settings.TIME_ZONE})"), *zone_choices()]
        )
        for name in ("daily_at", "quiet_from", "quiet_until"):
            self.fields[name].widget = forms.TimeInput({"type": "time"}, format=CLOCK)
        self.fields["daily_at"].required = False

    def clean_daily_at(self) -> Any:
        """Left empty it stays as it was: it is of use for a daily digest only."""
        return self.cleaned_data["daily_at"] or self.initial["daily_at"]


@require_http_methods(["GET", "HEAD", "POST"])
def notifications(request: HttpRequest) -> HttpResponseBase:
    """Whether alerts come by e-mail, how they are gathered, and when it is quiet."""
    user = cast("User", request.user)
    preference = preference_of(user)
    form = PreferenceForm(preference, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, "Saved. It holds for what happens from now on.")
        return redirect("dashboard:notifications")
    return _page(request, user, form)


def _page(request: HttpRequest, user: User, form: PreferenceForm) -> HttpResponse:
    stored = NotificationPreference.objects.filter(user=user).first() or NotificationPreference(user=user)
    assigned = Brand.objects.visible_to(user).filter(assigned_to=user)
    context = {
        "form": form,
        "told": _told(stored, timezone.now()),
        "brands": list(assigned.order_by("name").values_list("name", flat=True)),
        "is_sent": NotificationChannel.objects.filter(kind="people", is_active=True).exists(),
        "has_server": bool(settings.EMAIL_HOST),
    }
    return render(request, "dashboard/notifications.html", context)


def _told(preference: NotificationPreference, now: datetime) -> str:
    """When an alert of this moment would be told."""
    if not preference.email:
        return "You are told nothing by e-mail."
    moment = told_at(preference.rhythm, now)
    if moment == now:
        return "An alert of this moment would be told at once."
    words = formats.moment(moment, preference.calendar, now)
    zone = preference.calendar.zone_at(now)
    return f"An alert of this moment would be told at {words} ({zone}), with all others until then."

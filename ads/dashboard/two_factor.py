"""Two-factor: switched on with an app on one's phone, its recovery codes seen once, and switched off again."""

from base64 import b32encode
from collections.abc import Callable
from typing import Any, cast

import segno
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods
from django_otp import DEVICE_ID_SESSION_KEY

from ads.services import two_factor

WRONG_PASSWORD = "This is not your password."  # noqa: S105 - told to people
WRONG_CODE = "This code is not right. Is the clock of your phone set by itself? Wait for the next code."


class PasswordForm(forms.Form):
    """Asks again who it is, for a session that somebody left open must not be enough."""

    password = forms.CharField(strip=False, max_length=4096)

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request.POST)
        self.request = request

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if (
            authenticate(self.request, username=_person(self.request).get_username(), password=password)
            is None
        ):
            raise forms.ValidationError(WRONG_PASSWORD)
        return password


@sensitive_post_parameters("password", "code")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest) -> HttpResponseBase:
    """What stands, and each step with a button."""
    if request.method != "POST":
        return _page(request)
    act = _ACTS.get(request.POST.get("act", ""))
    return _page(request) if act is None else act(request)


def _begin(request: HttpRequest) -> HttpResponseBase:
    form = PasswordForm(request)
    if two_factor.is_on(_person(request)) or not form.is_valid():
        return _page(request, {"begin": form.errors.get("password")})
    two_factor.begin(_person(request))
    return redirect("dashboard:two-factor")


def _cancel(request: HttpRequest) -> HttpResponseBase:
    two_factor.cancel(_person(request))
    return redirect("dashboard:two-factor")


def _confirm(request: HttpRequest) -> HttpResponseBase:
    user = _person(request)
    codes = two_factor.confirm(user, request.POST.get("code", ""), session_key=request.session.session_key)
    if not codes:
        return _page(request, {"confirm": [WRONG_CODE]})
    request.session.cycle_key()
    request.session[DEVICE_ID_SESSION_KEY] = two_factor.device_of(user).persistent_id  # type: ignore[union-attr]
    return _codes(request, codes, "Two-factor is on. Whoever was signed in as you elsewhere is signed out.")


def _new_codes(request: HttpRequest) -> HttpResponseBase:
    form = PasswordForm(request)
    if not two_factor.is_on(_person(request)) or not form.is_valid():
        return _page(request, {"codes": form.errors.get("password")})
    return _codes(
        request, two_factor.new_recovery_codes(_person(request)), "The recovery codes of before are void."
    )


def _switch_off(request: HttpRequest) -> HttpResponseBase:
    form = PasswordForm(request)
    if not form.is_valid():
        return _page(request, {"off": form.errors.get("password")})
    two_factor.switch_off(_person(request))
    request.session.pop(DEVICE_ID_SESSION_KEY, None)
    messages.success(request, "Two-factor is off. Your password alone lets you in.")
    return redirect("dashboard:two-factor")


_ACTS: dict[str, Callable[[HttpRequest], HttpResponseBase]] = {
    "begin": _begin,
    "cancel": _cancel,
    "confirm": _confirm,
    "codes": _new_codes,
    "off": _switch_off,
}


def _codes(request: HttpRequest, codes: list[str], told: str) -> HttpResponse:
    """This one answer holds them, and nothing else does."""
    return render(request, "dashboard/recovery_codes.html", {"codes": codes, "told": told})


def _page(request: HttpRequest, errors: dict[str, Any] | None = None) -> HttpResponse:
    user = _person(request)
    device = two_factor.device_of(user)
    context: dict[str, Any] = {
        "device": device,
        "wrong": errors or {},
        "must": user.is_staff and settings.REQUIRE_TWO_FACTOR == "staff",
    }
    if device is not None and not device.confirmed:
        context |= {"drawing": _drawing(device.config_url), "secret": _in_fours(device.bin_key)}
    elif device is not None:
        context["codes_left"] = two_factor.recovery_codes_left(user)
    return render(request, "dashboard/two_factor.html", context)


def _drawing(address: str) -> SafeString:
    """The address as a picture for the phone's camera."""
    drawn = segno.make(address, error="m").svg_inline(border=4, dark="#000", light="#fff", omitsize=True)
    return mark_safe(drawn)  # noqa: S308 - drawn of squares alone


def _in_fours(secret: bytes) -> str:
    text = b32encode(secret).decode()
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def _person(request: HttpRequest) -> User:
    return cast("User", request.user)

"""Whoever must have a second factor gets nowhere without one."""

from collections.abc import Callable
from typing import Any, cast

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect
from django_otp import DEVICE_ID_SESSION_KEY

from ads.services import two_factor

OPEN = {"dashboard:two-factor", "dashboard:sign-in", "dashboard:sign-in-code", "dashboard:sign-out"}


class TwoFactorMiddleware:
    """With REQUIRE_TWO_FACTOR, leads staff who signed in by a password alone to the page that sets it up."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponseRedirect | None:
        match = request.resolver_match
        if settings.REQUIRE_TWO_FACTOR == "none" or match is None or match.namespace == "api":
            return None
        user = cast("User", request.user)
        if match.view_name in OPEN or not user.is_staff or DEVICE_ID_SESSION_KEY in request.session:
            return None
        if two_factor.is_on(user):  # signed in before it was demanded
            logout(request)
            return redirect(settings.LOGIN_URL)
        return redirect("dashboard:two-factor")

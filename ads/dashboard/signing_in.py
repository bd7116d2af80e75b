"""Signing in: name and password, then a code where the person has a second factor."""

from datetime import datetime, timedelta
from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from django import forms
from django.conf import settings
from django.contrib.auth import SESSION_KEY, login, user_login_failed
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods
from django_otp import DEVICE_ID_SESSION_KEY

from ads.services import lock_out, two_factor

WAITING = "signing_in"  # in the session: whose password was right, until a code follows
CODE_WITHIN = timedelta(minutes=10)


class SignInView(LoginView):
    """Asks for name and password, and leads on to the page that was asked for if it is one of ours."""

    template_name = "dashboard/sign_in.html"
    redirect_authenticated_user = True

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        user = form.get_user()
        if not two_factor.is_on(user):
            return super().form_valid(form)
        self.request.session[WAITING] = {
            "user": user.pk,
            "password": user.get_session_auth_hash(),
            "until": (timezone.now() + CODE_WITHIN).timestamp(),
            "next": self.get_redirect_url(),
        }
        return redirect("dashboard:sign-in-code")


class CodeForm(forms.Form):
    """A code of the phone, or a recovery code."""

    code = forms.CharField(max_length=40)


@sensitive_post_parameters("code")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def code(request: HttpRequest) -> HttpResponseBase:
    """The second step: nobody is signed in before it."""
    waiting = request.session.get(WAITING, {})
    user = _waiting_user(waiting, timezone.now())
    if user is None or SESSION_KEY in request.session:
        return redirect(settings.LOGIN_URL)
    form = CodeForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        who = {"username": user.get_username()}
        if not AxesProxyHandler.is_allowed(request, who):
            return locked_out(request, None, who)
        device = two_factor.verify(user, form.cleaned_data["code"])
        if device:
            del request.session[WAITING]
            login(request, user, backend="django.contrib.auth.backends.ModelBackend")
            request.session[DEVICE_ID_SESSION_KEY] = device
            return redirect(waiting["next"] or resolve_url(settings.LOGIN_REDIRECT_URL))
        user_login_failed.send(__name__, credentials=who, request=request)
        form.add_error("code", "This code is not right, or was used already. Wait for the next one.")
    return render(request, "dashboard/sign_in_code.html", {"form": form})


def admin_sign_in(request: HttpRequest) -> HttpResponseBase:
    """The admin has no form of its own: there is one way in, and whoever is in and got here has no right to more."""
    asked = request.GET.get("next") or reverse("admin:index")
    if not request.user.is_authenticated:
        return redirect(f"{resolve_url(settings.LOGIN_URL)}?{urlencode({'next': asked})}")
    if not request.user.is_staff:
        raise PermissionDenied
    return redirect("admin:index")


def locked_out(request: HttpRequest, _: HttpResponse | None, credentials: dict[str, Any]) -> HttpResponse:
    """Told instead of the page, where too many sign-ins failed."""
    now = timezone.now()
    until = (
        lock_out.locked_until(credentials["username"], getattr(request, "axes_ip_address", None), now) or now
    )
    seconds = max(int((until - now).total_seconds()), 1)
    context = {"minutes": -(-seconds // 60), "username": credentials["username"]}
    response = render(request, "dashboard/locked_out.html", context, status=429)
    response.headers["Retry-After"] = str(seconds)
    return response


def _waiting_user(waiting: dict[str, Any], now: datetime) -> User | None:
    if not waiting or waiting["until"] < now.timestamp():
        return None
    user = User.objects.filter(pk=waiting["user"], is_active=True).first()
    if user is None or not constant_time_compare(user.get_session_auth_hash(), waiting["password"]):
        return None
    return user

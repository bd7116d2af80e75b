"""Signing in."""

from django.contrib.auth.views import LoginView


class SignInView(LoginView):
    """Asks for name and password, and leads on to the page that was asked for if it is one of ours."""

    template_name = "dashboard/sign_in.html"
    redirect_authenticated_user = True

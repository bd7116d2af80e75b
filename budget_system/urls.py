"""Addresses of the site: the API, the admin, and the dashboard at `/`."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path

from ads.api.problems import no_such_address
from ads.api.root import api
from ads.dashboard.signing_in import admin_sign_in
from ads.outage import failed

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/login/", admin_sign_in, name="admin-sign-in"),
    path("admin/", admin.site.urls),
    path("api/v1/", api.urls),
    re_path("^api/", no_such_address, name="no-such-address"),
    path("", include("ads.dashboard.urls")),
]

handler500 = failed

"""Addresses of the site: the API, the admin, and the dashboard at `/`."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from ads.api.root import api

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/", admin.site.urls),
    path("api/v1/", api.urls),
    path("", include("ads.dashboard.urls")),
]

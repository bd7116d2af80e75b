"""Addresses of the dashboard. Everything but signing in needs somebody who is signed in."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LogoutView
from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, path

from ads.dashboard import (
    alerts,
    brand_acts,
    brand_settings,
    brands,
    campaign,
    campaign_acts,
    campaigns,
    notifications,
    overview,
    reports,
    search,
    signing_in,
    two_factor,
)

app_name = "dashboard"


def page(route: str, view: Callable[..., HttpResponseBase], name: str) -> URLPattern:
    """A page for people who are signed in."""
    protected: Callable[[HttpRequest], Any] = login_required(view)
    return path(route, protected, name=name)


urlpatterns = [
    path("sign-in/", signing_in.SignInView.as_view(), name="sign-in"),
    path("sign-in/code/", signing_in.code, name="sign-in-code"),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
    page("", overview.overview, "overview"),
    page("live/", overview.live, "overview-live"),
    page("search/", search.search, "search"),
    page("notifications/", notifications.notifications, "notifications"),
    page("two-factor/", two_factor.page, "two-factor"),
    page("reports/", reports.reports, "reports"),
    page("reports/spend.csv", reports.csv_file, "reports-csv"),
    page("reports/spend.xlsx", reports.xlsx_file, "reports-xlsx"),
    page("brands/<int:pk>/", brands.brand, "brand"),
    page("brands/<int:pk>/live/", brands.live, "brand-live"),
    page("brands/<int:pk>/budgets/<str:period>/", brand_acts.budget, "brand-budget"),
    page("brands/<int:pk>/switch/", brand_acts.switch, "brand-switch"),
    page("brands/<int:pk>/reset/", brand_acts.reset, "brand-reset"),
    page("brands/<int:pk>/time-zone/", brand_settings.timezone, "brand-timezone"),
    page("brands/<int:pk>/put-back/<slug:kind>/<int:key>/", brand_settings.put_back_change, "brand-put-back"),
    page(
        "brands/<int:pk>/campaigns/<int:campaign_pk>/switch/",
        brand_acts.switch_campaign,
        "brand-campaign-switch",
    ),
    page("alerts/", alerts.alert_list, "alerts"),
    page("alerts/<int:pk>/<str:what>/", alerts.act, "alert-act"),
    page("campaigns/", campaigns.campaigns, "campaigns"),
    page("campaigns/<int:pk>/", campaign.campaign, "campaign"),
    page("campaigns/<int:pk>/live/", campaign.live, "campaign-live"),
    page("campaigns/<int:pk>/moment/", campaign.moment, "campaign-moment"),
    page("campaigns/<int:pk>/changes/", campaign.changes, "campaign-changes"),
    page("campaigns/<int:pk>/switch/", campaign_acts.switch, "campaign-switch"),
    page("campaigns/<int:pk>/settings/", campaign_acts.settings, "campaign-settings"),
    page("campaigns/<int:pk>/schedule/", campaign_acts.schedule, "campaign-schedule"),
    page("campaigns/<int:pk>/schedule/<int:number>/", campaign_acts.day, "campaign-day"),
    page("campaigns/<int:pk>/reset/", campaign_acts.reset, "campaign-reset"),
]

"""The admin: one module an area. Every write goes through a service or the save of a model, which decides."""

from django.contrib import admin

from ads.admin import (
    alerts,
    archive,
    brands,
    campaigns,
    channels,
    failed_sign_ins,
    imports,
    people,
    platforms,
    quarantine,
    records,
    schedule,
    spend,
    tokens,
    totals,
    webhooks,
)

admin.site.index_template = "admin/ads/index.html"
admin.site.index_title = "Budgets"

__all__ = [
    "alerts",
    "archive",
    "brands",
    "campaigns",
    "channels",
    "failed_sign_ins",
    "imports",
    "people",
    "platforms",
    "quarantine",
    "records",
    "schedule",
    "spend",
    "tokens",
    "totals",
    "webhooks",
]

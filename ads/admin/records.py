"""What the machinery keeps for itself. It belongs to no one brand, so only superusers look at it."""

from typing import Any

from django.contrib import admin

from ads.admin.base import ReadOnlyAdmin
from ads.models import JobProgress, SnapshotDay, SnapshotValue, SpendKey


@admin.register(SpendKey)
class SpendKeyAdmin(ReadOnlyAdmin[Any]):
    list_display = ("key", "log_id")
    fields = ("key", "content", "log_id")
    ordering = ("key",)
    search_fields = ("=log_id",)
    search_help_text = "Search by the number of the spend log"


@admin.register(SnapshotValue)
class SnapshotValueAdmin(ReadOnlyAdmin[Any]):
    list_display = ("key", "total_so_far", "as_of")
    fields = ("key", "total_so_far", "as_of")
    ordering = ("key",)

    @admin.display(description="Total so far")
    def total_so_far(self, value: SnapshotValue) -> str:
        return f"{value.amount:,f}"


@admin.register(SnapshotDay)
class SnapshotDayAdmin(ReadOnlyAdmin[Any]):
    list_display = ("key", "granularity")
    fields = ("key", "granularity")
    ordering = ("key",)


@admin.register(JobProgress)
class JobProgressAdmin(ReadOnlyAdmin[Any]):
    list_display = ("name", "position", "updated_at")
    fields = ("name", "position", "updated_at")
    ordering = ("name",)

"""The schedule of tasks, on our theme."""

from typing import Any

from django.contrib import admin
from django_celery_beat.admin import PeriodicTaskAdmin as BeatPeriodicTaskAdmin
from django_celery_beat.admin import PeriodicTaskForm as BeatPeriodicTaskForm
from django_celery_beat.admin import TaskSelectWidget
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from ads.admin.base import EVERYTHING, BaseAdmin, BaseTabularInline
from ads.rights import Right

MANAGERS = {what: {Right.MANAGE_SCHEDULE} for what in EVERYTHING}

for model in (PeriodicTask, IntervalSchedule, CrontabSchedule, SolarSchedule, ClockedSchedule):
    admin.site.unregister(model)


class ThemedTaskSelect(UnfoldAdminSelectWidget, TaskSelectWidget):  # type: ignore[misc]
    """The registered tasks, as the theme draws a choice."""


class PeriodicTaskForm(BeatPeriodicTaskForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, widget in (("task", UnfoldAdminTextInputWidget()), ("regtask", ThemedTaskSelect())):
            if name in self.fields:
                self.fields[name].widget = widget


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(BeatPeriodicTaskAdmin, BaseAdmin[Any]):  # type: ignore[misc]
    form = PeriodicTaskForm
    needs = MANAGERS
    list_display = ("name", "enabled", "interval", "last_run_at", "description")
    list_filter = ("enabled",)
    date_hierarchy = None
    change_form_template = None
    empty_text = "No task is scheduled. The system's own are made when it is migrated."
    fieldsets = (
        (None, {"fields": ("name", "regtask", "task", "enabled", "description")}),
        ("Runs", {"fields": ("interval", "expire_seconds", "last_run_at")}),
        ("Arguments", {"fields": ("args", "kwargs"), "classes": ("collapse",)}),
        (
            "Other kinds of schedule",
            {
                "fields": ("crontab", "solar", "clocked", "start_time", "one_off", "expires"),
                "classes": ("collapse",),
                "description": "Prefer an interval: a crontab may miss its time where clocks change, "
                "or where the scheduler was stopped.",
            },
        ),
        (
            "Delivery",
            {"fields": ("queue", "exchange", "routing_key", "priority", "headers"), "classes": ("collapse",)},
        ),
    )


class TaskInline(BaseTabularInline[Any, Any]):
    """The tasks that use a schedule."""

    model = PeriodicTask
    needs = {"view": {Right.MANAGE_SCHEDULE}}
    fields = ("name", "task")
    readonly_fields = fields
    can_delete = False
    show_change_link = True
    verbose_name_plural = "Tasks on this schedule"

    def has_add_permission(self, *_: object) -> bool:
        return False


@admin.register(IntervalSchedule, CrontabSchedule, SolarSchedule, ClockedSchedule)
class ScheduleAdmin(BaseAdmin[Any]):
    needs = MANAGERS
    inlines = (TaskInline,)

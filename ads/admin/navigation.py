"""The sidebar, by what people do."""

from collections.abc import Callable
from typing import Any, NotRequired, TypedDict

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse_lazy

from ads.models import QuarantinedSpend, QuarantineState

MOST_COUNTED = 999


class Item(TypedDict):
    """A link of the sidebar and of the front page, shown to whom `permission` lets."""

    title: str
    description: str
    icon: str
    link: Any
    permission: Callable[[HttpRequest], bool]
    badge: NotRequired[str | int]
    active: NotRequired[bool]


class Group(TypedDict):
    """Links under one heading."""

    title: str
    separator: NotRequired[bool]
    items: list[Item]


def _may_view(model: str, app: str = "ads") -> Callable[[HttpRequest], bool]:
    def permission(request: HttpRequest) -> bool:
        registered = admin.site.get_model_admin(apps.get_model(app, model))
        return registered.has_view_permission(request)

    return permission


def _item(title: str, description: str, icon: str, model: str, app: str = "ads") -> Item:
    link = reverse_lazy(f"admin:{app}_{model}_changelist")
    return Item(title=title, description=description, icon=icon, link=link, permission=_may_view(model, app))


def _quarantine(request: HttpRequest) -> Item:
    item = _item(
        "Quarantine", "Spend that is not counted until you decide", "inventory_2", "quarantinedspend"
    )
    if item["permission"](request):
        waiting = QuarantinedSpend.objects.visible_to(request.user).filter(state=QuarantineState.OPEN)
        count = waiting.order_by()[: MOST_COUNTED + 1].count()
        if count:
            item["badge"] = f"{MOST_COUNTED}+" if count > MOST_COUNTED else count
    return item


def navigation(request: HttpRequest) -> list[Group]:
    """Named in the settings of the theme, which calls it for each page."""
    return [
        Group(
            title="Every day",
            items=[
                Item(
                    title="Dashboard",
                    description="Which brand needs you, and why",
                    icon="monitoring",
                    link=reverse_lazy("dashboard:overview"),
                    permission=lambda _: True,
                    active=False,  # every address begins with its own
                ),
                _item("Brands", "Budgets, what is spent of them, and what is left", "storefront", "brand"),
                _item("Campaigns", "What runs, what does not, and why", "campaign", "campaign"),
                _item("Spend", "Record spend, and reverse what is wrong", "receipt_long", "spendlog"),
                _item(
                    "Imports", "Files of platforms: checked, recorded, undone", "upload_file", "spendimport"
                ),
                _quarantine(request),
                _item("Alerts", "What somebody should know, until it is resolved", "notifications", "alert"),
                _item(
                    "Status changes",
                    "Who or what paused and resumed campaigns, and when",
                    "history",
                    "statuschange",
                ),
                _item(
                    "On platforms",
                    "What campaigns do where they run, against what was decided",
                    "sync",
                    "platformstate",
                ),
            ],
        ),
        Group(
            title="Looking back",
            separator=True,
            items=[
                _item(
                    "Totals of brands",
                    "Each day and month against its budget",
                    "calendar_month",
                    "brandperiod",
                ),
                _item(
                    "Totals of campaigns",
                    "Each day, month and flight against its budget",
                    "calendar_view_month",
                    "campaignperiod",
                ),
                _item("Waivers", "Who started which budget afresh", "restart_alt", "waiver"),
                _item(
                    "Archived months",
                    "Spend whose rows were moved into files",
                    "archive",
                    "archivedmonth",
                ),
                _item(
                    "Learned matches",
                    "Which campaign is which on its platform",
                    "join_inner",
                    "campaignalias",
                ),
            ],
        ),
        Group(
            title="Running the system",
            separator=True,
            items=[
                _item(
                    "Schedule of tasks",
                    "What the system does by itself, and how often",
                    "schedule",
                    "periodictask",
                    "django_celery_beat",
                ),
                _item("Rules of alerts", "When somebody is told, and by which channel", "rule", "alertrule"),
                _item(
                    "Channels", "Whom alerts are told: Slack, Teams, e-mail", "forum", "notificationchannel"
                ),
                _item(
                    "Platforms",
                    "Accounts where ads run, and whether they answer",
                    "hub",
                    "platformconnection",
                ),
                _item("API tokens", "Programs that use the API, and what each may do", "key", "apitoken"),
                _item(
                    "Webhook endpoints",
                    "Addresses that are told what happens",
                    "webhook",
                    "webhookendpoint",
                ),
                _item("Deliveries", "What was told, and what could not be", "outbox", "delivery"),
                _item("People", "Who may sign in", "group", "user", "auth"),
                _item("Roles", "What people of a kind may do", "groups", "group", "auth"),
                _item(
                    "Failed sign-ins",
                    "Who tried to sign in and could not, and who is locked out",
                    "lock",
                    "accessattempt",
                    "axes",
                ),
                _item("Changes of rights", "Who gave or took which right, and when", "key", "rightschange"),
            ],
        ),
    ]

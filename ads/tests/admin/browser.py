"""What tests say to the admin and read from it."""

from collections.abc import Iterable
from typing import Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.messages import get_messages
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from ads.models import Brand, Campaign, SpendLog


def list_url(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def page_url(row: Model, page: str = "change") -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{page}", args=(row.pk,))


def act_url(row: Model, act: str) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_act", args=(row.pk, act))


def told(response: Any) -> list[str]:
    """The messages that this request left for the next page."""
    storage: Any = get_messages(response.wsgi_request)
    return [str(message) for message in storage._queued_messages]


def errors(response: Any) -> dict[str, list[str]]:
    """A form's errors by field."""
    return {field: list(found) for field, found in response.context["adminform"].form.errors.items()}


def run(client: Client, action: str, rows: Iterable[Model], query: str = "", **more: str) -> Any:
    """Runs an action on these rows of a list, which is filtered by a query string."""
    rows = list(rows)
    selected = {ACTION_CHECKBOX_NAME: [str(row.pk) for row in rows]}
    return client.post(f"{list_url(type(rows[0]))}?{query}", {"action": action, **selected, **more})


def brand_form(brand: Brand, **changed: str) -> dict[str, Any]:
    """What a browser sends for a brand's page."""
    return {
        "assigned_to": [str(user.pk) for user in brand.assigned_to.all()],
        "name": brand.name,
        "is_active": "on" if brand.is_active else "",
        "daily_budget": "" if brand.daily_budget is None else str(brand.daily_budget),
        "monthly_budget": "" if brand.monthly_budget is None else str(brand.monthly_budget),
        "timezone": brand.timezone,
        "currency": brand.currency,
    } | changed


def campaign_form(campaign: Campaign, **changed: str) -> dict[str, str]:
    """What a browser sends for a campaign's page, with the windows it has."""
    windows = list(campaign.schedules.all())
    data = {
        "name": campaign.name,
        "enabled": "on" if campaign.enabled else "",
        "daily_budget": "" if campaign.daily_budget is None else str(campaign.daily_budget),
        "monthly_budget": "" if campaign.monthly_budget is None else str(campaign.monthly_budget),
        "total_budget": "" if campaign.total_budget is None else str(campaign.total_budget),
        "start_date": "" if campaign.start_date is None else str(campaign.start_date),
        "end_date": "" if campaign.end_date is None else str(campaign.end_date),
        "platform": campaign.platform,
        "account": campaign.account,
        "external_id": campaign.external_id,
        "windows_timezone": windows[0].timezone if windows else "",
        "schedules-TOTAL_FORMS": str(len(windows)),
        "schedules-INITIAL_FORMS": str(len(windows)),
    }
    for index, window in enumerate(windows):
        data |= {
            f"schedules-{index}-id": str(window.pk),
            f"schedules-{index}-campaign": str(campaign.pk),
            f"schedules-{index}-day_of_week": "" if window.day_of_week is None else str(window.day_of_week),
            f"schedules-{index}-start_time": f"{window.start_time:%H:%M}",
            f"schedules-{index}-end_time": f"{window.end_time:%H:%M}",
        }
    return data | changed


def spend_form(campaign: Campaign, amount: str, **more: str) -> dict[str, str]:
    """What a browser sends to record spend."""
    return {
        "campaign": str(campaign.pk),
        "amount": amount,
        "kind": "SPEND",
        "source": "manual",
        "external_id": "",
        "description": "",
    } | more


def record(client: Client, campaign: Campaign, amount: str, **more: str) -> Any:
    """Sends the form that records spend."""
    return client.post(reverse("admin:ads_spendlog_add"), spend_form(campaign, amount, **more))


def last_log() -> SpendLog:
    return SpendLog.objects.latest("pk")

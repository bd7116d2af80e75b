"""docs/webhooks.md holds: its examples have the form of what is really sent, and its receiver works as it stands."""

import json
import os
import re
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from ads.models import AlertRule, Brand, Campaign, Delivery, EventType, WebhookEndpoint
from ads.services import BudgetService, CampaignService, effects, periods, webhooks
from ads.services.effects import Drained
from ads.tests.factories import WebhookEndpointFactory
from ads.tests.moments import NOON
from ads.tests.receiver import receiving
from budget_system.environment import BASE_DIR
from budget_system.processes import free_port, port_is_free, start_process, stop_process, wait_until

PAGE = (BASE_DIR / "docs" / "webhooks.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
EXAMPLES = {
    example["type"]: example for example in (json.loads(text) for kind, text in BLOCKS if kind == "json")
}
(SAMPLE,) = [text for kind, text in BLOCKS if kind == "python"]

pytestmark = pytest.mark.django_db


def form(value: Any) -> Any:
    """The keys and types of a payload, and the form of its texts: what a receiver relies on."""
    match value:
        case dict():
            return {key: form(part) for key, part in value.items()}
        case list():
            return [form(part) for part in value]
        case str():
            return re.sub(r"\d+", "0", value) if re.search(r"\d", value) else value
        case _:
            return type(value).__name__


def stable(payload: dict[str, Any]) -> Any:
    """The form of a payload, whatever its moment to the microsecond and its random part."""
    formed: dict[str, Any] = form(payload)
    for part in (formed, formed["data"]):
        for key in ("timestamp", "since"):
            if key in part:
                part[key] = re.sub(r"\.0(?=Z|\+)", "", part[key])
    formed["id"] = re.sub(r"^ping:0:.*$", "ping:0", formed["id"])
    return formed


@pytest.fixture
def sent(campaign: Campaign, settings: Settings) -> dict[str, dict[str, Any]]:
    """The first payload of each type, as a receiver got it, after a day in which all of it happened."""
    AlertRule.objects.all().delete()
    AlertRule.objects.create(name="", kind="THRESHOLD", period_kinds=["DAY"], steps=[80])
    with receiving() as receiver:
        settings.OUTBOUND_TRUSTED_HOSTS = [receiver.host]
        endpoint = WebhookEndpointFactory.create(name="reporting", url=receiver.url)
        periods.rollover(timezone.now())
        BudgetService.record_spend(campaign, Decimal(100))
        webhooks.ping(endpoint, timezone.now())
        periods.rollover(timezone.now() + timedelta(days=1))
        Delivery.objects.exclude(endpoint=endpoint).delete()
        Delivery.objects.update(due_at=NOON - timedelta(days=3))
        effects.drain(timezone.now())
        first: dict[str, dict[str, Any]] = {}
        for request in receiver.received:
            payload = request.verified(endpoint.secret)
            if payload["data"].get("kind") != "MONTH":
                first.setdefault(payload["type"], payload)
        return first


def test_every_type_has_one_example() -> None:
    types = {*EventType.values, webhooks.PING}
    assert set(EXAMPLES) == types
    assert [kind for kind, _ in BLOCKS].count("json") == len(types)
    for event_type in types:
        assert f"`{event_type}`" in PAGE


@pytest.mark.parametrize("event_type", [*EventType.values, webhooks.PING])
def test_each_has_the_form_of_what_is_sent(sent: dict[str, dict[str, Any]], event_type: str) -> None:
    assert stable(sent[event_type]) == stable(EXAMPLES[event_type])


@pytest.mark.integration
def test_the_receiver_verifies_and_takes_each_event_once(
    tmp_path: Path, settings: Settings, campaign: Campaign, brand: Brand
) -> None:
    port = free_port()
    settings.OUTBOUND_TRUSTED_HOSTS = [f"127.0.0.1:{port}"]
    endpoint = WebhookEndpointFactory.create(
        url=f"http://127.0.0.1:{port}/", event_types=["campaign.status_changed"]
    )
    stranger: WebhookEndpoint = WebhookEndpointFactory.create(url=endpoint.url, event_types=["alert.raised"])
    (tmp_path / "receiver.py").write_text(SAMPLE)
    process = start_process(
        [sys.executable, "receiver.py"],
        env=os.environ | {"WEBHOOK_SECRET": endpoint.secret, "PORT": str(port)},
        cwd=tmp_path,
        log=tmp_path / "log",
    )
    try:
        wait_until(lambda: not port_is_free(port), seconds=120, what="the receiver", process=process)
        CampaignService.switch_off(campaign)
        Delivery.objects.exclude(endpoint=endpoint).delete()
        assert effects.drain(timezone.now()) == Drained(delivered=1)
        effects.redeliver(Delivery.objects.get(), by=None)
        assert effects.drain(timezone.now()) == Drained(delivered=1)
        webhooks.ping(stranger, timezone.now())
        assert effects.drain(timezone.now()) == Drained(failed=1)
        assert Delivery.objects.get(endpoint=stranger).last_error == "Answered 401"
    finally:
        stop_process(process, seconds=5)
    told = [line for line in (tmp_path / "log").read_text().splitlines() if "is now" in line]
    assert told == ["Summer Sale is now INACTIVE"]

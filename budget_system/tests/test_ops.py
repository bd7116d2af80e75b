"""The files for Prometheus and Grafana: what they name exists, and each alert is explained."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import resolve
from ruamel.yaml import YAML

from ads.dashboard.signing_in import SignInView
from ads.models import HistoryCount, JobProgress
from ads.services import BudgetService, measures
from ads.services.backup import BACKUP
from ads.services.doctor import CHECKS
from ads.services.heartbeats import BEAT, WORKER, note
from ads.services.periods import rollover
from ads.services.reconcile import verify_next_slice
from ads.services.sweeping import sweep_part
from ads.tests.factories import CampaignFactory
from budget_system.environment import BASE_DIR

pytestmark = [pytest.mark.django_db, pytest.mark.once]
NAME = re.compile(r"\b(?:ads|django)_[a-z_]+")
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
RULES = BASE_DIR / "ops/prometheus/alerts.yml"
DASHBOARD = BASE_DIR / "ops/grafana/budgets.json"


@pytest.fixture
def told(client: Client, monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str]]:
    """The labels of every metric, in a system in which something has happened."""
    campaign = CampaignFactory.create()
    rollover(NOW)
    BudgetService.record_spend(campaign, 3000, now=NOW)
    HistoryCount.objects.create(kind="SPEND", sort="meta", last_at=NOW)
    HistoryCount.objects.create(kind="STATUS", sort="ACTIVE,,CLOCK", last_at=NOW)
    note(BEAT, NOW)
    note(WORKER, NOW)
    JobProgress.objects.update(updated_at=NOW)
    JobProgress.objects.create(name=BACKUP, finished_at=NOW)
    sweep_part(0, 1, NOW)
    verify_next_slice(NOW)
    client.get("/sign-in/")
    monkeypatch.setattr(SignInView, "dispatch", _fails)
    with pytest.raises(RuntimeError):
        client.get("/sign-in/")
    lines = measures.exposition(NOW).decode().splitlines()
    found: dict[str, set[str]] = {}
    for line in lines:
        if line.startswith("#"):
            continue
        name, _, labels = line.partition(" ")[0].partition("{")
        found.setdefault(name, set()).update(re.findall(r"(\w+)=\"", line if labels else ""))
    return found


def _fails(*_: object, **__: object) -> None:
    raise RuntimeError("no such luck")


def rules() -> Iterator[dict[str, Any]]:
    for group in YAML(typ="safe").load(RULES.read_text())["groups"]:
        yield from group["rules"]


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in rules())
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        yield from (target["expr"] for target in panel["targets"])


def test_every_metric_that_they_name_exists_with_its_labels(told: dict[str, set[str]]) -> None:
    named = {name for expression in expressions() for name in NAME.findall(expression)}
    assert named - set(told) == set()
    assert len(named) > 10
    for expression in expressions():
        known = {"job", "le"}.union(*(told[name] for name in NAME.findall(expression)))
        asked = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", expression))
        for group in re.findall(r"by \(([^)]*)\)", expression):
            asked |= {label.strip() for label in group.split(",")}
        assert asked <= known, expression


def test_every_number_from_the_database_is_shown_or_watched(told: dict[str, set[str]]) -> None:
    text = " ".join(expressions())
    assert {name for name in told if name.startswith("ads_") and name not in text} == set()


def test_each_rule_has_what_an_alert_needs_and_is_explained() -> None:
    page = (BASE_DIR / "docs/monitoring.md").read_text()
    seen = [rule["alert"] for rule in rules()]
    assert len(seen) == len(set(seen)) == 19
    for rule in rules():
        assert set(rule) - {"for"} == {"alert", "expr", "labels", "annotations"}
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert rule["annotations"]["summary"].endswith(".")
    told = [(alert, severity.lower()) for alert, severity in re.findall(r"### `(\w+)`\n\n(\w+)\. ", page)]
    assert told == [(rule["alert"], rule["labels"]["severity"]) for rule in rules()]
    for section in page.split("### `")[1:]:
        assert "\n- " in section, "what to do is missing"


def test_every_check_and_number_is_explained(told: dict[str, set[str]]) -> None:
    page = (BASE_DIR / "docs/monitoring.md").read_text()
    assert [name for name in told if name.startswith("ads_") and f"`{name}" not in page] == []
    assert [name for name in CHECKS if f"| {name} |" not in page] == []


def test_what_is_asked_of_requests_that_record_spend_is_of_them() -> None:
    patterns = {found for text in expressions() for found in re.findall(r'view=~"([^"]*)"', text)}
    views = [resolve(f"/api/v1/spend{path}").view_name for path in ("", "/snapshots")]
    assert patterns
    assert all(re.fullmatch(pattern, view) for pattern in patterns for view in views), views


def test_panels_do_not_overlap() -> None:
    cells: set[tuple[int, int]] = set()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        at = panel["gridPos"]
        own = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & own
        assert at["x"] + at["w"] <= 24
        cells |= own

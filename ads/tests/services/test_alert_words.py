"""What an alert of each kind says: how much, since when, and what the system did."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ads.models import Alert, AlertKind, Brand, Campaign
from ads.rules.money import to_micros
from ads.services.alert_words import lines, title
from ads.tests.moments import NOON

pytestmark = pytest.mark.once

BRAND = Brand(name="Acme", currency="EUR", timezone="Europe/Berlin")
CAMPAIGN = Campaign(brand=BRAND, name="Summer Sale")
SINCE = "Since 13:00 on Tue 10 Mar 2026 (Europe/Berlin)."
PAUSES = "The system pauses what it limits until a new period, a higher budget or a reset."


@pytest.fixture(autouse=True)
def zone() -> None:
    BRAND.zone_history = [["0001-01-01", "Europe/Berlin"]]


def alert(kind: AlertKind, spent: str = "", budget: str = "", **values: Any) -> Alert:
    return Alert(
        kind=kind,
        brand=values.pop("brand", BRAND),
        spent_micros=to_micros(Decimal(spent)) if spent else None,
        budget_micros=to_micros(Decimal(budget)) if budget else None,
        raised_at=NOON,
        changed_at=NOON,
        **values,
    )


DAY: dict[str, Any] = {"period_kind": "DAY", "starts_on": date(2026, 3, 10)}
MONTH: dict[str, Any] = {"period_kind": "MONTH", "starts_on": date(2026, 3, 1)}

TOLD: list[tuple[Alert, list[int], str, list[str]]] = [
    (
        alert(AlertKind.THRESHOLD, "80", "100", **DAY),
        [80],
        "Acme: 80 % of the daily budget reached",
        [
            "€80.00 of €100.00 spent on Tue 10 Mar 2026, 80 %.",
            SINCE,
            "Campaigns go on; the system pauses them when the budget is reached.",
        ],
    ),
    (
        alert(AlertKind.THRESHOLD, "1000", "1000", campaign=CAMPAIGN, period_kind="FLIGHT"),
        [100, 90],
        "Summer Sale (Acme): 90 and 100 % of the total budget reached",
        ["€1,000.00 of €1,000.00 spent, 100 %.", SINCE, f"The budget is reached. {PAUSES}"],
    ),
    (
        alert(AlertKind.THRESHOLD, "0.01", "0", **DAY),
        [50, 80, 90, 100],
        "Acme: 50, 80, 90 and 100 % of the daily budget reached",
        [
            "€0.01 of €0.00 spent on Tue 10 Mar 2026: €0.01 over.",
            SINCE,
            f"The budget is reached. {PAUSES}",
        ],
    ),
    (
        alert(AlertKind.BUDGET_PAUSE, "2000", "2000", facts={"campaigns": 40}, **MONTH),
        [100],
        "Acme: paused by the monthly budget",
        ["€2,000.00 of €2,000.00 spent in March 2026, 100 %.", SINCE, f"40 campaigns were paused. {PAUSES}"],
    ),
    (
        alert(AlertKind.OVERSPEND, "112.5", "100", **DAY),
        [110],
        "Acme: more than the daily budget spent",
        [
            "€112.50 of €100.00 spent on Tue 10 Mar 2026, 112 %: €12.50 over.",
            SINCE,
            "The system had paused what this budget limits; what was spent is kept in full.",
        ],
    ),
    (
        alert(AlertKind.PROJECTION, "500", "2000", facts={"projected_micros": 2_600_000_000}, **MONTH),
        [],
        "Acme: projected to miss the monthly budget",
        [
            "€500.00 of €2,000.00 spent in March 2026, 25 %.",
            "Projected to end at €2,600, 30 % over the budget.",
            SINCE,
            "The system changed nothing: it pauses only when the budget is reached.",
        ],
    ),
    (
        alert(AlertKind.PROJECTION, "10", "2000", facts={"projected_micros": 990_000_000}, **MONTH),
        [],
        "Acme: projected to miss the monthly budget",
        [
            "€10.00 of €2,000.00 spent in March 2026, 0 %.",
            "Projected to end at €990, 50 % under the budget.",
            SINCE,
            "The system changed nothing: it pauses only when the budget is reached.",
        ],
    ),
    (
        alert(AlertKind.SPIKE, "90", facts={"hour_micros": 60_000_000, "usual_micros": 12_345_600}, **DAY),
        [],
        "Acme: spend far above the usual hour",
        [
            "€90.00 spent on Tue 10 Mar 2026.",
            "€60.00 in the last hour; usual are €12.35.",
            SINCE,
            "The system changed nothing: it pauses when a budget is reached.",
        ],
    ),
    (
        alert(AlertKind.DEAD_FEED, facts={"hours": 24, "last_at": (NOON - timedelta(days=1)).isoformat()}),
        [],
        "Acme: no spend arrives although campaigns are active",
        [
            "No record in 24 hours of running; the last one came at 13:00 on Mon 9 Mar 2026 (Europe/Berlin).",
            SINCE,
            "The system changed nothing: without spend no budget is reached.",
        ],
    ),
    (
        alert(AlertKind.DEAD_FEED, facts={"hours": 1, "last_at": None}),
        [],
        "Acme: no spend arrives although campaigns are active",
        [
            "No record in 1 hour of running; none ever came.",
            SINCE,
            "The system changed nothing: without spend no budget is reached.",
        ],
    ),
    (
        alert(AlertKind.SPEND_WHILE_OFF, "7.5", campaign=CAMPAIGN, **DAY),
        [],
        "Summer Sale (Acme): spends although it is off",
        [
            "€7.50 spent on Tue 10 Mar 2026.",
            SINCE,
            "The system records it in full and cannot stop it; look at the platform.",
        ],
    ),
    (
        alert(AlertKind.QUARANTINE, facts={"records": 1}, brand=None),
        [],
        "Unknown brand: spend is quarantined",
        [
            "1 record waits.",
            "Since 12:00 on Tue 10 Mar 2026 (UTC).",
            "The system keeps it whole and counts it once somebody has decided.",
        ],
    ),
]


@pytest.mark.parametrize(("told", "steps", "heading", "said"), TOLD)
def test_says(told: Alert, steps: list[int], heading: str, said: list[str]) -> None:
    assert title(told, steps) == heading
    assert lines(told) == said


def test_that_is_over_says_so() -> None:
    over = alert(AlertKind.QUARANTINE, facts={"records": 2}, ended_at=NOON + timedelta(hours=1))
    assert lines(over)[-1] == "It is over since 14:00 on Tue 10 Mar 2026 (Europe/Berlin)."


@pytest.mark.parametrize("kind", list(AlertKind))
def test_each_kind_has_words_also_where_nothing_is_known(kind: AlertKind) -> None:
    told = alert(kind)
    assert title(told).startswith("Acme: ")
    assert all(line.endswith(".") for line in lines(told))
    assert len(lines(told)) >= 2

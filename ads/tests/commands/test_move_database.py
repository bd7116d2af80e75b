"""move_database: all of one database arrives in another, on either engine, or nothing does."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection

from ads.models import Campaign, SpendLog, StatusChange
from ads.services import BudgetService, CampaignService
from ads.services.reconcile import reconcile
from ads.tests.factories import BrandFactory, CampaignFactory, DaypartingScheduleFactory
from ads.tests.moments import NOON
from budget_system.testing.fixtures import CommittedDatabase, run_manage

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture
def used(committed_database: CommittedDatabase) -> CommittedDatabase:
    """A database in which people have worked."""
    ann = User.objects.create_superuser("ann")
    brand = BrandFactory.create(name="Café Ünïcode 株式会社")
    brand.assigned_to.add(ann)
    campaigns = CampaignFactory.create_batch(3, brand=brand)
    DaypartingScheduleFactory.create(campaign=campaigns[0])
    for number in range(5):
        BudgetService.record_spend(campaigns[1], Decimal("7.123456"), source="ads", external_id=f"e{number}")
    CampaignService.switch_off(campaigns[2], by=ann)
    BudgetService.reset_budgets(by=ann)
    BudgetService.record_spend(campaigns[1], Decimal(200))
    return committed_database


@pytest.fixture
def file(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'other.sqlite3'}"


def content(env: dict[str, str]) -> dict[str, Any]:
    """Every row, by model and key; the moments that Django itself touches aside."""
    rows = json.loads(run_manage(env, "dumpdata", "--all"))
    for row in rows:
        row["fields"].pop("date_changed", None)
    return {f"{row['model']} {row['pk']}": row["fields"] for row in rows if row["model"] != "ads.jobprogress"}


def test_there_and_back_nothing_is_lost(used: CommittedDatabase, file: str) -> None:
    there = used.env | {"DATABASE_URL": file}
    before = content(used.env)
    run_manage(there, "migrate", "--verbosity=0")
    said = run_manage(there, "move_database", used.url)
    assert "ads_spendlog: 6 rows" in said
    assert "their counts and" in said
    assert content(there) == before
    assert "All of them equal the ledger" in run_manage(there, "reconcile_spend")

    call_command("flush", interactive=False, verbosity=0)
    assert not SpendLog.objects.exists()
    call_command("move_database", file)
    assert content(used.env) == before
    assert reconcile(NOON).differences == []
    # Ids go on after those that came.
    campaign = Campaign.objects.get(pk=before_campaign(before))
    log = BudgetService.record_spend(campaign, Decimal("0.01"), source="ads", external_id="e9")
    assert log.pk == 7
    # What came before is known still, and the history is guarded again.
    assert BudgetService.record_spend(campaign, Decimal("0.01"), source="ads", external_id="e9").pk == 7
    with pytest.raises(Exception, match=r"append-only|never"), connection.cursor() as cursor:
        cursor.execute("UPDATE ads_spendlog SET amount_micros = 1")


def before_campaign(before: dict[str, Any]) -> int:
    return min(int(key.split()[1]) for key in before if key.startswith("ads.campaign "))


def test_a_database_in_use_is_not_moved_into(used: CommittedDatabase, file: str) -> None:
    there = used.env | {"DATABASE_URL": file}
    run_manage(there, "migrate", "--verbosity=0")
    changes = StatusChange.objects.count()
    with pytest.raises(CommandError, match="Nothing was moved: the database to move to holds brands already"):
        call_command("move_database", file)
    assert StatusChange.objects.count() == changes


def test_a_database_that_is_none_of_ours_is_refused(committed_database: CommittedDatabase, file: str) -> None:
    with pytest.raises(CommandError, match="holds none of this system's tables"):
        call_command("move_database", file)
    with pytest.raises(CommandError, match="mysql"):
        call_command("move_database", "mysql://localhost/budgets")

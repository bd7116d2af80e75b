"""What books goes to PostgreSQL in few round trips, planned once a session; on SQLite one statement after another."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from ads.models import Campaign, SpendKey, SpendLog
from ads.services import BudgetService, ingest
from ads.services.given import Statement, run
from ads.services.identity import record_content, record_key
from ads.services.records import SpendEvent
from ads.tests.factories import CampaignFactory

pytestmark = pytest.mark.django_db

on_postgresql = pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite keeps no plans by name")


@pytest.fixture
def campaign() -> Campaign:
    return CampaignFactory.create()


def plans() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements WHERE from_sql")
        return {statement for (statement,) in cursor.fetchall()}


def test_each_statement_gives_its_rows_to_whom_they_are_for() -> None:
    taken: list[list[tuple[object, ...]]] = []
    run(
        [
            Statement("SELECT id FROM ads_brand WHERE name = %s", ["none"], taken.append),
            Statement("SELECT count(*) FROM ads_campaign", [], taken.append),
        ]
    )
    assert taken == [[], [(0,)]]


def test_one_that_fails_takes_all_of_them_back(campaign: Campaign) -> None:
    rename = Statement("UPDATE ads_brand SET name = %s WHERE id = %s", ["Other", campaign.brand_id])
    fail = Statement("UPDATE ads_brand SET daily_budget_micros = -1 WHERE id = %s", [campaign.brand_id])
    with pytest.raises(IntegrityError, match="brand_budgets_not_negative"), transaction.atomic():
        run([rename, fail])
    campaign.brand.refresh_from_db()
    assert campaign.brand.name != "Other"


@pytest.mark.parametrize("count", [1, 3])
def test_one_record_and_several_are_kept_with_the_same_identity(campaign: Campaign, count: int) -> None:
    events = [
        SpendEvent(campaign_id=campaign.pk, amount_micros=1_500_000, external_id=f"e-{number}")
        for number in range(count)
    ]
    answers = list(ingest.ingest_events(events, source="feed", now=timezone.now()))
    kept = {key.key.bytes: (key.content.bytes, key.log_id) for key in SpendKey.objects.all()}
    content = record_content(campaign.pk, "SPEND", 1_500_000, "USD", None)
    assert kept == {
        record_key(campaign.brand_id, "feed", f"e-{number}"): (content, answer.log_id)
        for number, answer in enumerate(answers)
    }
    assert sorted(SpendLog.objects.values_list("external_id", "amount_micros")) == [
        (f"e-{number}", 1_500_000) for number in range(count)
    ]


@on_postgresql
def test_the_second_record_of_a_session_is_planned_already(campaign: Campaign) -> None:
    BudgetService.record_spend(campaign, Decimal(1), external_id="1")
    known = plans()
    assert any("FOR NO KEY UPDATE" in statement for statement in known)
    # Small and large numbers, an id and none, texts of any kind: one plan each.
    BudgetService.record_spend(
        campaign, Decimal("99999999.999999"), external_id="'; DROP TABLE ads_brand; --%s"
    )
    assert plans() == known
    BudgetService.record_spend(campaign, Decimal("0.000001"), "without an id")
    assert plans() == known
    assert SpendLog.objects.count() == 3


@on_postgresql
def test_a_plan_outlives_the_transaction_that_failed(campaign: Campaign) -> None:
    @transaction.atomic
    def record_and_fail() -> None:
        BudgetService.record_spend(campaign, Decimal(1), external_id="1")
        run([Statement("UPDATE ads_brand SET daily_budget_micros = -2 WHERE id = %s", [campaign.brand_id])])

    with pytest.raises(IntegrityError):
        record_and_fail()
    assert SpendLog.objects.count() == 0
    assert BudgetService.record_spend(campaign, Decimal(2), external_id="1").amount == Decimal(2)


@on_postgresql
def test_behind_a_pooler_nothing_is_prepared(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "DISABLE_SERVER_SIDE_CURSORS", True)
    log = BudgetService.record_spend(campaign, Decimal("1.5"), "50 %", external_id="1")
    assert log.description == "50 %"
    taken: list[list[tuple[int]]] = []
    add = Statement("SELECT 40 + %s::int", [2], taken.append)
    run([add, add])
    assert taken == [[(42,)]] * 2
    assert not any("40 +" in statement for statement in plans())
    monkeypatch.undo()
    run([add])
    assert any("40 +" in statement for statement in plans())

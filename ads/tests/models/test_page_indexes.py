"""The queries that large agencies wait for can be answered from the indexes that were made for them."""

from typing import Any

import pytest
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models import Count, Model, QuerySet

from ads.models import Campaign, SpendLog, StatusChange
from ads.models.status import IS_NEWS
from ads.rules.serving import Reason
from ads.services.given import OneOf

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor == "sqlite", reason="plans of PostgreSQL"),
]


def stand_in(cursor: CursorWrapper, model: type[Model]) -> None:
    """A new table with all indexes of the model's, found before it until the transaction ends.

    What other tests left in the model's own table, and when its indexes were made, would sway the plan.
    """
    table = model._meta.db_table
    cursor.execute(f"CREATE TEMPORARY TABLE {table} (LIKE public.{table}) ON COMMIT DROP")
    cursor.execute("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = %s", [table])
    for (definition,) in cursor.fetchall():
        cursor.execute(definition.replace(" ON public.", " ON pg_temp."))


def plan(query: QuerySet[Any, Any], *out_of_the_question: str) -> str:
    """How it is answered where reading the table whole, and what else is named, is out of the question."""
    with connection.cursor() as cursor:
        stand_in(cursor, query.model)
        for way in ("seqscan", "bitmapscan", "sort", *out_of_the_question):
            cursor.execute(f"SET LOCAL enable_{way} = off")
    return query.explain()


def test_the_newest_changes_of_all_brands() -> None:
    newest = StatusChange.objects.filter(IS_NEWS).values("pk")[:120]
    assert "Backward using statuschange_news on" in plan(newest)


def test_the_newest_changes_of_a_brand() -> None:
    of_brand = StatusChange.objects.filter(IS_NEWS, brand_id=7).order_by("-sequence").values("pk")[:120]
    assert "Backward using statuschange_news_of_brand on" in plan(of_brand)


@pytest.mark.parametrize("reason", [Reason.BRAND_DAILY, Reason.BRAND_MONTHLY])
def test_since_when_a_budget_of_a_brand_stops_campaigns(reason: Reason) -> None:
    changes = StatusChange.objects.filter(OneOf("brand_id", [7]), reason_codes__contains=reason.value)
    assert "using statuschange_by_brand_limit on" in plan(changes.order_by("brand", "at"))


def test_how_many_campaigns_are_in_which_status() -> None:
    campaigns = Campaign.objects.filter(OneOf("brand_id", [7]), archived_at__isnull=True).order_by()
    counted = campaigns.values_list("brand_id", "status").annotate(number=Count("*"))
    assert "Index Only Scan using campaign_by_status on" in plan(counted, "indexscan")


def test_on_which_days_campaigns_that_are_switched_on_may_run() -> None:
    on = Campaign.objects.filter(OneOf("brand_id", [7]), enabled=True, archived_at__isnull=True)
    of_always = on.filter(start_date__isnull=True, end_date__isnull=True).order_by().values("pk")
    assert "Index Only Scan using campaign_flights on" in plan(of_always, "indexscan")


def test_rows_by_their_id_in_the_source() -> None:
    with connection.cursor() as cursor:
        stand_in(cursor, SpendLog)
        cursor.execute("SET LOCAL enable_seqscan = off")
    assert (
        "Bitmap Index Scan on spendlog_external_id"
        in SpendLog.objects.filter(external_id="e-1").order_by().explain()
    )

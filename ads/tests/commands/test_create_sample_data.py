"""Creating the agency: once, whole or not at all, and leaving what others have as it is."""

import logging
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, transaction
from django.utils import timezone
from freezegun import freeze_time

from ads.models import Brand, Campaign, SpendLog, StatusChange
from ads.sample_data import creation
from ads.sample_data.agency import HARBOR, OLD_MILL, REEF
from ads.sample_data.creation import Created, create_sample_data
from ads.sample_data.replay import Replay
from ads.services import BudgetService, enforcement
from ads.services.reconcile import reconcile
from ads.tests.factories import CampaignFactory

NOW = datetime(2026, 3, 18, 15, 30, tzinfo=UTC)  # a Wednesday


@pytest.fixture
def one_brand(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    """An agency of one brand, which is quickly made."""
    monkeypatch.setattr(creation, "AGENCY", (OLD_MILL,))


def test_it_is_the_same_agency_each_time(one_brand: None) -> None:
    ledgers = []
    for _ in range(2):
        with transaction.atomic():
            create_sample_data(NOW, days=1)
            ledgers.append(
                list(
                    SpendLog.objects.order_by("pk").values_list("external_id", "amount_micros", "occurred_at")
                )
            )
            transaction.set_rollback(True)
    assert ledgers[0] == ledgers[1]
    assert len(ledgers[0]) > 10


def test_brands_of_others_are_left_as_they_are(one_brand: None) -> None:
    with freeze_time(NOW):
        other = CampaignFactory.create(brand__timezone="Asia/Kathmandu")
        BudgetService.record_spend(other, 100)
    stored = Campaign.objects.filter(pk=other.pk).values().get()
    create_sample_data(NOW, days=1)
    assert Campaign.objects.filter(pk=other.pk).values().get() == stored
    assert StatusChange.objects.get(campaign=other).at == NOW
    assert other.brand.periods.filter(starts_on__lt=NOW.date().replace(day=18)).count() == 1  # the month


def test_broken_off_it_leaves_nothing_behind_and_the_clock_goes_right(
    one_brand: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("disk I/O error")

    monkeypatch.setattr(Replay, "report", fail)
    with pytest.raises(OperationalError):
        create_sample_data(NOW, days=1)
    assert not Brand.objects.exists()
    assert not SpendLog.objects.exists()
    assert datetime.now(UTC) - timezone.now() < timedelta(seconds=10)


def test_it_can_be_made_right_after_a_midnight_that_begins_a_month(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(creation, "AGENCY", (HARBOR, REEF))
    just_after = datetime(2026, 3, 1, 5, 0, 10, tzinfo=UTC)  # 00:00:10 in New York
    create_sample_data(just_after, days=2)
    harbor = BudgetService.get_brand_summary(Brand.objects.get(name=HARBOR.name), now=just_after)
    assert (harbor["daily_spent"], harbor["monthly_spent"]) == (Decimal(1152), Decimal(1152))
    assert reconcile(just_after).differences == []
    assert enforcement.sweep(just_after).changed == 0


def test_weeks_of_past_pauses_are_not_logged_as_news(
    one_brand: None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "ads.enforcement"):
        create_sample_data(NOW, days=1)
        assert logging.getLogger("ads.enforcement").level == logging.INFO
    assert caplog.records == []


def test_the_command_makes_sixty_days_and_prints_what_there_is(
    one_brand: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []

    def remember(now: datetime, **options: Any) -> Created:
        asked.append(options)
        return create_sample_data(now, days=1)

    monkeypatch.setattr("ads.management.commands.create_sample_data.create_sample_data", remember)
    out = StringIO()
    with freeze_time(NOW):
        call_command("create_sample_data", stdout=out)
    told = out.getvalue().splitlines()
    assert asked == [{"days": 60}]
    assert told[0].split("  ")[0] == "brand"
    assert told[1].split()[:4] == ["Old", "Mill", "Furniture", "Europe/London"]
    assert told[2].startswith("Added 1 brand, 4 campaigns, ")


def test_without_the_agency_there_is_nothing_to_simulate(db: None) -> None:
    CampaignFactory.create()
    with pytest.raises(CommandError, match="run create_sample_data first"):
        call_command("simulate_spend", "--once")
    assert not SpendLog.objects.exists()

"""Totals are proved against the ledger, and repaired."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from freezegun import freeze_time

from ads.models import BrandPeriod, Campaign, CampaignPeriod, JobProgress
from ads.rules.serving import Reason, Status
from ads.services import BudgetService, reconcile
from ads.tests.factories import BrandFactory, CampaignFactory
from ads.tests.moments import NOON, state

pytestmark = pytest.mark.django_db


@pytest.fixture
def booked(campaign: Campaign) -> Campaign:
    with freeze_time(NOON):
        campaign.save()
        BudgetService.record_spend(campaign, 60)
        BudgetService.record_spend(campaign, 30, occurred_at=NOON - timedelta(days=40))
        BudgetService.reset_budgets(by="ann")
    return campaign


def test_right_totals_are_left_alone(booked: Campaign) -> None:
    report = reconcile.reconcile(NOON, repair=True)
    assert (report.brands, report.periods, report.differences) == (1, 9, [])


def test_a_wrong_a_missing_and_a_needless_total_are_told_and_left(booked: Campaign) -> None:
    BrandPeriod.objects.filter(kind="DAY", starts_on=NOON.date()).update(spent_micros=1)
    CampaignPeriod.objects.filter(kind="FLIGHT").delete()
    BrandPeriod.objects.create(brand=booked.brand, kind="DAY", starts_on="2026-01-05", spent_micros=5)
    report = reconcile.reconcile(NOON)
    assert [str(difference) for difference in report.differences] == [
        "Acme, day 2026-01-05: spent 5 micros, ledger 0; waived 0, waivers 0",
        "Acme, day 2026-03-10: spent 1 micros, ledger 60000000; waived 60000000, waivers 60000000",
        "Acme / Summer Sale, flight: spent 0 micros, ledger 90000000; waived 0, waivers 0",
    ]
    assert BrandPeriod.objects.get(kind="DAY", starts_on=NOON.date()).spent_micros == 1


def test_a_repair_makes_them_right_and_decides_again(booked: Campaign) -> None:
    with freeze_time(NOON):
        BudgetService.record_spend(booked, 100)
    BrandPeriod.objects.filter(kind="DAY", starts_on=NOON.date()).update(spent_micros=0, waived_micros=0)
    CampaignPeriod.objects.all().delete()
    with freeze_time(NOON):
        Campaign.objects.get().save()
    assert state(booked)[0] == Status.ACTIVE
    assert len(reconcile.reconcile(NOON, repair=True).differences) == 6
    assert reconcile.reconcile(NOON).differences == []
    assert CampaignPeriod.objects.count() == 5
    assert state(booked) == (Status.PAUSED, (Reason.BRAND_DAILY,))
    day = BrandPeriod.objects.get(kind="DAY", starts_on=NOON.date())
    assert (day.spent, day.waived, day.budget) == (Decimal(160), Decimal(60), Decimal(100))


def test_the_slices_of_the_scheduled_check_remember_how_far_they_got(
    booked: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "BRANDS_PER_SLICE", 2)
    brands = [booked.brand, *BrandFactory.create_batch(2)]
    CampaignFactory.create(brand=brands[2])
    BrandPeriod.objects.create(brand=brands[2], kind="DAY", starts_on=NOON.date(), spent_micros=5)
    assert reconcile.verify_next_slice(NOON).differences == []
    assert JobProgress.objects.get().position == brands[1].pk
    assert len(reconcile.verify_next_slice(NOON).differences) == 1
    assert JobProgress.objects.get().position == 0


def test_the_number_of_queries_does_not_grow_with_campaigns(booked: Campaign) -> None:

    with CaptureQueriesContext(connection) as one:
        reconcile.reconcile(NOON)
    with freeze_time(NOON):
        for campaign in CampaignFactory.create_batch(10, brand=booked.brand):
            BudgetService.record_spend(campaign, 1)
    with CaptureQueriesContext(connection) as eleven:
        reconcile.reconcile(NOON)
    assert len(eleven) == len(one)

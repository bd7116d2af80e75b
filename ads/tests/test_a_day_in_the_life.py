"""One long story: a client of an agency through three days and a month's end."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from freezegun import freeze_time

from ads.models import BrandPeriod, Campaign, Kind, SpendLog, StatusChange
from ads.rules.serving import Reason, Status
from ads.services import BudgetService, CampaignService, enforcement, ingest, periods, reconcile
from ads.services.records import SpendSnapshot
from ads.tests.factories import BrandFactory, CampaignFactory, DaypartingScheduleFactory
from ads.tests.moments import brand_day, brand_month, changes, state

pytestmark = pytest.mark.django_db

LISBON = ZoneInfo("Europe/Lisbon")
ACTIVE = (Status.ACTIVE, ())


def lisbon(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=LISBON).astimezone(UTC)


def schedule_runs(now: datetime) -> None:
    """One round of what Beat triggers."""
    with freeze_time(now):
        periods.rollover(now)
        enforcement.tick(now)


def test_a_brand_goes_through_three_days_and_a_months_end() -> None:
    ann, bob = User.objects.create_user("ann"), User.objects.create_user("bob")

    # Friday, 29 May. Ann sets up the bakery: 100 a day, 150 for what is left of May.
    with freeze_time(lisbon("2026-05-29 08:00")):
        bakery = BrandFactory.create(
            name="Bakery",
            daily_budget=Decimal(100),
            monthly_budget=Decimal(150),
            timezone="Europe/Lisbon",
            currency="EUR",
        )
        search = CampaignFactory.create(brand=bakery, name="Search")
        social = CampaignFactory.create(brand=bakery, name="Social", daily_budget=Decimal(30))
        nights = CampaignFactory.create(brand=bakery, name="Night owls")
        DaypartingScheduleFactory.create(campaign=nights, start_time=time(22), end_time=time(2))
    schedule_runs(lisbon("2026-05-29 08:01"))
    assert [state(campaign) for campaign in (search, social, nights)] == [
        ACTIVE,
        ACTIVE,
        (Status.PAUSED, (Reason.OUTSIDE_DAYPARTING,)),
    ]

    # During the day Social uses up its own 30; Search goes on.
    with freeze_time(lisbon("2026-05-29 11:00")):
        BudgetService.record_spend(social, "29.999999", source="adserver", external_id="s-1")
        assert state(social) == ACTIVE
        BudgetService.record_spend(social, "0.000001", source="adserver", external_id="s-2")
        BudgetService.record_spend(social, "0.000001", source="adserver", external_id="s-2")  # sent twice
    assert state(social) == (Status.PAUSED, (Reason.CAMPAIGN_DAILY,))
    assert state(search) == ACTIVE

    # At 15:00 the brand's 100 are reached in one large step, and overspend stays visible.
    with freeze_time(lisbon("2026-05-29 15:00")):
        big = BudgetService.record_spend(search, 75, "a burst of clicks")
    assert state(search) == (Status.PAUSED, (Reason.BRAND_DAILY,))
    assert brand_day(bakery, date(2026, 5, 29)) == 105

    # The platform refunds invalid clicks: Search runs again, Social stays at its own limit.
    with freeze_time(lisbon("2026-05-29 16:00")):
        BudgetService.record_spend(search, -20, kind=Kind.REFUND)
    assert state(search) == ACTIVE
    assert state(social) == (Status.PAUSED, (Reason.CAMPAIGN_DAILY,))

    # Bob switches Search off for the weekend. At 22:00 the night owls wake up; nothing wakes Search.
    with freeze_time(lisbon("2026-05-29 17:00")):
        CampaignService.switch_off(search, by=bob)
    schedule_runs(lisbon("2026-05-29 22:00"))
    assert state(nights) == ACTIVE

    # Beat is down over midnight and comes back at 03:00: the day is new, the night window is over.
    with freeze_time(lisbon("2026-05-30 00:30")):
        late = BudgetService.record_spend(nights, 4)
    assert (late.spent_on, late.while_off) == (date(2026, 5, 30), False)
    schedule_runs(lisbon("2026-05-30 03:00"))
    assert state(nights) == (Status.PAUSED, (Reason.OUTSIDE_DAYPARTING,))
    assert state(social) == ACTIVE
    assert state(search) == (Status.INACTIVE, (Reason.SWITCHED_OFF,))
    assert brand_day(bakery, date(2026, 5, 29)) == 85

    # Saturday's platform report restates Friday: 10 more. It counts for Friday and for May.
    with freeze_time(lisbon("2026-05-30 09:00")):
        friday = SpendSnapshot(campaign_id=social.pk, day=date(2026, 5, 29), amount_micros=10_000_000)
        list(ingest.ingest_snapshots([friday], source="meta", now=lisbon("2026-05-30 09:00")))
        assert brand_day(bakery, date(2026, 5, 29)) == 95
        assert state(social) == ACTIVE
        # 99 of May's 150 are spent: 51 more and the month is full, though the day is not.
        BudgetService.record_spend(social, 29)
        assert state(social) == ACTIVE
        BudgetService.record_spend(nights, 22)
    assert brand_month(bakery, date(2026, 5, 1)) == 150
    assert state(social) == (Status.PAUSED, (Reason.BRAND_MONTHLY,))
    assert state(nights) == (Status.PAUSED, (Reason.BRAND_MONTHLY, Reason.OUTSIDE_DAYPARTING))

    # Ann raises May by 20. Social may go on at once; Search is still off because Bob asked for it.
    with freeze_time(lisbon("2026-05-30 10:00")):
        bakery.refresh_from_db()
        bakery.monthly_budget = Decimal(170)
        bakery.save()
    assert state(social) == ACTIVE
    assert state(search) == (Status.INACTIVE, (Reason.SWITCHED_OFF,))

    # The burst of clicks was another client's: reversed, for Friday, and spent May with it.
    with freeze_time(lisbon("2026-05-30 12:00")):
        BudgetService.reverse_spend(big, "booked on the wrong client", by=ann)
    assert brand_day(bakery, date(2026, 5, 29)) == 20
    assert brand_month(bakery, date(2026, 5, 1)) == 75

    # Sunday: Social reaches its own 30; Ann starts the day afresh, it runs on and reaches them again.
    schedule_runs(lisbon("2026-05-31 00:00"))
    with freeze_time(lisbon("2026-05-31 13:00")):
        BudgetService.record_spend(social, 30)
        assert state(social)[0] == Status.PAUSED
        BudgetService.reset_budgets(campaign=social, by=ann)
        assert state(social) == ACTIVE
        BudgetService.record_spend(social, 31)
        assert state(social) == (Status.PAUSED, (Reason.CAMPAIGN_DAILY,))

    # June begins in Lisbon at 23:00 UTC; the worker comes a minute later. Nothing of May is wiped.
    schedule_runs(lisbon("2026-06-01 00:01"))
    assert state(social) == ACTIVE
    assert state(nights) == ACTIVE  # 00:01 is inside its window
    months = BrandPeriod.objects.filter(brand=bakery, kind="MONTH").order_by("starts_on")
    assert [
        (month.starts_on, month.spent, month.budget, month.closed_at is not None) for month in months
    ] == [
        (date(2026, 5, 1), Decimal(136), Decimal(170), True),
        (date(2026, 6, 1), Decimal(0), Decimal(170), False),
    ]

    # Every change has its cause, Bob's switch-off was never undone, and the totals are the ledger's.
    assert changes(social) == [
        "ACTIVE>PAUSED CAMPAIGN_DAILY SPEND",
        "PAUSED>PAUSED BRAND_DAILY,CAMPAIGN_DAILY SPEND",
        "PAUSED>PAUSED CAMPAIGN_DAILY SPEND",
        "PAUSED>ACTIVE - ROLLOVER",
        "ACTIVE>PAUSED BRAND_MONTHLY SPEND",
        "PAUSED>ACTIVE - SETTINGS",
        "ACTIVE>PAUSED CAMPAIGN_DAILY SPEND",
        "PAUSED>ACTIVE - RESET",
        "ACTIVE>PAUSED CAMPAIGN_DAILY SPEND",
        "PAUSED>ACTIVE - ROLLOVER",
    ]
    assert not Campaign.objects.get(pk=search.pk).enabled
    assert (
        not StatusChange.objects.filter(campaign=search, from_status="INACTIVE")
        .exclude(to_status="INACTIVE")
        .exists()
    )
    assert set(StatusChange.objects.exclude(by="").values_list("by", flat=True)) == {"ann", "bob"}
    assert SpendLog.objects.filter(campaign__brand=bakery).count() == 11
    now = lisbon("2026-06-01 00:02")
    assert reconcile.reconcile(now).differences == []
    assert enforcement.sweep(now).changed == 0
    assert enforcement.sweep(now + timedelta(minutes=5)).changed == 0

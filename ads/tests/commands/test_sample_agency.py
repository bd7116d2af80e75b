"""The agency to try the system with: its history is whole, right and believable, and it goes on spending."""

import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import OperationalError, transaction
from django.db.models import F
from freezegun import freeze_time
from pytest_django import DjangoDbBlocker

from ads.currencies import minor_units
from ads.models import (
    Brand,
    BrandPeriod,
    Campaign,
    CampaignPeriod,
    Cause,
    DaypartingSchedule,
    Kind,
    SpendKey,
    SpendLog,
    StatusChange,
    Waiver,
)
from ads.rules.serving import Reason, Status
from ads.sample_data.agency import HARBOR
from ads.sample_data.creation import Created, create_sample_data
from ads.sample_data.people import let_in
from ads.sample_data.simulation import Simulation
from ads.services import BudgetService, enforcement, periods
from ads.services.explain import explain
from ads.services.reconcile import reconcile
from ads.services.records import Result
from ads.tests.factories import CampaignFactory

NOW = datetime(2026, 3, 18, 15, 30, tzinfo=UTC)  # a Wednesday
DAYS = 4
TABLES = (
    User, Brand, Campaign, DaypartingSchedule, SpendLog, SpendKey, BrandPeriod, CampaignPeriod, Waiver, StatusChange,
    Brand.history.model, Campaign.history.model, DaypartingSchedule.history.model,
)  # fmt: skip


@pytest.fixture(scope="module")
def _agency(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The agency with some days of history, made once for all tests of this module."""
    with django_db_blocker.unblock(), transaction.atomic():
        create_sample_data(NOW, days=DAYS)
        yield
        transaction.set_rollback(True)


@pytest.fixture
def agency(_agency: None, db: None) -> None:
    """What a test changes of the agency is taken back after it."""


def rows() -> dict[str, int]:
    """How many rows there are in each table that sample data goes into."""
    return {model.__name__: model._base_manager.count() for model in TABLES}


def campaign(name: str) -> Campaign:
    return Campaign.objects.select_related("brand").get(name=name)


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


# What there is


def test_eight_brands_in_seven_currencies_have_forty_campaigns(agency: None) -> None:
    brands = Brand.objects.order_by("pk")
    assert {brand.currency for brand in brands} == {"USD", "EUR", "JPY", "NGN", "AUD", "GBP"}
    assert {"America/New_York", "Europe/Paris", "Asia/Tokyo", "Africa/Lagos", "Australia/Sydney", ""} < {
        brand.timezone for brand in brands
    }
    assert (brands.count(), Campaign.objects.count()) == (8, 40)
    assert Campaign.objects.exclude(external_id="").values("platform", "external_id").distinct().count() == 40


def test_one_brand_is_near_one_at_and_one_over_its_daily_limit(agency: None) -> None:
    near, at, over = (
        BudgetService.get_brand_summary(Brand.objects.get(name=name), now=NOW)
        for name in ("Harbor & Pine Outdoor", "Maison Solene", "Kumo Electric")
    )
    assert (near["daily_spent"], near["daily_budget"], near["daily_exceeded"]) == (
        Decimal(1152),
        Decimal(1200),
        False,
    )
    assert (at["daily_spent"], at["daily_budget"], at["active_campaigns"]) == (Decimal(900), Decimal(900), 0)
    assert (over["daily_spent"], over["daily_budget"], over["active_campaigns"]) == (
        Decimal(178200),
        Decimal(165000),
        0,
    )


def test_every_reason_but_two_can_be_seen(agency: None) -> None:
    seen = {reason for each in Campaign.objects.all() for reason in each.reasons}
    assert set(Reason) - seen <= {Reason.CAMPAIGN_TOTAL, Reason.CAMPAIGN_DAILY, Reason.CAMPAIGN_MONTHLY}


def test_people_switched_off_archived_waived_refunded_and_reversed(agency: None) -> None:
    assert campaign("Whitepaper Security").enabled is False
    assert Campaign.objects.get(archived_at__isnull=False) == campaign("Cruise Remarketing")
    assert Brand.objects.get(is_active=False).name == "Old Mill Furniture"
    assert Waiver.objects.values("at", "by").distinct().count() == 1
    assert StatusChange.objects.filter(cause=Cause.RESET, by="sample.amara", to_status=Status.ACTIVE).exists()
    refund = SpendLog.objects.get(kind=Kind.REFUND)
    assert (refund.amount, refund.recorded_by) == (Decimal("-38.20"), "sample.amara")
    reversal = SpendLog.objects.get(kind=Kind.ADJUSTMENT)
    assert reversal.amount == -SpendLog.objects.get(pk=str(reversal.reverses_id)).amount == Decimal(-120)
    assert SpendLog.objects.get(while_off=True).campaign == campaign("Cruise Remarketing")


def test_windows_run_overnight_and_in_a_zone_of_their_own(agency: None) -> None:
    assert DaypartingSchedule.objects.filter(end_time__lt=F("start_time")).exists()
    assert set(campaign("Webinar US").schedules.values_list("timezone", flat=True)) == {"America/Chicago"}


def test_there_is_somebody_of_each_role_with_their_brands(agency: None) -> None:
    people = {
        user.username: (user.groups.get().name, user.brands.count(), Brand.objects.visible_to(user).count())
        for user in User.objects.filter(username__startswith="sample.")
    }
    assert people == {
        "sample.amara": ("Account manager", 4, 4),
        "sample.claire": ("Account manager", 4, 4),
        "sample.vera": ("Viewer", 2, 2),
        "sample.tomas": ("Trafficker", 4, 4),
        "sample.ines": ("Administrator", 0, 8),
    }


def test_nobody_can_log_in_as_one_of_them(agency: None) -> None:
    people = User.objects.filter(username__startswith="sample.")
    assert not any(user.has_usable_password() for user in people)
    assert not people.filter(is_staff=True).exists()


def test_where_a_login_is_told_one_of_each_role_gets_its_password(agency: None) -> None:
    assert let_in("told") == {
        "sample.amara": "Account manager",
        "sample.vera": "Viewer",
        "sample.tomas": "Trafficker",
        "sample.ines": "Administrator",
    }
    changed = User.objects.get(username="sample.vera")
    changed.set_password("her own")
    changed.save()
    assert "sample.vera" not in let_in("told")
    changed.refresh_from_db()
    assert changed.check_password("her own")
    assert not User.objects.get(username="sample.claire").has_usable_password()


# It is right


def test_its_totals_equal_its_ledger(agency: None) -> None:
    assert reconcile(NOW).differences == []


def test_its_statuses_are_right_and_nothing_is_due(agency: None) -> None:
    assert periods.rollover(NOW).brands == 0
    assert (enforcement.tick(NOW).decided, enforcement.sweep(NOW).changed) == (0, 0)


def test_its_amounts_are_whole_coins(agency: None) -> None:
    assert minor_units("JPY") == 0
    yen = SpendLog.objects.filter(brand__currency="JPY").values_list("amount_micros", flat=True)
    others = SpendLog.objects.exclude(brand__currency="JPY").values_list("amount_micros", flat=True)
    assert {micros % 1_000_000 for micros in yen} | {micros % 10_000 for micros in others} == {0}


# It is believable


def test_nothing_was_known_before_it_happened_or_is_known_before_now(agency: None) -> None:
    assert not SpendLog.objects.filter(recorded_at__lt=F("occurred_at")).exists()
    assert not SpendLog.objects.filter(recorded_at__gt=NOW).exists()
    assert not StatusChange.objects.filter(at__gt=NOW).exists()
    assert not Campaign.history.filter(history_date__gt=NOW).exists()
    assert not Campaign.objects.filter(status_since__gt=NOW).exists()
    assert SpendLog.objects.filter(spent_on__lt=F("recorded_at__date")).exists()


def test_statuses_changed_in_their_turn_and_the_safety_net_caught_none(agency: None) -> None:
    assert not StatusChange.objects.filter(cause__in=[Cause.SWEEP, Cause.REPAIR]).exists()
    for each in Campaign.objects.all():
        changes = list(each.status_changes.order_by("pk"))
        for before, after in pairwise(changes):
            assert (before.to_status, before.reason_codes) == (after.from_status, after.from_reason_codes)
            assert before.at <= after.at
        if changes:
            assert (changes[-1].to_status, changes[-1].reason_codes) == (each.status, each.reason_codes)


def test_a_window_opened_within_a_minute_of_its_time(agency: None) -> None:
    opened = StatusChange.objects.filter(campaign=campaign("Lunch Boxes"), to_status=Status.ACTIVE)
    assert {f"{change.at:%H:%M}" for change in opened} == {"09:30"}  # 10:30 in Lagos


@pytest.mark.parametrize("name", ["深夜ショート動画", "Campfire Reels", "Webinar US", "Trail Shoes Shopping"])
def test_explained_for_any_past_moment_it_is_what_was_decided_then(agency: None, name: str) -> None:
    changes = campaign(name).status_changes.order_by("-pk")[:4]
    for change in changes:
        then = explain(change.campaign, at=change.at, now=NOW)
        assert (then.decision.status, then.decision.reasons) == (change.to_status, change.reasons)
        assert then.decision.reasons == then.stored.reasons


# Once, and whole or not at all


def test_run_again_it_adds_nothing(agency: None) -> None:
    before = rows()
    with freeze_time(NOW + timedelta(days=3)):
        told = run("create_sample_data")
    assert told.splitlines()[-1] == "All of it was there; nothing added."
    assert rows() == before


def test_what_people_renamed_is_not_added_again(agency: None) -> None:
    Brand.objects.filter(name=HARBOR.name).update(name="Harbor Ltd")
    Campaign.objects.filter(name="Nuit").update(name="Nacht")
    before = rows()
    assert create_sample_data(NOW) == Created()
    assert rows() == before


# It goes on spending


def simulate(steps: int, *, start: datetime = NOW, rate: int = 2) -> list[SpendLog]:
    simulation = Simulation(Random(7), timedelta(seconds=3), rate)
    moments = (start + timedelta(seconds=3 * step) for step in range(steps))
    answers = [answer for moment in moments for answer in simulation.step(moment)]
    assert {answer.result for answer in answers} <= {Result.ACCEPTED}
    logs = SpendLog.objects.select_related("campaign__brand")
    return list(logs.filter(pk__in=[answer.log_id for answer in answers if answer.log_id is not None]))


def test_only_campaigns_that_may_run_spend(agency: None) -> None:
    logs = [log for log in simulate(25) if not log.description]
    assert len(logs) == 50
    assert [log for log in logs if log.while_off] == []
    assert {log.kind for log in logs} == {Kind.SPEND}
    assert all(log.campaign.brand.is_active and log.campaign.enabled for log in logs)


def test_within_minutes_a_limit_pauses_a_brand_a_refund_resumes_it_and_a_record_is_late(agency: None) -> None:
    logs = simulate(120)
    changes = StatusChange.objects.filter(at__gte=NOW, cause=Cause.SPEND).order_by("pk")
    harbor = changes.filter(campaign=campaign("Brand Search"))
    assert [change.to_status for change in harbor][:2] == [Status.PAUSED, Status.ACTIVE]
    assert changes.filter(campaign=campaign("Marque - Search"), to_status=Status.ACTIVE).exists()
    assert not changes.filter(campaign__brand__name="Kumo Electric").exists()  # too far over for a refund
    assert {log.kind for log in logs if log.description == "Invalid clicks"} == {Kind.REFUND}
    late = [
        log.recorded_at - log.occurred_at
        for log in logs
        if log.description == "Reported late" and log.occurred_at
    ]
    assert min(late) >= timedelta(minutes=90)
    assert reconcile(NOW).differences == []


def test_the_clock_pauses_and_resumes_campaigns_every_ten_minutes(agency: None) -> None:
    for minute in range(0, 61, 5):
        enforcement.tick(NOW + timedelta(minutes=minute))
    changes = StatusChange.objects.filter(
        at__gt=NOW, campaign__brand__name="Delta Wave Radio", cause=Cause.CLOCK
    )
    assert (
        changes.filter(to_status=Status.ACTIVE).count(),
        changes.filter(to_status=Status.PAUSED).count(),
    ) == (4, 4)


def test_where_nothing_may_run_nothing_is_spent(agency: None) -> None:
    Brand.objects.update(is_active=False)
    before = SpendLog.objects.count()
    assert [log for log in simulate(20) if not log.description] == []
    assert SpendLog.objects.filter(recorded_at__gt=NOW).count() == SpendLog.objects.count() - before


def test_campaigns_of_others_never_spend(agency: None) -> None:
    with freeze_time(NOW):
        own = CampaignFactory.create(brand=Brand.objects.get(name=HARBOR.name))
        other = CampaignFactory.create()
    simulate(20)
    assert not SpendLog.objects.filter(campaign__in=[own, other]).exists()


def test_one_step_writes_as_many_records_as_the_rate_says(agency: None) -> None:
    with freeze_time(NOW):
        assert run("simulate_spend", "--once", "--rate=4").split()[0] in ("4", "5", "6")


def test_it_stops_after_the_records_asked_for(agency: None) -> None:
    before = SpendLog.objects.count()
    with freeze_time(NOW, auto_tick_seconds=3):
        assert run("simulate_spend", "--events=4", "--rate=3", "--interval=1") == "4 records written.\n"
    assert SpendLog.objects.count() == before + 4


def test_a_busy_database_is_reported_and_tried_again(
    agency: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    step, errors = Simulation.step, [OperationalError("database is locked")]

    def sometimes(self: Simulation, now: datetime, **options: Any) -> Any:
        if errors:
            raise errors.pop()
        return step(self, now, **options)

    monkeypatch.setattr(Simulation, "step", sometimes)
    monkeypatch.setattr("ads.management.commands.simulate_spend.connection.close", lambda: None)
    with freeze_time(NOW):
        assert run("simulate_spend", "--events=1", "--interval=1") == "1 records written.\n"
    assert [record.message for record in caplog.records if record.name == "ads.simulation"] == [
        "Nothing written: database is locked"
    ]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_after_the_step_under_way(
    agency: None, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    step, handler = Simulation.step, signal.getsignal(number)

    def interrupted(self: Simulation, now: datetime, **options: Any) -> Any:
        os.kill(os.getpid(), number)
        return step(self, now, **options)

    monkeypatch.setattr(Simulation, "step", interrupted)
    with freeze_time(NOW):
        assert run("simulate_spend", "--interval=600").endswith(" records written.\n")
    assert signal.getsignal(number) is handler

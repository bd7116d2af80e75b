"""reconcile_spend: tells what differs from the ledger, and repairs it where it is asked to."""

from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from freezegun import freeze_time

from ads.models import BrandPeriod, Campaign, CampaignPeriod
from ads.rules.serving import Reason, Status
from ads.services import BudgetService
from ads.tests.factories import CampaignFactory
from ads.tests.moments import NOON, state

pytestmark = pytest.mark.django_db


@pytest.fixture
def booked() -> Campaign:
    """Of Acme, with 60.00 spent and waived today, and 30.004 after it."""
    with freeze_time(NOON):
        campaign = CampaignFactory.create(brand__name="Acme", brand__currency="EUR", name="Summer Sale")
        BudgetService.record_spend(campaign, 60)
        BudgetService.reset_budgets(by="ann")
        BudgetService.record_spend(campaign, Decimal("30.004"))
    return campaign


def run(*arguments: str) -> list[str]:
    out = StringIO()
    with freeze_time(NOON):
        call_command("reconcile_spend", *arguments, stdout=out)
    return out.getvalue().splitlines()


def refused(*arguments: str) -> tuple[list[str], str, int]:
    """What was printed, said and returned by a run that fails."""
    out = StringIO()
    with freeze_time(NOON), pytest.raises(CommandError) as error:
        call_command("reconcile_spend", *arguments, stdout=out)
    return out.getvalue().splitlines(), str(error.value), error.value.returncode


def test_totals_that_equal_the_ledger_are_told_in_two_lines(booked: Campaign) -> None:
    assert run() == ["Compared 5 totals of 1 brand.", "All of them equal the ledger."]


def test_each_difference_is_told_exactly_and_the_exit_code_is_1(booked: Campaign) -> None:
    BrandPeriod.objects.filter(kind="DAY").update(spent_micros=1, waived_micros=0)
    CampaignPeriod.objects.filter(kind="FLIGHT").delete()
    lines, error, code = refused()
    assert lines == [
        "Compared 4 totals of 1 brand.",
        "owner               period          spent  by the ledger  waived  by the waivers",
        "Acme                2026-03-10  €0.000001        €90.004   €0.00          €60.00",
        "Acme / Summer Sale  flight          €0.00        €90.004   €0.00           €0.00",
    ]
    assert (error, code) == ("Totals that differ: 2. --repair makes them right.", 1)
    assert BrandPeriod.objects.get(kind="DAY").spent_micros == 1


def test_a_repair_makes_them_right_decides_again_and_leaves_nothing_for_the_next(booked: Campaign) -> None:
    with freeze_time(NOON):
        BudgetService.record_spend(booked, 100)
    BrandPeriod.objects.update(spent_micros=0, waived_micros=0)
    with freeze_time(NOON):
        booked.save()
    assert state(booked) == (Status.ACTIVE, ())
    assert run("--repair")[-1] == "Repaired: 2."
    assert run("--repair")[-1] == "All of them equal the ledger."
    assert state(booked) == (Status.PAUSED, (Reason.BRAND_DAILY,))


def test_only_the_brands_named_are_compared_and_repaired(booked: Campaign) -> None:
    with freeze_time(NOON):
        BudgetService.record_spend(CampaignFactory.create(brand__name="Beta"), 5)
    BrandPeriod.objects.update(spent_micros=7)
    assert run("--brand", "Beta", "--repair")[-1] == "Repaired: 2."
    lines, error, _ = refused()
    assert lines[0] == "Compared 10 totals of 2 brands."
    assert error.startswith("Totals that differ: 2.")
    assert set(BrandPeriod.objects.filter(brand__name="Acme").values_list("spent_micros", flat=True)) == {7}


def test_an_unknown_brand_is_refused(booked: Campaign) -> None:
    with pytest.raises(CommandError, match=r"There is no brand “Acne”\. Did you mean “Acme”"):
        run("--brand", "Acne")

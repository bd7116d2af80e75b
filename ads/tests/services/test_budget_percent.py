"""Many budgets changed by one percentage, exactly as it was told before."""

from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from freezegun import freeze_time

from ads.errors import ChangedMeanwhile
from ads.models import Brand, BrandPeriod, Campaign, StatusChange
from ads.rules.money import MoneyError, to_micros
from ads.rules.serving import Reason, Status
from ads.services import BudgetService
from ads.services.budget_percent import Budget, Outcome, change_by_percent
from ads.tests.factories import BrandFactory, CampaignFactory
from ads.tests.moments import NOON, changes, state

pytestmark = pytest.mark.django_db

BOTH = (Budget.DAILY, Budget.MONTHLY)
ALL = tuple(Budget)


@pytest.fixture(autouse=True)
def noon() -> object:
    with freeze_time(NOON):
        yield


def told(outcome: Outcome) -> dict[str, list[tuple[str, str | None, str | None]]]:
    """What happens to each, in units."""

    def units(micros: int | None) -> str | None:
        return None if micros is None else f"{Decimal(micros).scaleb(-6).normalize():f}"

    return {
        str(each.owner): [
            (kind.value, units(budget.before), units(budget.after)) for kind, budget in each.budgets.items()
        ]
        for each in outcome.owners
    }


def ids_of_history(brand: Brand) -> list[int]:
    return list(brand.history.order_by("history_id").values_list("history_id", flat=True))


def test_each_budget_is_changed_and_rounded_to_the_minor_unit_half_even() -> None:
    BrandFactory.create(name="Dollar", daily_budget=Decimal("0.05"), monthly_budget=Decimal("0.15"))
    BrandFactory.create(name="Yen", currency="JPY", daily_budget=Decimal(5), monthly_budget=Decimal(15))
    BrandFactory.create(
        name="Dinar", currency="KWD", daily_budget=Decimal("0.005"), monthly_budget=Decimal(1)
    )
    outcome = change_by_percent(Brand.objects.all(), Decimal(10), BOTH)
    # 0.055 and 0.165; 5.5 and 16.5; 0.0055
    assert told(outcome) == {
        "Dinar": [("daily", "0.005", "0.006"), ("monthly", "1", "1.1")],
        "Dollar": [("daily", "0.05", "0.06"), ("monthly", "0.15", "0.16")],
        "Yen": [("daily", "5", "6"), ("monthly", "15", "16")],
    }
    assert Brand.objects.get(name="Dollar").daily_budget == Decimal("0.06")
    assert Brand.objects.get(name="Yen").monthly_budget == Decimal(16)
    assert Brand.objects.get(name="Dinar").daily_budget == Decimal("0.006")


def test_no_limit_and_nothing_to_spend_stay_and_no_history_is_written_of_them(brand: Brand) -> None:
    free = BrandFactory.create(name="Free", daily_budget=None, monthly_budget=Decimal(0))
    before = ids_of_history(free)
    outcome = change_by_percent(Brand.objects.all(), Decimal(50), BOTH)
    assert told(outcome)["Free"] == [("daily", None, None), ("monthly", "0", "0")]
    assert outcome.budgets == 2
    free.refresh_from_db()
    assert (free.daily_budget, free.monthly_budget) == (None, Decimal(0))
    assert ids_of_history(free) == before
    brand.refresh_from_db()
    assert (brand.daily_budget, brand.monthly_budget) == (Decimal(150), Decimal(3000))


def test_only_the_budgets_that_were_named_are_changed(brand: Brand) -> None:
    change_by_percent(Brand.objects.all(), Decimal(-5), [Budget.MONTHLY])
    brand.refresh_from_db()
    assert (brand.daily_budget, brand.monthly_budget) == (Decimal(100), Decimal(1900))


def test_who_changed_it_stands_in_the_history_and_the_day_follows(brand: Brand, campaign: Campaign) -> None:
    nina = User.objects.create_user("nina")
    BudgetService.record_spend(campaign, Decimal(1))
    change_by_percent(Brand.objects.filter(pk=brand.pk), Decimal(10), [Budget.DAILY], by=nina)
    latest = brand.history.latest("history_id")
    assert (latest.history_user, latest.daily_budget_micros) == (nina, 110_000_000)
    day = BrandPeriod.objects.get(brand=brand, kind="DAY")
    assert day.budget_micros == 110_000_000


def test_a_dry_run_tells_who_pauses_and_who_resumes_and_changes_nothing(
    brand: Brand, campaign: Campaign
) -> None:
    other = CampaignFactory.create(
        brand=BrandFactory.create(name="Beta", daily_budget=Decimal(50)), name="Late"
    )
    BudgetService.record_spend(campaign, Decimal(96))
    BudgetService.record_spend(other, Decimal(50))
    stored = list(StatusChange.objects.order_by("pk").values_list("pk", flat=True))
    history = ids_of_history(brand)
    down = change_by_percent(Brand.objects.all(), Decimal(-4), [Budget.DAILY], dry_run=True)
    assert [(each.campaign, each.to_status, each.reasons) for each in down.changes] == [
        ("Summer Sale", Status.PAUSED, (Reason.BRAND_DAILY,))
    ]
    up = change_by_percent(Brand.objects.all(), Decimal(10), [Budget.DAILY], dry_run=True)
    acme, beta = up.owners
    assert (acme.changes, [(each.campaign, each.to_status) for each in beta.changes]) == (
        [],
        [("Late", Status.ACTIVE)],
    )
    assert list(StatusChange.objects.order_by("pk").values_list("pk", flat=True)) == stored
    assert ids_of_history(brand) == history
    brand.refresh_from_db()
    assert brand.daily_budget == Decimal(100)
    assert state(other) == (Status.PAUSED, (Reason.BRAND_DAILY,))


def test_what_was_told_is_done(campaign: Campaign) -> None:
    BudgetService.record_spend(campaign, Decimal(96))
    brands = Brand.objects.all()
    tried = change_by_percent(brands, Decimal(-4), BOTH, dry_run=True)
    done = change_by_percent(brands, Decimal(-4), BOTH, seen=tried.fingerprint)
    assert told(done) == told(tried) == {"Acme": [("daily", "100", "96"), ("monthly", "2000", "1920")]}
    assert state(campaign) == (Status.PAUSED, (Reason.BRAND_DAILY,))
    assert changes(campaign) == ["ACTIVE>PAUSED BRAND_DAILY SETTINGS"]


@pytest.mark.parametrize("what", ["budget", "spend", "switch", "percent", "budgets"])
def test_nothing_is_done_when_anything_is_other_than_was_told(
    brand: Brand, campaign: Campaign, what: str
) -> None:
    BudgetService.record_spend(campaign, Decimal(96))
    tried = change_by_percent(Brand.objects.all(), Decimal(-4), BOTH, dry_run=True)
    percent, kinds, daily = Decimal(-4), list(BOTH), Decimal(100)
    if what == "budget":
        brand.daily_budget = daily = Decimal(101)
        brand.save()
    elif what == "spend":
        BudgetService.record_spend(campaign, Decimal(4))  # pauses it before the budget would
    elif what == "switch":
        Campaign.objects.filter(pk=campaign.pk).update(enabled=False)
    elif what == "percent":
        percent = Decimal(-3)
    else:
        kinds = [Budget.DAILY]
    before = (ids_of_history(brand), changes(campaign), state(campaign))
    with pytest.raises(ChangedMeanwhile):
        change_by_percent(Brand.objects.all(), percent, kinds, seen=tried.fingerprint)
    brand.refresh_from_db()
    assert (brand.daily_budget, brand.monthly_budget) == (daily, Decimal(2000))
    assert (ids_of_history(brand), changes(campaign), state(campaign)) == before


def test_spend_that_changes_nothing_of_what_was_told_does_not_stand_against_it(campaign: Campaign) -> None:
    tried = change_by_percent(Brand.objects.all(), Decimal(10), BOTH, dry_run=True)
    BudgetService.record_spend(campaign, Decimal(5))
    change_by_percent(Brand.objects.all(), Decimal(10), BOTH, seen=tried.fingerprint)
    assert Brand.objects.get().daily_budget == Decimal(110)


def test_budgets_of_campaigns_and_what_follows_for_each(brand: Brand) -> None:
    spent = CampaignFactory.create(
        brand=brand, name="Spent", daily_budget=Decimal(20), total_budget=Decimal(40)
    )
    bare = CampaignFactory.create(brand=brand, name="Bare")
    BudgetService.record_spend(spent, Decimal(20))
    BudgetService.record_spend(bare, Decimal(1))
    outcome = change_by_percent(Campaign.objects.all(), Decimal("12.5"), ALL)
    assert told(outcome) == {
        "Bare": [("daily", None, None), ("monthly", None, None), ("total", None, None)],
        "Spent": [("daily", "20", "22.5"), ("monthly", None, None), ("total", "40", "45")],
    }
    first, second = outcome.owners
    assert (first.is_change, list(first.changes)) == (False, [])
    assert [(each.campaign, each.to_status) for each in second.changes] == [("Spent", Status.ACTIVE)]
    assert state(spent) == (Status.ACTIVE, ())
    brand.refresh_from_db()
    assert brand.daily_budget == Decimal(100)


def test_a_budget_beyond_the_bounds_is_refused_and_none_is_changed(brand: Brand) -> None:
    rich = BrandFactory.create(name="Rich", daily_budget=Decimal(95_000_000_000))
    with pytest.raises(MoneyError, match=r"daily budget of Rich: '104500000000.00' is out of range"):
        change_by_percent(Brand.objects.all(), Decimal(10), BOTH)
    brand.refresh_from_db()
    rich.refresh_from_db()
    assert (brand.daily_budget, rich.daily_budget) == (Decimal(100), Decimal(95_000_000_000))


@pytest.mark.parametrize("percent", ["-100.01", "1000.01", "NaN"])
def test_a_percentage_beyond_the_bounds_is_refused(brand: Brand, percent: str) -> None:
    with pytest.raises((ValueError, ArithmeticError)):
        change_by_percent(Brand.objects.all(), Decimal(percent), BOTH)
    brand.refresh_from_db()
    assert brand.daily_budget == Decimal(100)


def test_all_of_it_taken_away_is_a_budget_of_nothing(brand: Brand, campaign: Campaign) -> None:
    change_by_percent(Brand.objects.all(), Decimal(-100), [Budget.DAILY])
    brand.refresh_from_db()
    assert brand.daily_budget == Decimal(0)
    assert state(campaign) == (Status.PAUSED, (Reason.BRAND_DAILY,))


@pytest.mark.parametrize("model", [Brand, Campaign])
def test_a_thousand_take_as_many_queries_as_a_few(model: type[Brand | Campaign]) -> None:
    def queries(wanted: int) -> int:
        number = Brand.objects.count()
        brands = Brand.objects.bulk_create(
            Brand(
                name=f"B{each:04}",
                daily_budget_micros=to_micros(10 + each),
                monthly_budget_micros=to_micros(900),
            )
            for each in range(number, wanted)
        )
        Campaign.objects.bulk_create(
            Campaign(
                brand=brand, name="C", daily_budget_micros=to_micros(5), total_budget_micros=to_micros(70)
            )
            for brand in brands
        )
        kinds = BOTH if model is Brand else ALL
        with CaptureQueriesContext(connection) as captured:
            outcome = change_by_percent(model.objects.all(), Decimal(-100), kinds)
        assert len(outcome.owners) == wanted
        assert Campaign.objects.filter(status=Status.PAUSED).count() == wanted
        change_back(model)
        return len(captured)

    def change_back(model: type[Brand | Campaign]) -> None:
        model.objects.update(daily_budget_micros=to_micros(10))

    with_3, with_30, with_1000 = queries(3), queries(30), queries(1000)
    assert with_3 == with_30
    # Rows of history are written in batches, on SQLite of 999 values.
    assert with_1000 - with_30 <= (1 if connection.vendor == "postgresql" else 30)

"""reset_budgets: what was spent stops counting, who asked is kept, and nothing else changes."""

from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from freezegun import freeze_time

from ads.models import Brand, BrandPeriod, Campaign, CampaignPeriod, SpendLog, StatusChange, Waiver
from ads.rules.serving import Reason, Status
from ads.services import BudgetService
from ads.tests.factories import BrandFactory, CampaignFactory
from ads.tests.moments import NOON, state

FIRST = datetime(2026, 4, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _clock_and_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ads.management.arguments.getuser", lambda: "ann")


@pytest.fixture
def spent_out(db: None) -> Campaign:
    """Of Acme: 100.00 a day and 2,000.00 a month, of which 120.50 is spent today."""
    with freeze_time(NOON):
        campaign = CampaignFactory.create(brand__name="Acme", name="Summer Sale")
        BudgetService.record_spend(campaign, Decimal("120.50"))
    return campaign


def reset(*arguments: str, at: datetime = NOON) -> list[str]:
    out = StringIO()
    with freeze_time(at):
        call_command("reset_budgets", *arguments, stdout=out)
    return out.getvalue().splitlines()


def waived() -> set[tuple[str, str, Decimal]]:
    """Owner, kind of period and amount of each waiver."""
    return {
        (waiver.campaign.name if waiver.campaign else waiver.brand.name, waiver.kind, waiver.amount)
        for waiver in Waiver.objects.select_related("campaign", "brand")
    }


def test_it_waives_the_day_resumes_the_campaign_and_tells_both(spent_out: Campaign) -> None:
    assert reset() == [
        "Acme                2026-03-10  $120.50",
        "Acme / Summer Sale  2026-03-10  $120.50",
        "Resuming campaign Summer Sale (Acme): nothing stands against it",
        "Waived 2 totals; 1 campaign changed.",
    ]
    assert waived() == {("Acme", "DAY", Decimal("120.50")), ("Summer Sale", "DAY", Decimal("120.50"))}
    assert state(spent_out) == (Status.ACTIVE, ())


def test_who_asked_stands_in_the_waivers_and_in_the_status_change(spent_out: Campaign) -> None:
    reset()
    assert {waiver.by for waiver in Waiver.objects.all()} == {"command line (ann)"}
    assert StatusChange.objects.latest("pk").by == "command line (ann)"


def test_a_user_without_a_name_is_still_the_command_line(
    spent_out: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_name() -> str:
        raise KeyError("getpwuid(): uid not found: 10001")

    monkeypatch.setattr("ads.management.arguments.getuser", no_name)
    reset()
    assert {waiver.by for waiver in Waiver.objects.all()} == {"command line"}


def test_the_ledger_and_the_reported_spend_stay(spent_out: Campaign) -> None:
    reset("--daily", "--monthly")
    assert SpendLog.objects.get().amount == Decimal("120.50")
    assert {period.spent for period in BrandPeriod.objects.filter(spent_micros__gt=0)} == {Decimal("120.50")}
    assert CampaignPeriod.objects.get(kind="FLIGHT").waived == 0


def test_on_the_first_of_the_month_the_month_starts_afresh_too(db: None) -> None:
    with freeze_time(FIRST):
        BudgetService.record_spend(CampaignFactory.create(brand__name="Acme", name="Sale"), 30)
    assert reset(at=FIRST)[:2] == ["Acme         2026-04-01  $30.00", "Acme / Sale  2026-04-01  $30.00"]
    assert {kind for _, kind, _ in waived()} == {"DAY", "MONTH"}


@pytest.mark.parametrize(
    ("options", "kinds"),
    [(("--daily",), {"DAY"}), (("--monthly",), {"MONTH"}), (("--daily", "--monthly"), {"DAY", "MONTH"})],
)
def test_only_what_is_asked_for_starts_afresh(
    spent_out: Campaign, options: tuple[str, ...], kinds: set[str]
) -> None:
    reset(*options)
    assert {kind for _, kind, _ in waived()} == kinds


def test_a_month_waived_alone_leaves_the_day_reached(spent_out: Campaign) -> None:
    assert reset("--monthly")[-1] == "Waived 2 totals; 0 campaigns changed."
    assert state(spent_out) == (Status.PAUSED, (Reason.BRAND_DAILY,))


def test_a_dry_run_tells_what_would_follow_and_changes_nothing(spent_out: Campaign) -> None:
    told = reset("--dry-run")
    assert told[-2:] == [
        "Would resume campaign Summer Sale (Acme): nothing stands against it",
        "Would waive 2 totals; 1 campaign would change.",
    ]
    assert not Waiver.objects.exists()
    assert state(spent_out) == (Status.PAUSED, (Reason.BRAND_DAILY,))
    assert reset()[:-2] == told[:-2]


def test_run_twice_the_second_waives_nothing(spent_out: Campaign) -> None:
    reset()
    assert reset() == ["Waived 0 totals; 0 campaigns changed."]
    assert Waiver.objects.count() == 2


def test_brands_not_named_keep_their_count(spent_out: Campaign) -> None:
    with freeze_time(NOON):
        others = [CampaignFactory.create(brand__name=name, name=f"{name} sale") for name in ("Beta", "Gamma")]
        for other in others:
            BudgetService.record_spend(other, 100)
    reset("--brand", "Beta", "--brand", "acme")
    assert {owner for owner, _, _ in waived()} == {"Acme", "Summer Sale", "Beta", "Beta sale"}
    assert state(others[1]) == (Status.PAUSED, (Reason.BRAND_DAILY,))


def test_a_campaign_alone_leaves_its_brand_and_its_sisters(spent_out: Campaign) -> None:
    with freeze_time(NOON):
        capped = CampaignFactory.create(brand=spent_out.brand, name="Capped", daily_budget=Decimal(5))
        BudgetService.record_spend(capped, 5)
    told = reset("--campaign", "Capped")
    assert told[0] == "Acme / Capped  2026-03-10  $5.00"
    assert waived() == {("Capped", "DAY", Decimal(5))}
    assert state(capped) == (Status.PAUSED, (Reason.BRAND_DAILY,))


def test_amounts_are_told_in_each_brands_currency(db: None) -> None:
    with freeze_time(NOON):
        BudgetService.record_spend(
            CampaignFactory.create(brand__currency="JPY", brand__name="Kumo", name="Sale"), 1200
        )
    assert reset()[0] == "Kumo         2026-03-10  ¥1,200"


# What cannot be found is refused before anything is done


def test_an_unknown_brand_is_refused_with_the_one_that_may_be_meant(spent_out: Campaign) -> None:
    with pytest.raises(CommandError, match=r"^There is no brand “Acne”\. Did you mean “Acme”\?$"):
        reset("--brand", "Acme", "--brand", "Acne")
    assert not Waiver.objects.exists()


def test_a_campaign_name_of_several_brands_is_refused_with_their_ids(spent_out: Campaign) -> None:
    twin = CampaignFactory.create(brand__name="Beta", name="Summer Sale")
    with pytest.raises(CommandError) as refused:
        reset("--campaign", "Summer Sale")
    assert str(refused.value).splitlines() == [
        "“Summer Sale” may be any of these; give the id:",
        f"  {spent_out.pk}  Acme / Summer Sale",
        f"  {twin.pk}  Beta / Summer Sale",
    ]
    assert not Waiver.objects.exists()


def test_an_id_or_the_brand_tells_which_one_is_meant(spent_out: Campaign) -> None:
    CampaignFactory.create(brand__name="Beta", name="Summer Sale")
    assert reset("--campaign", str(spent_out.pk), "--dry-run")[0].startswith("Acme / Summer Sale")
    assert reset("--campaign", "summer sale", "--brand", "Acme")[0].startswith("Acme / Summer Sale")


def test_a_number_that_is_one_campaigns_name_and_anothers_id_is_ambiguous(spent_out: Campaign) -> None:
    CampaignFactory.create(brand=spent_out.brand, name=str(spent_out.pk))
    with pytest.raises(CommandError, match="may be any of these"):
        reset("--campaign", str(spent_out.pk))


def test_a_campaign_of_another_brand_is_not_found(spent_out: Campaign) -> None:
    BrandFactory.create(name="Beta")
    with pytest.raises(CommandError, match=r"^There is no campaign “Summer Sale” of Beta\.$"):
        reset("--campaign", "Summer Sale", "--brand", "Beta")


def test_without_brands_there_is_nothing_to_do(db: None) -> None:
    assert reset() == ["Waived 0 totals; 0 campaigns changed."]
    assert not Brand.objects.exists()

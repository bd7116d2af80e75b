"""However settings are written, what follows is decided in the same transaction."""

from datetime import date, time
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from freezegun import freeze_time

from ads.actor import acting_as
from ads.errors import AppendOnlyError, DecidedFieldError
from ads.models import Brand, Campaign, DaypartingSchedule, SpendLog, StatusChange
from ads.rights import VIEWER
from ads.rules.money import MoneyError
from ads.rules.serving import Reason, Status
from ads.services import BudgetService, CampaignService
from ads.tests.factories import BrandFactory, CampaignFactory, DaypartingScheduleFactory, SpendFactory
from ads.tests.moments import NOON, brand_day, campaign_totals, changes, state
from ads.tests.people import take_role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]

ACTIVE = (Status.ACTIVE, ())
OVER = (Status.PAUSED, (Reason.BRAND_DAILY,))


@pytest.fixture
def noon() -> object:
    with freeze_time(NOON):
        yield


@pytest.fixture
def over(campaign: Campaign) -> Campaign:
    BudgetService.record_spend(campaign, 100)
    campaign.refresh_from_db()
    return campaign


class TestAmounts:
    def test_an_amount_is_a_decimal_over_micros_and_a_keyword_of_create(self) -> None:
        brand = Brand.objects.create(name="B", daily_budget=Decimal("12.345678"), monthly_budget="100")  # type: ignore[misc]
        assert (brand.daily_budget_micros, brand.monthly_budget_micros) == (12_345_678, 100_000_000)
        brand.refresh_from_db()
        assert (str(brand.daily_budget), str(brand.monthly_budget)) == ("12.345678", "100.00")
        made, _ = Brand.objects.get_or_create(name="C", defaults={"daily_budget": Decimal(5)})  # type: ignore[misc]
        assert made.daily_budget == 5
        assert made.monthly_budget is None

    @pytest.mark.parametrize("wrong", [0.1, "NaN", Decimal("0.0000001"), True])
    def test_what_is_not_exact_is_refused(self, wrong: object) -> None:
        with pytest.raises(MoneyError, match="daily_budget"):
            Brand(name="B", daily_budget=wrong)  # type: ignore[misc]

    def test_the_names_alone_are_enough(self) -> None:
        brand = Brand.objects.create(name="B", daily_budget=Decimal(1), monthly_budget=Decimal(2))  # type: ignore[misc]
        campaign = Campaign.objects.create(brand=brand, name="C")
        assert (campaign.status, campaign.is_active, campaign.pause_reason) == ("ACTIVE", True, "")
        assert (brand.currency, brand.is_active, brand.timezone) == ("USD", True, "")

    def test_a_brand_tells_what_is_spent_and_what_remains(self, over: Campaign) -> None:
        brand = over.brand
        assert (brand.current_daily_spend, brand.daily_remaining) == (Decimal(100), Decimal(0))
        assert (brand.current_monthly_spend, brand.monthly_remaining) == (Decimal(100), Decimal(1900))
        assert (over.total_spend_today, over.total_spend_month) == (Decimal(100), Decimal(100))
        brand.daily_budget = None
        assert brand.daily_remaining is None


class TestFirstStatus:
    def test_a_new_campaign_of_a_spent_out_brand_is_paused_from_its_first_moment(
        self, over: Campaign
    ) -> None:
        created = CampaignFactory.create(brand=over.brand)
        assert (created.status, created.reasons) == OVER
        assert StatusChange.objects.filter(campaign=created).count() == 0

    def test_many_made_at_once_are_each_decided(self, over: Campaign) -> None:
        fresh = BrandFactory.create()
        made = Campaign.objects.bulk_create(
            [
                Campaign(brand=over.brand, name="a"),
                Campaign(brand=fresh, name="b"),
                Campaign(brand=fresh, name="c", enabled=False),
            ]
        )
        assert [state(campaign)[0] for campaign in made] == [Status.PAUSED, Status.ACTIVE, Status.INACTIVE]
        assert Campaign.history.filter(name__in="abc").count() == 3
        assert not StatusChange.objects.filter(campaign__in=made).exists()


class TestSchedules:
    def test_adding_changing_and_deleting_a_window_decides_at_once(self, campaign: Campaign) -> None:
        schedule = DaypartingScheduleFactory.create(campaign=campaign, start_time=time(13), end_time=time(14))
        assert state(campaign) == (Status.PAUSED, (Reason.OUTSIDE_DAYPARTING,))
        schedule.start_time = time(11)
        schedule.save()
        assert state(campaign) == ACTIVE
        DaypartingSchedule.objects.update(day_of_week=5)
        assert state(campaign)[0] == Status.PAUSED
        schedule.delete()
        assert state(campaign) == ACTIVE
        DaypartingSchedule.objects.bulk_create(
            [DaypartingSchedule(campaign=campaign, start_time=time(1), end_time=time(2))]
        )
        assert state(campaign)[0] == Status.PAUSED
        DaypartingSchedule.objects.all().delete()
        assert state(campaign) == ACTIVE

    def test_all_windows_of_a_campaign_are_in_one_zone(self, campaign: Campaign) -> None:
        DaypartingScheduleFactory.create(campaign=campaign, timezone="Europe/Paris")
        with pytest.raises(ValidationError, match="windows are in Europe/Paris"):
            DaypartingScheduleFactory.create(campaign=campaign)
        assert DaypartingSchedule.objects.count() == 1

    def test_a_window_never_moves_to_another_campaign(self, campaign: Campaign) -> None:
        schedule = DaypartingScheduleFactory.create(campaign=campaign)
        schedule.campaign = CampaignFactory.create(brand=campaign.brand)
        with pytest.raises(ValidationError, match="belongs to its campaign"):
            schedule.save()


class TestRules:
    def test_a_campaign_never_moves_to_another_brand(self, campaign: Campaign) -> None:
        campaign.brand = BrandFactory.create()
        with pytest.raises(ValidationError, match="one brand for ever"):
            campaign.save()
        with pytest.raises(DecidedFieldError, match="brand cannot be changed in bulk"):
            Campaign.objects.update(brand=campaign.brand)

    def test_a_currency_is_fixed_once_there_is_spend(self, campaign: Campaign) -> None:
        brand = campaign.brand
        brand.currency = "EUR"
        brand.save()
        BudgetService.record_spend(campaign, 1)
        brand.currency = "JPY"
        with pytest.raises(ValidationError, match="has spend in EUR"):
            brand.save()

    @pytest.mark.parametrize(
        ("field", "value", "words"), [("timezone", "Mars/Olympus", "IANA"), ("currency", "XYZ", "ISO 4217")]
    )
    def test_an_unknown_zone_or_currency_is_refused_on_every_way_in(
        self, field: str, value: str, words: str
    ) -> None:
        with pytest.raises(ValidationError, match=words):
            BrandFactory.create(**{field: value})
        assert not Brand.objects.exists()

    def test_a_zone_set_in_bulk_is_checked_too(self, brand: Brand) -> None:
        with pytest.raises(ValidationError, match="IANA"):
            Brand.objects.update(timezone="Mars/Olympus")
        brand.refresh_from_db()
        assert brand.timezone == ""


class TestDecidedFields:
    def test_saving_a_stale_campaign_never_brings_an_old_status_back(self, campaign: Campaign) -> None:
        stale = Campaign.objects.get(pk=campaign.pk)
        BudgetService.record_spend(campaign, 100)
        assert stale.status == "ACTIVE"
        stale.name = "Renamed"
        stale.save()
        assert state(campaign) == OVER
        assert (stale.status, stale.reasons) == OVER
        stale.status = "ACTIVE"
        stale.save(update_fields=["status", "name"])
        assert state(campaign) == OVER
        assert changes(campaign) == ["ACTIVE>PAUSED BRAND_DAILY SPEND"]

    def test_saving_a_stale_instance_undoes_nobodys_change(self, campaign: Campaign) -> None:
        stale = Campaign.objects.get(pk=campaign.pk)
        CampaignService.switch_off(campaign, by="ann")
        Campaign.objects.update(daily_budget_micros=7_000_000)
        stale.name = "Renamed"
        stale.save()
        stored = Campaign.objects.get()
        assert (stored.name, stored.enabled, stored.daily_budget) == ("Renamed", False, Decimal(7))
        stale.save()
        assert not Campaign.objects.get().enabled

    @pytest.mark.django_db(transaction=True)
    def test_what_was_committed_once_is_not_written_by_a_later_save(self) -> None:
        mine = CampaignFactory.create(enabled=False)
        mine.enabled = True
        mine.save()
        CampaignService.switch_off(Campaign.objects.get(), by="ann")
        mine.name = "Renamed"
        mine.save()
        stored = Campaign.objects.get()
        assert (stored.name, stored.enabled) == ("Renamed", False)

    def test_an_update_or_create_changes_what_it_names(self, campaign: Campaign) -> None:
        same, created = Campaign.objects.update_or_create(
            brand=campaign.brand, name=campaign.name, defaults={"enabled": False}
        )
        assert (same.pk, created) == (campaign.pk, False)
        assert state(campaign) == (Status.INACTIVE, (Reason.SWITCHED_OFF,))

    def test_what_an_instance_changed_is_written_also_after_a_rollback_and_back_again(
        self, campaign: Campaign
    ) -> None:
        campaign.enabled = False
        with transaction.atomic():
            campaign.save()
            transaction.set_rollback(True)
        assert Campaign.objects.get().enabled
        campaign.save()
        assert not Campaign.objects.get().enabled
        campaign.enabled = True
        campaign.save()
        assert Campaign.objects.get().enabled

    @pytest.mark.parametrize("field", ["status", "reason_codes", "next_transition_at", "status_since"])
    def test_nobody_writes_them_in_bulk(self, campaign: Campaign, field: str) -> None:
        with pytest.raises(DecidedFieldError, match=f"{field} is decided by the system"):
            Campaign.objects.update(**{field: None})
        with pytest.raises(DecidedFieldError):
            Campaign.objects.bulk_update([campaign], [field])

    def test_a_bulk_update_decides_and_is_remembered(self, over: Campaign) -> None:
        other = CampaignFactory.create(brand=over.brand)
        over.brand.daily_budget = Decimal(500)
        Brand.objects.bulk_update([over.brand], ["daily_budget_micros"])
        assert state(over) == state(other) == ACTIVE
        over.enabled = other.enabled = False
        assert Campaign.objects.bulk_update([over, other], ["enabled"]) == 2
        assert state(over)[0] == state(other)[0] == Status.INACTIVE
        assert Campaign.history.filter(enabled=False).count() == 2


class TestHistory:
    def test_who_changed_what_is_kept_whichever_way_it_was_written(self, campaign: Campaign) -> None:
        ann = User.objects.create_user("ann")
        with acting_as(ann):
            campaign.name = "Winter Sale"
            campaign.save()
            Campaign.objects.filter(pk=campaign.pk).update(daily_budget_micros=5)
        CampaignService.switch_off(campaign, by=ann)
        rows = campaign.history.order_by("history_id")
        assert [(row.name, row.daily_budget_micros, row.enabled, row.history_user) for row in rows] == [
            ("Summer Sale", None, True, None),
            ("Winter Sale", None, True, ann),
            ("Winter Sale", 5, True, ann),
            ("Winter Sale", 5, False, ann),
        ]
        assert StatusChange.objects.get(campaign=campaign, to_status="INACTIVE").by == "ann"

    def test_what_the_system_decides_is_not_in_it(self, campaign: Campaign) -> None:
        names = {field.name for field in Campaign.history.model._meta.get_fields()}
        assert names.isdisjoint(Campaign.decided_fields)


class TestLedger:
    def test_a_row_made_through_the_orm_counts_and_pauses(self, campaign: Campaign) -> None:
        log = SpendFactory.create(campaign=campaign, amount=Decimal(100))
        assert (log.pk is not None, log.spent_on, log.recorded_at, log.brand_id) == (
            True,
            NOON.date(),
            NOON,
            campaign.brand_id,
        )
        assert state(campaign) == OVER
        assert brand_day(campaign.brand, NOON.date()) == 100

    def test_bulk_create_counts_and_refuses_all_for_one_wrong_row(self, campaign: Campaign) -> None:
        rows = [SpendLog(campaign=campaign, amount_micros=40_000_000) for _ in range(3)]
        SpendLog.objects.bulk_create(rows)
        assert state(campaign) == OVER
        assert len({row.pk for row in rows}) == 3
        wrong = [SpendLog(campaign=campaign, amount_micros=1), SpendLog(campaign=campaign, amount_micros=0)]
        with pytest.raises(ValueError, match="0 is no event"):
            SpendLog.objects.bulk_create(wrong)
        assert campaign_totals(campaign)["FLIGHT 1970-01-01"] == 120
        assert SpendLog.objects.count() == 3

    def test_a_row_is_never_saved_again_changed_or_deleted(self, campaign: Campaign) -> None:
        log = SpendFactory.create(campaign=campaign, amount=Decimal(10))
        log.amount = Decimal(20)
        for act in (
            log.save,
            log.delete,
            SpendLog.objects.all().delete,
            lambda: SpendLog.objects.update(amount_micros=1),
            lambda: SpendLog.objects.bulk_update([log], ["amount_micros"]),
        ):
            with pytest.raises(AppendOnlyError):
                act()
        assert brand_day(campaign.brand, NOON.date()) == 10
        assert SpendLog.objects.get().amount == 10


class TestCampaignService:
    def test_a_copy_has_the_settings_and_windows_and_is_off(self, campaign: Campaign) -> None:
        Campaign.objects.update(
            platform="meta", account="a", external_id="1", daily_budget_micros=5, end_date=date(2026, 4, 1)
        )
        DaypartingScheduleFactory.create(campaign=campaign)
        campaign.refresh_from_db()
        copies = [CampaignService.copy(campaign, by="ann") for _ in range(2)]
        assert [copy.name for copy in copies] == ["Summer Sale (copy)", "Summer Sale (copy 2)"]
        for copy in copies:
            assert (copy.enabled, copy.external_id, copy.daily_budget_micros, copy.end_date) == (
                False,
                "",
                5,
                date(2026, 4, 1),
            )
            assert [str(schedule) for schedule in copy.schedules.all()] == ["every day 09:00-17:00"]
            assert state(copy) == (Status.INACTIVE, (Reason.SWITCHED_OFF,))

    def test_the_live_answer_does_not_read_the_stored_status(self, over: Campaign) -> None:
        later = NOON.replace(day=11)
        assert CampaignService.should_campaign_be_active(over) == (False, ["Brand daily budget reached"])
        assert CampaignService.should_campaign_be_active(over, now=later) == (True, [])
        assert over.status == "PAUSED"

    def test_the_performance_summary(self, over: Campaign) -> None:
        DaypartingScheduleFactory.create(campaign=over, start_time=time(13), end_time=time(14))
        over.refresh_from_db()
        assert CampaignService.get_campaign_performance_summary(over) == {
            "name": "Summer Sale",
            "brand": "Acme",
            "is_active": False,
            "should_be_active": False,
            "blocking_reasons": ["Brand daily budget reached", "Outside dayparting window"],
            "spend_today": Decimal("100.00"),
            "total_spend": Decimal("100.00"),
            "has_dayparting": True,
            "in_dayparting_window": False,
        }
        assert BudgetService.get_campaign_spend_today(over) == 100

    def test_archived_campaigns_are_off_and_come_back_as_they_were_asked(self, campaign: Campaign) -> None:
        CampaignService.archive(campaign, by="ann")
        assert state(campaign) == (Status.INACTIVE, (Reason.SWITCHED_OFF,))
        assert campaign.enabled
        CampaignService.restore(campaign, by="ann")
        assert state(campaign) == ACTIVE


class TestRights:
    def test_people_see_the_brands_assigned_to_them_superusers_all_and_others_nothing(
        self, campaign: Campaign
    ) -> None:
        other = CampaignFactory.create()
        SpendFactory.create(campaign=campaign)
        SpendFactory.create(campaign=other)
        ann, root = User.objects.create_user("ann"), User.objects.create_superuser("root")
        gone = User.objects.create_user("gone", is_active=False, is_superuser=True)
        campaign.brand.assigned_to.add(ann)
        assert Brand.objects.visible_to(ann).count() == 0  # assigned, but without a role
        ann = take_role(ann, VIEWER)
        assert list(Brand.objects.visible_to(ann)) == [campaign.brand]
        assert list(Campaign.objects.visible_to(ann)) == [campaign]
        assert [log.campaign for log in SpendLog.objects.visible_to(ann)] == [campaign]
        assert Campaign.objects.visible_to(root).count() == 2
        assert Campaign.objects.visible_to(gone).count() == 0


class TestQueries:
    def test_the_cost_of_saving_and_recording_does_not_grow_with_campaigns(self) -> None:
        def cost(count: int) -> tuple[int, int]:
            brand = BrandFactory.create(monthly_budget=None)
            campaigns = CampaignFactory.create_batch(count, brand=brand)
            with CaptureQueriesContext(connection) as recording:
                BudgetService.record_spend(campaigns[0], 1000)  # crosses: all are decided and paused
            with CaptureQueriesContext(connection) as saving:
                Brand.objects.filter(pk=brand.pk).update(daily_budget_micros=10**15)  # resumes them
                brand.save()  # pauses them again
            return len(recording), len(saving)

        cost(1)  # plans what a session plans once
        assert cost(2) == cost(20)


class TestPartialSaves:
    @pytest.mark.django_db(transaction=True)
    def test_what_update_fields_left_out_is_written_by_the_next_save(self) -> None:
        campaign = CampaignFactory.create()
        campaign.enabled, campaign.name = False, "Renamed"
        campaign.save(update_fields=["name"])
        assert Campaign.objects.get().enabled
        campaign.save()
        assert not Campaign.objects.get().enabled

    def test_an_update_or_create_calls_what_can_be_called_and_takes_empty_create_defaults(
        self, brand: Brand
    ) -> None:
        def named() -> str:
            return "meta"

        wanted = {"defaults": {"enabled": False, "platform": named}, "create_defaults": {}}
        created, _ = Campaign.objects.update_or_create(brand=brand, name="New", **wanted)
        assert (created.enabled, created.platform) == (True, "")
        updated, _ = Campaign.objects.update_or_create(brand=brand, name="New", **wanted)
        assert (updated.enabled, updated.platform) == (False, "meta")

    def test_rows_that_exist_are_not_overwritten_by_a_bulk_create(self, campaign: Campaign) -> None:
        with pytest.raises(DecidedFieldError, match="created in bulk or not at all"):
            Campaign.objects.bulk_create(
                [Campaign(brand=campaign.brand, name=campaign.name)],
                update_conflicts=True,
                unique_fields=["brand", "name"],
                update_fields=["status"],
            )

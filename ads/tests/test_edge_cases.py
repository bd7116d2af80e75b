"""The answers of the design to its edge cases, by their numbers, through the services and a real database.

What concerns the pure rules alone (1 to 8 and 19 to 22 in detail) is in tests/rules.
"""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from freezegun import freeze_time

from ads.errors import InvalidSpend, NotReversible, Protected, SpendConflict
from ads.models import (
    Brand,
    BrandPeriod,
    Campaign,
    DaypartingSchedule,
    Kind,
    SpendKey,
    SpendLog,
    StatusChange,
)
from ads.rules.serving import Reason, Status
from ads.services import BudgetService, CampaignService, enforcement, ingest, periods
from ads.services.records import Result, SpendEvent, SpendSnapshot
from ads.tests.factories import BrandFactory, CampaignFactory, DaypartingScheduleFactory
from ads.tests.moments import NOON, brand_day, brand_month, campaign_totals, changes, state

pytestmark = pytest.mark.django_db

ACTIVE = (Status.ACTIVE, ())


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def snapshot(campaign: Campaign, amount: str, **options: object) -> SpendSnapshot:
    values = {"day": NOON.date(), "line": ""} | options
    return SpendSnapshot(campaign_id=campaign.pk, amount_micros=int(Decimal(amount) * 10**6), **values)  # type: ignore[arg-type]


def feed(*snapshots: SpendSnapshot, source: str = "meta", now: datetime = NOON) -> list[Result]:
    return [answer.result for answer in ingest.ingest_snapshots(snapshots, source=source, now=now)]


class TestTime:
    @freeze_time(NOON)
    def test_case_1_a_window_ends_before_its_end_minute(self, campaign: Campaign) -> None:
        DaypartingScheduleFactory.create(campaign=campaign, start_time=time(9), end_time=time(17))
        enforcement.tick(at("2026-03-10 16:59:59"))
        assert state(campaign) == ACTIVE
        enforcement.tick(at("2026-03-10 17:00:00"))
        assert state(campaign) == (Status.PAUSED, (Reason.OUTSIDE_DAYPARTING,))

    @freeze_time("2026-03-10 03:00")
    def test_case_3_mondays_night_window_covers_early_tuesday_and_not_early_monday(
        self, campaign: Campaign
    ) -> None:
        DaypartingScheduleFactory.create(
            campaign=campaign, day_of_week=0, start_time=time(22), end_time=time(6)
        )
        assert state(campaign) == ACTIVE  # Tuesday 03:00
        assert CampaignService.should_campaign_be_active(campaign, now=at("2026-03-09 03:00")) == (
            False,
            ["Outside dayparting window"],
        )

    @freeze_time(NOON)
    def test_case_6_a_window_is_in_its_own_zone_else_the_brands(self) -> None:
        brand = BrandFactory.create(timezone="America/New_York")  # 08:00 there
        own = CampaignFactory.create(brand=brand)
        DaypartingScheduleFactory.create(campaign=own, timezone="Europe/Paris")  # 13:00 there
        brands = CampaignFactory.create(brand=brand)
        DaypartingScheduleFactory.create(campaign=brands)
        assert state(own) == ACTIVE
        assert state(brands) == (Status.PAUSED, (Reason.OUTSIDE_DAYPARTING,))
        brands.refresh_from_db()
        assert brands.next_transition_at == at("2026-03-10 13:00")

    @freeze_time("2026-03-10 23:30")
    def test_case_9_each_brand_rolls_over_at_its_own_midnight(self) -> None:
        paris = CampaignFactory.create(brand__timezone="Europe/Paris", brand__daily_budget=Decimal(10))
        utc = CampaignFactory.create(brand__daily_budget=Decimal(10))
        for campaign in (paris, utc):
            BudgetService.record_spend(campaign, 10, occurred_at=at("2026-03-10 22:00"))
        assert state(paris) == ACTIVE  # its 10 March ended at 23:00 UTC
        assert state(utc) == (Status.PAUSED, (Reason.BRAND_DAILY,))
        enforcement.tick(at("2026-03-11 00:00"))
        assert state(utc) == ACTIVE
        assert brand_day(paris.brand, date(2026, 3, 10)) == brand_day(utc.brand, date(2026, 3, 10)) == 10

    def test_case_10_a_changed_zone_rules_from_the_later_tomorrow_and_dates_given_stay(self) -> None:
        with freeze_time("2026-03-10 20:00"):
            campaign = CampaignFactory.create(brand__timezone="America/New_York", brand__daily_budget=None)
            BudgetService.record_spend(campaign, 1)  # 10 March, 16:00 there
            campaign.brand.timezone = "Asia/Tokyo"  # where it is 11 March, 05:00
            campaign.brand.save()
            BudgetService.record_spend(campaign, 2)
        with freeze_time("2026-03-11 14:59"):  # one minute before 12 March in Tokyo
            BudgetService.record_spend(campaign, 4)
        with freeze_time("2026-03-11 15:00"):
            BudgetService.record_spend(campaign, 8)
            BudgetService.record_spend(campaign, 16, occurred_at=at("2026-03-10 23:00"))  # 19:00 in New York
        brand = Brand.objects.get(pk=campaign.brand_id)
        assert brand_day(brand, date(2026, 3, 10)) == 19
        assert brand_day(brand, date(2026, 3, 11)) == 4
        assert brand_day(brand, date(2026, 3, 12)) == 8
        assert brand.zone_history == [["0001-01-01", "America/New_York"], ["2026-03-12", "Asia/Tokyo"]]

    @freeze_time(NOON)
    def test_case_10_a_change_that_never_ruled_is_replaced_and_taking_it_back_leaves_no_trace(
        self, brand: Brand
    ) -> None:
        for zone in ("Asia/Tokyo", "Europe/Paris"):
            brand.timezone = zone
            brand.save()
        assert [zone for _, zone in brand.zone_history] == ["UTC", "Europe/Paris"]
        brand.timezone = ""
        brand.save()
        assert [zone for _, zone in brand.zone_history] == ["UTC"]

    @freeze_time(NOON)
    @pytest.mark.parametrize("ahead", [timedelta(hours=24, seconds=1), timedelta(days=400)])
    def test_case_11_spend_dated_more_than_a_day_ahead_is_not_counted(
        self, campaign: Campaign, ahead: timedelta
    ) -> None:
        with pytest.raises(InvalidSpend, match=r"occurred_at: .* more than 24 hours ahead"):
            BudgetService.record_spend(campaign, 5, occurred_at=NOON + ahead)
        assert not SpendLog.objects.exists()
        assert campaign_totals(campaign) == {}

    @freeze_time(NOON)
    def test_case_11_spend_of_tomorrow_counts_tomorrow_and_pauses_at_midnight(
        self, campaign: Campaign
    ) -> None:
        BudgetService.record_spend(campaign, 100, occurred_at=NOON + timedelta(hours=20))
        assert state(campaign) == ACTIVE
        assert campaign.next_transition_at == at("2026-03-11 00:00")
        enforcement.tick(at("2026-03-11 00:00"))
        assert state(campaign) == (Status.PAUSED, (Reason.BRAND_DAILY,))


class TestSpend:
    @freeze_time(NOON)
    def test_case_12_the_same_record_again_is_the_first_row_and_counts_once(self, campaign: Campaign) -> None:
        first = BudgetService.record_spend(campaign, "10.5", source="api", external_id="e1")
        again = BudgetService.record_spend(campaign, "10.50", "other words", source="api", external_id="e1")
        assert again.pk == first.pk
        assert again.description == ""
        assert brand_day(campaign.brand, NOON.date()) == Decimal("10.50")
        assert SpendKey.objects.count() == 1

    @freeze_time(NOON)
    @pytest.mark.parametrize(
        "changed",
        [{"amount": 11}, {"kind": Kind.ADJUSTMENT}, {"occurred_at": NOON}],
        ids=["amount", "kind", "moment given"],
    )
    def test_case_12_other_content_under_a_known_id_is_a_conflict(
        self, campaign: Campaign, changed: dict[str, object]
    ) -> None:
        values: dict[str, object] = {"amount": 10, "source": "api", "external_id": "e1"}
        BudgetService.record_spend(campaign, **values)  # type: ignore[arg-type]
        with pytest.raises(SpendConflict, match=r"external_id: e1 was recorded before as SPEND of 10\.00"):
            BudgetService.record_spend(campaign, **values | changed)  # type: ignore[arg-type]
        assert brand_day(campaign.brand, NOON.date()) == 10

    @freeze_time(NOON)
    def test_case_12_another_campaign_of_the_brand_under_a_known_id_is_a_conflict(
        self, campaign: Campaign
    ) -> None:
        BudgetService.record_spend(campaign, 10, external_id="e1")
        sibling = CampaignFactory.create(brand=campaign.brand)
        with pytest.raises(SpendConflict):
            BudgetService.record_spend(sibling, 10, external_id="e1")

    @freeze_time(NOON)
    def test_case_12_another_brands_or_sources_same_id_is_its_own(self, campaign: Campaign) -> None:
        other = CampaignFactory.create()
        rows = {
            BudgetService.record_spend(campaign, 10, source="api", external_id="e1").pk,
            BudgetService.record_spend(campaign, 10, source="csv", external_id="e1").pk,
            BudgetService.record_spend(other, 10, source="api", external_id="e1").pk,
        }
        assert len(rows) == 3

    @freeze_time(NOON)
    @pytest.mark.parametrize("no_id", [None, ""])
    def test_case_12_records_without_an_id_are_never_duplicates(
        self, campaign: Campaign, no_id: str | None
    ) -> None:
        for _ in range(2):
            assert BudgetService.record_spend(campaign, 10, external_id=no_id).external_id is None
        assert brand_day(campaign.brand, NOON.date()) == 20

    def test_case_12_a_batch_takes_what_is_good_and_answers_each_in_order(self, campaign: Campaign) -> None:
        def event(amount: int, external_id: str, **more: object) -> SpendEvent:
            return SpendEvent(campaign_id=campaign.pk, amount_micros=amount, external_id=external_id, **more)  # type: ignore[arg-type]

        records = [
            event(5, "a"),
            event(5, "a"),
            event(6, "a"),
            event(-1, "b"),
            event(7, "c", currency="EUR"),
            event(8, "d"),
        ]
        answers = list(ingest.ingest_events(records, source="api", now=NOON))
        assert [answer.record for answer in answers] == records
        assert [answer.result for answer in answers] == [
            Result.ACCEPTED, Result.DUPLICATE, Result.CONFLICT, Result.REFUSED, Result.QUARANTINED, Result.ACCEPTED,
        ]  # fmt: skip
        assert [answer.field for answer in answers] == ["", "", "external_id", "amount", "currency", ""]
        assert campaign_totals(campaign)["FLIGHT 1970-01-01"] == Decimal("0.000013")

    def test_case_13_a_total_replaces_the_last_and_the_ledger_gets_the_difference(
        self, campaign: Campaign
    ) -> None:
        assert feed(snapshot(campaign, "10")) == [Result.ACCEPTED]
        assert feed(snapshot(campaign, "10")) == [Result.DUPLICATE]
        assert feed(snapshot(campaign, "12.50")) == [Result.ACCEPTED]
        assert feed(snapshot(campaign, "4")) == [Result.ACCEPTED]
        assert feed(snapshot(campaign, "0")) == [Result.ACCEPTED]
        rows = SpendLog.objects.order_by("pk").values_list("kind", "amount_micros", "spent_on", "occurred_at")
        assert list(rows) == [
            ("SPEND", 10_000_000, NOON.date(), None),
            ("SPEND", 2_500_000, NOON.date(), None),
            ("ADJUSTMENT", -8_500_000, NOON.date(), None),
            ("ADJUSTMENT", -4_000_000, NOON.date(), None),
        ]
        assert brand_day(campaign.brand, NOON.date()) == 0

    def test_case_13_lines_add_up_and_equal_keys_of_one_file_are_summed(self, campaign: Campaign) -> None:
        feed(
            snapshot(campaign, "1", line="ad=1"),
            snapshot(campaign, "2", line="ad=2"),
            snapshot(campaign, "4", line="ad=1"),
        )
        assert brand_day(campaign.brand, NOON.date()) == 7
        feed(snapshot(campaign, "6", line="ad=1"))
        assert brand_day(campaign.brand, NOON.date()) == 8

    def test_case_13_what_is_older_than_the_value_known_is_a_duplicate(self, campaign: Campaign) -> None:
        feed(snapshot(campaign, "10", as_of=NOON))
        assert feed(snapshot(campaign, "99", as_of=NOON - timedelta(hours=1))) == [Result.DUPLICATE]
        assert brand_day(campaign.brand, NOON.date()) == 10

    def test_case_13_a_total_from_a_clock_ahead_does_not_shut_out_the_next(self, campaign: Campaign) -> None:
        feed(snapshot(campaign, "10", as_of=NOON + timedelta(days=300)))
        assert feed(snapshot(campaign, "11"), now=NOON + timedelta(minutes=1)) == [Result.ACCEPTED]
        assert brand_day(campaign.brand, NOON.date()) == 11

    def test_case_13_a_named_and_an_unnamed_currency_are_one_value(self, campaign: Campaign) -> None:
        lines = (
            snapshot(campaign, "1"),
            snapshot(campaign, "2", currency="USD"),
            snapshot(campaign, "4", currency="EUR"),
        )
        assert sorted(feed(*lines)) == [Result.ACCEPTED, Result.QUARANTINED]
        assert brand_day(campaign.brand, NOON.date()) == 3

    def test_case_13_a_step_too_far_to_be_exact_is_refused_and_the_others_go_in(
        self, campaign: Campaign
    ) -> None:
        feed(snapshot(campaign, "100000000000", line="ad=1"))
        steps = (snapshot(campaign, "-100000000000", line="ad=1"), snapshot(campaign, "1", line="ad=2"))
        assert feed(*steps) == [Result.REFUSED, Result.ACCEPTED]
        assert brand_day(campaign.brand, NOON.date()) == 100000000001

    def test_case_13_two_ways_to_cut_one_date_are_a_conflict(self, campaign: Campaign) -> None:
        feed(snapshot(campaign, "10", line="ad=1"))
        assert feed(snapshot(campaign, "10")) == [Result.CONFLICT]
        assert feed(snapshot(campaign, "10", line="adset=1")) == [Result.CONFLICT]
        assert feed(snapshot(campaign, "10", hour=5)) == [Result.CONFLICT]
        assert feed(snapshot(campaign, "10", day=date(2026, 3, 9))) == [Result.ACCEPTED]
        assert feed(snapshot(campaign, "10"), source="google") == [Result.ACCEPTED]  # sources add up
        assert brand_day(campaign.brand, NOON.date()) == 20

    @freeze_time(NOON)
    def test_case_13_totals_and_single_events_of_one_source_and_date_are_a_conflict(
        self, campaign: Campaign
    ) -> None:
        BudgetService.record_spend(campaign, 3, source="meta", external_id="e1")
        assert feed(snapshot(campaign, "10")) == [Result.CONFLICT]
        feed(snapshot(campaign, "10", day=date(2026, 3, 9)))
        with pytest.raises(SpendConflict, match="source: meta gives totals for this campaign on 2026-03-09"):
            BudgetService.record_spend(campaign, 3, source="meta", occurred_at=NOON - timedelta(days=1))
        assert campaign_totals(campaign)["FLIGHT 1970-01-01"] == 13

    @freeze_time("2026-03-01 12:00")
    def test_case_14_yesterdays_spend_counts_for_yesterday_and_its_month(self, campaign: Campaign) -> None:
        BudgetService.record_spend(campaign, 5000, occurred_at=at("2026-02-28 12:00"))
        assert state(campaign) == ACTIVE
        assert StatusChange.objects.count() == 0
        assert (
            brand_day(campaign.brand, date(2026, 2, 28))
            == brand_month(campaign.brand, date(2026, 2, 1))
            == 5000
        )
        assert brand_month(campaign.brand, date(2026, 3, 1)) is None

    @freeze_time(NOON)
    def test_case_14_late_spend_of_a_day_that_is_over_may_pause_through_the_running_month(
        self, campaign: Campaign
    ) -> None:
        BudgetService.record_spend(campaign, 2000, occurred_at=NOON - timedelta(days=3))
        assert state(campaign) == (Status.PAUSED, (Reason.BRAND_MONTHLY,))

    @freeze_time(NOON)
    @pytest.mark.parametrize(
        ("amount", "kind", "message"),
        [
            (Decimal(-5), Kind.SPEND, "negative; record it as a REFUND"),
            (Decimal(5), Kind.REFUND, "positive; a REFUND is negative"),
            (0, Kind.SPEND, "0 is no event"),
            (0, Kind.ADJUSTMENT, "0 is no event"),
            ("0.0000001", Kind.SPEND, "more than 6 decimals"),
            ("NaN", Kind.SPEND, "not an amount"),
            ("1e400", Kind.SPEND, "out of range"),
            (0.1, Kind.SPEND, "float"),
        ],
    )
    def test_cases_15_and_19_an_amount_that_cannot_be_counted_is_refused_by_name(
        self, campaign: Campaign, amount: Decimal, kind: Kind, message: str
    ) -> None:
        with pytest.raises(InvalidSpend, match=message) as refused:
            BudgetService.record_spend(campaign, amount, kind=kind)
        assert refused.value.field == "amount"
        assert not SpendLog.objects.exists()

    @freeze_time(NOON)
    def test_case_15_a_kind_may_be_named_and_an_unknown_one_is_refused(self, campaign: Campaign) -> None:
        assert BudgetService.record_spend(campaign, -5, kind="REFUND").kind == Kind.REFUND
        with pytest.raises(
            InvalidSpend, match="'GIFT' is not a kind of record; give one of SPEND, REFUND, ADJUSTMENT"
        ):
            BudgetService.record_spend(campaign, 5, kind="GIFT")

    @freeze_time(NOON)
    def test_case_15_a_refund_may_resume_the_brands_campaigns(self, campaign: Campaign) -> None:
        sibling = CampaignFactory.create(brand=campaign.brand)
        BudgetService.record_spend(campaign, 100)
        assert state(sibling) == (Status.PAUSED, (Reason.BRAND_DAILY,))
        BudgetService.record_spend(campaign, Decimal("-0.01"), kind=Kind.REFUND)
        assert state(sibling) == state(campaign) == ACTIVE

    @freeze_time(NOON)
    def test_case_16_a_row_is_reversed_once_for_its_own_date_and_its_key_stays_taken(
        self, campaign: Campaign
    ) -> None:
        yesterday = NOON - timedelta(days=1)
        log = BudgetService.record_spend(campaign, 40, source="api", external_id="e1", occurred_at=yesterday)
        reversal = BudgetService.reverse_spend(log, "wrong client")
        assert (reversal.amount, reversal.kind, reversal.spent_on, reversal.occurred_at, reversal.reverses_id) == (
            Decimal("-40.00"), Kind.ADJUSTMENT, yesterday.date(), yesterday, log.pk,
        )  # fmt: skip
        assert brand_day(campaign.brand, yesterday.date()) == 0
        with pytest.raises(NotReversible, match="reversed before"):
            BudgetService.reverse_spend(log, "again")
        with pytest.raises(NotReversible, match="cannot be reversed itself"):
            BudgetService.reverse_spend(reversal, "back")
        again = BudgetService.record_spend(
            campaign, 40, source="api", external_id="e1", occurred_at=yesterday
        )
        assert again.pk == log.pk
        assert SpendLog.objects.count() == 2

    @freeze_time(NOON)
    def test_case_16_nothing_but_a_reversal_takes_its_place(self, campaign: Campaign) -> None:
        log = BudgetService.record_spend(campaign, 40)
        with pytest.raises(InvalidSpend, match="source of reversals alone"):
            BudgetService.record_spend(campaign, 1, source="reversal", external_id=str(log.pk))
        with pytest.raises(InvalidSpend, match=r"reverse_spend alone"):
            SpendLog.objects.create(
                campaign=campaign, amount_micros=-1, kind="ADJUSTMENT", reverses_id=log.pk
            )
        assert BudgetService.reverse_spend(log, "mistake").amount == -40
        assert brand_day(campaign.brand, NOON.date()) == 0

    @freeze_time(NOON)
    def test_case_16_a_dated_row_is_reversed_on_its_date(self, campaign: Campaign) -> None:
        feed(snapshot(campaign, "10", day=date(2026, 3, 8)))
        reversal = BudgetService.reverse_spend(SpendLog.objects.get(), "test data")
        assert (reversal.spent_on, reversal.occurred_at) == (date(2026, 3, 8), None)
        assert brand_day(campaign.brand, date(2026, 3, 8)) == 0

    @freeze_time(NOON)
    @pytest.mark.parametrize("state_of", ["paused", "switched off", "archived", "ended", "brand off"])
    def test_case_17_spend_on_what_does_not_run_is_recorded_in_full_and_flagged(
        self, campaign: Campaign, state_of: str
    ) -> None:
        if state_of == "paused":
            BudgetService.record_spend(campaign, 100)
        elif state_of == "switched off":
            CampaignService.switch_off(campaign)
        elif state_of == "archived":
            CampaignService.archive(campaign)
        elif state_of == "ended":
            Campaign.objects.filter(pk=campaign.pk).update(end_date=date(2026, 3, 9))
        else:
            Brand.objects.filter(pk=campaign.brand_id).update(is_active=False)
        before = brand_day(campaign.brand, NOON.date()) or 0
        log = BudgetService.record_spend(campaign, 150)
        assert log.amount == 150
        assert log.while_off
        assert brand_day(campaign.brand, NOON.date()) == before + 150

    def test_case_17_late_spend_is_judged_by_the_state_at_its_own_moment(self, campaign: Campaign) -> None:
        Campaign.objects.filter(pk=campaign.pk).update(start_date=None)
        with freeze_time("2026-03-10 10:00"):
            running = CampaignFactory.create(brand=campaign.brand)
        with freeze_time("2026-03-10 11:00"):
            CampaignService.switch_off(running)
        with freeze_time("2026-03-10 12:00"):
            CampaignService.switch_on(running)
        with freeze_time("2026-03-10 13:00"):
            flags = [
                BudgetService.record_spend(running, 1, occurred_at=at(f"2026-03-10 {moment}")).while_off
                for moment in ("10:59", "11:00", "11:59", "12:00", "12:59")
            ]
        assert flags == [False, True, True, False, False]

    def test_case_18_another_currency_than_the_brands_is_never_taken_one_to_one(
        self, campaign: Campaign
    ) -> None:
        event = SpendEvent(campaign_id=campaign.pk, amount_micros=5, currency="EUR", external_id="e1")
        (answer,) = ingest.ingest_events([event], source="api", now=NOON)
        assert (answer.result, answer.field) == (Result.QUARANTINED, "currency")
        assert answer.message == "EUR is not the brand's currency, which is USD"
        assert campaign_totals(campaign) == {}

    def test_case_19_a_zero_total_is_a_value(self, campaign: Campaign) -> None:
        assert feed(snapshot(campaign, "0")) == [Result.ACCEPTED]
        assert not SpendLog.objects.exists()
        assert feed(snapshot(campaign, "0")) == [Result.DUPLICATE]


class TestLimits:
    @freeze_time(NOON)
    def test_case_20_a_budget_is_reached_when_spend_equals_it(self, campaign: Campaign) -> None:
        BudgetService.record_spend(campaign, "99.99")
        assert state(campaign) == ACTIVE
        BudgetService.record_spend(campaign, "0.01")
        assert state(campaign) == (Status.PAUSED, (Reason.BRAND_DAILY,))
        assert changes(campaign) == ["ACTIVE>PAUSED BRAND_DAILY SPEND"]

    @freeze_time(NOON)
    def test_case_20_spend_beyond_the_budget_is_recorded_in_full(self, campaign: Campaign) -> None:
        BudgetService.record_spend(campaign, 200)
        period = BrandPeriod.objects.get(brand=campaign.brand, kind="DAY")
        assert period.spent == 200
        assert period.budget == 100
        assert period.overspend_micros == 100_000_000

    @freeze_time(NOON)
    def test_case_21_empty_is_no_limit_and_0_is_spend_nothing(self) -> None:
        unlimited = CampaignFactory.create(brand__daily_budget=None, brand__monthly_budget=None)
        BudgetService.record_spend(unlimited, 10**9)
        assert state(unlimited) == ACTIVE
        nothing = CampaignFactory.create(brand__daily_budget=Decimal(0))
        assert state(nothing) == (Status.PAUSED, (Reason.BRAND_DAILY,))
        assert nothing.next_transition_at is None

    @freeze_time(NOON)
    def test_case_22_every_level_must_have_room_and_every_reason_is_kept_in_order(self) -> None:
        campaign = CampaignFactory.create(
            brand__daily_budget=Decimal(10),
            brand__monthly_budget=Decimal(10),
            daily_budget=Decimal(10),
            monthly_budget=Decimal(10),
            total_budget=Decimal(10),
        )
        DaypartingScheduleFactory.create(campaign=campaign, start_time=time(1), end_time=time(2))
        BudgetService.record_spend(campaign, 10)
        Campaign.objects.filter(pk=campaign.pk).update(enabled=False, end_date=date(2026, 3, 9))
        Brand.objects.update(is_active=False)
        assert state(campaign) == (
            Status.INACTIVE,
            tuple(reason for reason in Reason if reason != Reason.FLIGHT_NOT_STARTED),
        )
        Brand.objects.update(is_active=True)
        Campaign.objects.update(enabled=True)
        assert state(campaign)[0] == Status.COMPLETED
        assert campaign.pause_reason == "Flight ended"

    @freeze_time(NOON)
    def test_case_23_a_raised_budget_resumes_at_once_and_a_lowered_one_pauses_at_once(
        self, campaign: Campaign
    ) -> None:
        BudgetService.record_spend(campaign, 100)
        campaign.brand.daily_budget = Decimal("100.01")
        campaign.brand.save()
        assert state(campaign) == ACTIVE
        Brand.objects.update(daily_budget_micros=50_000_000)
        assert state(campaign) == (Status.PAUSED, (Reason.BRAND_DAILY,))
        assert BrandPeriod.objects.get(kind="DAY").budget == 50

    @freeze_time(NOON)
    def test_case_23_a_raised_budget_resumes_nothing_that_something_else_stands_against(
        self, campaign: Campaign
    ) -> None:
        BudgetService.record_spend(campaign, 2000)
        Brand.objects.update(daily_budget_micros=None)
        assert state(campaign) == (Status.PAUSED, (Reason.BRAND_MONTHLY,))

    @freeze_time(NOON)
    def test_case_24_children_may_be_promised_more_than_the_parent_which_still_binds(
        self, brand: Brand
    ) -> None:
        rich, other = (CampaignFactory.create(brand=brand, daily_budget=Decimal(90)) for _ in range(2))
        BudgetService.record_spend(rich, 80)
        BudgetService.record_spend(other, 80)
        assert state(rich) == state(other) == (Status.PAUSED, (Reason.BRAND_DAILY,))

    @freeze_time(NOON)
    def test_case_25_the_summary_shows_current_spent_waived_and_what_remains(
        self, campaign: Campaign
    ) -> None:
        BudgetService.record_spend(campaign, 130)
        BudgetService.reset_budgets(by="test")
        BudgetService.record_spend(campaign, 5)
        assert BudgetService.get_brand_summary(campaign.brand) == {
            "name": "Acme",
            "daily_budget": Decimal("100.00"),
            "monthly_budget": Decimal("2000.00"),
            "current_daily_spend": Decimal("5.00"),
            "current_monthly_spend": Decimal("135.00"),
            "daily_remaining": Decimal("95.00"),
            "monthly_remaining": Decimal("1865.00"),
            "daily_exceeded": False,
            "monthly_exceeded": False,
            "active_campaigns": 1,
            "total_campaigns": 1,
            "daily_spent": Decimal("135.00"),
            "daily_waived": Decimal("130.00"),
            "monthly_spent": Decimal("135.00"),
            "monthly_waived": Decimal("0.00"),
        }
        Brand.objects.update(daily_budget_micros=None, monthly_budget_micros=100_000_000)
        summary = BudgetService.get_brand_summary(Brand.objects.get())
        assert (summary["daily_remaining"], summary["monthly_remaining"]) == (None, Decimal("-35.00"))


class TestState:
    @freeze_time(NOON)
    def test_case_26_a_persons_switch_off_survives_everything(self, campaign: Campaign) -> None:
        DaypartingScheduleFactory.create(campaign=campaign)
        BudgetService.record_spend(campaign, 100)
        CampaignService.switch_off(campaign, by="ann")
        BudgetService.record_spend(campaign, -100, kind=Kind.REFUND)
        BudgetService.reset_budgets(daily=True, monthly=True, by="bob")
        for hours in (1, 6, 22, 45):
            enforcement.tick(NOON + timedelta(hours=hours))
            periods.rollover(NOON + timedelta(hours=hours))
            enforcement.sweep(NOON + timedelta(hours=hours))
        campaign.refresh_from_db()
        assert not campaign.enabled
        assert campaign.status == Status.INACTIVE
        assert "INACTIVE>ACTIVE" not in " ".join(changes(campaign))
        assert (
            StatusChange.objects.get(campaign=campaign, to_status="INACTIVE", from_status="PAUSED").by
            == "ann"
        )
        CampaignService.switch_on(campaign, by="ann")
        assert state(campaign) == ACTIVE

    @freeze_time(NOON)
    def test_case_27_a_flight_that_ended_is_never_revived_by_a_budget_but_by_a_later_end(
        self, campaign: Campaign
    ) -> None:
        campaign.end_date = date(2026, 3, 9)
        campaign.save()
        assert state(campaign) == (Status.COMPLETED, (Reason.FLIGHT_ENDED,))
        Brand.objects.update(daily_budget_micros=10**12)
        BudgetService.reset_budgets(by="bob")
        enforcement.sweep(NOON)
        assert state(campaign)[0] == Status.COMPLETED
        campaign.end_date = date(2026, 3, 10)
        campaign.save()
        assert state(campaign) == ACTIVE
        assert campaign.next_transition_at == at("2026-03-11 00:00")

    @freeze_time(NOON)
    def test_case_28_a_brand_switched_off_stops_all_and_leaves_what_people_asked(self, brand: Brand) -> None:
        on, off = CampaignFactory.create(brand=brand), CampaignFactory.create(brand=brand, enabled=False)
        brand.is_active = False
        brand.save()
        assert state(on) == (Status.INACTIVE, (Reason.BRAND_INACTIVE,))
        assert state(off) == (Status.INACTIVE, (Reason.BRAND_INACTIVE, Reason.SWITCHED_OFF))
        brand.is_active = True
        brand.save()
        assert (on.enabled, off.enabled) == (True, False)
        assert state(on) == ACTIVE
        assert state(off) == (Status.INACTIVE, (Reason.SWITCHED_OFF,))

    @freeze_time(NOON)
    def test_case_29_what_has_spend_cannot_be_deleted_but_archived_and_accepts_spend(
        self, campaign: Campaign
    ) -> None:
        BudgetService.record_spend(campaign, 1)
        for row in (campaign, campaign.brand):
            with pytest.raises(Protected, match="archive it instead"):
                row.delete()
        with pytest.raises(Protected):
            Brand.objects.all().delete()
        BudgetService.archive_brand(campaign.brand, by="ann")
        assert state(campaign) == (Status.INACTIVE, (Reason.BRAND_INACTIVE,))
        BudgetService.record_spend(campaign, 1)
        assert brand_day(campaign.brand, NOON.date()) == 2
        BudgetService.restore_brand(campaign.brand, by="ann")
        assert state(campaign) == ACTIVE

    @freeze_time(NOON)
    def test_case_29_what_nothing_refers_to_may_be_deleted(self, campaign: Campaign) -> None:
        DaypartingScheduleFactory.create(campaign=campaign, start_time=time(10), end_time=time(13))
        periods.rollover(NOON)
        campaign.delete()
        Brand.objects.all().delete()
        assert not Brand.objects.exists()
        assert not DaypartingSchedule.objects.exists()

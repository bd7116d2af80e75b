"""Spend in the admin: recorded through the ledger's door, told where it fails, reversed once, never changed."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from freezegun import freeze_time

from ads.models import Brand, BrandPeriod, Campaign, Kind, SpendLog, StatusChange
from ads.rights import TRAFFICKER
from ads.rules.serving import Reason, Status
from ads.services import BudgetService, CampaignService, ingest
from ads.services.records import SpendSnapshot
from ads.tests.admin.browser import act_url, errors, last_log, list_url, page_url, record, run, told
from ads.tests.factories import BrandFactory, CampaignFactory
from ads.tests.moments import NOON, state
from ads.tests.people import take_role

ACTIVE = (Status.ACTIVE, ())
PAUSED_BY_DAY = (Status.PAUSED, (Reason.BRAND_DAILY,))


class TestRecording:
    def test_spend_beyond_the_budget_pauses_the_brands_campaigns_and_says_so(
        self, ada: Client, brand: Brand, multiple_campaigns: list[Campaign], other_campaign: Campaign
    ) -> None:
        response = record(ada, multiple_campaigns[0], "150.00", description="flash sale")
        assert response.status_code == 302
        name = multiple_campaigns[0].name
        assert told(response) == [
            f"Spend of $150.00 for {name} (Acme) is recorded and counts for Tue 10 Mar 2026.",
            "3 campaigns of Acme paused: Brand daily budget reached.",
        ]
        assert [state(campaign) for campaign in multiple_campaigns] == [PAUSED_BY_DAY] * 3
        assert state(other_campaign) == ACTIVE
        log = SpendLog.objects.get()
        assert (log.amount, log.kind, log.source, log.description) == (
            Decimal(150),
            "SPEND",
            "manual",
            "flash sale",
        )
        assert (log.recorded_by, log.occurred_at, log.spent_on) == ("ada", NOON, NOON.date())
        assert set(StatusChange.objects.values_list("by", "cause")) == {("ada", "SPEND")}

    def test_spend_within_the_budget_pauses_nothing(self, ada: Client, campaign: Campaign) -> None:
        response = record(ada, campaign, "99.99")
        assert len(told(response)) == 1
        assert state(campaign) == ACTIVE
        assert not StatusChange.objects.exists()

    def test_a_moment_is_read_on_the_brands_clock_and_counts_for_its_own_day(self, ada: Client) -> None:
        campaign = CampaignFactory.create(brand__timezone="Asia/Tokyo", brand__name="Kumo")
        response = record(ada, campaign, "500", occurred_at_0="2026-03-10", occurred_at_1="00:30")
        assert told(response) == [
            f"Spend of $500.00 for {campaign.name} (Kumo) is recorded and counts for Tue 10 Mar 2026.",
            f"{campaign.name} (Kumo) paused: Brand daily budget reached.",
        ]
        assert last_log().occurred_at == datetime(2026, 3, 9, 15, 30, tzinfo=UTC)
        assert last_log().spent_on == date(2026, 3, 10)

    def test_spend_of_a_day_that_is_over_pauses_nobody(self, ada: Client, campaign: Campaign) -> None:
        record(ada, campaign, "500", occurred_at_0="2026-03-09", occurred_at_1="23:59")
        assert last_log().spent_on == date(2026, 3, 9)
        assert state(campaign) == ACTIVE
        assert BrandPeriod.objects.get(kind="DAY").starts_on == date(2026, 3, 9)

    def test_a_refund_resumes(self, ada: Client, campaign: Campaign) -> None:
        record(ada, campaign, "150")
        assert state(campaign) == PAUSED_BY_DAY
        response = record(ada, campaign, "-100", kind="REFUND")
        assert told(response)[-1] == "Summer Sale (Acme) runs now."
        assert state(campaign) == ACTIVE

    def test_spend_while_off_is_recorded_in_full_and_said(self, ada: Client, campaign: Campaign) -> None:
        CampaignService.switch_off(campaign)
        response = record(ada, campaign, "10")
        assert "Summer Sale was not running at that moment." in told(response)
        assert last_log().while_off is True
        assert last_log().amount == Decimal(10)

    def test_an_archived_campaign_still_takes_spend(self, ada: Client, campaign: Campaign) -> None:
        CampaignService.archive(campaign)
        assert record(ada, campaign, "10").status_code == 302
        assert last_log().campaign == campaign

    def test_the_ledger_is_the_record_and_no_second_log_is_kept(
        self, ada: Client, campaign: Campaign
    ) -> None:
        record(ada, campaign, "10")
        assert not LogEntry.objects.exists()

    def test_another_can_be_added_or_the_row_be_seen_at_once(self, ada: Client, campaign: Campaign) -> None:
        add = reverse("admin:ads_spendlog_add")
        assert record(ada, campaign, "1", _addanother="1").headers["Location"] == add
        assert record(ada, campaign, "2", _continue="1").headers["Location"] == page_url(last_log())
        assert record(ada, campaign, "3", _save="1").headers["Location"] == list_url(SpendLog)


class TestRefusals:
    @pytest.mark.parametrize(
        ("amount", "more", "field", "message"),
        [
            ("-5", {}, "amount", "-5.00 is negative; record it as a REFUND or an ADJUSTMENT"),
            ("5", {"kind": "REFUND"}, "amount", "5.00 is positive; a REFUND is negative, such as -5.00"),
            ("0", {}, "amount", "0 is no event; leave it out"),
            ("NaN", {}, "amount", "'NaN' is not an amount; give digits with a decimal point, such as 12.50."),
            ("1e400", {}, "amount", "'1e400' is out of range; give at most 100,000,000,000."),
            (
                "0.0000001",
                {},
                "amount",
                "'0.0000001' has more than 6 decimals; give at most 6, such as 0.000001.",
            ),
            (
                "12,50",
                {},
                "amount",
                "“12,50” is not clear: thousands are parted by a comma, as in 1,300, decimals by a point, as in 1.30.",
            ),
            ("", {}, "amount", "This field is required."),
            ("5", {"source": ""}, "source", "This field is required."),
            ("5", {"occurred_at_0": "2026-03-10"}, "occurred_at", "Give the time as well, such as 14:05."),
        ],
    )
    def test_what_cannot_be_counted_is_told_on_its_field_and_changes_nothing(
        self, ada: Client, campaign: Campaign, amount: str, more: dict[str, str], field: str, message: str
    ) -> None:
        response = record(ada, campaign, amount, **more)
        assert response.status_code == 200
        assert errors(response) == {field: [message]}
        assert not SpendLog.objects.exists()
        assert not BrandPeriod.objects.exists()
        assert state(campaign) == ACTIVE

    def test_a_moment_too_far_ahead_is_told_on_its_field(self, ada: Client, campaign: Campaign) -> None:
        response = record(ada, campaign, "5", occurred_at_0="2026-03-12", occurred_at_1="12:00")
        assert list(errors(response)) == ["occurred_at"]
        assert "more than 24 hours ahead" in errors(response)["occurred_at"][0]

    def test_a_moment_that_the_brands_clock_never_showed_is_told(self, ada: Client) -> None:
        campaign = CampaignFactory.create(brand__timezone="America/New_York")
        response = record(ada, campaign, "5", occurred_at_0="2026-03-08", occurred_at_1="02:30")
        assert errors(response) == {
            "occurred_at": ["2026-03-08 02:30 does not exist in America/New_York: clocks were put forward."]
        }

    def test_the_same_record_again_is_counted_once_and_says_so(self, ada: Client, campaign: Campaign) -> None:
        record(ada, campaign, "60", source="meta", external_id="m-1")
        first = last_log()
        response = record(ada, campaign, "60", source="meta", external_id="m-1")
        assert response.status_code == 302
        (message,) = told(response)
        assert message.startswith("Spend of $60.00 for Summer Sale (Acme) was recorded before, as ")
        assert f">row {first.pk}</a>. It is counted once." in message
        assert SpendLog.objects.get() == first
        assert state(campaign) == ACTIVE  # twice 60 would be beyond the 100 of the day

    def test_the_same_id_with_other_content_is_told_on_the_id(self, ada: Client, campaign: Campaign) -> None:
        record(ada, campaign, "60", source="meta", external_id="m-1")
        response = record(ada, campaign, "61", source="meta", external_id="m-1")
        assert response.status_code == 200
        assert list(errors(response)) == ["external_id"]
        assert "m-1 was recorded before as SPEND of 60.00" in errors(response)["external_id"][0]
        assert SpendLog.objects.get().amount == Decimal(60)

    def test_one_form_sent_twice_is_recorded_once(self, ada: Client, campaign: Campaign) -> None:
        form_id = str(uuid4())
        record(ada, campaign, "60", form_id=form_id)
        response = record(ada, campaign, "60", form_id=form_id)
        assert "It is counted once." in told(response)[0]
        assert SpendLog.objects.count() == 1
        assert record(ada, campaign, "60", form_id=str(uuid4())).status_code == 302
        assert SpendLog.objects.count() == 2

    def test_one_form_sent_again_with_another_amount_is_refused(
        self, ada: Client, campaign: Campaign
    ) -> None:
        form_id = str(uuid4())
        record(ada, campaign, "60", form_id=form_id)
        response = record(ada, campaign, "70", form_id=form_id)
        assert errors(response) == {
            "__all__": [
                "This form was recorded before, with other content. Open a new one to record another."
            ]
        }
        assert SpendLog.objects.get().amount == Decimal(60)

    def test_the_form_brings_its_own_id_and_the_list_does_not_show_it(
        self, ada: Client, campaign: Campaign
    ) -> None:
        page = ada.get(reverse("admin:ads_spendlog_add")).content.decode()
        found = re.search(r'name="form_id" value="([0-9a-f-]{36})"', page)
        assert found
        record(ada, campaign, "5", form_id=found[1])
        assert found[1] not in ada.get(list_url(SpendLog)).content.decode()

    def test_a_file_of_totals_and_single_events_do_not_mix(self, ada: Client, campaign: Campaign) -> None:
        total = SpendSnapshot(campaign_id=campaign.pk, day=NOON.date(), amount_micros=5_000_000)
        list(ingest.ingest_snapshots([total], source="meta", now=NOON))
        response = record(ada, campaign, "5", source="meta")
        assert list(errors(response)) == ["source"]
        assert "single events would count twice" in errors(response)["source"][0]


class TestReversing:
    def reverse(self, client: Client, log: SpendLog, reason: str = "wrong campaign") -> list[str]:
        return told(client.post(act_url(log, "reverse"), {"reason": reason}))

    def test_the_opposite_is_recorded_for_the_same_day_and_campaigns_resume(
        self, ada: Client, campaign: Campaign
    ) -> None:
        record(ada, campaign, "150")
        log = last_log()
        with freeze_time(NOON + timedelta(hours=1)):
            messages = self.reverse(ada, log)
        reversal = last_log()
        assert messages[0].startswith(
            "-$150.00 recorded for Summer Sale (Acme), counted for Tue 10 Mar 2026: "
        )
        assert messages[1] == "Summer Sale (Acme) runs now."
        assert (reversal.amount, reversal.kind, reversal.reverses_id) == (Decimal(-150), "ADJUSTMENT", log.pk)
        assert (reversal.occurred_at, reversal.description) == (NOON, "wrong campaign")
        assert reversal.recorded_by == "ada"
        assert state(campaign) == ACTIVE

    def test_nothing_is_reversed_twice(self, ada: Client, campaign: Campaign) -> None:
        record(ada, campaign, "50")
        log = last_log()
        self.reverse(ada, log)
        assert self.reverse(ada, log) == ["Spend 50.00 on 2026-03-10 was reversed before."]
        assert SpendLog.objects.count() == 2

    def test_a_reversal_cannot_be_reversed(self, ada: Client, campaign: Campaign) -> None:
        record(ada, campaign, "50")
        self.reverse(ada, last_log())
        (message,) = self.reverse(ada, last_log())
        assert message.endswith("cannot be reversed itself.")
        assert SpendLog.objects.count() == 2

    def test_a_reversal_needs_a_reason(self, ada: Client, campaign: Campaign) -> None:
        record(ada, campaign, "50")
        response = ada.post(act_url(last_log(), "reverse"), {"reason": ""})
        assert response.status_code == 200
        assert response.context["form"].errors == {"reason": ["This field is required."]}
        assert SpendLog.objects.count() == 1

    def test_looking_at_the_page_reverses_nothing(self, ada: Client, campaign: Campaign) -> None:
        record(ada, campaign, "50")
        page = ada.get(act_url(last_log(), "reverse")).content.decode()
        assert "-$50.00" in page
        assert SpendLog.objects.count() == 1

    def test_several_are_reversed_from_the_list_and_each_failure_is_told(
        self, ada: Client, campaign: Campaign
    ) -> None:
        logs = [BudgetService.record_spend(campaign, Decimal(amount)) for amount in (1, 2, 3)]
        BudgetService.reverse_spend(logs[1], "earlier")
        asked = run(ada, "reverse", logs)
        assert [row["opposite"] for row in asked.context["rows"]] == ["-$1.00", "-$2.00", "-$3.00"]
        messages = told(run(ada, "reverse", logs, reason="all wrong"))
        assert [message.partition(" recorded")[0] for message in messages] == [
            "-$1.00",
            "Spend 2.00 on 2026-03-10 was reversed before.",
            "-$3.00",
        ]
        assert SpendLog.objects.filter(reverses_id__isnull=False).count() == 3

    def test_row_and_reversal_lead_to_each_other(self, ada: Client, campaign: Campaign) -> None:
        record(ada, campaign, "50")
        log = last_log()
        self.reverse(ada, log)
        reversal = last_log()
        page = ada.get(list_url(SpendLog)).content.decode()
        assert f'href="{page_url(reversal)}">Reversed by row {reversal.pk}</a>' in page
        assert f'href="{page_url(log)}">Reverses row {log.pk}</a>' in page
        assert "Reverse …" not in ada.get(page_url(log)).content.decode()

    def test_who_may_not_add_spend_may_not_reverse_it(
        self, nina: Client, manager: User, campaign: Campaign
    ) -> None:
        log = BudgetService.record_spend(campaign, Decimal(5))
        take_role(manager, TRAFFICKER)
        assert nina.post(act_url(log, "reverse"), {"reason": "x"}).status_code == 403
        assert nina.get(reverse("admin:ads_spendlog_add")).status_code == 403
        run(nina, "reverse", [log], reason="x")
        assert SpendLog.objects.count() == 1


class TestList:
    def test_amounts_have_their_currency_and_moments_the_brands_clock(self, ada: Client) -> None:
        brand = BrandFactory.create(
            currency="JPY", timezone="Asia/Tokyo", daily_budget=None, monthly_budget=None
        )
        BudgetService.record_spend(CampaignFactory.create(brand=brand), Decimal(1200))
        page = ada.get(list_url(SpendLog)).content.decode()
        assert "¥1,200" in page
        assert "21:00 today" in page
        assert "Tokyo" in page

    def test_filters_narrow_by_kind_source_date_and_brand(
        self, ada: Client, campaign: Campaign, other_campaign: Campaign
    ) -> None:
        BudgetService.record_spend(campaign, Decimal(5), source="meta", occurred_at=NOON - timedelta(days=3))
        BudgetService.record_spend(campaign, Decimal(-1), kind=Kind.REFUND)
        BudgetService.record_spend(other_campaign, Decimal(7))

        def amounts(**query: str) -> list[Decimal]:
            return [log.amount for log in ada.get(list_url(SpendLog), query).context["cl"].result_list]

        assert amounts() == [Decimal(7), Decimal(-1), Decimal(5)]
        assert amounts(kind="REFUND") == [Decimal(-1)]
        assert amounts(source="meta") == [Decimal(5)]
        assert amounts(spent_on_from="2026-03-08") == [Decimal(7), Decimal(-1)]
        assert amounts(spent_on_to="2026-03-08") == [Decimal(5)]
        assert amounts(brand__id__exact=str(other_campaign.brand_id)) == [Decimal(7)]
        assert amounts(campaign__id__exact=str(campaign.pk)) == [Decimal(-1), Decimal(5)]
        assert amounts(q="Secret") == [Decimal(7)]

    def test_a_record_is_found_by_its_exact_id_and_only_by_who_sees_its_brand(
        self, ada: Client, nina: Client, campaign: Campaign, other_campaign: Campaign
    ) -> None:
        BudgetService.record_spend(campaign, Decimal(5), source="meta", external_id="m-1")
        BudgetService.record_spend(other_campaign, Decimal(7), source="meta", external_id="m-1")
        BudgetService.record_spend(other_campaign, Decimal(8), source="meta", external_id="m-10")

        def amounts(client: Client, text: str) -> list[Decimal]:
            found = client.get(list_url(SpendLog), {"q": text}).context["cl"].result_list
            return [log.amount for log in found]

        assert amounts(ada, " m-1 ") == [Decimal(7), Decimal(5)]
        assert amounts(nina, "m-1") == [Decimal(5)]
        assert amounts(nina, "m-10") == amounts(ada, "m-") == []

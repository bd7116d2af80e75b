"""Campaigns in the admin: why they run or not, their windows, what people ask of them, and stale forms."""

from datetime import date, time
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from ads.models import Brand, Campaign, DaypartingSchedule, StatusChange
from ads.rules.serving import Reason, Status
from ads.services import BudgetService, CampaignService
from ads.tests.admin.browser import act_url, campaign_form, errors, list_url, page_url, run, told
from ads.tests.factories import BrandFactory, CampaignFactory, DaypartingScheduleFactory
from ads.tests.moments import NOON, changes, state

ACTIVE = (Status.ACTIVE, ())
SWITCHED_OFF = (Status.INACTIVE, (Reason.SWITCHED_OFF,))


def names(client: Client, **query: str) -> list[str]:
    """The campaigns that the list shows."""
    return [campaign.name for campaign in client.get(list_url(Campaign), query).context["cl"].result_list]


def save(client: Client, campaign: Campaign, **changed: str) -> list[str]:
    """Saves the campaign's page; the messages but for Django's own last one."""
    response = client.post(page_url(campaign), campaign_form(campaign, **changed))
    assert response.status_code == 302, errors(response)
    return told(response)[:-1]


class TestList:
    def test_each_status_has_its_shape_its_word_and_every_reason(self, ada: Client, brand: Brand) -> None:
        CampaignFactory.create(brand=brand, name="Running")
        CampaignFactory.create(brand=brand, name="Ended", end_date=date(2026, 3, 1))
        CampaignFactory.create(brand=brand, name="Off", enabled=False, daily_budget=Decimal(0))
        paused = CampaignFactory.create(brand=brand, name="Paused")
        DaypartingScheduleFactory.create(campaign=paused, start_time=time(1), end_time=time(2))
        page = ada.get(list_url(Campaign)).content.decode()
        for look in ("ab-run", "ab-clock", "ab-off", "ab-done"):
            assert page.count(f'<span class="ab-pill {look}"><svg class="ab-shape"') == 1
        for words in ("Running", "Paused", "Off", "Completed"):
            assert f"</svg>{words}</span>" in page
        for reason in (
            "Flight ended",
            "Switched off by a person",
            "Campaign daily budget reached",
            "Outside dayparting window",
        ):
            assert f'ab-why">{reason}</span>' in page

    def test_the_next_change_is_told_on_the_brands_clock(self, ada: Client) -> None:
        campaign = CampaignFactory.create(brand__timezone="Europe/Berlin")
        DaypartingScheduleFactory.create(campaign=campaign, start_time=time(7), end_time=time(21))
        assert ">21:00 today</time>" in ada.get(list_url(Campaign)).content.decode()
        save(ada, campaign, end_date="2026-03-10", **{"schedules-0-DELETE": "on"})
        assert ">00:00 tomorrow, Wed 11 Mar</time>" in ada.get(list_url(Campaign)).content.decode()

    def test_spend_stands_against_the_campaigns_own_budgets(self, ada: Client, brand: Brand) -> None:
        campaign = CampaignFactory.create(brand=brand, daily_budget=Decimal(50), total_budget=Decimal(400))
        BudgetService.record_spend(campaign, Decimal(60))
        page = ada.get(list_url(Campaign)).content.decode()
        assert "<b>$60.00</b> of $50.00" in page
        assert "$10.00 over" in page
        assert "<b>$60.00</b> of $400.00" in page
        assert page.count("No limit set") == 1  # the month

    def test_filters_by_status_reason_brand_platform_and_archive(
        self, ada: Client, brand: Brand, other_campaign: Campaign
    ) -> None:
        CampaignFactory.create(brand=brand, name="Off", enabled=False, platform="meta")
        CampaignFactory.create(brand=brand, name="Empty", daily_budget=Decimal(0))
        CampaignFactory.create(brand=brand, name="Old", archived_at=NOON)
        assert names(ada) == ["Empty", "Off", "Secret Launch"]
        assert names(ada, **{"is": "INACTIVE"}) == ["Off"]
        assert names(ada, **{"is": "ACTIVE"}) == ["Secret Launch"]
        assert names(ada, reason="CAMPAIGN_DAILY") == ["Empty"]
        assert names(ada, brand__id__exact=str(brand.pk)) == ["Empty", "Off"]
        assert names(ada, platform="meta") == ["Off"]
        assert names(ada, archived="yes") == ["Old"]
        assert names(ada, q="zenith") == ["Secret Launch"]


class TestPage:
    def test_every_level_is_told_in_the_order_of_the_decision(self, ada: Client, brand: Brand) -> None:
        campaign = CampaignFactory.create(
            brand=brand, enabled=False, daily_budget=Decimal(50), end_date=date(2026, 3, 31)
        )
        DaypartingScheduleFactory.create(campaign=campaign, start_time=time(13), end_time=time(21))
        BudgetService.record_spend(campaign, Decimal(120))
        verdict = ada.get(page_url(campaign)).context["verdict"]
        assert verdict.title == (
            "Not running since 12:00 today: switched off by a person, brand daily budget reached, "
            "campaign daily budget reached, outside dayparting window"
        )
        assert verdict.next_change == "Next change by the clock: 13:00 today."
        assert [(level.name, level.stands_against, level.words) for level in verdict.levels] == [
            ("Brand Acme", False, "Active"),
            ("Switched on", True, "No, by a person"),
            ("Flight", False, "Until Tue 31 Mar 2026"),
            ("Brand’s daily budget", True, "$120.00 of $100.00, $20.00 over"),
            ("Brand’s monthly budget", False, "$120.00 of $2,000.00, $1,880.00 left"),
            ("Daily budget", True, "$120.00 of $50.00, $70.00 over"),
            ("Monthly budget", False, "No limit set, $120.00 counted"),
            ("Total budget", False, "No limit set, $120.00 counted"),
            ("Dayparting", True, "Closed until 13:00 today"),
        ]

    def test_the_verdict_is_live_and_not_the_stored_status(self, ada: Client, campaign: Campaign) -> None:
        Campaign._base_manager.filter(pk=campaign.pk).update(
            status=Status.PAUSED, reason_codes=Reason.BRAND_DAILY
        )
        verdict = ada.get(page_url(campaign)).context["verdict"]
        assert verdict.title == "Running: nothing stands against it"

    def test_the_latest_changes_say_what_why_and_by_whom(self, ada: Client, campaign: Campaign) -> None:
        run(ada, "switch_off", [campaign])
        page = ada.get(page_url(campaign)).content.decode()
        assert "Settings changed" in page
        assert "<td>ada</td>" in page
        assert ada.get(page_url(CampaignFactory.create())).content.decode().count("has not changed") == 1


class TestSaving:
    def test_a_stale_form_does_not_bring_back_a_status(
        self, ada: Client, campaign: Campaign, brand: Brand
    ) -> None:
        form = campaign_form(campaign, name="Autumn Sale")
        BudgetService.record_spend(campaign, Decimal(150))
        assert state(campaign) == (Status.PAUSED, (Reason.BRAND_DAILY,))
        assert ada.post(page_url(campaign), form).status_code == 302
        assert state(campaign) == (Status.PAUSED, (Reason.BRAND_DAILY,))
        assert campaign.name == "Autumn Sale"
        assert changes(campaign) == ["ACTIVE>PAUSED BRAND_DAILY SPEND"]

    def test_a_stale_form_does_not_undo_another_persons_switch_off(
        self, ada: Client, nina: Client, campaign: Campaign
    ) -> None:
        seen = str(ada.get(page_url(campaign)).context["adminform"].form.initial["seen"])
        form = campaign_form(campaign, name="Autumn Sale", seen=seen)
        nina.post(act_url(campaign, "switch_off"))
        (message,) = errors(ada.post(page_url(campaign), form))["__all__"]
        assert "meanwhile by nina: Switched on from yes to no." in message
        assert state(campaign) == SWITCHED_OFF
        assert campaign.name == "Summer Sale"

    def test_spend_meanwhile_is_no_change_of_settings(self, ada: Client, campaign: Campaign) -> None:
        seen = str(ada.get(page_url(campaign)).context["adminform"].form.initial["seen"])
        BudgetService.record_spend(campaign, Decimal(150))
        assert ada.post(page_url(campaign), campaign_form(campaign, seen=seen)).status_code == 302

    def test_a_forged_status_is_not_taken(self, ada: Client, switched_off_campaign: Campaign) -> None:
        forged = {"status": "ACTIVE", "reason_codes": "", "next_transition_at": "", "brand": "999"}
        save(ada, switched_off_campaign, **forged)
        assert state(switched_off_campaign) == SWITCHED_OFF

    def test_amounts_are_exact_and_decide_at_once(self, ada: Client, campaign: Campaign) -> None:
        BudgetService.record_spend(campaign, Decimal("0.02"))
        messages = save(ada, campaign, daily_budget="0.02", total_budget="1,000")
        assert messages == ["Summer Sale (Acme) paused: Campaign daily budget reached."]
        campaign.refresh_from_db()
        assert (campaign.daily_budget_micros, campaign.total_budget_micros) == (20_000, 1_000_000_000)
        assert save(ada, campaign, daily_budget="0.03") == ["Summer Sale (Acme) runs now."]
        assert state(campaign) == ACTIVE

    def test_a_later_end_date_reopens_a_flight(self, ada: Client, brand: Brand) -> None:
        campaign = CampaignFactory.create(brand=brand, name="Spring", end_date=date(2026, 3, 1))
        assert state(campaign)[0] == Status.COMPLETED
        assert save(ada, campaign, end_date="2026-03-31") == ["Spring (Acme) runs now."]

    @pytest.mark.parametrize(
        ("changed", "field", "message"),
        [
            ({"daily_budget": "-1"}, "daily_budget", "-1 is negative; give 0 or more."),
            (
                {"total_budget": "1300.555"},
                "total_budget",
                "“1300.555” has more decimals than USD; give at most 2, such as 1,300.56.",
            ),
            (
                {"name": "Taken"},
                "name",
                "The brand has a campaign of this name already; give it another one.",
            ),
            (
                {"start_date": "2026-03-10", "end_date": "2026-03-09"},
                "__all__",
                "The flight ends before it starts.",
            ),
            ({"name": ""}, "name", "This field is required."),
        ],
    )
    def test_what_cannot_be_saved_is_told_on_its_field(
        self, ada: Client, campaign: Campaign, changed: dict[str, str], field: str, message: str
    ) -> None:
        CampaignFactory.create(brand=campaign.brand, name="Taken")
        response = ada.post(page_url(campaign), campaign_form(campaign, **changed))
        assert errors(response) == {field: [message]}
        assert state(campaign) == ACTIVE
        assert campaign.name == "Summer Sale"

    def test_a_new_campaigns_budget_is_read_in_its_brands_currency(self, ada: Client) -> None:
        kumo = BrandFactory.create(currency="JPY")
        new = campaign_form(Campaign(brand=kumo, name="New", pk=0), daily_budget="12.5")
        response = ada.post("/admin/ads/campaign/add/", new | {"brand": str(kumo.pk)})
        assert errors(response) == {
            "daily_budget": ["“12.5” has more decimals than JPY; give none, such as 12."]
        }

    def test_the_same_id_on_the_same_platform_is_told(self, ada: Client, campaign: Campaign) -> None:
        CampaignFactory.create(brand=campaign.brand, platform="meta", account="a", external_id="1")
        same = {"platform": "meta", "account": "a", "external_id": "1"}
        response = ada.post(page_url(campaign), campaign_form(campaign, **same))
        assert errors(response) == {
            "__all__": ["Another campaign has this platform, account and external id."]
        }

    def test_budgets_beyond_the_brands_are_worth_a_warning(self, ada: Client, campaign: Campaign) -> None:
        (warning,) = save(ada, campaign, monthly_budget="2500")
        assert warning.startswith(
            "A campaign’s monthly budget adds up to $2,500.00, more than the monthly budget"
        )
        assert state(campaign) == ACTIVE


class TestAdding:
    def add(self, client: Client, brand: Brand, **more: str) -> list[str]:
        data = {
            "brand": str(brand.pk),
            "name": "New",
            "enabled": "on",
            "windows_timezone": "",
            "schedules-TOTAL_FORMS": "0",
            "schedules-INITIAL_FORMS": "0",
        } | more
        response = client.post(reverse("admin:ads_campaign_add"), data)
        assert response.status_code == 302, errors(response)
        return told(response)

    def test_a_new_campaign_runs_at_once_and_says_so(self, ada: Client, brand: Brand) -> None:
        assert self.add(ada, brand)[0] == "New runs from now on."
        campaign = Campaign.objects.get()
        assert state(campaign) == ACTIVE
        assert changes(campaign) == []

    def test_one_that_cannot_run_yet_says_why(self, ada: Client, brand: Brand) -> None:
        (first, _) = self.add(ada, brand, start_date="2026-03-20", daily_budget="0")
        assert first == "New does not run yet: Flight not started, Campaign daily budget reached."

    def test_windows_come_with_it_in_their_zone(self, ada: Client, brand: Brand) -> None:
        windows = {
            "windows_timezone": "Asia/Tokyo",
            "schedules-TOTAL_FORMS": "2",
            "schedules-0-day_of_week": "",
            "schedules-0-start_time": "09:00",
            "schedules-0-end_time": "24:00",
            "schedules-1-day_of_week": "4",
            "schedules-1-start_time": "22:00",
            "schedules-1-end_time": "06:00",
        }
        self.add(ada, brand, **windows)
        assert [(str(window), window.timezone) for window in DaypartingSchedule.objects.all()] == [
            ("every day 09:00-24:00", "Asia/Tokyo"),
            ("Friday 22:00-06:00", "Asia/Tokyo"),
        ]
        assert state(Campaign.objects.get()) == ACTIVE  # 21:00 in Tokyo


class TestWindows:
    @pytest.fixture
    def scheduled(self, brand: Brand) -> Campaign:
        """Open from 09:00 to 17:00 and, on Mondays, from 20:00 to 22:00, in the brand's zone, UTC."""
        campaign = CampaignFactory.create(brand=brand, name="Office Hours")
        DaypartingScheduleFactory.create(campaign=campaign)
        DaypartingScheduleFactory.create(
            campaign=campaign, day_of_week=0, start_time=time(20), end_time=time(22)
        )
        campaign.refresh_from_db()
        return campaign

    def test_a_changed_zone_moves_every_window_and_decides(self, ada: Client, scheduled: Campaign) -> None:
        messages = save(ada, scheduled, windows_timezone="Asia/Tokyo")
        assert messages == ["Office Hours (Acme) paused: Outside dayparting window."]
        assert set(scheduled.schedules.values_list("timezone", flat=True)) == {"Asia/Tokyo"}
        assert save(ada, scheduled, windows_timezone="") == ["Office Hours (Acme) runs now."]
        assert set(scheduled.schedules.values_list("timezone", flat=True)) == {""}

    def test_a_zone_changed_together_with_rows_is_one_save(self, ada: Client, scheduled: Campaign) -> None:
        changed = {
            "windows_timezone": "Europe/Berlin",
            "schedules-TOTAL_FORMS": "3",
            "schedules-0-end_time": "18:30",
            "schedules-1-DELETE": "on",
            "schedules-2-campaign": str(scheduled.pk),
            "schedules-2-day_of_week": "6",
            "schedules-2-start_time": "00:00",
            "schedules-2-end_time": "00:00",
        }
        assert save(ada, scheduled, **changed) == []
        assert [(str(window), window.timezone) for window in scheduled.schedules.all()] == [
            ("every day 09:00-18:30", "Europe/Berlin"),
            ("Sunday 00:00-24:00", "Europe/Berlin"),
        ]
        assert state(scheduled) == ACTIVE
        assert changes(scheduled) == []

    def test_a_removed_window_decides_again(self, ada: Client, brand: Brand) -> None:
        campaign = CampaignFactory.create(brand=brand, name="Night")
        DaypartingScheduleFactory.create(campaign=campaign, start_time=time(1), end_time=time(2))
        assert state(campaign)[0] == Status.PAUSED
        assert save(ada, campaign, **{"schedules-0-DELETE": "on"}) == ["Night (Acme) runs now."]

    def test_a_window_without_length_is_refused(self, ada: Client, scheduled: Campaign) -> None:
        response = ada.post(
            page_url(scheduled), campaign_form(scheduled, **{"schedules-0-end_time": "09:00"})
        )
        formset = response.context["inline_admin_formsets"][0].formset
        assert formset.errors[0] == {
            "__all__": ["Start and end are the same; 00:00 to 00:00 is the whole day."]
        }
        assert str(scheduled.schedules.first()) == "every day 09:00-17:00"

    def test_the_history_tells_of_windows_and_by_whom(self, ada: Client, scheduled: Campaign) -> None:
        save(ada, scheduled, windows_timezone="Asia/Tokyo", **{"schedules-1-DELETE": "on"})
        entries = [entry for _, entry, _ in ada.get(page_url(scheduled, "history")).context["entries"]]
        by_ada = [entry for entry in entries if entry.by == "ada"]
        assert {entry.what for entry in by_ada} == {
            "Window removed: Monday 20:00-22:00",
            "Window changed: every day 09:00-17:00",
        }
        (moved,) = (entry for entry in by_ada if entry.changes)
        assert [(change.label, change.before, change.after) for change in moved.changes] == [
            ("Timezone", "not set", "Asia/Tokyo")
        ]


class TestActions:
    def test_a_person_switches_off_and_on(self, ada: Client, campaign: Campaign) -> None:
        assert told(run(ada, "switch_off", [campaign])) == [
            "Summer Sale switched off.",
            "Summer Sale (Acme) off: Switched off by a person.",
        ]
        assert state(campaign) == SWITCHED_OFF
        assert StatusChange.objects.get().by == "ada"
        assert told(ada.post(act_url(campaign, "switch_on"))) == [
            "Summer Sale switched on.",
            "Summer Sale (Acme) runs now.",
        ]
        assert state(campaign) == ACTIVE

    def test_switched_on_beyond_the_budget_it_stays_paused(self, ada: Client, campaign: Campaign) -> None:
        CampaignService.switch_off(campaign)
        BudgetService.record_spend(campaign, Decimal(150))
        assert told(run(ada, "switch_on", [campaign])) == [
            "Summer Sale switched on.",
            "Summer Sale (Acme) paused: Brand daily budget reached.",
        ]
        assert campaign.enabled is False  # as read before
        assert state(campaign) == (Status.PAUSED, (Reason.BRAND_DAILY,))
        assert campaign.enabled is True

    def test_a_copy_is_off_and_has_no_id_of_its_own(self, ada: Client, campaign: Campaign) -> None:
        Campaign.objects.filter(pk=campaign.pk).update(external_id="77", platform="meta")
        DaypartingScheduleFactory.create(campaign=campaign)
        (message,) = told(run(ada, "copy", [campaign]))
        copy = Campaign.objects.exclude(pk=campaign.pk).get()
        assert f'href="{page_url(copy)}">Summer Sale (copy)</a> was made' in message
        assert state(copy)[0] == Status.INACTIVE
        assert (copy.external_id, copy.platform, copy.schedules.count()) == ("", "meta", 1)
        assert copy.history.earliest().history_user.username == "ada"
        assert state(campaign) == ACTIVE

    def test_archiving_and_restoring_keep_what_was_asked(
        self, ada: Client, campaign: Campaign, switched_off_campaign: Campaign
    ) -> None:
        both = [campaign, switched_off_campaign]
        assert told(run(ada, "archive", both)) == [
            "2 campaigns archived; spend is still recorded.",
            "Summer Sale (Acme) off: Switched off by a person.",
        ]
        assert names(ada) == []
        assert names(ada, archived="yes") == ["Not Now", "Summer Sale"]
        run(ada, "restore", both, query="archived=yes")
        assert state(campaign) == ACTIVE
        assert state(switched_off_campaign) == SWITCHED_OFF

    def test_one_with_spend_is_not_deleted_and_one_without_is(
        self, ada: Client, campaign: Campaign, brand: Brand
    ) -> None:
        free = CampaignFactory.create(brand=brand, name="Free")
        DaypartingScheduleFactory.create(campaign=free)
        BudgetService.record_spend(campaign, Decimal(5))
        page = ada.get(page_url(campaign, "delete")).content.decode()
        assert "<li>Summer Sale has spend logs</li>" in page
        assert act_url(campaign, "archive") in page
        ada.post(page_url(campaign, "delete"), {"post": "yes"})
        run(ada, "delete_selected", [campaign, free], post="yes")
        assert Campaign.objects.count() == 2
        assert ada.post(page_url(free, "delete"), {"post": "yes"}).status_code == 302
        assert list(Campaign.objects.all()) == [campaign]
        assert not DaypartingSchedule.objects.exists()

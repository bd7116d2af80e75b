"""Brands in the admin: where they stand, what a changed budget brings about, and what people do to them."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from freezegun import freeze_time

from ads.admin.brands import BrandAdmin
from ads.models import Brand, BrandPeriod, Campaign, SpendLog, StatusChange, Waiver
from ads.rules.serving import Reason, Status
from ads.services import BudgetService
from ads.tests.admin.browser import act_url, brand_form, errors, list_url, page_url, run, told
from ads.tests.factories import BrandFactory, CampaignFactory
from ads.tests.moments import NOON, state

ACTIVE = (Status.ACTIVE, ())


def names(client: Client, **query: str) -> list[str]:
    """The brands that the list shows."""
    return [brand.name for brand in client.get(list_url(Brand), query).context["cl"].result_list]


@pytest.mark.parametrize("is_on", [True, False])
def test_the_switch_says_what_follows_without_seeming_to_say_how_it_stands(
    ada: Client, brand: Brand, is_on: bool
) -> None:
    Brand.objects.update(is_active=is_on)
    page = ada.get(page_url(brand)).content.decode()
    assert "While this is off, none of the brand’s campaigns runs." in page
    assert "Switched off, none" not in page


class TestList:
    def test_a_brand_shows_spent_against_budget_and_what_is_left(
        self, ada: Client, brand: Brand, multiple_campaigns: list[Campaign]
    ) -> None:
        BudgetService.record_spend(multiple_campaigns[0], Decimal("30.50"))
        page = ada.get(list_url(Brand)).content.decode()
        assert "<b>$30.50</b> of $100.00" in page
        assert "$69.50 left" in page
        assert "<b>$30.50</b> of $2,000.00" in page
        assert 'class="ab-within" width="24%"' in page  # 30 % of the budget, which stands at 80 %
        assert "3 of 3" in page
        assert "12:00 now" in page
        assert "ab-over" not in page

    def test_what_is_over_is_said_and_never_clamped(self, ada: Client, campaign: Campaign) -> None:
        BudgetService.record_spend(campaign, Decimal(118))
        page = ada.get(list_url(Brand)).content.decode()
        assert "<b>$118.00</b> of $100.00" in page
        assert "$18.00 over" in page
        assert 'class="ab-over" x="80%" width="14%"' in page
        assert "0 of 1" in page

    def test_without_a_budget_there_are_words_and_no_bar(self, ada: Client) -> None:
        BrandFactory.create(daily_budget=None, monthly_budget=None)
        page = ada.get(list_url(Brand)).content.decode()
        assert page.count("No limit set") == 2
        assert "ab-bar" not in page

    def test_a_budget_of_0_says_that_nothing_may_be_spent(self, ada: Client) -> None:
        BrandFactory.create(daily_budget=Decimal(0), monthly_budget=None)
        assert "Nothing may be spent" in ada.get(list_url(Brand)).content.decode()

    def test_waived_stands_beside_what_counts(self, ada: Client, brand: Brand, campaign: Campaign) -> None:
        BudgetService.record_spend(campaign, Decimal(40))
        BudgetService.reset_budgets(brands=[brand])
        page = ada.get(list_url(Brand)).content.decode()
        assert "<b>$0.00</b> of $100.00" in page
        assert "$40.00 waived" in page

    def test_each_brands_today_is_its_own(self, ada: Client) -> None:
        """At 20:00 in London it is tomorrow in Tokyo already."""
        afternoon = datetime.fromisoformat("2026-03-10T14:00Z")
        with freeze_time("2026-03-10 20:00"):
            for zone in ("Europe/London", "Asia/Tokyo"):
                campaign = CampaignFactory.create(brand__name=zone, brand__timezone=zone)
                BudgetService.record_spend(campaign, Decimal(70), occurred_at=afternoon)
            page = ada.get(list_url(Brand)).content.decode()
        assert page.count("<b>$70.00</b> of $100.00") == 1
        assert page.count("<b>$0.00</b> of $100.00") == 1
        assert "05:00 now" in page
        assert "20:00 now" in page

    def test_archived_brands_are_shown_only_when_asked_for(self, ada: Client, brand: Brand) -> None:
        BrandFactory.create(name="Old", archived_at=NOON)
        assert names(ada) == ["Acme"]
        assert names(ada, archived="yes") == ["Old"]
        assert names(ada, archived="all") == ["Acme", "Old"]
        assert names(ada, q="old", archived="all") == ["Old"]

    def test_filters_by_what_is_switched_off_and_by_currency(self, ada: Client, brand: Brand) -> None:
        BrandFactory.create(name="Off", is_active=False, currency="EUR")
        assert names(ada, active="no") == ["Off"]
        assert names(ada, active="yes") == ["Acme"]
        assert names(ada, currency="EUR") == ["Off"]
        assert names(ada, currency="GBP") == []

    def test_the_filter_of_budgets_reached_goes_by_each_brands_own_day(self, ada: Client) -> None:
        yesterday = NOON - timedelta(days=1)
        reached = CampaignFactory.create(brand__name="Reached")
        BudgetService.record_spend(reached, Decimal(100))
        before = CampaignFactory.create(brand__name="Yesterday")
        BudgetService.record_spend(before, Decimal(100), occurred_at=yesterday)
        month = CampaignFactory.create(brand__name="Month", brand__monthly_budget=Decimal(90))
        BudgetService.record_spend(month, Decimal(95), occurred_at=yesterday)
        near = CampaignFactory.create(brand__name="Near")
        BudgetService.record_spend(near, Decimal("99.99"))
        waived = CampaignFactory.create(brand__name="Waived")
        BudgetService.record_spend(waived, Decimal(100))
        BudgetService.reset_budgets(brands=[waived.brand])
        BrandFactory.create(name="Nothing", daily_budget=Decimal(0))
        BrandFactory.create(name="Free", daily_budget=None, monthly_budget=None)
        assert names(ada, reached="day") == ["Nothing", "Reached"]
        assert names(ada, reached="month") == ["Month"]
        assert names(ada, reached="any") == ["Month", "Nothing", "Reached"]


class TestPage:
    def test_it_shows_spent_waived_and_remaining_and_the_campaigns_with_their_status(
        self, ada: Client, brand: Brand, campaign: Campaign
    ) -> None:
        BudgetService.record_spend(campaign, Decimal(150))
        BudgetService.reset_budgets(brands=[brand])
        BudgetService.record_spend(campaign, Decimal(120))
        page = ada.get(page_url(brand)).content.decode()
        assert "0 of 1 campaign running" in page
        assert "$20.00 over, 120% used" in page
        assert "<dd>$270.00</dd>" in page
        assert "<dd>$150.00</dd>" in page
        assert f'href="{page_url(campaign)}">Summer Sale</a>' in page
        assert "Brand daily budget reached" in page

    def test_labels_say_the_currency_and_what_empty_and_0_mean(self, ada: Client) -> None:
        page = ada.get(page_url(BrandFactory.create(currency="BRL"))).content.decode()
        assert "Daily budget (BRL)" in page
        assert "Empty: no limit. 0: spend nothing." in page
        assert "_micros" not in page

    def test_the_button_to_delete_is_only_there_where_nothing_refers(self, ada: Client, brand: Brand) -> None:
        delete = page_url(brand, "delete")
        assert delete in ada.get(page_url(brand)).content.decode()
        CampaignFactory.create(brand=brand)
        assert delete not in ada.get(page_url(brand)).content.decode()


class TestSaving:
    def save(self, client: Client, brand: Brand, **changed: str) -> list[str]:
        response = client.post(page_url(brand), brand_form(brand, **changed))
        assert response.status_code == 302, errors(response)
        return told(response)[:-1]  # but for Django's own last one

    def test_a_lowered_budget_pauses_and_says_how_many(
        self, ada: Client, brand: Brand, multiple_campaigns: list[Campaign]
    ) -> None:
        BudgetService.record_spend(multiple_campaigns[0], Decimal(60))
        assert self.save(ada, brand, daily_budget="50") == [
            "3 campaigns of Acme paused: Brand daily budget reached."
        ]
        brand.refresh_from_db()
        assert brand.daily_budget == Decimal(50)
        assert {state(campaign) for campaign in multiple_campaigns} == {
            (Status.PAUSED, (Reason.BRAND_DAILY,))
        }
        assert set(StatusChange.objects.values_list("cause", "by")) == {("SETTINGS", "ada")}

    def test_a_raised_budget_resumes_and_says_how_many(
        self, ada: Client, brand: Brand, multiple_campaigns: list[Campaign]
    ) -> None:
        BudgetService.record_spend(multiple_campaigns[0], Decimal(150))
        assert self.save(ada, brand, daily_budget="$1,150.01") == ["3 campaigns of Acme run now."]
        assert {state(campaign) for campaign in multiple_campaigns} == {ACTIVE}
        brand.refresh_from_db()
        assert brand.daily_budget == Decimal("1150.01")

    def test_an_emptied_budget_is_no_limit_and_0_is_nothing(
        self, ada: Client, brand: Brand, campaign: Campaign
    ) -> None:
        assert self.save(ada, brand, daily_budget="0") == [
            "Summer Sale (Acme) paused: Brand daily budget reached."
        ]
        assert self.save(ada, brand, daily_budget="", monthly_budget="") == ["Summer Sale (Acme) runs now."]
        brand.refresh_from_db()
        assert (brand.daily_budget_micros, brand.monthly_budget_micros) == (None, None)

    def test_a_new_name_pauses_nothing_and_says_nothing_of_campaigns(
        self, ada: Client, brand: Brand, campaign: Campaign
    ) -> None:
        assert self.save(ada, brand, name="Acme Ltd") == []
        assert not StatusChange.objects.exists()

    def test_campaigns_whose_budgets_add_up_to_more_are_worth_a_warning(
        self, ada: Client, brand: Brand
    ) -> None:
        for amount in ("60", "45.50"):
            CampaignFactory.create(brand=brand, daily_budget=Decimal(amount))
        CampaignFactory.create(brand=brand, daily_budget=Decimal(500), archived_at=NOON)
        warning = (
            "The daily budgets of 2 campaigns add up to $105.50, more than the daily budget of Acme, $100.00. "
            "The brand’s is the limit all the same."
        )
        assert self.save(ada, brand) == [warning]
        assert warning in ada.get(page_url(brand)).content.decode()
        assert self.save(ada, brand, daily_budget="105.50") == []

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ("-1", "-1 is negative; give 0 or more."),
            ("100.555", "“100.555” may mean 100,555 or 100.55; write the one that you mean."),
            ("1300.555", "“1300.555” has more decimals than USD; give at most 2, such as 1,300.56."),
            ("1.0000001", "'1.0000001' has more than 6 decimals; give at most 6, such as 0.000001."),
            ("NaN", "'NaN' is not an amount; give digits with a decimal point, such as 12.50."),
        ],
    )
    def test_a_budget_that_is_none_is_told_on_its_field(
        self, ada: Client, brand: Brand, given: str, message: str
    ) -> None:
        response = ada.post(page_url(brand), brand_form(brand, daily_budget=given))
        assert errors(response) == {"daily_budget": [message]}
        brand.refresh_from_db()
        assert brand.daily_budget == Decimal(100)

    def test_a_new_brands_budget_is_read_in_the_currency_chosen_with_it(self, ada: Client) -> None:
        add = "/admin/ads/brand/add/"
        new = {"name": "Kumo", "is_active": "on", "timezone": "", "currency": "JPY", "monthly_budget": ""}
        assert errors(ada.post(add, new | {"daily_budget": "12.5"})) == {
            "daily_budget": ["“12.5” has more decimals than JPY; give none, such as 12."]
        }
        assert ada.post(add, new | {"daily_budget": "¥1,300"}).status_code == 302
        assert Brand.objects.get(name="Kumo").daily_budget == Decimal(1300)

    def test_what_programs_set_finer_than_the_currency_keeps_no_form_from_being_saved(
        self, ada: Client, brand: Brand
    ) -> None:
        brand.daily_budget = Decimal("1300.555")
        brand.save()
        self.save(ada, brand, daily_budget="1300.555", name="Acme Ltd")
        brand.refresh_from_db()
        assert (brand.name, brand.daily_budget) == ("Acme Ltd", Decimal("1300.555"))

    def test_the_currency_is_fixed_once_there_is_spend(
        self, ada: Client, brand: Brand, campaign: Campaign
    ) -> None:
        BudgetService.record_spend(campaign, Decimal(1))
        self.save(ada, brand, currency="EUR")
        brand.refresh_from_db()
        assert brand.currency == "USD"

    def test_a_form_of_before_another_persons_change_is_refused_and_says_what_changed(
        self, ada: Client, brand: Brand
    ) -> None:
        page = ada.get(page_url(brand))
        seen = str(page.context["adminform"].form.initial["seen"])
        self.save(ada, brand, daily_budget="80")
        response = ada.post(page_url(brand), brand_form(brand, name="Acme Ltd", seen=seen))
        (message,) = errors(response)["__all__"]
        assert message.startswith(
            "These settings were changed meanwhile by ada: Daily budget from $100.00 to $80.00."
        )
        brand.refresh_from_db()
        assert (brand.name, brand.daily_budget) == ("Acme", Decimal(80))

    def test_who_made_a_brand_may_see_it(self, nina: Client, manager: User) -> None:
        data = {"name": "New", "is_active": "on", "currency": "EUR", "timezone": "", "daily_budget": "10"}
        assert nina.post(reverse("admin:ads_brand_add"), data).status_code == 302
        new = Brand.objects.get(name="New")
        assert (new.daily_budget, new.monthly_budget, new.currency) == (Decimal(10), None, "EUR")
        assert list(new.assigned_to.all()) == [manager]
        assert new.history.get().history_user == manager


class TestHistory:
    def test_it_says_who_changed_what_from_what_to_what(
        self, ada: Client, nina: Client, brand: Brand
    ) -> None:
        ada.post(page_url(brand), brand_form(brand, daily_budget="80"))
        brand.refresh_from_db()
        nina.post(page_url(brand), brand_form(brand, monthly_budget="", timezone="Europe/Paris"))
        entries = [entry for _, entry, _ in nina.get(page_url(brand, "history")).context["entries"]]
        latest, first, made, assigned = entries
        assert [(change.label, change.after) for change in assigned.changes] == [("nina sees it", "yes")]
        assert (latest.by, first.by, made.what) == ("nina", "ada", "Created")
        assert [(change.label, change.before, change.after) for change in latest.changes] == [
            ("Monthly budget", "$2,000.00", "No limit set"),
            ("Timezone", "not set", "Europe/Paris"),
        ]
        assert [(change.label, change.before, change.after) for change in first.changes] == [
            ("Daily budget", "$100.00", "$80.00")
        ]

    def test_what_people_do_to_many_at_once_is_in_it_as_well(self, ada: Client, brand: Brand) -> None:
        run(ada, "switch_off", [brand])
        page = ada.get(page_url(brand, "history")).content.decode()
        assert '<b class="ab-name">Active</b> from yes to <b class="ab-name">no</b>' in page
        assert "<td>ada</td>" in page

    def test_settings_of_the_past_are_not_brought_back_by_an_old_address(
        self, ada: Client, brand: Brand
    ) -> None:
        version = brand.history.get()
        ada.post(page_url(brand), brand_form(brand, daily_budget="80"))
        url = reverse("admin:ads_brand_simple_history", args=(brand.pk, version.pk))
        assert ada.post(url, brand_form(brand)).headers["Location"] == page_url(brand, "history")
        brand.refresh_from_db()
        assert brand.daily_budget == Decimal(80)


class TestActions:
    def test_switching_off_stops_every_campaign_and_leaves_what_people_asked(
        self, ada: Client, brand: Brand, multiple_campaigns: list[Campaign], switched_off_campaign: Campaign
    ) -> None:
        response = run(ada, "switch_off", [brand])
        assert told(response) == ["Acme switched off.", "3 campaigns of Acme off: Brand is switched off."]
        assert {state(campaign)[0] for campaign in multiple_campaigns} == {Status.INACTIVE}
        assert all(campaign.enabled for campaign in multiple_campaigns)
        response = ada.post(act_url(brand, "switch_on"))
        assert told(response) == ["Acme switched on.", "3 campaigns of Acme run now."]
        assert response.headers["Location"] == page_url(brand)
        assert state(switched_off_campaign) == (Status.INACTIVE, (Reason.SWITCHED_OFF,))

    def test_archived_is_off_and_out_of_the_list_and_still_takes_spend(
        self, ada: Client, brand: Brand, campaign: Campaign
    ) -> None:
        response = ada.post(act_url(brand, "archive"))
        assert told(response)[0] == "Acme archived; spend is still recorded."
        assert state(campaign) == (Status.INACTIVE, (Reason.BRAND_INACTIVE,))
        assert names(ada) == []
        assert BudgetService.record_spend(campaign, Decimal(5)).amount == Decimal(5)
        assert ada.get(page_url(brand)).status_code == 200
        run(ada, "restore", [brand], query="archived=yes")
        assert state(campaign) == ACTIVE
        assert names(ada) == ["Acme"]

    def test_a_second_archiving_changes_nothing(self, ada: Client, brand: Brand) -> None:
        run(ada, "archive", [brand])
        brand.refresh_from_db()
        archived_at = brand.archived_at
        with freeze_time(NOON + timedelta(hours=1)):
            run(ada, "archive", [brand])
        brand.refresh_from_db()
        assert brand.archived_at == archived_at == NOON

    def test_several_at_once_are_one_message_and_one_sentence_a_brand(self, ada: Client) -> None:
        for name in ("Acme", "Bolt"):
            CampaignFactory.create_batch(2, brand=BrandFactory.create(name=name))
        assert told(run(ada, "switch_off", Brand.objects.all())) == [
            "2 brands switched off.",
            "2 campaigns of Acme off: Brand is switched off.",
            "2 campaigns of Bolt off: Brand is switched off.",
        ]


class TestReset:
    def test_the_page_says_what_each_answer_would_do_and_does_nothing(
        self, ada: Client, brand: Brand, multiple_campaigns: list[Campaign]
    ) -> None:
        BudgetService.record_spend(multiple_campaigns[0], Decimal(150))
        choices = ada.get(act_url(brand, "reset_budgets")).context["choices"]
        assert {choice.label: choice.consequences for choice in choices} == {
            "Today": [
                "$150.00 of Acme would stop counting against the daily budget.",
                "3 campaigns of Acme would run at once.",
            ],
            "This month": [
                "$150.00 of Acme would stop counting against the monthly budget.",
                "No campaign would change its status.",
            ],
            "Today and this month": [
                "$150.00 of Acme would stop counting against the daily budget.",
                "$150.00 of Acme would stop counting against the monthly budget.",
                "3 campaigns of Acme would run at once.",
            ],
        }
        assert not Waiver.objects.exists()
        assert state(multiple_campaigns[0])[0] == Status.PAUSED

    def test_the_answer_starts_that_period_afresh_and_leaves_the_ledger(
        self, ada: Client, brand: Brand, campaign: Campaign
    ) -> None:
        BudgetService.record_spend(campaign, Decimal(150))
        response = ada.post(act_url(brand, "reset_budgets"), {"period": "day"})
        assert told(response) == ["Today: the budgets of Acme start afresh.", "Summer Sale (Acme) runs now."]
        day, month = (BrandPeriod.objects.get(kind=kind) for kind in ("DAY", "MONTH"))
        assert (day.spent, day.waived) == (Decimal(150), Decimal(150))
        assert (month.spent, month.waived) == (Decimal(150), Decimal(0))
        assert set(Waiver.objects.values_list("by", "kind")) == {("ada", "DAY")}
        assert SpendLog.objects.count() == 1
        assert state(campaign) == ACTIVE

    def test_from_the_list_it_asks_first_and_then_resets_only_the_chosen(
        self, ada: Client, brand: Brand, campaign: Campaign, other_campaign: Campaign
    ) -> None:
        for each in (campaign, other_campaign):
            BudgetService.record_spend(each, Decimal(150))
        assert run(ada, "reset_budgets", [brand]).status_code == 200
        assert not Waiver.objects.exists()
        response = run(ada, "reset_budgets", [brand], period="both")
        assert response.status_code == 302
        assert set(Waiver.objects.values_list("brand__name", "kind")) == {("Acme", "DAY"), ("Acme", "MONTH")}
        assert state(other_campaign) == (Status.PAUSED, (Reason.BRAND_DAILY,))

    def test_an_answer_that_is_none_resets_nothing(
        self, ada: Client, brand: Brand, campaign: Campaign
    ) -> None:
        BudgetService.record_spend(campaign, Decimal(150))
        assert ada.post(act_url(brand, "reset_budgets"), {"period": "year"}).status_code == 200
        assert not Waiver.objects.exists()


class TestDeleting:
    def test_a_brand_to_which_nothing_refers_is_deleted(self, ada: Client, brand: Brand) -> None:
        assert ada.post(page_url(brand, "delete"), {"post": "yes"}).status_code == 302
        assert not Brand.objects.exists()

    def test_a_brand_with_campaigns_is_not_and_is_to_be_archived_instead(
        self, ada: Client, brand: Brand, campaign: Campaign
    ) -> None:
        BudgetService.record_spend(campaign, Decimal(5))
        page = ada.get(page_url(brand, "delete")).content.decode()
        assert "Archive it instead." in page
        assert "<li>Acme has campaigns</li>" in page
        assert "<li>Acme has spend logs</li>" in page
        assert ada.post(page_url(brand, "delete"), {"post": "yes"}).status_code < 500
        assert Brand.objects.filter(pk=brand.pk).exists()

    def test_what_gets_a_campaign_while_the_question_stands_is_told_and_no_error(
        self, ada: Client, brand: Brand, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        CampaignFactory.create(brand=brand)
        monkeypatch.setattr(BrandAdmin, "_referring", lambda *_: iter(()))
        response = ada.post(page_url(brand, "delete"), {"post": "yes"})
        assert response.headers["Location"] == page_url(brand)
        assert "archive it instead" in told(response)[0]
        response = run(ada, "delete_selected", [brand], post="yes")
        assert response.status_code == 302
        assert "archive them instead" in told(response)[0]
        assert Brand.objects.filter(pk=brand.pk).exists()

    def test_many_at_once_are_deleted_only_if_nothing_refers_to_any(
        self, ada: Client, brand: Brand, campaign: Campaign
    ) -> None:
        free = BrandFactory.create(name="Free")
        page = run(ada, "delete_selected", [brand, free], post="yes").content.decode()
        assert "<li>Acme has campaigns</li>" in page
        assert Brand.objects.count() == 2
        assert run(ada, "delete_selected", [free], post="yes").status_code == 302
        assert list(Brand.objects.all()) == [brand]

"""Nobody sees or changes a brand they have no right to, by whatever way they ask."""

import re
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from ads.models import (
    Brand,
    BrandPeriod,
    Campaign,
    CampaignPeriod,
    SpendLog,
    StatusChange,
    Waiver,
)
from ads.rights import TRAFFICKER, VIEWER
from ads.rules.serving import Status
from ads.services import BudgetService
from ads.tests.admin.browser import (
    act_url,
    brand_form,
    campaign_form,
    errors,
    list_url,
    page_url,
    record,
    run,
)
from ads.tests.factories import DaypartingScheduleFactory
from ads.tests.moments import state
from ads.tests.people import take_role

OF_A_BRAND = [Brand, Campaign, SpendLog, StatusChange, BrandPeriod, CampaignPeriod, Waiver]


@pytest.fixture
def both(campaign: Campaign, other_campaign: Campaign) -> None:
    """Of Acme, which is hers, and of Zenith, which is not, one row of everything."""
    for each in (campaign, other_campaign):
        BudgetService.record_spend(each, Decimal(150), "clicks")
        BudgetService.reset_budgets(brands=[each.brand])


def rows_of(model: type[Model], brand: Brand) -> list[Any]:
    if model is Brand:
        return [brand]
    path = "campaign__brand" if model is CampaignPeriod else "brand"
    return list(model._default_manager.filter(**{path: brand}))


def without_token(page: Any) -> str:
    """What a page says, but for what tells one form from another."""
    return re.sub(r"\b[A-Za-z0-9]{64}\b", "", page.content.decode())


@pytest.mark.parametrize("model", OF_A_BRAND, ids=lambda model: model._meta.label)
class TestOtherBrands:
    def test_a_list_holds_only_what_is_hers(
        self, nina: Client, brand: Brand, other_brand: Brand, both: None, model: type[Model]
    ) -> None:
        response = nina.get(list_url(model))
        shown = {row.pk for row in response.context["cl"].result_list}
        assert shown == {row.pk for row in rows_of(model, brand)}
        assert rows_of(model, other_brand)
        page = response.content.decode()
        assert "Zenith" not in page
        assert "Secret Launch" not in page

    def test_a_search_finds_only_what_is_hers(self, nina: Client, both: None, model: type[Model]) -> None:
        for query in ({"q": "Zenith"}, {"q": "Secret"}):
            assert list(nina.get(list_url(model), query).context["cl"].result_list) == []

    def test_anothers_page_is_as_if_it_did_not_exist(
        self, nina: Client, other_brand: Brand, both: None, model: type[Model]
    ) -> None:
        other = rows_of(model, other_brand)[0]
        missing = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=(999_999,))
        for page in ("change", "history"):
            assert nina.get(page_url(other, page)).status_code == 404
        unknown, of_another = (nina.get(url) for url in (missing, page_url(other)))
        assert unknown.status_code == of_another.status_code == 404
        assert without_token(unknown) == without_token(of_another)


class TestForgedRequests:
    def test_anothers_settings_are_not_saved(
        self, nina: Client, other_brand: Brand, other_campaign: Campaign
    ) -> None:
        nina.post(page_url(other_brand), brand_form(other_brand, daily_budget="1"))
        nina.post(page_url(other_campaign), campaign_form(other_campaign, name="Mine now"))
        other_brand.refresh_from_db()
        other_campaign.refresh_from_db()
        assert (other_brand.daily_budget, other_campaign.name) == (Decimal(100), "Secret Launch")

    @pytest.mark.parametrize("act", ["switch_off", "archive", "reset_budgets"])
    def test_anothers_brand_is_not_acted_on(self, nina: Client, other_campaign: Campaign, act: str) -> None:
        BudgetService.record_spend(other_campaign, Decimal(10))
        other_brand = other_campaign.brand
        assert nina.post(act_url(other_brand, act), {"period": "day"}).status_code == 404
        run(nina, act, [other_brand], period="day")
        other_brand.refresh_from_db()
        assert (other_brand.is_active, other_brand.archived_at) == (True, None)
        assert not Waiver.objects.exists()
        assert state(other_campaign)[0] == Status.ACTIVE

    @pytest.mark.parametrize("act", ["switch_off", "archive", "copy"])
    def test_of_forged_ids_only_her_own_are_acted_on(
        self, nina: Client, campaign: Campaign, other_campaign: Campaign, act: str
    ) -> None:
        nina.post(act_url(other_campaign, act))
        run(nina, act, [other_campaign, campaign])
        other_campaign.refresh_from_db()
        campaign.refresh_from_db()
        assert (other_campaign.enabled, other_campaign.archived_at) == (True, None)
        assert Campaign.objects.filter(brand=other_campaign.brand).count() == 1
        if act == "copy":
            assert Campaign.objects.filter(brand=campaign.brand).count() == 2
        else:
            assert state(campaign)[0] == Status.INACTIVE

    def test_anothers_spend_is_not_reversed(self, nina: Client, other_campaign: Campaign) -> None:
        log = BudgetService.record_spend(other_campaign, Decimal(10))
        assert nina.post(act_url(log, "reverse"), {"reason": "x"}).status_code == 404
        run(nina, "reverse", [log], reason="x")
        assert SpendLog.objects.count() == 1

    def test_anothers_brand_is_not_deleted(self, nina: Client, other_brand: Brand) -> None:
        assert nina.post(page_url(other_brand, "delete"), {"post": "yes"}).status_code == 404
        run(nina, "delete_selected", [other_brand], post="yes")
        assert Brand.objects.filter(pk=other_brand.pk).exists()

    def test_spend_is_not_recorded_for_anothers_campaign(
        self, nina: Client, other_campaign: Campaign
    ) -> None:
        response = record(nina, other_campaign, "5")
        assert errors(response) == {
            "campaign": ["Select a valid choice. That choice is not one of the available choices."]
        }
        assert not SpendLog.objects.exists()

    def test_a_campaign_is_not_added_to_anothers_brand(self, nina: Client, other_brand: Brand) -> None:
        data = {
            "brand": str(other_brand.pk),
            "name": "Intruder",
            "schedules-TOTAL_FORMS": "0",
            "schedules-INITIAL_FORMS": "0",
        }
        response = nina.post(reverse("admin:ads_campaign_add"), data)
        assert list(errors(response)) == ["brand"]
        assert not Campaign.objects.exists()

    def test_windows_of_anothers_campaign_are_not_reached_through_her_own(
        self, nina: Client, campaign: Campaign, other_campaign: Campaign
    ) -> None:
        window = DaypartingScheduleFactory.create(campaign=other_campaign)
        forged = {
            "schedules-TOTAL_FORMS": "1",
            "schedules-INITIAL_FORMS": "1",
            "schedules-0-id": str(window.pk),
            "schedules-0-campaign": str(campaign.pk),
            "schedules-0-day_of_week": "",
            "schedules-0-start_time": "01:00",
            "schedules-0-end_time": "02:00",
        }
        nina.post(page_url(campaign), campaign_form(campaign, **forged))
        window.refresh_from_db()
        assert (str(window), window.campaign_id) == ("every day 09:00-17:00", other_campaign.pk)


class TestChoices:
    def test_campaigns_to_record_spend_for_are_hers_and_name_their_brand(
        self, nina: Client, campaign: Campaign, other_campaign: Campaign
    ) -> None:
        url = reverse("admin:ads_campaign_choices")
        where = {"app_label": "ads", "model_name": "spendlog", "field_name": "campaign"}
        assert nina.get(url, {"term": "", **where}).json()["results"] == [
            {"id": str(campaign.pk), "text": "Summer Sale, Acme (USD)"}
        ]
        assert nina.get(url, {"term": "Secret", **where}).json()["results"] == []

    @pytest.mark.parametrize(
        ("model_name", "field_name"), [("campaign", "brand"), ("spendlog", "brand"), ("spendlog", "campaign")]
    )
    def test_what_is_typed_completes_to_hers_alone(
        self, nina: Client, campaign: Campaign, other_campaign: Campaign, model_name: str, field_name: str
    ) -> None:
        query = {"app_label": "ads", "model_name": model_name, "field_name": field_name, "term": ""}
        (only,) = nina.get(reverse("admin:autocomplete"), query).json()["results"]
        assert only["text"] in {"Acme", "Summer Sale"}

    @pytest.mark.parametrize("model", [Campaign, SpendLog, StatusChange, BrandPeriod, Waiver])
    def test_a_filter_by_anothers_brand_names_it_not(
        self, nina: Client, both: None, other_brand: Brand, model: type[Model]
    ) -> None:
        response = nina.get(list_url(model), {"brand__id__exact": str(other_brand.pk)})
        assert "Zenith" not in response.content.decode()

    def test_filters_offer_only_what_hers_have(
        self, nina: Client, campaign: Campaign, other_brand: Brand, other_campaign: Campaign
    ) -> None:
        Campaign.objects.filter(pk=other_campaign.pk).update(platform="secret_platform")
        other_brand.currency = "ISK"
        other_brand.save()
        assert "secret_platform" not in nina.get(list_url(Campaign)).content.decode()
        assert "ISK" not in nina.get(list_url(Brand)).content.decode()


class TestPermissions:
    def test_who_may_only_look_changes_nothing(
        self, nina: Client, manager: User, brand: Brand, campaign: Campaign
    ) -> None:
        take_role(manager, VIEWER)
        for row in (brand, campaign):
            assert nina.get(page_url(row)).status_code == 200
            assert nina.post(page_url(row), {"name": "x"}).status_code == 403
            assert nina.post(act_url(row, "switch_off")).status_code == 403
            assert "Switch off" not in nina.get(page_url(row)).content.decode()
            run(nina, "switch_off", [row])
        assert state(campaign)[0] == Status.ACTIVE
        brand.refresh_from_db()
        assert brand.is_active is True

    def test_who_may_look_at_nothing_sees_nothing(
        self, nina: Client, manager: User, campaign: Campaign
    ) -> None:
        take_role(manager)
        for model in OF_A_BRAND:
            assert nina.get(list_url(model)).status_code == 403
        assert nina.get(page_url(campaign)).status_code == 403

    def test_a_trafficker_sees_budgets_and_does_not_change_them(
        self, nina: Client, manager: User, brand: Brand, campaign: Campaign
    ) -> None:
        take_role(manager, TRAFFICKER)
        page = nina.get(page_url(brand))
        assert "daily_budget" not in page.context["adminform"].form.fields
        assert "$100.00" in page.content.decode()
        form = brand_form(brand, daily_budget="1", monthly_budget="1", name="Renamed", is_active="")
        assert nina.post(page_url(brand), form).status_code == 302
        brand.refresh_from_db()
        assert (brand.name, brand.daily_budget, brand.monthly_budget) == ("Acme", Decimal(100), Decimal(2000))
        assert brand.is_active is False  # switching is hers

        changed = campaign_form(
            campaign, daily_budget="1", total_budget="1", name="Renamed", start_date="2026-03-01", enabled=""
        )
        window = {
            "schedules-TOTAL_FORMS": "1",
            "schedules-0-id": "",
            "schedules-0-campaign": str(campaign.pk),
            "schedules-0-day_of_week": "",
            "schedules-0-start_time": "09:00",
            "schedules-0-end_time": "17:00",
        }
        assert nina.post(page_url(campaign), changed | window).status_code == 302
        campaign.refresh_from_db()
        assert (campaign.name, campaign.daily_budget, campaign.total_budget) == ("Summer Sale", None, None)
        assert (campaign.enabled, str(campaign.start_date)) == (False, "2026-03-01")
        assert [str(each) for each in campaign.schedules.all()] == ["every day 09:00-17:00"]

    @pytest.mark.parametrize("act", ["reset_budgets", "archive"])
    def test_a_trafficker_has_no_button_for_what_is_not_hers_and_sending_it_is_refused(
        self, nina: Client, manager: User, brand: Brand, campaign: Campaign, act: str
    ) -> None:
        BudgetService.record_spend(campaign, Decimal(10))
        take_role(manager, TRAFFICKER)
        page = nina.get(page_url(brand)).content.decode()
        assert "Switch off" in page
        assert "Start budgets afresh" not in page
        assert nina.post(act_url(brand, act), {"period": "day"}).status_code == 403
        run(nina, act, [brand], period="day")
        brand.refresh_from_db()
        assert brand.archived_at is None
        assert not Waiver.objects.exists()

    def test_who_was_given_a_brand_does_not_decide_who_else_is(
        self, nina: Client, manager: User, brand: Brand, superuser: User
    ) -> None:
        form = brand_form(brand) | {"assigned_to": [str(superuser.pk)]}
        assert nina.post(page_url(brand), form).status_code == 302
        assert list(brand.assigned_to.all()) == [manager]

    def test_a_brand_no_longer_hers_is_out_of_sight_at_once(
        self, nina: Client, manager: User, brand: Brand, campaign: Campaign
    ) -> None:
        assert nina.get(page_url(campaign)).status_code == 200
        brand.assigned_to.remove(manager)
        assert nina.get(page_url(campaign)).status_code == 404
        assert list(nina.get(list_url(Campaign)).context["cl"].result_list) == []

    def test_who_is_no_staff_does_not_come_in(
        self, client: Client, manager: User, campaign: Campaign
    ) -> None:
        manager.is_staff = False
        manager.save()
        client.force_login(manager)
        assert "/login/" in client.get(page_url(campaign)).headers["Location"]

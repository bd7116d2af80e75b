"""Every page of the admin renders, lists cost the same whatever their length, and history cannot be written."""

from datetime import date, time
from decimal import Decimal

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from ads.models import (
    ApiToken,
    ArchivedMonth,
    Brand,
    BrandPeriod,
    Campaign,
    CampaignPeriod,
    JobProgress,
    SnapshotDay,
    SnapshotValue,
    SpendKey,
    SpendLog,
    StatusChange,
    Waiver,
    WebhookEndpoint,
)
from ads.services import BudgetService, CampaignService, ingest, tokens
from ads.services.records import SpendSnapshot
from ads.tests.admin.browser import act_url, list_url, page_url, record, run, spend_form
from ads.tests.factories import (
    BrandFactory,
    CampaignFactory,
    DaypartingScheduleFactory,
    WebhookEndpointFactory,
)
from ads.tests.moments import NOON

READ_ONLY = [
    ArchivedMonth,
    BrandPeriod,
    CampaignPeriod,
    Waiver,
    StatusChange,
    SpendKey,
    SnapshotValue,
    SnapshotDay,
    JobProgress,
]
LISTS = [Brand, Campaign, SpendLog, StatusChange, BrandPeriod, CampaignPeriod, Waiver]


def one_of_everything() -> None:
    """A brand with all that can belong to one: spend, a reversal, totals of a feed, a pause, a waiver, windows."""
    brand = BrandFactory.create(timezone="Europe/Berlin", currency="EUR")
    campaign = CampaignFactory.create(brand=brand, daily_budget=Decimal(50), platform="meta")
    DaypartingScheduleFactory.create(campaign=campaign, start_time=time(9), end_time=time(17))
    log = BudgetService.record_spend(
        campaign, Decimal(120), "click", external_id=f"e{campaign.pk}", source="meta"
    )
    BudgetService.reverse_spend(log, "wrong campaign")
    BudgetService.record_spend(campaign, Decimal("60.004"))
    totals = [SpendSnapshot(campaign_id=campaign.pk, day=NOON.date(), amount_micros=5_000_000)]
    list(ingest.ingest_snapshots(totals, source="google_ads", now=NOON))
    BudgetService.reset_budgets(brands=[brand])


@pytest.fixture
def everything(db: None) -> None:
    WebhookEndpointFactory.create()
    one_of_everything()
    JobProgress.objects.create(name="verify_ledger", position=7)
    ArchivedMonth.objects.create(
        month=date(2024, 1, 1), file_name="spend-2024-01-3f2a.parquet", sha256="3f2a", row_count=2,
        totals={"EUR": 7_000_000, "USD": 1}, last_id=2, archived_at=NOON, sealed_at=NOON,
    )  # fmt: skip
    totals = [SpendSnapshot(campaign_id=999, day=NOON.date(), amount_micros=1)]
    list(ingest.ingest_snapshots(totals, source="google_ads", now=NOON))
    tokens.issue(User.objects.create_user("ann"), "ad server", ["read"])


@pytest.mark.parametrize("model", list(admin.site._registry), ids=lambda model: model._meta.label)
def test_every_list_renders(ada: Client, everything: None, model: type[Model]) -> None:
    page = ada.get(list_url(model))
    assert page.status_code == 200
    assert "_micros" not in page.content.decode()
    assert ada.get(list_url(model), {"q": "a"}).status_code == 200


@pytest.mark.parametrize("model", list(admin.site._registry), ids=lambda model: model._meta.label)
def test_every_rows_page_renders(ada: Client, everything: None, model: type[Model]) -> None:
    row = model._default_manager.order_by("pk").first()
    if row is not None:
        page = ada.get(page_url(row))
        assert page.status_code == 200
        assert "_micros" not in page.content.decode()
        assert ada.get(page_url(row, "history")).status_code == 200


@pytest.mark.parametrize(
    "model", [Brand, Campaign, SpendLog, ApiToken, WebhookEndpoint, PeriodicTask, IntervalSchedule, User]
)
def test_every_form_to_add_renders(ada: Client, model: type[Model]) -> None:
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add")
    assert ada.get(url).status_code == 200


def test_pages_that_ask_first_render(ada: Client, everything: None) -> None:
    brand, campaign = Brand.objects.get(), Campaign.objects.get()
    for url in (
        act_url(brand, "reset_budgets"),
        act_url(SpendLog.objects.latest("pk"), "reverse"),
        act_url(ApiToken.objects.get(), "revoke"),
        act_url(WebhookEndpoint.objects.get(), "rotate"),
        page_url(brand, "delete"),
        page_url(campaign, "delete"),
    ):
        assert ada.get(url).status_code == 200, url
    assert run(ada, "delete_selected", [brand]).status_code == 200
    assert run(ada, "reset_budgets", [brand]).status_code == 200
    assert run(ada, "reverse", [SpendLog.objects.latest("pk")]).status_code == 200
    assert run(ada, "revoke", ApiToken.objects.all()).status_code == 200


def test_the_front_page_leads_to_what_people_do(ada: Client, nina: Client) -> None:
    page = ada.get(reverse("admin:index")).content.decode()
    for title in ("Brands", "Campaigns", "Spend", "Status changes", "Waivers", "Schedule of tasks", "People"):
        assert f"<b>{title}</b>" in page
    hers = nina.get(reverse("admin:index")).content.decode()
    assert "<b>Brands</b>" in hers
    assert "<b>People</b>" not in hers
    assert "<b>Schedule of tasks</b>" not in hers


def test_empty_lists_say_what_would_be_there(ada: Client) -> None:
    assert "A brand is a client with its budgets" in ada.get(list_url(Brand)).content.decode()
    assert "Nothing was waived." in ada.get(list_url(Waiver)).content.decode()


def queries_of(client: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


def test_a_list_of_30_makes_as_many_queries_as_one_of_3(nina: Client, manager: User) -> None:
    def queries() -> dict[str, int]:
        manager.brands.set(Brand.objects.all())
        return {model._meta.label: queries_of(nina, list_url(model)) for model in LISTS}

    for _ in range(3):
        one_of_everything()
    queries()  # fills the caches
    with_3 = queries()
    for _ in range(27):
        one_of_everything()
    assert all(model._default_manager.count() >= 30 for model in LISTS)
    assert queries() == with_3
    assert max(with_3.values()) <= 11


def test_pages_of_rows_with_30_things_make_as_many_queries_as_with_3(ada: Client, brand: Brand) -> None:
    def queries() -> list[int]:
        return [queries_of(ada, page_url(brand)), queries_of(ada, page_url(campaign))]

    campaign = CampaignFactory.create_batch(3, brand=brand)[0]
    for number in range(30):  # more changes than a page tells of
        CampaignService.switch_off(campaign) if number % 2 else CampaignService.switch_on(campaign)
    queries()
    with_3 = queries()
    CampaignFactory.create_batch(27, brand=brand)
    for _ in range(14):
        CampaignService.switch_off(campaign)
        CampaignService.switch_on(campaign)
    assert queries() == with_3


def test_no_page_counts_a_table_that_grows_without_end(ada: Client, everything: None) -> None:
    for model in (SpendLog, StatusChange, CampaignPeriod, BrandPeriod, Waiver, SpendKey):
        with CaptureQueriesContext(connection) as captured:
            ada.get(list_url(model))
        counts = [
            query["sql"]
            for query in captured
            if "COUNT(" in query["sql"] and model._meta.db_table in query["sql"]
        ]
        assert counts == [], model


def test_what_was_spent_beyond_a_budget_stays_told_though_it_was_waived(
    ada: Client, brand: Brand, campaign: Campaign
) -> None:
    BudgetService.record_spend(campaign, Decimal(118))
    BudgetService.reset_budgets(brands=[brand])
    page = ada.get(list_url(BrandPeriod), {"kind": "DAY"}).content.decode()
    assert "<b>$118.00</b> of $100.00" in page
    assert "$18.00 over" in page
    waivers = ada.get(list_url(Waiver)).content.decode()
    assert waivers.count("$118.00") == 2  # the brand's and its campaign's
    assert "Tue 10 Mar 2026" in waivers


class TestHistoryCannotBeWritten:
    @pytest.mark.parametrize("model", [*READ_ONLY, SpendLog], ids=lambda model: model._meta.label)
    def test_nothing_is_edited_or_deleted(self, ada: Client, everything: None, model: type[Model]) -> None:
        row = model._default_manager.order_by("pk")[0]
        before = list(model._default_manager.order_by("pk").values())
        assert ada.post(page_url(row), {"amount": "1", "description": "forged"}).status_code == 403
        assert ada.get(page_url(row, "delete")).status_code == 403
        assert ada.post(page_url(row, "delete"), {"post": "yes"}).status_code == 403
        assert list(model._default_manager.order_by("pk").values()) == before

    @pytest.mark.parametrize("model", READ_ONLY, ids=lambda model: model._meta.label)
    def test_nothing_is_added(self, ada: Client, everything: None, model: type[Model]) -> None:
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add")
        assert ada.get(url).status_code == 403
        assert ada.post(url, {}).status_code == 403

    @pytest.mark.parametrize("model", [*READ_ONLY, SpendLog], ids=lambda model: model._meta.label)
    def test_the_action_to_delete_is_not_there(
        self, ada: Client, everything: None, model: type[Model]
    ) -> None:
        rows = list(model._default_manager.order_by("pk"))
        response = run(ada, "delete_selected", rows, post="yes")
        assert response.status_code in {200, 302}
        assert model._default_manager.count() == len(rows)

    def test_what_changes_something_is_not_done_by_looking(self, ada: Client, campaign: Campaign) -> None:
        assert ada.get(act_url(campaign, "switch_off")).status_code == 405
        campaign.refresh_from_db()
        assert campaign.enabled is True

    def test_a_button_that_does_not_exist_leads_nowhere(self, ada: Client, campaign: Campaign) -> None:
        assert ada.post(act_url(campaign, "delete_selected")).status_code == 404
        assert Campaign.objects.filter(pk=campaign.pk).exists()


def test_the_machinery_is_for_superusers_only(nina: Client, everything: None) -> None:
    for model in (SpendKey, SnapshotValue, SnapshotDay, JobProgress):
        assert nina.get(list_url(model)).status_code == 403


def test_signing_in_comes_first(client: Client, campaign: Campaign) -> None:
    for url in (list_url(Brand), page_url(campaign), reverse("admin:ads_spendlog_add")):
        response = client.get(url)
        assert response.status_code == 302
        assert "/login/" in response.headers["Location"]
    assert client.post(reverse("admin:ads_spendlog_add"), spend_form(campaign, "1")).status_code == 302
    assert not SpendLog.objects.exists()


def test_what_people_type_is_shown_and_never_run(ada: Client, superuser: User) -> None:
    evil = '<script>alert("x")</script>'
    brand = BrandFactory.create(name=evil, daily_budget=Decimal(5))
    campaign = CampaignFactory.create(brand=brand, name=evil, platform="<i>meta</i>")
    response = record(ada, campaign, "7", description=evil, source="<b>src</b>", external_id="<u>id</u>")
    assert response.status_code == 302
    log = SpendLog.objects.get()
    run(ada, "copy", [campaign])
    ada.post(act_url(log, "reverse"), {"reason": evil})
    pages = [
        *(list_url(model) for model in LISTS),
        *(page_url(row) for row in (brand, campaign, log)),
        *(page_url(row, "history") for row in (brand, campaign)),
        page_url(campaign, "delete"),
        act_url(brand, "reset_budgets"),
    ]
    for url in pages:
        page = ada.get(url).content.decode()
        for forbidden in (evil, "<i>meta</i>", "<b>src</b>", "<u>id</u>"):
            assert forbidden not in page, url


def test_a_search_on_the_spend_goes_by_campaign_and_else_by_exact_id(ada: Client, brand: Brand) -> None:
    for name, external_id in (("Summer", "a-1"), ("Winter", "b-2")):
        campaign = CampaignFactory.create(brand=brand, name=name)
        BudgetService.record_spend(campaign, Decimal(1), source="meta", external_id=external_id)

    def found(query: str) -> list[str]:
        logs = ada.get(list_url(SpendLog), {"q": query}).context["cl"].result_list
        return [log.campaign.name for log in logs]

    assert found("") == ["Winter", "Summer"]
    assert found("summ") == ["Summer"]
    assert found("b-2") == ["Winter"]
    assert found("b-") == []

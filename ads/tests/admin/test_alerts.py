"""The pages of rules, with only what each kind needs, and of alerts, to look at and handle."""

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from ads.models import Alert, AlertRule, Brand, Campaign
from ads.services import BudgetService
from ads.tests.admin.browser import act_url, errors, list_url, page_url, run, told
from ads.tests.dashboard.reading import text
from ads.tests.factories import ChannelFactory

pytestmark = pytest.mark.django_db

ADD = "/admin/ads/alertrule/add/"


def add(client: Client, kind: str, **given: Any) -> Any:
    return client.post(f"{ADD}?kind={kind}", {"name": "Ours", "is_active": "on"} | given)


class TestRules:
    def test_a_new_one_begins_with_what_is_to_be_told(self, nina: Client) -> None:
        page = text(nina.get(ADD))
        assert "What should be told?" in page
        assert "A month is projected to end far over or under its budget." in page

    @pytest.mark.parametrize(
        ("kind", "asked"),
        [
            ("THRESHOLD", {"period_kinds", "steps"}),
            ("OVERSPEND", {"period_kinds", "percent"}),
            ("PROJECTION", {"percent"}),
            ("DEAD_FEED", {"hours"}),
            ("SPIKE", {"times"}),
            ("QUARANTINE", set()),
        ],
    )
    def test_the_form_asks_only_for_what_the_kind_needs(
        self, nina: Client, kind: str, asked: set[str]
    ) -> None:
        page = nina.get(f"{ADD}?kind={kind}").content.decode()
        names = {"period_kinds", "steps", "percent", "hours", "times"}
        assert {name for name in names if f'name="{name}"' in page} == asked

    def test_a_manager_makes_one_of_her_brand(self, nina: Client, brand: Brand) -> None:
        given = {"brand": brand.pk, "period_kinds": ["DAY"], "steps": "100, 70 %,70"}
        assert add(nina, "THRESHOLD", **given).status_code == 302
        rule = AlertRule.objects.get(brand=brand)
        assert (rule.name, rule.steps, rule.period_kinds, rule.is_active) == (
            "Ours",
            [70, 100],
            ["DAY"],
            True,
        )
        assert rule.history.get().history_user == User.objects.get(username="nina")

    def test_one_of_a_campaign_belongs_to_its_brand(self, ada: Client, campaign: Campaign) -> None:
        assert add(ada, "DEAD_FEED", campaign=campaign.pk, hours="6").status_code == 302
        rule = AlertRule.objects.get(campaign=campaign)
        assert (rule.brand, rule.hours) == (campaign.brand, 6)

    @pytest.mark.parametrize(
        ("kind", "given", "field", "error"),
        [
            (
                "THRESHOLD",
                {"period_kinds": ["DAY"], "steps": "0, 50"},
                "steps",
                "Give whole percents from 1 to 1000",
            ),
            (
                "THRESHOLD",
                {"period_kinds": ["DAY"], "steps": "half"},
                "steps",
                "Give whole percents from 1 to 1000",
            ),
            ("THRESHOLD", {"period_kinds": [], "steps": "50"}, "period_kinds", "Choose at least one."),
            ("OVERSPEND", {"period_kinds": ["DAY"], "percent": "0"}, "percent", "greater than or equal to 1"),
            ("SPIKE", {"times": "1"}, "times", "greater than or equal to 2"),
        ],
    )
    def test_what_makes_no_sense_is_refused(
        self, nina: Client, brand: Brand, kind: str, given: dict[str, Any], field: str, error: str
    ) -> None:
        response = add(nina, kind, brand=brand.pk, **given)
        assert error in " ".join(errors(response)[field])
        assert not AlertRule.objects.filter(brand=brand).exists()

    def test_one_of_a_kind_is_enough_for_a_brand(self, nina: Client, brand: Brand) -> None:
        AlertRule.objects.create(kind="QUARANTINE", brand=brand)
        assert "This brand has a rule of this kind already." in text(add(nina, "QUARANTINE", brand=brand.pk))

    def test_a_projection_is_of_no_campaign(self, ada: Client, campaign: Campaign) -> None:
        response = add(ada, "PROJECTION", campaign=campaign.pk, percent="5")
        assert "A rule of this kind is for a brand, or everywhere." in text(response)

    def test_a_manager_makes_none_for_everywhere_nor_for_other_brands(
        self, nina: Client, other_brand: Brand
    ) -> None:
        AlertRule.objects.filter(kind="QUARANTINE").delete()
        for brand in ("", other_brand.pk):
            assert add(nina, "QUARANTINE", brand=brand).status_code == 200
        assert not AlertRule.objects.filter(kind="QUARANTINE").exists()

    def test_those_for_everywhere_are_seen_by_all_and_changed_by_who_sees_every_brand(
        self, nina: Client, ada: Client
    ) -> None:
        rule = AlertRule.objects.get(kind="OVERSPEND")
        given = {"name": "Ours", "percent": "25", "period_kinds": ["MONTH"], "is_active": "on"}
        assert "10 % beyond the budget of day, month, flight" in text(nina.get(list_url(AlertRule)))
        assert nina.post(page_url(rule), given).status_code == 403
        assert ada.post(page_url(rule), given).status_code == 302
        rule.refresh_from_db()
        assert (rule.name, rule.percent, rule.period_kinds) == ("Ours", 25, ["MONTH"])
        assert ada.post(f"/admin/ads/alertrule/{rule.pk}/delete/", {"post": "yes"}).status_code == 403

    def test_a_channel_of_another_brand_is_refused(
        self, ada: Client, brand: Brand, other_brand: Brand
    ) -> None:
        channel = ChannelFactory.create(name="#zenith", brand=other_brand)
        response = add(ada, "QUARANTINE", brand=brand.pk, channels=[channel.pk])
        assert "#zenith tells only of Zenith." in text(response)


class TestAlerts:
    @pytest.fixture
    def alert(self, campaign: Campaign) -> Alert:
        BudgetService.record_spend(campaign, Decimal(55))
        return Alert.objects.get()

    def test_are_listed_in_words(self, nina: Client, alert: Alert) -> None:
        page = text(nina.get(list_url(Alert)))
        assert "Acme: 50 % of the daily budget reached" in page
        assert "$55.00 of $100.00 spent on Tue 10 Mar 2026, 55 %." in page
        assert text(nina.get(page_url(alert))).count("Acme: 50 % of the daily budget reached") >= 1

    def test_are_acknowledged_snoozed_and_resolved(self, nina: Client, alert: Alert) -> None:
        assert told(run(nina, "acknowledge", [alert])) == ["1 alert acknowledged."]
        nina.post(act_url(alert, "snooze"))
        alert.refresh_from_db()
        assert alert.snoozed_until is not None
        nina.post(act_url(alert, "resolve"))
        alert.refresh_from_db()
        assert (alert.acknowledged_by, alert.resolved_by) == ("nina", "nina")
        assert "Acme: 50 %" not in text(nina.get(list_url(Alert)))
        assert "Acme: 50 %" in text(nina.get(list_url(Alert) + "?state=resolved"))

    def test_of_other_brands_are_not_there(self, nina: Client, other_campaign: Campaign) -> None:
        BudgetService.record_spend(other_campaign, Decimal(55))
        assert nina.get(page_url(Alert.objects.get())).status_code == 404
        assert "Zenith" not in text(nina.get(list_url(Alert)))

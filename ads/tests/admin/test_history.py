"""Every change of a budget, switch, schedule or right is shown with who, when, from and to, and can be put back."""

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse

from ads.actor import acting_as
from ads.models import ApiToken, Brand, Campaign, DaypartingSchedule, RightsChange
from ads.rights import ADMINISTRATOR, TRAFFICKER, VIEWER
from ads.rules.serving import Reason, Status
from ads.services import BudgetService, CampaignService, tokens
from ads.tests.admin.browser import act_url, brand_form, page_url, told
from ads.tests.factories import DaypartingScheduleFactory
from ads.tests.moments import state
from ads.tests.people import take_role

ACTIVE = (Status.ACTIVE, ())


def entries(client: Client, row: Any) -> list[tuple[str, str, list[tuple[str, str, str]], str]]:
    """Who, what, from and to, and the way back, newest first."""
    found = client.get(page_url(row, "history")).context["entries"]
    return [
        (entry.by, entry.what, [(each.label, each.before, each.after) for each in entry.changes], way)
        for _, entry, way in found
    ]


def way_back(client: Client, row: Any, label: str) -> str:
    """The way back from the latest change of this setting."""
    return next(
        way for _, what, changes, way in entries(client, row) if label in (what, *(c[0] for c in changes))
    )


class TestSettings:
    def test_a_lowered_budget_is_put_back_with_the_consequence_told_before(
        self, nina: Client, brand: Brand, multiple_campaigns: list[Campaign]
    ) -> None:
        BudgetService.record_spend(multiple_campaigns[0], Decimal(80))
        nina.post(page_url(brand), brand_form(brand, daily_budget="50"))
        assert state(multiple_campaigns[0]) == (Status.PAUSED, (Reason.BRAND_DAILY,))
        way = way_back(nina, brand, "Daily budget")

        page = nina.get(way)
        assert [(each.label, each.before, each.after) for each in page.context["changes"]] == [
            ("Daily budget", "$50.00", "$100.00")
        ]
        assert page.context["followed"] == ["3 campaigns of Acme would run at once."]
        assert state(multiple_campaigns[0])[0] == Status.PAUSED  # told, and not done
        brand.refresh_from_db()
        assert brand.daily_budget == Decimal(50)

        done = nina.post(way, {"seen": page.context["seen"]})
        assert done.headers["Location"] == page_url(brand, "history")
        assert told(done) == ["The change is put back.", "3 campaigns of Acme run now."]
        assert state(multiple_campaigns[0]) == ACTIVE
        brand.refresh_from_db()
        assert brand.daily_budget == Decimal(100)
        by, what, changes, again = entries(nina, brand)[0]
        assert (by, what, changes) == ("nina", "Put back", [("Daily budget", "$50.00", "$100.00")])
        assert again  # what was put back can be put back

    def test_only_what_that_change_was_about_is_put_back(self, nina: Client, brand: Brand) -> None:
        nina.post(page_url(brand), brand_form(brand, daily_budget="50"))
        way = way_back(nina, brand, "Daily budget")
        brand.refresh_from_db()
        nina.post(page_url(brand), brand_form(brand, name="Acme & Sons"))
        nina.post(way, {"seen": nina.get(way).context["seen"]})
        brand.refresh_from_db()
        assert (brand.name, brand.daily_budget) == ("Acme & Sons", Decimal(100))

    def test_it_does_not_happen_twice(self, nina: Client, brand: Brand) -> None:
        nina.post(page_url(brand), brand_form(brand, daily_budget="50"))
        way = way_back(nina, brand, "Daily budget")
        nina.post(way, {"seen": nina.get(way).context["seen"]})
        before = brand.history.count()
        assert told(nina.get(way)) == ["It is as it was before already."]
        assert brand.history.count() == before

    def test_what_was_changed_since_it_was_told_is_not_put_back(self, nina: Client, brand: Brand) -> None:
        nina.post(page_url(brand), brand_form(brand, daily_budget="50"))
        way = way_back(nina, brand, "Daily budget")
        seen = nina.get(way).context["seen"]
        brand.refresh_from_db()
        brand.daily_budget = Decimal(70)
        brand.save()
        assert told(nina.post(way, {"seen": seen}))[0].startswith("The settings were changed meanwhile")
        brand.refresh_from_db()
        assert brand.daily_budget == Decimal(70)

    def test_a_switch_is_put_back(self, nina: Client, campaign: Campaign) -> None:
        nina.post(act_url(campaign, "switch_off"))
        way = way_back(nina, campaign, "Switched on")
        page = nina.get(way)
        assert page.context["followed"] == ["Summer Sale (Acme) would run at once."]
        nina.post(way, {"seen": page.context["seen"]})
        assert state(campaign) == ACTIVE
        campaign.refresh_from_db()
        assert campaign.enabled is True

    @pytest.mark.parametrize("how", ["added", "changed", "removed"])
    def test_a_window_is_put_back(self, nina: Client, campaign: Campaign, how: str) -> None:
        window = DaypartingScheduleFactory.create(campaign=campaign, day_of_week=0)
        before = str(window)
        if how == "changed":
            window.day_of_week = 1
            window.save()
        elif how == "removed":
            window.delete()
        way = next(way for _, what, _, way in entries(nina, campaign) if what.startswith(f"Window {how}"))
        page = nina.get(way)
        assert len(page.context["changes"]) == 1
        nina.post(way, {"seen": page.context["seen"]})
        left = [str(each) for each in DaypartingSchedule.objects.filter(campaign=campaign)]
        assert left == ([] if how == "added" else [before])
        assert any(what.startswith("Put back. Window ") for _, what, _, _ in entries(nina, campaign))

    def test_a_zone_of_windows_comes_back_for_all_of_them(self, nina: Client, campaign: Campaign) -> None:
        for day in (0, 1):
            DaypartingScheduleFactory.create(campaign=campaign, day_of_week=day)
        DaypartingSchedule.objects.filter(campaign=campaign).update(timezone="Asia/Tokyo")
        way = next(way for _, _, changes, way in entries(nina, campaign) if changes)
        nina.post(way, {"seen": nina.get(way).context["seen"]})
        zones = DaypartingSchedule.objects.filter(campaign=campaign).values_list("timezone", flat=True)
        assert list(zones) == ["", ""]

    def test_what_can_be_no_more_is_told(self, nina: Client, brand: Brand, campaign: Campaign) -> None:
        brand.currency = "EUR"
        brand.save()
        BudgetService.record_spend(campaign, Decimal(5))
        way = way_back(nina, brand, "Currency")
        assert told(nina.get(way)) == ["This brand has spend in EUR; its currency cannot change."]
        brand.refresh_from_db()
        assert brand.currency == "EUR"

    def test_the_page_of_a_brand_and_of_a_campaign_shows_the_latest(
        self, nina: Client, brand: Brand, campaign: Campaign
    ) -> None:
        CampaignService.switch_off(campaign, by="ann")
        assert "Latest changes by people" in nina.get(page_url(brand)).content.decode()
        page = nina.get(page_url(campaign)).content.decode()
        assert '<b class="ab-name">Switched on</b> from yes to <b class="ab-name">no</b>' in page
        assert "Put back …" in page

    def test_who_lacks_the_right_has_no_way_back(
        self, nina: Client, manager: User, brand: Brand, campaign: Campaign
    ) -> None:
        nina.post(page_url(brand), brand_form(brand, daily_budget="50"))
        way = way_back(nina, brand, "Daily budget")
        CampaignService.switch_off(campaign)
        for role, may_switch in ((TRAFFICKER, True), (VIEWER, False)):
            take_role(manager, role)
            assert way_back(nina, brand, "Daily budget") == ""
            assert bool(way_back(nina, campaign, "Switched on")) is may_switch
            assert nina.get(way).status_code == 403
            assert nina.post(way, {"seen": ""}).status_code == 403
        brand.refresh_from_db()
        assert brand.daily_budget == Decimal(50)

    def test_a_change_of_another_row_is_not_reached_through_ones_own(
        self, nina: Client, brand: Brand, other_brand: Brand
    ) -> None:
        other_brand.daily_budget = Decimal(1)
        other_brand.save()
        record = other_brand.history.latest()
        for kind in ("settings", "window", "nonsense"):
            url = reverse("admin:ads_brand_put_back", args=(brand.pk, kind, record.history_id))
            assert nina.post(url, {"seen": ""}).status_code == 404
        other_brand.refresh_from_db()
        assert other_brand.daily_budget == Decimal(1)


@pytest.fixture
def bob(brand: Brand) -> User:
    return take_role(User.objects.create_user("bob"), TRAFFICKER)


def changes_of(user: User) -> list[tuple[str, bool, str]]:
    """What was given and taken, oldest first, and by whom."""
    rows = RightsChange.objects.filter(user_id=user.pk).order_by("pk")
    return [(f"{row.kind} {row.subject}", row.given, row.by) for row in rows]


class TestRights:
    def test_every_way_to_a_right_is_written_down_as_it_happens(self, bob: User, brand: Brand) -> None:
        viewer = Group.objects.get(name="Viewer")
        with acting_as("ann"):
            bob.groups.add(viewer)
            viewer.user_set.add(bob)  # has it already
            bob.groups.remove(viewer)
            viewer.user_set.remove(bob)  # has it no more
            brand.assigned_to.add(bob)
            bob.brands.clear()
            brand.assigned_to.set([bob])
            bob.user_permissions.add(Permission.objects.get(codename="edit_budgets"))
            bob.is_staff = True
            bob.save()
            bob.save()  # nothing new
        assert changes_of(bob) == [
            ("ACCOUNT May sign in", True, ""),
            ("ROLE Trafficker", True, ""),
            ("ROLE Viewer", True, "ann"),
            ("ROLE Viewer", False, "ann"),
            ("BRAND Acme", True, "ann"),
            ("BRAND Acme", False, "ann"),
            ("BRAND Acme", True, "ann"),
            ("RIGHT Change budgets", True, "ann"),
            ("ACCOUNT May enter the admin", True, "ann"),
        ]

    def test_signing_in_is_no_change_of_rights(self, bob: User, client: Client) -> None:
        before = changes_of(bob)
        client.force_login(bob)
        assert changes_of(bob) == before

    def test_what_goes_with_an_account_a_role_or_a_brand_is_written_down(
        self, bob: User, brand: Brand
    ) -> None:
        brand.assigned_to.add(bob)
        free = Group.objects.create(name="Free")
        bob.groups.add(free)
        free.delete()
        assert changes_of(bob)[-1] == ("ROLE Free", False, "")
        tokens.issue(bob, "server", ["read"])
        key = bob.pk
        bob.delete()
        gone = RightsChange.objects.filter(user_id=key, given=False).order_by("pk")
        assert {(row.username, row.kind) for row in gone} == {
            ("bob", kind) for kind in ("ROLE", "BRAND", "ACCOUNT", "TOKEN")
        }
        brand.delete()
        assert not Brand.objects.exists()

    def test_tokens_made_and_revoked_are_in_it(self, bob: User, brand: Brand) -> None:
        token = tokens.issue(bob, "server", ["read", "manage"]).token
        tokens.revoke(token)
        tokens.revoke(token)
        told_of = [(subject, given) for subject, given, _ in changes_of(bob) if subject.startswith("TOKEN")]
        words = f"TOKEN server ({token.prefix}…) with manage read"
        assert told_of == [(words, True), (words, False)]

    def test_what_a_role_means_is_in_its_own_history(self, ada: Client, bob: User) -> None:
        role = Group.objects.get(name="Trafficker")
        assert not RightsChange.objects.filter(kind="OF_ROLE").exists()  # what it meant at first is no change
        rights = [str(each.pk) for each in role.permissions.exclude(codename="switch")]
        ada.post(page_url(role), {"name": "Trafficker", "permissions": rights})
        by, _, changes, way = entries(ada, role)[0]
        assert (by, changes) == (
            "ada",
            [("Right of a role: Trafficker: Switch brands and campaigns on and off", "yes", "no")],
        )
        ada.post(way)
        assert role.permissions.filter(codename="switch").exists()

    def test_a_role_taken_is_put_back_with_the_consequence_told_before(
        self, ada: Client, bob: User, brand: Brand
    ) -> None:
        brand.assigned_to.add(bob)
        bob.groups.clear()
        way = way_back(ada, bob, "Role: Trafficker")
        page = ada.get(way)
        see = "see brands, campaigns and spend"
        assert page.context["followed"] == [
            f"bob may then also: {see}; switch brands and campaigns on and off; change flights and dayparting.",
            "bob would see 1 brand instead of 0.",
        ]
        assert not bob.groups.exists()
        assert told(ada.post(way)) == ["The change is put back."]
        assert [role.name for role in bob.groups.all()] == ["Trafficker"]
        assert changes_of(bob)[-1] == ("ROLE Trafficker", True, "ada")
        assert told(ada.post(way)) == ["It is as it was before already."]

    def test_a_brand_an_account_setting_and_a_token_are_put_back(
        self, ada: Client, bob: User, brand: Brand
    ) -> None:
        brand.assigned_to.add(bob)
        token = tokens.issue(bob, "server", ["read"]).token
        tokens.revoke(token)
        bob.is_active = False
        bob.save()
        ada.post(way_back(ada, bob, "Brand: Acme"))
        ada.post(way_back(ada, bob, "Account: May sign in"))
        ada.post(way_back(ada, bob, f"API token: server ({token.prefix}…) with read"))
        bob.refresh_from_db()
        assert (bob.is_active, bob.brands.count()) == (True, 0)
        assert ApiToken.objects.get().revoked_at is None
        assert "bob sees it" in {label for _, _, changes, _ in entries(ada, brand) for label, _, _ in changes}


class TestWhoPutsRightsBack:
    @pytest.fixture
    def olga(self, db: None) -> Client:
        """An administrator who is no superuser."""
        user = User.objects.create_user("olga", is_staff=True)
        take_role(user, ADMINISTRATOR)
        client = Client()
        client.force_login(user)
        return client

    def test_an_administrator_does_not_give_what_only_a_superuser_has(
        self, olga: Client, superuser: User, bob: User
    ) -> None:
        superuser.is_superuser = False
        superuser.save()
        taken = RightsChange.objects.get(subject_key="is_superuser", given=False)
        url = reverse("admin:auth_user_put_back", args=(superuser.pk, "rights", taken.pk))
        assert olga.post(url).status_code == 403
        superuser.refresh_from_db()
        assert superuser.is_superuser is False
        bob.groups.clear()
        assert olga.post(way_back(olga, bob, "Role: Trafficker")).status_code == 302
        assert bob.groups.exists()

    def test_an_account_manager_sees_who_sees_her_brand_and_does_not_change_it(
        self, nina: Client, bob: User, brand: Brand
    ) -> None:
        brand.assigned_to.add(bob)
        assert way_back(nina, brand, "bob sees it") == ""
        change = RightsChange.objects.get(user=bob, brand=brand)
        url = reverse("admin:ads_brand_put_back", args=(brand.pk, "rights", change.pk))
        assert nina.post(url).status_code == 403
        assert brand.assigned_to.filter(pk=bob.pk).exists()

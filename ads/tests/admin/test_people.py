"""People and their roles: managed in plain words, and nobody gives more than they have."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from ads.models import Brand
from ads.rights import ADMINISTRATOR, ROLES, TRAFFICKER, VIEWER, Right, may, may_manage
from ads.tests.admin.browser import brand_form, errors, list_url, page_url
from ads.tests.people import take_role


@pytest.fixture
def administrator(db: None) -> User:
    return take_role(User.objects.create_user("olga", is_staff=True), ADMINISTRATOR)


@pytest.fixture
def olga(administrator: User) -> Client:
    """A browser in which an administrator is signed in who is no superuser."""
    client = Client()
    client.force_login(administrator)
    return client


@pytest.fixture
def bob(db: None) -> User:
    return User.objects.create_user("bob")


def person_form(user: User, **changed: Any) -> dict[str, Any]:
    """What a browser sends for a person's page."""
    return {
        "username": user.username,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "email": user.email,
        "is_active": "on" if user.is_active else "",
        "groups": [str(role.pk) for role in user.groups.all()],
        "brands": [str(brand.pk) for brand in user.brands.all()],
    } | changed


def role_id(name: str) -> str:
    return str(Group.objects.get(name=name).pk)


class TestRoles:
    def test_they_are_there_and_mean_what_is_written(self, db: None) -> None:
        assert {
            role.name: {each.codename for each in role.permissions.all()} for role in Group.objects.all()
        } == {role.name: set(role.rights) for role in ROLES}

    def test_what_people_made_of_them_stays(self, db: None) -> None:
        Group.objects.get(name="Viewer").permissions.clear()
        Group.objects.get(name="Trafficker").delete()
        call_command("migrate", verbosity=0)
        assert not Group.objects.get(name="Viewer").permissions.exists()
        assert Group.objects.get(name="Trafficker").permissions.count() == len(TRAFFICKER.rights)
        assert Group.objects.count() == 4

    def test_who_is_switched_off_may_nothing(self, administrator: User) -> None:
        assert all(may(administrator, right) for right in Right)
        administrator.is_active = False
        administrator.save()
        assert not any(may(User.objects.get(pk=administrator.pk), right) for right in Right)


class TestManaging:
    def test_a_role_and_brands_are_given_on_a_persons_page(
        self, olga: Client, bob: User, brand: Brand, other_brand: Brand
    ) -> None:
        page = olga.get(page_url(bob)).content.decode()
        assert "Trafficker: " in page
        assert "Switch brands and campaigns on and off" in page
        assert "Needed to import, to work on the quarantine, and to add brands, campaigns and spend" in page
        form = person_form(bob, groups=[role_id("Trafficker")], brands=[str(brand.pk)], is_staff="on")
        assert olga.post(page_url(bob), form).status_code == 302
        bob = User.objects.get(pk=bob.pk)
        assert list(Brand.objects.visible_to(bob)) == [brand]
        assert may(bob, Right.SWITCH)
        assert not may(bob, Right.EDIT_BUDGETS)
        assert bob.is_staff is True

    def test_an_administrator_sees_every_brand_and_is_no_superuser(
        self, olga: Client, administrator: User, brand: Brand, other_brand: Brand
    ) -> None:
        assert Brand.objects.visible_to(administrator).count() == 2
        assert olga.get(page_url(other_brand)).status_code == 200

    def test_nobody_becomes_a_superuser_by_an_administrator(self, olga: Client, bob: User) -> None:
        every = [str(each.pk) for each in Permission.objects.all()]
        form = person_form(bob, is_superuser="on", user_permissions=every)
        olga.post(page_url(bob), form)
        bob.refresh_from_db()
        assert (bob.is_superuser, bob.user_permissions.count()) == (False, 0)
        assert "is_superuser" not in olga.get(page_url(bob)).content.decode()

    @pytest.mark.parametrize("page", ["change", "delete", "password_change"])
    def test_an_administrator_does_not_get_at_who_has_more(
        self, olga: Client, superuser: User, bob: User, page: str
    ) -> None:
        bob.user_permissions.add(Permission.objects.get(codename="add_user"))
        for other in (superuser, bob):
            url = reverse(f"admin:auth_user_{page}", args=(other.pk,))
            before = User.objects.filter(pk=other.pk).values().get()
            sent = {
                "post": "yes",
                "password1": "Xk29dlkq!",
                "password2": "Xk29dlkq!",
                "usable_password": "true",
            }
            assert olga.post(url, person_form(other, email="x@example.com") | sent).status_code == 403
            assert User.objects.filter(pk=other.pk).values().get() == before
        assert "pbkdf2" not in olga.get(page_url(superuser)).content.decode()

    def test_who_was_switched_off_with_more_rights_is_not_got_at_either(
        self, administrator: User, superuser: User
    ) -> None:
        superuser.is_active = False
        superuser.save()
        assert not may_manage(administrator, superuser)

    def test_a_role_with_more_is_not_offered_and_not_taken(
        self, olga: Client, administrator: User, bob: User
    ) -> None:
        more = Group.objects.create(name="More")
        more.permissions.add(Permission.objects.get(codename="add_user"))
        response = olga.post(page_url(bob), person_form(bob, groups=[str(more.pk)]))
        assert list(errors(response)) == ["groups"]
        assert not bob.groups.exists()

    def test_what_a_role_means_is_not_an_administrators_to_change(self, olga: Client) -> None:
        role = Group.objects.get(name="Viewer")
        assert olga.get(page_url(role)).status_code == 200
        assert olga.post(page_url(role), {"name": "Viewer", "permissions": []}).status_code == 403
        assert role.permissions.count() == len(VIEWER.rights)

    def test_brands_that_one_does_not_see_stay_when_a_person_is_saved(
        self, bob: User, brand: Brand, other_brand: Brand
    ) -> None:
        ruth = User.objects.create_user("ruth", is_staff=True)
        ruth.user_permissions.set(Permission.objects.filter(codename__in=["see", "manage_people"]))
        ruth.brands.add(brand)
        bob.brands.add(other_brand)
        browser = Client()
        browser.force_login(ruth)
        page = browser.get(page_url(bob)).content.decode()
        assert "Zenith" not in page
        browser.post(page_url(bob), person_form(bob, brands=[str(brand.pk)]))
        assert set(bob.brands.all()) == {brand, other_brand}
        response = browser.post(page_url(bob), person_form(bob, brands=[str(other_brand.pk)]))
        assert list(errors(response)) == ["brands"]

    def test_who_may_not_be_managed_is_not_assigned_on_a_brands_page(
        self, olga: Client, brand: Brand, superuser: User, bob: User
    ) -> None:
        response = olga.post(page_url(brand), brand_form(brand) | {"assigned_to": [str(superuser.pk)]})
        assert list(errors(response)) == ["assigned_to"]
        olga.post(page_url(brand), brand_form(brand) | {"assigned_to": [str(bob.pk)]})
        assert list(brand.assigned_to.all()) == [bob]


@pytest.mark.parametrize(("model", "plural"), [(User, "Users"), (Group, "Roles")])
def test_the_pages_say_where_one_is_in_plain_words(
    ada: Client, bob: User, model: type[User | Group], plural: str
) -> None:
    row = model._default_manager.order_by("pk")[0]
    for url in (list_url(model), page_url(row), page_url(row, "history")):
        page = ada.get(url).content.decode()
        assert "Authentication and Authorization" not in page
        parts = re.findall(r'class="align-middle inline-block[^"]*">\s*(.*?)\s*</', page)
        assert parts[:2] == ["People", plural], url

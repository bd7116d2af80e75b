"""Signing in: who is locked out for how long, sessions that end, and where a request comes from."""

from datetime import timedelta
from typing import Any

import pytest
import redis
from axes.models import AccessAttempt
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.core.cache import cache
from django.http import HttpRequest
from django.test import Client
from django.test.utils import override_settings
from freezegun import freeze_time

from ads.rights import ADMINISTRATOR, VIEWER
from ads.tests.moments import NOON
from ads.tests.people import take_role
from budget_system.addresses import client_address
from budget_system.environment import Environment

pytestmark = pytest.mark.django_db

WRONG = "Please enter a correct username and password"
MINUTE = timedelta(minutes=1)


def sign_in(name: str = "nina", password: str = "secret", *, address: str = "203.0.113.7") -> Any:
    return Client(REMOTE_ADDR=address).post("/sign-in/", {"username": name, "password": password})


def is_in(response: Any) -> bool:
    return SESSION_KEY in response.client.session


@pytest.fixture
def nobody(db: None) -> User:
    return User.objects.create_user("nina", password="secret")


@pytest.mark.usefixtures("nobody")
class TestLockOut:
    def test_the_fifth_wrong_password_locks_out_and_the_right_one_does_not_help(self) -> None:
        for _ in range(4):
            response = sign_in(password="wrong")
            assert (response.status_code, WRONG in response.content.decode()) == (200, True)
        fifth = sign_in(password="wrong")
        assert (fifth.status_code, fifth.headers["Retry-After"]) == (429, "900")
        right = sign_in()
        assert right.status_code == 429
        assert not is_in(right)
        page = right.content.decode()
        assert "For the next <b>15 minutes</b> nobody can sign in as “nina” from your address" in page
        assert "An administrator can unlock you sooner" in page

    def test_it_ends_after_15_minutes_however_often_somebody_tries_meanwhile(self) -> None:
        for _ in range(5):
            sign_in(password="wrong")
        with freeze_time(NOON + 14 * MINUTE):
            assert sign_in().headers["Retry-After"] == "60"
            assert sign_in(password="wrong").status_code == 429
        with freeze_time(NOON + 15 * MINUTE + timedelta(seconds=1)):
            assert is_in(sign_in())

    def test_it_survives_a_flush_of_the_cache_and_of_redis(self, broker_url: str) -> None:
        in_redis = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": broker_url}
        with override_settings(CACHES={"default": in_redis}):
            cache.set("something", 1)
            for _ in range(5):
                sign_in(password="wrong")
            with redis.Redis.from_url(broker_url) as server:
                server.flushall()
            assert cache.get("something") is None
            assert sign_in().status_code == 429

    def test_others_of_the_office_and_the_same_person_elsewhere_are_let_in(self) -> None:
        User.objects.create_user("omar", password="secret")
        for _ in range(6):
            sign_in(password="wrong")
        assert is_in(sign_in("omar"))
        assert is_in(sign_in(address="203.0.113.8"))
        assert sign_in().status_code == 429

    def test_an_address_that_tries_one_password_with_many_names_is_locked_out_too(self) -> None:
        for number in range(49):
            assert sign_in(f"person {number}", "Summer2026").status_code == 200
        assert sign_in("person 49", "Summer2026").status_code == 429
        assert sign_in().status_code == 429
        assert is_in(sign_in(address="203.0.113.8"))

    def test_where_no_address_is_known_names_are_locked_out_and_nobody_else(self) -> None:
        for number in range(60):
            assert sign_in(f"person {number}", "Summer2026", address="").status_code == 200
        for _ in range(5):
            sign_in("omar", "wrong", address="")
        assert sign_in("omar", address="").status_code == 429
        assert is_in(sign_in(address=""))

    def test_signing_in_forgets_what_failed_before(self) -> None:
        for _ in range(3):
            for _ in range(4):
                sign_in(password="wrong")
            assert is_in(sign_in())
        assert not AccessAttempt.objects.exists()

    def test_the_way_into_the_admin_is_the_same_one(self) -> None:
        for _ in range(5):
            sign_in(password="wrong")
        there = Client(REMOTE_ADDR="203.0.113.7").post(
            "/admin/login/?next=/admin/", {"username": "nina", "password": "secret"}, follow=True
        )
        assert there.redirect_chain == [("/sign-in/?next=%2Fadmin%2F", 302)]
        assert not is_in(there)

    def test_no_password_is_kept_of_a_sign_in_that_failed(self) -> None:
        sign_in(password="my dog's name")
        kept = str(AccessAttempt.objects.values().get())
        assert "dog" not in kept
        assert "203.0.113.7" in kept

    def test_a_name_that_there_is_not_is_locked_out_as_any_other(self) -> None:
        for _ in range(5):
            last = sign_in("nobody", "wrong")
        assert last.status_code == 429


class TestUnlocking:
    @pytest.fixture
    def admin(self, nobody: User) -> Client:
        """A browser of an administrator, while Nina is locked out."""
        for _ in range(5):
            sign_in(password="wrong")
        client = Client()
        client.force_login(take_role(User.objects.create_user("ada", is_staff=True), ADMINISTRATOR))
        return client

    def test_an_administrator_unlocks_a_person_on_their_page(self, admin: Client, nobody: User) -> None:
        page = f"/admin/auth/user/{nobody.pk}/change/"
        assert "Unlock signing in" in admin.get(page).content.decode()
        told = admin.post(f"/admin/auth/user/{nobody.pk}/act/unlock/", follow=True).content.decode()
        assert "nina may sign in again." in told
        assert "Unlock signing in" not in told
        assert is_in(sign_in())

    def test_an_administrator_sees_what_failed_and_unlocks_it_there(self, admin: Client) -> None:
        seen = admin.get("/admin/axes/accessattempt/").content.decode()
        assert all(each in seen for each in ("nina", "203.0.113.7", "12:15:00"))
        attempt = AccessAttempt.objects.get()
        admin.post(f"/admin/axes/accessattempt/{attempt.pk}/act/unlock/")
        assert not AccessAttempt.objects.exists()

    def test_nobody_else_sees_or_unlocks(self, admin: Client, nobody: User) -> None:
        viewer = Client()
        viewer.force_login(take_role(User.objects.create_user("vera", is_staff=True), VIEWER))
        attempt = AccessAttempt.objects.get()
        for response in (
            viewer.get("/admin/axes/accessattempt/"),
            viewer.post(f"/admin/axes/accessattempt/{attempt.pk}/act/unlock/"),
            viewer.post(f"/admin/auth/user/{nobody.pk}/act/unlock/"),
        ):
            assert response.status_code in {403, 404}
        assert sign_in().status_code == 429

    def test_an_administrator_unlocks_nobody_who_may_more_than_they(self, admin: Client) -> None:
        root = User.objects.create_superuser("root")
        assert admin.post(f"/admin/auth/user/{root.pk}/act/unlock/").status_code == 403
        assert admin.post(f"/admin/auth/user/{root.pk}/act/reset_two_factor/").status_code == 403


class TestSessions:
    def test_signing_in_gives_a_new_session(self, nobody: User) -> None:
        client = Client()
        client.get("/")
        session = client.session
        session["before"] = 1
        session.save()
        client.cookies["sessionid"] = session.session_key or ""
        client.post("/sign-in/", {"username": "nina", "password": "secret"})
        assert SESSION_KEY in client.session
        assert client.session.session_key != session.session_key
        stolen = Client()
        stolen.cookies["sessionid"] = session.session_key or ""
        assert stolen.get("/").status_code == 302

    def test_a_new_password_ends_the_other_sessions(self, nobody: User) -> None:
        here, elsewhere = Client(), Client()
        User.objects.update(is_staff=True)
        for client in (here, elsewhere):
            client.force_login(nobody)
        words = {"old_password": "secret", "new_password1": "hanasuzu-41", "new_password2": "hanasuzu-41"}
        assert here.post("/admin/password_change/", words).status_code == 302
        assert here.get("/").status_code == 200
        assert elsewhere.get("/")["Location"] == "/sign-in/?next=/"

    def test_signing_out_ends_the_session_on_the_server(self, nobody: User) -> None:
        client = Client()
        client.force_login(nobody)
        key = client.session.session_key or ""
        client.post("/sign-out/")
        client.cookies["sessionid"] = key
        assert client.get("/").status_code == 302

    def test_cookies_are_kept_from_scripts_and_from_other_sites(self, nobody: User) -> None:
        cookie = sign_in().cookies["sessionid"]
        assert (cookie["httponly"], cookie["samesite"], cookie["domain"]) == (True, "Lax", "")

    @pytest.mark.parametrize("new", ["short", "password", "12345678901"])
    def test_a_password_that_is_short_or_common_is_refused(self, nobody: User, new: str) -> None:
        User.objects.update(is_staff=True)
        client = Client()
        client.force_login(nobody)
        words = {"old_password": "secret", "new_password1": new, "new_password2": new}
        assert client.post("/admin/password_change/", words).status_code == 200
        nobody.refresh_from_db()
        assert nobody.check_password("secret")

    def test_who_is_no_staff_is_not_led_round_in_circles(self, nobody: User) -> None:
        client = Client()
        client.force_login(nobody)
        assert client.get("/admin/", follow=True).status_code == 403


@pytest.mark.unit
@pytest.mark.parametrize(
    ("behind_proxy", "forwarded", "remote", "address"),
    [
        (False, "198.51.100.1", "203.0.113.7", "203.0.113.7"),  # whatever the client says
        (True, "198.51.100.1", "10.0.0.2", "198.51.100.1"),
        (True, "1.1.1.1, 198.51.100.1", "10.0.0.2", "198.51.100.1"),  # the first was made up
        (True, "", "10.0.0.2", "10.0.0.2"),
        (True, "nonsense", "10.0.0.2", None),
        (False, "", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),  # a network is one client
        (False, "", "::ffff:203.0.113.7", "203.0.113.7"),
        (False, "", "", None),  # a socket
    ],
)
def test_where_a_request_comes_from(
    settings: Any, behind_proxy: bool, forwarded: str, remote: str, address: str | None
) -> None:
    settings.BEHIND_PROXY = behind_proxy
    request = HttpRequest()
    request.META = {"HTTP_X_FORWARDED_FOR": forwarded, "REMOTE_ADDR": remote}
    assert client_address(request) == address


def test_behind_a_proxy_a_made_up_address_gets_nobody_round_the_lock_out(settings: Any, nobody: User) -> None:
    settings.BEHIND_PROXY = True
    for number in range(6):
        client = Client(headers={"X-Forwarded-For": f"1.2.3.{number}, 198.51.100.1"})
        last = client.post("/sign-in/", {"username": "nina", "password": "wrong"})
    assert last.status_code == 429


def test_pages_say_how_a_browser_should_treat_them() -> None:
    for path in ("/sign-in/", "/api/v1/brands", "/nowhere/"):
        headers = Client().get(path).headers
        assert (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == ("nosniff", "same-origin")
        assert (headers["X-Frame-Options"], headers["Cross-Origin-Opener-Policy"]) == ("DENY", "same-origin")


def test_nobody_must_have_a_second_factor_unless_it_is_said() -> None:
    assert Environment().require_two_factor == "none"

"""A second factor: switched on and off, asked for, forced, reset, and never right twice."""

import re
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from freezegun import freeze_time

from ads.errors import NotPutBack
from ads.models import RightsChange
from ads.rights import ADMINISTRATOR
from ads.services import rights, two_factor
from ads.tests.moments import NOON
from ads.tests.people import take_role

pytestmark = pytest.mark.django_db

PAGE = "/two-factor/"
CODE = "/sign-in/code/"
LATER = NOON + timedelta(minutes=5)


def code_of(user: User, *, steps: int = 0) -> str:
    """What the app on this person's phone shows now, or so many half minutes from now."""
    device = TOTPDevice.objects.get(user=user)
    totp = TOTP(device.bin_key)
    totp.time = timezone.now().timestamp() + 30 * steps
    return f"{totp.token():06}"


@pytest.fixture
def user(nina: Client) -> User:
    return User.objects.get(username="nina")


@pytest.fixture
def recovery_codes(user: User) -> list[str]:
    """Nina has two-factor on."""
    two_factor.begin(user)
    codes = two_factor.confirm(user, code_of(user), session_key=None)
    assert len(codes) == 10
    return codes


def password(client: Client | None = None, path: str = "/sign-in/") -> Client:
    """A browser in which Nina's password was given."""
    client = client or Client()
    client.post(path, {"username": "nina", "password": "secret"})
    return client


def is_in(client: Client) -> bool:
    return SESSION_KEY in client.session


class TestSwitchingOn:
    def test_a_person_begins_with_the_password_scans_and_gives_a_code(self, nina: Client, user: User) -> None:
        assert "Off: your password alone lets you in." in nina.get(PAGE).content.decode()
        assert nina.post(PAGE, {"act": "begin", "password": "secret"})["Location"] == PAGE
        page = nina.get(PAGE).content.decode()
        assert '<div class="qr" role="img"' in page
        assert "<svg" in page
        assert " style=" not in page
        secret = re.search(r'<code class="secret">([A-Z2-7 ]+)</code>', page)
        assert secret is not None
        assert len(secret[1].replace(" ", "")) == 32
        assert not two_factor.is_on(user)
        told = nina.post(PAGE, {"act": "confirm", "code": code_of(user)}).content.decode()
        codes = re.findall(r"<li><code>([a-z2-7-]+)</code>", told)
        assert len(set(codes)) == 10
        assert {len(code) for code in codes} == {19}
        assert two_factor.is_on(user)
        assert "10 of them are left" in nina.get(PAGE).content.decode()
        assert codes[0] not in nina.get(PAGE).content.decode()

    def test_a_wrong_password_or_code_switches_nothing_on(self, nina: Client, user: User) -> None:
        assert (
            "This is not your password."
            in nina.post(PAGE, {"act": "begin", "password": "x"}).content.decode()
        )
        assert not TOTPDevice.objects.exists()
        nina.post(PAGE, {"act": "begin", "password": "secret"})
        for code in ("", "000000", "letters"):
            assert (
                "This code is not right" in nina.post(PAGE, {"act": "confirm", "code": code}).content.decode()
            )
        assert not two_factor.is_on(user)
        nina.post(PAGE, {"act": "cancel"})
        assert not TOTPDevice.objects.exists()

    def test_looking_at_the_page_writes_nothing(self, nina: Client) -> None:
        nina.get(PAGE)
        assert not TOTPDevice.objects.exists()

    def test_other_sessions_end_and_this_one_goes_on_under_another_key(
        self, nina: Client, user: User
    ) -> None:
        elsewhere, omar = Client(), Client()
        elsewhere.force_login(user)
        omar.force_login(User.objects.create_user("omar"))
        nina.post(PAGE, {"act": "begin", "password": "secret"})
        before = nina.session.session_key
        nina.post(PAGE, {"act": "confirm", "code": code_of(user)})
        assert nina.get("/").status_code == 200
        assert nina.session.session_key != before
        assert elsewhere.get("/").status_code == 302
        assert omar.get("/").status_code == 200

    def test_it_is_written_down(self, user: User, recovery_codes: list[str]) -> None:
        change = RightsChange.objects.latest("pk")
        assert (change.kind, change.username, change.given) == ("2FA", "nina", True)
        with pytest.raises(NotPutBack, match="Only the person can switch two-factor on"):
            rights.put_back(change)

    def test_who_reads_the_database_finds_no_recovery_code(
        self, user: User, recovery_codes: list[str]
    ) -> None:
        stored = str(list(StaticToken.objects.values_list("token", flat=True))).lower()
        for code in recovery_codes:
            assert code.replace("-", "")[:8] not in stored


@pytest.mark.usefixtures("recovery_codes")
class TestSigningIn:
    def test_the_password_alone_lets_nobody_in(self) -> None:
        client = Client()
        response = client.post("/sign-in/", {"username": "nina", "password": "secret"})
        assert response["Location"] == CODE
        assert not is_in(client)
        assert client.get("/")["Location"] == "/sign-in/?next=/"
        assert "One more step" in client.get(CODE).content.decode()

    def test_a_code_of_the_phone_leads_to_the_page_that_was_asked_for(self, user: User) -> None:
        with freeze_time(LATER):
            client = password(path="/sign-in/?next=/campaigns/")
            assert client.post(CODE, {"code": code_of(user)})["Location"] == "/campaigns/"
            assert client.get("/campaigns/").status_code == 200

    def test_a_code_is_right_once(self, user: User) -> None:
        with freeze_time(LATER):
            code = code_of(user)
            password().post(CODE, {"code": code})
            again = password()
            assert "was used already" in again.post(CODE, {"code": code}).content.decode()
            assert not is_in(again)

    def test_the_code_that_switched_it_on_is_used_up(self, user: User) -> None:
        client = password()
        client.post(CODE, {"code": code_of(user)})
        assert not is_in(client)

    def test_after_a_wrong_code_a_right_one_is_not_looked_at_for_a_second(self, user: User) -> None:
        with freeze_time(LATER) as clock:
            client = password()
            client.post(CODE, {"code": "000000"})
            client.post(CODE, {"code": code_of(user)})
            assert not is_in(client)
            clock.tick(3)  # two wrong ones by now
            client.post(CODE, {"code": code_of(user)})
            assert is_in(client)

    def test_five_wrong_codes_lock_out_as_five_wrong_passwords_do(self, user: User) -> None:
        client = password()
        codes = [client.post(CODE, {"code": "000000"}).status_code for _ in range(5)]
        assert codes == [200, 200, 200, 200, 429]
        with freeze_time(LATER):
            assert client.post(CODE, {"code": code_of(user)}).status_code == 429
            assert password().get(CODE).status_code == 302  # not even with the password
        assert AccessAttempt.objects.get().username == "nina"

    def test_a_right_password_forgets_no_wrong_codes(self) -> None:
        for number in range(5):
            last = password().post(CODE, {"code": "000000"})
            assert last.status_code == (429 if number == 4 else 200)

    def test_a_recovery_code_lets_in_once(self, user: User, recovery_codes: list[str]) -> None:
        client = password()
        client.post(CODE, {"code": recovery_codes[3].upper()})
        assert is_in(client)
        again = password()
        again.post(CODE, {"code": recovery_codes[3]})
        assert not is_in(again)
        assert two_factor.recovery_codes_left(user) == 9

    def test_no_code_is_kept_of_a_sign_in_that_failed(self, recovery_codes: list[str]) -> None:
        client = password()
        for code in ("000000", recovery_codes[0]):  # the second comes too early to be looked at
            TOTPDevice.objects.update(throttling_failure_count=0)
            StaticDevice.objects.update(
                throttling_failure_count=3, throttling_failure_timestamp=timezone.now()
            )
            client.post(CODE, {"code": code})
        kept = AccessAttempt.objects.get()
        assert kept.failures_since_start == 2
        assert recovery_codes[0] not in kept.post_data

    def test_the_code_of_somebody_else_lets_nobody_in(self) -> None:
        omar = User.objects.create_user("omar")
        two_factor.begin(omar)
        codes = two_factor.confirm(omar, code_of(omar), session_key=None)
        client = password()
        client.post(CODE, {"code": codes[0]})
        assert not is_in(client)

    def test_the_second_step_waits_ten_minutes_and_needs_the_first(self, user: User) -> None:
        assert Client().get(CODE)["Location"] == "/sign-in/"
        client = password()
        with freeze_time(NOON + timedelta(minutes=10, seconds=1)):
            assert client.post(CODE, {"code": code_of(user)})["Location"] == "/sign-in/"
        assert not is_in(client)

    @pytest.mark.parametrize("change", ["password", "is_active"])
    def test_a_password_that_was_changed_or_an_account_switched_off_meanwhile_ends_it(
        self, user: User, change: str
    ) -> None:
        client = password()
        user.set_password("another")
        User.objects.filter(pk=user.pk).update(**{change: user.password if change == "password" else False})
        with freeze_time(LATER):
            assert client.post(CODE, {"code": code_of(user)})["Location"] == "/sign-in/"
        assert not is_in(client)


@pytest.mark.usefixtures("recovery_codes")
class TestSwitchingOff:
    def test_it_takes_the_password(self, nina: Client, user: User) -> None:
        nina.force_login(user)
        assert (
            "This is not your password." in nina.post(PAGE, {"act": "off", "password": "x"}).content.decode()
        )
        assert two_factor.is_on(user)
        nina.post(PAGE, {"act": "off", "password": "secret"})
        assert not two_factor.is_on(user)
        assert not StaticToken.objects.exists()
        assert is_in(password())
        assert (RightsChange.objects.latest("pk").given, RightsChange.objects.latest("pk").by) == (
            False,
            "nina",
        )

    def test_new_recovery_codes_void_the_old_ones(
        self, nina: Client, user: User, recovery_codes: list[str]
    ) -> None:
        nina.force_login(user)
        nina.post(PAGE, {"act": "codes", "password": "x"})
        assert two_factor.verify(user, recovery_codes[0])
        page = nina.post(PAGE, {"act": "codes", "password": "secret"}).content.decode()
        assert not two_factor.verify(user, recovery_codes[1])
        new = re.findall(r"<li><code>([a-z2-7-]+)</code>", page)
        with freeze_time(LATER):
            assert two_factor.verify(user, new[0])

    def test_an_administrator_resets_the_phone_of_somebody_and_ends_their_sessions(
        self, nina: Client, user: User
    ) -> None:
        nina.force_login(user)
        ada = Client()
        ada.force_login(take_role(User.objects.create_user("ada", is_staff=True), ADMINISTRATOR))
        page = f"/admin/auth/user/{user.pk}/change/"
        assert "Reset two-factor" in ada.get(page).content.decode()
        ada.post(f"/admin/auth/user/{user.pk}/act/reset_two_factor/")
        assert not two_factor.is_on(user)
        assert nina.get("/").status_code == 302
        assert "Two-factor: Sign in with a second factor" in ada.get(page).content.decode()
        assert RightsChange.objects.latest("pk").by == "ada"

    def test_the_command_does_for_who_locked_out_the_last_administrator(self, user: User) -> None:
        out = StringIO()
        call_command("reset_two_factor", "nina", stdout=out)
        assert out.getvalue() == "nina is signed out everywhere, and signs in with the password alone.\n"
        with pytest.raises(CommandError, match="nina has no second factor"):
            call_command("reset_two_factor", "nina")
        with pytest.raises(CommandError, match="there is no user bob"):
            call_command("reset_two_factor", "bob")


class TestForced:
    @pytest.fixture(autouse=True)
    def staff_must(self, settings: Any) -> None:
        settings.REQUIRE_TWO_FACTOR = "staff"

    def test_staff_get_nowhere_before_it_is_on(self, ada: Client) -> None:
        for path in ("/", "/campaigns/", "/admin/", "/admin/ads/brand/", "/reports/spend.csv"):
            assert ada.get(path)["Location"] == PAGE, path
        assert ada.post("/admin/ads/brand/add/", {"name": "x"})["Location"] == PAGE
        assert "Staff sign in with a second factor here." in ada.get(PAGE).content.decode()

    def test_once_it_is_on_everything_is_open(self, ada: Client) -> None:
        user = User.objects.get(username="ada")
        ada.post(PAGE, {"act": "begin", "password": "secret"})
        ada.post(PAGE, {"act": "confirm", "code": code_of(user)})
        assert [ada.get(path).status_code for path in ("/", "/admin/", PAGE)] == [200, 200, 200]

    def test_a_session_without_a_code_of_who_has_it_on_ends(self, ada: Client) -> None:
        user = User.objects.get(username="ada")
        two_factor.begin(user)
        two_factor.confirm(user, code_of(user), session_key=ada.session.session_key)
        assert ada.get("/")["Location"] == "/sign-in/"
        assert not is_in(ada)

    def test_others_are_free(self, nina: Client) -> None:
        assert nina.get("/").status_code == 200


def test_no_page_of_the_admin_shows_secrets_of_phones(ada: Client, recovery_codes: list[str]) -> None:
    for path in ("/admin/otp_totp/totpdevice/", "/admin/otp_static/staticdevice/"):
        assert ada.get(path).status_code == 404

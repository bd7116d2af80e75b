"""API tokens: issued once, kept as a digest, checked at every request."""

from datetime import timedelta
from hashlib import sha256
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from freezegun import freeze_time
from pytest_django import DjangoAssertNumQueries

from ads.models import ApiToken, Brand
from ads.services import tokens
from ads.tests.api.conftest import Api, Enter
from ads.tests.moments import NOON


def test_the_token_is_stored_nowhere(user: User) -> None:
    issued = tokens.issue(user, "ad server", ["read"])
    secret = issued.text.split("_", 2)[2]
    row = ApiToken.objects.filter(pk=issued.token.pk).values().get()
    assert secret not in str(row)
    assert len(secret) == 43
    assert issued.text.startswith(f"abt_{issued.token.prefix}_")
    assert row["digest"] != sha256(issued.text.encode()).hexdigest()
    assert tokens.find(issued.text) == issued.token


def test_no_two_tokens_are_alike(user: User) -> None:
    assert len({tokens.issue(user, "x", ["read"]).text for _ in range(20)}) == 20


@pytest.mark.parametrize("change", [lambda t: t + "A", lambda t: t[:-1], lambda t: t[:-2] + "AA", str.upper])
def test_a_token_that_differs_opens_nothing(user: User, change: object) -> None:
    text = tokens.issue(user, "x", ["read"]).text
    wrong = change(text)  # type: ignore[operator]
    assert wrong == text or Api(wrong).get("/brands").code == 401


def test_a_revoked_token_opens_nothing_at_once(api: Api) -> None:
    assert api.get("/brands").code == 200
    tokens.revoke(ApiToken.objects.get())
    answer = api.get("/brands")
    assert (answer.code, answer.json["detail"]) == (401, "The token was revoked at 2026-03-10 12:00:00 UTC.")


def test_a_token_expires_to_the_second(user: User) -> None:
    program = Api(tokens.issue(user, "x", ["read"], expires_at=NOON + timedelta(hours=1)).text)
    with freeze_time(NOON + timedelta(minutes=59, seconds=59)):
        assert program.get("/brands").code == 200
    with freeze_time(NOON + timedelta(hours=1)):
        answer = program.get("/brands")
        assert (answer.code, answer.json["detail"]) == (401, "The token expired at 2026-03-10 13:00:00 UTC.")


def test_the_token_of_a_user_who_is_switched_off_opens_nothing(api: Api, user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert api.get("/brands").json["detail"] == "The token's user is switched off."


def test_its_use_is_noted_at_most_once_a_minute(
    api: Api, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for seconds, queries, noted in ((0, 3, 0), (59, 2, 0), (60, 3, 60), (90, 2, 60)):
        with freeze_time(NOON + timedelta(seconds=seconds)), django_assert_num_queries(queries):
            api.get("/brands")
        assert ApiToken.objects.get().last_used_at == NOON + timedelta(seconds=noted)


def test_scopes_and_brands_are_checked_when_it_is_issued(enter: Enter, brand: Brand) -> None:
    enter()
    nobody = User.objects.get()
    with pytest.raises(
        ValidationError, match=r"“root” is no scope; give one or more of spend:write, read, manage"
    ):
        tokens.issue(nobody, "x", ["read", "root"])
    with pytest.raises(ValidationError, match="can do nothing"):
        tokens.issue(nobody, "x", [])
    with pytest.raises(ValidationError, match="has no right to Acme"):
        tokens.issue(nobody, "x", ["read"], brands=[brand])
    assert ApiToken.objects.count() == 1


def create(*arguments: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("create_api_token", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_the_command_prints_the_token_alone(user: User, brand: Brand) -> None:
    out, err = create(
        "ad server",
        "--user=ann",
        "--scope=read",
        "--scope=spend:write",
        "--brand=Acme",
        "--expires-on=2027-01-31",
    )
    token = ApiToken.objects.get()
    assert tokens.find(out.strip()) == token
    assert err == f"Token ad server ({token.prefix}…) of ann with read spend:write; shown this once:\n"
    assert (token.name, token.user, token.scopes) == ("ad server", user, ["read", "spend:write"])
    assert (token.all_brands, list(token.brands.all())) == (False, [brand])
    assert str(token.expires_at) == "2027-01-31 00:00:00+00:00"


def test_the_command_makes_a_reader_of_all_brands_unless_it_is_told_more(user: User) -> None:
    create("reader", "--user=ann")
    token = ApiToken.objects.get()
    assert (token.scopes, token.all_brands, token.expires_at) == (["read"], True, None)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--user=bob"], "there is no user bob"),
        (["--user=ann", "--brand=Nobody"], "there is no brand Nobody"),
        (["--user=ann", "--expires-on=soon"], "soon is no date"),
        (["--user=ann", "--expires-on=2026-03-10"], "2026-03-10 00:00 UTC is over"),
        (["--user=ann", "--scope=root"], "invalid choice: 'root'"),
    ],
)
def test_the_command_says_what_is_wrong(user: User, arguments: list[str], says: str) -> None:
    with pytest.raises(CommandError, match=says):
        create("x", *arguments)
    assert not ApiToken.objects.exists()

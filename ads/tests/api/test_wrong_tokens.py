"""One wrong token after the other from an address: locked out, and the right token let in all the same."""

from datetime import timedelta

import pytest
import redis
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test.utils import override_settings
from freezegun import freeze_time
from pytest_django import DjangoAssertNumQueries

from ads.models import ApiToken, WrongTokens
from ads.services import tokens, wrong_tokens
from ads.tests.api.conftest import Api
from ads.tests.moments import NOON

pytestmark = pytest.mark.django_db


def guess(times: int) -> Api:
    """A program that tries tokens that nobody was given."""
    program = Api("")
    for number in range(times):
        program = Api(f"abt_{number:08x}_{'A' * 43}")
        program.get("/brands")
    return program


def test_the_twenty_first_wrong_token_of_an_address_is_not_looked_at() -> None:
    assert [guess(1).get("/brands").code for _ in range(9)] == [401] * 9
    guess(2)
    answer = guess(1).get("/brands")
    assert (answer.code, answer.problem, answer.headers["Retry-After"]) == (429, "locked-out", "901")
    assert WrongTokens.objects.get().count == 20


def test_the_right_token_is_let_in_from_an_address_that_is_locked_out(user: User, api: Api) -> None:
    guess(25)
    assert api.get("/brands").code == 200
    assert guess(1).get("/brands").code == 429


def test_it_ends_after_15_minutes_and_wrong_ones_meanwhile_make_it_no_longer() -> None:
    guess(20)
    with freeze_time(NOON + timedelta(minutes=14, seconds=59)):
        assert guess(1).get("/brands").code == 429
    with freeze_time(NOON + timedelta(minutes=15)):
        assert guess(1).get("/brands").code == 401
        assert WrongTokens.objects.get().count == 2


def test_it_survives_a_flush_of_the_cache_and_of_redis(broker_url: str) -> None:
    in_redis = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": broker_url}
    with override_settings(CACHES={"default": in_redis}):
        guess(20)
        with redis.Redis.from_url(broker_url) as server:
            server.flushall()
        cache.clear()
        assert guess(1).get("/brands").code == 429


def test_no_token_an_old_one_and_one_without_the_scope_are_no_guesses(user: User) -> None:
    revoked = tokens.issue(user, "old", ["read"])
    tokens.revoke(revoked.token)
    narrow = tokens.issue(user, "narrow", ["spend:write"])
    assert [Api(each).get("/brands").code for each in ("", revoked.text, narrow.text)] == [401, 401, 403]
    assert not WrongTokens.objects.exists()


def test_an_address_that_is_locked_out_costs_two_queries_and_no_write(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    program = guess(20)
    with django_assert_num_queries(2):
        assert program.get("/brands").code == 429


def test_addresses_are_counted_apart_and_forgotten(db: None) -> None:
    for address in ("203.0.113.7", "203.0.113.8", "203.0.113.8"):
        wrong_tokens.count(address, NOON)
    assert dict(WrongTokens.objects.values_list("address", "count")) == {"203.0.113.7": 1, "203.0.113.8": 2}
    wrong_tokens.count("203.0.113.9", NOON + timedelta(minutes=15))
    assert [row.address for row in WrongTokens.objects.all()] == ["203.0.113.9"]


def test_a_token_with_a_right_beginning_is_compared_in_full(user: User) -> None:
    issued = tokens.issue(user, "x", ["read"])
    assert Api(f"abt_{issued.token.prefix}_{'A' * 43}").get("/brands").code == 401
    assert WrongTokens.objects.get().count == 1
    assert ApiToken.objects.get().last_used_at is None

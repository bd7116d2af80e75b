"""How many requests a token may make, and what happens when nobody can count them."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.core.cache.backends.redis import RedisCache
from freezegun import freeze_time

from ads.api import throttling
from ads.models import ApiToken, Scope
from ads.services import tokens
from ads.tests.api.conftest import Api
from ads.tests.moments import NOON

PLACES = [
    # previous, current, second, limit -> wait
    (0, 0, 0, 600, 0),
    (0, 599, 0, 600, 0),
    (0, 600, 0, 600, 61),
    (0, 600, 59, 600, 2),
    (600, 0, 0, 600, 1),
    (600, 0, 1, 600, 0),
    (600, 300, 29, 600, 2),
    (600, 300, 31, 600, 0),
    (600, 599, 0, 600, 60),
    (600, 600, 30, 600, 31),
    (1, 0, 0, 1, 1),
    (0, 1, 59, 1, 2),
]


@pytest.mark.unit
@pytest.mark.parametrize(("previous", "current", "second", "limit", "wait"), PLACES)
def test_seconds_to_wait(previous: int, current: int, second: int, limit: int, wait: int) -> None:
    assert throttling.seconds_to_wait(previous, current, second, limit) == wait


@pytest.mark.unit
@pytest.mark.parametrize("limit", [1, 7, 60, 600])
def test_who_waits_as_long_as_told_may_go_on_and_not_before(limit: int) -> None:
    for previous in range(0, limit + 1, max(1, limit // 7)):
        for current in range(0, limit + 1, max(1, limit // 7)):
            for second in (0, 1, 29, 30, 59):
                wait = throttling.seconds_to_wait(previous, current, second, limit)
                assert _fits(previous, current, second + wait, limit)
                assert wait == 0 or not _fits(previous, current, second + wait - 1, limit)


def _fits(previous: int, current: int, second: int, limit: int) -> bool:
    if second >= 60:
        previous, current, second = current, 0, second - 60
    if second >= 60:
        return True
    return previous * (60 - second) + current * 60 < limit * 60


def test_a_token_may_make_its_requests_and_is_then_told_when_to_come_back(
    api: Api, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.API_REQUESTS_PER_MINUTE = 5
    assert [api.get("/brands").code for _ in range(5)] == [200] * 5
    refused = api.get("/brands")
    assert (refused.code, refused.problem, refused.headers["Retry-After"]) == (429, "throttled", "61")
    assert refused.json["detail"] == "This token may make 5 requests a minute. Come back in 61 s."
    with freeze_time(NOON + timedelta(seconds=60)):
        assert api.get("/brands").code == 429
    with freeze_time(NOON + timedelta(seconds=61)):
        assert [api.get("/brands").code for _ in range(2)] == [200, 429]
    with freeze_time(NOON + timedelta(seconds=120)):
        assert [api.get("/brands").code for _ in range(6)] == [200] * 4 + [429] * 2


def test_another_token_is_not_held_back(api: Api, settings: Any) -> None:
    settings.API_REQUESTS_PER_MINUTE = 1
    other = Api(tokens.issue(ApiToken.objects.get().user, "other", Scope.values).text)
    assert [api.get("/brands").code for _ in range(2)] == [200, 429]
    assert other.get("/brands").code == 200


def test_zero_is_no_limit(api: Api, settings: Any) -> None:
    settings.API_REQUESTS_PER_MINUTE = 0
    assert {api.get("/brands").code for _ in range(20)} == {200}


def test_a_redis_that_cannot_be_reached_stops_nobody_and_is_asked_again_after_a_while(
    api: Api, settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings.API_REQUESTS_PER_MINUTE = 1
    dead = RedisCache("redis://127.0.0.1:1/0", {})
    monkeypatch.setattr(throttling, "cache", dead)
    monkeypatch.setattr("ads.api.auth.throttle", throttling.Throttle())
    assert {api.get("/brands").code for _ in range(3)} == {200}
    assert caplog.text.count("Requests are not counted for the moment") == 1
    with freeze_time(NOON + timedelta(seconds=31)):
        assert api.get("/brands").code == 200
    assert caplog.text.count("Requests are not counted for the moment") == 2


@pytest.mark.integration
@pytest.mark.once
def test_with_redis_all_processes_count_together(
    api: Api, settings: Any, broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.API_REQUESTS_PER_MINUTE = 4
    codes = []
    for _ in range(3):  # each as if it were another process
        monkeypatch.setattr(throttling, "cache", RedisCache(broker_url, {}))
        codes += [api.get("/brands").code for _ in range(2)]
    assert codes == [200] * 4 + [429] * 2
    RedisCache(broker_url, {}).clear()


def test_a_redis_that_is_emptied_in_the_midst_of_counting_stops_nobody(
    api: Api, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.API_REQUESTS_PER_MINUTE = 600
    monkeypatch.setattr(cache, "add", lambda *_, **__: cache.clear())
    assert api.get("/serving").code == 200

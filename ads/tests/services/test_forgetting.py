"""What counts no more is forgotten, and what still does is not."""

from datetime import datetime, timedelta

import pytest
from axes.models import AccessAttempt
from django.contrib.sessions.models import Session
from freezegun import freeze_time
from pytest_django import DjangoAssertNumQueries

from ads.models import WrongTokens
from ads.services import forgetting
from ads.tasks import forget_expired
from ads.tests.moments import NOON

pytestmark = pytest.mark.django_db

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
NOTHING = {"sessions": 0, "sign_ins": 0, "addresses": 0}


def session(key: str, expires: datetime) -> None:
    Session.objects.create(session_key=key, session_data="", expire_date=expires)


def test_sessions_are_forgotten_when_they_have_expired() -> None:
    session("over", NOON)
    session("on", NOON + MINUTE)
    with freeze_time(NOON):
        assert forget_expired() == NOTHING
    with freeze_time(NOON + SECOND):
        assert forget_expired() == NOTHING | {"sessions": 1}
        assert forget_expired() == NOTHING
    assert Session.objects.get().session_key == "on"


def test_failed_sign_ins_and_wrong_tokens_are_forgotten_when_the_wait_is_over() -> None:
    with freeze_time(NOON):
        AccessAttempt.objects.create(username="nina", ip_address="203.0.113.9", failures_since_start=5)
    WrongTokens.objects.create(address="203.0.113.9", count=20, last_at=NOON)
    with freeze_time(NOON + 15 * MINUTE - SECOND):
        assert forget_expired() == NOTHING
    with freeze_time(NOON + 15 * MINUTE + SECOND):
        assert forget_expired() == NOTHING | {"sign_ins": 1, "addresses": 1}


def test_many_are_forgotten_a_slice_at_a_time(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    monkeypatch.setattr(forgetting, "ROWS_PER_DELETE", 2)
    for number in range(5):
        session(f"{number}", NOON - number * MINUTE)
    with django_assert_num_queries(9):  # four looks and three slices of sessions, and what there is none of
        assert forgetting.forget(NOON + SECOND) == forgetting.Forgotten(sessions=5, sign_ins=0, addresses=0)
    assert not Session.objects.exists()

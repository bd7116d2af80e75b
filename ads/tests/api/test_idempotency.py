"""Idempotency-Key: the same request sent again gets the first answer, and runs once."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError
from django.utils import timezone
from freezegun import freeze_time

from ads.api import idempotency as header
from ads.api.recording import Outcome
from ads.models import ApiToken, Campaign, IdempotencyRecord, Scope, SpendLog
from ads.services import CampaignService, idempotency, tokens
from ads.services.records import Result
from ads.tasks import forget_answered_requests
from ads.tests.api.conftest import Answer, Api, event
from ads.tests.moments import NOON

KEY = {"Idempotency-Key": "order 66"}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(header, "WAITED_AT_MOST", timedelta(0))


def test_the_same_again_gets_the_first_answer(api: Api, campaign: Campaign) -> None:
    first = api.post("/spend", event(campaign), **KEY)
    again = api.post("/spend", event(campaign), **KEY)
    assert (first.code, "Idempotent-Replayed" in first.headers) == (201, False)
    assert (again.code, again.content) == (201, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Content-Type"] == "application/json"
    assert SpendLog.objects.count() == 1


def test_a_batch_gets_its_first_answers_again(api: Api, campaign: Campaign) -> None:
    items = [event(campaign, str(number)) for number in range(50)] + [event(campaign, "0", "99")]
    first = api.post("/spend", items, **KEY)
    again = api.post("/spend", items, **KEY)
    assert first.json["counts"] == {
        "accepted": 50,
        "duplicate": 0,
        "conflict": 1,
        "quarantined": 0,
        "refused": 0,
    }
    assert again.content == first.content


@pytest.mark.parametrize("amount", ["10.00", "11.00"])
def test_another_request_with_the_key_is_409(api: Api, campaign: Campaign, amount: str) -> None:
    api.post("/spend", event(campaign), **KEY)
    other = api.post("/spend", event(campaign, "2", amount), **KEY)
    assert (other.code, other.problem) == (409, "idempotency-key-reused")
    elsewhere = api.post(f"/campaigns/{campaign.pk}/switch-off", **KEY)
    assert (elsewhere.code, elsewhere.problem) == (409, "idempotency-key-reused")
    assert SpendLog.objects.count() == 1


def test_another_tokens_same_key_is_its_own(api: Api, campaign: Campaign) -> None:
    user = ApiToken.objects.get().user
    other = Api(tokens.issue(user, "other", Scope.values).text)
    assert api.post("/spend", event(campaign, "1"), **KEY).code == 201
    assert other.post("/spend", event(campaign, "2"), **KEY).code == 201


def test_switching_is_not_done_again(api: Api, campaign: Campaign) -> None:
    api.post(f"/campaigns/{campaign.pk}/switch-off", **KEY)
    CampaignService.switch_on(campaign)
    again = api.post(f"/campaigns/{campaign.pk}/switch-off", **KEY)
    assert (again.code, again.json["enabled"]) == (200, False)
    campaign.refresh_from_db()
    assert campaign.enabled


@pytest.mark.parametrize(
    ("wrong", "code"), [({"amount": "0"}, 422), ({"amount": 1}, 422), ({"campaign": 10**9}, 422)]
)
def test_what_changed_nothing_is_not_kept(
    api: Api, campaign: Campaign, wrong: dict[str, Any], code: int
) -> None:
    assert api.post("/spend", event(campaign) | wrong, **KEY).code == code
    assert not IdempotencyRecord.objects.exists()
    assert api.post("/spend", event(campaign), **KEY).code == 201


def test_a_request_that_failed_can_be_sent_again(
    api: Api, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("ads.api.spend.record_items", lambda *_: 1 / 0)
        failed = api.post("/spend", event(campaign), **KEY)
        assert (failed.code, failed.problem) == (500, "internal")
    assert api.post("/spend", event(campaign), **KEY).code == 201


def test_while_the_first_one_runs_the_same_is_told_to_come_back(
    api: Api, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside: list[Answer] = []

    def meanwhile(*_: object) -> list[Outcome]:
        inside.append(api.post("/spend", event(campaign), **KEY))
        return [Outcome(Result.ACCEPTED, 1)]

    monkeypatch.setattr("ads.api.spend.record_items", meanwhile)
    assert api.post("/spend", event(campaign), **KEY).code == 201
    (answer,) = inside
    assert (answer.code, answer.problem) == (409, "idempotency-key-in-use")
    assert answer.headers["Retry-After"] == "1"


def test_what_a_killed_server_left_is_taken_over_after_a_while(api: Api, campaign: Campaign) -> None:
    request = event(campaign)
    assert api.post("/spend", request, **KEY).code == 201
    # Booked, and killed before the answer was kept.
    IdempotencyRecord.objects.update(answer_status=None, answer=None)
    with freeze_time(NOON + timedelta(seconds=9)):
        answer = api.post("/spend", request, **KEY)
        assert (answer.code, answer.problem) == (409, "idempotency-key-in-use")
    with freeze_time(NOON + timedelta(seconds=10)):
        answer = api.post("/spend", request, **KEY)
        assert (answer.code, answer.json["result"]) == (200, "duplicate")
        assert api.post("/spend", request, **KEY).headers["Idempotent-Replayed"] == "true"
    assert SpendLog.objects.count() == 1


def test_only_one_takes_over_and_the_first_no_longer_answers(api: Api) -> None:
    token = ApiToken.objects.get()
    first = idempotency.claim(token, "k", "digest", NOON)
    later = NOON + timedelta(minutes=1)
    second = idempotency.claim(token, "k", "digest", later)
    assert isinstance(first, idempotency.Claim)
    assert isinstance(second, idempotency.Claim)
    with pytest.raises(idempotency.StillRunning):
        idempotency.claim(token, "k", "digest", later)
    idempotency.keep_answer(first, 201, b"first")
    idempotency.give_up(first)
    idempotency.keep_answer(second, 200, b"second")
    assert idempotency.claim(token, "k", "digest", later) == idempotency.KeptAnswer(200, b"second")


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "é", "a\tb"])
def test_a_key_that_is_none_is_400(api: Api, campaign: Campaign, key: str) -> None:
    answer = api.post("/spend", event(campaign), **{"Idempotency-Key": key})
    assert (answer.code, answer.problem) == (400, "invalid-idempotency-key")


def test_answers_are_forgotten_after_a_day(api: Api, campaign: Campaign) -> None:
    api.post("/spend", event(campaign), **KEY)
    with freeze_time(NOON + timedelta(hours=24)):
        assert forget_answered_requests() == {"requests": 0}
    with freeze_time(NOON + timedelta(hours=24, seconds=1)):
        assert forget_answered_requests() == {"requests": 1}
        assert forget_answered_requests() == {"requests": 0}
        # The events of the forgotten request are known all the same.
        assert api.post("/spend", event(campaign), **KEY).json["result"] == "duplicate"


def test_the_database_holds_one_answer_for_a_key(api: Api) -> None:
    row = {
        "token": ApiToken.objects.get(),
        "key": "k",
        "created_at": timezone.now(),
        "started_at": timezone.now(),
    }
    IdempotencyRecord.objects.create(**row)
    with pytest.raises(IntegrityError):
        IdempotencyRecord.objects.create(**row)

"""Every error is a problem that says what is wrong; nothing a sender can do makes one of ours."""

import gzip
import json
from typing import Any

import pytest
from django.db import OperationalError

from ads.models import Campaign, SpendLog
from ads.tests.api.conftest import JSON, NDJSON, Api, event

DEEP = b'{"a":' * 5_000 + b"1" + b"}" * 5_000


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b" ", "The body is empty."),
        (b"{", "not JSON: EOF"),
        (b"[1,]", "not JSON: trailing comma at line 1 column 4"),
        (b"{} {}", "not JSON: trailing characters"),
        (b'{"amount": NaN}', "not JSON"),
        (b'{"amount": -Infinity}', "not JSON"),
        (DEEP, "not JSON: recursion limit exceeded"),
        (b"[" * 100_000, "not JSON: recursion limit exceeded"),
        (b'{"external_id": "\\ud800"}', "not JSON"),
        (b'{"external_id": "a\x00b"}', "not JSON: control character"),
        (b'{"amount": ' + b"9" * 10_000 + b"}", "not JSON: number out of range"),
        ('{"external_id": "é"}'.encode("latin-1"), "not UTF-8: byte 17 cannot be read"),
        ('{"external_id": "é"}'.encode("utf-16"), "not UTF-8: byte 0 cannot be read"),
        (gzip.compress(b"{}"), "not UTF-8"),
    ],
    ids=range(14),
)
@pytest.mark.parametrize("path", ["/spend", "/spend/snapshots"])
def test_a_body_that_is_no_json_is_400(
    api: Api, campaign: Campaign, path: str, body: bytes, says: str
) -> None:
    answer = api.post(path, body)
    assert (answer.code, answer.problem) == (400, "unreadable")
    assert says in answer.json["detail"]
    assert api.patch(f"/campaigns/{campaign.pk}", body).code == 400


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ('"1e400"', "amount"),
        ("1e400", "amount"),
        ("-1e400", "amount"),
        ("99999999999999999999999999999999999", "amount"),
        ('"' + "9" * 1_000_000 + '"', "amount"),
        ("{}", "amount"),
        ("[[[[]]]]", "amount"),
    ],
    ids=range(7),
)
def test_a_hostile_amount_is_422_and_not_told_back(
    api: Api, campaign: Campaign, value: str, field: str
) -> None:
    body = f'{{"campaign": {campaign.pk}, "external_id": "1", "amount": {value}}}'.encode()
    answer = api.post("/spend", body)
    assert (answer.code, answer.fields) == (422, [field])
    assert len(answer.content) < 1_000
    assert not SpendLog.objects.exists()


def test_a_string_of_ten_megabytes_is_413(api: Api, campaign: Campaign) -> None:
    answer = api.post("/spend", event(campaign, "x" * 10_000_000))
    assert (answer.code, answer.problem) == (413, "too-large")
    assert answer.json["detail"] == "The body has more than 5242880 bytes; send it in parts."


def test_a_string_of_four_megabytes_is_422_and_not_told_back(api: Api, campaign: Campaign) -> None:
    for name in ("external_id", "description", "source", "occurred_at", "currency", "x" * 4_000_000):
        answer = api.post("/spend", event(campaign) | {name: "x" * 4_000_000})
        assert answer.code == 422 if name in event(campaign) or len(name) < 100 else 413
        assert len(answer.content) < 2_000


def test_a_name_of_a_megabyte_is_not_told_back(api: Api, campaign: Campaign) -> None:
    for body in (event(campaign) | {"x" * 1_000_000: 1}, {"items": [], "x" * 1_000_000: 1}):
        answer = api.post("/spend", body)
        assert answer.code == 422
        assert len(answer.content) < 2_000


def test_a_body_of_empty_objects_is_refused_whole(api: Api) -> None:
    answer = api.post("/spend", b"[" + b"[]," * 1_700_000 + b"[]]")
    assert (answer.code, answer.problem) == (413, "too-large")


@pytest.mark.parametrize(
    ("content_type", "says"),
    [
        ("", "Content-Type is missing"),
        ("application/x-www-form-urlencoded", "send application/json or application/x-ndjson"),
        ("text/plain", "text/plain is not taken"),
        ("multipart/form-data; boundary=x", "multipart/form-data is not taken"),
        ("application/json; charset=utf-16", "charset utf-16 is not taken"),
        ("application/json; charset=klingon", "charset klingon is not taken"),
    ],
)
def test_another_type_is_415(api: Api, campaign: Campaign, content_type: str, says: str) -> None:
    answer = api.post("/spend", event(campaign), content_type)
    assert (answer.code, answer.problem) == (415, "unsupported-media-type")
    assert says in answer.json["detail"]


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON", NDJSON, "application/jsonl"]
)
def test_spelled_otherwise_a_type_is_taken(api: Api, campaign: Campaign, content_type: str) -> None:
    assert api.post("/spend", event(campaign), content_type).code in (200, 201)


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "nonsense"])
def test_a_compressed_body_is_415(api: Api, campaign: Campaign, encoding: str) -> None:
    body = gzip.compress(json.dumps(event(campaign)).encode())
    for sent in (body, body[:-5]):
        answer = api.post("/spend", sent, JSON, **{"Content-Encoding": encoding})
        assert (answer.code, answer.problem) == (415, "unsupported-media-type")


def test_settings_take_json_only(api: Api, campaign: Campaign) -> None:
    answer = api._send("PATCH", f"/campaigns/{campaign.pk}", b"{}", NDJSON, {})
    assert answer.code == 415


def test_what_is_not_there_is_404(api: Api) -> None:
    for path in ("/nope", "/brands/x", "/brands/-1", "/brands/1e3", "/campaigns/1/switch-off/x", "/"):
        answer = api.get(path)
        assert (answer.code, answer.problem) == (404, "not-found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/spend", {"GET", "POST"}),
        ("PUT", "/brands", {"GET"}),
        ("POST", "/brands/1", {"GET", "PATCH"}),
        ("GET", "/campaigns/1/switch-off", {"POST"}),
        ("OPTIONS", "/serving", {"GET"}),
    ],
)
def test_another_method_is_405(api: Api, method: str, path: str, allowed: set[str]) -> None:
    answer = api.send(method, path)
    assert (answer.code, answer.problem) == (405, "method-not-allowed")
    assert set(answer.headers["Allow"].split(", ")) == allowed
    assert answer.headers["Content-Length"] == str(len(answer.content))


def test_a_fault_of_ours_is_500_without_its_traceback(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the password is 1234")

    monkeypatch.setattr("ads.api.brands.brands_out", fail)
    answer = api.get("/brands")
    assert (answer.code, answer.problem) == (500, "internal")
    assert b"1234" not in answer.content
    assert "the password is 1234" in caplog.text  # in the log it stands


def test_a_fault_while_the_token_is_looked_up_is_a_problem_too(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ads.services.tokens.find", lambda _: 1 / 0)
    answer = api.get("/brands")
    assert (answer.code, answer.problem) == (500, "internal")


def test_a_database_that_cannot_answer_is_503(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr("ads.api.spend.record_items", fail)
    answer = api.post("/spend", [])
    assert (answer.code, answer.problem, answer.headers["Retry-After"]) == (503, "unavailable", "1")


def test_a_host_that_is_not_ours_is_400(api: Api, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["localhost"]
    answer = api.get("/brands", Host="evil.example")
    assert (answer.code, answer.problem) == (400, "bad-request")


def test_problems_outside_the_api_are_left_alone(api: Api) -> None:
    response = api._client.get("/nope")
    assert (response.status_code, response["Content-Type"]) == (404, "text/html; charset=utf-8")


def test_answers_are_kept_by_no_cache(api: Api) -> None:
    assert api.get("/brands").headers["Cache-Control"] == "no-store"
    assert api.get("/nope").headers["Cache-Control"] == "no-store"

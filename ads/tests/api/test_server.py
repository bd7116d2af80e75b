"""Over the network, on a real server: many at once, broken bodies, and a fuzzer with the description in hand."""

import gzip
import os
import re
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import httpx
import psutil
import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from pytest_django import DjangoDbBlocker

from ads.models import Brand, Campaign, IdempotencyRecord, SpendLog
from ads.services import BudgetService, CampaignService, tokens
from ads.tests.api.conftest import ALL, event
from ads.tests.api.server import Server, client
from ads.tests.factories import CampaignFactory, DaypartingScheduleFactory
from budget_system.testing.fixtures import copied_database

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def running(
    migrated_template: str, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker
) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("server")
    with copied_database(migrated_template, directory, django_db_blocker) as database:
        server = Server(database, directory)
        server.collect_static()
        yield server
        server.stop()


@pytest.fixture
def server(running: Server) -> Server:
    """One for all tests here, on a database that each finds empty."""
    if not running.is_up:
        running.start()
    call_command("flush", interactive=False, verbosity=0)
    return running


@pytest.fixture
def everything(server: Server) -> str:
    """A token that may everything, in the server's database."""
    return tokens.issue(User.objects.create_superuser("ann"), "everything", ALL).text


AT_ONCE = 50
Seen = tuple[int, str]


def all_at_once(send: Callable[[int], httpx.Response]) -> list[httpx.Response]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(send, range(AT_ONCE)))


def seen(responses: Sequence[httpx.Response]) -> Counter[Seen]:
    """How often which status came with which result or kind of problem."""
    told = [(each.status_code, each.json()) for each in responses]
    return Counter((code, said.get("result") or said["type"].rpartition(":")[2]) for code, said in told)


def test_fifty_parallel_posts_of_one_event_give_one_row(server: Server, everything: str) -> None:
    campaign = CampaignFactory.create()
    theirs = CampaignFactory.create()
    with client(server, everything) as http:
        same = all_at_once(lambda _: http.post("/spend", json=event(campaign)))
        changed = all_at_once(lambda _: http.post("/spend", json=event(campaign, amount="10.01")))
        others = all_at_once(lambda _: http.post("/spend", json=event(theirs)))
    assert seen(same) == {(201, "accepted"): 1, (200, "duplicate"): 49}
    assert seen(changed) == {(409, "conflict"): 50}
    assert seen(others) == {(201, "accepted"): 1, (200, "duplicate"): 49}
    assert [log.campaign_id for log in SpendLog.objects.order_by("pk")] == [campaign.pk, theirs.pk]


def test_of_fifty_parallel_posts_of_one_id_with_two_contents_one_wins(
    server: Server, everything: str
) -> None:
    campaign = CampaignFactory.create()
    amounts = ("1.00", "2.00")
    with client(server, everything) as http:
        answers = all_at_once(lambda n: http.post("/spend", json=event(campaign, amount=amounts[n % 2])))
    log = SpendLog.objects.get()
    winner = amounts.index(str(log.amount))
    assert seen(answers[winner::2]) == {(201, "accepted"): 1, (200, "duplicate"): 24}
    assert seen(answers[1 - winner :: 2]) == {(409, "conflict"): 25}


def test_fifty_parallel_posts_of_one_idempotency_key_run_once(server: Server, everything: str) -> None:
    campaign = CampaignFactory.create()
    with client(server, everything) as http:
        http.headers["Idempotency-Key"] = "once"
        same = all_at_once(lambda _: http.post("/spend", json=event(campaign)))
        changed = all_at_once(lambda n: http.post("/spend", json=event(campaign, str(n + 10))))
        later = http.post("/spend", json=event(campaign))
    ran = [each for each in same if each.status_code == 201 and "Idempotent-Replayed" not in each.headers]
    told = seen(same)
    assert len(ran) == 1
    assert set(told) <= {(201, "accepted"), (409, "idempotency-key-in-use")}
    assert {each.content for each in same if each.status_code == 201} == {ran[0].content}
    assert seen(changed) == {(409, "idempotency-key-reused"): 50}
    assert (later.status_code, later.content) == (201, ran[0].content)
    assert SpendLog.objects.count() == IdempotencyRecord.objects.count() == 1


def test_what_was_answered_stands_after_a_kill(server: Server, everything: str) -> None:
    campaign = CampaignFactory.create()
    with client(server, everything) as http:
        answers = [http.post("/spend", json=event(campaign, str(number))) for number in range(20)]
    server.kill()
    assert {each.status_code for each in answers} == {201}
    assert SpendLog.objects.count() == 20


def test_broken_bodies_get_an_answer_and_keep_memory_bounded(server: Server, everything: str) -> None:
    campaign = CampaignFactory.create()
    with client(server, everything) as http:
        http.headers["Content-Type"] = "application/json"
        assert http.post("/spend", json=event(campaign)).status_code == 201
        before = memory(server)
        for content, code in (
            (b"[" + b"[]," * 1_700_000 + b"[]]", 413),
            (b"x" * 60_000_000, 413),
            (b"[" * 5_000_000, 400),
            (b'{"external_id": "' + b"x" * 5_000_000 + b'"}', 422),
            (b"[" + b"{}," * 9_999 + b"{}]", 200),
        ):
            assert http.post("/spend", content=content).status_code == code
        zipped = gzip.compress(b"[" + b"{}," * 5_000_000)[:-9]
        assert http.post("/spend", content=zipped, headers={"Content-Encoding": "gzip"}).status_code == 415
        chunked = http.post("/spend", content=iter([b"{", b"}"]))
        assert (chunked.status_code, chunked.json()["status"]) == (411, 411)
    assert memory(server) - before < 400 * 2**20
    assert SpendLog.objects.count() == 1


def memory(server: Server) -> int:
    assert server.process is not None
    processes = [psutil.Process(server.process.pid), *psutil.Process(server.process.pid).children()]
    return sum(int(process.memory_info().rss) for process in processes)


def test_a_body_that_is_cut_off_books_nothing(server: Server, everything: str) -> None:
    campaign = CampaignFactory.create()
    body = b'{"campaign": %d, "external_id": "1", "amount": "5"}\n' % campaign.pk
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(
            b"POST /api/v1/spend HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"
            b"Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n"
            % (everything.encode(), len(body) * 2)
            + body
        )
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 400")
    assert not SpendLog.objects.exists()


@pytest.fixture
def some_of_everything(server: Server) -> Campaign:
    """Enough for the fuzzer to come by every kind of answer."""
    campaign = CampaignFactory.create(platform="meta", external_id="1", daily_budget=Decimal(5))
    DaypartingScheduleFactory.create(campaign=CampaignFactory.create(brand=campaign.brand))
    BudgetService.record_spend(campaign, Decimal(10), external_id="1", source="api")
    CampaignService.switch_off(campaign)
    return campaign


NDJSON_SERIALIZER = """
import schemathesis

@schemathesis.serializer("application/x-ndjson")
def as_it_is(context, value):
    return str(value).encode(errors="replace")
"""
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance",
    "response_headers_conformance", "response_schema_conformance", "unsupported_method", "ignored_auth",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.once
def test_a_fuzzer_that_reads_the_description_finds_no_fault(
    server: Server, everything: str, some_of_everything: Campaign, tmp_path: Path
) -> None:
    command = [
        str(Path(sys.executable).with_name("schemathesis")), "run", f"{server.url}/openapi.json",
        f"--header=Authorization: Bearer {everything}", "--seed=1", "--max-examples=10", "--workers=1",
        f"--checks={','.join(CHECKS)}", "--phases=examples,coverage,fuzzing", "--max-time=20",
        "--generation-database=none", "--no-color", "--warnings=off",
    ]  # fmt: skip
    hooks = tmp_path / "serializers.py"
    hooks.write_text(NDJSON_SERIALIZER)
    env = os.environ | {"SCHEMATHESIS_HOOKS": "serializers", "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"(\d+) generated", done.stdout), done.stdout
    assert "ERROR" not in server.log()
    assert Brand.objects.count() == 1

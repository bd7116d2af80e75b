"""Spend over HTTP: gunicorn as in production, and clients that only send what was made beforehand."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection

from django.contrib.auth.models import User

from ads.models import Campaign, Scope
from ads.rules.money import from_micros
from ads.services import tokens
from ads.services.records import SpendEvent
from benchmarks.measures import seconds
from budget_system.processes import free_port

PER_REQUEST = 1_000
READY_SECONDS = 30


def post_in_batches(events: Sequence[SpendEvent], *, clients: int = 2, workers: int = 2) -> float:
    """Events a second, in requests of 1,000. Each client sends for brands of its own, as collectors do."""
    user, _ = User.objects.get_or_create(username="benchmark", defaults={"is_superuser": True})
    token = tokens.issue(user, "benchmark", [Scope.SPEND_WRITE]).text
    bodies = _bodies(events, clients)
    with gunicorn(workers) as port:
        booked: list[int] = []
        threads = [
            threading.Thread(target=_send, args=(port, token, of_client, booked)) for of_client in bodies
        ]

        def post() -> None:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        took = seconds(post)
    if sum(booked) != len(events):
        raise AssertionError(f"{sum(booked)} of {len(events)} events were taken")
    return len(events) / took


@contextmanager
def gunicorn(workers: int) -> Iterator[int]:
    """The web server as in production, on the port that this gives."""
    port = free_port()
    command = [
        sys.executable, "-m", "gunicorn", "budget_system.wsgi:application", "--no-control-socket",
        f"--bind=127.0.0.1:{port}", f"--workers={workers}", "--threads=4", "--log-level=warning",
    ]  # fmt: skip
    env = os.environ | {"API_REQUESTS_PER_MINUTE": "0", "DB_POOL_SIZE": "8"}
    server = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield port
    finally:
        server.terminate()
        server.wait()


def _bodies(events: Sequence[SpendEvent], clients: int) -> list[list[bytes]]:
    """What each client sends."""
    brand_of = dict(Campaign.objects.order_by().values_list("pk", "brand_id"))
    shares: list[list[SpendEvent]] = [[] for _ in range(clients)]
    for event in events:
        shares[brand_of[event.campaign_id] % clients].append(event)
    return [
        [_body(share[start : start + PER_REQUEST]) for start in range(0, len(share), PER_REQUEST)]
        for share in shares
    ]


def _body(events: Sequence[SpendEvent]) -> bytes:
    items = [
        {
            "campaign": event.campaign_id,
            "amount": str(from_micros(event.amount_micros)),
            "occurred_at": event.occurred_at.isoformat() if event.occurred_at else None,
            "external_id": event.external_id,
            "currency": event.currency,
            "source": "http",
        }
        for event in events
    ]
    return json.dumps({"items": items}).encode()


def _send(port: int, token: str, bodies: Sequence[bytes], booked: list[int]) -> None:
    connection = HTTPConnection("127.0.0.1", port)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    for body in bodies:
        connection.request("POST", "/api/v1/spend", body, headers)
        counts = json.loads(connection.getresponse().read())["counts"]
        booked.append(counts["accepted"] + counts["duplicate"])
    connection.close()


def _wait_for(port: int) -> None:
    """Until both of it answer: the first requests are not to measure what is loaded once."""
    deadline = time.monotonic() + READY_SECONDS
    answered = 0
    while answered < 10:
        try:
            connection = HTTPConnection("127.0.0.1", port)
            connection.request("GET", "/api/v1/openapi.json")
            connection.getresponse().read()
            answered += 1
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)

"""SQLite with web, worker and beat, four programs at the API and four writers beside them: no lock error, exact."""

import logging
import time
from collections.abc import Iterator
from itertools import chain
from multiprocessing import get_context
from unittest import mock

import httpx
from django.conf import settings
from django.db import DatabaseError, connections
from django.utils import timezone

from ads.models import Campaign
from ads.rules.money import from_micros
from ads.services import BudgetService
from drills.agency import books, make_agency, make_token
from drills.figures import Figure, at_least, none_of, told
from drills.stage import Stage

ENGINE = "sqlite"
PROGRAMS = WRITERS = 4
MICROS = 1_234_567
LOCKED = "database is locked"
TASKS = ("enforce_budgets", "enforce_dayparting", "verify_ledger", "check_alerts", "count_history")

Troubles = list[str]


def drill(stage: Stage) -> Iterator[Figure]:
    """The worker has more to do than Beat alone gives it."""
    each = stage.size(1_000, quick=25)
    pks = _agency(each)
    token = make_token()
    stage.server.start()
    stage.processes.start_worker("worker", "--concurrency=2")
    stage.processes.start_beat("beat")
    for number in range(stage.size(200, quick=20)):
        stage.processes.send(f"ads.tasks.{TASKS[number % len(TASKS)]}")
    connections.close_all()
    began = time.monotonic()
    with get_context("fork").Pool(PROGRAMS + WRITERS) as pool:
        over_api = pool.starmap_async(
            _send, [(stage.server.url, token, pks, n, each) for n in range(PROGRAMS)]
        )
        beside = pool.starmap_async(_write, [(pks, n, each) for n in range(WRITERS)])
        troubles = list(chain(*over_api.get(), *beside.get()))
    yield told("records a second", round(each * (PROGRAMS + WRITERS) / (time.monotonic() - began)))
    yield none_of("refused or failed for the writers", troubles)
    done = stage.processes.log("worker").count("succeeded in")
    yield at_least("tasks done meanwhile", done, stage.size(100, quick=10))
    logs = {"web": stage.server.log(), **{name: stage.processes.log(name) for name in ("worker", "beat")}}
    locked = [f"{name}: {line}" for name, log in logs.items() for line in log.splitlines() if LOCKED in line]
    yield none_of("lock errors in the logs of web, worker and beat", locked)
    count = each * (PROGRAMS + WRITERS)
    yield from books(timezone.now(), rows=count, amount=from_micros(MICROS) * count)


def control(stage: Stage) -> Iterator[Figure]:
    """Transactions that take the lock when they first write, as SQLite's do by themselves."""
    options = settings.DATABASES["default"]["OPTIONS"] | {"transaction_mode": "DEFERRED"}
    pks = _agency(each := stage.size(200, quick=25))
    connections.close_all()
    with (
        mock.patch.dict(connections["default"].settings_dict, {"OPTIONS": options}),
        get_context("fork").Pool(WRITERS) as pool,
    ):
        troubles = pool.starmap(_write, [(pks, number, each) for number in range(WRITERS)])
    yield none_of("refused or failed for the writers", list(chain(*troubles)))


def _agency(each: int) -> list[int]:
    budget = from_micros(MICROS) * each
    return [campaign.pk for campaign in make_agency(brands=4, campaigns=5, daily_budget=budget)]


def _send(url: str, token: str, pks: list[int], number: int, count: int) -> Troubles:
    """A program that sends one record at a time to the API."""
    troubles = []
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False) as http:
        for index in range(count):
            record = {"campaign": pks[index % len(pks)], "amount": str(from_micros(MICROS))}
            record |= {"external_id": f"api-{number}-{index}", "source": "drill"}
            answer = http.post("/spend", json=[record])
            if answer.status_code != httpx.codes.OK or answer.json()["counts"]["accepted"] != 1:
                troubles.append(f"{answer.status_code} {answer.text}")
    return troubles


def _write(pks: list[int], number: int, count: int) -> Troubles:
    """A command that records spend; what it was told on the way counts too, such as that it had to try again."""
    campaigns = list(Campaign.objects.filter(pk__in=pks).order_by("pk"))
    heard, troubles = logging.Handler(), []
    heard.emit = lambda record: troubles.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("ads").propagate = False
    logging.getLogger("ads.services.transactions").addHandler(heard)
    for index in range(count):
        try:
            BudgetService.record_spend(
                campaigns[index % len(pks)], from_micros(MICROS), external_id=f"{number}-{index}"
            )
        except DatabaseError as error:
            troubles.append(str(error))
    return troubles

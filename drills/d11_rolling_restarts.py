"""Two sites and a worker are restarted in turn under load, and a large ledger is migrated meanwhile: no 5xx, exact."""

import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

from django.db import connection
from django.utils import timezone

from ads.rules.money import from_micros
from ads.services import enforcement, reconcile
from ads.tests.api.server import Server
from ads.tests.schedule import every_second
from budget_system.processes import stop_process
from drills.agency import make_agency
from drills.figures import Figure, at_least, at_most, exactly, none_of
from drills.load import in_the_books, start_load
from drills.stage import Stage

MICROS = 10_000
FILL = """
INSERT INTO ads_spendlog (brand_id, campaign_id, kind, amount_micros, occurred_at, spent_on, recorded_at, source,
    description, recorded_by, while_off)
SELECT brand_id, id, 'SPEND', %s, at, at::date, at, 'before', '', '', false
FROM generate_series(1, %s) number
JOIN (SELECT id, brand_id, row_number() OVER () AS place, count(*) OVER () AS places FROM ads_campaign) c
    ON place - 1 = number %% places
CROSS JOIN LATERAL (SELECT now() - interval '2 days' - number * interval '1 second' AS at) moment
"""


def drill(stage: Stage) -> Iterator[Figure]:
    """As a rolling upgrade does it: the migration first, each process after it, none of them hurried."""
    campaigns = make_agency(brands=8, campaigns=3, daily_budget=Decimal(500))
    rows = stage.size(5_000_000, quick=50_000)
    _fill(rows)
    every_second("Enforce what is due", "Open new days", "Sweep everything")
    sites = [_site(stage, name) for name in ("one", "other")]
    worker = stage.processes.start_worker("worker 0")
    stage.processes.start_beat()
    load = start_load(stage, campaigns, urls=[site.url for site in sites])
    ended_in_peace = []
    with ThreadPoolExecutor(1) as aside:
        began = time.monotonic()
        migrated = aside.submit(_migrate, stage)
        for number in range(stage.size(10, quick=2)):
            site = sites[number % 2]
            assert site.process is not None
            stop_process(site.process, seconds=60)
            stop_process(worker, seconds=60)
            ended_in_peace += [site.process.returncode, worker.returncode]
            site.start()
            worker = stage.processes.start_worker(f"worker {number + 1}")
        migration = migrated.result() - began
    time.sleep(2)
    yield exactly("exit codes after SIGTERM", set(ended_in_peace), {0})
    yield at_most("the migration took", int(migration), 300, "s")
    answers = load.senders.tally
    yield from load.ended()
    yield at_least("requests answered", answers["200"], stage.size(200, quick=50))
    yield none_of("answers of 5xx", [code for code in answers if code.startswith("5")])
    took = max(load.senders.took)
    yield at_most("the longest that one took", int(took * 1000), 10_000, "ms")
    for site in sites:
        site.stop()
    yield from in_the_books(load, rows=rows, amount=from_micros(MICROS) * rows)


def _site(stage: Stage, name: str) -> Server:
    directory = stage.directory / name
    directory.mkdir()
    site = Server(stage.database, directory)
    site.env |= stage.server.env
    site.start()
    return site


def _migrate(stage: Stage) -> float:
    """When it was done."""
    stage.database.manage("migrate", "upgrade", DJANGO_SETTINGS_MODULE="drills.upgrade.settings")
    return time.monotonic()


def _fill(rows: int) -> None:
    """A ledger of so many rows, as if they had come in the last months, and totals that agree with it."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # keys are not looked up one by one
        cursor.execute(FILL, [MICROS, rows])
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("ANALYZE")
    logging.disable(logging.ERROR)  # a line for each total that is not there yet
    reconcile.reconcile(timezone.now(), repair=True)
    logging.disable(logging.WARNING)
    enforcement.sweep(timezone.now())

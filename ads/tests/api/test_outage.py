"""PostgreSQL goes away under the site and comes back: who asks is told so soon, and nothing is done by hand."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest
from django.db import connection

from ads.tests.api.server import Server, client
from ads.tests.factories import CampaignFactory
from budget_system.processes import wait_until
from budget_system.testing.fixtures import CommittedDatabase
from budget_system.testing.postgres import PostgreSQLKeeper, program

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(connection.vendor == "sqlite", reason="is no server that could be away"),
]
TOLD_WITHIN = BACK_WITHIN = 25  # seconds, on a machine however busy; without the pool's own three it took 30


@dataclass
class OwnPostgreSQL:
    """A server of one test's own, which it may stop and start again."""

    directory: Path
    keeper: PostgreSQLKeeper | None = None

    def start(self) -> str:
        self.keeper = PostgreSQLKeeper(self.directory)
        return self.keeper.url

    def stop(self) -> None:
        if self.keeper is not None:
            self.keeper.stop()


@pytest.fixture
def postgresql() -> Iterator[OwnPostgreSQL]:
    # Directly under the system's folder for temporary files, as the server runs as another user.
    directory = Path(tempfile.mkdtemp(prefix="budget-outage-"))
    directory.chmod(0o755)
    own = OwnPostgreSQL(directory / "data")
    yield own
    own.stop()
    shutil.rmtree(directory, ignore_errors=True)


def copy(source: str, target: str) -> None:
    """Makes the target a copy of the source; both are URLs, the target's database is not there yet."""
    with psycopg.connect(target.replace("/budgets?", "/postgres?"), autocommit=True) as server:
        server.execute("CREATE DATABASE budgets")
    dump = subprocess.run([program("pg_dump"), source], capture_output=True, check=True)
    load = [str(program("psql")), "--quiet", "--set=ON_ERROR_STOP=1", target]
    subprocess.run(load, input=dump.stdout, stdout=subprocess.DEVNULL, check=True)


def test_without_its_database_the_site_says_so_soon_and_is_back_soon(
    postgresql: OwnPostgreSQL, committed_database: CommittedDatabase, everything: str, tmp_path: Path
) -> None:
    campaign = CampaignFactory.create()
    url = postgresql.start()
    copy(committed_database.url, url)
    server = Server(CommittedDatabase(url), tmp_path)
    server.env["CELERY_BROKER_URL"] = "memory://"
    event = {"campaign": campaign.pk, "amount": "7.25", "source": "meta"}
    try:
        server.start()
        site = server.url.removesuffix("/api/v1")
        with client(server, everything) as http:
            assert (
                http.post("/spend", json=event | {"external_id": "before"}).status_code == httpx.codes.CREATED
            )

            postgresql.stop()
            began = time.monotonic()
            refused = http.post("/spend", json=event | {"external_id": "during"})
            assert time.monotonic() - began < TOLD_WITHIN
            assert refused.status_code == httpx.codes.SERVICE_UNAVAILABLE
            assert refused.headers["Content-Type"] == "application/problem+json"
            assert refused.headers["Retry-After"] == "1"
            began = time.monotonic()
            ready = http.get(f"{site}/readyz")
            assert time.monotonic() - began < TOLD_WITHIN
            assert ready.status_code == httpx.codes.SERVICE_UNAVAILABLE
            assert "database" in ready.json()["failed"]
            assert http.get(f"{site}/healthz").is_success

            postgresql.start()
            wait_until(
                lambda: http.post("/spend", json=event | {"external_id": "during"}).is_success,
                seconds=BACK_WITHIN,
                what="the site",
            )
            assert "database" not in http.get(f"{site}/readyz").json()["failed"]
    finally:
        server.stop()
    with psycopg.connect(url) as session:
        rows = session.execute("SELECT external_id, amount_micros FROM ads_spendlog ORDER BY id").fetchall()
    assert rows == [("before", 7_250_000), ("during", 7_250_000)]

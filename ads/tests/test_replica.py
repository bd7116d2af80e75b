"""Reports on a real streaming replica: what is read there, as of when it is, and what happens where it is not near."""

import csv
import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import BytesIO, StringIO
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, connections
from django.db.transaction import TransactionManagementError
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from openpyxl import load_workbook
from pytest_django import DjangoDbBlocker

from ads import formats
from ads.models import Brand, Campaign, SpendLog
from ads.rights import VIEWER
from ads.services import BudgetService, doctor, health, replica, reports
from ads.services.health import Finding, Level
from ads.tests.dashboard.reading import plain as text
from ads.tests.factories import BrandFactory, CampaignFactory
from ads.tests.people import take_role
from budget_system import settings as project
from budget_system.database_url import parse_database_url
from budget_system.replica import REPLICA, OnlyReplicaIsRead
from budget_system.testing.fixtures import CommittedDatabase, copied_database
from budget_system.testing.replica import StreamingReplica

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(connection.vendor == "sqlite", reason="has no replicas"),
]

PAGE = "/reports/?by=brand&range=this-month"


@pytest.fixture(scope="module")
def database(
    migrated_template: str, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker
) -> Iterator[CommittedDatabase]:
    """Acme with two campaigns that have spent, and Solene with one."""
    directory = tmp_path_factory.mktemp("primary")
    with copied_database(migrated_template, directory, django_db_blocker) as found:
        acme, solene = (BrandFactory.create(name=name, daily_budget=None) for name in ("Acme", "Solene"))
        for brand, name, amount in ((acme, "A", "10.25"), (acme, "B", "20.25"), (solene, "C", "30.25")):
            BudgetService.record_spend(CampaignFactory.create(brand=brand, name=name), Decimal(amount))
        with connection.cursor() as cursor:  # as in production
            cursor.execute(f"ALTER DATABASE {connection.settings_dict['NAME']} SET synchronous_commit = on")
        connection.close()
        User.objects.create_superuser("ada", "ada@example.com", "secret")
        take_role(User.objects.create_user("nina"), VIEWER)
        yield found


@pytest.fixture(scope="module")
def server(database: CommittedDatabase) -> Iterator[StreamingReplica]:
    """A replica of the tests' own server."""
    found = StreamingReplica(os.environ["DATABASE_URL"])
    yield found
    found.remove()


@pytest.fixture
def copy(server: StreamingReplica, monkeypatch: pytest.MonkeyPatch) -> Iterator[StreamingReplica]:
    """The replica, given to Django as REPLICA_DATABASE_URL gives it, with all that the primary has."""
    lead_to(server.url(str(connection.settings_dict["NAME"])))
    monkeypatch.setattr(replica._Away, "until", 0)
    server.catch_up()
    yield server
    connections[REPLICA].close()
    del connections[REPLICA], connections.settings[REPLICA]
    server.resume()


def lead_to(url: str) -> None:
    """Lets Django take the database at this address for the replica."""
    if REPLICA in connections.settings:
        connections[REPLICA].close()
        del connections[REPLICA]
    given = {"default": connection.settings_dict, REPLICA: project.database(parse_database_url(url), 0)}
    connections.settings[REPLICA] = connections.configure_settings(given)[REPLICA]


@pytest.fixture
def ada(copy: StreamingReplica) -> Client:
    """A browser in which a superuser is signed in."""
    client = Client()
    client.force_login(User.objects.get(username="ada"))
    return client


def spend(amount: str) -> str:
    """Acme spends so much more; what a report said of it before."""
    before = told("Acme")
    BudgetService.record_spend(Campaign.objects.get(name="A"), Decimal(amount))
    return before


def last_spend() -> datetime:
    """What has it is as of then or later: of what else its server writes a replica may be behind at any time."""
    return SpendLog.objects.latest("recorded_at").recorded_at.replace(microsecond=0)


def told(brand: str) -> str:
    """What a report says of this brand where it equals the ledger, which the primary keeps."""
    spent = sum(SpendLog.objects.filter(brand__name=brand).values_list("amount_micros", flat=True))
    return f"{brand} USD {formats.money(spent, 'USD')}"


def as_of(page: str) -> datetime | None:
    """What a page says of when its figures are."""
    words = re.search(r"As of (\d\d):(\d\d):(\d\d) today, UTC", page)
    if words is None:
        assert "As of" not in page
        return None
    hour, minute, second = map(int, words.groups())
    return timezone.now().replace(hour=hour, minute=minute, second=second, microsecond=0)


def csv_rows(response: Any) -> list[list[str]]:
    body = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.reader(StringIO(body, newline="")))


def xlsx_rows(response: Any) -> list[list[str]]:
    sheet = load_workbook(BytesIO(b"".join(response.streaming_content))).active
    assert sheet is not None
    return [[str(cell.value) for cell in row] for row in sheet.iter_rows()]


def statements(ask: Callable[[], object]) -> tuple[int, int]:
    """How many statements it takes of the primary and of the replica."""
    with CaptureQueriesContext(connection) as primary, CaptureQueriesContext(connections[REPLICA]) as other:
        ask()
    return len(primary), len(other)


def doctors() -> Finding:
    return health.examine({"replica": doctor.CHECKS["replica"]}, timezone.now())["replica"]


def test_a_report_is_read_on_the_replica_and_says_as_of_when(ada: Client, copy: StreamingReplica) -> None:
    page = text(ada.get(PAGE))
    assert told("Acme") in page
    assert told("Solene") in page
    assert last_spend() <= (as_of(page) or datetime.min.replace(tzinfo=UTC)) <= timezone.now()
    assert re.fullmatch(r"It has all that the primary has\.|It is behind by \d+ s\.", doctors().said)
    copy.pause()
    old = spend("5")
    page = text(ada.get(PAGE))
    assert old in page
    assert told("Acme") not in page
    assert as_of(page) is not None
    assert doctors().level == Level.OK
    assert re.fullmatch(r"It is behind by \d+ s\.", doctors().said)
    copy.resume()
    copy.catch_up()
    page = text(ada.get(PAGE))
    assert told("Acme") in page
    assert as_of(page) is not None


def test_one_that_is_too_far_behind_is_not_read(
    ada: Client, copy: StreamingReplica, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy.pause()
    spend("5")
    monkeypatch.setattr(replica, "MOST_BEHIND", timedelta())
    page = text(ada.get(PAGE))
    assert told("Acme") in page
    assert as_of(page) is None
    assert doctors().level == Level.WARN
    assert re.fullmatch(r"It is behind by \d+ s, so reports read the primary\.", doctors().said)


def test_one_that_receives_nothing_any_more_does_not_take_itself_for_new(copy: StreamingReplica) -> None:
    copy.disconnect()
    try:
        moment = timezone.now()
        spend("5")
        standing = replica.look()
    finally:
        copy.connect()
    assert standing.as_of is not None
    assert standing.as_of < moment < standing.at


def test_files_equal_the_ledger_and_say_as_of_when_in_a_column(
    ada: Client, copy: StreamingReplica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "ROWS_AT_A_TIME", 1)  # so that a file is read on after it was begun
    budgets = {"A": told("Acme"), "C": told("Solene")}
    for path, rows_of in (("spend.csv", csv_rows), ("spend.xlsx", xlsx_rows)):
        head, *rows = rows_of(ada.get(f"/reports/{path}?by=brand&range=this-month"))
        assert head[-1] == "As of"
        assert [f"{row[0]} {row[1]} ${Decimal(row[2]):.2f}" for row in rows] == list(budgets.values())
        (moment,) = {datetime.fromisoformat(row[-1]) for row in rows}
        assert last_spend() <= moment <= timezone.now()
    copy.pause()
    spend("5")
    monkeypatch.setattr(replica, "MOST_BEHIND", timedelta())
    head, acme, _ = csv_rows(ada.get("/reports/spend.csv?by=brand&range=this-month"))
    assert f"{acme[0]} {acme[1]} ${acme[2]}" == told("Acme")
    assert head[-1] == "As of"
    assert datetime.fromisoformat(acme[-1]) >= moment


def test_the_moment_is_told_in_the_zone_of_the_brand(ada: Client, copy: StreamingReplica) -> None:
    brand = BrandFactory.create(name="Yeti", timezone="Asia/Kathmandu")
    copy.catch_up()
    page = text(ada.get(f"/reports/?brand={brand.pk}"))
    brand.delete()
    found = re.search(r"As of (\d\d):(\d\d):\d\d today, Asia/Kathmandu", page)
    assert found
    wall_clock = timezone.now().astimezone(ZoneInfo("Asia/Kathmandu"))
    minutes = wall_clock.hour * 60 + wall_clock.minute - int(found[1]) * 60 - int(found[2])
    assert minutes % 1440 <= 1


def test_where_it_is_away_the_primary_is_read_and_it_is_left_alone_for_a_while(
    ada: Client, copy: StreamingReplica, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert as_of(text(ada.get(PAGE))) is not None
    copy.stop()
    try:
        page = text(ada.get(PAGE))
        assert told("Acme") in page
        assert as_of(page) is None
        for path, rows_of in (("spend.csv", csv_rows), ("spend.xlsx", xlsx_rows)):
            assert len(rows_of(ada.get(f"/reports/{path}"))) == 3
        assert doctors().level == Level.WARN
        assert doctors().said.startswith("It cannot be asked, so reports read the primary: ")
    finally:
        copy.start()
    copy.catch_up()
    assert statements(lambda: ada.get(PAGE))[1] == 0
    monkeypatch.setattr(replica._Away, "until", 0)
    assert as_of(text(ada.get(PAGE))) is not None


def test_what_breaks_off_on_the_replica_is_done_again_on_the_primary(copy: StreamingReplica) -> None:
    asked = []

    def names(moment: datetime | None) -> list[str]:
        asked.append(moment is not None)
        found = list(Brand.objects.order_by("name").values_list("name", flat=True))
        if moment is not None:
            name = connection.settings_dict["NAME"]
            copy.execute(
                f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{name}'"
            )
        return found + list(Brand.objects.order_by("-name").values_list("name", flat=True))

    assert replica.read(names) == ["Acme", "Solene", "Solene", "Acme"]
    assert asked == [True, False]


def test_all_of_one_report_is_of_one_moment(copy: StreamingReplica, database: CommittedDatabase) -> None:
    def names(_: datetime | None) -> list[list[str]]:
        found = [list(Brand.objects.values_list("name", flat=True).order_by("pk"))]
        rename("Solene", "Lyon")
        copy.catch_up()
        return [*found, list(Brand.objects.values_list("name", flat=True).order_by("pk"))]

    def rename(old: str, new: str) -> None:
        with psycopg.connect(database.url) as session:
            session.execute("UPDATE ads_brand SET name = %s WHERE name = %s", (new, old))

    assert replica.read(names) == [["Acme", "Solene"]] * 2
    assert Brand.objects.filter(name="Lyon").exists()
    rename("Lyon", "Solene")


def test_nothing_is_written_and_nothing_asked_of_the_primary_while_the_replica_is_read(
    copy: StreamingReplica,
) -> None:
    acme, records = Brand.objects.get(name="Acme"), SpendLog.objects.count()
    acme.daily_budget = Decimal(7)
    campaign = Campaign.objects.get(name="A")
    refused: tuple[Callable[[object], object], ...] = (
        lambda _: Brand.objects.create(name="New"),
        lambda _: Brand._base_manager.update(name="New"),
        lambda _: acme.save(),
        lambda _: BudgetService.record_spend(campaign, Decimal(1)),
        lambda _: connections[REPLICA].cursor().execute("UPDATE ads_brand SET name = 'New'"),
        lambda _: connection.cursor().execute("SELECT 1"),
    )
    for work in refused:
        for is_streamed in (False, True):
            with pytest.raises((OnlyReplicaIsRead, TransactionManagementError)):
                replica.read(work, is_streamed=is_streamed)
    assert sorted(Brand.objects.values_list("name", flat=True)) == ["Acme", "Solene"]
    assert SpendLog.objects.count() == records


def test_rights_are_asked_of_the_primary(copy: StreamingReplica) -> None:
    acme, user = Brand.objects.get(name="Acme"), User.objects.get(username="nina")
    acme.assigned_to.add(user)
    nina = Client()
    nina.force_login(user)
    copy.catch_up()
    assert told("Acme") in text(nina.get(PAGE))
    copy.pause()
    acme.assigned_to.remove(user)
    assert "Acme" not in text(nina.get(PAGE))
    assert len(csv_rows(nina.get("/reports/spend.csv"))) == 1


def test_of_the_primary_a_report_asks_how_far_it_is_and_no_figures(ada: Client) -> None:
    # Session, user, open alerts and how far it is. Of the replica: how far, and in a transaction rows and totals.
    assert statements(lambda: ada.get(PAGE)) == (4, 6)
    assert statements(lambda: csv_rows(ada.get("/reports/spend.csv"))) == (3, 2)


@pytest.mark.parametrize("which", ["another database", "the primary"])
def test_what_is_no_replica_of_this_database_is_not_read(
    ada: Client, copy: StreamingReplica, database: CommittedDatabase, which: str
) -> None:
    lead_to(database.url if which == "the primary" else copy.url("postgres"))
    page = text(ada.get(PAGE))
    assert told("Acme") in page
    assert as_of(page) is None
    assert doctors().level == Level.FAIL
    assert doctors().said == "It is no replica of this database, so reports read the primary."


def test_one_of_the_time_before_a_restore_is_not_read(copy: StreamingReplica) -> None:
    assert replica.look().is_copy
    restored, usual = StreamingReplica(os.environ["DATABASE_URL"]), connection.settings_dict["HOST"]
    try:
        restored.promote()
        connection.close()
        connection.settings_dict["HOST"] = str(restored.data)
        assert Brand.objects.count() == 2
        assert not replica.look().is_copy
    finally:
        connection.close()
        connection.settings_dict["HOST"] = usual
        restored.remove()


def test_a_replica_is_not_migrated(copy: StreamingReplica) -> None:
    with pytest.raises(CommandError, match="migrate that"):
        call_command("migrate", database=REPLICA)

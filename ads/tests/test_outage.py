"""While the database cannot answer, people are told that, and what became of what they sent; bugs stay bugs."""

import sqlite3
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import (
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
    connection,
    transaction,
)
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from ads.models import Brand, Scope, SpendLog
from ads.services import tokens
from ads.services.outage import Outage, outage_of
from ads.services.transactions import retrying, waiting_at_most
from ads.tests.away import database_away
from ads.tests.factories import BrandFactory, CampaignFactory
from budget_system import urls as site

ON_SQLITE = connection.vendor == "sqlite"
on_postgresql = pytest.mark.skipif(ON_SQLITE, reason="on SQLite one transaction writes at a time")
committed = pytest.mark.django_db(transaction=True)

HTML, TEXT = "text/html; charset=utf-8", "text/plain; charset=utf-8"


def wrong(_: HttpRequest) -> HttpResponse:
    """Asks for what is not there, a bug."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM nowhere")
    return HttpResponse()


def lost(_: HttpRequest) -> HttpResponse:
    """Loses its connection as it commits."""
    with transaction.atomic():
        Brand.objects.exists()
        connection.connection.close()
    return HttpResponse()


urlpatterns = [path("wrong/", wrong), path("lost/", lost), *site.urlpatterns]
handler500 = site.handler500


@pytest.fixture
def brand(transactional_db: None) -> Brand:
    return BrandFactory.create(name="Acme")


@pytest.fixture
def ada(brand: Brand) -> Client:
    """A browser in which a superuser is signed in."""
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.create_superuser("ada", "ada@example.com", "secret"))
    return client


def told(response: Any) -> str:
    """What is said, where the answer is one of a database that does not answer."""
    assert response.status_code == 503, response.content
    assert response["Retry-After"] == "5"
    assert response["Cache-Control"] == "no-store"
    text: str = response.content.decode()
    return text


@committed
class TestWithoutADatabase:
    def test_each_page_says_so_and_that_nothing_was_lost(self, ada: Client) -> None:
        urls = (
            "/", "/live/", "/search/?q=a", "/reports/", "/reports/spend.csv", "/reports/spend.xlsx", "/campaigns/",
            "/alerts/", "/nowhere/", "/admin/", "/admin/ads/brand/",
        )  # fmt: skip
        with database_away():
            answers = [ada.get(url) for url in urls]
        for response in answers:
            page = told(response)
            assert response["Content-Type"] == HTML
            assert '<h1 id="h-away">The database cannot be reached</h1>' in page
            assert "Nothing was lost." in page
            assert "Try again</a>" in page
            assert "Send it again" not in page
            assert "Sign out" not in page
            assert "default-src 'self'" in response["Content-Security-Policy"]
        assert ada.get("/").status_code == 200

    def test_what_was_sent_is_told_to_be_not_saved(self, ada: Client, brand: Brand) -> None:
        with database_away():
            sent = [
                ada.post(f"/brands/{brand.pk}/switch/?on=no"),
                ada.post("/admin/ads/brand/add/", {"name": "Globex"}),
                Client().post("/sign-in/", {"username": "ada", "password": "secret"}),
            ]
        for response in sent:
            page = told(response)
            assert "Not saved: the database cannot be reached</h1>" in page
            assert "Nothing was changed by what you sent." in page
            assert "Send it again</button>" in page
            assert 'href=""' not in page
        assert list(Brand.objects.values_list("name", "is_active")) == [("Acme", True)]

    def test_a_part_of_a_page_is_told_in_a_sentence(self, ada: Client) -> None:
        with database_away():
            response = ada.get("/live/", headers={"HX-Request": "true"})
        assert told(response).startswith(
            "The database cannot be reached. This part of the page stays as it was"
        )
        assert response["Content-Type"] == TEXT

    def test_it_is_told_where_two_factor_is_asked_for_before_any_page(
        self, ada: Client, settings: Any
    ) -> None:
        settings.REQUIRE_TWO_FACTOR = "staff"
        with database_away():
            assert "The database cannot be reached</h1>" in told(ada.get("/"))

    def test_it_is_a_warning_and_no_fault_in_the_log(
        self, ada: Client, caplog: pytest.LogCaptureFixture
    ) -> None:
        with database_away():
            ada.get("/reports/")
        assert "The database could not answer GET /reports/: " in caplog.text
        assert "Traceback" not in caplog.text

    def test_signing_in_is_offered_all_the_same(self, transactional_db: None) -> None:
        with database_away():
            assert Client().get("/sign-in/").status_code == 200


@committed
class TestWithADatabaseThatTakesNothing:
    def test_pages_are_shown_and_what_was_sent_is_told_to_be_not_saved(
        self, ada: Client, brand: Brand
    ) -> None:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA query_only = 1" if ON_SQLITE else "SET default_transaction_read_only = on")
        try:
            assert ada.get(f"/brands/{brand.pk}/").status_code == 200
            page = told(ada.post("/admin/ads/brand/add/", {"name": "Globex", "currency": "USD"}))
        finally:
            connection.close()
        assert "Not saved: the database takes nothing at the moment</h1>" in page
        assert Brand.objects.count() == 1


@committed
@pytest.mark.urls(__name__)
class TestOtherErrors:
    def test_a_bug_stays_one(self, ada: Client) -> None:
        looked, sent = ada.get("/wrong/"), ada.post("/wrong/")
        assert (looked.status_code, sent.status_code) == (500, 500)
        assert "This page failed</h1>" in looked.content.decode()
        assert "This failed; look whether your change was saved</h1>" in sent.content.decode()

    @on_postgresql
    def test_a_commit_without_an_answer_is_not_told_to_be_not_saved(self, ada: Client) -> None:
        page = told(ada.post("/lost/"))
        assert "Perhaps not saved: the database went away</h1>" in page
        assert "Look whether it is there before you save it again." in page
        assert "Send it again</button>" not in page


@committed
@on_postgresql
class TestABrandThatSomebodyHolds:
    @pytest.fixture(autouse=True)
    def soon(self, settings: Any) -> None:
        settings.LOCK_WAIT_SECONDS = 1

    @pytest.fixture
    def held(self, brand: Brand) -> Iterator[psycopg.Connection]:
        names = {"dbname", "user", "password", "host", "port"}
        where = {name: value for name, value in connection.get_connection_params().items() if name in names}
        with psycopg.connect(**where) as other:
            other.execute("SELECT FROM ads_brand WHERE id = %s FOR UPDATE", [brand.pk])
            yield other

    def test_a_person_is_told_so_soon_and_may_save_it_later(
        self, ada: Client, brand: Brand, held: psycopg.Connection
    ) -> None:
        began = time.monotonic()
        page = told(ada.post(f"/brands/{brand.pk}/switch/", {"on": "no"}))
        assert time.monotonic() - began >= 1
        assert "Not saved: somebody else is working on this brand</h1>" in page
        assert "Nothing was changed by what you sent." in page
        brand.refresh_from_db()
        assert brand.is_active
        assert ada.get(f"/brands/{brand.pk}/").status_code == 200  # who only looks waits for nobody
        held.rollback()
        assert ada.post(f"/brands/{brand.pk}/switch/", {"on": "no"}).status_code == 302
        brand.refresh_from_db()
        assert not brand.is_active

    def test_a_program_is_told_to_come_back(
        self, ada: Client, brand: Brand, held: psycopg.Connection
    ) -> None:
        token = tokens.issue(User.objects.get(), "everything", list(Scope.values)).text
        campaign_id = CampaignFactory.create(brand__name="Globex").pk
        headers = {"Authorization": f"Bearer {token}"}
        began = time.monotonic()
        response = ada.patch(
            f"/api/v1/brands/{brand.pk}", {"daily_budget": "5"}, "application/json", headers=headers
        )
        assert time.monotonic() - began >= 1
        assert response.status_code == 503
        assert response["Content-Type"] == "application/problem+json"
        assert response["Retry-After"] == "5"
        assert response.json()["type"] == "urn:problem-type:budgets:busy"
        spend = {"campaign": campaign_id, "external_id": "1", "amount": "7.25", "source": "meta"}
        assert ada.post("/api/v1/spend", spend, "application/json", headers=headers).status_code == 201
        assert SpendLog.objects.count() == 1

    def test_the_limit_ends_with_the_transaction_so_that_a_pooler_gives_it_to_nobody_else(
        self, brand: Brand
    ) -> None:
        def limit() -> str:
            with connection.cursor() as cursor:
                cursor.execute("SHOW lock_timeout")
                found: str = cursor.fetchone()[0]
            return found

        with waiting_at_most(7):
            with transaction.atomic():
                assert limit() == "7s"
                with transaction.atomic():
                    assert limit() == "7s"
            assert limit() == "0"
        with transaction.atomic():
            assert limit() == "0"  # tasks and commands wait on

    def test_who_has_waited_in_a_request_does_not_wait_again(
        self, brand: Brand, held: psycopg.Connection
    ) -> None:
        attempts = []

        @retrying
        def lock() -> None:
            attempts.append(1)
            Brand.objects.lock([brand.pk])

        with waiting_at_most(1), pytest.raises(OperationalError, match="lock timeout"):
            lock()
        assert len(attempts) == 1


def raised(kind: type[Exception], cause: Exception | None = None) -> Exception:
    """An error as Django raises it."""
    error = kind(str(cause))
    error.__cause__ = cause
    return error


def with_state(sqlstate: str) -> psycopg.Error:
    return psycopg.errors.lookup(sqlstate)("told by the server")


def named(name: str) -> sqlite3.Error:
    error = sqlite3.OperationalError(name)
    error.sqlite_errorname = name
    return error


@pytest.mark.once
@pytest.mark.parametrize(
    ("error", "outage"),
    [
        (raised(OperationalError), Outage.AWAY),
        (raised(InterfaceError), Outage.AWAY),
        (raised(OperationalError, psycopg.OperationalError("connection refused")), Outage.AWAY),
        (psycopg.OperationalError("lost while it copied"), Outage.AWAY),
        (raised(OperationalError, with_state("57P01")), Outage.AWAY),  # ended by an administrator
        (raised(OperationalError, with_state("57P03")), Outage.AWAY),  # starting up
        (raised(OperationalError, with_state("53300")), Outage.AWAY),  # too many connections
        (raised(OperationalError, with_state("58030")), Outage.AWAY),  # its disk fails
        (raised(OperationalError, with_state("08P01")), Outage.AWAY),  # a pooler gives up
        (raised(OperationalError, with_state("53100")), Outage.CLOSED),
        (raised(InternalError, with_state("25006")), Outage.CLOSED),
        (raised(OperationalError, with_state("55P03")), Outage.HELD),
        (raised(OperationalError, with_state("40P01")), Outage.HELD),
        (raised(OperationalError, with_state("54001")), None),  # a statement too complex
        (raised(InternalError, with_state("25P02")), None),
        (raised(ProgrammingError, with_state("42P01")), None),
        (raised(OperationalError, named("SQLITE_CANTOPEN")), Outage.AWAY),
        (raised(OperationalError, named("SQLITE_IOERR_WRITE")), Outage.AWAY),
        (raised(OperationalError, named("SQLITE_FULL")), Outage.CLOSED),
        (raised(OperationalError, named("SQLITE_READONLY_DIRECTORY")), Outage.CLOSED),
        (raised(OperationalError, sqlite3.OperationalError("database is locked")), Outage.HELD),
        (raised(OperationalError, named("SQLITE_ERROR")), None),  # no such table
        (RuntimeError(), None),
        (raised(RuntimeError, psycopg.OperationalError()), None),
    ],
    ids=lambda value: repr(value.__cause__ or value) if isinstance(value, Exception) else str(value),
)  # fmt: skip
def test_what_the_database_tells_is_sorted(error: Exception, outage: Outage | None) -> None:
    assert outage_of(error) is outage

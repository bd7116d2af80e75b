"""DATABASE_URL in all its forms, and what is said about those that cannot be used."""

import pytest

from budget_system.database_url import DatabaseAddress, DatabaseURLError, parse_database_url

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("url", "address"),
    [
        (
            "postgresql://ann:secret@db.example.com:6543/budgets",
            DatabaseAddress("postgresql", "budgets", "ann", "secret", "db.example.com", "6543"),
        ),
        ("postgres://localhost/budgets", DatabaseAddress("postgresql", "budgets", host="localhost")),
        ("postgresql:///budgets", DatabaseAddress("postgresql", "budgets")),
        (
            "postgresql://ann@/budgets?host=/var/run/postgresql",
            DatabaseAddress("postgresql", "budgets", "ann", host="/var/run/postgresql"),
        ),
        (
            "postgresql://ann:@/budgets?host=/srv/a%20b+c&port=5433",
            DatabaseAddress("postgresql", "budgets", "ann", host="/srv/a b+c", port="5433"),
        ),
        (
            "postgresql://%2Fsrv%2FSockets:5433/budgets",
            DatabaseAddress("postgresql", "budgets", host="/srv/Sockets", port="5433"),
        ),
        (
            "postgresql://[::1]:5432/budgets",
            DatabaseAddress("postgresql", "budgets", host="::1", port="5432"),
        ),
        (
            "postgresql://a%40b:p%40%3A%2F%3F%23%25@host/my%20budgets",
            DatabaseAddress("postgresql", "my budgets", "a@b", "p@:/?#%", "host"),
        ),
        (
            "postgresql://host/budgets?sslmode=require&connect_timeout=5",
            DatabaseAddress(
                "postgresql", "budgets", host="host", options={"sslmode": "require", "connect_timeout": "5"}
            ),
        ),
        ("sqlite:///db.sqlite3", DatabaseAddress("sqlite", "db.sqlite3")),
        ("sqlite:////srv/my%20data/db.sqlite3", DatabaseAddress("sqlite", "/srv/my data/db.sqlite3")),
        ("  sqlite:///db.sqlite3\n", DatabaseAddress("sqlite", "db.sqlite3")),
    ],
)
def test_a_url_names_an_address(url: str, address: DatabaseAddress) -> None:
    assert parse_database_url(url) == address


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://ann:secret@host/budgets", "begins with 'mysql:'"),
        ("budgets", "names no database kind"),
        ("ann:secret@host/budgets", "names no database kind"),
        ("postgresql://ann:secret@host", "must end in the database's name"),
        ("postgresql://ann:secret@host/", "must end in the database's name"),
        ("postgresql://ann:secret@host/a/b", "must end in the database's name"),
        ("postgresql://ann:secret@host/budgets?pool=true", "unknown parameter 'pool'"),
        ("postgresql://ann:secret@host/budgets?host=/srv", "names a host twice"),
        ("postgresql://ann:secret@host:1/budgets?port=2", "names a port twice"),
        ("postgresql://ann:secret@host:99999/budgets", "no number from 1 to 65535"),
        ("postgresql://ann:sec/ret@host/budgets", "%2F"),
        ("postgresql://ann:secret#@host/budgets", "%23"),
        ("postgresql://ann:secret[@host/budgets", "is not a URL"),
        ("sqlite://db.sqlite3", "takes no host"),
        ("sqlite:///", "must name a file"),
        ("sqlite:///:memory:", "cannot share a database in memory"),
        ("sqlite:///db.sqlite3?mode=ro", "takes no parameters"),
    ],
)
def test_what_is_wrong_with_a_url_is_said_without_its_password(url: str, said: str) -> None:
    with pytest.raises(DatabaseURLError) as refused:
        parse_database_url(url)
    message = str(refused.value)
    assert said in message
    assert message.startswith("DATABASE_URL ")
    assert "sec" not in message


def test_an_address_shown_in_an_error_hides_its_password() -> None:
    assert "secret" not in repr(parse_database_url("postgresql://ann:secret@host/budgets"))

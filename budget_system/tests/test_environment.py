"""The settings a person gives: from the environment and .env, checked, with errors that name them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from budget_system import settings
from budget_system.database_url import DatabaseAddress
from budget_system.environment import (
    BASE_DIR,
    Environment,
    SettingError,
    read_environment,
    read_platform_credentials,
)

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def nothing_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Environment.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("ENV_FILE", os.devnull)


def test_without_anything_given_the_defaults_hold() -> None:
    environment = read_environment()
    assert environment.debug is False
    assert environment.allowed_hosts == ["localhost", "127.0.0.1", "[::1]"]
    assert environment.time_zone == "UTC"
    assert environment.database_address() is None
    assert environment.celery_broker_url == "redis://localhost:6379/0"
    assert environment.celery_result_backend == ""


def test_an_empty_value_counts_as_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Environment.model_fields:
        monkeypatch.setenv(name.upper(), "")
    assert read_environment() == Environment()


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("TIME_ZONE=Asia/Kathmandu\nDEBUG=true\nUNKNOWN=1\nALLOWED_HOSTS=a.example, b.example,\n")
    monkeypatch.setenv("ENV_FILE", str(file))
    monkeypatch.setenv("TIME_ZONE", "Africa/Lagos")
    environment = read_environment()
    assert environment.time_zone == "Africa/Lagos"
    assert environment.debug is True
    assert environment.allowed_hosts == ["a.example", "b.example"]


def test_secrets_of_platforms_come_from_the_file_the_folder_and_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file, folder = tmp_path / ".env", tmp_path / "secrets"
    file.write_text("PLATFORM_A=file\nPLATFORM_B=file\nPLATFORM_EMPTY=\nOTHER=file\n")
    folder.mkdir()
    (folder / "platform_c").write_text("folder\n")
    (folder / "secret_key").write_text("folder\n")
    monkeypatch.setenv("ENV_FILE", str(file))
    monkeypatch.setenv("SECRETS_DIR", str(folder))
    monkeypatch.setenv("PLATFORM_A", "environment")
    found = read_platform_credentials()
    assert {name: secret.get_secret_value() for name, secret in found.items()} == {
        "PLATFORM_A": "environment",
        "PLATFORM_B": "file",
        "PLATFORM_C": "folder",
    }
    assert "environment" not in repr(found)


def test_the_example_file_gives_every_setting_and_changes_none(monkeypatch: pytest.MonkeyPatch) -> None:
    example = BASE_DIR / ".env.example"
    names = {line.partition("=")[0] for line in example.read_text().splitlines() if line[:1].isalpha()}
    assert names == {name.upper() for name in Environment.model_fields}
    monkeypatch.setenv("ENV_FILE", str(example))
    assert read_environment() == Environment()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TIME_ZONE", "Lagos", "TIME_ZONE: 'Lagos' is no IANA time zone"),
        ("TIME_ZONE", "+01:00", "TIME_ZONE: '+01:00' is no IANA time zone"),
        ("DEBUG", "perhaps", "DEBUG: Input should be a valid boolean"),
        ("DB_PORT", "five", "DB_PORT: Input should be a valid integer"),
        ("DB_POOL_SIZE", "-1", "DB_POOL_SIZE: give a number of connections"),
        ("IMPORT_MAX_BYTES", "0", "IMPORT_MAX_BYTES: Input should be greater than 0"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingError) as refused:
        read_environment()
    assert said in str(refused.value)


def test_uploads_are_kept_beside_the_code_unless_a_place_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = read_environment()
    assert BASE_DIR / environment.media_root == BASE_DIR / "media"
    assert environment.import_max_bytes == 209_715_200
    monkeypatch.setenv("MEDIA_ROOT", "/srv/media")
    assert Path("/srv/media") == BASE_DIR / read_environment().media_root


def test_the_database_can_be_given_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = {"NAME": "budgets", "USER": "ann", "PASSWORD": "p@:/", "HOST": "/run/postgresql", "PORT": "5433"}
    for name, value in pieces.items():
        monkeypatch.setenv(f"DB_{name}", value)
    expected = DatabaseAddress("postgresql", "budgets", "ann", "p@:/", "/run/postgresql", "5433")
    assert read_environment().database_address() == expected


def test_a_url_wins_over_the_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:////srv/db.sqlite3")
    monkeypatch.setenv("DB_NAME", "budgets")
    assert read_environment().database_address() == DatabaseAddress("sqlite", "/srv/db.sqlite3")


def test_pieces_without_a_name_are_refused_not_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_HOST", "db.example.com")
    with pytest.raises(SettingError, match="DB_HOST is set and DB_NAME is not"):
        read_environment().database_address()


def test_a_secret_is_not_shown_with_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SECRET_KEY", "DB_PASSWORD", "DATABASE_URL"):
        monkeypatch.setenv(name, "postgresql://ann:hidden@host/budgets")
    assert "hidden" not in repr(read_environment())


def settings_seen(**env: str) -> Any:
    """Load the settings in a process of its own and return some of them."""
    shown = (
        "import json; from django.conf import settings as s; d = s.DATABASES['default'];"
        "print(json.dumps([s.TIME_ZONE, str(d['NAME']), d['OPTIONS'], s.SECRET_KEY, s.STORAGES['staticfiles'],"
        " s.SESSION_COOKIE_SECURE, s.CELERY_TIMEZONE]))"
    )
    usual = {name: value for name, value in os.environ.items() if name.upper() != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", shown],
        env=usual | {"DJANGO_SETTINGS_MODULE": "budget_system.settings"} | env,
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return done.stderr.strip().splitlines()[-1]
    return json.loads(done.stdout)


def test_a_missing_secret_key_is_refused_in_one_sentence() -> None:
    said = settings_seen()
    assert said.startswith("django.core.exceptions.ImproperlyConfigured: SECRET_KEY is not set")


def test_debug_needs_no_secret_key_and_no_collected_files() -> None:
    _, name, options, key, storage, _, _ = settings_seen(DEBUG="true")
    assert name == str(BASE_DIR / "db.sqlite3")
    assert options["transaction_mode"] == "IMMEDIATE"
    assert key.startswith("only-for-debug")
    assert storage == {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}


def test_production_settings_take_what_is_given() -> None:
    seen = settings_seen(
        SECRET_KEY="k" * 50,
        ALLOWED_HOSTS="budgets.example",
        SECURE="true",
        TIME_ZONE="Africa/Lagos",
        DATABASE_URL="postgresql://ann@/budgets?host=/run/postgresql&sslmode=disable",
        DB_POOL_SIZE="3",
    )
    assert seen == [
        "Africa/Lagos",
        "budgets",
        {
            "connect_timeout": 3,
            "tcp_user_timeout": 10_000,
            "sslmode": "disable",
            "pool": {"min_size": 1, "max_size": 3, "timeout": 3, "reconnect_timeout": 2},
        },
        "k" * 50,
        {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
        True,
        "UTC",
    ]


@pytest.mark.once
def test_behind_a_pooler_no_process_keeps_a_pool_or_a_cursor() -> None:
    address = DatabaseAddress("postgresql", "budgets")
    usual, pooled = (settings.database(address, 8, is_behind_pooler=each) for each in (False, True))
    assert ("pool" in usual["OPTIONS"], usual["DISABLE_SERVER_SIDE_CURSORS"]) == (True, False)
    assert ("pool" in pooled["OPTIONS"], pooled["DISABLE_SERVER_SIDE_CURSORS"]) == (False, True)


def test_a_replica_is_of_a_database_of_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_environment().replica_address() is None
    monkeypatch.setenv("REPLICA_DATABASE_URL", "postgresql://ann:p%40@replica:5433/budgets?sslmode=require")
    for name, value in (("DATABASE_URL", "postgres://db/budgets"), ("DB_NAME", "budgets")):
        with monkeypatch.context() as given:
            given.setenv(name, value)
            assert read_environment().replica_address() == DatabaseAddress(
                "postgresql", "budgets", "ann", "p@", "replica", "5433", {"sslmode": "require"}
            )


@pytest.mark.parametrize(
    ("primary", "replica", "said"),
    [
        ("", "postgresql://replica/budgets", "a replica needs PostgreSQL on both sides"),
        ("sqlite:///db.sqlite3", "postgresql://replica/budgets", "a replica needs PostgreSQL on both sides"),
        ("postgresql://db/budgets", "sqlite:///db.sqlite3", "a replica needs PostgreSQL on both sides"),
        ("postgresql://db/budgets", "mysql://replica/budgets", "begins with 'mysql:'"),
        ("postgresql://db/budgets", "postgresql://ann:hidden@replica/", "must end in the database's name"),
    ],
)
def test_a_replica_that_cannot_be_one_is_refused(
    monkeypatch: pytest.MonkeyPatch, primary: str, replica: str, said: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", primary)
    monkeypatch.setenv("REPLICA_DATABASE_URL", replica)
    with pytest.raises(ValueError, match=r"^REPLICA_DATABASE_URL ") as refused:
        read_environment().replica_address()
    assert said in str(refused.value)
    assert "hidden" not in str(refused.value)


def test_the_replicas_password_is_hidden_and_its_address_may_be_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "replica_database_url").write_text("postgresql://ann:hidden@replica/budgets\n")
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", "postgresql://db/budgets")
    address = read_environment().replica_address()
    assert address is not None
    assert address.password == "hidden"
    assert "hidden" not in repr((address, read_environment()))


def test_settings_have_a_replica_where_one_is_given() -> None:
    shown = (
        "from django.conf import settings as s;"
        "print(sorted(s.DATABASES), s.DATABASES.get('replica', {}).get('HOST'),"
        " 'hidden' in s.LOGGING['formatters']['chosen']['secrets'])"
    )
    given = {
        "SECRET_KEY": "k" * 50,
        "DATABASE_URL": "postgresql://db/budgets",
        "REPLICA_DATABASE_URL": "postgresql://ann:hidden@replica/budgets",
    }
    for number, expected in ((2, "['default'] None False"), (3, "['default', 'replica'] replica True")):
        done = subprocess.run(
            [sys.executable, "-c", shown],
            env=os.environ
            | {"DJANGO_SETTINGS_MODULE": "budget_system.settings"}
            | dict(list(given.items())[:number]),
            cwd=BASE_DIR,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == expected


KEY = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
PRODUCTION = {
    "SECURE": "true",
    "SECRET_KEY": "k" * 50,
    "ALLOWED_HOSTS": "budgets.example",
    "DATABASE_URL": "postgresql://budgets@db/budgets",
}


def give(monkeypatch: pytest.MonkeyPatch, **given: str) -> None:
    for name, value in (PRODUCTION | given).items():
        monkeypatch.setenv(name, value)


def test_production_starts_with_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    give(monkeypatch)
    read_environment().check_secure()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SECRET_KEY", "", "SECRET_KEY (at least 50 characters)"),
        ("SECRET_KEY", "k" * 49, "SECRET_KEY (at least 50 characters)"),
        ("ALLOWED_HOSTS", "", "ALLOWED_HOSTS (the names of this site, and not *)"),
        ("ALLOWED_HOSTS", "*", "ALLOWED_HOSTS (the names of this site, and not *)"),
        ("DATABASE_URL", "", "DATABASE_URL or DB_NAME"),
    ],
)
def test_production_refuses_to_start_without(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    give(monkeypatch, **{name: value})
    with pytest.raises(SettingError) as refused:
        read_environment().check_secure()
    assert str(refused.value) == f"SECURE is on, which needs these to be given: {said}."


def test_the_trial_needs_none_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    read_environment().check_secure()
    monkeypatch.setenv("SECURE", "true")
    monkeypatch.setenv("DEBUG", "true")
    read_environment().check_secure()


def test_secrets_may_be_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text("s" * 60 + "\n")
    (tmp_path / "db_password").write_text("hunter 2\n")
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("DB_NAME", "budgets")
    environment = read_environment()
    assert environment.secret_key.get_secret_value() == "s" * 60
    address = environment.database_address()
    assert address is not None
    assert address.password == "hunter 2"


def test_djangos_own_check_for_production_finds_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=BASE_DIR,
        env=PRODUCTION
        | {
            "PATH": os.environ["PATH"],
            "DATABASE_URL": "sqlite:///none.sqlite3",
            "SECRET_KEY": KEY,
            "ENV_FILE": os.devnull,
            "DJANGO_SETTINGS_MODULE": "budget_system.settings",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "System check identified no issues (0 silenced).\n"), (
        done.stderr
    )

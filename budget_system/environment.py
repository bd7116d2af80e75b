"""The settings a person gives, from the environment and `.env`, typed and checked. Needs no Django."""

import os
import re
from collections.abc import Mapping
from email.utils import parseaddr
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from dotenv import dotenv_values
from pydantic import NonNegativeInt, PositiveInt, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from budget_system.database_url import DatabaseAddress, DatabaseURLError, parse_database_url
from budget_system.email_url import EmailServer, parse_email_url

# Their names begin so, that a connection can name nothing else of the environment.
PLATFORM_CREDENTIAL = re.compile(r"PLATFORM_[A-Z0-9_]+")

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY_LENGTH = 50


class SettingError(ValueError):
    """A setting that cannot be used; the message names it and says what would be right."""


class Environment(BaseSettings):
    """One field for each setting of `.env.example`; an empty value counts as not given."""

    model_config = SettingsConfigDict(
        env_file_encoding="utf-8", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True
    )

    debug: bool = False
    secret_key: SecretStr = SecretStr("")
    allowed_hosts: Annotated[list[str], NoDecode] = ["localhost", "127.0.0.1", "[::1]"]
    secure: bool = False
    behind_proxy: bool = False
    hsts_seconds: NonNegativeInt = 31_536_000
    require_two_factor: Literal["none", "staff"] = "none"
    time_zone: str = "UTC"
    static_root: Path = Path("staticfiles")
    media_root: Path = Path("media")
    import_max_bytes: PositiveInt = 200 * 1024 * 1024

    database_url: SecretStr = SecretStr("")
    db_name: str = ""
    db_user: str = ""
    db_password: SecretStr = SecretStr("")
    db_host: str = ""
    db_port: int | None = None
    db_pool_size: int = 8
    db_transaction_pooler: bool = False
    replica_database_url: SecretStr = SecretStr("")

    celery_broker_url: str = "redis://localhost:6379/0"
    celery_result_backend: str = ""
    sweep_parts: PositiveInt = 1
    cache_url: str = ""

    api_requests_per_minute: NonNegativeInt = 600
    api_max_body_bytes: PositiveInt = 5 * 1024 * 1024

    outbound_trusted_hosts: Annotated[list[str], NoDecode] = []

    site_url: str = "http://127.0.0.1:8000"
    email_url: SecretStr = SecretStr("console:")
    email_from: str = "Budgets <budgets@localhost>"
    alert_settle_seconds: NonNegativeInt = 10

    log_format: Literal["line", "json"] = "line"
    metrics_token: SecretStr = SecretStr("")
    metrics_networks: Annotated[list[str], NoDecode] = []
    sentry_dsn: SecretStr = SecretStr("")

    @field_validator("outbound_trusted_hosts")
    @classmethod
    def _in_lower_case(cls, value: list[str]) -> list[str]:
        return [host.lower() for host in value]

    @field_validator("metrics_networks")
    @classmethod
    def _are_networks(cls, value: list[str]) -> list[str]:
        for network in value:
            try:
                ip_network(network)
            except ValueError:
                raise ValueError(
                    f"'{network}' is no address or network such as 10.0.0.7 or 10.0.0.0/8"
                ) from None
        return value

    @field_validator("allowed_hosts", "metrics_networks", "outbound_trusted_hosts", mode="before")
    @classmethod
    def _split_at_commas(cls, value: Any) -> Any:
        return (
            [host.strip() for host in value.split(",") if host.strip()] if isinstance(value, str) else value
        )

    @field_validator("time_zone")
    @classmethod
    def _is_an_iana_name(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"'{value}' is no IANA time zone; give a name such as UTC or Africa/Lagos")
        return value

    @field_validator("site_url")
    @classmethod
    def _is_a_site(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("give the address of the site, such as https://budgets.example")
        return value.rstrip("/")

    @field_validator("email_from")
    @classmethod
    def _is_a_sender(cls, value: str) -> str:
        address = parseaddr(value)[1]
        if "@" not in address or "\n" in value:
            raise ValueError("give an address, such as Budgets <budgets@agency.example>")
        return value

    @field_validator("db_pool_size")
    @classmethod
    def _is_not_negative(cls, value: int) -> int:
        if value < 0:
            raise ValueError("give a number of connections, or 0 for no pool")
        return value

    def secret_key_or_debug_key(self) -> str:
        """The key that signs sessions; required, but for DEBUG, where a fixed one stands in."""
        key = self.secret_key.get_secret_value()
        if key or not self.debug:
            return key or _refuse(
                "SECRET_KEY is not set: give a long random value in the environment or in .env, for example "
                'from `python -c "import secrets; print(secrets.token_urlsafe(50))"`; '
                "DEBUG=true runs without one, on a developer's machine only."
            )
        return "only-for-debug-" + "x" * 50

    def check_secure(self) -> None:
        """With SECURE, refuse what only the trial may leave to a default; raises SettingError."""
        if not self.secure or self.debug:
            return
        missing = []
        if len(self.secret_key.get_secret_value()) < SECRET_KEY_LENGTH:
            missing.append(f"SECRET_KEY (at least {SECRET_KEY_LENGTH} characters)")
        if "allowed_hosts" not in self.model_fields_set or "*" in self.allowed_hosts:
            missing.append("ALLOWED_HOSTS (the names of this site, and not *)")
        if self.database_address() is None:
            missing.append("DATABASE_URL or DB_NAME")
        if missing:
            _refuse(f"SECURE is on, which needs these to be given: {', '.join(missing)}.")

    def secrets(self) -> list[str]:
        """The values given to settings that are secret: nothing that is written may contain them."""
        given = (getattr(self, name) for name in self.model_fields_set)
        return [value.get_secret_value() for value in given if isinstance(value, SecretStr)]

    def cache_address(self) -> str:
        """The Redis that counts requests: the one of CACHE_URL, else the broker's if it is one, else ''."""
        url = self.cache_url or self.celery_broker_url
        if url.startswith("redis+socket://"):
            return f"unix://{url.removeprefix('redis+socket://')}"
        return url if url.startswith(("redis://", "rediss://", "unix://")) else ""

    def email_server(self) -> EmailServer:
        """The server that takes mail."""
        return parse_email_url(self.email_url.get_secret_value())

    def database_address(self) -> DatabaseAddress | None:
        """The database of DATABASE_URL, else the PostgreSQL one of DB_NAME and its kin, else None."""
        if url := self.database_url.get_secret_value():
            return parse_database_url(url)
        if not self.db_name:
            for name in ("db_user", "db_password", "db_host", "db_port"):
                if name in self.model_fields_set:
                    _refuse(f"{name.upper()} is set and DB_NAME is not: give DB_NAME too, or neither.")
            return None
        return DatabaseAddress(
            engine="postgresql",
            name=self.db_name,
            user=self.db_user,
            password=self.db_password.get_secret_value(),
            host=self.db_host,
            port=str(self.db_port or ""),
        )

    def replica_address(self) -> DatabaseAddress | None:
        """The database of REPLICA_DATABASE_URL: a streaming replica of the primary, which only PostgreSQL has."""
        url = self.replica_database_url.get_secret_value()
        if not url:
            return None
        try:
            replica = parse_database_url(url)
        except DatabaseURLError as error:
            raise DatabaseURLError(f"REPLICA_{error}") from None  # its messages begin with the setting's name
        primary = self.database_address()
        if primary is None or {primary.engine, replica.engine} != {"postgresql"}:
            _refuse(
                "REPLICA_DATABASE_URL is set, and a replica needs PostgreSQL on both sides: give it as "
                "postgresql://user:password@host:5432/name, and its primary as DATABASE_URL or DB_NAME."
            )
        return replica


def read_platform_credentials() -> Mapping[str, SecretStr]:
    """The secrets of platforms: what is named PLATFORM_... in ENV_FILE's file, SECRETS_DIR or the environment."""
    folder = os.environ.get("SECRETS_DIR")
    files = Path(folder).iterdir() if folder else ()
    named = (path for path in files if PLATFORM_CREDENTIAL.fullmatch(path.name.upper()))
    secrets = {path.name.upper(): path.read_text().strip() for path in named}
    given = {**secrets, **dotenv_values(_env_file()), **os.environ}
    return {
        name: SecretStr(value)
        for name, value in given.items()
        if value and PLATFORM_CREDENTIAL.fullmatch(name)
    }


def _env_file() -> str:
    return os.environ.get("ENV_FILE", str(BASE_DIR / ".env"))


def _refuse(message: str) -> str:
    raise SettingError(message)


def read_environment() -> Environment:
    """Read the environment, the file that ENV_FILE names (`.env` beside manage.py, if it is not set), and the
    folder that SECRETS_DIR names: a file for each setting, as containers are given their secrets.
    """
    try:
        return Environment(_env_file=_env_file(), _secrets_dir=os.environ.get("SECRETS_DIR") or None)
    except ValidationError as error:
        wrong = (f"{str(each['loc'][0]).upper()}: {each['msg']}" for each in error.errors())
        raise SettingError("; ".join(wrong).replace("Value error, ", "") + ".") from None

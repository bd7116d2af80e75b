"""The settings a person gives, from the environment and `.env`, typed and checked. Needs no Django."""

import os
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import NonNegativeInt, PositiveInt, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from budget_system.database_url import DatabaseAddress, parse_database_url

BASE_DIR = Path(__file__).resolve().parent.parent


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

    celery_broker_url: str = "redis://localhost:6379/0"
    celery_result_backend: str = ""
    sweep_parts: PositiveInt = 1
    cache_url: str = ""

    api_requests_per_minute: NonNegativeInt = 600
    api_max_body_bytes: PositiveInt = 5 * 1024 * 1024

    log_format: Literal["line", "json"] = "line"
    metrics_token: SecretStr = SecretStr("")
    metrics_networks: Annotated[list[str], NoDecode] = []
    sentry_dsn: SecretStr = SecretStr("")

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

    @field_validator("allowed_hosts", "metrics_networks", mode="before")
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


def _refuse(message: str) -> str:
    raise SettingError(message)


def read_environment() -> Environment:
    """Read the environment and the file that ENV_FILE names (`.env` beside manage.py, if it is not set)."""
    try:
        return Environment(_env_file=os.environ.get("ENV_FILE", str(BASE_DIR / ".env")))
    except ValidationError as error:
        wrong = (f"{str(each['loc'][0]).upper()}: {each['msg']}" for each in error.errors())
        raise SettingError("; ".join(wrong).replace("Value error, ", "") + ".") from None

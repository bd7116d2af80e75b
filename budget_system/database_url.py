"""Read a DATABASE_URL. Pure: no environment, no files. Messages never contain the password."""

from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

POSTGRESQL_SCHEMES: Final = frozenset({"postgres", "postgresql"})
LIBPQ_PARAMETERS: Final = frozenset(
    {
        "application_name",
        "connect_timeout",
        "gssencmode",
        "keepalives",
        "keepalives_idle",
        "options",
        "passfile",
        "service",
        "sslcert",
        "sslkey",
        "sslmode",
        "sslrootcert",
        "target_session_attrs",
    }
)
EXAMPLES: Final = (
    "postgresql://user:password@host:5432/name, postgresql:///name?host=/path/to/socket/directory "
    "or sqlite:////absolute/path.sqlite3"
)


class DatabaseURLError(ValueError):
    """A DATABASE_URL that cannot be used; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """Where a database is: for SQLite only `name`, a file's path; for PostgreSQL the rest too."""

    engine: Literal["postgresql", "sqlite"]
    name: str
    user: str = ""
    password: str = field(default="", repr=False)
    host: str = ""
    port: str = ""
    options: dict[str, str] = field(default_factory=dict)


def parse_database_url(url: str) -> DatabaseAddress:
    """Return the address a `postgres://`, `postgresql://` or `sqlite:///` URL names, percent-decoded."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        raise DatabaseURLError(f"DATABASE_URL is not a URL. Examples: {EXAMPLES}.") from None
    if parts.fragment:
        raise DatabaseURLError("DATABASE_URL contains a bare '#': write it as %23 (in a password too).")
    if parts.scheme in POSTGRESQL_SCHEMES:
        return _postgresql(parts)
    if parts.scheme == "sqlite":
        return _sqlite(parts)
    found = f"begins with '{parts.scheme}:'" if "://" in url and parts.scheme else "names no database kind"
    raise DatabaseURLError(f"DATABASE_URL {found}; it must be one of these forms: {EXAMPLES}.")


def _sqlite(parts: SplitResult) -> DatabaseAddress:
    if parts.netloc:
        raise DatabaseURLError(
            "DATABASE_URL for SQLite takes no host: three slashes and a path relative to the project "
            "(sqlite:///db.sqlite3), or four and an absolute path (sqlite:////srv/db.sqlite3)."
        )
    if parts.query:
        raise DatabaseURLError("DATABASE_URL for SQLite takes no parameters after '?'.")
    name = unquote(parts.path.removeprefix("/"))
    if name in {"", ":memory:"}:
        raise DatabaseURLError(
            "DATABASE_URL for SQLite must name a file, for example sqlite:///db.sqlite3: "
            "web, worker and beat are separate processes and cannot share a database in memory."
        )
    return DatabaseAddress(engine="sqlite", name=name)


def _postgresql(parts: SplitResult) -> DatabaseAddress:
    # A plus sign is a plus sign here: only forms write a space that way.
    options = dict(parse_qsl(parts.query.replace("+", "%2B"), keep_blank_values=True))
    hosts = [host for host in (_host(parts), options.pop("host", "")) if host]
    ports = [port for port in (_port(parts), options.pop("port", "")) if port]
    for what, values in (("host", hosts), ("port", ports)):
        if len(values) > 1:
            raise DatabaseURLError(f"DATABASE_URL names a {what} twice: before the path and as ?{what}=.")
    unknown = sorted(options.keys() - LIBPQ_PARAMETERS)
    if unknown:
        raise DatabaseURLError(
            f"DATABASE_URL has the unknown parameter '{unknown[0]}'; known are host, port, "
            f"{', '.join(sorted(LIBPQ_PARAMETERS))}."
        )
    name = unquote(parts.path.removeprefix("/"))
    if not name or "/" in name:
        raise DatabaseURLError(
            "DATABASE_URL must end in the database's name, for example postgresql://host:5432/budgets."
        )
    return DatabaseAddress(
        engine="postgresql",
        name=name,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        host=hosts[0] if hosts else "",
        port=ports[0] if ports else "",
        options=options,
    )


def _host(parts: SplitResult) -> str:
    written = parts.netloc.rpartition("@")[2]
    if written.startswith("%"):  # a socket's directory, whose case SplitResult.hostname would lose
        return unquote(written.partition(":")[0])
    return parts.hostname or ""


def _port(parts: SplitResult) -> str:
    try:
        return str(parts.port or "")
    except ValueError:
        # The text after the last colon may be a piece of a password with a bare '/', '@' or ':' in it.
        raise DatabaseURLError(
            "DATABASE_URL has a port that is no number from 1 to 65535; if the password contains "
            "':', '/', '?', '#' or '@', write them percent-encoded (%3A, %2F, %3F, %23, %40)."
        ) from None

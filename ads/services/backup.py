"""A backup of the whole database as one file, which has its name only when it could be read to its end."""

import hashlib
import os
import re
import sqlite3
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.db import connection
from psycopg.conninfo import make_conninfo

from ads.errors import CannotBackUp
from ads.models import JobProgress

# The row that tells when the last one was made.
BACKUP = "backup of the database"
OURS = re.compile(r"budgets-\d{8}T\d{6}Z\.(dump|sqlite3)(\.sha256|\.part)?")
PART = ".part"


@dataclass(frozen=True, slots=True)
class Backup:
    """What was written, and how many older backups were removed for it."""

    path: Path
    size: int
    removed: int


def back_up(folder: Path, keep: int, now: datetime) -> Backup:
    """Writes a backup and its SHA-256 into the folder, and removes all but the newest `keep` backups there.

    Raises CannotBackUp, and then leaves the older ones as they are.
    """
    is_sqlite = connection.vendor == "sqlite"
    path = folder / f"budgets-{now:%Y%m%dT%H%M%SZ}{'.sqlite3' if is_sqlite else '.dump'}"
    part = path.with_name(path.name + PART)
    try:
        part.touch(mode=0o600)
        _copy_sqlite(part) if is_sqlite else _dump_postgresql(part)
        _finish(part, path)
    except (OSError, sqlite3.Error) as error:
        raise CannotBackUp(str(error)) from error
    finally:
        part.unlink(missing_ok=True)
    JobProgress.objects.update_or_create(name=BACKUP, defaults={"finished_at": now})
    return Backup(path, path.stat().st_size, _prune(folder, keep))


def _copy_sqlite(part: Path) -> None:
    """A copy as of one moment, whoever writes meanwhile."""
    connection.ensure_connection()
    with closing(sqlite3.connect(part)) as copy:
        connection.connection.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")  # so that the file stands alone
        copy.execute("PRAGMA ignore_check_constraints=ON")  # they ask for functions that Django brings
        (found,) = copy.execute("PRAGMA integrity_check").fetchone()
    if found != "ok":
        raise CannotBackUp(f"the copy is damaged: {found}")


def _dump_postgresql(part: Path) -> None:
    given = connection.settings_dict
    address = {
        "dbname": given["NAME"],
        "user": given["USER"],
        "host": given["HOST"],
        "port": given["PORT"],
        **{name: value for name, value in given["OPTIONS"].items() if name != "pool"},
    }
    # Whoever lists the processes of the machine sees their arguments, and never their environment.
    password = {"PGPASSWORD": given["PASSWORD"]} if given["PASSWORD"] else {}
    conninfo = make_conninfo("", **{name: value for name, value in address.items() if value})
    _run(["pg_dump", "--format=custom", "--no-password", f"--file={part}", f"--dbname={conninfo}"], password)
    # Reads all of it, where a list of its contents would be found in a file that is cut off.
    _run(["pg_restore", f"--file={os.devnull}", str(part)], {})


def _run(command: Sequence[str], secrets: Mapping[str, str]) -> None:
    try:
        subprocess.run(command, env=os.environ | secrets, check=True, stderr=subprocess.PIPE, text=True)
    except FileNotFoundError:
        raise CannotBackUp(
            f"{command[0]} was not found: install PostgreSQL's programs of the server's version or a newer one "
            "(postgresql-client on Debian and Ubuntu)"
        ) from None
    except subprocess.CalledProcessError as error:
        raise CannotBackUp(f"{command[0]} failed: {error.stderr.strip()}") from None


def _finish(part: Path, path: Path) -> None:
    with part.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    # In the form that `sha256sum --check` reads.
    path.with_name(path.name + ".sha256").write_text(f"{digest}  {path.name}\n")
    part.replace(path)


def _prune(folder: Path, keep: int) -> int:
    ours = [each for each in folder.iterdir() if OURS.fullmatch(each.name)]
    backups = sorted(each.name for each in ours if each.suffix in {".dump", ".sqlite3"})
    kept = set(backups[-keep:])
    for each in ours:
        if each.name.removesuffix(".sha256") not in kept:
            each.unlink()
    return len(backups) - len(kept)

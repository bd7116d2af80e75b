"""Included by a worker: work that takes its process with it, as where the kernel finds no more memory."""

import os
import signal
from pathlib import Path
from typing import Any, NoReturn

from celery import shared_task

from ads.services import imports
from ads.services.import_summary import ImportSummary
from ads.services.imports import Job

FILE_NAME = "deadly.csv"
NOTES = "DRILL_NOTES"  # the variable that says where each try is noted

UNGUARDED: dict[str, Any] = {"retry_on_worker_lost": False}

run = imports.run


@shared_task(name="drills.die")
def die() -> NoReturn:
    """A message as any other."""
    _die("task")


@shared_task(name="drills.die_for_ever", **UNGUARDED)
def die_for_ever() -> NoReturn:
    """Without the guard: the message comes again each time."""
    _die("task")


def run_or_die(job: Job, **options: Any) -> ImportSummary:
    """In the place of `imports.run`: one file cannot be read and survived."""
    if job.file_name == FILE_NAME:
        _die("file")
    return run(job, **options)


def _die(what: str) -> NoReturn:
    with Path(os.environ[NOTES]).open("a") as notes:
        notes.write(f"{what}\n")
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("this process is still alive")


imports.run = run_or_die

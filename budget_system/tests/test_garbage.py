"""A process searches for garbage in cycles seldom, and one that serves not among what was loaded once."""

import subprocess
import sys

import pytest

from budget_system.environment import BASE_DIR
from budget_system.garbage import ALLOCATED_BEFORE

ASKED = "import gc; print(gc.isenabled(), gc.get_threshold()[0], gc.get_freeze_count() > 50_000)"
WORKER = (
    "from celery.signals import worker_process_init; from budget_system.celery import app; import ads.tasks"
)

pytestmark = pytest.mark.once


def answer(*command: str) -> list[str]:
    told = subprocess.run(
        [sys.executable, *command], cwd=BASE_DIR, capture_output=True, text=True, check=True
    )
    return told.stdout.split()


def test_a_web_process_is_seldom_interrupted() -> None:
    assert answer("-c", f"import budget_system.wsgi; {ASKED}") == ["True", str(ALLOCATED_BEFORE), "True"]


def test_neither_is_a_process_of_a_worker() -> None:
    begun = f"import django; django.setup(); {WORKER}; worker_process_init.send(sender=None); {ASKED}"
    assert answer("-c", begun) == ["True", str(ALLOCATED_BEFORE), "True"]


def test_nor_is_a_command() -> None:
    asked = answer("manage.py", "shell", "--no-imports", "--verbosity=0", "-c", ASKED)
    assert asked == ["True", str(ALLOCATED_BEFORE), "False"]

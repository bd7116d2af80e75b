"""A web process searches for garbage in cycles seldom, and not among what was loaded once."""

import subprocess
import sys

import pytest

from budget_system.garbage import ALLOCATED_BEFORE

ASKED = "import gc, budget_system.wsgi; print(gc.isenabled(), gc.get_threshold()[0], gc.get_freeze_count() > 50_000)"


@pytest.mark.once
def test_a_web_process_is_seldom_interrupted() -> None:
    told = subprocess.run([sys.executable, "-c", ASKED], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["True", str(ALLOCATED_BEFORE), "True"]

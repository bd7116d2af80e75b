"""The drills that take seconds, run as a person runs them; docs/drills.md tells of all of them."""

import subprocess
import sys

import pytest

from budget_system.environment import BASE_DIR
from drills.scripts import scripts

FAST = ("2",)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "drills", *arguments]
    return subprocess.run(command, cwd=BASE_DIR, capture_output=True, text=True, timeout=600, check=False)


@pytest.mark.unit
def test_each_drill_has_a_number_of_its_own_and_says_what_happens() -> None:
    found = list(scripts())
    assert len({script.number for script in found}) == len(found) > 1
    for script in found:
        assert script.what.endswith("."), script.name


@pytest.mark.integration
@pytest.mark.once
@pytest.mark.slow
def test_the_fast_ones_hold() -> None:
    done = run("--quick", *FAST)
    assert done.returncode == 0, done.stdout + done.stderr
    verdicts = done.stdout.rpartition("\n\n")[2].splitlines()
    assert [line.split()[0] for line in verdicts] == list(FAST)
    assert all(line.endswith(" holds") for line in verdicts)

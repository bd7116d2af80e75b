"""Django's test runner, handing over to pytest, so that `python manage.py test` runs the same tests."""

import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from budget_system.environment import BASE_DIR


class PytestRunner:
    """Run pytest in a process of its own, because it sets the environment before the settings are read."""

    def __init__(
        self,
        *,
        verbosity: int = 1,
        failfast: bool = False,
        keyword: str = "",
        engine: str = "sqlite",
        **_: Any,
    ) -> None:
        self._options = [f"--engine={engine}"]
        if verbosity != 1:
            self._options.append("-v" if verbosity > 1 else "-q")
        if failfast:
            self._options.append("--exitfirst")
        if keyword:
            self._options.append(f"-k={keyword}")

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Add the options of `manage.py test` that mean something to pytest."""
        parser.add_argument("-k", dest="keyword", default="", help="Only tests that match this expression.")
        parser.add_argument(
            "--engine", choices=["sqlite", "postgresql"], default="sqlite", help="Database engine."
        )

    def run_tests(self, test_labels: Sequence[str]) -> int:
        """Run the tests that the labels name (all without one); return pytest's exit code."""
        command = [sys.executable, "-m", "pytest", *self._options, *map(to_path, test_labels)]
        return subprocess.run(command, cwd=BASE_DIR, check=False).returncode


def to_path(label: str) -> str:
    """Turn a Django test label (app, dotted path to a module, class or test, or a path) into pytest's."""
    if Path(BASE_DIR, label.partition("::")[0]).exists():
        return label
    parts = label.split(".")
    for length in range(len(parts), 0, -1):
        path = Path(*parts[:length])
        if (BASE_DIR / path).is_dir():
            return str(path)
        if (BASE_DIR / path.with_suffix(".py")).is_file():
            return "::".join([str(path.with_suffix(".py")), *parts[length:]])
    return label

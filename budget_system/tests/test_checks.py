"""The checks check: mypy is strict, and the container files are what their tools expect."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from budget_system.environment import BASE_DIR

pytestmark = pytest.mark.once


def run(*command: str, cwd: Path = BASE_DIR) -> subprocess.CompletedProcess[str]:
    tool = Path(sys.executable).with_name(command[0])
    return subprocess.run([tool, *command[1:]], cwd=cwd, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_mypy_refuses_an_untyped_function_that_only_strict_mode_sees(tmp_path: Path) -> None:
    for name in ("budget_system", "ads"):
        shutil.copytree(BASE_DIR / name, tmp_path / name)
    shutil.copy(BASE_DIR / "mypy.ini", tmp_path)
    checked = tmp_path / "budget_system" / "database_url.py"
    with checked.open("a") as file:
        file.write("\n\ndef loose(value):\n    return value\n")
    done = run("mypy", "budget_system/database_url.py", "ads/rules/money.py", cwd=tmp_path)
    *errors, summary = done.stdout.splitlines()
    assert [error.partition(": ")[2] for error in errors] == [
        "error: Function is missing a type annotation  [no-untyped-def]"
    ], done.stdout + done.stderr
    assert errors[0].startswith("budget_system/database_url.py:")
    assert summary.startswith("Found 1 error in 1 file")
    assert done.returncode == 1


def test_the_dockerfile_passes_its_linter() -> None:
    done = run("hadolint", "Dockerfile")
    assert (done.returncode, done.stdout) == (0, "")


def test_the_compose_file_follows_its_schema_and_starts_the_six_services() -> None:
    done = run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml")
    assert done.returncode == 0, done.stdout
    compose = YAML(typ="safe").load((BASE_DIR / "docker-compose.yml").read_text())
    assert set(compose["services"]) == {
        "web",
        "redis",
        "celery-worker",
        "celery-effects",
        "celery-beat",
        "celery-flower",
    }
    published = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in published)


@pytest.mark.parametrize("script", ["start.sh", "test.sh", ".ci/run", "manage.py"])
def test_scripts_are_executable(script: str) -> None:
    assert (BASE_DIR / script).stat().st_mode & 0o111 == 0o111

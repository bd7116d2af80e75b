"""The checks check: mypy is strict, and the container files are what their tools expect."""

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from ruamel.yaml import YAML

from budget_system.environment import BASE_DIR, Environment

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


@cache
def composed(name: str) -> dict[str, dict[str, Any]]:
    """The services of a compose file that follows the schema."""
    done = run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", name)
    assert done.returncode == 0, done.stdout
    services: dict[str, dict[str, Any]] = YAML(typ="safe").load((BASE_DIR / name).read_text())["services"]
    return services


def published(services: dict[str, dict[str, Any]]) -> dict[str, list[str]]:
    return {name: service["ports"] for name, service in services.items() if "ports" in service}


def test_the_compose_file_starts_everything_and_publishes_on_loopback() -> None:
    services = composed("docker-compose.yml")
    assert set(services) == {
        "migrate", "web", "redis", "postgres", "celery-worker", "celery-effects", "celery-beat", "celery-flower",
        "sample-data",
    }  # fmt: skip
    assert published(services) == {"web": ["127.0.0.1:8000:8000"], "celery-flower": ["127.0.0.1:5555:5555"]}


def test_production_is_closed_but_for_the_proxy() -> None:
    services = composed("docker-compose.prod.yml")
    assert published(services) == {
        "proxy": ["80:80", "443:443", "443:443/udp"],
        "celery-flower": ["127.0.0.1:5555:5555"],
    }
    for name, service in services.items():
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["deploy"]["resources"]["limits"], name
        assert service.get("read_only") or name == "postgres", name
    reaching_out = {name for name, service in services.items() if "outer" in service["networks"]}
    assert reaching_out == {"proxy", "web", "celery-effects", "celery-flower"}


@pytest.mark.parametrize("name", ["docker-compose.yml", "docker-compose.prod.yml"])
def test_whoever_speaks_to_platforms_is_given_their_secrets(name: str) -> None:
    services = composed(name)
    secrets = {"path": "secrets/platforms.env", "required": False}
    for each in ("web", "celery-effects"):
        assert services[each]["env_file"][-1] == secrets, each
    for each in ("redis", "postgres"):
        assert "env_file" not in services[each], each


def test_flower_is_closed_in_production() -> None:
    flower = composed("docker-compose.prod.yml")["celery-flower"]
    assert flower["profiles"] == ["flower"]
    assert '--basic-auth="$${FLOWER_BASIC_AUTH:?' in " ".join(flower["command"])
    assert flower["ports"] == ["127.0.0.1:5555:5555"]


def test_what_is_no_site_is_not_asked_as_one() -> None:
    """The image's own health check asks a site: what inherits it would never be healthy."""
    services = composed("docker-compose.prod.yml")
    ours = {name: service for name, service in services.items() if "ad-budget-system" in service["image"]}
    assert len(ours) == 7
    asked = {name for name, service in ours.items() if "8000/healthz" in str(service.get("healthcheck"))}
    assert asked == {"web"}
    assert all("healthcheck" in service for service in ours.values())


def test_what_production_gives_is_a_setting_and_each_secret_is_made_by_its_page() -> None:
    page = (BASE_DIR / "docs/operations.md").read_text()
    services = composed("docker-compose.prod.yml")
    given: set[str] = set()
    for service in services.values():
        if "ad-budget-system" in service["image"]:
            given |= set(service["environment"])
        assert all(f"> secrets/{secret}\n" in page for secret in service.get("secrets", []))
    settings_known = {name.upper() for name in Environment.model_fields}
    assert given - settings_known == {"SECRETS_DIR", "FLOWER_BASIC_AUTH"}


def test_every_queue_has_a_worker() -> None:
    for name in ("docker-compose.yml", "docker-compose.prod.yml"):
        commands = [" ".join(service.get("command", "")) for service in composed(name).values()]
        served = [
            command.partition("--queues=")[2].split(",") for command in commands if "--queues=" in command
        ]
        assert sorted(queue for queues in served for queue in queues) == sorted(
            queue.name for queue in settings.CELERY_TASK_QUEUES
        )


@pytest.mark.parametrize(
    "script",
    [
        "start.sh", "test.sh", ".ci/run", "manage.py", "ops/systemd/budgets-run", "ops/systemd/budgets-manage",
        "ops/postgresql/archive-wal",
    ],
)  # fmt: skip
def test_scripts_are_executable(script: str) -> None:
    assert (BASE_DIR / script).stat().st_mode & 0o111 == 0o111

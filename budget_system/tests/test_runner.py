"""`./start.sh` in earnest: all services start, can be used, and leave no process behind, however they end."""

import http.client
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import psutil
import pytest

from budget_system.environment import BASE_DIR, Environment
from budget_system.options import parse
from budget_system.processes import NotReadyError, free_port, wait_until
from budget_system.runner import kept_secret
from budget_system.testing.fixtures import CommittedDatabase

START_SECONDS = 120
STOP_SECONDS = 60


def without_settings() -> dict[str, str]:
    """The environment without what configures this project."""
    settings = {*Environment.model_fields, "env_file", "django_settings_module"}
    return {name: value for name, value in os.environ.items() if name.lower() not in settings}


class Started:
    """A runner that a test started, and what it printed."""

    def __init__(self, data: Path, *options: str, **env: str) -> None:
        self.data, self.port, self.flower_port = data, free_port(), free_port()
        self.output = data.with_name(f"{data.name}-{self.port}.out")
        ports = (f"--port={self.port}", f"--flower-port={self.flower_port}")
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "budget_system.runner", f"--data={data}", *ports, *options],
                env=without_settings() | env,
                cwd=BASE_DIR,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.descendants: list[psutil.Process] = []

    def said(self) -> str:
        return self.output.read_text()

    def ready(self) -> "Started":
        try:
            wait_until(
                lambda: "Everything is running" in self.said(),
                seconds=START_SECONDS,
                what="the runner",
                process=self.process,
            )
        except NotReadyError as error:
            pytest.fail(f"{error}\n{self.said()}")
        self.descendants = psutil.Process(self.process.pid).children(recursive=True)
        return self

    def end(self, how: signal.Signals) -> int:
        """Send a signal; return the exit code when no process is left."""
        self.process.send_signal(how)
        code = self.process.wait(STOP_SECONDS)
        _, left = psutil.wait_procs(self.descendants, timeout=STOP_SECONDS)
        assert not [process for process in left if process.status() != psutil.STATUS_ZOMBIE]
        return code

    def service(self, name: str) -> psutil.Process:
        """Return the main process of the service whose command line holds this."""
        own = psutil.Process(self.process.pid).children()
        return next(process for process in own if name in process.cmdline())


Start = Callable[..., Started]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start runners on data of the test's own; end those that still run."""
    started: list[Started] = []

    def starter(*options: str, data: str = "var", **env: str) -> Started:
        started.append(Started(tmp_path / data, *options, **env))
        return started[-1]

    yield starter
    for one in started:
        if one.process.poll() is None:
            one.process.terminate()
            one.process.wait(STOP_SECONDS)


class Browser:
    """As much of a browser as logging in takes."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookies: dict[str, str] = {}

    def ask(self, path: str, form: dict[str, str] | None = None) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request("POST" if form is not None else "GET", path, urlencode(form or {}), headers)
        response = connection.getresponse()
        for cookie in response.headers.get_all("Set-Cookie") or []:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        body = response.read().decode()
        connection.close()
        return response.status, body

    def log_in(self, user: str, password: str) -> None:
        self.ask("/sign-in/")
        form = {"username": user, "password": password, "csrfmiddlewaretoken": self.cookies["csrftoken"]}
        assert self.ask("/sign-in/?next=/admin/", form)[0] == 302


def login_told(started: Started) -> tuple[str, str]:
    found = re.search(r"Login\s+(\S+) / (\S+)", started.said())
    assert found, started.said()
    return found[1], found[2]


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.once
def test_everything_starts_can_be_used_and_leaves_nothing_behind(start: Start, tmp_path: Path) -> None:
    first = start("--empty").ready()
    browser = Browser(first.port)
    browser.log_in(*login_told(first))
    status, page = browser.ask("/admin/")
    assert status == 200
    stylesheet = re.search(r'href="(/static/[^"]+\.css)"', page)
    assert stylesheet
    assert browser.ask(stylesheet[1])[0] == 200
    assert browser.ask("/")[0] == 200
    assert Browser(first.port).ask("/")[0] == 302
    assert Browser(first.flower_port).ask("/healthcheck") == (200, "OK")
    listening = {
        connection.laddr.ip
        for process in first.descendants
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}
    assert [path.stat().st_mode & 0o777 for path in (first.data, first.data / "admin_password")] == [
        0o700,
        0o600,
    ]

    settings_kept = first.data / "empty.env"
    assert settings_kept.stat().st_mode & 0o777 == 0o600
    command = [sys.executable, "manage.py", "shell", "--command", "print(User.objects.get().username)"]
    done = subprocess.run(
        command,
        env=without_settings() | {"ENV_FILE": str(settings_kept)},
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines()[-1] == "admin", done.stderr

    again = start("--empty")
    assert again.process.wait(STOP_SECONDS) == 1
    assert "it already runs on the data in" in again.said()
    elsewhere = start("--empty", f"--port={first.port}", data="elsewhere")
    assert elsewhere.process.wait(STOP_SECONDS) == 1
    assert f"port {first.port} is in use; choose another with --port." in elsewhere.said()
    flower = start("--empty", f"--flower-port={first.flower_port}", data="elsewhere")
    assert flower.process.wait(STOP_SECONDS) == 1
    assert f"port {first.flower_port} is in use; choose another with --flower-port." in flower.said()

    assert first.end(signal.SIGINT) == 0
    assert "Traceback" not in first.said()

    second = start("--empty").ready()
    assert login_told(second) == login_told(first)
    assert second.end(signal.SIGKILL) == -signal.SIGKILL


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.once
def test_the_trial_spends_by_itself_and_when_a_needed_service_ends_all_stop(start: Start) -> None:
    started = start().ready()
    started.service("simulate_spend").kill()
    wait_until(
        lambda: "simulation ended with exit code -9; the others go on" in started.said(),
        seconds=STOP_SECONDS,
        what="the news",
        process=started.process,
    )
    assert psutil.pid_exists(started.process.pid)
    started.service("beat").kill()
    assert started.process.wait(STOP_SECONDS) == 1
    assert "Not running: beat ended with exit code -9" in started.said()
    _, left = psutil.wait_procs(started.descendants, timeout=STOP_SECONDS)
    assert not left


@pytest.mark.slow
@pytest.mark.integration
def test_a_database_and_a_broker_in_the_environment_are_used(
    start: Start, committed_database: CommittedDatabase, broker_url: str
) -> None:
    from django.contrib.auth.models import User
    from django_celery_beat.models import PeriodicTask

    assert not User.objects.exists()
    started = start(DATABASE_URL=committed_database.url, CELERY_BROKER_URL=broker_url).ready()
    assert User.objects.get().username == "admin"
    assert PeriodicTask.objects.exists()
    assert sorted(re.findall(r"^  (\w+) +ready", started.said(), re.MULTILINE)) == [
        "beat",
        "effects",
        "flower",
        "web",
        "worker",
    ]
    assert not list(started.data.glob("*.sqlite3"))
    Browser(started.port).log_in(*login_told(started))
    assert started.end(signal.SIGTERM) == 0


@pytest.mark.integration
@pytest.mark.once
@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"DATABASE_URL": "postgresql://ann:hidden@127.0.0.1:1/budgets"}, "the database cannot be used: "),
        (
            {"CELERY_BROKER_URL": "redis://:hidden@127.0.0.1:1/0"},
            "the broker at CELERY_BROKER_URL (redis://:**@",
        ),
        ({"DATABASE_URL": "mysql://ann:hidden@host/budgets"}, "DATABASE_URL begins with 'mysql:'"),
        ({"TIME_ZONE": "Lagos"}, "TIME_ZONE: 'Lagos' is no IANA time zone"),
    ],
)
def test_what_cannot_be_used_is_said_in_a_sentence(start: Start, env: dict[str, str], said: str) -> None:
    started = start("--empty", **env)
    assert started.process.wait(START_SECONDS) == 1
    assert f"Not running: {said}" in started.said()
    assert "Traceback" not in started.said()
    assert "hidden" not in started.said()


@pytest.mark.unit
@pytest.mark.parametrize("port", ["0", "65536", "-1", "web"])
def test_a_port_that_is_none_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse([f"--port={port}"])
    assert f"'{port}' is no port number" in capsys.readouterr().err


@pytest.mark.unit
@pytest.mark.once
def test_help_is_told_before_anything_is_installed_and_is_that_of_the_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("PYTHON", sys.executable)
    shutil.copy(BASE_DIR / "start.sh", tmp_path)
    (tmp_path / "budget_system").mkdir()
    shutil.copy(BASE_DIR / "budget_system" / "options.py", tmp_path / "budget_system")
    # Neither requirements nor the project's packages are there.
    done = subprocess.run(
        ["/bin/bash", tmp_path / "start.sh", "--port=8001", "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    with pytest.raises(SystemExit):
        parse(["--help"])
    assert done.stdout == capsys.readouterr().out
    assert "--sample-data" in done.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"start.sh", "budget_system"}


def test_a_secret_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    secret = kept_secret(path, length=50)
    assert len(secret) > 50
    assert kept_secret(path, length=50) == secret
    assert path.stat().st_mode & 0o777 == 0o600

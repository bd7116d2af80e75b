"""Everything together in the foreground: broker, web, worker, beat, Flower and, on sample data, a simulation.

`./start.sh` calls it. What it keeps (database, keys, the broker's data, logs) is in one directory, `var/`. A
database or a broker named in the environment is used instead of the embedded ones. Whatever ends this process
ends what it started.
"""

import fcntl
import http.client
import os
import re
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import quote

import redis
from kombu.exceptions import OperationalError

from budget_system.broker import broker_command
from budget_system.database_url import DatabaseURLError
from budget_system.environment import BASE_DIR, Environment, SettingError, read_environment
from budget_system.options import Options, parse
from budget_system.processes import NotReadyError, port_is_free, start_process, stop_process, wait_until

ADMIN = "admin"
READY_SECONDS = 60
STOP_SECONDS = 10
LAST_LINES = 20
LONGEST_SOCKET_PLACE = 90  # systems allow 104 to 108 bytes for the whole
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# What is worth showing of a service's log: its warnings and worse, and what happens to campaigns.
WORTH_SHOWING = re.compile(
    r" (WARNING|ERROR|CRITICAL) [\w.]+: |\[(WARNING|ERROR|CRITICAL)\]| INFO ads\."
    r'|"level": "(warning|error|critical)"|"logger": "ads\.'
)


class StartError(RuntimeError):
    """Something that keeps the system from starting; the message is for the person who started it."""


@dataclass
class Service:
    """One program to run, how to see that it is ready, and its process once it is started."""

    name: str
    command: Sequence[str]
    ready: Callable[[], bool]
    log: Path
    needed: bool = True
    process: subprocess.Popen[bytes] | None = None
    shown: int = 0

    def new_lines(self) -> list[str]:
        """Return the log's lines worth showing that were not returned before."""
        with self.log.open("rb") as log:
            log.seek(self.shown)
            text = log.read()
        complete = text[: text.rfind(b"\n") + 1]
        self.shown += len(complete)
        return [line for line in complete.decode(errors="replace").splitlines() if WORTH_SHOWING.search(line)]

    def last_lines(self) -> str:
        """Return the end of the log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LAST_LINES:])


@dataclass
class Runner:
    """Starts services in order, watches them, and stops them in reverse order."""

    env: dict[str, str]
    services: list[Service] = field(default_factory=list)

    def start(self, service: Service) -> None:
        """Start a service and wait until it is ready."""
        began = time.monotonic()
        self.services.append(service)
        service.process = start_process(service.command, env=self.env, cwd=BASE_DIR, log=service.log)
        try:
            wait_until(service.ready, seconds=READY_SECONDS, what=service.name, process=service.process)
        except NotReadyError as error:
            raise StartError(f"{error}. The end of {service.log}:\n{service.last_lines()}") from None
        say(f"  {service.name:<11} ready after {time.monotonic() - began:.1f} s")

    def watch(self) -> None:
        """Show what is worth showing until a service ends that is needed, which is an error."""
        while True:
            for service in list(self.services):
                for line in service.new_lines():
                    say(f"{service.name:<10} | {line}")
                if service.process is not None and service.process.poll() is not None:
                    self._ended(service, service.process.returncode)
            time.sleep(0.5)

    def _ended(self, service: Service, code: int) -> None:
        what = f"{service.name} ended with exit code {code}"
        log = f"The end of {service.log}:\n{service.last_lines()}"
        if service.needed:
            raise StartError(f"{what}, so all stop. {log}")
        self.services.remove(service)
        say(f"{what}; the others go on. {log}")

    def stop(self) -> None:
        """Stop all services, the last one first; a further Ctrl-C does not cut this short."""
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        for service in reversed(self.services):
            if service.process is not None:
                stop_process(service.process, seconds=STOP_SECONDS)
        say("All services are stopped.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run everything until it is interrupted (exit code 0) or something fails (1)."""
    options = parse(arguments)
    for number in STOP_SIGNALS:
        signal.signal(number, signal.default_int_handler)
    try:
        with only_one(options.data):
            run(options)
    except KeyboardInterrupt:
        return 0
    except (StartError, SettingError, DatabaseURLError) as error:
        say(f"Not running: {error}")
        return 1
    return 0


@contextmanager
def only_one(data: Path) -> Iterator[None]:
    """Keep a second runner off the same data."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    (data / "log").mkdir(exist_ok=True)
    with (data / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartError(
                f"it already runs on the data in {data}; stop that one, or choose another place with --data."
            ) from None
        yield


def run(options: Options) -> None:
    """Prepare the database and run the services until somebody or something ends it."""
    for port, option in ((options.port, "--port"), (options.flower_port, "--flower-port")):
        if not port_is_free(port):
            raise StartError(f"port {port} is in use; choose another with {option}.")
    given = read_environment()
    own_database = given.database_address() is not None
    sample = options.sample_data or not (options.empty or own_database)
    with place_for_socket(options.data) as place:
        broker_socket = place / "socket"
        chosen = defaults(given, options, broker_socket)
        env = os.environ | chosen
        keep_settings(options.env_file, chosen)
        login = prepare(env, options.data, sample=sample)
        runner = Runner(env)
        try:
            for service in services(given, options, broker_socket, sample=sample):
                runner.start(service)
            announce(options, login)
            runner.watch()
        finally:
            runner.stop()


@contextmanager
def place_for_socket(data: Path) -> Iterator[Path]:
    """Give a directory that only this user can enter and whose path is short enough for a socket's name."""
    if len(str(data)) < LONGEST_SOCKET_PLACE:
        yield data
        return
    with tempfile.TemporaryDirectory(prefix="budget-broker-") as place:
        yield Path(place)


def defaults(given: Environment, options: Options, broker_socket: Path) -> dict[str, str]:
    """Return the settings that nobody gave, so that everything embedded is used for them."""
    database = options.data / ("empty.sqlite3" if options.empty else "trial.sqlite3")
    values = {"DJANGO_SETTINGS_MODULE": "budget_system.settings"}
    if given.database_address() is None:
        values["DATABASE_URL"] = f"sqlite:///{quote(str(database))}"
    if "celery_broker_url" not in given.model_fields_set:
        values["CELERY_BROKER_URL"] = f"redis+socket://{broker_socket}"
    if "static_root" not in given.model_fields_set:
        values["STATIC_ROOT"] = str(options.data / "static")
    if "media_root" not in given.model_fields_set:
        values["MEDIA_ROOT"] = str(options.data / "media")
    if "site_url" not in given.model_fields_set:
        values["SITE_URL"] = f"http://127.0.0.1:{options.port}"
    if not given.secret_key.get_secret_value():
        values["SECRET_KEY"] = kept_secret(options.data / "secret_key", length=32)
    return values


def keep_settings(path: Path, chosen: Mapping[str, str]) -> None:
    """Write settings as a file that only this user may read and that ENV_FILE can name."""
    path.touch(mode=0o600)
    path.write_text("".join(f"{name}='{value}'\n" for name, value in chosen.items()))


def kept_secret(path: Path, *, length: int) -> str:
    """Return the random text kept in this file, which only this user may read; make it if there is none."""
    if not path.exists():
        new = path.with_name(f"{path.name}.new")
        new.touch(mode=0o600)
        new.write_text(secrets.token_hex(length))
        new.replace(path)  # so that a half-written one is never read
    return path.read_text()


def prepare(env: dict[str, str], data: Path, *, sample: bool) -> str:
    """Bring the database up to date; return what to tell about the login."""
    os.environ.update(env | {"DB_POOL_SIZE": "0"})
    import django
    from django.conf import settings
    from django.core.management import call_command
    from django.db import Error, connections

    django.setup()
    say("Preparing the database ...")
    try:
        call_command("migrate", verbosity=0, interactive=False)
    except Error as error:
        raise StartError(f"the database cannot be used: {error}") from None
    if not settings.DEBUG:
        call_command("collectstatic", verbosity=0, interactive=False)
    if sample:
        say("Creating sample data ...")
        call_command("create_sample_data")
    login = admin_login(data / "admin_password", sample=sample)
    connections.close_all()
    return login


def admin_login(password_file: Path, *, sample: bool) -> str:
    """Make an admin login where nobody could log in as one; return what to tell about it.

    Where that login is told, one person of each role of the sample data gets the same password.
    """
    from django.contrib.auth.models import User

    from ads.sample_data.people import let_in

    password = kept_secret(password_file, length=8)
    if not User.objects.filter(is_superuser=True, is_active=True).exists():
        User.objects.create_superuser(ADMIN, password=password)
    admin = User.objects.filter(username=ADMIN).first()
    if admin is not None and admin.check_password(password):
        others = let_in(password) if sample else {}
        told = [f"{ADMIN} / {password}   (kept in {password_file})"]
        told += [f"{name} / the same   ({role})" for name, role in others.items()]
        return "\n          ".join(told)
    return "your own; `python manage.py changepassword` sets a new password"


def services(given: Environment, options: Options, broker_socket: Path, *, sample: bool) -> Iterator[Service]:
    """Give each service in the order in which they start."""
    logs = options.data / "log"
    host = given.allowed_hosts[0].lstrip("*.") or "localhost"
    python = (sys.executable, "-u", "-m")
    celery = (*python, "celery", "-A", "budget_system")

    def service(name: str, command: Sequence[str], ready: Callable[[], bool]) -> Service:
        return Service(name, command, ready, logs / f"{name}.log")

    if "celery_broker_url" in given.model_fields_set:
        expect_broker()
    else:
        (options.data / "broker").mkdir(exist_ok=True)
        command = broker_command(options.data / "broker", socket=broker_socket)
        yield service("broker", command, lambda: answers_ping(broker_socket))
    web = ("--no-control-socket", f"--bind=127.0.0.1:{options.port}", "--workers=2", "--threads=4")
    yield service(
        "web",
        (*python, "gunicorn", "budget_system.wsgi:application", *web, "--graceful-timeout=5"),
        lambda: http_status(options.port, "/healthz", host) == http.HTTPStatus.OK,
    )
    # Effects have processes of their own: a receiver that is slow must not delay ingest or enforcement.
    for name, queues in (("worker", "celery,ingest,enforcement"), ("effects", "effects")):
        node = f"{name}@{socket.gethostname()}"
        options_of_worker = (
            "--concurrency=2",
            "--without-mingle",
            f"--hostname={node}",
            f"--queues={queues}",
        )
        yield service(
            name,
            (*celery, "worker", "--loglevel=INFO", *options_of_worker),
            partial(answers_celery_ping, node),
        )
    beat = service("beat", (*celery, "beat", "--loglevel=INFO", "--pidfile="), lambda: True)
    beat.ready = lambda: "beat: Starting..." in beat.last_lines()
    yield beat
    yield service(
        "flower",
        (*celery, "flower", "--address=127.0.0.1", f"--port={options.flower_port}"),
        lambda: http_status(options.flower_port, "/healthcheck", host) == http.HTTPStatus.OK,
    )
    if sample:
        simulation = service(
            "simulation", (sys.executable, "-u", "manage.py", "simulate_spend"), lambda: True
        )
        simulation.needed = False
        yield simulation


def expect_broker() -> None:
    """Refuse to start where the broker that was named does not answer: everything would wait for it."""
    from budget_system.celery import app

    with app.connection_for_write() as connection:
        try:
            connection.ensure_connection(max_retries=1, timeout=5)
        except OperationalError as error:
            raise StartError(
                f"the broker at CELERY_BROKER_URL ({connection.as_uri()}) cannot be used: {error}"
            ) from None


def answers_ping(broker_socket: Path) -> bool:
    """Whether the broker behind this socket file answers."""
    with suppress(redis.ConnectionError), redis.Redis(unix_socket_path=str(broker_socket)) as client:
        return bool(client.ping())
    return False


def answers_celery_ping(node: str) -> bool:
    """Whether the worker of this name answers."""
    from budget_system.celery import app

    return bool(app.control.ping([node], timeout=0.5))


def http_status(port: int, path: str, host: str) -> int:
    """Return what a server on loopback answers to a GET, 0 if nothing does."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path, headers={"Host": host})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def announce(options: Options, login: str) -> None:
    """Print where everything is."""
    say(
        f"\nEverything is running.\n"
        f"  Site    http://127.0.0.1:{options.port}/\n"
        f"  Admin   http://127.0.0.1:{options.port}/admin/\n"
        f"  Flower  http://127.0.0.1:{options.flower_port}/\n"
        f"  Login   {login}\n"
        f"  Logs    {options.data / 'log'}\n"
        f"  Commands on this database, in another terminal:\n"
        f"          export ENV_FILE={shlex.quote(str(options.env_file))}\n"
        f"          .venv/bin/python manage.py explain_campaign --help\n"
        f"Ctrl-C stops everything.\n"
    )


def say(text: str) -> None:
    """Print a line at once, also into a pipe; go on if nobody reads any more."""
    with suppress(BrokenPipeError):
        print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""Errors are reported where an address is given and the library is there: what happened, and nothing of anybody."""

import gzip
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import find_spec

import pytest

from budget_system import sentry
from budget_system.environment import BASE_DIR

pytestmark = pytest.mark.unit

FAILING = """
import logging, os
os.environ["DJANGO_SETTINGS_MODULE"] = "budget_system.settings"
import django
django.setup()
from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import path
import sys

def fails(request):
    told_in_confidence = "hunter2-local"
    raise RuntimeError("no such luck")

module = type(sys)("failing_urls")
module.urlpatterns = [path("fails/", fails)]
sys.modules["failing_urls"] = module
with override_settings(ROOT_URLCONF="failing_urls", ALLOWED_HOSTS=["testserver"]):
    Client(raise_request_exception=False).post(
        "/fails/", {"password": "hunter2-form"}, headers={"Authorization": "Bearer hunter2-token"}
    )
import sentry_sdk
sentry_sdk.flush(5)
"""


@pytest.mark.skipif(find_spec("sentry_sdk") is None, reason="the extra Sentry is not installed")
def test_an_error_is_reported_and_no_secret() -> None:
    received: list[bytes] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    env = {
        "DATABASE_URL": "sqlite:////nonexistent/db.sqlite3",
        "DEBUG": "true",  # so that the page of the error needs no collected files
        "ENV_FILE": "/dev/null",
        "SECRET_KEY": "hunter2-secret-key",
        "SENTRY_DSN": f"http://public@127.0.0.1:{server.server_port}/1",
    }
    done = subprocess.run(
        [sys.executable, "-c", FAILING], env=env, cwd=BASE_DIR, capture_output=True, text=True, check=False
    )
    server.shutdown()
    server.server_close()
    assert done.returncode == 0, done.stderr
    report = b"".join(received)
    assert b"no such luck" in report
    assert b"hunter2" not in report


def test_without_an_address_or_the_library_nothing_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentry_sdk", None)  # importing it now fails
    sentry.report_errors_to("")
    monkeypatch.setattr("budget_system.sentry.find_spec", lambda _: None)
    sentry.report_errors_to("https://key@sentry.example/1")
    assert not sentry.is_installed()

"""docs/api.md holds: each of its examples is run as it stands there and answered as it says."""

import json
import re
import shlex
from collections.abc import Iterator
from io import StringIO
from string import Template
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from freezegun import freeze_time

from ads.api.root import api as described_api
from ads.models import Brand, Campaign
from budget_system.environment import BASE_DIR

PAGE = (BASE_DIR / "docs" / "api.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
HOST = "http://127.0.0.1:8000"


class Shell:
    """Does what the page's reader types: export, curl with the options used there, and manage.py."""

    def __init__(self) -> None:
        self.variables: dict[str, str] = {}
        self.printed = ""

    def run(self, command: str) -> None:
        # Only single quotes keep a $ from meaning a variable, and no body on the page has one.
        words = [
            Template(word).substitute(self.variables) for word in shlex.split(command.replace("\\\n", " "))
        ]
        match words:
            case ["export", *assignments]:
                given = dict(assignment.split("=", 1) for assignment in assignments)
                self.variables |= given | {"TOKEN": self.printed.strip()}
            case ["python", "manage.py", *arguments]:
                output = StringIO()
                call_command(*arguments, stdout=output, stderr=StringIO())
                self.printed = output.getvalue()
            case ["curl", *options]:
                self.printed = self.curl(options)
            case _:
                raise AssertionError(f"the page says {command}")

    def curl(self, options: list[str]) -> str:
        method, body, address, headers = "GET", "", "", {}
        given = iter(options)
        for option in given:
            if option == "-X":
                method = next(given)
            elif option == "-H":
                name, value = next(given).split(": ", 1)
                headers[name] = value
            elif option in ("-d", "--data-binary"):
                body = next(given)
            else:
                address = option
        assert address.startswith(HOST)
        kind = headers.pop("Content-Type", "")
        answer = Client().generic(method, address.removeprefix(HOST), body, kind, headers=headers)
        return answer.content.decode()


def commands(block: str) -> Iterator[str]:
    """Commands of a block: lines, and what continues in quotes or after a backslash."""
    command = ""
    for line in block.splitlines(keepends=True):
        command += line
        if command.count("'") % 2 == 0 and not line.endswith("\\\n"):
            yield command
            command = ""
    assert not command


def without_ids(told: Any) -> Any:
    """Ids of rows depend on what a database held before."""
    if isinstance(told, dict):
        return {
            name: "an id" if name == "id" and value else without_ids(value) for name, value in told.items()
        }
    return [without_ids(each) for each in told] if isinstance(told, list) else told


@pytest.fixture
def as_the_page_supposes(db: None) -> None:
    """The user admin, and campaign 1 with its id on Meta."""
    User.objects.create_superuser("admin")
    brand = Brand.objects.create(pk=1, name="Acme", daily_budget_micros=100_000_000)
    Campaign.objects.create(pk=1, brand=brand, name="Summer Sale", platform="meta", external_id="120")


def test_every_example_is_answered_as_the_page_says(as_the_page_supposes: None) -> None:
    shell = Shell()
    compared = 0
    with freeze_time("2026-11-20 12:00:00"):
        for language, block in BLOCKS:
            if language == "sh":
                for command in commands(block):
                    shell.run(command)
            else:
                assert language == "json"
                assert without_ids(json.loads(shell.printed)) == without_ids(json.loads(block))
                compared += 1
    assert compared == sum(language == "json" for language, _ in BLOCKS) == 8


@pytest.mark.unit
def test_the_page_names_every_request_that_there_is() -> None:
    for path in described_api.get_openapi_schema()["paths"]:
        short = re.sub(r"\{\w+\}", "{id}", path.removeprefix("/api/v1"))
        assert re.search(rf"[ `]{re.escape(short)}[?`]", PAGE), path

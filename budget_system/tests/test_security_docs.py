"""docs/security.md: each test that it names is there, under that name."""

import ast
import re
from functools import cache

import pytest

from budget_system.environment import BASE_DIR

pytestmark = pytest.mark.unit

TEXT = (BASE_DIR / "docs" / "security.md").read_text()
NAMED = re.findall(r"`([\w/]+\.py)((?:::\w+)+)`", TEXT)
NOT_HERE = {"V9", "V10", "V17"}


@cache
def ids_in(path: str) -> set[str]:
    """The ids of a file's tests, without the file."""
    found = set()
    for node in ast.parse((BASE_DIR / path).read_text()).body:
        if isinstance(node, ast.FunctionDef):
            found.add(f"::{node.name}")
        elif isinstance(node, ast.ClassDef):
            found |= {
                f"::{node.name}::{each.name}" for each in node.body if isinstance(each, ast.FunctionDef)
            }
    return found


def test_each_test_that_it_names_is_there() -> None:
    missing = [
        f"{path}{test}" for path, test in NAMED if not (BASE_DIR / path).exists() or test not in ids_in(path)
    ]
    assert missing == []
    assert len(NAMED) > 50


def test_each_line_of_the_standard_has_a_test() -> None:
    lines = re.findall(r"^\| (V\d+)\.\d+.*$", TEXT, re.MULTILINE)
    rows = [line for line in TEXT.splitlines() if re.match(r"\| V\d+\.\d+", line)]
    assert [row for row in rows if not re.search(r"`[\w/]+\.py::", row)] == []
    assert {f"V{number}" for number in range(1, 18)} - set(lines) == NOT_HERE

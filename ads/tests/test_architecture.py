"""The shape of the code, read from its source: imports point one way, and one module writes what is decided."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import ads
from ads.models import Campaign

ROOT = Path(ads.__file__).parent
RULES, MODELS, SERVICES, FACES = range(4)
LAYERS = (
    {"rules": RULES}
    | dict.fromkeys(
        ("models", "actor", "beat", "currencies", "errors", "formats", "guards", "rights", "signals"), MODELS
    )
    | dict.fromkeys(("services", "importers", "channels", "platforms"), SERVICES)
)
PURE = {
    "ads", "bisect", "collections", "dataclasses", "datetime", "decimal", "enum", "functools", "itertools",
    "math", "re", "typing", "zoneinfo",
}  # fmt: skip
CLOCK = {"now", "today", "utcnow"}
WRITERS = {"Campaign", "bulk_update", "create", "get_or_create", "setattr", "update", "update_or_create"}
UPDATES_CAMPAIGNS = re.compile(r'UPDATE\s+"?ads_campaign\b', re.IGNORECASE)
FLOATS_ALLOWED = {
    # How long a retry sleeps.
    ("services/transactions.py", 0.02),
    ("services/transactions.py", 0.5),
    ("services/transactions.py", 1.5),
}

pytestmark = pytest.mark.unit


def sources() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(ROOT.rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith(("tests/", "migrations/")):
            yield name, ast.parse(path.read_text())


def layer(name: str) -> int:
    return LAYERS.get(name.split("/")[0].removesuffix(".py"), FACES)


def imported(tree: ast.Module) -> Iterator[str]:
    """Every module that is imported anywhere in a file, and every name taken from the package itself."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from ([f"ads.{each.name}" for each in node.names] if node.module == "ads" else [])
            yield node.module or ""


def written_names(tree: ast.Module) -> Iterator[str]:
    """Attributes assigned to, keywords and strings handed to what writes rows, tables updated in SQL."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.Call) and name_of(node.func) in WRITERS:
            yield from (keyword.arg or "" for keyword in node.keywords)
            yield from (
                each.value
                for argument in node.args
                for each in ast.walk(argument)
                if isinstance(each, ast.Constant) and isinstance(each.value, str)
            )
        elif isinstance(node, ast.Constant) and UPDATES_CAMPAIGNS.search(str(node.value)):
            yield "status"


def name_of(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def test_imports_point_one_way() -> None:
    wrong = [
        f"{name} imports {module}"
        for name, tree in sources()
        for module in imported(tree)
        if module.startswith("ads.") and layer(name) < layer(module.removeprefix("ads.").replace(".", "/"))
    ]
    assert wrong == []


def test_the_rules_know_no_framework_no_clock_and_no_settings() -> None:
    rules = [(name, tree) for name, tree in sources() if layer(name) == RULES]
    assert len(rules) >= 4
    imports = {(name, module.partition(".")[0]) for name, tree in rules for module in imported(tree)}
    clocks = {
        (name, name_of(node.func))
        for name, tree in rules
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and name_of(node.func) in CLOCK
    }
    assert {(name, module) for name, module in imports if module not in PURE} == set()
    assert clocks == set()


def test_one_module_writes_what_is_decided_of_campaigns() -> None:
    writers = {name for name, tree in sources() if Campaign.decided_fields.intersection(written_names(tree))}
    assert writers == {"services/enforcement.py"}


def test_no_float_touches_money() -> None:
    literals = {
        (name, node.value)
        for name, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, float)
    }
    conversions = {
        name
        for name, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and name_of(node.func) == "float"
    }
    assert literals - FLOATS_ALLOWED == set()
    assert conversions == set()

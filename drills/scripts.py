"""Which drills there are, read from their source: they can only be imported on a stage that is set."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Script:
    """One drill, `d<number>_<name>.py`."""

    name: str
    what: str
    engine: str
    has_control: bool

    @property
    def number(self) -> int:
        return int(self.name[1:3])

    @property
    def title(self) -> str:
        return f"{self.number:2} {self.name[4:].replace('_', ' ')}"

    def is_meant(self, word: str) -> bool:
        """Whether somebody who says this word means it."""
        return int(word) == self.number if word.isdigit() else word in self.name


def scripts() -> Iterator[Script]:
    """All of them by their number."""
    for path in sorted(Path(__file__).parent.glob("d[0-9][0-9]_*.py")):
        yield _read(path)


def _read(path: Path) -> Script:
    tree = ast.parse(path.read_text())
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    engine = "sqlite" if any(_says_sqlite(node) for node in tree.body) else "postgresql"
    what = (ast.get_docstring(tree) or "").partition("\n")[0]
    return Script(path.stem, what, engine, has_control="control" in functions)


def _says_sqlite(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and ast.unparse(node) == "ENGINE = 'sqlite'"

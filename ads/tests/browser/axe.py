"""axe-core, run inside a page."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

_SOURCE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()


def violations(page: Page) -> list[str]:
    """What axe finds wrong with the page as it is: the rule, and where."""
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(_SOURCE)  # past the page's policy, unlike a script element
    found: list[dict[str, Any]] = page.evaluate("axe.run().then((done) => done.violations)")
    return [
        f"{each['id']}: {node['target']} {node['html'][:200]}" for each in found for node in each["nodes"]
    ]

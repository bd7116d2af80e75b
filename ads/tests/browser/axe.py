"""axe-core, run inside a page."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

_SOURCE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()


# Looks change at once: a colour halfway between two is not one that anybody reads.
_AT_ONCE = """
() => {
    const style = new CSSStyleSheet();
    style.replaceSync("*, *::before, *::after { transition: none !important; animation: none !important; }");
    document.adoptedStyleSheets = [style];
}
"""
# The admin's theme looks only once, when it is loaded.
_SWITCH_THEME = """
(dark) => {
    if (window.Alpine) document.documentElement.classList.toggle("dark", dark);
    return new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
}
"""

# Cells of tables, among them those that a phone shows side by side.
_BEYOND = """
() => [...document.querySelectorAll(".fold tbody :is(td, th)")]
    .filter((cell) => cell.clientWidth && cell.scrollWidth > cell.clientWidth + 1)
    .map((cell) => cell.textContent.trim())
"""

PHONE, DESK = 390, 1440
LOOKS = [(width, scheme) for width in (PHONE, DESK) for scheme in ("dark", "light")]


def faults(page: Page, looks: Iterable[tuple[int, str]] = LOOKS) -> list[str]:
    """What is wrong with the page as it is in each of these looks, without loading it again."""
    found = []
    page.evaluate(_AT_ONCE)
    for width, scheme in looks:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.evaluate(_SWITCH_THEME, scheme == "dark")
        look = f"{scheme}, {width} px: "
        found += [look + told for told in violations(page)]
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found.append(f"{look}wider than its window")
        found += [f"{look}“{told}” goes beyond its cell" for told in page.evaluate(_BEYOND)]
    return found


def violations(page: Page) -> list[str]:
    """What axe finds wrong with the page as it is: the rule, and where."""
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(_SOURCE)  # past the page's policy, unlike a script element
    # What passes is not told in detail: that takes as long again.
    found: list[dict[str, Any]] = page.evaluate(
        "axe.run({ resultTypes: ['violations'] }).then((done) => done.violations)"
    )
    return [
        f"{each['id']}: {node['target']} {node['html'][:200]}" for each in found for node in each["nodes"]
    ]

"""Takes the screenshots of the documentation from a running trial: `python scripts/screenshots.py`.

Needs requirements-dev.txt, Chromium, and `./start.sh` running with its sample data; the login is the one it prints.
"""

import argparse
import shutil
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
SIZES = {"desktop": (1440, 900), "phone": (390, 844)}
THEMES = ("light", "dark")
PAGES = {
    "overview": "/",
    "campaigns": "/campaigns/",
    "reports": "/reports/",
    "imports": "/admin/ads/spendimport/",
    "quarantine": "/admin/ads/quarantinedspend/",
}


def main() -> None:
    """Every page, light and dark, on a desktop and on a phone."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--site", default="http://127.0.0.1:8000")
    parser.add_argument("--user", default="admin")
    parser.add_argument("--password", required=True)
    parser.add_argument("--folder", type=Path, default=Path("docs/screenshots"))
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        for theme in THEMES:
            for size in SIZES:
                page = _signed_in(chromium, theme, size, options)
                for name, address in _addresses(page, options.site):
                    page.goto(options.site + address, wait_until="networkidle")
                    page.screenshot(path=options.folder / f"{name}-{theme}-{size}.png", full_page=True)
                page.context.close()


def _signed_in(chromium: Browser, theme: str, size: str, options: argparse.Namespace) -> Page:
    width, height = SIZES[size]
    page = chromium.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if theme == "dark" else "light",
        reduced_motion="reduce",
    ).new_page()
    page.goto(f"{options.site}/sign-in/")
    page.screenshot(path=options.folder / f"sign-in-{theme}-{size}.png")
    page.get_by_label("Username").fill(options.user)
    page.get_by_label("Password").fill(options.password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{options.site}/")
    return page


def _addresses(page: Page, site: str) -> Iterator[tuple[str, str]]:
    """The pages by name; of brands and campaigns the first that the overview and the list lead to."""
    yield from PAGES.items()
    for name, listed in (("brand", "/"), ("campaign", "/campaigns/")):
        page.goto(site + listed, wait_until="networkidle")
        first = page.locator(f'main a[href^="/{name}s/"]').first.get_attribute("href")
        if first is not None:
            yield name, first


if __name__ == "__main__":
    main()

"""Takes the screenshots of the documentation from a fresh trial: `python scripts/screenshots.py --password ...`.

Needs requirements-dev.txt, Chromium, and `./start.sh` running with its sample data; the login is the one it prints.
It imports a small file, so that there is something to look at before it is recorded, and something in quarantine.
"""

import argparse
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from palette import with_palette
from playwright.sync_api import Browser, Page, expect, sync_playwright

ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
SIZES = {"desktop": (1440, 900), "phone": (390, 844)}
THEMES = ("light", "dark")
TALLEST = 1900  # what comes below is left out

BRAND, CAMPAIGN, IN_WINDOWS = "Harbor & Pine Outdoor", "Soins visage", "Campfire Reels"
IMPORT, IMPORTS = "/admin/ads/spendimport/add/", "/admin/ads/spendimport/"
QUARANTINE = "/admin/ads/quarantinedspend/"


@dataclass(frozen=True, slots=True)
class Shot:
    """A page, or the part of it that a selector names."""

    name: str
    address: str
    part: str = ""


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
        pages = {
            f"{theme}-{size}": _page(chromium, theme, size, options) for theme in THEMES for size in SIZES
        }
        first = next(iter(pages.values()))
        preview = _preview(first, options.site)
        _take(pages, _shots(first, options.site, preview), options)
        _record(first, options.site, preview)
        _take(pages, [Shot("quarantine", QUARANTINE)], options)


def _page(chromium: Browser, theme: str, size: str, options: argparse.Namespace) -> Page:
    """Signed in, after a picture of where that is done."""
    width, height = SIZES[size]
    page = chromium.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if theme == "dark" else "light",
        reduced_motion="reduce",
    ).new_page()
    _take({f"{theme}-{size}": page}, [Shot("sign-in", "/sign-in/")], options)
    page.get_by_label("Username").fill(options.user)
    page.get_by_label("Password").fill(options.password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{options.site}/")
    return page


def _shots(page: Page, site: str, preview: str) -> list[Shot]:
    return [
        Shot("overview", "/"),
        Shot("brand", _address(page, site, "/?filter=all", BRAND)),
        Shot("campaign", _address(page, site, "/campaigns/", CAMPAIGN)),
        Shot("week-grid", _address(page, site, "/campaigns/", IN_WINDOWS), "#week"),
        Shot("alerts", "/alerts/"),
        Shot("reports", "/reports/"),
        Shot("import-preview", preview),
    ]


def _address(page: Page, site: str, listed: str, name: str) -> str:
    """Where the list leads to by this name."""
    page.goto(site + listed, wait_until="networkidle")
    address = page.locator("a.name", has_text=name).first.get_attribute("href")
    if address is None:
        raise SystemExit(f"{name} is not there: start from fresh sample data.")
    return address


def _take(pages: Mapping[str, Page], shots: list[Shot], options: argparse.Namespace) -> None:
    for look, page in pages.items():
        blank = page.context.new_page()
        for shot in shots:
            page.goto(options.site + shot.address, wait_until="networkidle")
            # As tall as the page, so that what is docked to the window's end is at the picture's end.
            width, least = SIZES[look.partition("-")[2]]
            height = page.evaluate("document.documentElement.scrollHeight")
            page.set_viewport_size({"width": width, "height": max(least, min(height, TALLEST))})
            part = page.locator(shot.part) if shot.part else page
            (options.folder / f"{shot.name}-{look}.png").write_bytes(with_palette(blank, part.screenshot()))
            page.set_viewport_size({"width": width, "height": least})


def _preview(page: Page, site: str) -> str:
    """The page of an import of which nothing is recorded yet."""
    page.goto(site + IMPORT)
    page.locator("input[name=upload]").set_input_files(
        {"name": "google_ads_upload.csv", "mimeType": "text/csv", "buffer": _file().encode()}
    )
    page.locator("#select2-id_brand-container").click()
    page.locator(".select2-search__field").fill(BRAND)
    page.locator(".select2-results__option", has_text=BRAND).click()
    page.locator("input[name=source]").fill("invoices")
    page.get_by_role("button", name="Check the file").click()
    expect(page.get_by_role("heading", name="Nothing is recorded yet")).to_be_visible(timeout=60_000)
    return page.url.removeprefix(site)


def _record(page: Page, site: str, preview: str) -> None:
    page.goto(site + preview)
    page.get_by_role("button", name="Record ").click()
    expect(page.get_by_role("heading", name="Nothing is recorded yet")).to_have_count(0)
    page.wait_for_timeout(5_000)


def _file() -> str:
    """A report of the last days; some of its rows need a person."""
    today = datetime.now(UTC).date() - timedelta(days=1)
    rows = ["Day,Campaign,Currency code,Cost"]
    for ago in range(1, 6):
        day = today - timedelta(days=ago)
        rows += [
            f"{day},Brand Search,USD,{12 + ago}.40",
            f"{day},Trail Shoes Shopping,USD,{20 + ago}.15",
            f"{day},Holiday Gift Guide,USD,{8 + ago}.75",
        ]
    rows += [f"{today},Brand Search,EUR,18.00", f"{today},Trail Shoes Shopping,USD,n/a"]
    rows += [f"{today + timedelta(days=9)},Brand Search,USD,21.30"]
    return "\n".join([*rows, ""])


if __name__ == "__main__":
    main()

"""`python -m benchmarks.pages`: how fast pages are at an agency of 1,000 brands and 10,000,000 rows of spend."""

import argparse
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from benchmarks.server import postgresql

WARM_UP = 2
AIM_MS = 200
AIM_PAINT_MS = 1_000
ANY_NAME = "sale"  # in a tenth of the campaigns' names
NO_NAME = "zebra crossing"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
QUIET = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")


@dataclass(frozen=True, slots=True)
class Page:
    """An address, and how many rows of the database it is about."""

    name: str
    path: str
    rows: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured of a page, times in milliseconds; what this process and the server's computed in CPU time."""

    page: Page
    queries: int
    median: float
    python: float
    postgresql: float
    p95: float
    size: int


def main() -> None:
    """Make the world unless it is kept, and measure each page for each person."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__)
    parser.add_argument("--brands", type=int, default=1_000)
    parser.add_argument("--campaigns", type=int, default=100_000)
    parser.add_argument("--rows", type=int, default=10_000_000, help="of the ledger")
    parser.add_argument(
        "--keep", type=Path, help="keep the database in this folder, or measure the one that is there"
    )
    parser.add_argument("--times", type=int, default=15, help="how often each page is asked for")
    parser.add_argument("--only", default="", help="only pages with this in their name")
    parser.add_argument("--no-browser", action="store_true", help="leave the first paint out")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as static_root:
        os.environ |= {"STATIC_ROOT": static_root, "CELERY_BROKER_URL": "memory://"}
        with postgresql(options.keep):
            _measure(options)


def _measure(options: argparse.Namespace) -> None:
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.utils import timezone

    from ads.models import Brand
    from benchmarks import world
    from budget_system.garbage import collect_seldom

    call_command("collectstatic", verbosity=0, interactive=False)
    logging.disable(logging.INFO)  # a line for each request would measure the terminal
    if not Brand.objects.exists():
        began = time.perf_counter()
        world.make(world.Size(options.brands, options.campaigns, options.rows), timezone.now())
        print(f"made in {time.perf_counter() - began:,.0f} s", flush=True)
    boss, _ = User.objects.get_or_create(
        username="benchmark", defaults={"is_superuser": True, "is_staff": True}
    )
    collect_seldom()  # as in production
    people = {"every brand": boss}
    people |= {
        "20 brands": User.objects.get(username="person 3"),
        "one brand": User.objects.get(username="person 2"),
    }
    for words, person in people.items():
        _table(words, person, options)
        if person == boss and not options.no_browser:
            _paint(boss, options)


def _table(words: str, person: Any, options: argparse.Namespace) -> None:
    """Every page as this person sees it, as a table; those that fall short in bold."""
    print(f"\nWho sees {words}; load average {os.getloadavg()[0]:.1f}\n")
    print(
        "| page | rows | queries | median | CPU: Python | PostgreSQL | p95 | size |\n|---|--:|--:|--:|--:|--:|--:|--:|",
        flush=True,
    )
    slow = number = 0
    for page in _pages(person):
        if options.only not in page.name:
            continue
        figure = _figure(page, person, options.times)
        is_slow = figure.median >= AIM_MS
        slow, number = slow + is_slow, number + 1
        mark = "**" if is_slow else ""
        rows = "" if page.rows is None else f"{page.rows:,}"
        print(
            f"| {page.name} | {rows} | {figure.queries} | {mark}{figure.median:,.0f} ms{mark} | "
            f"{figure.python:,.0f} ms | {figure.postgresql:,.0f} ms | {figure.p95:,.0f} ms | "
            f"{figure.size / 1024:,.0f} KiB |",
            flush=True,
        )
    print(f"\n{slow} of {number} pages are not under {AIM_MS} ms.", flush=True)


def _figure(page: Page, person: Any, times: int) -> Figure:
    """In this process, through all middleware, without a network."""
    from django.db import connection
    from django.test import Client

    client = Client(SERVER_NAME="localhost")
    client.force_login(person)
    queries: list[int] = []
    took: list[float] = []
    computed: list[float] = []
    answered: list[float] = []
    server = _server_process()

    def count(execute: Any, *given: Any) -> Any:
        queries[-1] += 1
        return execute(*given)

    headers = dict(page.headers)
    while len(took) < WARM_UP + times:
        if page.status == 304:
            headers["If-None-Match"] = client.get(page.path, headers=page.headers).headers["ETag"]
        queries.append(0)
        with connection.execute_wrapper(count):
            began, at_work, serving = time.perf_counter(), time.process_time(), _cpu_ms(server)
            answer = client.get(page.path, headers=headers)
            needed = time.perf_counter() - began, time.process_time() - at_work, _cpu_ms(server) - serving
        if page.status == 304 and answer.status_code == 200:
            queries.pop()  # a minute has begun in between
            continue
        if answer.status_code != page.status:
            raise AssertionError(f"{page.path} answered {answer.status_code}")
        took.append(needed[0] * 1_000)
        computed.append(needed[1] * 1_000)
        answered.append(needed[2])
    measured = took[WARM_UP:]
    p95 = quantiles(measured, n=20)[-1]
    return Figure(
        page,
        max(queries),
        median(measured),
        median(computed[WARM_UP:]),
        median(answered[WARM_UP:]),
        p95,
        len(answer.content),
    )


def _server_process() -> Path:
    """Where Linux tells the CPU time of the server's process that answers this one; workers of its are not in it."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        ((pid,),) = cursor.fetchall()
    return Path(f"/proc/{pid}/schedstat")


def _cpu_ms(process: Path) -> float:
    return int(process.read_text().split()[0]) / 1_000_000 if process.exists() else 0


def _pages(person: Any) -> Iterator[Page]:
    """The dashboard's pages, and every list of the admin."""
    from django.db.models import Count

    from ads.models import Brand, Campaign, SpendLog

    brands = Brand.objects.visible_to(person)
    by_size: Any = brands.annotate(number=Count("campaigns")).order_by("number", "pk")
    biggest, usual = by_size.reverse()[0], by_size[brands.count() // 2]
    campaigns = Campaign.objects.visible_to(person)
    of_usual = usual.campaigns.order_by("-enabled", "pk")[0]
    ledger = SpendLog.objects.visible_to(person).count()
    every, ours = campaigns.count(), brands.count()
    update = {"HX-Request": "true"}
    yield Page("Overview", "/", ours)
    yield Page("Overview, all brands at once", f"/?filter=all&show={ours}", ours)
    yield Page("Overview, update", "/live/", ours, update)
    yield Page("Overview, nothing new", "/live/", ours, update, 304)
    yield Page("Brand", f"/brands/{usual.pk}/", usual.number)
    yield Page("Brand, the biggest", f"/brands/{biggest.pk}/", biggest.number)
    yield Page("Brand, the biggest, paused", f"/brands/{biggest.pk}/?status=paused", biggest.number)
    yield Page("Brand, the biggest, 90 days", f"/brands/{biggest.pk}/?days=90", biggest.number)
    yield Page("Campaigns", "/campaigns/", every)
    yield Page("Campaigns, last page", f"/campaigns/?page={every // 50 + 1}", every)
    yield Page("Campaigns, paused", "/campaigns/?status=PAUSED", every)
    yield Page("Campaigns, by a reason", "/campaigns/?reason=BRAND_DAILY", every)
    yield Page("Campaigns, by a name", f"/campaigns/?q={ANY_NAME}", every)
    yield Page("Campaigns, of a brand", f"/campaigns/?brand={biggest.pk}", every)
    yield Page("Campaign", f"/campaigns/{of_usual.pk}/", of_usual.spend_logs.count())
    yield Page("Campaign, 90 days", f"/campaigns/{of_usual.pk}/?range=90", of_usual.spend_logs.count())
    yield Page("Reports", "/reports/", ledger)
    yield Page(
        "Reports, this year by campaign and month", "/reports/?by=campaign&by=month&range=this-year", ledger
    )
    yield Page(
        "Reports, 90 days by campaign and month", "/reports/?by=campaign&by=month&range=90-days", ledger
    )
    yield Page("Reports, 90 days by campaign and day", "/reports/?by=campaign&by=day&range=90-days", ledger)
    yield Page("Reports, 90 days by platform", "/reports/?by=platform&range=90-days", ledger)
    yield Page("Search", f"/search/?q={ANY_NAME}", every)
    yield Page("Search, nothing found", f"/search/?q={NO_NAME}", every)
    yield Page("Admin", "/admin/")
    yield from _lists(person)


def _lists(person: Any) -> Iterator[Page]:
    """Each list of the admin that this person may see: plain, searched, and by each column that it can be sorted by."""
    from django.contrib import admin
    from django.test import RequestFactory
    from django.urls import reverse

    request = RequestFactory().get("/")
    request.user = person
    for model, registered in admin.site._registry.items():
        if not registered.has_view_permission(request):
            continue
        name = f"Admin, {model._meta.verbose_name_plural}"
        path = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        number = registered.get_queryset(request).order_by().count()
        yield Page(name, path, number)
        if registered.get_search_fields(request):
            yield Page(f"{name}, searched", f"{path}?q={ANY_NAME}", number)
            yield Page(f"{name}, nothing found", f"{path}?q={NO_NAME}", number)
        changes = registered.get_changelist_instance(request)
        sortable = registered.get_sortable_by(request)
        for index, column in enumerate(changes.list_display):
            if column in sortable and changes.get_ordering_field(column):
                yield Page(f"{name}, by {column}", f"{path}?o={index}", number)
                yield Page(f"{name}, by {column} down", f"{path}?o=-{index}", number)


def _paint(person: Any, options: argparse.Namespace) -> None:
    """The first paint in a browser of its own for each page, over loopback."""
    from django.test import Client
    from playwright.sync_api import sync_playwright

    from benchmarks.http import gunicorn

    client = Client()
    client.force_login(person)
    cookie = client.cookies["sessionid"].value
    pages = [page for page in _pages(person) if page.name in PAINTED and options.only in page.name]
    print(f"\nFirst contentful paint; load average {os.getloadavg()[0]:.1f}\n")
    print("| page | median | worst |\n|---|--:|--:|", flush=True)
    program = next(filter(None, map(shutil.which, CHROMIUM)))
    with gunicorn(2) as port, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=list(QUIET))
        for page in pages:
            painted = [
                _first_paint(chromium, f"http://127.0.0.1:{port}", page.path, cookie) for _ in range(6)
            ][1:]
            mark = "**" if median(painted) >= AIM_PAINT_MS else ""
            print(
                f"| {page.name} | {mark}{median(painted):,.0f} ms{mark} | {max(painted):,.0f} ms |",
                flush=True,
            )
        chromium.close()


PAINTED = frozenset(
    {
        "Overview", "Brand", "Brand, the biggest", "Campaigns", "Campaign", "Reports", "Admin", "Admin, brands",
        "Admin, campaigns", "Admin, spend logs", "Admin, quarantined spend", "Admin, imports",
    }
)  # fmt: skip


def _first_paint(chromium: Any, site: str, path: str, cookie: str) -> float:
    """Milliseconds, with nothing of the site in the browser's cache."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    context.add_cookies([{"name": "sessionid", "value": cookie, "url": site}])
    page = context.new_page()
    page.goto(site + path, wait_until="load")
    found: float = page.evaluate(
        """() => new Promise(told => new PerformanceObserver(list => told(
            list.getEntriesByName("first-contentful-paint")[0].startTime
        )).observe({type: "paint", buffered: true}))"""
    )
    context.close()
    return found


if __name__ == "__main__":
    main()

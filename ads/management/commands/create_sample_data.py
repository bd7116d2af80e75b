"""A believable agency to try the system with."""

from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from ads.formats import counted, limit, money
from ads.management.arguments import at_least_one
from ads.management.text import table
from ads.models import Brand
from ads.rules.serving import Status
from ads.sample_data.agency import AGENCY
from ads.sample_data.creation import DAYS, create_sample_data
from ads.services.standings import BrandStanding, stand_brands

HEADINGS = ("brand", "time zone", "spent today", "daily budget", "this month", "monthly budget")


class Command(BaseCommand):
    help = "Adds a believable agency with its history. What is there already stays as it is."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--days", type=at_least_one, default=DAYS, help=f"days of history (default: {DAYS})"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        created = create_sample_data(now, days=options["days"])
        brands = list(Brand.objects.filter(name__in=[sample.name for sample in AGENCY]))
        self.stdout.write(table(list(_rows(brands, now)), align="<<>>>>>>>>"))
        added = (
            counted(created.brands, "brand"),
            counted(created.campaigns, "campaign"),
            counted(created.records, "spend record"),
        )
        self.stdout.write(
            f"Added {', '.join(added)}." if created.brands else "All of it was there; nothing added."
        )


def _rows(brands: list[Brand], now: datetime) -> Iterator[tuple[str, ...]]:
    yield *HEADINGS, "running", "paused", "off", "completed"
    standings = stand_brands(brands, now)
    for brand in brands:
        yield _row(brand, standings[brand.pk])


def _row(brand: Brand, standing: BrandStanding) -> tuple[str, ...]:
    return (
        brand.name,
        brand.zone_name,
        money(standing.day.spent, brand.currency),
        limit(standing.day.budget, brand.currency),
        money(standing.month.spent, brand.currency),
        limit(standing.month.budget, brand.currency),
        *(
            str(standing.campaigns.get(status, 0))
            for status in (Status.ACTIVE, Status.PAUSED, Status.INACTIVE, Status.COMPLETED)
        ),
    )

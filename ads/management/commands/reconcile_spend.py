"""Proves that the totals equal the ledger, and repairs them where they do not."""

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ads.formats import counted, exact_money
from ads.management.arguments import find_brands
from ads.management.text import period, table
from ads.models import Brand
from ads.services.reconcile import Difference, reconcile

HEADINGS = ("owner", "period", "spent", "by the ledger", "waived", "by the waivers")


class Command(BaseCommand):
    help = (
        "Compares all totals with the ledger and the waivers. Ends with exit code 1 where differences remain."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--brand", action="append", default=[], metavar="NAME", help="only this brand")
        parser.add_argument("--repair", action="store_true", help="make the totals right and decide again")

    def handle(self, *args: Any, **options: Any) -> None:
        now, periods = timezone.now(), 0
        brands = find_brands(options["brand"]) or list(Brand.objects.order_by("name"))
        rows: list[tuple[str, ...]] = []
        for brand in brands:
            report = reconcile(now, repair=options["repair"], brand_ids=[brand.pk])
            periods += report.periods
            rows += _rows(report.differences, brand.currency)
        self.stdout.write(f"Compared {counted(periods, 'total')} of {counted(len(brands), 'brand')}.")
        if not rows:
            self.stdout.write("All of them equal the ledger.")
            return
        self.stdout.write(table([HEADINGS, *rows], align="<<>>>>"))
        if not options["repair"]:
            raise CommandError(f"Totals that differ: {len(rows)}. --repair makes them right.")
        self.stdout.write(f"Repaired: {len(rows)}.")


def _rows(differences: list[Difference], currency: str) -> Iterator[tuple[str, ...]]:
    for difference in differences:
        yield (
            difference.owner,
            period(difference.kind, difference.starts_on),
            exact_money(difference.stored.spent, currency),
            exact_money(difference.right.spent, currency),
            exact_money(difference.stored.waived, currency),
            exact_money(difference.right.waived, currency),
        )

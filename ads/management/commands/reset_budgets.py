"""Starts budgets afresh: a person's act, decided at once, also where no worker runs."""

from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any

from django.core.management.base import BaseCommand

from ads.formats import counted, exact_money
from ads.management.arguments import command_line_user, find_brands, find_campaign
from ads.management.text import period, table
from ads.models import Brand, Campaign, Waiver
from ads.services import BudgetService


class Command(BaseCommand):
    help = (
        "What was spent so far stops counting against the limits of the current day, and of the month on a "
        "brand's first day of it. The ledger and the reported spend stay as they are."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--daily", action="store_true", help="only the day")
        parser.add_argument("--monthly", action="store_true", help="only the month; with --daily both")
        parser.add_argument(
            "--brand", action="append", default=[], metavar="NAME", help="this brand with all its campaigns"
        )
        parser.add_argument(
            "--campaign", metavar="NAME|ID", help="this campaign alone, its brand's count aside"
        )
        parser.add_argument("--dry-run", action="store_true", help="change nothing, only tell")

    def handle(self, *args: Any, **options: Any) -> None:
        brands = find_brands(options["brand"])
        campaign = None if options["campaign"] is None else find_campaign(options["campaign"], brands)
        done = BudgetService.reset_budgets(
            brands=brands or None,
            campaign=campaign,
            daily=options["daily"],
            monthly=options["monthly"],
            dry_run=options["dry_run"],
            by=command_line_user(),
        )
        if done.waivers:
            self.stdout.write(table(list(_rows(done.waivers)), align="<<>"))
        for change in sorted(done.changes, key=attrgetter("brand", "campaign")):
            self.stdout.write(change.planned_sentence if options["dry_run"] else change.sentence)
        self.stdout.write(
            f"{'Would waive' if options['dry_run'] else 'Waived'} {counted(len(done.waivers), 'total')}; "
            f"{counted(len(done.changes), 'campaign')} {'would change' if options['dry_run'] else 'changed'}."
        )


def _rows(waivers: Sequence[Waiver]) -> Iterator[tuple[str, str, str]]:
    brands = Brand.objects.in_bulk({waiver.brand_id for waiver in waivers})
    campaigns = Campaign.objects.in_bulk(
        {waiver.campaign_id for waiver in waivers if waiver.campaign_id is not None}
    )
    for waiver in waivers:
        brand = brands[waiver.brand_id]
        owner = brand.name if waiver.campaign_id is None else f"{brand} / {campaigns[waiver.campaign_id]}"
        yield owner, period(waiver.kind, waiver.starts_on), exact_money(waiver.amount_micros, brand.currency)

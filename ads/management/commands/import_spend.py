"""Imports a platform's export files for one brand."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ads.errors import TakenOver
from ads.formats import counted, exact_money
from ads.importers import ImportRefused, Options, format_names
from ads.importers.amounts import MARKS
from ads.importers.dates import Order
from ads.management.arguments import command_line_user, find_brands, find_campaign, past_moment
from ads.management.progress import ProgressBar
from ads.management.text import table
from ads.models import ImportMode
from ads.services.import_jobs import Request, import_file
from ads.services.import_summary import ImportSummary

ROWS_KEPT_OUT, FILE_REFUSED = 1, 2
KEPT_OUT_SHOWN = 20
COLUMNS = {
    "date": "the date",
    "campaign": "the campaign's name",
    "campaign_id": "the campaign's id on its platform",
    "line": "the finest id below the campaign, such as an ad's",
    "amount": "what was spent",
    "currency": "the currency's code",
    "id": "each record's own id, with --mode events",
}


class Command(BaseCommand):
    help = (
        "Books what export files say was spent. The same file again books nothing; a file that restates days "
        "books the differences. Exit code 0: all rows counted, 1: some kept out, 2: a file was refused."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "files", nargs="+", type=Path, metavar="FILE", help="CSV, TSV, XLSX, NDJSON or CSV.gz"
        )
        parser.add_argument("--brand", required=True, metavar="NAME", help="whose spend it is")
        parser.add_argument("--format", choices=format_names(), help="where the header leaves it open")
        parser.add_argument(
            "--campaign", metavar="NAME|ID", help="the one campaign of a file that has no column for it"
        )
        parser.add_argument("--create-campaigns", action="store_true", help="create those that are missing")
        parser.add_argument(
            "--source", default="", metavar="NAME", help="the feed's name; else the platform's"
        )
        parser.add_argument(
            "--mode",
            choices=ImportMode.values,
            default=ImportMode.SNAPSHOT.value,
            help="snapshot: totals so far, of which the newest counts; events: records, each with its id",
        )
        parser.add_argument("--as-of", metavar="TIME", help="when the report was made; else now")
        parser.add_argument("--dry-run", action="store_true", help="write nothing, only tell")
        parser.add_argument(
            "--date-order", choices=[order.value for order in Order], help="where all dates leave it open"
        )
        parser.add_argument(
            "--decimal-mark",
            choices=MARKS,
            default="",
            metavar="MARK",
            help="a point or a comma, where all amounts leave it open",
        )
        columns = parser.add_argument_group(
            "columns, for a table of one's own (or another name in a known format)"
        )
        for role, words in COLUMNS.items():
            columns.add_argument(f"--{role.replace('_', '-')}-column", default="", metavar="NAME", help=words)
        columns.add_argument("--micros", action="store_true", help="amounts are in millionths")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            (brand,) = find_brands([options["brand"]])
            now = timezone.now()
            campaign = None if options["campaign"] is None else find_campaign(options["campaign"], [brand])
            as_of = None if options["as_of"] is None else past_moment(options["as_of"], brand.calendar, now)
        except CommandError as error:
            error.returncode = FILE_REFUSED  # nothing of the files was taken
            raise
        kept_out = refused = 0
        for path in options["files"]:
            try:
                request = Request(
                    brand=brand,
                    options=_options(options),
                    campaign=campaign,
                    create_campaigns=options["create_campaigns"],
                    mode=ImportMode(options["mode"]),
                    source=options["source"],
                    as_of=as_of,
                )
                summary = import_file(
                    path,
                    request,
                    dry_run=options["dry_run"],
                    by=command_line_user(),
                    progress=ProgressBar(self.stderr) if self.stderr.isatty() else None,
                )
            except (ImportRefused, TakenOver) as error:
                refused += 1
                self.stderr.write(str(error))
            except ValueError as error:
                raise CommandError(str(error), returncode=FILE_REFUSED) from error
            else:
                self.stdout.write(_report(summary))
                kept_out += summary.conflicts + summary.quarantined
        if refused:
            raise CommandError(f"{counted(refused, 'file')} refused.", returncode=FILE_REFUSED)
        if kept_out:
            went = "would go" if options["dry_run"] else "went"
            message = f"{counted(kept_out, 'row')} {went} into quarantine."
            raise CommandError(message, returncode=ROWS_KEPT_OUT)


def _options(options: dict[str, Any]) -> Options:
    return Options(
        format=options["format"] or "",
        columns={role: options[f"{role}_column"] for role in COLUMNS if options[f"{role}_column"]},
        micros=options["micros"] or None,
        date_order=Order(options["date_order"]) if options["date_order"] else None,
        decimal_mark=options["decimal_mark"],
    )


def _report(summary: ImportSummary) -> str:
    would = summary.is_dry_run
    rows = [
        ("rows read", f"{summary.rows:,}"),
        ("accepted", f"{summary.accepted:,}"),
        ("duplicates", f"{summary.duplicates:,}"),
        ("conflicts", f"{summary.conflicts:,}"),
        ("to quarantine" if would else "quarantined", f"{summary.quarantined:,}"),
        *((f"  {problem}", f"{count:,}") for problem, count in summary.problems.most_common()),
        ("campaigns to create" if would else "campaigns created", f"{summary.campaigns_created:,}"),
        ("total of the rows", exact_money(summary.read_micros, summary.currency)),
        ("would be booked" if would else "booked", exact_money(summary.booked_micros, summary.currency)),
    ]
    title = f"{summary.file}: {summary.format}, for {summary.brand}, source {summary.source}"
    notes = [f"  {note}" for note in summary.notes]
    if summary.left_out:
        shown = ", ".join(map(str, summary.left_out_rows))
        notes.append(f"  Left out, as totals or notes of the export itself: rows {shown}.")
    if summary.import_id is not None:
        notes.append(f"  Import {summary.import_id}: undo_import {summary.import_id} takes it back.")
    kept_out = [
        f"  row {kept.row}: {kept.reason}" + (f" ({kept.rows:,} rows)" if kept.rows > 1 else "")
        for kept in summary.kept_out[:KEPT_OUT_SHOWN]
    ]
    if len(summary.kept_out) > KEPT_OUT_SHOWN:
        kept_out.append("  ...")
    return "\n".join(
        [title, table(rows, align="<>"), *notes, *(["Not counted:", *kept_out] if kept_out else [])]
    )

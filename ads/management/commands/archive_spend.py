"""Moves old months of the ledger into files."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ads.errors import ArchiveError
from ads.formats import counted, exact_money
from ads.management.arguments import command_line_user
from ads.management.progress import ProgressBar
from ads.models import ArchivedMonth
from ads.services import archiving


def month(text: str) -> date:
    """For `add_argument(type=...)`: a month such as 2024-01, as its first day."""
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise ArgumentTypeError(f"{text} is not a month; give one such as 2024-01") from None


class Command(BaseCommand):
    help = (
        "Moves whole months of spend out of the ledger into Parquet files, one a month. A file is read back and "
        "compared with the ledger before a row leaves; totals stay. A run that was killed is gone on with."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--before",
            type=month,
            required=True,
            metavar="MONTH",
            help="of the months before this one, 2024-01",
        )
        parser.add_argument(
            "--to",
            type=Path,
            required=True,
            metavar="DIR",
            help="the directory for the files, which is there",
        )
        parser.add_argument("--dry-run", action="store_true", help="only tell which months, and how much")

    def handle(self, *args: Any, **options: Any) -> None:
        now, before, directory = timezone.now(), options["before"], options["to"]
        try:
            archiving.check_before(before, now)
            moved = list(archiving.unfinished(before))
            if not options["dry_run"]:
                for archived in moved:
                    archiving.go_on(archived, directory, now=now, tell=self._tell())
                    self._write("Archived the rest of", archived)
            for first_day, contents in archiving.months_before(before):
                if options["dry_run"]:
                    self.stdout.write(
                        f"Would archive {first_day:%Y-%m}: {_amounts(contents.rows, contents.totals)}."
                    )
                    continue
                moved.append(
                    archiving.archive(
                        first_day,
                        directory,
                        expected=contents.rows,
                        now=now,
                        by=command_line_user(),
                        tell=self._tell(),
                    )
                )
                self._write("Archived", moved[-1])
        except ArchiveError as error:
            raise CommandError(f"{str(error)[0].upper()}{str(error)[1:]}.") from error
        if not moved and not options["dry_run"]:
            self.stdout.write(f"The ledger holds nothing before {before:%Y-%m}.")

    def _tell(self) -> archiving.Tell:
        if not self.stderr.isatty():
            return lambda *_: None
        bar = ProgressBar(self.stderr)
        return lambda stage, done, rows: bar(stage, 100 * done // max(rows, 1))

    def _write(self, words: str, archived: ArchivedMonth) -> None:
        amounts = _amounts(archived.row_count, archived.totals)
        self.stdout.write(f"{words} {archived}: {amounts}, in {archived.file_name}.")


def _amounts(rows: int, totals: Mapping[str, int]) -> str:
    sums = " and ".join(exact_money(micros, currency) for currency, micros in sorted(totals.items()))
    return f"{counted(rows, 'row')} of {sums}"

"""Puts a file of archived spend back into the ledger."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ads.errors import ArchiveError
from ads.formats import counted
from ads.management.progress import ProgressBar
from ads.services import archiving


class Command(BaseCommand):
    help = (
        "Puts the rows of a file that archive_spend wrote back into the ledger, exactly as they were. The file stays "
        "as it is; totals do not change. A run that was killed is gone on with by the same command."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "file", type=Path, metavar="FILE", help="such as spend-2024-01-3f2a9c1e77d0.parquet"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            restored = archiving.restore(options["file"], tell=self._tell())
        except ArchiveError as error:
            raise CommandError(f"{str(error)[0].upper()}{str(error)[1:]}.") from error
        self.stdout.write(f"Restored {restored}: {counted(restored.row_count, 'row')}.")

    def _tell(self) -> archiving.Tell:
        if not self.stderr.isatty():
            return lambda *_: None
        bar = ProgressBar(self.stderr)
        return lambda stage, done, rows: bar(stage, 100 * done // max(rows, 1))

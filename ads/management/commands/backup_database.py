"""Writes a backup of the database into a folder."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import filesizeformat
from django.utils import timezone

from ads.errors import CannotBackUp
from ads.formats import counted
from ads.management.arguments import at_least_one
from ads.services.backup import back_up


class Command(BaseCommand):
    help = (
        "Writes a backup of the whole database into a folder, as of one moment and while all is running, reads it "
        "through, and removes older ones. docs/backup.md tells how to restore it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="where backups are kept, on another disk if possible")
        parser.add_argument("--keep", type=at_least_one, default=14, help="how many of them (default: 14)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            backup = back_up(options["folder"], options["keep"], timezone.now())
        except CannotBackUp as error:
            raise CommandError(f"There is no new backup: {error}.") from None
        size = filesizeformat(backup.size).replace("\xa0", " ")
        removed = f"; {counted(backup.removed, 'older one')} removed" if backup.removed else ""
        self.stdout.write(f"{backup.path}: {size}, read through{removed}.")

"""Takes an import back."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ads.errors import NotUndoable
from ads.formats import counted, exact_money
from ads.management.arguments import command_line_user
from ads.models import SpendImport
from ads.services.import_jobs import undo_at_once
from ads.services.undo import Undoing, what_undoing_does


class Command(BaseCommand):
    help = (
        "Takes an import back: reverses what it booked, frees its ids and restores the totals of before. Refused "
        "while a later report gives newer values for its totals. The corrected file then goes in."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "number", type=int, help="the import's number, as import_spend and the admin show it"
        )
        parser.add_argument("--dry-run", action="store_true", help="only tell what it would do")

    def handle(self, *args: Any, **options: Any) -> None:
        record = SpendImport.objects.select_related("brand").filter(pk=options["number"]).first()
        if record is None:
            raise CommandError(f"There is no import {options['number']}.")
        try:
            undoing = what_undoing_does(record, now=timezone.now())
            if not options["dry_run"]:
                undo_at_once(record, by=command_line_user())
        except NotUndoable as error:
            raise CommandError(f"{error}.") from error
        self.stdout.write(_told(record, undoing, is_done=not options["dry_run"]))


def _told(record: SpendImport, undoing: Undoing, *, is_done: bool) -> str:
    rows, amount = counted(undoing.rows, "row"), exact_money(undoing.micros, record.brand.currency)
    verb = "Took back" if is_done else "Would take back"
    lines = [f"{verb} {record.file_name} for {record.brand}: {rows} reversed, {amount}."]
    changes = undoing.changes or ()
    lines += [f"  {change.sentence if is_done else change.planned_sentence}" for change in changes]
    return "\n".join(lines)

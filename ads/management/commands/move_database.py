"""Moves everything into the database of the settings, such as from the trial's SQLite to PostgreSQL."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from ads.errors import CannotMove
from ads.formats import counted
from ads.services.moving import move_everything
from budget_system.database_url import parse_database_url
from budget_system.settings import database

SOURCE = "source"


class Command(BaseCommand):
    help = (
        "Copies everything of another database into the one of the settings, which has to be migrated and empty, and "
        "proves that every table has as many rows and the same amounts. Stop everything else first."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "source", metavar="URL", help="the database to move from, such as sqlite:///var/trial.sqlite3"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            address = parse_database_url(options["source"])
        except ValueError as error:
            raise CommandError(str(error)) from None
        settings = {"default": {}, SOURCE: database(address, 0)}
        connections.settings[SOURCE] = connections.configure_settings(settings)[SOURCE]
        try:
            moved = move_everything(SOURCE, "default", self.tell)
        except CannotMove as error:
            raise CommandError(f"Nothing was moved: {error}.") from None
        finally:
            connections[SOURCE].close()
            del connections[SOURCE], connections.settings[SOURCE]
        rows = sum(content.rows for content in moved)
        amounts = sum(len(content.sums) for content in moved)
        self.stdout.write(
            f"Moved {counted(rows, 'row')} in {counted(len(moved), 'table')}; their counts and "
            f"{counted(amounts, 'sum')} of amounts are equal. `manage.py reconcile_spend` proves the totals again."
        )

    def tell(self, table: str, rows: int) -> None:
        if rows:
            self.stdout.write(f"{table}: {counted(rows, 'row')}")

"""Makes an API token and prints it, this once."""

from argparse import ArgumentParser
from datetime import UTC, datetime, time
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils.dateparse import parse_date

from ads.models import Brand, Scope
from ads.services import tokens


class Command(BaseCommand):
    help = "Make an API token. It is printed on standard output, and stored nowhere: note it down."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="what it is for, such as “ad server”")
        parser.add_argument("--user", required=True, help="the user whose rights it has")
        parser.add_argument(
            "--scope",
            action="append",
            dest="scopes",
            choices=Scope.values,
            help="what it may do; several are possible (default: read)",
        )
        parser.add_argument(
            "--brand",
            action="append",
            dest="brands",
            help="only this brand, by its name; several are possible (default: all that the user sees)",
        )
        parser.add_argument(
            "--expires-on",
            type=_day,
            help="the first day (UTC) on which it opens nothing, such as 2027-01-31",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["user"]).first()
        if user is None:
            raise CommandError(f"there is no user {options['user']}")
        brands = None if options["brands"] is None else [_brand(name) for name in options["brands"]]
        try:
            issued = tokens.issue(
                user,
                options["name"],
                options["scopes"] or [Scope.READ],
                brands=brands,
                expires_at=options["expires_on"],
            )
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from None
        scopes = " ".join(issued.token.scopes)
        self.stderr.write(f"Token {issued.token} of {user.get_username()} with {scopes}; shown this once:")
        self.stdout.write(issued.text)


def _day(text: str) -> datetime:
    day = parse_date(text)
    if day is None:
        raise CommandError(f"--expires-on: {text} is no date; give one such as 2027-01-31")
    return datetime.combine(day, time(0), tzinfo=UTC)


def _brand(name: str) -> Brand:
    brand = Brand.objects.filter(name=name).first()
    if brand is None:
        raise CommandError(f"there is no brand {name}")
    return brand

"""Takes the second factor of somebody who has lost it."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from ads.services import two_factor


class Command(BaseCommand):
    help = "Let somebody sign in with the password alone, and end their sessions: their phone is lost."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(f"there is no user {options['username']}")
        if not two_factor.reset(user, by="manage.py reset_two_factor"):
            raise CommandError(f"{user} has no second factor")
        self.stdout.write(f"{user} is signed out everywhere, and signs in with the password alone.")

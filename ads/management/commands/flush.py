from typing import Any

from django.core.management.commands.flush import Command as DjangoFlush
from django.db import transaction

from ads import guards


class Command(DjangoFlush):
    help = f"{DjangoFlush.help} Lifts the guards of history meanwhile and puts them back."

    def handle(self, **options: Any) -> None:
        with transaction.atomic(using=options["database"]), guards.lifted(using=options["database"]):
            super().handle(**options)

"""Whether a page that updates itself may show something else than it did."""

from collections.abc import Iterator
from datetime import datetime
from hashlib import blake2b

from django.apps import apps
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import connection
from django.db.models import Count, Max, Model

from ads.models import Alert, Brand, SpendLog, StatusChange, Waiver


def page_version(person: AbstractBaseUser | AnonymousUser, now: datetime) -> str:
    """A text that is another one as soon as a page of this person's may show something else. Three queries.

    Whatever changes it adds a row to one of these tables, touches an alert that is not resolved, or is the minute that
    the brands' clocks show. What commits after a row with a higher key may so be seen a minute late.
    """
    newest = ", ".join(
        f'(SELECT max({key}) FROM "{table}")'  # noqa: S608 - names of our own tables
        for table, key in _tables_of_changes()
    )
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {newest}")
        marks = cursor.fetchone()
    alerts = Alert.objects.unresolved().aggregate(
        number=Count("pk"),
        changed=Max("changed_at"),
        snoozed=Count("snoozed_until"),
        until=Max("snoozed_until"),
    )
    brands = list(Brand.objects.visible_to(person).order_by("pk").values_list("pk", flat=True))
    told = repr((marks, alerts, brands, person.pk, now.replace(second=0, microsecond=0)))
    return blake2b(told.encode(), digest_size=16).hexdigest()


def _tables_of_changes() -> Iterator[tuple[str, str]]:
    histories = (
        apps.get_model("ads", f"Historical{name}") for name in ("Brand", "Campaign", "DaypartingSchedule")
    )
    models: list[type[Model]] = [SpendLog, StatusChange, Waiver, *histories]
    for model in models:
        yield model._meta.db_table, str(model._meta.pk.column)

"""Channels in use: sending by one, knowing which fail, and trying one out."""

from datetime import datetime

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db import connections, router
from django.db.models import F, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from ads.channels import Channel, Message, Note, channel_named
from ads.errors import DeliveryFailed
from ads.models import NotificationChannel
from ads.models.channels import PEOPLE_NAME, ChannelKind

ERROR_LENGTH = 500


def way_of(kind: str) -> Channel:
    """How a kind of channel sends; the people of a brand are told by e-mail."""
    return channel_named(ChannelKind.EMAIL if kind == ChannelKind.PEOPLE else kind)


def masked_address(channel: NotificationChannel) -> str:
    """The address as far as it may be shown."""
    return "" if channel.is_of_people else way_of(channel.kind).mask(channel.address)


def send(channel: NotificationChannel, message: Message, user: User | None = None) -> None:
    """Sends this, to one person where the channel is that of people. A failure is kept to be seen, and raised."""
    address = channel.address if user is None else user.email
    try:
        way_of(channel.kind).send(address, message)
    except DeliveryFailed as failure:
        _note_failure(channel, str(failure))
        raise
    except Exception as error:  # a mistake in a channel's code is seen like any other failure
        _note_failure(channel, f"{type(error).__name__}: {error}")
        raise
    failing = NotificationChannel.objects.filter(pk=channel.pk, failing_since__isnull=False)
    failing.update(failing_since=None, last_error="")


def _note_failure(channel: NotificationChannel, error: str) -> None:
    NotificationChannel.objects.filter(pk=channel.pk).update(
        failing_since=Coalesce(F("failing_since"), Value(timezone.now())), last_error=error[:ERROR_LENGTH]
    )


def try_out(channel: NotificationChannel, by: User, now: datetime) -> None:
    """Sends a sample at once; with the channel of people, to whoever tries it. Raises DeliveryFailed."""
    if channel.is_of_people and not by.email:
        raise DeliveryFailed("Your own account has no e-mail address to send the sample to.")
    sample = Message(
        key=f"sample:{channel.pk}:{now.isoformat()}",
        subject="A sample from your budgets",
        notes=[
            Note(
                "This is a sample; nothing has happened.",
                ["Alerts of budgets, spend and campaigns will look like this."],
                f"{settings.SITE_URL}/",
            )
        ],
        why=f"{by.get_username()} tried out the channel “{channel.name}”.",
    )
    send(channel, sample, by if channel.is_of_people else None)


def failing_for(user: AbstractBaseUser | AnonymousUser) -> list[NotificationChannel]:
    """The channels that this person may put right and that do not deliver, the longest first."""
    return list(NotificationChannel.objects.failing().managed_by(user).order_by("failing_since", "pk"))


def seed_channel(*, using: str = "default", **_: object) -> None:
    """Makes the channel of people where it is missing; switched off it stays so."""
    model = apps.get_model("ads", "NotificationChannel")
    tables = connections[using].introspection.table_names()
    if not router.allow_migrate_model(using, model) or model._meta.db_table not in tables:
        return
    model._default_manager.using(using).get_or_create(
        kind=ChannelKind.PEOPLE, defaults={"name": PEOPLE_NAME, "created_at": timezone.now()}
    )

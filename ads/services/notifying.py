"""Who is told of an alert, by which channel and when; what is told is composed only when it is about to be sent."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Q

from ads.models import (
    Alert,
    AlertKind,
    AlertNotification,
    AlertRule,
    Brand,
    Delivery,
    DeliveryKind,
    NotificationChannel,
    NotificationPreference,
)
from ads.rights import MODEL_BACKEND, Right
from ads.rules.rhythm import told_at
from ads.services.effects import ROWS_PER_STATEMENT, enqueue


@dataclass(frozen=True, slots=True)
class Receiver:
    """A channel, and with that of people one of them."""

    channel: NotificationChannel
    user: User | None = None

    @property
    def target(self) -> str:
        """Its name among the targets of deliveries: one person's trouble holds up nobody else."""
        whose = "" if self.user is None else f":{self.user.pk}"
        return f"channel:{self.channel.pk}{whose}"

    def due_at(self, start: datetime) -> tuple[datetime, bool]:
        """When it is told what happens at `start`, and whether with all else that waits for that moment."""
        settled = start + timedelta(seconds=settings.ALERT_SETTLE_SECONDS)
        if self.user is None:
            return settled, False
        moment = told_at(preference_of(self.user).rhythm, start)
        return (moment, True) if moment > start else (settled, False)


def preference_of(user: User) -> NotificationPreference:
    """What this person wishes; where they said nothing, to be told at once."""
    stored: NotificationPreference | None = getattr(user, "notification_preference", None)
    return stored or NotificationPreference(user=user)


def alert_changed(alerts: Sequence[Alert], now: datetime) -> None:
    """Has everybody concerned told of these alerts, which were raised or have crossed further steps.

    Inside the transaction that changed them, which holds their rows. Who is about to be told of an alert anyway is
    told of all at once.
    """
    waiting = set(
        AlertNotification.objects.filter(alert__in=alerts, composed_at__isnull=True).values_list(
            "alert_id", "channel_id", "user_id"
        )
    )
    rows, deliveries = [], []
    for alert, receiver in _receivers(alerts):
        user_id = None if receiver.user is None else receiver.user.pk
        if (alert.pk, receiver.channel.pk, user_id) in waiting:
            continue
        due_at, is_gathered = receiver.due_at(max(now, alert.snoozed_until or now))
        row = AlertNotification(alert=alert, channel=receiver.channel, user_id=user_id, due_at=due_at)
        rows.append(row)
        deliveries.append((row, receiver.target, is_gathered))
    AlertNotification.objects.bulk_create(rows, batch_size=ROWS_PER_STATEMENT)
    enqueue([_delivery(row, target, now, is_gathered=gathers) for row, target, gathers in deliveries])


def _delivery(row: AlertNotification, target: str, now: datetime, *, is_gathered: bool) -> Delivery:
    return Delivery(
        key=f"alert:{row.alert_id}:{row.pk}",
        kind=DeliveryKind.MESSAGE,
        target=target,
        brand_id=row.alert.brand_id,
        campaign_id=row.alert.campaign_id,
        payload={"notification": row.pk, "is_gathered": is_gathered},
        created_at=now,
        due_at=row.due_at,
    )


def _receivers(alerts: Sequence[Alert]) -> Iterator[tuple[Alert, Receiver]]:
    channels = _channels(alerts)
    told_by_mail = [alert for alert in alerts if any(each.is_of_people for each in channels[alert.pk])]
    people = _people({alert.brand_id for alert in told_by_mail if alert.brand_id is not None})
    if any(alert.brand_id is None for alert in told_by_mail):
        people[None] = _people_of_every_brand()
    for alert in alerts:
        for channel in channels[alert.pk]:
            if not channel.is_of_people:
                yield alert, Receiver(channel)
                continue
            for user in people[alert.brand_id]:
                yield alert, Receiver(channel, user)


def _channels(alerts: Sequence[Alert]) -> dict[int, list[NotificationChannel]]:
    """Of each alert: the channels that its rule names, else the default ones; of a channel that fails: the others."""
    links = AlertRule.channels.through._default_manager.filter(
        alertrule__in={alert.rule_id for alert in alerts if alert.rule_id is not None}
    )
    named: defaultdict[int | None, set[int]] = defaultdict(set)
    for rule_id, channel_id in links.values_list("alertrule_id", "notificationchannel_id"):
        named[rule_id].add(channel_id)
    ids = {pk for each in named.values() for pk in each}
    brand_ids = {alert.brand_id for alert in alerts if alert.brand_id is not None}
    of_brands = Q(brand__isnull=True) | Q(brand__in=brand_ids)
    usable = list(
        NotificationChannel.objects.filter(of_brands, Q(pk__in=ids) | Q(is_default=True), is_active=True)
    )
    found = {}
    for alert in alerts:
        mine = [each for each in usable if each.brand_id in {None, alert.brand_id}]
        wanted = [each for each in mine if each.pk in named[alert.rule_id]]
        if alert.kind == AlertKind.CHANNEL_FAILING:
            found[alert.pk] = _others(alert, wanted) or _others(
                alert, [each for each in mine if each.is_default]
            )
        else:
            found[alert.pk] = wanted if named[alert.rule_id] else _defaults(mine)
    return found


def _others(alert: Alert, channels: Sequence[NotificationChannel]) -> list[NotificationChannel]:
    """Not the one that fails."""
    return [each for each in channels if each.pk != alert.facts["channel"]]


def _defaults(channels: Sequence[NotificationChannel]) -> list[NotificationChannel]:
    """The brand's own where it has any, else the agency's; and the people of the brand."""
    defaults = [each for each in channels if each.is_default]
    own = [each for each in defaults if each.brand_id is not None]
    agencys = [each for each in defaults if each.brand_id is None and not each.is_of_people]
    return (own or agencys) + [each for each in defaults if each.is_of_people]


def _people(brand_ids: set[int]) -> dict[int | None, list[User]]:
    """Of each brand, who is assigned to it, has an address and wants e-mail."""
    links = (
        Brand.assigned_to.through._default_manager.filter(brand__in=brand_ids, user__is_active=True)
        .exclude(user__email="")
        .exclude(user__notification_preference__email=False)
        .select_related("user__notification_preference")
        .order_by("pk")
    )
    people: defaultdict[int | None, list[User]] = defaultdict(list)
    for link in links:
        people[link.brand_id].append(link.user)
    return people


def _people_of_every_brand() -> list[User]:
    """Who handles the alerts of every brand, has an address and wants e-mail: told of what is of no brand."""
    handle, see_all = (
        User.objects.with_perm(right.permission, backend=MODEL_BACKEND)
        for right in (Right.HANDLE_ALERTS, Right.SEE_ALL_BRANDS)
    )
    wanting = handle.exclude(email="").exclude(notification_preference__email=False)
    told = wanting.filter(pk__in=see_all.values("pk")).select_related("notification_preference")
    return list(told.order_by("pk"))

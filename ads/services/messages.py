"""What is told of alerts: composed from how they are at the moment of sending, and sent by a channel."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Prefetch, Q, QuerySet
from django.urls import reverse

from ads.channels import Message, Note
from ads.models import (
    Alert,
    AlertNotification,
    AlertStep,
    Delivery,
    DeliveryState,
    NotificationChannel,
    NotificationPreference,
)
from ads.services import alert_words, channels

NAMED_IN_SUBJECT = 3


@dataclass(frozen=True, slots=True)
class Untold:
    """An alert with the steps that this receiver has not been told yet."""

    alert: Alert
    steps: Sequence[AlertStep]


class MessageSender:
    """Tells alerts; what needs no telling any more is settled without a word to anybody."""

    def prepare(self, delivery: Delivery, now: datetime) -> None:
        """Composes the message under the locks of its alerts, so that it names all that has happened so far."""
        if delivery.redelivered_by and "message" in delivery.payload:
            return  # the same again, because somebody asked for it
        kept = {name: delivery.payload[name] for name in ("notification", "is_gathered")}
        notification = _notification(kept["notification"])
        if notification is None:
            delivery.payload = kept | {"dropped": "The alert, the channel or the person is there no more."}
            return
        rows = _lock(_to_tell(delivery, notification, now))
        refusal = _refusal(notification.channel, notification.user)
        untold = [] if refusal else _untold(delivery, rows, now)
        for row in rows:
            row.composed_at, row.delivery = now, delivery
            row.steps = [step.pk for each in untold if each.alert.pk == row.alert_id for step in each.steps]
        AlertNotification.objects.bulk_update(rows, ["composed_at", "delivery", "steps"])
        if not untold:
            delivery.payload = kept | {"dropped": refusal or "Nothing is left to tell."}
            return
        message = compose(delivery.key, untold, notification.channel, notification.user)
        delivery.payload = kept | {"message": message.as_json()}

    def send(self, delivery: Delivery) -> int | None:
        """Sends what was composed."""
        notification = _notification(delivery.payload["notification"])
        if notification is not None and "message" in delivery.payload:
            message = Message.from_json(delivery.payload["message"])
            channels.send(notification.channel, message, notification.user)
        return None


def compose(key: str, untold: Sequence[Untold], channel: NotificationChannel, user: User | None) -> Message:
    """One message of all these alerts, which have their brands and campaigns loaded."""
    notes = [_note(each) for each in untold]
    return Message(key=key, subject=_subject(untold, notes), notes=notes, why=_why(untold, channel, user))


def _note(untold: Untold) -> Note:
    alert = untold.alert
    return Note(
        title=alert_words.title(alert, [step.step for step in untold.steps]),
        lines=alert_words.lines(alert),
        url=f"{settings.SITE_URL}{_page(alert)}",
    )


def _page(alert: Alert) -> str:
    if alert.campaign_id is not None:
        return reverse("dashboard:campaign", args=(alert.campaign_id,))
    if alert.brand_id is not None:
        return reverse("dashboard:brand", args=(alert.brand_id,))
    return reverse("dashboard:overview")


def _subject(untold: Sequence[Untold], notes: Sequence[Note]) -> str:
    if len(notes) == 1:
        return notes[0].title
    names = list(dict.fromkeys(alert_words.brand_name(each.alert) for each in untold))
    more = f" and {len(names) - NAMED_IN_SUBJECT} more" if len(names) > NAMED_IN_SUBJECT else ""
    return f"{len(notes)} alerts: {', '.join(names[:NAMED_IN_SUBJECT])}{more}"


def _why(untold: Sequence[Untold], channel: NotificationChannel, user: User | None) -> str:
    if user is None:
        return f"Sent by the channel “{channel.name}” of {settings.SITE_URL}"
    page = f"{settings.SITE_URL}{reverse('dashboard:notifications')}"
    brand_ids = {each.alert.brand_id for each in untold}
    if None in brand_ids:
        return f"You are told because you handle the alerts of every brand. When and whether you are: {page}"
    brands = "this brand is" if len(brand_ids) == 1 else "these brands are"
    return f"You are told because {brands} assigned to you. When and whether you are: {page}"


def _notification(pk: int) -> AlertNotification | None:
    found = AlertNotification.objects.select_related("channel", "user__notification_preference")
    return found.filter(pk=pk).first()


def _to_tell(
    delivery: Delivery, notification: AlertNotification, now: datetime
) -> QuerySet[AlertNotification]:
    """What this delivery tells: its own, and in a digest all of this person that has come due."""
    is_waiting = Q(composed_at__isnull=True)
    mine = is_waiting & Q(pk=notification.pk)
    if delivery.payload["is_gathered"]:
        mine |= is_waiting & Q(channel=notification.channel_id, user=notification.user_id, due_at__lte=now)
    return AlertNotification.objects.filter(Q(delivery=delivery) | mine).order_by("pk")


def _lock(rows: QuerySet[AlertNotification]) -> list[AlertNotification]:
    """The rows, read when their alerts are locked: whoever raises or tells an alert has locked it first."""
    alerts = Alert.objects.filter(pk__in=rows.order_by().values("alert_id")).order_by("pk")
    locked = [alert.pk for alert in alerts.select_for_update(no_key=True)]
    loaded = rows.filter(alert__in=locked).select_related("alert__brand", "alert__campaign__brand")
    return list(loaded.prefetch_related(Prefetch("alert__steps", AlertStep.objects.order_by("step", "pk"))))


def _untold(delivery: Delivery, rows: Sequence[AlertNotification], now: datetime) -> list[Untold]:
    told = _told(delivery, rows)
    visible = _visible(rows)
    untold = []
    for row in rows:
        alert = row.alert
        if _is_silenced(alert, now) or (visible is not None and alert.pk not in visible):
            continue
        steps = list(alert.steps.all())
        new = [step for step in steps if step.pk not in told.get(alert.pk, ())]
        if new or (not steps and alert.pk not in told):
            untold.append(Untold(alert, new))
    return untold


def _is_silenced(alert: Alert, now: datetime) -> bool:
    """Whether somebody looks after it or wants to hear no more. What ended by itself is told, and that it is over."""
    is_snoozed = alert.snoozed_until is not None and alert.snoozed_until > now
    return is_snoozed or alert.acknowledged_at is not None or bool(alert.resolved_by)


def _told(delivery: Delivery, rows: Iterable[AlertNotification]) -> Mapping[int, set[int]]:
    """Of each alert that other messages have told this receiver: which steps they named."""
    others = AlertNotification.objects.none()
    for row in list(rows)[:1]:
        others = AlertNotification.objects.filter(
            Q(delivery__isnull=True) | ~Q(delivery=delivery) & ~Q(delivery__state=DeliveryState.DEAD),
            alert__in=[each.alert_id for each in rows],
            channel=row.channel_id,
            user=row.user_id,
            composed_at__isnull=False,
        )
    told: defaultdict[int, set[int]] = defaultdict(set)
    for alert_id, steps in others.values_list("alert_id", "steps"):
        told[alert_id].update(steps)
    return told


def _visible(rows: Sequence[AlertNotification]) -> set[int] | None:
    """The alerts that this person may be told of; None for a channel of no person."""
    user = rows[0].user if rows else None
    if user is None:
        return None
    theirs = Alert.objects.visible_to(user).filter(pk__in=[row.alert_id for row in rows])
    return set(theirs.order_by().values_list("pk", flat=True))


def _refusal(channel: NotificationChannel, user: User | None) -> str:
    """Why nothing may be sent there any more; empty where it may."""
    if not channel.is_active:
        return "The channel is switched off."
    if user is None:
        return ""
    preference: NotificationPreference | None = getattr(user, "notification_preference", None)
    is_wanted = preference is None or preference.email
    return (
        ""
        if user.is_active and user.email and is_wanted
        else "This person is told nothing by e-mail any more."
    )

"""Whom alerts are told: channels, what each person wishes, and what was told by which channel."""

from datetime import time
from typing import Self
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import ValidationError
from django.db import models

from ads.models.alerts import Alert
from ads.models.brand import Brand
from ads.models.choices import check_zone, zone_choices
from ads.models.effects import Delivery
from ads.models.querysets import VisibleQuerySet
from ads.rights import Right, may
from ads.rules.periods import Calendar
from ads.rules.rhythm import Digest, Rhythm

PEOPLE_NAME = "People of the brand"
EIGHT_O_CLOCK = time(8)


class ChannelKind(models.TextChoices):
    """The names are those of the modules in ads/channels/, but for PEOPLE: e-mail to each person of a brand."""

    EMAIL = "email", "E-mail"
    SLACK = "slack", "Slack"
    TEAMS = "teams", "Microsoft Teams"
    WEBHOOK = "webhook", "Signed webhook"
    APPRISE = "apprise", "Another service (Apprise)"
    PEOPLE = "people", "E-mail to the people of the brand"


class DigestChoice(models.TextChoices):
    AT_ONCE = Digest.AT_ONCE.value, "At once"
    HOURLY = Digest.HOURLY.value, "Once an hour"
    DAILY = Digest.DAILY.value, "Once a day"


class NotificationChannelQuerySet(VisibleQuerySet["NotificationChannel"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        """Those of the brands this user sees, and that of people, which each rule may choose."""
        if not may(user, Right.SEE) or may(user, Right.SEE_ALL_BRANDS):
            return super().visible_to(user)
        theirs = user.brands.values("pk")  # type: ignore[union-attr]
        return self.filter(models.Q(kind=ChannelKind.PEOPLE) | models.Q(brand__in=theirs))

    def managed_by(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        """Those that this user may change: of their brands; of the agency where they see every brand."""
        if not may(user, Right.HANDLE_ALERTS):
            return self.none()
        seen = self.visible_to(user)
        return seen if may(user, Right.SEE_ALL_BRANDS) else seen.filter(brand__isnull=False)

    def failing(self) -> Self:
        """Those that are used and did not deliver when last tried."""
        return self.filter(is_active=True, failing_since__isnull=False)


class NotificationChannel(models.Model):
    """One way of telling somebody. What it needs to do so is a secret: shown to nobody once it is stored."""

    name = models.CharField(max_length=100, help_text="Such as #client-acme.")
    kind = models.CharField(max_length=10, choices=ChannelKind.choices)
    brand = models.ForeignKey(
        Brand,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="channels",
        help_text="Only alerts of this brand. Empty: of every brand.",
    )
    address = models.TextField(blank=True, default="")
    is_default = models.BooleanField(
        "default",
        default=True,
        help_text="Used by rules that name no channel. Where a brand has default channels, those of every brand "
        "are not used for it.",
    )
    is_active = models.BooleanField("active", default=True)
    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    last_error = models.CharField(max_length=500, blank=True, default="", editable=False)
    made_by = models.CharField(max_length=150, blank=True, default="", editable=False)
    created_at = models.DateTimeField(editable=False)

    objects = NotificationChannelQuerySet.as_manager()

    class Meta:
        verbose_name = "channel"
        ordering = ("name", "pk")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=[kind.value for kind in ChannelKind]), name="channel_kind_known"
            ),
            models.CheckConstraint(
                condition=models.Q(kind=ChannelKind.PEOPLE, address="", brand__isnull=True)
                | (~models.Q(kind=ChannelKind.PEOPLE) & ~models.Q(address="")),
                name="channel_address_unless_people",
            ),
            models.UniqueConstraint(
                fields=["kind"], condition=models.Q(kind=ChannelKind.PEOPLE), name="channel_people_once"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_of_people(self) -> bool:
        """Whether each person of the alert's brand is told, by e-mail."""
        return self.kind == ChannelKind.PEOPLE


class NotificationPreference(models.Model):
    """When and whether somebody is told by e-mail; who has none is told at once."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notification_preference"
    )
    email = models.BooleanField("alerts by e-mail", default=True)
    digest = models.CharField(max_length=7, choices=DigestChoice.choices, default=DigestChoice.AT_ONCE)
    daily_at = models.TimeField(default=EIGHT_O_CLOCK)
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_until = models.TimeField(null=True, blank=True)
    timezone = models.CharField("time zone", max_length=64, blank=True, default="", choices=zone_choices)

    class Meta:
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(
                condition=models.Q(digest__in=[choice.value for choice in DigestChoice]),
                name="preference_digest_known",
            ),
            models.CheckConstraint(
                condition=models.Q(quiet_from__isnull=True, quiet_until__isnull=True)
                | models.Q(quiet_from__isnull=False, quiet_until__isnull=False),
                name="preference_quiet_hours_whole",
            ),
        ]

    def __str__(self) -> str:
        return str(self.user)

    def clean(self) -> None:
        check_zone("timezone", self.timezone)
        if (self.quiet_from is None) != (self.quiet_until is None):
            raise ValidationError("Give both ends of the quiet hours, or neither.")
        if self.quiet_from is not None and self.quiet_from == self.quiet_until:
            raise ValidationError(
                "Quiet hours that begin and end at the same time are none; leave both empty."
            )

    @property
    def calendar(self) -> Calendar:
        """The clock that this person lives by."""
        return Calendar.fixed(ZoneInfo(self.timezone or settings.TIME_ZONE))

    @property
    def rhythm(self) -> Rhythm:
        """The wishes as the rule takes them."""
        return Rhythm(
            self.calendar,
            Digest(self.digest),
            self.daily_at,
            self.quiet_from or time.min,
            self.quiet_until or time.min,
        )


class AlertNotification(models.Model):
    """That an alert is to be told by a channel, and with one of people to which person; or that it was."""

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="notifications")
    channel = models.ForeignKey(NotificationChannel, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    due_at = models.DateTimeField()
    # From here on it belongs to one delivery, which names these steps, by their keys.
    composed_at = models.DateTimeField(null=True, blank=True)
    delivery = models.ForeignKey(
        Delivery, on_delete=models.SET_NULL, null=True, blank=True, related_name="notifications"
    )
    steps = models.JSONField(default=list)

    class Meta:
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["alert", "channel"],
                condition=models.Q(composed_at__isnull=True, user__isnull=True),
                name="notification_one_to_compose",
            ),
            models.UniqueConstraint(
                fields=["alert", "channel", "user"],
                condition=models.Q(composed_at__isnull=True, user__isnull=False),
                name="notification_one_to_compose_for_person",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.alert} by {self.channel}"

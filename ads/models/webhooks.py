"""WebhookEndpoint: an address that is told what happens, with the rights of the person who owns it."""

from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models

from ads.models.brand import Brand
from ads.models.campaign import Campaign
from ads.rights import Person, Right, is_superuser, may


class EventType(models.TextChoices):
    STATUS_CHANGED = "campaign.status_changed", "A campaign's status or reasons changed"
    THRESHOLD_CROSSED = "budget.threshold_crossed", "Spend crossed a share of a budget"
    PERIOD_CLOSED = "period.closed", "A brand's day or month is over"
    ALERT_RAISED = "alert.raised", "An alert was raised"


class WebhookEndpointQuerySet(models.QuerySet["WebhookEndpoint"]):
    def managed_by(self, person: Person) -> Self:
        """Who may name and archive brands has endpoints of their own.

        Others' too has who manages people and sees every brand: where an endpoint leads, all that its owner sees goes.
        """
        if is_superuser(person):
            return self.all()
        if not may(person, Right.SEE, Right.EDIT_SETTINGS):
            return self.none()
        own = models.Q(owner=person.pk)
        if may(person, Right.MANAGE_PEOPLE, Right.SEE_ALL_BRANDS):
            return self.filter(own | models.Q(owner__is_superuser=False))
        return self.filter(own)


class WebhookEndpoint(models.Model):
    """Secrets are kept as they are, because requests are signed with them; no page shows them again."""

    name = models.CharField(max_length=100, help_text="What it is for.")
    url = models.URLField("URL", max_length=500)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="webhook_endpoints",
        help_text="It is told of the brands that this person sees, and this person is told when it fails.",
    )
    all_brands = models.BooleanField(default=True, help_text="Every brand of the owner, later ones too.")
    brands = models.ManyToManyField(Brand, blank=True, related_name="+", help_text="Only these, if not all.")
    event_types = models.JSONField(default=list)
    secret = models.CharField(max_length=100, editable=False)
    previous_secret = models.CharField(max_length=100, blank=True, default="", editable=False)
    previous_secret_until = models.DateTimeField(null=True, editable=False)
    is_active = models.BooleanField("active", default=True, editable=False)
    switched_off_at = models.DateTimeField(null=True, editable=False)
    switched_off_why = models.CharField(max_length=255, blank=True, default="", editable=False)
    switched_on_at = models.DateTimeField(editable=False)
    created_at = models.DateTimeField(editable=False)

    objects = WebhookEndpointQuerySet.as_manager()

    class Meta:
        ordering = ("name", "pk")

    def __str__(self) -> str:
        return self.name

    @property
    def target(self) -> str:
        """Its name among the targets of deliveries."""
        return f"webhook:{self.pk}"

    def secrets(self, now: datetime) -> list[str]:
        """What a request is signed with at this moment: for a while after a rotation, the old one too."""
        both = self.previous_secret_until is not None and now < self.previous_secret_until
        return [self.secret, self.previous_secret] if both else [self.secret]


class EventSequence(models.Model):
    """The number of the last event of a campaign that was told to an endpoint."""

    campaign = models.OneToOneField(Campaign, on_delete=models.CASCADE, primary_key=True, related_name="+")
    last = models.BigIntegerField()

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.campaign_id}: {self.last}"

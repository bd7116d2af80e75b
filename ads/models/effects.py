"""The outbox: what is to be told outside, written in the transaction that caused it, and each attempt at it."""

from django.db import models

from ads.models.brand import Brand
from ads.models.campaign import Campaign
from ads.models.webhooks import WebhookEndpoint

PENDING = models.Q(state="PENDING")


class DeliveryKind(models.TextChoices):
    WEBHOOK = "WEBHOOK", "Webhook"
    MESSAGE = "MESSAGE", "Message"
    MAIL = "MAIL", "E-mail"


class DeliveryState(models.TextChoices):
    PENDING = "PENDING", "Pending"
    DELIVERED = "DELIVERED", "Delivered"
    DEAD = "DEAD", "Dead letter"


class Delivery(models.Model):
    """One thing to be told to one target, at least once. Whoever sends it holds it until `held_until`."""

    Kind = DeliveryKind
    State = DeliveryState

    key = models.CharField(max_length=255, unique=True)
    kind = models.CharField(max_length=8, choices=DeliveryKind.choices)
    # Where it goes, such as webhook:7. To one target deliveries go one at a time.
    target = models.CharField(max_length=100)
    endpoint = models.ForeignKey(
        WebhookEndpoint, on_delete=models.CASCADE, null=True, blank=True, related_name="deliveries"
    )
    brand = models.ForeignKey(
        Brand, on_delete=models.CASCADE, null=True, blank=True, related_name="+", db_index=False
    )
    campaign = models.ForeignKey(
        Campaign, on_delete=models.CASCADE, null=True, blank=True, related_name="+", db_index=False
    )
    payload = models.JSONField()
    created_at = models.DateTimeField()
    due_at = models.DateTimeField()
    give_up_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=9, choices=DeliveryState.choices, default=DeliveryState.PENDING)
    held_until = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=500, blank=True, default="")
    redelivered_by = models.CharField(max_length=150, blank=True, default="")

    class Meta:
        verbose_name_plural = "deliveries"
        default_permissions = ("view",)
        ordering = ("-pk",)
        indexes = [
            # What a target is to be sent next; what is given up; what is forgotten.
            models.Index(fields=["target", "due_at"], condition=PENDING, name="delivery_due"),
            models.Index(fields=["give_up_at"], condition=PENDING, name="delivery_to_give_up"),
            models.Index(fields=["created_at"], condition=~PENDING, name="delivery_by_age"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["PENDING", "DEAD"], delivered_at__isnull=True)
                | models.Q(state="DELIVERED", delivered_at__isnull=False),
                name="delivery_delivered_at_where_delivered",
            ),
            models.CheckConstraint(
                condition=~models.Q(kind="WEBHOOK") | models.Q(endpoint__isnull=False),
                name="delivery_webhook_has_endpoint",
            ),
        ]

    def __str__(self) -> str:
        return self.key


class DeliveryAttempt(models.Model):
    """One try to deliver; an empty error is success."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="tries")
    at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    answer_code = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        verbose_name = "attempt"
        default_permissions = ("view",)
        ordering = ("-pk",)

    def __str__(self) -> str:
        return self.error or "Delivered"


class DeliveryTarget(models.Model):
    """How it stands with a target. Nothing is sent to it before `free_at`: it is being sent to, or it failed."""

    name = models.CharField(max_length=100, unique=True)
    free_at = models.DateTimeField()
    failures = models.PositiveIntegerField(default=0)  # in a row
    failing_since = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.name

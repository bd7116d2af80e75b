"""Access to the API: tokens, and the answers kept for requests that may be sent again."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, TypeVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models

from ads.models.brand import Brand
from ads.models.querysets import VisibleQuerySet

Rows = TypeVar("Rows", bound=VisibleQuerySet[Any])


class Scope(models.TextChoices):
    SPEND_WRITE = "spend:write", "Record spend"
    READ = "read", "Read"
    MANAGE = "manage", "Change budgets, switch on and off"


class TokenState(models.TextChoices):
    IN_USE = "in_use", "In use"
    EXPIRED = "expired", "Expired"
    REVOKED = "revoked", "Revoked"
    USER_OFF = "user_off", "User switched off"


def check_scopes(scopes: Collection[str]) -> None:
    """Raises ValidationError unless these are some of the scopes that there are."""
    unknown = [scope for scope in scopes if scope not in Scope.values]
    if unknown or not scopes:
        given = f"“{unknown[0]}” is no scope" if unknown else "A token without a scope can do nothing"
        raise ValidationError({"scopes": f"{given}; give one or more of {', '.join(Scope.values)}"})


class ApiToken(models.Model):
    """Lets a program act with a user's rights, or with a part of them. The token itself is stored nowhere."""

    name = models.CharField(max_length=100, help_text="What it is for.")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="api_tokens",
        help_text="It sees what this user sees.",
    )
    prefix = models.CharField(max_length=16, unique=True, editable=False)
    digest = models.CharField(max_length=64, editable=False)  # SHA-256 of 32 random bytes
    scopes = models.JSONField(default=list)
    # Said apart from the brands, so that a narrowed token whose last brand is deleted sees nothing and not all.
    all_brands = models.BooleanField(default=True, help_text="Every brand of the user, later ones too.")
    brands = models.ManyToManyField(Brand, blank=True, related_name="+", help_text="Only these, if not all.")
    created_at = models.DateTimeField(editable=False)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: never.")
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = "API token"
        ordering = ("name", "pk")

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def clean(self) -> None:
        check_scopes(self.scopes)

    def state(self, now: datetime) -> TokenState:
        """Whether it opens anything at this moment, and why where it does not."""
        if self.revoked_at is not None:
            return TokenState.REVOKED
        if self.expires_at is not None and self.expires_at <= now:
            return TokenState.EXPIRED
        return TokenState.IN_USE if self.user.is_active else TokenState.USER_OFF

    def refusal(self, now: datetime) -> str:
        """Why it opens nothing at this moment, in a sentence; empty where it does."""
        match self.state(now):
            case TokenState.REVOKED:
                return f"The token was revoked at {self.revoked_at:%Y-%m-%d %H:%M:%S} UTC."
            case TokenState.EXPIRED:
                return f"The token expired at {self.expires_at:%Y-%m-%d %H:%M:%S} UTC."
            case TokenState.USER_OFF:
                return "The token's user is switched off."
            case TokenState.IN_USE:
                return ""

    def visible(self, rows: Rows) -> Rows:
        """Those of these rows that the user has a right to, less what the token is narrowed away from."""
        seen = rows.visible_to(self.user)
        if self.all_brands:
            return seen
        return seen.filter(**{f"{rows.path_to_brand}__in": self.brands.order_by().values("pk")})


class IdempotencyRecord(models.Model):
    """A request named by the sender's key, and its answer once there is one: the same again gets the same."""

    token = models.ForeignKey(ApiToken, on_delete=models.CASCADE, related_name="+", db_index=False)
    key = models.CharField(max_length=255)
    digest = models.CharField(max_length=64)  # SHA-256 of method, path and body
    created_at = models.DateTimeField()
    # Whoever wrote this is at work on it; after a while without an answer another may take over.
    started_at = models.DateTimeField()
    answer_status = models.PositiveSmallIntegerField(null=True)
    answer = models.BinaryField(null=True)  # compressed

    class Meta:
        default_permissions = ("view",)
        indexes = [
            # What is to be forgotten.
            models.Index(fields=["created_at"], name="idempotency_by_age"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["token", "key"], name="idempotency_unique_key"),
            models.CheckConstraint(
                condition=models.Q(answer_status__isnull=True, answer__isnull=True)
                | models.Q(answer_status__isnull=False, answer__isnull=False),
                name="idempotency_answered_whole",
            ),
        ]

    def __str__(self) -> str:
        return self.key


class WrongTokens(models.Model):
    """How many tokens that nobody was given came from an address, since it last paused."""

    address = models.CharField(max_length=39, unique=True)  # '' for a socket's
    count = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name_plural = "wrong tokens"
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.count} from {self.address}"

"""RightsChange: one right that somebody was given or lost, by whom and when."""

from django.conf import settings
from django.db import models

from ads.models.brand import Brand
from ads.models.querysets import AppendOnlyModel, AppendOnlyQuerySet


class RightKind(models.TextChoices):
    ACCOUNT = "ACCOUNT", "Account"
    ROLE = "ROLE", "Role"
    BRAND = "BRAND", "Brand"
    RIGHT = "RIGHT", "Right"
    TOKEN = "TOKEN", "API token"
    RIGHT_OF_ROLE = "OF_ROLE", "Right of a role"
    TWO_FACTOR = "2FA", "Two-factor"


class RightsChangeQuerySet(AppendOnlyQuerySet["RightsChange"]):
    pass


class RightsChange(AppendOnlyModel):
    kind = models.CharField(max_length=7, choices=RightKind.choices)
    # Without database keys: who or what is gone keeps its history, under the name it had.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        null=True,
        related_name="rights_changes",
        db_constraint=False,
    )
    username = models.CharField(max_length=150, blank=True)
    brand = models.ForeignKey(
        Brand, on_delete=models.DO_NOTHING, null=True, related_name="rights_changes", db_constraint=False
    )
    # What was given or taken: the role's, right's or token's id, or the name of the account's setting.
    subject_key = models.CharField(max_length=64)
    subject = models.CharField(max_length=255)
    given = models.BooleanField()
    by = models.CharField(max_length=150, blank=True)
    at = models.DateTimeField()

    objects = RightsChangeQuerySet.as_manager()

    class Meta:
        verbose_name = "change of rights"
        verbose_name_plural = "changes of rights"
        default_permissions = ("view",)
        ordering = ("-pk",)
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=[kind.value for kind in RightKind]),
                name="rightschange_kind_known",
            ),
        ]

    def __str__(self) -> str:
        whose = f" of {self.username}" if self.username else ""
        return f"{self.get_kind_display()} {self.subject}{whose} {'given' if self.given else 'taken'}"

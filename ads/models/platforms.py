"""Connections to the platforms where ads run, and what is wanted and found there of each connected campaign."""

from typing import ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models

from ads.models.brand import Brand
from ads.models.campaign import Campaign
from ads.models.querysets import VisibleQuerySet
from ads.models.status import StatusChange
from ads.rules.platforms import Desired, Known, Observed, fits

_DESIRED = [(each.value, each.value.capitalize()) for each in Desired]
_OBSERVED = [(each.value, each.value.capitalize()) for each in Observed]


class PlatformAdapter(models.TextChoices):
    HTTP = "http", "Generic HTTP"
    GOOGLE_ADS = "google_ads", "Google Ads"
    META = "meta", "Meta"


class PlatformMode(models.TextChoices):
    OBSERVE = "observe", "Observe only: read and show, change nothing"
    ACT = "act", "Act: pause and resume campaigns there"


class PlatformConnection(models.Model):
    """One account of a platform. The secret itself is stored nowhere: the environment has it.

    Whoever works on it holds it until `held_until`, so that requests to one account never cross.
    """

    adapter = models.CharField("spoken to as", max_length=16, choices=PlatformAdapter.choices)
    platform = models.CharField(max_length=64, help_text="As the campaigns name it, such as meta.")
    account = models.CharField(max_length=128, blank=True, help_text="As the campaigns name it.")
    all_brands = models.BooleanField(default=True, help_text="Campaigns of every brand, later ones too.")
    brands = models.ManyToManyField(Brand, blank=True, related_name="+", help_text="Only these, if not all.")
    mode = models.CharField(max_length=8, choices=PlatformMode.choices, default=PlatformMode.OBSERVE)
    url = models.URLField(
        "address",
        blank=True,
        max_length=500,
        help_text="Of a generic HTTP platform; the others have their own.",
    )
    manager_account = models.CharField(
        max_length=32, blank=True, help_text="Google Ads: the manager account that has access, if one has."
    )
    credentials = models.CharField(
        max_length=100,
        validators=[RegexValidator(r"^PLATFORM_[A-Z0-9_]+\Z", "Give a name such as PLATFORM_META.")],
        help_text="The variable of the environment that holds the secret; its name begins with PLATFORM_.",
    )
    own_name = models.CharField(
        max_length=255,
        help_text="What the platform’s change log calls this system: its user, e-mail address or id. "
        "A pause by anybody else counts as a person’s.",
    )
    is_active = models.BooleanField(default=True)

    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    last_error = models.TextField(blank=True, default="", editable=False)
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)  # since it last answered
    next_try_at = models.DateTimeField(null=True, blank=True, editable=False)
    held_until = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ("platform", "account")
        constraints = [
            models.UniqueConstraint(
                fields=["platform", "account"],
                name="platformconnection_unique_account",
                violation_error_message="This account is connected already.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.platform} {self.account}".rstrip()

    @property
    def label(self) -> str:
        """The platform as people call it."""
        return self.platform if self.adapter == PlatformAdapter.HTTP else self.get_adapter_display()

    def clean(self) -> None:
        if self.adapter == PlatformAdapter.HTTP and not self.url:
            raise ValidationError({"url": "A generic HTTP platform needs the address of its API."})
        if self.adapter != PlatformAdapter.HTTP and not self.account:
            raise ValidationError({"account": "Give the number of the account."})


class PlatformStateQuerySet(VisibleQuerySet["PlatformState"]):
    path_to_brand: ClassVar[str] = "campaign__brand"


class PlatformState(models.Model):
    """What is wanted of one connected campaign, and what was last found. Changed with each wish: `version`."""

    campaign = models.OneToOneField(Campaign, on_delete=models.CASCADE, related_name="platform_state")
    connection = models.ForeignKey(
        PlatformConnection, on_delete=models.CASCADE, related_name="states", db_index=False
    )
    external_id = models.CharField(max_length=255)
    version = models.BigIntegerField(default=1)
    desired = models.CharField(max_length=7, choices=_DESIRED)
    desired_at = models.DateTimeField()
    # Without a key in the database: PostgreSQL would answer a TRUNCATE of history before its guard does.
    desired_change = models.ForeignKey(
        StatusChange,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    heed_since = models.DateTimeField(null=True, blank=True)
    observed = models.CharField(max_length=7, choices=_OBSERVED, blank=True, default="")
    observed_at = models.DateTimeField(null=True, blank=True)
    confirmed_running_at = models.DateTimeField(null=True, blank=True)
    requested = models.CharField(max_length=7, choices=_DESIRED, blank=True, default="")
    requested_at = models.DateTimeField(null=True, blank=True)
    drift_since = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField()
    last_error = models.TextField(blank=True, default="")

    objects = PlatformStateQuerySet.as_manager()

    class Meta:
        verbose_name = "state on a platform"
        verbose_name_plural = "states on platforms"
        default_permissions = ("view",)
        indexes = [
            # What is to be worked on.
            models.Index(fields=["connection", "next_try_at"], name="platformstate_due"),
            # What differs from what is wanted.
            models.Index(
                fields=["drift_since"],
                condition=models.Q(drift_since__isnull=False),
                name="platformstate_drift",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(desired__in=[each.value for each in Desired])
                & models.Q(requested__in=["", *(each.value for each in Desired)])
                & models.Q(observed__in=["", *(each.value for each in Observed)]),
                name="platformstate_known",
            ),
            models.CheckConstraint(
                condition=models.Q(observed="", observed_at__isnull=True)
                | (~models.Q(observed="") & models.Q(observed_at__isnull=False)),
                name="platformstate_observed_whole",
            ),
            models.CheckConstraint(
                condition=models.Q(requested="", requested_at__isnull=True)
                | (~models.Q(requested="") & models.Q(requested_at__isnull=False)),
                name="platformstate_requested_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.campaign} on {self.connection}"

    @property
    def known(self) -> Known:
        """What is known of it, as the rule takes it."""
        return Known(
            desired=Desired(self.desired),
            heed_since=self.heed_since,
            observed=Observed(self.observed) if self.observed else None,
            observed_at=self.observed_at,
            confirmed_running_at=self.confirmed_running_at,
            requested=Desired(self.requested) if self.requested else None,
            requested_at=self.requested_at,
            drift_since=self.drift_since,
        )

    @known.setter
    def known(self, known: Known) -> None:
        self.heed_since = known.heed_since
        self.observed = known.observed or ""
        self.observed_at = known.observed_at
        self.confirmed_running_at = known.confirmed_running_at
        self.requested = known.requested or ""
        self.requested_at = known.requested_at
        self.drift_since = known.drift_since

    @property
    def is_as_wanted(self) -> bool:
        """Whether the platform was last found to do what is wanted."""
        return fits(self.known.desired, self.known.observed)

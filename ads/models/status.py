"""StatusChange: one change of a campaign's status or reasons, with its cause, and who and when."""

from django.db import models

from ads.models.brand import Brand
from ads.models.campaign import STATUS_CHOICES, Campaign, reasons_from_codes
from ads.models.querysets import AppendOnlyModel, AppendOnlyQuerySet
from ads.rules.serving import Reason, Status


class Cause(models.TextChoices):
    SPEND = "SPEND", "Spend recorded"
    SETTINGS = "SETTINGS", "Settings changed"
    CLOCK = "CLOCK", "Time came"
    ROLLOVER = "ROLLOVER", "New day"
    RESET = "RESET", "Budget reset by a person"
    REPAIR = "REPAIR", "Totals repaired"
    SWEEP = "SWEEP", "Safety-net sweep"


_WINDOW = Reason.OUTSIDE_DAYPARTING.value
# What people are told of: another status, but not because a window opened or closed by the clock.
IS_NEWS = ~models.Q(from_status=models.F("to_status")) & ~models.Q(
    models.Q(from_reason_codes=_WINDOW, reason_codes="")
    | models.Q(from_reason_codes="", reason_codes=_WINDOW),
    cause=Cause.CLOCK.value,
)


class StatusChangeQuerySet(AppendOnlyQuerySet["StatusChange"]):
    def newest(self, most: int) -> "StatusChangeQuerySet":
        """The newest of these that are news."""
        # The ids first, which are told from an index alone: somebody's brands may have little among much.
        ids = self.filter(IS_NEWS).values("pk")[:most]
        return StatusChange.objects.filter(pk__in=ids)


class StatusChange(AppendOnlyModel):
    brand = models.ForeignKey(
        Brand, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    campaign = models.ForeignKey(
        Campaign, on_delete=models.PROTECT, related_name="status_changes", db_index=False
    )
    # 1, 2, 3 ... within the brand, taken under its lock: who has seen one has seen, or can see, all before it.
    sequence = models.BigIntegerField()
    from_status = models.CharField(max_length=9, choices=STATUS_CHOICES)
    from_reason_codes = models.CharField(max_length=200, blank=True)
    to_status = models.CharField(max_length=9, choices=STATUS_CHOICES)
    reason_codes = models.CharField(max_length=200, blank=True)
    cause = models.CharField(max_length=8, choices=Cause.choices)
    by = models.CharField(max_length=150, blank=True)
    at = models.DateTimeField()

    objects = StatusChangeQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        indexes = [
            # A campaign's history, and its state at a moment; a brand's latest changes.
            models.Index(fields=["campaign", "at"], name="statuschange_by_campaign"),
            models.Index(fields=["brand", "at"], name="statuschange_by_brand"),
            # The overview: since when a budget of a brand stops campaigns, in a month of windows.
            models.Index(
                fields=["brand", "at"],
                condition=models.Q(reason_codes__contains=Reason.BRAND_DAILY.value)
                | models.Q(reason_codes__contains=Reason.BRAND_MONTHLY.value),
                name="statuschange_by_brand_limit",
            ),
            # What happened last, of all brands or of some, and on a brand's page: most changes are of windows.
            models.Index(fields=["id", "brand"], condition=IS_NEWS, name="statuschange_news"),
            models.Index(fields=["brand", "sequence"], condition=IS_NEWS, name="statuschange_news_of_brand"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["brand", "sequence"], name="statuschange_unique_sequence"),
        ]

    def __str__(self) -> str:
        return f"{Status(self.from_status).word} to {Status(self.to_status).word.lower()}"

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """What stood against running after the change, in order."""
        return reasons_from_codes(self.reason_codes)

    @property
    def from_reasons(self) -> tuple[Reason, ...]:
        """What stood against running before the change, in order."""
        return reasons_from_codes(self.from_reason_codes)

"""DaypartingSchedule: one weekly window in which a campaign may run."""

from datetime import time
from typing import ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from simple_history.models import HistoricalRecords

from ads.actor import actor_user
from ads.models.campaign import Campaign
from ads.models.choices import check_zone, zone_choices
from ads.models.settings import SettingsModel, SettingsQuerySet
from ads.rules.dayparting import Window

DAYS = [
    (0, "Monday"),
    (1, "Tuesday"),
    (2, "Wednesday"),
    (3, "Thursday"),
    (4, "Friday"),
    (5, "Saturday"),
    (6, "Sunday"),
]


class DaypartingScheduleQuerySet(SettingsQuerySet["DaypartingSchedule"]):
    path_to_brand: ClassVar[str] = "campaign__brand"
    path_to_brand_id: ClassVar[str] = "campaign__brand_id"
    path_to_campaign_id: ClassVar[str | None] = "campaign_id"
    not_in_bulk: ClassVar[frozenset[str]] = frozenset({"campaign", "campaign_id"})

    def _announce(self, brand_ids: set[int], campaign_ids: set[int]) -> None:
        check_one_zone(campaign_ids)
        super()._announce(brand_ids, campaign_ids)


class DaypartingSchedule(SettingsModel):
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="schedules")
    day_of_week = models.SmallIntegerField(
        "day", null=True, blank=True, choices=DAYS, help_text="The day it starts on. Empty: every day."
    )
    start_time = models.TimeField("from", help_text="The window is open from this minute on.")
    end_time = models.TimeField(
        "until",
        help_text="Not included. Earlier than the start: it runs into the next day. 00:00: until midnight.",
    )
    timezone = models.CharField(
        "time zone",
        max_length=64,
        blank=True,
        default="",
        choices=zone_choices,
        help_text="Empty: the brand's. One zone for all windows of a campaign.",
    )

    objects = DaypartingScheduleQuerySet.as_manager()
    history = HistoricalRecords(get_user=actor_user)

    class Meta:
        ordering = ("campaign_id", models.F("day_of_week").asc(nulls_first=True), "start_time")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(day_of_week__isnull=True) | models.Q(day_of_week__range=(0, 6)),
                name="schedule_day_of_week_known",
            ),
            models.CheckConstraint(
                condition=~models.Q(start_time=models.F("end_time")) | models.Q(start_time=time(0)),
                name="schedule_not_empty",
                violation_error_message="Start and end are the same; 00:00 to 00:00 is the whole day.",
            ),
        ]

    def __str__(self) -> str:
        day = "every day" if self.day_of_week is None else dict(DAYS)[self.day_of_week]
        end = "24:00" if self.end_time == time(0) else f"{self.end_time:%H:%M}"
        return f"{day} {self.start_time:%H:%M}-{end}"

    def owner(self) -> tuple[int | None, set[int] | None]:
        return self.campaign.brand_id, {self.campaign_id}

    def check_values(self) -> None:
        check_zone("timezone", self.timezone)

    def check_change(self) -> None:
        if self._state.adding:
            return
        stored = DaypartingSchedule.objects.filter(pk=self.pk).values_list("campaign_id", flat=True).first()
        if stored is not None and stored != self.campaign_id:
            raise ValidationError(
                {"campaign": "A window belongs to its campaign; add one to the other campaign."}
            )

    def _announce(self) -> None:
        check_one_zone({self.campaign_id})
        super()._announce()

    @property
    def window(self) -> Window:
        """The pure rule's form of this row."""
        return Window(self.day_of_week, self.start_time, self.end_time)


def check_one_zone(campaign_ids: set[int]) -> None:
    """Raises ValidationError where the windows of one of these campaigns are in more than one zone."""
    zones: dict[int, str] = {}
    rows = DaypartingSchedule.objects.filter(campaign_id__in=campaign_ids).order_by("pk")
    for campaign_id, zone in rows.values_list("campaign_id", "timezone"):
        first = zones.setdefault(campaign_id, zone)
        if zone != first:
            raise ValidationError(
                {
                    "timezone": f"The campaign's windows are in {first or 'the brand’s zone'}; use one zone for all."
                }
            )

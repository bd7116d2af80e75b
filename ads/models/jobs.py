"""What jobs remember: long ones how far they got, and all of them that they ran."""

from django.db import models


class JobProgress(models.Model):
    name = models.CharField(max_length=64, primary_key=True)
    position = models.BigIntegerField(default=0)
    # Until then the run that is at it is taken for alive, and no other begins.
    held_until = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)
    # Of the pass over everything that is under way, else of the last one.
    started_at = models.DateTimeField(null=True, blank=True)
    # Of the last whole pass.
    finished_at = models.DateTimeField(null=True, blank=True)
    took_ms = models.BigIntegerField(null=True, blank=True)
    # What this pass has found so far, and what the last whole one found.
    found = models.BigIntegerField(default=0)
    found_before = models.BigIntegerField(default=0)

    class Meta:
        verbose_name_plural = "progress of jobs"
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.name} at {self.position}"


class HistoryKind(models.TextChoices):
    SPEND = "SPEND", "Row of spend"
    STATUS = "STATUS", "Change of status"


class HistoryCount(models.Model):
    """How many rows of a history of one sort there are, and when the newest came: counted as they are appended."""

    kind = models.CharField(max_length=6, choices=HistoryKind.choices)
    # The source of spend; of a change its new status, its first reason and its cause, with commas between.
    sort = models.CharField(max_length=100)
    count = models.BigIntegerField(default=0)
    last_at = models.DateTimeField()

    class Meta:
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(fields=["kind", "sort"], name="historycount_unique")]

    def __str__(self) -> str:
        return f"{self.count} {self.sort}"

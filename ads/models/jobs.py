"""Long jobs remember how far they got."""

from django.db import models


class JobProgress(models.Model):
    name = models.CharField(max_length=64, primary_key=True)
    position = models.BigIntegerField(default=0)
    # Until then the run that is at it is taken for alive, and no other begins.
    held_until = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "progress of jobs"
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.name} at {self.position}"

"""The tables of the naive loop, which exist only while it runs."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, models


class NaiveBrand(models.Model):
    name = models.CharField(max_length=200)
    spent = models.DecimalField(max_digits=14, decimal_places=2)

    class Meta:
        app_label = "benchmarks"

    def __str__(self) -> str:
        return self.name


class NaiveSpend(models.Model):
    brand = models.ForeignKey(NaiveBrand, on_delete=models.CASCADE)
    campaign_id = models.BigIntegerField(db_index=True)
    amount = models.DecimalField(max_digits=14, decimal_places=2)
    occurred_at = models.DateTimeField()
    source = models.CharField(max_length=64)
    external_id = models.CharField(max_length=255)

    class Meta:
        app_label = "benchmarks"

    def __str__(self) -> str:
        return self.external_id


@contextmanager
def tables() -> Iterator[None]:
    """Makes them, and takes them away."""
    with connection.schema_editor() as editor:
        editor.create_model(NaiveBrand)
        editor.create_model(NaiveSpend)
    try:
        yield
    finally:
        with connection.schema_editor() as editor:
            editor.delete_model(NaiveSpend)
            editor.delete_model(NaiveBrand)

"""What Prometheus counts: sums kept in one place, and the steps that were not added to them yet."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Figures(models.Model):
    """So many things of one kind, and what they come to: USDT, minor units or seconds, as the name says."""

    name = models.CharField(max_length=48)
    labels = ArrayField(models.CharField(max_length=64))
    number = models.BigIntegerField()
    amount = models.DecimalField(max_digits=48, decimal_places=9)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.name}{self.labels}: {self.number}"


class FigureStep(Figures):
    """
    What one statement adds. Triggers write most of them.

    A row of its own each, so that nobody who trades waits for somebody else who does; `fold` adds them up.
    """


class FigureTotal(Figures):
    """All steps of one name and labels that were added up."""

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["name", "labels"], name="figure_total_once")]

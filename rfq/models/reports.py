"""Reports over many trades, as they came out last."""

from datetime import datetime

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q

SHARE = 50  # a report takes a fiftieth of the time at most: one that takes a second is made anew after fifty


class KeptReport(models.Model):
    """
    The rows of a report over all of the desk, made by `rfq.keep_reports` at `as_of`; how long that took.

    It is to look at: what decides anything reads what is there now.
    """

    name = models.CharField(max_length=32, primary_key=True)
    rows = models.JSONField(encoder=DjangoJSONEncoder)
    as_of = models.DateTimeField()
    took = models.DurationField()

    class Meta:
        constraints = [models.CheckConstraint(condition=~Q(name=""), name="kept_report_named")]

    def __str__(self) -> str:
        return f"{self.name}, {self.as_of:%Y-%m-%d %H:%M}"

    @property
    def due_at(self) -> datetime:
        """From when on it is to be made anew."""
        return self.as_of + self.took * SHARE

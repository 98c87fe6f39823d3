"""Filters of lists that people keep under a name."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

LONGEST_NAME = 40
LONGEST_QUERY = 600
MOST = 20  # of one person on one list


class SavedFilter(models.Model):
    """
    A filter of a list page under a name of its owner's own.

    `page` is the name of the list's address (`users.listing`), `query` what follows the question mark.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_filters")
    page = models.CharField(max_length=64)
    name = models.CharField(max_length=LONGEST_NAME)
    query = models.CharField(max_length=LONGEST_QUERY)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("user", "page", Lower("name"), name="saved_filter_named_once"),
            models.CheckConstraint(condition=~Q(page="") & ~Q(name="") & ~Q(query=""), name="saved_filter_whole"),
        ]

    def __str__(self) -> str:
        return f"{self.page}: {self.name}"

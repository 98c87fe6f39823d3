"""What the bot asked somebody and waits for."""

from functools import partial

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Cast, Length
from django.db.models.lookups import LessThanOrEqual

from trading.lib.ids import new_ref

MOST_DATA = 2000


class Dialogue(models.Model):
    """
    A conversation of some steps with one person; a new one takes the place of the old.

    `purpose` says which handler goes on with it, `asks` what a typed text answers now ("" waits for a button).
    Buttons are bound to `ref` and `turn`; `heard` is the key of the last answer, so that the same one, come twice,
    counts once. One that ended keeps its row until the next begins: its last button may be pressed again.
    """

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="dialogue")
    ref = models.CharField(max_length=16, unique=True, default=partial(new_ref, "DLG"))
    purpose = models.CharField(max_length=16)
    asks = models.CharField(max_length=16, blank=True)
    data = models.JSONField(default=dict)
    turn = models.PositiveSmallIntegerField(default=0)
    heard = models.CharField(max_length=64)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(purpose=""), name="dialogue_has_purpose"),
            models.CheckConstraint(
                condition=LessThanOrEqual(Length(Cast("data", models.TextField())), MOST_DATA),
                name="dialogue_data_bounded",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ref} {self.purpose}"

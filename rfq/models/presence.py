"""Whether an LP's program is there."""

from django.db import models

from users.models import Counterparty


class Heartbeat(models.Model):
    """
    Until when an LP's program promised to be heard from again; nothing while no program quotes for it.

    A promise that is broken pulls the LP's quotes, and none of them can be accepted meanwhile.
    """

    lp = models.OneToOneField(Counterparty, on_delete=models.PROTECT, related_name="heartbeat")
    last_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.lp_id} {self.due_at}"

"""Where people get mail."""

from django.conf import settings
from django.db import models
from django.db.models import Q

# What can neither end a header nor begin another address; whether it takes mail, only a mail can tell.
PLAIN_ADDRESS = r"^[^\s@<>,;:()\[\]\\\"]+@[^\s@<>,;:()\[\]\\\"]+\.[^\s@<>,;:()\[\]\\\"]+$"
MOST_WRONG = 5


class MailAddress(models.Model):
    """
    The address at which a person wants to be told things; none is used before its owner proved that it is theirs.

    The code that proves it is never stored: it is derived from `seed` when the mail with it is written. An address
    that its server refuses (`refused_at`) gets nothing more until it takes a mail again or is proved anew.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="mail_address"
    )
    address = models.CharField(max_length=254)
    seed = models.CharField(max_length=43)
    wrong_codes = models.PositiveSmallIntegerField(default=0)
    asked_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True, blank=True)
    refused_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(address__regex=PLAIN_ADDRESS), name="mail_address_plain"),
            models.CheckConstraint(condition=Q(wrong_codes__lte=MOST_WRONG), name="mail_address_few_guesses"),
        ]

    def __str__(self) -> str:
        return self.address

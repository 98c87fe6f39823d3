"""
Passkeys (WebAuthn) as second factors, and the challenges they answer.

Our own tables on django-otp-webauthn's base classes.
"""

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django_otp_webauthn.models import AbstractWebAuthnAttestation, AbstractWebAuthnCredential

CHALLENGE_LIVES = timedelta(minutes=5)


class Passkey(AbstractWebAuthnCredential):  # type: ignore[misc]  # django-otp-webauthn has no types
    """
    A key pair of a person's phone, computer or security key; the desk has its public half.

    `sign_count` only grows, by compare-and-set: one that goes back was copied. The database lets the name,
    the counter and what a use leaves change; it lets the row go while another second factor stays, or with
    an executed `device.reset`.
    """

    class Meta:
        constraints = [models.CheckConstraint(condition=~Q(name=""), name="passkey_named")]


class PasskeyAttestation(AbstractWebAuthnAttestation):  # type: ignore[misc]  # django-otp-webauthn has no types
    """What the authenticator said about itself when the passkey was made."""

    credential = models.OneToOneField(Passkey, on_delete=models.CASCADE, related_name="attestation")


class PasskeyChallenge(models.Model):
    """
    What a passkey has to sign, for one purpose of one user, once, within five minutes.

    `scope` is the purpose, with what it is about: a proof for one digest is none for another.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="passkey_challenges")
    scope = models.CharField(max_length=80)
    challenge = models.CharField(max_length=128, unique=True)
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "scope"], name="passkey_challenge_newest")]

    def __str__(self) -> str:
        return f"{self.scope} of {self.user_id}"

"""
Second factors: an authenticator app (TOTP, RFC 6238) and one-time recovery codes.

Our own models on django-otp's base class: its own keep secrets and codes in clear.
"""

from django.contrib.auth.hashers import check_password
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Least
from django_otp.models import Device, ThrottlingMixin
from django_otp.oath import TOTP

from trading.lib import clock
from users import recovery
from users.encryption import decrypt

STEP_SECONDS = 30
DRIFT_STEPS = 1
DIGITS = 6
MOST_WRONG = 11  # the longest wait: 2 ** 10 s, about 17 minutes


class ThrottledDevice(ThrottlingMixin, Device):  # type: ignore[misc]  # django-otp has no types
    """
    A device that makes one wait after wrong codes: a second, then twice as long each time.

    Counted in the row itself. Saving the object, as django-otp does, would lose what parallel
    guesses counted, and write a code that was just used up back as unused.
    """

    class Meta:
        abstract = True

    def throttle_increment(self, commit: bool = True) -> None:  # noqa: ARG002, FBT001, FBT002 - its signature
        """Count one more wrong code; past a point the wait does not grow, or guesses could keep its owner out."""
        wrong = Least(F("throttling_failure_count") + 1, MOST_WRONG)
        type(self).objects.filter(pk=self.pk).update(
            throttling_failure_count=wrong, throttling_failure_timestamp=clock.now()
        )

    def throttle_reset(self, commit: bool = True) -> None:  # noqa: ARG002, FBT001, FBT002 - its signature
        """Forget the wrong codes after a right one."""
        type(self).objects.filter(pk=self.pk).update(throttling_failure_count=0, throttling_failure_timestamp=None)

    def get_throttle_factor(self) -> float:
        """Begin with a second."""
        return 1.0


class TotpDevice(ThrottledDevice):
    """
    An authenticator app. The secret is stored encrypted; a code works once.

    `last_step` is the highest 30-second step ever accepted; it only grows, by compare-and-set,
    so one code cannot pass twice, not even in two requests at the same instant.
    """

    secret = models.BinaryField()
    last_step = models.BigIntegerField(default=-1)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user"], condition=Q(confirmed=True), name="totp_one_confirmed"),
        ]

    @property
    def key(self) -> bytes:
        """The shared secret in clear: 20 random bytes."""
        return decrypt(bytes(self.secret))

    def step_of(self, token: str) -> int | None:
        """Which time step near the present the token belongs to; nothing if to none."""
        if not token.isdecimal() or len(token) != DIGITS:
            return None
        totp = TOTP(self.key, STEP_SECONDS, 0, DIGITS, 0)
        totp.time = clock.now().timestamp()
        for offset in range(-DRIFT_STEPS, DRIFT_STEPS + 1):
            totp.drift = offset
            if totp.token() == int(token):
                return int(totp.t())
        return None

    def spend(self, step: int) -> bool:
        """Use up the step; false when it (or a later one) was used before."""
        rows = type(self).objects.filter(pk=self.pk, last_step__lt=step)
        return bool(rows.update(last_step=step, last_used_at=clock.now()) == 1)

    def verify_token(self, token: str) -> bool:
        """django-otp's entry: right, confirmed and not used before."""
        step = self.step_of(token)
        return bool(self.confirmed and step is not None and self.spend(step))


class RecoveryDevice(ThrottledDevice):
    """A user's sheet of recovery codes."""

    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user"], name="recovery_one_sheet")]

    def verify_token(self, token: str) -> bool:
        """Right and not used before; it is used up by this."""
        unused = self.codes.filter(used_at__isnull=True)
        if unused.filter(hashed=recovery.hashed(token)).update(used_at=clock.now()) == 1:
            return True
        # Codes from before they had a keyed hash: slow ones, in small letters. New sheets have none.
        for code in unused.exclude(hashed__startswith=recovery.PREFIX):
            if check_password(token.lower(), code.hashed):
                return bool(unused.filter(pk=code.pk).update(used_at=clock.now()) == 1)
        return False


class RecoveryCode(models.Model):
    """One hashed code of a sheet."""

    device = models.ForeignKey(RecoveryDevice, on_delete=models.CASCADE, related_name="codes")
    hashed = models.CharField(max_length=255)
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"recovery code {self.pk}"

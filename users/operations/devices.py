"""Second factors: enrolling, checking, using up."""

import logging
import secrets
from datetime import datetime

from django.conf import settings
from django_otp.models import Device

from trading.lib.errors import Forbidden
from trading.lib.operations import operation
from users import audit, recovery
from users.encryption import encrypt
from users.errors import (
    AlreadyEnrolled,
    NoDevice,
    PasskeyNeeded,
    ReusedCode,
    TooManyCodes,
    WrongCode,
    WrongRecoveryCode,
)
from users.models import Passkey, PasskeyChallenge, RecoveryCode, RecoveryDevice, StepUp, TotpDevice, User
from users.queries import passkeys

log = logging.getLogger(__name__)

RECOVERY_CODES = 10
SECRET_BYTES = 20
TOLD_AFTER = 5  # wrong codes in a row, when the wait is 16 s


@operation
def start_enrolment(*, user: User, now: datetime) -> TotpDevice:
    """
    An authenticator app that waits for its first code; a half-done earlier enrolment is kept.

    :raises AlreadyEnrolled: the user has a confirmed one.
    """
    User.objects.select_for_update().get(pk=user.pk)
    device = TotpDevice.objects.filter(user=user).order_by("-confirmed", "-pk").first()
    if device and device.confirmed:
        raise AlreadyEnrolled
    return device or new_totp_device(user=user, key=secrets.token_bytes(SECRET_BYTES), now=now)


def new_totp_device(*, user: User, key: bytes, now: datetime) -> TotpDevice:
    """An unconfirmed authenticator app with this secret. Assumes a transaction."""
    device: TotpDevice = TotpDevice.objects.create(
        user=user, name="authenticator", confirmed=False, secret=encrypt(key)
    )
    audit.record("device.enrolment_started", actor=user, subject=user, at=now)
    return device


def remove_devices(user: User) -> None:
    """Take every second factor of a user away. Assumes the transaction that executed `device.reset`."""
    PasskeyChallenge.objects.filter(user=user).delete()
    Passkey.objects.filter(user=user).delete()
    TotpDevice.objects.filter(user=user).delete()
    RecoveryDevice.objects.filter(user=user).delete()


@operation
def enrol_demo_device(*, user: User, key: bytes, now: datetime) -> TotpDevice:
    """
    A confirmed authenticator app with a known secret, for the demo people of the sandbox.

    :raises Forbidden: this is not a sandbox.
    """
    if not settings.IS_SANDBOX:
        raise Forbidden
    device = new_totp_device(user=user, key=key, now=now)
    TotpDevice.objects.filter(pk=device.pk).update(confirmed=True)
    audit.record("device.confirmed", actor=None, subject=user, at=now)
    return device


@operation
def confirm_enrolment(*, device: TotpDevice, token: str, now: datetime) -> list[str]:
    """
    Confirm the app by its first code; the answer is ten recovery codes, to be shown once.

    :raises WrongCode: the code does not fit.
    :raises AlreadyEnrolled: confirmed meanwhile.
    """
    user = User.objects.select_for_update().get(pk=device.user_id)
    fresh = TotpDevice.objects.get(pk=device.pk)
    if fresh.confirmed:
        raise AlreadyEnrolled
    step = fresh.step_of(token)
    if step is None or not fresh.spend(step):
        raise WrongCode
    TotpDevice.objects.filter(pk=fresh.pk).update(confirmed=True)
    device.confirmed = True
    audit.record("device.confirmed", actor=user, subject=user, at=now)
    return new_recovery_codes(user)


def new_recovery_codes(user: User) -> list[str]:
    """Ten codes in the place of what the user has. Assumes a transaction."""
    sheet, _created = RecoveryDevice.objects.get_or_create(user=user, defaults={"name": "recovery codes"})
    sheet.codes.all().delete()
    codes = [recovery.new() for _ in range(RECOVERY_CODES)]
    RecoveryCode.objects.bulk_create(RecoveryCode(device=sheet, hashed=recovery.hashed(code)) for code in codes)
    return codes


def verify_otp(*, user: User, token: str, now: datetime) -> Device:
    """
    Check a code of the user's authenticator app and use it up.

    Failures are remembered although the answer is a refusal, so this is not one transaction.

    :raises NoDevice: none is confirmed.
    :raises TooManyCodes: wrong too often in a row.
    :raises ReusedCode: right, but used before.
    :raises WrongCode: not right.
    """
    device = TotpDevice.objects.filter(user=user, confirmed=True).first()
    if device is None:
        raise NoDevice
    _refuse_throttled(device, now)
    step = device.step_of(token)
    if step is None:
        _count_wrong(device=device, user=user, now=now)
        raise WrongCode
    if not device.spend(step):
        raise ReusedCode
    device.throttle_reset()
    return device


def use_recovery_code(*, user: User, code: str, now: datetime) -> Device:
    """
    Check one of the user's recovery codes and use it up. The use is audited: it may mean theft.

    :raises NoDevice: the user has no sheet of codes.
    :raises TooManyCodes: wrong too often in a row.
    :raises WrongRecoveryCode: no unused code fits.
    """
    sheet = RecoveryDevice.objects.filter(user=user).first()
    if sheet is None:
        raise NoDevice
    _refuse_throttled(sheet, now)
    if not sheet.verify_token(code.strip()):
        _count_wrong(device=sheet, user=user, now=now)
        raise WrongRecoveryCode
    sheet.throttle_reset()
    _record_recovery(user=user, now=now)
    return sheet


@operation
def _count_wrong(*, device: TotpDevice | RecoveryDevice, user: User, now: datetime) -> None:
    """One more wrong code; the one that makes the wait long is told."""
    log.warning("wrong code", extra={"login": user.ref, "second_factor": type(device).__name__.lower()})
    device.throttle_increment()
    device.refresh_from_db(fields=["throttling_failure_count"])
    if device.throttling_failure_count == TOLD_AFTER:
        change = audit.Change(after={"second_factor": type(device).__name__.lower(), "wrong_codes": TOLD_AFTER})
        audit.record("sign_in.locked_out", actor=None, subject=user, at=now, change=change)


@operation
def _record_recovery(*, user: User, now: datetime) -> None:
    audit.record("device.recovery_code_used", actor=user, subject=user, at=now)


def _refuse_throttled(device: TotpDevice | RecoveryDevice, now: datetime) -> None:
    allowed, details = device.verify_is_allowed()
    if not allowed:
        until = (details or {}).get("locked_until")
        raise TooManyCodes(seconds=max(1, round((until - now).total_seconds())) if until else 60)


def step_up(*, user: User, token: str, digest: bytes, now: datetime) -> StepUp:
    """
    Prove afresh who one is, for one decision on this digest, with a one-time code.

    :raises PasskeyNeeded: a role of the user decides with a passkey only.
    :raises NoDevice: no authenticator app is confirmed.
    :raises TooManyCodes: wrong too often in a row.
    :raises ReusedCode: right, but used before.
    :raises WrongCode: not right.
    """
    if passkeys.is_bound(user):
        raise PasskeyNeeded
    verify_otp(user=user, token=token, now=now)
    return record_step_up(user=user, method=StepUp.Method.TOTP, digest=digest, now=now)


def step_up_in_sandbox(*, user: User, digest: bytes, now: datetime) -> StepUp:
    """
    The seed's proof for demo people, who cannot type codes. It says in the evidence what it is.

    :raises Forbidden: this is not a sandbox.
    """
    if not settings.IS_SANDBOX:
        raise Forbidden
    return record_step_up(user=user, method=StepUp.Method.SANDBOX, digest=digest, now=now)


@operation
def record_step_up(*, user: User, method: str, digest: bytes, now: datetime) -> StepUp:
    """The proof's row: evidence of how it was proved, and for what."""
    return StepUp.objects.create(user=user, method=method, digest=digest, verified_at=now)

"""What changes people, their roles, devices and links."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django_otp.models import Device

from trading.lib.errors import Forbidden
from trading.lib.operations import operation
from users import audit
from users.encryption import encrypt
from users.errors import (
    AlreadyEnrolled,
    NoDevice,
    ReusedCode,
    TooManyCodes,
    WrongCode,
    WrongRecoveryCode,
)
from users.models import (
    AuditSeal,
    Counterparty,
    Person,
    RecoveryCode,
    RecoveryDevice,
    Role,
    RoleGrant,
    TelegramLink,
    TotpDevice,
    User,
)

RECOVERY_CODES = 10
SECRET_BYTES = 20


@dataclass(frozen=True, slots=True)
class NewUser:
    """Who is to get a login."""

    username: str
    full_name: str
    counterparty: Counterparty | None = None
    language: str = "en"
    time_zone: str = "UTC"
    password: str = ""
    kind: str = User.Kind.HUMAN


@operation
def create_counterparty(*, name: str, kind: str, actor: User | None, now: datetime) -> Counterparty:
    """A legal entity that will trade with the desk. Its ledger accounts are opened by `settlement`."""
    counterparty = Counterparty.objects.create(name=name, kind=kind)
    change = audit.Change(after={"name": name, "kind": kind})
    audit.record("counterparty.created", actor=actor, subject=counterparty, at=now, change=change)
    return counterparty


@operation
def create_user(*, new: NewUser, actor: User | None, now: datetime) -> User:
    """
    A pending login for a new person (or a service). It can do nothing until it is active.

    :raises django.core.exceptions.ValidationError: the password is too weak.
    """
    user = User(username=new.username, kind=new.kind, counterparty=new.counterparty)
    user.language, user.time_zone = new.language, new.time_zone
    if new.password:
        validate_password(new.password, user)
        user.set_password(new.password)
    else:
        user.set_unusable_password()
    if new.kind == User.Kind.HUMAN:
        user.person = Person.objects.create(full_name=new.full_name)
    user.save(force_insert=True)
    change = audit.Change(after={"username": new.username, "status": user.status})
    audit.record("user.created", actor=actor, subject=user, at=now, change=change)
    return user


@operation
def activate_user(*, user: User, actor: User | None, reason: str, now: datetime) -> User:
    """Let a pending login in."""
    return _move(user, User.Status.ACTIVE, "user.activated", actor=actor, reason=reason, now=now)


@operation
def suspend_user(*, user: User, actor: User | None, reason: str, now: datetime) -> User:
    """Take away all a login can do, at once. Reduces risk: one person may."""
    return _move(user, User.Status.SUSPENDED, "user.suspended", actor=actor, reason=reason, now=now)


def _move(user: User, to: str, event: str, *, actor: User | None, reason: str, now: datetime) -> User:
    before = user.status
    user.move(to, at=now)
    change = audit.Change(before={"status": before}, after={"status": to}, reason=reason)
    audit.record(event, actor=actor, subject=user, at=now, change=change)
    return user


@operation
def grant_role(*, user: User, role: Role, actor: User | None, now: datetime) -> RoleGrant:
    """Give the user one role."""
    grant = RoleGrant.objects.create(user=user, role=role, granted_at=now)
    change = audit.Change(after={"role": role})
    audit.record("role.granted", actor=actor, subject=user, at=now, change=change)
    return grant


@operation
def link_telegram(*, user: User, telegram_id: int, now: datetime) -> TelegramLink:
    """Bind a Telegram account to the user; earlier links of either end."""
    live = TelegramLink.objects.filter(ended_at=None)
    (live.filter(user=user) | live.filter(telegram_id=telegram_id)).update(ended_at=now)
    link = TelegramLink.objects.create(user=user, telegram_id=telegram_id, linked_at=now)
    change = audit.Change(after={"telegram_id": telegram_id})
    audit.record("telegram.linked", actor=user, subject=user, at=now, change=change)
    return link


@operation
def set_language(*, user: User, language: str, now: datetime) -> User:
    """The language the desk speaks with the user."""
    change = audit.Change(before={"language": user.language}, after={"language": language})
    user.language = language
    user.save(update_fields=["language", "updated_at"])
    audit.record("user.language_set", actor=user, subject=user, at=now, change=change)
    return user


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
    return _new_recovery_codes(user)


def _new_recovery_codes(user: User) -> list[str]:
    sheet, _created = RecoveryDevice.objects.get_or_create(user=user, defaults={"name": "recovery codes"})
    sheet.codes.all().delete()
    codes = [f"{secrets.token_hex(3)}-{secrets.token_hex(3)}" for _ in range(RECOVERY_CODES)]
    RecoveryCode.objects.bulk_create(RecoveryCode(device=sheet, hashed=make_password(code)) for code in codes)
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
        device.throttle_increment()
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
    if not sheet.verify_token(code.strip().lower()):
        sheet.throttle_increment()
        raise WrongRecoveryCode
    sheet.throttle_reset()
    _record_recovery(user=user, now=now)
    return sheet


@operation
def _record_recovery(*, user: User, now: datetime) -> None:
    audit.record("device.recovery_code_used", actor=user, subject=user, at=now)


def _refuse_throttled(device: TotpDevice | RecoveryDevice, now: datetime) -> None:
    allowed, details = device.verify_is_allowed()
    if not allowed:
        until = (details or {}).get("locked_until")
        raise TooManyCodes(seconds=max(1, round((until - now).total_seconds())) if until else 60)


@operation
def seal_audit(*, now: datetime) -> AuditSeal | None:
    """Seal the oldest unsealed audit events; nothing when there are none."""
    return audit.seal(at=now)

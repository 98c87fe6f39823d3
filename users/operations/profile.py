"""What people change about their own login: how the console looks, their password, their recovery codes."""

from dataclasses import asdict, dataclass
from datetime import datetime

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password

from trading.lib.operations import operation
from users import audit
from users.models import User
from users.operations import devices, passkeys, sessions, signing_in

PASSWORD, RECOVERY = "profile:password", "profile:recovery-codes"  # what a passkey's proof is for


@dataclass(frozen=True, slots=True)
class Preferences:
    """How the console looks to somebody; the fields of `User` of the same names."""

    language: str
    digits: str
    time_zone: str
    density: str
    theme: str


@operation
def set_preferences(*, actor: User, preferences: Preferences, now: datetime) -> User:
    """How the console looks to the actor. What is as wanted already is no change, and leaves no event."""
    user = User.objects.select_for_update(no_key=True).get(pk=actor.pk)
    wanted = asdict(preferences)
    before = {name: getattr(user, name) for name in wanted if getattr(user, name) != wanted[name]}
    after = {name: wanted[name] for name in before}
    if not after:
        return user
    for name, value in after.items():
        setattr(user, name, value)
    user.save(update_fields=[*after, "updated_at"])
    change = audit.Change(before=before, after=after)
    audit.record("user.preferences_set", actor=actor, subject=user, at=now, change=change)
    return user


@dataclass(frozen=True, slots=True)
class NewPassword:
    """What somebody types who changes their password."""

    current: str
    new: str
    token: str = ""
    passkey: str = ""


def change_password(*, actor: User, typed: NewPassword, address: str | None, keep: str, now: datetime) -> User:
    """
    Change one's own password, and end one's other sessions.

    What was typed wrong is remembered, so this is not one transaction.

    :param keep: the primary key of the session that goes on.
    :raises django.core.exceptions.ValidationError: the new password is too weak.
    :raises LockedOut: too many were wrong; this one was not looked at.
    :raises WrongPassword: the current password is not right.
    :raises DeskError: the one-time code or passkey does not pass (`prove_afresh`).
    """
    validate_password(typed.new, actor)
    user = signing_in.check_password(username=actor.username, password=typed.current, address=address, now=now)
    passkeys.prove_afresh(user=user, scope=PASSWORD, token=typed.token, answer=typed.passkey, now=now)
    return _set_password(user=user, password=typed.new, keep=keep, now=now)


@operation
def _set_password(*, user: User, password: str, keep: str, now: datetime) -> User:
    fresh = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    fresh.password = make_password(password)
    fresh.save(update_fields=["password", "updated_at"])
    change = audit.Change(after={"sessions_ended": sessions.end_others(fresh, keep=keep, now=now)})
    audit.record("password.changed", actor=fresh, subject=fresh, at=now, change=change)
    return fresh


def renew_recovery_codes(*, actor: User, token: str, answer: str = "", now: datetime) -> list[str]:
    """
    Ten new recovery codes, to be shown once; the old ones work no more.

    :raises DeskError: the one-time code or passkey does not pass (`prove_afresh`).
    """
    passkeys.prove_afresh(user=actor, scope=RECOVERY, token=token, answer=answer, now=now)
    return _renew(actor=actor, now=now)


@operation
def _renew(*, actor: User, now: datetime) -> list[str]:
    codes = devices.new_recovery_codes(actor)
    audit.record("device.recovery_codes_renewed", actor=actor, subject=actor, at=now)
    return codes

"""
The first factor, and its lock-out: by name and address after few wrong passwords, by name alone after many.

An attempt is counted before its password is looked at, so that a hundred at once get no more answers than
one after another. It must not serve to keep others out (docs/signing-in.md): the lock by name alone is short, and
an address from which both factors were given lately does not feel it.
"""

import ipaddress
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.hashers import make_password, verify_password
from django.utils.translation import gettext_lazy as _

from trading.lib.errors import Forbidden
from trading.lib.operations import operation
from users import audit
from users.models import SignInAttempts, User
from users.models.sign_ins import hashed_name

log = logging.getLogger(__name__)

Scope = SignInAttempts.Scope
WINDOW = timedelta(minutes=15)  # wrong passwords further apart are not counted together
LIMITS = {Scope.ADDRESS: 5, Scope.NAME: 50}
COOL_OFF = {Scope.ADDRESS: timedelta(minutes=15), Scope.NAME: timedelta(minutes=1)}
KNOWN_FOR = timedelta(days=30)
SWEPT_AT_ONCE = 1000


class WrongPassword(Forbidden):
    """No active person has this name and password."""

    code = "wrong_password"
    text = _("Username or password is wrong, or this user is not active.")


class LockedOut(Forbidden):
    """Too many wrong passwords: none is looked at before `until`."""

    code = "locked_out"
    text = _("Too many failed sign-ins. Nothing you enter is checked before {at}. Then try again.")

    def __init__(self, *, until: datetime) -> None:
        super().__init__(at=f"{until:%Y-%m-%d %H:%M:%S} UTC")
        self.until = until


@dataclass(frozen=True, slots=True)
class Nobody:
    """A name that no login has, as audit events know it."""

    ref: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One password somebody typed: for whom, from where, and which counts are full if it is wrong."""

    name_hash: str
    user: User | None
    address: str | None
    full: tuple[tuple[str, datetime], ...]


def check_password(*, username: str, password: str, address: str | None, now: datetime) -> User:
    """
    The active person with this name and password. An unknown name costs as much time as a wrong password.

    What was wrong is remembered although the answer is a refusal, so this is not one transaction.

    :raises LockedOut: too many were wrong; this one was not looked at.
    :raises WrongPassword: not right, or nobody's, or of somebody who is not active.
    """
    attempt = _begin(username=username, address=address, now=now)
    user = attempt.user
    is_right, is_outdated = verify_password(password, user.password if user else make_password(None))
    if user is None or not is_right or not user.is_active:
        if attempt.full:
            _record_lock_out(attempt=attempt, now=now)
        log.warning("wrong password", extra={"login": user.ref if user else "", "name_hash": attempt.name_hash[:12]})
        raise WrongPassword
    _forget(attempt=attempt, now=now)
    if is_outdated:
        _rehash(user=user, password=password, now=now)
    return user


@operation
def _begin(*, username: str, address: str | None, now: datetime) -> Attempt:
    """Count an attempt, whose password nobody has looked at yet."""
    user = User.objects.filter(username__iexact=username, kind=User.Kind.HUMAN).first()
    name_hash = hashed_name(username)
    where = _counted_address(address)
    by_name = _row(Scope.NAME, name_hash, user, None, now)
    by_address = _row(Scope.ADDRESS, name_hash, user, where, now)
    felt = [by_address] if _is_known(by_address, now) else [by_name, by_address]
    if locks := [row.locked_until for row in felt if row.locked_until and row.locked_until > now]:
        log.warning("locked out", extra={"login": user.ref if user else "", "name_hash": name_hash[:12]})
        raise LockedOut(until=max(locks))
    full = tuple(lock for row in (by_name, by_address) if (lock := _count(row, now)))
    return Attempt(name_hash, user, where, full)


def _counted_address(address: str | None) -> str | None:
    """What is counted as one address: of IPv6 the network of 64 bits, in which one customer has them all."""
    if address is None or ":" not in address:
        return address
    return str(ipaddress.ip_network(f"{address}/64", strict=False).network_address)


def _row(scope: str, name_hash: str, user: User | None, where: str | None, now: datetime) -> SignInAttempts:
    """The count of this scope, locked; always name first, then address."""
    SignInAttempts.objects.bulk_create(
        [SignInAttempts(scope=scope, name_hash=name_hash, address=where, user=user, last_at=now)],
        ignore_conflicts=True,
    )
    return SignInAttempts.objects.select_for_update().get(scope=scope, name_hash=name_hash, address=where)


def _is_known(row: SignInAttempts, now: datetime) -> bool:
    return row.succeeded_at is not None and row.succeeded_at > now - KNOWN_FOR


def _count(row: SignInAttempts, now: datetime) -> tuple[str, datetime] | None:
    """One more; at the limit the door closes behind this attempt. A closed one stays as it is."""
    scope = Scope(row.scope)
    if row.locked_until is not None and row.locked_until > now:
        return None
    is_new = row.last_at < now - WINDOW or row.locked_until is not None
    row.failures = 1 if is_new else row.failures + 1
    row.last_at = now
    row.locked_until = now + COOL_OFF[scope] if row.failures >= LIMITS[scope] else None
    row.save(update_fields=["failures", "last_at", "locked_until"])
    return (scope, row.locked_until) if row.locked_until else None


@operation
def _record_lock_out(*, attempt: Attempt, now: datetime) -> None:
    after = {scope: until.isoformat() for scope, until in attempt.full}
    subject = attempt.user or Nobody(attempt.name_hash[:12])
    audit.record("sign_in.locked_out", actor=None, subject=subject, at=now, change=audit.Change(after=after))


@operation
def _forget(*, attempt: Attempt, now: datetime) -> None:
    """A right password ends the counts. No act, so no audit event: `session.began` follows, or a step of its own."""
    here = SignInAttempts.objects.filter(name_hash=attempt.name_hash, scope=Scope.ADDRESS, address=attempt.address)
    everywhere = SignInAttempts.objects.filter(name_hash=attempt.name_hash, scope=Scope.NAME)
    for rows in (everywhere, here):
        rows.update(failures=0, locked_until=None, last_at=now)


@operation
def _rehash(*, user: User, password: str, now: datetime) -> None:
    """Keep the same password under the hasher's present parameters, unless it was changed meanwhile."""
    before = user.password
    user.password = make_password(password)
    if User.objects.filter(pk=user.pk, password=before).update(password=user.password):
        audit.record("password.rehashed", actor=None, subject=user, at=now)


def remember_address(user: User, address: str | None, *, now: datetime) -> None:
    """Both factors were given from here. Assumes a transaction."""
    row = _row(Scope.ADDRESS, hashed_name(user.username), user, _counted_address(address), now)
    SignInAttempts.objects.filter(pk=row.pk).update(succeeded_at=now)


@operation
def sweep_attempts(*, now: datetime) -> int:
    """Remove counts that matter no more, a bounded number. No act, so no audit event."""
    old = SignInAttempts.objects.filter(last_at__lt=now - KNOWN_FOR).order_by("last_at").values("pk")[:SWEPT_AT_ONCE]
    swept, _by_model = SignInAttempts.objects.filter(pk__in=old).delete()
    return swept

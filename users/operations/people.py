"""Counterparties, logins and roles."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.password_validation import validate_password
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from trading.lib.errors import Conflict
from trading.lib.operations import operation
from users import audit, capabilities
from users.errors import NotHeld
from users.models import Counterparty, Person, Role, RoleGrant, User
from users.operations.scopes import require_served


class NameTaken(Conflict):
    """There is a login of that name."""

    code = "name_taken"
    text = _("{username} is taken. Choose another username.")


@dataclass(frozen=True, slots=True)
class NewUser:
    """
    Who is to get a login.

    :param person: whose login it is, when that person has one already; else a new person of this full name.
    """

    username: str
    full_name: str
    person: Person | None = None
    counterparty: Counterparty | None = None
    language: str = "en"
    time_zone: str = "UTC"
    password: str = ""
    kind: str = User.Kind.HUMAN


@operation
def create_counterparty(*, name: str, kind: str, actor: User | None, now: datetime) -> Counterparty:
    """A legal entity that will trade with the desk. Its ledger accounts are opened by `settlement`."""
    return add_counterparty(name=name, kind=kind, actor=actor, now=now)


def add_counterparty(*, name: str, kind: str, actor: User | None, now: datetime) -> Counterparty:
    """Likewise, within the transaction of whoever opens its accounts."""
    counterparty = Counterparty.objects.create(name=name, kind=kind)
    change = audit.Change(after={"name": name, "kind": kind})
    audit.record("counterparty.created", actor=actor, subject=counterparty, at=now, change=change)
    return counterparty


@operation
def create_user(*, new: NewUser, actor: User | None, now: datetime) -> User:
    """
    A pending login of a person (or a service). It can do nothing until it is active.

    :raises MissingCapability: the actor lacks `user.create`.
    :raises NotFound: it would be of a counterparty the actor does not serve.
    :raises NameTaken: there is a login of that name.
    :raises django.core.exceptions.ValidationError: the password is too weak.
    """
    if actor is not None:
        capabilities.require(actor, "user.create")
    require_served(actor, new.counterparty.pk if new.counterparty else None)
    if User.objects.filter(username=new.username).exists():
        raise NameTaken(username=new.username)
    user = User(username=new.username, kind=new.kind, counterparty=new.counterparty)
    user.language, user.time_zone = new.language, new.time_zone
    if new.password:
        validate_password(new.password, user)
        user.set_password(new.password)
    else:
        user.set_unusable_password()
    if new.kind == User.Kind.HUMAN:
        user.person = new.person or Person.objects.create(full_name=new.full_name)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError as error:
        if "users_user_username_key" not in str(error):
            raise
        raise NameTaken(username=new.username) from error
    after = {"username": new.username, "status": user.status, "person": user.person.ref if user.person else None}
    change = audit.Change(after=after, capability="user.create" if actor else "")
    audit.record("user.created", actor=actor, subject=user, at=now, change=change)
    return user


@operation
def suspend_user(*, user: User, actor: User | None, reason: str, now: datetime) -> User:
    """Take away all a login can do, at once. Reduces risk: one person may."""
    if actor is not None:
        capabilities.require(actor, "user.suspend")
    require_served(actor, user.counterparty_id)
    before = user.status
    user.move(User.Status.SUSPENDED, at=now)
    change = audit.Change(
        before={"status": before}, after={"status": user.status}, reason=reason, capability="user.suspend"
    )
    audit.record("user.suspended", actor=actor, subject=user, at=now, change=change)
    return user


@operation
def revoke_role(*, user: User, role: Role, actor: User | None, reason: str, now: datetime) -> RoleGrant:
    """
    Take a role away, at once. Reduces risk: one person may.

    :raises NotHeld: the user does not hold it.
    """
    if actor is not None:
        capabilities.require(actor, "role.revoke")
    require_served(actor, user.counterparty_id)
    grant = RoleGrant.objects.select_for_update().filter(user=user, role=role, revoked_at=None).first()
    if grant is None:
        raise NotHeld(username=user.username, role=role)
    grant.revoked_at = now
    grant.save(update_fields=["revoked_at"])
    change = audit.Change(before={"role": role}, reason=reason, capability="role.revoke")
    audit.record("role.revoked", actor=actor, subject=user, at=now, change=change)
    return grant


@operation
def set_time_zone(*, user: User, time_zone: str, now: datetime) -> User:
    """The clock the desk shows the user. What is so already is no change, and leaves no event."""
    if user.time_zone == time_zone:
        return user
    change = audit.Change(before={"time_zone": user.time_zone}, after={"time_zone": time_zone})
    user.time_zone = time_zone
    user.save(update_fields=["time_zone", "updated_at"])
    audit.record("user.time_zone_set", actor=user, subject=user, at=now, change=change)
    return user


@operation
def set_language(*, user: User, language: str, now: datetime) -> User:
    """The language the desk speaks with the user."""
    change = audit.Change(before={"language": user.language}, after={"language": language})
    user.language = language
    user.save(update_fields=["language", "updated_at"])
    audit.record("user.language_set", actor=user, subject=user, at=now, change=change)
    return user

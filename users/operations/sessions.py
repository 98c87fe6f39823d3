"""Sessions: noting that one began, ending them. The database itself ends those of a user whose rights change."""

from collections.abc import Mapping
from datetime import datetime

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from trading.lib.errors import NotFound
from trading.lib.operations import operation
from users import audit, capabilities
from users.models import AuditEvent, Session, User
from users.operations import signing_in
from users.operations.scopes import require_served
from users.operations.tokens import end_families

SWEPT_AT_ONCE = 1000


class NoSuchSession(NotFound):
    """The session is over, or another person's."""

    code = "no_such_session"
    text = _("This session has ended already.")


@operation
def record_sign_in(*, user: User, method: str, address: str | None, browser: str, now: datetime) -> AuditEvent:
    """
    Note that somebody gave both factors, and that they did so from here.

    :param method: the second one: the kind of device, ``totpdevice``.
    """
    signing_in.remember_address(user, address, now=now)
    change = audit.Change(after={"method": method, "browser": browser})
    return audit.record("session.began", actor=user, subject=user, at=now, change=change)


@operation
def end_own_session(*, actor: User, name: str, now: datetime) -> Session:
    """
    End one of the actor's own sessions.

    :param name: `Session.name`.
    :raises NoSuchSession: it has ended, or is not the actor's.
    """
    session = Session.objects.select_for_update().filter(user=actor, session_key__startswith=name).first()
    if session is None or session.name != name:
        raise NoSuchSession
    _end(Session.objects.filter(pk=session.pk), "session.ended", user=actor, actor=actor, now=now)
    return session


@operation
def end_other_sessions(*, actor: User, keep: str, now: datetime) -> int:
    """
    End the actor's sessions but one; the answer is how many.

    :param keep: the primary key of the one that goes on.
    """
    others = Session.objects.filter(user=actor).exclude(pk=keep)
    return _end(others, "session.others_ended", user=actor, actor=actor, now=now)


@operation
def end_all_sessions(*, user: User, actor: User, reason: str, now: datetime) -> int:
    """
    End every session of a login, at once; the answer is how many. Reduces risk: one person may.

    :raises MissingCapability: the actor lacks `session.end`.
    """
    capabilities.require(actor, "session.end")
    require_served(actor, user.counterparty_id)
    end_families(user, now=now)
    sessions = Session.objects.filter(user=user)
    return _end(sessions, "session.all_ended", user=user, actor=actor, now=now, reason=reason)


@operation
def sweep_sessions(*, now: datetime) -> int:
    """Remove the rows of sessions that are over, a bounded number. No act, so no audit event."""
    over = Session.objects.filter(expire_date__lte=now).order_by("expire_date").values("pk")[:SWEPT_AT_ONCE]
    swept, _by_model = Session.objects.filter(pk__in=over).delete()
    return swept


def end_others(user: User, *, keep: str, now: datetime) -> int:
    """End a user's sessions but one, and their programs' tokens. Assumes a transaction whose audit event says so."""
    end_families(user, now=now)
    ended, _by_model = Session.objects.filter(user=user).exclude(pk=keep).delete()
    return ended


def end_everywhere(user: User, *, now: datetime) -> int:
    """End all sessions and tokens of a user. Assumes a transaction whose audit event says so."""
    return end_others(user, keep="", now=now)


def _end(sessions: QuerySet[Session], event: str, *, user: User, actor: User, now: datetime, reason: str = "") -> int:
    live = [_facts(session) for session in sessions.filter(expire_date__gt=now).order_by("began_at")]
    sessions.delete()
    capability = "session.end" if reason else ""
    change = audit.Change(before={"sessions": live}, reason=reason, capability=capability)
    audit.record(event, actor=actor, subject=user, at=now, change=change)
    return len(live)


def _facts(session: Session) -> Mapping[str, object]:
    return {
        "session": session.name,
        "began_at": session.began_at.isoformat(),
        "address": session.address,
        "browser": session.browser,
    }

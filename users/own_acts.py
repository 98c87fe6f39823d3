"""The acts on people that two decide: letting in and out, roles, Telegram accounts, the policies themselves."""

from datetime import datetime, timedelta
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from trading.lib.errors import Conflict, Invalid, NotFound
from users import acts, audit
from users.acts import Act, Line, Payload
from users.models import ApprovalPolicy, ApprovalRequest, Role, RoleGrant, TelegramLink, User

Status = User.Status
LARGEST_TELEGRAM_ID = 2**52  # the Bot API: at most 52 significant bits
LARGEST_QUORUM = 5
MINUTE, DAY = 60, 86_400  # seconds


class WrongState(Conflict):
    """The user's status does not allow the act."""

    code = "wrong_user_state"
    text = lazy("{username} is {status}; this cannot be proposed now.")


class BadPayload(Invalid):
    """The proposal's details are missing or make no sense."""

    code = "bad_payload"
    text = lazy("The proposal's {field} is missing or not allowed here.")


def _is_number(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _require_roles(roles: object, *, field: str) -> None:
    """
    Known roles, each once.

    :raises BadPayload: something else.
    """
    if not isinstance(roles, list) or any(role not in Role.values for role in roles) or len(set(roles)) < len(roles):
        raise BadPayload(field=field)


class OnUser(Act):
    """What acts on users have in common."""

    subject_type = "user"

    def user(self, subject_ref: str) -> User:
        """
        The user the act is about.

        :raises NotFound: there is none.
        """
        user = User.objects.select_related("person", "counterparty").filter(ref=subject_ref).first()
        if user is None:
            raise NotFound
        return user

    def state(self, subject_ref: str) -> dict[str, object]:
        """Who it is, for whom, in which status, with which roles and account."""
        user = self.user(subject_ref)
        roles = RoleGrant.objects.filter(user=user, revoked_at=None).order_by("role").values_list("role", flat=True)
        link = TelegramLink.objects.filter(user=user, ended_at=None).first()
        return {
            "username": user.username,
            "person": user.person.full_name if user.person else None,
            "counterparty": user.counterparty.ref if user.counterparty else None,
            "status": user.status,
            "roles": list(roles),
            "telegram": link.telegram_id if link else None,
        }


class UserMove(OnUser):
    """A step of a user's status that takes two people."""

    before: str
    after: str
    event: str

    def check(self, subject_ref: str, payload: Payload) -> None:  # noqa: ARG002 - the interface
        """The user must be in the status the step begins with."""
        user = self.user(subject_ref)
        if user.status != self.before:
            raise WrongState(username=user.username, status=user.get_status_display())

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:  # noqa: ARG002 - the interface
        """The status, now and after."""
        user = self.user(subject_ref)
        return [Line(lazy("Status"), user.get_status_display(), str(Status(self.after).label))]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Take the step; the database stamps the evidence from the decision."""
        self.check(request.subject_ref, request.payload)
        user = self.user(request.subject_ref)
        user.move(self.after, at=now)
        user.refresh_from_db()
        after = {"status": self.after, **request.payload}
        change = acts.carried(request, before={"status": self.before}, after=after)
        audit.record(self.event, actor=request.requested_by, subject=user, at=now, change=change)
        return _("%(user)s is now %(status)s.") % {"user": user.username, "status": user.get_status_display()}


class ApproveUser(UserMove):
    """Let a pending login in, with the roles it is to hold: ``{"roles": ["trader"]}``."""

    name, title, event = "user.approve", lazy("Approve user"), "user.activated"
    before, after = Status.PENDING, Status.ACTIVE

    def check(self, subject_ref: str, payload: Payload) -> None:
        """Pending, and every role a known one."""
        super().check(subject_ref, payload)
        _require_roles(payload.get("roles", []), field="roles")

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:
        """Status and roles."""
        roles = ", ".join(str(Role(role).label) for role in payload.get("roles", []))
        return [*super().describe(subject_ref, payload), Line(lazy("Roles"), "–", roles or "–")]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Grant the roles and let in."""
        user = self.user(request.subject_ref)
        for role in request.payload.get("roles", []):
            RoleGrant.objects.create(user=user, role=role, granted_at=now)
        return super().execute(request, now=now)


class RejectUser(UserMove):
    """Refuse a pending login."""

    name, title, event = "user.reject", lazy("Reject user"), "user.rejected"
    before, after = Status.PENDING, Status.REJECTED


class ReopenUser(UserMove):
    """Consider a rejected login again."""

    name, title, event = "user.reopen", lazy("Reopen user"), "user.reopened"
    before, after = Status.REJECTED, Status.PENDING


class ReactivateUser(UserMove):
    """Let a suspended login in again."""

    name, title, event = "user.reactivate", lazy("Reactivate user"), "user.reactivated"
    before, after = Status.SUSPENDED, Status.ACTIVE


class GrantRole(OnUser):
    """Give an active user one more role: ``{"role": "ops"}``."""

    name, title = "role.grant", lazy("Grant role")

    def check(self, subject_ref: str, payload: Payload) -> None:
        """An active user who does not hold it."""
        user = self.user(subject_ref)
        if payload.get("role") not in Role.values:
            raise BadPayload(field="role")
        held = RoleGrant.objects.filter(user=user, role=payload["role"], revoked_at=None)
        if user.status != Status.ACTIVE or held.exists():
            raise WrongState(username=user.username, status=user.get_status_display())

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:
        """All roles, now and after."""
        held = [str(Role(role).label) for role in self.state(subject_ref)["roles"]]  # type: ignore[attr-defined]
        wanted = str(Role(payload["role"]).label)
        return [Line(lazy("Roles"), ", ".join(held) or "–", ", ".join([*held, wanted]))]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Grant it."""
        self.check(request.subject_ref, request.payload)
        user, role = self.user(request.subject_ref), request.payload["role"]
        RoleGrant.objects.create(user=user, role=role, granted_at=now)
        change = acts.carried(request, after={"role": role})
        audit.record("role.granted", actor=request.requested_by, subject=user, at=now, change=change)
        return _("%(user)s now holds the role %(role)s.") % {"user": user.username, "role": Role(role).label}


class RelinkTelegram(OnUser):
    """Bind another Telegram account to a user and cut the old chat off: ``{"telegram_id": 7001}``."""

    name, title = "telegram.relink", lazy("Re-link Telegram")

    def check(self, subject_ref: str, payload: Payload) -> None:
        """A numeric id, and an active user."""
        user = self.user(subject_ref)
        if not _is_number(payload.get("telegram_id"), 1, LARGEST_TELEGRAM_ID):
            raise BadPayload(field="telegram_id")
        if user.status != Status.ACTIVE:
            raise WrongState(username=user.username, status=user.get_status_display())

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:
        """The account, now and after."""
        return [
            Line(lazy("Telegram account"), str(self.state(subject_ref)["telegram"] or "–"), str(payload["telegram_id"]))
        ]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """End the links of both ends and make the new one."""
        self.check(request.subject_ref, request.payload)
        user, telegram_id = self.user(request.subject_ref), request.payload["telegram_id"]
        before = self.state(request.subject_ref)["telegram"]
        live = TelegramLink.objects.filter(ended_at=None)
        (live.filter(user=user) | live.filter(telegram_id=telegram_id)).update(ended_at=now)
        TelegramLink.objects.create(user=user, telegram_id=telegram_id, linked_at=now)
        change = acts.carried(request, before={"telegram_id": before}, after={"telegram_id": telegram_id})
        audit.record("telegram.linked", actor=request.requested_by, subject=user, at=now, change=change)
        return _("%(user)s is linked to %(account)s.") % {"user": user.username, "account": telegram_id}


TERMS: dict[str, str | Promise] = {
    "quorum": lazy("Approvals needed"),
    "proposer_roles": lazy("Who proposes"),
    "approver_role": lazy("Who decides"),
    "expires_after": lazy("Expires after"),
    "execute_within": lazy("Done within"),
    "step_up_within": lazy("One-time code valid for"),
}
FIELDS = tuple(TERMS)


def term_words(name: str, value: Any) -> str:
    """One term of a policy as people say it: roles by their names, durations in minutes."""
    if name == "quorum":
        return str(value)
    if name == "approver_role":
        return str(Role(value).label)
    if name == "proposer_roles":
        return ", ".join(str(Role(role).label) for role in value)
    minutes = round(value / 60)
    return ngettext("%(count)s min", "%(count)s min", minutes) % {"count": minutes}


class ChangePolicy(Act):
    """Decide an act differently from now on: ``{"quorum": 2, "expires_after": 3600}``, durations in seconds."""

    name, title, subject_type = "policy.change", lazy("Change policy"), "policy"

    def policy(self, subject_ref: str) -> ApprovalPolicy:
        """
        The current policy of the act `subject_ref`.

        :raises NotFound: there is no such act.
        """
        policy = ApprovalPolicy.objects.filter(act=subject_ref).order_by("-version").first()
        if policy is None:
            raise NotFound
        return policy

    def state(self, subject_ref: str) -> dict[str, object]:
        """Every term of the current version."""
        policy = self.policy(subject_ref)
        terms: dict[str, object] = {"version": policy.version}
        for name in FIELDS:
            value = getattr(policy, name)
            terms[name] = value.total_seconds() if isinstance(value, timedelta) else value
        return terms

    def check(self, subject_ref: str, payload: Payload) -> None:
        """Known terms, sane values, and a quorum that can be reached."""
        self.policy(subject_ref)
        if not payload or not set(payload) <= set(FIELDS):
            raise BadPayload(field=", ".join(sorted(set(payload) - set(FIELDS))) or "terms")
        if not _is_number(payload.get("quorum", 1), 1, LARGEST_QUORUM):
            raise BadPayload(field="quorum")
        self._check_roles(payload)
        for name in ("expires_after", "execute_within", "step_up_within"):
            if not _is_number(payload.get(name, MINUTE), MINUTE, 7 * DAY):
                raise BadPayload(field=name)
        self._check_reachable(subject_ref, payload)

    def _check_roles(self, payload: Payload) -> None:
        _require_roles([payload.get("approver_role", Role.APPROVER)], field="approver_role")
        proposers = payload.get("proposer_roles", [Role.OPS])
        _require_roles(proposers, field="proposer_roles")
        if not proposers:
            raise BadPayload(field="proposer_roles")

    def _check_reachable(self, subject_ref: str, payload: Payload) -> None:
        policy = self.policy(subject_ref)
        role = payload.get("approver_role", policy.approver_role)
        people = RoleGrant.objects.filter(
            role=role, revoked_at=None, user__status=Status.ACTIVE, user__kind=User.Kind.HUMAN
        )
        # One of them may be the proposer, or the person concerned.
        if people.values("user__person").distinct().count() <= payload.get("quorum", policy.quorum):
            raise BadPayload(field="quorum")

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:
        """The terms that change."""
        now = self.state(subject_ref)
        return [
            Line(TERMS[name], term_words(name, now[name]), term_words(name, payload[name]))
            for name in FIELDS
            if name in payload
        ]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Lay down the next version."""
        self.check(request.subject_ref, request.payload)
        old, terms_before = self.policy(request.subject_ref), self.state(request.subject_ref)
        terms: dict[str, Any] = {name: getattr(old, name) for name in FIELDS}
        for name, value in request.payload.items():
            terms[name] = timedelta(seconds=value) if isinstance(terms[name], timedelta) else value
        new = ApprovalPolicy.objects.create(act=old.act, version=old.version + 1, made_at=now, **terms)
        before = {name: terms_before[name] for name in request.payload} | {"version": old.version}
        change = acts.carried(request, before=before, after=dict(request.payload) | {"version": new.version})
        audit.record("policy.changed", actor=request.requested_by, subject=request, at=now, change=change)
        return _("%(act)s is decided by version %(version)s.") % {"act": new.act, "version": new.version}


def register() -> None:
    """Make them known."""
    for act in (
        ApproveUser(),
        RejectUser(),
        ReopenUser(),
        ReactivateUser(),
        GrantRole(),
        RelinkTelegram(),
        ChangePolicy(),
    ):
        acts.register(act)

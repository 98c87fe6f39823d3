"""
What each role may do, and the check every operation makes.

Never Django's `has_perm`: a superuser passes that whatever it asks.
"""

from collections.abc import Iterable

from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext_lazy as _

from trading.lib.errors import Forbidden
from trading.lib.prepared import Given, Read
from users.models import Counterparty, Role, RoleGrant, SecondFactorPolicy, User
from users.models.roles import STAFF_ROLES

_ROOMS = frozenset(
    {"console.view", "rfq.view", "market.view", "settlement.view", "dispute.view", "approval.view", "user.view"}
    | {"flag.view", "scorecard.view", "exposure.view", "money.view", "ledger.view", "notification.view", "alert.view"}
)
# They reduce risk: one person, at once.
_STOPS = frozenset(
    {"flag.off", "transfers.halt", "user.suspend", "role.revoke", "key.revoke", "telegram.end", "session.end"}
    | {"market.pause", "lp.pause", "client.freeze", "destination.end", "withdrawal.decline"}
    | {"lp_payment.decline", "wallet.pause", "alert.handle"}
)

CAPABILITIES: dict[str, frozenset[str]] = {
    Role.TRADER: frozenset({"rfq.request", "rfq.accept", "settlement.own", "dispute.own", "client.own_freeze"})
    | {"destination.own", "deposit.own", "balance.own", "withdrawal.own"},
    Role.LP: frozenset({"rfq.quote", "settlement.own", "dispute.own", "lp.own_pause", "destination.own"})
    | {"balance.own", "lp_payment.own"},
    Role.OPS: _ROOMS
    | _STOPS
    | {"audit.own", "dispute.handle", "history.export", "onboarding.record", "rfq.enter", "telegram.link"}
    | {"user.create", "destination.enter", "deposit.record", "settlement.release", "withdrawal.handle"}
    | {"lp_payment.handle", "notification.resend"},
    Role.APPROVER: _ROOMS | _STOPS | {"policy.view", "audit.own", "scope.narrow"},
    Role.ADMIN: _ROOMS | _STOPS | {"policy.view", "scope.narrow", "notification.resend"},
    Role.AUDITOR: _ROOMS | {"policy.view", "audit.own", "audit.view", "history.export"},
    Role.SERVICE: frozenset({"settlement.execute", "audit.anchor"}),
}
# What an API key may be limited to: what trading parties and services do. The desk's own people have no keys.
SCOPES = CAPABILITIES[Role.TRADER] | CAPABILITIES[Role.LP] | CAPABILITIES[Role.SERVICE]


class MissingCapability(Forbidden):
    """The actor's roles do not allow it, or the actor is not active."""

    code = "missing_capability"
    text = _("Your roles do not allow this. Ask an administrator who may.")


def roles_for(user: User) -> list[Role]:
    """The roles a login can hold at all: its counterparty's, a service's, or the desk's. The database agrees (DC55)."""
    if user.counterparty is not None:
        return [Role.LP if user.counterparty.kind == Counterparty.Kind.LP else Role.TRADER]
    return [Role.SERVICE] if user.kind == User.Kind.SERVICE else list(STAFF_ROLES)


class MissingScope(Forbidden):
    """The API key was not made for this."""

    code = "missing_scope"
    text = _("This API key was not made for {capability}. Have one issued with that scope.")


def of(user: User) -> frozenset[str]:
    """All capabilities of the user's current roles; none when not active. One query, then remembered."""
    if user.status != User.Status.ACTIVE:
        return frozenset()
    if user.known_capabilities is None:
        _read(user)
    return user.known_capabilities or frozenset()


def _held() -> QuerySet[RoleGrant]:
    bound = SecondFactorPolicy.objects.current().filter(role=OuterRef("role"), passkey_required=True)
    return RoleGrant.objects.filter(user=Given("user"), revoked_at=None).annotate(is_bound=Exists(bound))


HELD = Read(_held)


def _read(user: User) -> None:
    """Find out what the roles give, and whether one takes a passkey. One query."""
    roles = {grant.role: grant.is_bound for grant in HELD.rows(user=user.pk)}  # type: ignore[attr-defined]
    user.known_capabilities = frozenset().union(*(CAPABILITIES[role] for role in roles))
    user.takes_passkey = any(roles.values())


def takes_passkey(user: User) -> bool:
    """Whether a role of the user takes a passkey only; as `of` found it, in the same query."""
    of(user)
    return user.takes_passkey


def roles_with(capability: str) -> list[str]:
    """The roles that give it."""
    return [role for role, given in CAPABILITIES.items() if capability in given]


def holds(user: User, capability: str) -> bool:
    """Whether the user may."""
    return capability in of(user)


def narrow(user: User, scopes: Iterable[str]) -> User:
    """The user as a key of theirs may act: with those of these capabilities only that the roles give as well."""
    user.key_scopes = frozenset(scopes)
    user.known_capabilities = of(user) & user.key_scopes
    return user


def require(user: User, capability: str) -> None:
    """
    Stop here unless the user may.

    :raises MissingScope: it acts by an API key that is not made for this.
    :raises MissingCapability: not active, or no role with this capability.
    """
    if user.key_scopes is not None and capability not in user.key_scopes:
        raise MissingScope(capability=capability)
    if not holds(user, capability):
        raise MissingCapability(capability=capability)

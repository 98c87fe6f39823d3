"""Scopes: what somebody may not see they may not act on; narrowing a scope at once. Widening takes two people."""

from collections.abc import Sequence
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from trading.lib.errors import Conflict, Invalid, NotFound
from trading.lib.operations import operation
from users import audit, capabilities
from users.models import Counterparty, ScopeGrant, User
from users.queries import scopes


class NotNarrower(Conflict):
    """The wanted scope is not smaller than the present one."""

    code = "not_narrower"
    text = _("This is not less than {username} serves now. More takes two people: propose it (scope.widen).")


class NoScope(Invalid):
    """Only the desk's own people have a scope of their own."""

    code = "no_scope"
    text = _("{username} belongs to a counterparty and serves no other.")


def require_served(actor: User | None, counterparty_id: int | None) -> None:
    """
    Stop here when the actor does not serve this counterparty. It is as if it were not there.

    :raises NotFound: it is outside the actor's scope.
    """
    if actor is not None and not scopes.serves(actor, counterparty_id):
        raise NotFound


@operation
def narrow_scope(
    *, user: User, keep: Sequence[Counterparty], actor: User, reason: str, now: datetime
) -> list[Counterparty]:
    """
    Let a login serve these counterparties only, at once. Reduces risk: one person may.

    :raises MissingCapability: the actor lacks `scope.narrow`.
    :raises NoScope: the login is not one of the desk's people.
    :raises NotNarrower: it serves no more than that now, or not all of these.
    """
    capabilities.require(actor, "scope.narrow")
    user = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if not user.is_staff:
        raise NoScope(username=user.username)
    before, after = _names(user), sorted(one.name for one in keep)
    wanted = {one.pk for one in keep}
    live = ScopeGrant.objects.filter(user=user, ended_at=None)
    present = set(live.values_list("counterparty", flat=True))
    if user.is_scoped and not wanted < present:
        raise NotNarrower(username=user.username)
    live.exclude(counterparty__in=wanted).update(ended_at=now)
    if not user.is_scoped:
        rows = [ScopeGrant(user=user, counterparty_id=pk, granted_at=now) for pk in sorted(wanted - present)]
        ScopeGrant.objects.bulk_create(rows)
        User.objects.filter(pk=user.pk).update(is_scoped=True)
    change = audit.Change(before={"serves": before}, after={"serves": after}, reason=reason, capability="scope.narrow")
    audit.record("scope.narrowed", actor=actor, subject=user, at=now, change=change)
    return list(keep)


def _names(user: User) -> list[str] | str:
    return [one.name for one in scopes.served(user)] if user.is_scoped else "whole desk"

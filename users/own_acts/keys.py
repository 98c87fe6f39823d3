"""API keys of services and trading parties."""

import ipaddress
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from trading.lib.clock import DatabaseClock
from trading.lib.errors import Forbidden
from users import acts, audit, capabilities
from users.acts import Line, Payload
from users.models import ApiKey, ApprovalRequest, User
from users.own_acts.base import BadPayload, OnUser, WrongState, is_number

LONGEST_NAME, MOST_ADDRESSES, MOST_DAYS = 64, 20, 90


class NoKeysForStaff(Forbidden):
    """The desk's own people sign in; a key of theirs would be a way around their second factor."""

    code = "no_keys_for_staff"
    text = lazy("{username} is one of the desk's people, who have no API keys. Make a service for the program.")


def scopes_for(user: User) -> list[str]:
    """What a key of this login may be limited to: what its roles allow and keys may carry."""
    return sorted(capabilities.of(user) & capabilities.SCOPES)


class IssueKey(OnUser):
    """
    Make an API key.

    ``{"name": "quoter", "scopes": ["rfq.quote"], "addresses": ["192.0.2.0/24"], "days": 90, "replaces": null}``
    """

    name, title = "key.issue", lazy("Issue API key")

    def check(self, subject_ref: str, payload: Payload) -> None:
        """An active login that is not of the desk's people, and terms that make sense for it."""
        user = self.user(subject_ref)
        if user.is_staff:
            raise NoKeysForStaff(username=user.username)
        if user.status != User.Status.ACTIVE:
            raise WrongState(username=user.username, status=user.get_status_display())
        if set(payload) != {"name", "scopes", "addresses", "days", "replaces"}:
            raise BadPayload(field="terms")
        name = payload["name"]
        if not isinstance(name, str) or not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
            raise BadPayload(field="name")
        if not _are_among(payload["scopes"], scopes_for(user)):
            raise BadPayload(field="scopes")
        if not _are_networks(payload["addresses"]):
            raise BadPayload(field="addresses")
        if not is_number(payload["days"], 1, MOST_DAYS):
            raise BadPayload(field="days")
        self._check_replaced(user, payload["replaces"])

    def _check_replaced(self, user: User, ref: object) -> None:
        if ref is None:
            return
        live = ApiKey.objects.filter(
            user=user, revoked_at=None, collected_at__isnull=False, expires_at__gt=DatabaseClock()
        )
        if not isinstance(ref, str) or not live.filter(ref=ref).exists():
            raise BadPayload(field="replaces")

    def describe(self, subject_ref: str, payload: Payload) -> list[Line]:  # noqa: ARG002 - the interface
        """Every term, and which key it takes the place of."""
        count = payload["days"]
        days = ngettext("%(count)s day", "%(count)s days", count) % {"count": count}
        return [
            Line(lazy("Name"), payload["replaces"] or "–", payload["name"]),
            Line(lazy("Scopes"), "–", ", ".join(payload["scopes"])),
            Line(lazy("From addresses"), "–", ", ".join(payload["addresses"]) or _("anywhere")),
            Line(lazy("Valid for"), "–", days),
        ]

    def execute(self, request: ApprovalRequest, *, now: datetime) -> str:
        """Make it, without a secret: its proposer collects that once."""
        self.check(request.subject_ref, request.payload)
        user, terms = self.user(request.subject_ref), request.payload
        key = ApiKey.objects.create(
            user=user,
            request=request,
            replaces=ApiKey.objects.filter(ref=terms["replaces"]).first() if terms["replaces"] else None,
            name=terms["name"],
            scopes=terms["scopes"],
            addresses=terms["addresses"],
            created_at=now,
            collect_by=now + timedelta(days=1),
            expires_at=now + timedelta(days=terms["days"]),
        )
        change = acts.carried(request, after={"key": key.ref, **terms})
        audit.record("key.issued", actor=request.requested_by, subject=user, at=now, change=change)
        return _("%(key)s is made. %(person)s collects it within a day.") % {
            "key": key.ref,
            "person": request.requested_by.username,
        }


def _are_among(scopes: object, allowed: list[str]) -> bool:
    return (
        isinstance(scopes, list)
        and bool(scopes)
        and all(scope in allowed for scope in scopes)
        and len(set(scopes)) == len(scopes)
    )


def _are_networks(addresses: Any) -> bool:
    """Networks in their canonical form, so that what is signed is what is compared."""
    if not isinstance(addresses, list) or len(addresses) > MOST_ADDRESSES:
        return False
    try:
        return all(isinstance(one, str) and str(ipaddress.ip_network(one)) == one for one in addresses)
    except ValueError:
        return False

"""API keys: collecting the secret once, and revoking. Making one is the act `key.issue`: two people."""

from datetime import datetime, timedelta

from django.utils.translation import gettext_lazy as _

from trading.lib.errors import Conflict, Forbidden, NotFound
from trading.lib.operations import operation
from users import audit, capabilities, keys
from users.models import ApiKey, User
from users.operations.scopes import require_served

OVERLAP = timedelta(days=7)
USE_NOTED_EVERY = timedelta(minutes=1)


class NotYourKey(Forbidden):
    """Only who proposed a key collects it."""

    code = "not_your_key"
    text = _("Only {who}, who proposed this key, can collect it.")


class NotCollectable(Conflict):
    """The key was collected before, lapsed, or was revoked."""

    code = "not_collectable"
    text = _("{ref} cannot be collected: {state}. A key is shown once; propose another one if it is lost.")


class AlreadyRevoked(Conflict):
    """There is nothing to revoke."""

    code = "already_revoked"
    text = _("{ref} is revoked already.")


@operation
def collect_key(*, key_ref: str, actor: User, now: datetime) -> str:
    """
    Make a key's secret and give the whole key in clear, once. The key it replaces lives on for a week at most.

    :raises NotFound: there is no such key.
    :raises NotYourKey: somebody else proposed it.
    :raises NotCollectable: collected before, too late, or revoked.
    """
    key = _locked(key_ref)
    proposer = key.request.requested_by
    if proposer.pk != actor.pk or actor.status != User.Status.ACTIVE:
        raise NotYourKey(who=proposer.username)
    state = key.state(at=now)
    if state != ApiKey.State.UNCOLLECTED:
        raise NotCollectable(ref=key.ref, state=ApiKey.State(state).label)
    made = keys.new()
    ApiKey.objects.filter(pk=key.pk).update(identifier=made.identifier, secret_hash=made.hash, collected_at=now)
    after: dict[str, object] = {"key": key.ref, "identifier": made.identifier}
    if key.replaces is not None:
        old = ApiKey.objects.select_for_update().get(pk=key.replaces.pk)
        until = min(old.expires_at, now + OVERLAP)
        ApiKey.objects.filter(pk=old.pk).update(expires_at=until)
        after |= {"replaces": old.ref, "replaced_expires_at": until.isoformat()}
    audit.record("key.collected", actor=actor, subject=key.user, at=now, change=audit.Change(after=after))
    return made.text


@operation
def revoke_key(*, key_ref: str, actor: User, reason: str, now: datetime) -> ApiKey:
    """
    End a key at once. Reduces risk: one person may.

    :raises NotFound: there is no such key.
    :raises MissingCapability: the actor lacks `key.revoke`.
    :raises AlreadyRevoked: it is revoked.
    """
    capabilities.require(actor, "key.revoke")
    key = _locked(key_ref)
    require_served(actor, key.user.counterparty_id)
    if key.revoked_at is not None:
        raise AlreadyRevoked(ref=key.ref)
    before = key.state(at=now)
    ApiKey.objects.filter(pk=key.pk).update(revoked_at=now)
    change = audit.Change(
        before={"state": before}, after={"key": key.ref, "state": "revoked"}, reason=reason, capability="key.revoke"
    )
    audit.record("key.revoked", actor=actor, subject=key.user, at=now, change=change)
    return key


def note_use(key: ApiKey, *, now: datetime) -> None:
    """Remember that a key was used, at most once a minute. No act, so no audit event."""
    if key.last_used_at is None or key.last_used_at < now - USE_NOTED_EVERY:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)


def _locked(ref: str) -> ApiKey:
    rows = ApiKey.objects.select_related("user", "request__requested_by", "replaces")
    key = rows.select_for_update(of=("self",)).filter(ref=ref).first()
    if key is None:
        raise NotFound
    return key

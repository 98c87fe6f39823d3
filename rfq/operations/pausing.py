"""
Stopping at once what must not go on: the desk, a pair, an LP, a client. They reduce risk: one person may.

Two let it go on (`rfq.own_acts`); only an LP ends its own pause itself.
"""

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from rfq.errors import NotAnLp
from rfq.models import LpTerms, MarketState, Pair
from rfq.operations.pulling import pull_all
from trading.lib.errors import Conflict, Forbidden, NotFound
from trading.lib.operations import operation
from users import audit, capabilities, policies
from users.models import Counterparty, User
from users.operations import require_served

Kind = Counterparty.Kind


class AlreadyPaused(Conflict):
    """There is nothing left to stop."""

    code = "already_paused"
    text = _("{what} is paused already.")


class AlreadyFrozen(Conflict):
    """The client cannot trade as it is."""

    code = "already_frozen"
    text = _("{client} is frozen already.")


class NotYourPause(Forbidden):
    """Somebody else paused the LP."""

    code = "not_your_pause"
    text = _("This pause is the desk's. Two of its people end it; please contact the desk.")


@operation
def pause_desk(*, actor: User, reason: str, now: datetime) -> MarketState:
    """
    Nobody asks, quotes or trades any more, on any pair, as soon as this returns.

    :raises MissingCapability: the actor lacks `market.pause`.
    :raises MeaninglessReason: the reason says too little.
    :raises AlreadyPaused: it is.
    """
    capabilities.require(actor, "market.pause")
    reason = policies.require_meaningful(reason)
    MarketState.objects.bulk_create([MarketState(pk=MarketState.ONE)], ignore_conflicts=True)
    state = MarketState.objects.select_for_update().get(pk=MarketState.ONE)
    if state.paused_at is not None:
        raise AlreadyPaused(what=_("The desk"))
    state.paused_at, state.paused_by, state.reason = now, actor, reason
    state.save(update_fields=["paused_at", "paused_by", "reason"])
    change = audit.Change(after={"paused": True}, reason=reason, capability="market.pause")
    audit.record("desk.paused", actor=actor, subject=state, at=now, change=change)
    return state


@operation
def pause_pair(*, code: str, actor: User, reason: str, now: datetime) -> Pair:
    """
    Nobody asks, quotes or trades on this pair any more as soon as this returns.

    :raises MissingCapability: the actor lacks `market.pause`.
    :raises MeaninglessReason: the reason says too little.
    :raises NotFound: there is no such pair.
    :raises AlreadyPaused: it is.
    """
    capabilities.require(actor, "market.pause")
    reason = policies.require_meaningful(reason)
    pair = Pair.objects.select_for_update().filter(code=code).first()
    if pair is None:
        raise NotFound
    if not pair.is_enabled:
        raise AlreadyPaused(what=pair.code)
    pair.is_enabled = False
    pair.save(update_fields=["is_enabled"])
    change = audit.Change(
        before={"is_enabled": True}, after={"is_enabled": False}, reason=reason, capability="market.pause"
    )
    audit.record("pair.paused", actor=actor, subject=pair, at=now, change=change)
    return pair


@operation
def pause_lp(*, lp_ref: str, actor: User | None, reason: str, now: datetime) -> LpTerms:
    """
    The LP quotes no more, and its live quotes are pulled.

    :param actor: one of the desk's people, a dealer of the LP itself, or nobody when its numbers did it.
    :raises NotFound: no such LP, or not one the actor serves.
    :raises MissingCapability: the actor lacks `lp.pause`, or as its dealer `lp.own_pause`.
    :raises MeaninglessReason: the reason says too little.
    :raises AlreadyPaused: it is. The desk's pause takes the place of the LP's own.
    """
    lp = Counterparty.objects.filter(ref=lp_ref, kind=Kind.LP).first()
    if lp is None:
        raise NotFound
    capability = _require(actor, lp, "lp.pause", "lp.own_pause")
    reason = policies.require_meaningful(reason)
    Counterparty.objects.select_for_update(no_key=True).get(pk=lp.pk)  # no quote of it is under way when this is held
    LpTerms.objects.bulk_create([LpTerms(lp=lp)], ignore_conflicts=True)
    terms = LpTerms.objects.select_for_update(of=("self",)).select_related("paused_by").get(lp=lp)
    is_own = actor is not None and actor.counterparty_id == lp.pk
    if terms.paused_at is not None and (is_own or not _is_own_pause(terms)):
        raise AlreadyPaused(what=lp.name)
    terms.paused_at, terms.paused_by, terms.pause_reason = now, actor, reason
    terms.save(update_fields=["paused_at", "paused_by", "pause_reason"])
    pulled = pull_all(lp, reason="lp_paused", actor=actor, capability=capability, now=now)
    change = audit.Change(after={"paused": True, "quotes_pulled": pulled}, reason=reason, capability=capability)
    audit.record("lp.paused", actor=actor, subject=lp, at=now, change=change)
    return terms


def _require(actor: User | None, party: Counterparty, capability: str, own: str) -> str:
    """The capability the actor acts by; nothing for what the desk does by itself."""
    if actor is None:
        return ""
    if actor.counterparty_id == party.pk:
        capabilities.require(actor, own)
        return own
    capabilities.require(actor, capability)
    require_served(actor, party.pk)
    return capability


def _is_own_pause(terms: LpTerms) -> bool:
    return terms.paused_by is not None and terms.paused_by.counterparty_id == terms.lp_id


@operation
def end_own_pause(*, actor: User, now: datetime) -> LpTerms:
    """
    An LP quotes again after a pause of its own.

    :raises MissingCapability: the actor lacks `lp.own_pause`.
    :raises NotAnLp: the actor quotes for no LP.
    :raises NotYourPause: it is not paused, or not by itself.
    """
    capabilities.require(actor, "lp.own_pause")
    lp = actor.counterparty
    if lp is None or lp.kind != Kind.LP:
        raise NotAnLp
    terms = LpTerms.objects.select_for_update(of=("self",)).select_related("paused_by").filter(lp=lp).first()
    if terms is None or not _is_own_pause(terms):
        raise NotYourPause
    before = terms.pause_reason
    terms.paused_at, terms.paused_by, terms.pause_reason = None, None, ""
    terms.save(update_fields=["paused_at", "paused_by", "pause_reason"])
    change = audit.Change(
        before={"pause_reason": before}, after={"paused": False}, reason="", capability="lp.own_pause"
    )
    audit.record("lp.resumed", actor=actor, subject=lp, at=now, change=change)
    return terms


@operation
def freeze_client(*, client_ref: str, actor: User | None, reason: str, now: datetime) -> Counterparty:
    """
    The client asks for no price and accepts no quote any more. What it has traded is settled.

    :param actor: one of the desk's people, or a trader of the client itself.
    :raises NotFound: no such client, or not one the actor serves.
    :raises MissingCapability: the actor lacks `client.freeze`, or as its trader `client.own_freeze`.
    :raises MeaninglessReason: the reason says too little.
    :raises AlreadyFrozen: it is.
    """
    client = Counterparty.objects.filter(ref=client_ref, kind=Kind.CLIENT).first()
    if client is None:
        raise NotFound
    capability = _require(actor, client, "client.freeze", "client.own_freeze")
    reason = policies.require_meaningful(reason)
    client = Counterparty.objects.select_for_update().get(pk=client.pk)
    if client.status == Counterparty.Status.FROZEN:
        raise AlreadyFrozen(client=client.name)
    before = client.status
    client.move(Counterparty.Status.FROZEN, at=now)
    change = audit.Change(
        before={"status": before}, after={"status": client.status}, reason=reason, capability=capability
    )
    audit.record("client.frozen", actor=actor, subject=client, at=now, change=change)
    return client

"""An LP takes quotes back, passes, or is gone."""

from collections.abc import Mapping
from datetime import datetime

from rfq.errors import NoSuchQuote, NoSuchRfq
from rfq.models import Invitation, Quote, Rfq
from rfq.operations.gates import look
from rfq.operations.quoting import lp_of, require_live
from trading.lib.operations import operation
from users import audit, capabilities
from users.models import Counterparty, User


@operation
def pull_quote(*, rfq_ref: str, actor: User, now: datetime) -> Quote:
    """
    Take the LP's live quote on an RFQ back; one that the desk took down by phone is declined so.

    :raises NotAnLp: the actor quotes for no LP.
    :raises NoSuchQuote: the LP has no live quote there.
    """
    capabilities.require(actor, "rfq.quote")
    lp = lp_of(actor)
    rfq = Rfq.objects.select_for_update().filter(ref=rfq_ref).first()
    live = list(Quote.objects.filter(rfq=rfq, lp=lp, status__in=Quote.LIVE).order_by("pk")) if rfq else []
    if rfq is None or not live:
        raise NoSuchQuote
    for quote in live:
        quote.rfq = rfq
        _pull(quote, {"rfq": rfq.ref}, actor=actor, capability="rfq.quote", now=now)
    reopen_if_unquoted(rfq, now=now)
    return live[-1]


@operation
def pull_quotes(*, actor: User, now: datetime) -> int:
    """
    Take all of the LP's live quotes back, whatever they are on; the answer is how many.

    :raises NotAnLp: the actor quotes for no LP.
    :raises NoSuchQuote: the LP has none.
    """
    capabilities.require(actor, "rfq.quote")
    pulled = pull_all(lp_of(actor), reason="all_pulled", actor=actor, capability="rfq.quote", now=now)
    if not pulled:
        raise NoSuchQuote
    return pulled


def pull_all(lp: Counterparty, *, reason: str, actor: User | None, capability: str, now: datetime) -> int:
    """
    Take every live quote of an LP back; the answer is how many. Assumes a transaction; locks the RFQs.

    :param capability: by which the actor does it; none for what the desk does by itself.
    """
    quoted = Quote.objects.filter(lp=lp, status__in=Quote.LIVE).values("rfq")
    pulled = 0
    for rfq in Rfq.objects.filter(pk__in=quoted).order_by("pk").select_for_update():
        for quote in Quote.objects.filter(rfq=rfq, lp=lp, status__in=Quote.LIVE).order_by("pk"):
            facts = {"rfq": rfq.ref, "because": reason}
            _pull(quote, facts, actor=actor, capability=capability, now=now)
            pulled += 1
        reopen_if_unquoted(rfq, now=now)
    return pulled


def _pull(quote: Quote, facts: Mapping[str, object], *, actor: User | None, capability: str, now: datetime) -> None:
    quote.move(Quote.Status.PULLED, at=now)
    change = audit.Change(after={**facts, "status": quote.status}, capability=capability)
    audit.record("quote.pulled", actor=actor, subject=quote, at=now, change=change)


def reopen_if_unquoted(rfq: Rfq, *, now: datetime) -> None:
    """A quoted RFQ without a firm quote is open again. Assumes the RFQ locked."""
    firm = Quote.objects.filter(rfq=rfq, status=Quote.Status.ACTIVE)
    if rfq.status == Rfq.Status.QUOTED and not firm.exists():
        rfq.move(Rfq.Status.OPEN, at=now)


@operation
def pass_rfq(*, rfq_ref: str, actor: User, now: datetime) -> Invitation:
    """
    The LP makes no price on this RFQ; it may still change its mind. Passing again changes nothing.

    :raises NotAnLp: the actor quotes for no LP.
    :raises NoSuchRfq: the LP was not asked.
    :raises RfqOver: it is filled, cancelled or expired.
    """
    capabilities.require(actor, "rfq.quote")
    lp = lp_of(actor)
    rows = Invitation.objects.select_related("rfq").select_for_update(of=("self",))
    invitation = rows.filter(rfq__ref=rfq_ref, lp=lp).first()
    if invitation is None:
        raise NoSuchRfq(ref=rfq_ref)
    require_live(invitation.rfq, look(lp, invitation.rfq_id))
    if invitation.passed_at is None:
        invitation.passed_at = now
        invitation.save(update_fields=["passed_at"])
        change = audit.Change(after={"lp": lp.ref}, capability="rfq.quote")
        audit.record("rfq.passed", actor=actor, subject=invitation.rfq, at=now, change=change)
    return invitation

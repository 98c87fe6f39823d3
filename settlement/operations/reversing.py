"""Taking a settled trade back, as long as nothing of it has left the desk. Assumes what two people decided."""

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from settlement import ledger
from settlement.ledger import InsufficientBalance, Posting
from settlement.legs import opposite
from settlement.models import Journal, Reversal, Settlement
from settlement.operations.releasing import locked
from settlement.operations.waiting import wake
from trading.lib.errors import Conflict
from users.models import ApprovalRequest, Counterparty

Status = Settlement.Status


class NotReversible(Conflict):
    """It is not settled (any more): what is not delivered is cancelled, what is reversed stays so."""

    code = "not_reversible"
    text = _("{ref} cannot be reversed: it is {status}. What is not delivered yet is cancelled instead.")


class PaidOut(Conflict):
    """USDT or fiat left the desk for it: no booking brings that back."""

    code = "paid_out"
    text = _(
        "{ref} has been paid out, so it cannot be reversed. Correct it with a new trade in the other direction, or "
        "with an adjustment of the ledger."
    )


class ReversalNotCovered(Conflict):
    """The client has used what it got."""

    code = "reversal_not_covered"
    text = _(
        "{ref} cannot be reversed: the client's balance does not cover what would be taken back. Wait for its deposit, "
        "or correct it with a new trade in the other direction."
    )


def require_reversible(settlement: Settlement) -> None:
    """
    Refuse whatever is not settled between balances at the desk.

    :raises PaidOut: it was paid on chain or by bank.
    :raises NotReversible: it is not settled, or reversed already.
    """
    if settlement.status == Status.SETTLED_MANUALLY or (
        settlement.status == Status.SETTLED and settlement.pays_on_chain
    ):
        raise PaidOut(ref=settlement.ref)
    if settlement.status != Status.SETTLED:
        raise NotReversible(ref=settlement.ref, status=settlement.get_status_display())


def journals_of(settlement: Settlement) -> list[Journal]:
    """What its trade and its delivery booked. Two queries."""
    keys = [f"accrual:{settlement.trade_ref}", f"delivery:{settlement.ref}"]
    return list(
        Journal.objects.filter(key__in=keys)
        .order_by("pk")
        .prefetch_related("entries__account__asset", "entries__account__balance")
    )


def reverse(ref: str, *, request: ApprovalRequest, evidence: str, dispute: str, now: datetime) -> Settlement:
    """
    Book a settled trade back: the client's side, mark-up and rounding, and what LP and desk owe each other for it.

    Client, then settlement are locked. What the client gave comes back to its balance, and others may wait for it.

    :raises PaidOut: it was paid on chain or by bank.
    :raises NotReversible: it is not settled, or reversed already.
    :raises ReversalNotCovered: the client's balance (and credit line) does not cover what is taken back.
    """
    owner = Settlement.objects.filter(ref=ref).values("client")
    Counterparty.objects.select_for_update().get(pk__in=owner)
    settlement = locked(ref)
    require_reversible(settlement)
    Reversal.objects.create(settlement=settlement, request=request, evidence=evidence, dispute=dispute, reversed_at=now)
    try:
        ledger.post(
            *(
                Posting(f"reversal:{one.key}", "reversal", settlement.ref, opposite(one), reverses=one.pk)
                for one in journals_of(settlement)
            )
        )
    except InsufficientBalance as error:
        raise ReversalNotCovered(ref=ref) from error
    settlement.move(Status.REVERSED, at=now, reason="reversed", detail=request.ref)
    wake(settlement.client)
    return settlement

"""Paying an approved LP payment on chain: claim, sign, finish. The chain's states are the transfer's."""

from datetime import datetime

from settlement import autosettle, ledger
from settlement.ledger import POSTED, Leg, Posting
from settlement.models import LpPayment
from settlement.operations import undone
from settlement.operations.lp_payments import Direction, open_between
from settlement.operations.signing import Hindrance, Signer, unhindered
from settlement.operations.starting import start_or_wait
from trading.lib import jobs
from trading.lib.money import USDT
from trading.lib.operations import operation
from users import audit

Status = LpPayment.Status
OWED_LESS = "more_than_owed"
TRIED_AT_ONCE = 50


@operation
def pay_lp(*, payment_id: int, signer: Signer, now: datetime, hindrance: Hindrance = unhindered) -> LpPayment:
    """
    Sign the payment of an approved LP payment on chain, and ask for it to be sent.

    Transfers are halted, the flag is off, the desk owes less by now, the address is not usable, no wallet can pay: it
    stays approved with that reason and is tried again every minute. Whatever is not approved any more stays as it is.

    :param hindrance: what the chain was seen to object to, by wallet.
    """
    rows = LpPayment.objects.select_related("lp", "asset", "address").select_for_update(of=("self",))
    payment = rows.get(pk=payment_id)
    if payment.status != Status.APPROVED or payment.address is None:
        return payment
    obstacle = autosettle.read().obstacle or hindered(payment)
    start_or_wait(payment, signer, hindrance, obstacle=obstacle, now=now)
    return payment


def hindered(payment: LpPayment) -> str:
    """Say what stands in its way whatever the wallet: the desk owes less by now; "" when nothing does."""
    if undone.was_delivered(payment):
        return ""  # it is booked as paid, and what it paid is in transit
    owed = open_between(payment.lp, payment.asset, Direction.OUT, until=payment.netted_until, but=payment)
    return OWED_LESS if payment.amount > owed else ""


@operation
def pay_lps_waiting(*, now: datetime) -> int:  # noqa: ARG001 - every operation is told the time
    """Let approved LP payments on chain try again, oldest first, a bounded number; the answer is how many."""
    waiting = LpPayment.objects.filter(status=Status.APPROVED, address__isnull=False).order_by("pk")
    found = list(waiting.values_list("pk", "ref")[:TRIED_AT_ONCE])
    if found and autosettle.read().moves_by_itself:
        for pk, ref in found:
            jobs.defer("settlement.pay_lp", payment_id=pk, lock=ref)
    return len(found)


def finish_lp_payment(payment: LpPayment, wallet_account: str, *, now: datetime, is_held: bool = True) -> None:
    """
    It is final on chain: let the wallet's hold go and book what left. Assumes the transaction that saw it.

    :param is_held: whether the wallet holds it.
    """
    minor = ledger.minor(payment.amount, USDT)
    lines = (
        *(ledger.hold_hot(wallet_account, USDT, -minor) if is_held else ()),
        Leg(ledger.of(payment.lp, USDT), POSTED, minor),
        Leg(wallet_account, POSTED, -minor),
    )
    ledger.post(Posting(f"lp-payment:{payment.ref}", "lp_payment", payment.ref, lines))
    payment.move(Status.CONFIRMED, at=now, reason="final")
    change = audit.Change(after={"amount": str(payment.amount)})
    audit.record("lp_payment.confirmed", actor=None, subject=payment, at=now, change=change)

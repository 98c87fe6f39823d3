"""Jobs that pay: look at the chain, claim, call the wallet's port, record. Each may run again without harm."""

import logging

from procrastinate.contrib.django import app

from settlement import ledger, operations, transactions
from settlement.hands import Hand, payment_of
from settlement.models import LpPayment, PaymentCheck, Settlement, Transfer, Wallet, Withdrawal
from settlement.reconciliation import rounds
from settlement.rounds import book_gas, fill_gaps, follow_final, resume_blocked
from settlement.sending import AGAIN, broadcast, is_void, send
from settlement.tracking import receipt_of, track
from settlement.wallets import NoPort, port_of
from settlement.wallets.base import Receipt, Signed
from settlement.watching import watch
from trading.lib import clock
from trading.lib.money import USDT

__all__ = [
    "book_gas",
    "broadcast",
    "fill_gaps",
    "follow_final",
    "resume_blocked",
    "rounds",
    "send",
    "track",
    "watch",
]  # the rounds are found with the other jobs
log = logging.getLogger(__name__)


def sign(wallet: Wallet, transfer: Transfer) -> Signed:
    """Sign a transfer with its wallet's key, on no terms: for a wallet whose chain charges nothing."""
    return port_of(wallet).sign(payment_of(transfer), {})


@app.task(name="settlement.pay", queue="money", retry=AGAIN)
def pay(settlement_id: int) -> None:
    """Take an approved settlement to its signed payment, or to where it has to stop."""
    rows = Settlement.objects.select_related("destination")
    paid = rows.filter(pk=settlement_id, status=Settlement.Status.APPROVED, destination__isnull=False).first()
    hand = Hand([])
    if paid is not None and paid.destination is not None:
        minor = ledger.minor(paid.base_amount, USDT)
        hand = Hand([paid.destination.chain], to_address=paid.destination.address, amount_minor=minor)
    settlement = operations.pay(
        settlement_id=settlement_id, signer=hand.sign, hindrance=hand.hindrance, now=clock.now()
    )
    log.info("settlement %s is %s (%s)", settlement.ref, settlement.status, settlement.reason)


def _why_not_void(transfer: Transfer) -> str:
    """Why a signed payment may have happened, or still can; "" when it never will: it failed, or its nonce is used."""
    if is_void(transfer):
        return ""
    receipt = receipt_of(transfer)
    if receipt is None:
        return transactions.MAY_HAPPEN
    if receipt.pays is not None:
        return transactions.PAID if receipt.pays == payment_of(transfer) else transactions.ANOTHER
    if not receipt.has_failed:  # it moved something: paying again would pay twice
        return transactions.ANOTHER
    return "" if receipt.is_final else transactions.NOT_FINAL


@app.task(name="settlement.sign_again", queue="money", retry=AGAIN)
def sign_again(**of: int) -> None:
    """
    Sign the next generation of a payment that two people gave up.

    :param of: what it pays: `settlement_id`, `withdrawal_id` or `lp_payment_id`.
    """
    last = Transfer.objects.filter(**of).select_related("wallet").latest("generation")
    hand = Hand([last.wallet.chain], to_address=last.to_address, amount_minor=int(last.amount_minor))
    paid = operations.sign_again(transfer_id=last.pk, signer=hand.sign, hindrance=hand.hindrance, now=clock.now())
    log.info("%s is %s (%s)", paid.ref, paid.status, paid.reason)


@app.task(name="settlement.check_payment", queue="money", retry=AGAIN)
def check_payment(check_id: int) -> None:
    """Ask the chain what a check is about. No node answers: tried again."""
    owners = ("settlement__destination", "withdrawal__address", "lp_payment__address")
    check = PaymentCheck.objects.select_related(*owners, "transfer__wallet").get(pk=check_id)
    destination = check.owner.paid_to
    try:
        if check.transfer is not None:
            operations.record_void(check_id=check_id, why_not=_why_not_void(check.transfer), now=clock.now())
            return
        seen = _seen(check.transaction, destination.chain if destination else "")
    except NoPort as error:
        log.warning("%s: payment %s: %s", check.owner_ref, check.transaction, error)
        operations.record_unreachable(check_id=check_id, now=clock.now())
        return
    operations.record_payment(check_id=check_id, seen=seen, now=clock.now())
    log.info("%s: %s was %s", check.owner_ref, check.transaction, "seen" if seen else "not seen")


def _seen(transaction: str, chain: str) -> Receipt | None:
    """
    Where a chain has a transaction, as the wallet sees it that it left: each reads only what it paid itself.

    :raises NoPort: nothing can ask the chain, or it has no wallet.
    """
    wallets = Wallet.objects.filter(chain=chain).order_by("pk")  # paused ones too: they have paid
    if not (receipts := [port_of(wallet).receipt(transaction) for wallet in wallets]):
        raise NoPort(chain)
    found = [receipt for receipt in receipts if receipt is not None]
    return next((receipt for receipt in found if receipt.pays is not None), found[0] if found else None)


@app.task(name="settlement.fund_waiting", queue="money", retry=AGAIN)
def fund_waiting(client_id: int) -> None:
    """Let go on what the client's money covers by now."""
    funded = operations.fund_waiting(client_id=client_id, now=clock.now())
    log.info("%s settlements of client %s are covered by now", funded, client_id)


@app.task(name="settlement.pay_out", queue="money", retry=AGAIN)
def pay_out(withdrawal_id: int) -> None:
    """Take an approved withdrawal on chain to its signed payment, if it can be paid now."""
    hand = _hand_for(Withdrawal, withdrawal_id)
    withdrawal = operations.pay_out(
        withdrawal_id=withdrawal_id, signer=hand.sign, hindrance=hand.hindrance, now=clock.now()
    )
    log.info("withdrawal %s is %s (%s)", withdrawal.ref, withdrawal.status, withdrawal.reason)


@app.task(name="settlement.pay_lp", queue="money", retry=AGAIN)
def pay_lp(payment_id: int) -> None:
    """Take an approved LP payment on chain to its signed payment, if it can be paid now."""
    hand = _hand_for(LpPayment, payment_id)
    payment = operations.pay_lp(payment_id=payment_id, signer=hand.sign, hindrance=hand.hindrance, now=clock.now())
    log.info("LP payment %s is %s (%s)", payment.ref, payment.status, payment.reason)


def _hand_for(kind: type[Withdrawal] | type[LpPayment], pk: int) -> Hand:
    rows = kind._default_manager.select_related("address")
    paid = rows.filter(pk=pk, status="approved", address__isnull=False).first()
    if paid is None or paid.address is None:
        return Hand([])
    minor = ledger.minor(paid.amount, USDT)
    return Hand([paid.address.chain], to_address=paid.address.address, amount_minor=minor)


@app.periodic(cron="* * * * *")
@app.task(name="settlement.pay_out_waiting", queue="money", lock="settlement.pay_out_waiting")
def pay_out_waiting(timestamp: int) -> None:  # noqa: ARG001 - procrastinate passes the tick
    """Every minute: let approved withdrawals and LP payments on chain that could not be paid try again."""
    clients, lps = operations.pay_out_waiting(now=clock.now()), operations.pay_lps_waiting(now=clock.now())
    log.info("%s withdrawals and %s LP payments wait to be paid on chain", clients, lps)


@app.periodic(cron="* * * * *")
@app.task(name="settlement.wake_wallets", queue="money", lock="settlement.wake_wallets")
def wake_wallets(timestamp: int) -> None:  # noqa: ARG001 - procrastinate passes the tick
    """Every minute: see that what is signed is sent, and what is sent is followed, whatever became of those jobs."""
    log.debug("%s wallets have payments on their way", operations.wake_wallets(now=clock.now()))


@app.periodic(cron="* * * * *")
@app.task(name="settlement.tell_late", queue="money", lock="settlement.tell_late")
def tell_late(timestamp: int) -> None:  # noqa: ARG001 - procrastinate passes the tick
    """Every minute: have it told, once each, which settlements are past their deadline."""
    log.info("%s settlements are late by now", operations.tell_late(now=clock.now()))


@app.periodic(cron="* * * * *")
@app.task(name="settlement.sweep_again", queue="money", lock="settlement.sweep")
def sweep_again(timestamp: int) -> None:  # noqa: ARG001 - procrastinate passes the tick
    """Every minute: see that nothing approved is left while the gate is shut."""
    log.info("%s settlements are taken back while the gate is shut", operations.sweep(now=clock.now()))


@app.task(name="settlement.sweep", queue="money", retry=AGAIN)
def sweep() -> None:
    """Take back what was approved and not begun, because the gate is shut."""
    log.info("%s settlements are taken back while the gate is shut", operations.sweep(now=clock.now()))

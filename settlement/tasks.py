"""Jobs that pay: claim, call the wallet's port, record the outcome. Each may run again without harm."""

import logging

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from settlement import operations
from settlement.models import Transfer, Wallet
from settlement.wallets import port_of
from settlement.wallets.base import Broadcast, Payment, Receipt, Signed
from trading.lib import clock

log = logging.getLogger(__name__)
AGAIN = RetryStrategy(max_attempts=50, wait=2, linear_wait=2)  # the last after about 40 minutes
DIFFERS, REFUSED = "signed_bytes_differ", "node_refused"
WRONG_PAYMENT = "chain_shows_another_payment"


def _payment(transfer: Transfer) -> Payment:
    return Payment(transfer.to_address, int(transfer.amount_minor), transfer.nonce)


def sign(wallet: Wallet, transfer: Transfer) -> Signed:
    """Sign a transfer with its wallet's key."""
    return port_of(wallet).sign(_payment(transfer))


@app.task(name="settlement.pay", queue="money", retry=AGAIN)
def pay(settlement_id: int) -> None:
    """Take an approved settlement to its signed payment, or to where it has to stop."""
    settlement = operations.pay(settlement_id=settlement_id, signer=sign, now=clock.now())
    log.info("settlement %s is %s (%s)", settlement.ref, settlement.status, settlement.reason)


@app.task(name="settlement.broadcast", queue="money", retry=AGAIN)
def broadcast(transfer_id: int) -> None:
    """Send the stored bytes, after reading back from them what they pay."""
    transfer = Transfer.objects.select_related("wallet").get(pk=transfer_id)
    if transfer.status not in {Transfer.Status.SIGNED, Transfer.Status.BROADCAST}:
        return
    raw = bytes(transfer.attempts.latest("number").raw)
    port = port_of(transfer.wallet)
    if port.decode(raw) != _payment(transfer):
        operations.record_mismatch(transfer_id=transfer_id, reason=DIFFERS, now=clock.now())
        return
    answer = port.broadcast(raw)
    if answer == Broadcast.REFUSED:
        operations.record_mismatch(transfer_id=transfer_id, reason=REFUSED, now=clock.now())
        return
    is_taken = answer in {Broadcast.ACCEPTED, Broadcast.KNOWN}
    operations.record_broadcast(transfer_id=transfer_id, is_taken=is_taken, answer=answer, now=clock.now())


@app.task(name="settlement.track", queue="money", retry=AGAIN)
def track(transfer_id: int) -> None:
    """Ask the chain about every attempt of a transfer; what it shows must be what was meant."""
    transfer = Transfer.objects.select_related("wallet").get(pk=transfer_id)
    receipt = _receipt(transfer)
    if receipt is not None and receipt.pays != _payment(transfer):
        operations.record_mismatch(transfer_id=transfer_id, reason=WRONG_PAYMENT, now=clock.now())
        return
    operations.record_receipt(transfer_id=transfer_id, receipt=receipt, now=clock.now())


def _receipt(transfer: Transfer) -> Receipt | None:
    port = port_of(transfer.wallet)
    for attempt in transfer.attempts.order_by("-number"):
        if receipt := port.receipt(attempt.tx_hash):
            return receipt
    return None


@app.periodic(cron="* * * * *")
@app.task(name="settlement.resume_blocked", queue="money", lock="settlement.resume_blocked")
def resume_blocked(timestamp: int) -> None:  # noqa: ARG001 - procrastinate passes the tick
    """Every minute: let blocked settlements try again."""
    operations.resume_blocked(now=clock.now())

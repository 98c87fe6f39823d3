"""The job that follows what was sent: in rounds, all that is on its way from a wallet asked for at once."""

import logging
from collections.abc import Mapping
from datetime import timedelta

from procrastinate.contrib.django import app

from settlement import operations
from settlement.hands import payment_of
from settlement.models import Transfer, TransferAttempt, Wallet
from settlement.operations.sending import FOLLOWED, is_due
from settlement.sending import AGAIN, DIFFERS, is_meant
from settlement.wallets import NoPort, port_of
from settlement.wallets.base import CannotSign, Receipt, Signed, Terms, Unreachable, WalletPort
from trading.lib import clock
from trading.lib.operations import Busy

log = logging.getLogger(__name__)
STUCK_AFTER = timedelta(minutes=2)
WRONG_PAYMENT = "chain_shows_another_payment"


@app.task(name="settlement.track", queue="money", retry=AGAIN)
def track(wallet_id: int) -> None:
    """
    Ask the chain about every attempt of a wallet's payments; what it shows must be what was meant.

    Nothing is written where it has nothing new. One payment that cannot be recorded does not hold up the others.
    """
    wallet = Wallet.objects.get(pk=wallet_id)
    rows = Transfer.objects.filter(wallet=wallet, status__in=FOLLOWED).order_by("nonce")
    transfers = list(rows.select_related("wallet").prefetch_related("attempts"))
    try:
        port = port_of(wallet)
        receipts = port.receipts([attempt.tx_hash for each in transfers for attempt in each.attempts.all()])
    except (Unreachable, NoPort) as error:
        log.warning("wallet %s: %s", wallet.name, error)
        operations.track_later(wallet_id=wallet_id, is_lost=True, now=clock.now())
        return
    failed: list[Exception] = []
    for transfer in transfers:
        try:
            _follow(transfer, port, receipts)
        except (Unreachable, CannotSign, Busy) as error:
            log.warning("transfer %s: %s", transfer.ref, error)
        except Exception as error:  # noqa: BLE001 - raised below, after the others had their turn
            failed.append(error)
    operations.track_later(wallet_id=wallet_id, now=clock.now())
    if failed:
        raise ExceptionGroup(f"wallet {wallet.name}: {len(failed)} payments were not followed", failed)


def _follow(transfer: Transfer, port: WalletPort, receipts: Mapping[str, Receipt]) -> None:
    attempts = sorted(transfer.attempts.all(), key=lambda one: one.number)
    receipt = next((receipts[one.tx_hash] for one in reversed(attempts) if one.tx_hash in receipts), None)
    dearer = _dearer(transfer, attempts[-1], port) if receipt is None else None
    if dearer is not None:
        _replace(transfer, attempts[-1], port, dearer)
    elif receipt is not None and receipt.pays != payment_of(transfer):
        reason = receipt.fault or WRONG_PAYMENT
        operations.record_mismatch(transfer_id=transfer.pk, reason=reason, now=clock.now())
    elif _is_news(transfer, attempts[-1], receipt):
        followed = operations.record_receipt(transfer_id=transfer.pk, receipt=receipt, now=clock.now())
        log.debug("transfer %s is %s", followed.ref, followed.status)


def _is_news(transfer: Transfer, newest: TransferAttempt, receipt: Receipt | None) -> bool:
    """Whether it is not known yet, or something has to be done about it."""
    is_mined = transfer.status == Transfer.Status.MINED
    if receipt is None:
        return is_mined or is_due(newest, now=clock.now())
    seen = (receipt.block_number, receipt.confirmations)
    return not is_mined or receipt.is_final or seen != (transfer.block_number, transfer.confirmations)


def receipt_of(transfer: Transfer) -> Receipt | None:
    """
    Where the chain has it, whichever of its attempts.

    :raises Unreachable: no node to ask.
    """
    hashes = list(transfer.attempts.order_by("-number").values_list("tx_hash", flat=True))
    found = port_of(transfer.wallet).receipts(hashes)
    return next((found[tx_hash] for tx_hash in hashes if tx_hash in found), None)


def _dearer(transfer: Transfer, newest: TransferAttempt, port: WalletPort) -> Terms | None:
    """Terms for a payment that was sent long ago and is not mined; nothing when it is not stuck."""
    if transfer.status != Transfer.Status.BROADCAST:
        return None
    if newest.out_since is None or clock.now() - newest.out_since < STUCK_AFTER:
        return None
    return port.dearer(bytes(newest.raw))


def _replace(transfer: Transfer, newest: TransferAttempt, port: WalletPort, terms: Terms) -> None:
    def signer(wallet: Wallet, again: Transfer) -> Signed:
        return port_of(wallet).sign(payment_of(again), terms)

    if not is_meant(transfer, bytes(newest.raw), port):
        operations.record_mismatch(transfer_id=transfer.pk, reason=DIFFERS, now=clock.now())
        return
    operations.replace_attempt(transfer_id=transfer.pk, number=newest.number, signer=signer, now=clock.now())

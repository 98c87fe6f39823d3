"""
Jobs that send: ask for permission, read back what the bytes pay, call the wallet's port, record.

What a wallet signs goes out in rounds, all that waits at once and in the order of its nonces: one transaction permits,
one records. Bytes that are sent again, or are dearer than the last, go alone. Each may run again without harm.
"""

import logging
from collections.abc import Sequence
from datetime import datetime

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from settlement import operations
from settlement.hands import payment_of
from settlement.models import Transfer, TransferAttempt
from settlement.operations.sending import HALT_SECONDS, SEND_WITHIN, Permission
from settlement.wallets import NoPort, port_of
from settlement.wallets.base import Answer, Broadcast, Signed, Unreachable, WalletPort
from trading.lib import clock

log = logging.getLogger(__name__)
AGAIN = RetryStrategy(max_attempts=50, wait=2, linear_wait=2)  # the last after about 40 minutes
DIFFERS = "signed_bytes_differ"


@app.task(name="settlement.send", queue="money", retry=AGAIN)
def send(wallet_id: int) -> None:
    """Send what a wallet signed and nobody was let send yet, if that is permitted."""
    asked_at = clock.now()
    permitted = operations.permit_sending(wallet_id=wallet_id, now=asked_at)
    found = Transfer.objects.select_related("wallet").in_bulk(permitted)
    if permitted:
        _send([found[pk] for pk in permitted], asked_at)


@app.task(name="settlement.broadcast", queue="money", retry=AGAIN)
def broadcast(transfer_id: int) -> None:
    """Send the newest bytes of one payment if that is permitted, whether some were sent before or not."""
    asked_at = clock.now()
    permission = operations.permit_broadcast(transfer_id=transfer_id, now=asked_at)
    transfer = Transfer.objects.select_related("wallet").get(pk=transfer_id)
    if permission == Permission.GIVEN:
        _send([transfer], asked_at)
    else:
        log.info("transfer %s (%s) is not sent: %s", transfer.ref, transfer.status, permission)


def _send(transfers: Sequence[Transfer], asked_at: datetime) -> None:
    """Send the stored bytes of a wallet's payments, permitted just now, after reading back what they pay."""
    try:
        port = port_of(transfers[0].wallet)
    except NoPort:
        for transfer in transfers:
            operations.broadcast_later(transfer_id=transfer.pk, seconds=HALT_SECONDS)
        return
    stored = newest(transfers)
    meant = [each for each in transfers if is_meant(each, stored[each.pk], port)]
    for transfer in transfers:
        if transfer not in meant:
            operations.record_mismatch(transfer_id=transfer.pk, reason=DIFFERS, now=clock.now())
    if clock.now() > asked_at + SEND_WITHIN:
        for transfer in meant:
            log.warning("transfer %s: the permission to send it is too old and is asked for again", transfer.ref)
            operations.broadcast_later(transfer_id=transfer.pk)
        return
    _record(meant, port.send([stored[each.pk] for each in meant]))


def _record(transfers: Sequence[Transfer], answers: Sequence[Answer]) -> None:
    """What was taken first, which asks nobody anything."""
    out = {Broadcast.ACCEPTED, Broadcast.KNOWN}
    pairs = list(zip(transfers, answers, strict=True))
    said = {transfer.pk: ": ".join(filter(None, [answer.outcome, answer.said])) for transfer, answer in pairs}
    if taken := {transfer.pk: said[transfer.pk] for transfer, answer in pairs if answer.outcome in out}:
        operations.record_broadcast(answers=taken, now=clock.now())
    for transfer, answer in pairs:
        log.info("transfer %s was sent: %s", transfer.ref, said[transfer.pk])
        if answer.outcome == Broadcast.REFUSED:
            _refused(transfer)
        elif answer.outcome == Broadcast.EXPIRED:
            operations.record_expired(transfer_id=transfer.pk, now=clock.now())
        elif answer.outcome not in out:
            operations.record_unknown(transfer_id=transfer.pk, answer=said[transfer.pk])


def newest(transfers: Sequence[Transfer]) -> dict[int, bytes]:
    """The bytes signed last for each of them."""
    rows = TransferAttempt.objects.filter(transfer__in=transfers).order_by("number")
    return {pk: bytes(raw) for pk, raw in rows.values_list("transfer_id", "raw")}


def is_meant(transfer: Transfer, raw: bytes, port: WalletPort) -> bool:
    """Whether these bytes pay what the transfer says, read back from them."""
    try:
        return port.decode(raw) == payment_of(transfer)
    except ValueError as error:
        log.error("transfer %s: %s", transfer.ref, error)  # noqa: TRY400 - the sentence says it all
        return False


def _refused(transfer: Transfer) -> None:
    """The nonce is used: by another attempt of the same payment, or by somebody else."""
    try:
        is_taken = is_void(transfer)
    except Unreachable:
        is_taken = False  # not proven: ask again
    if is_taken:
        operations.record_taken_nonce(transfer_id=transfer.pk, now=clock.now())
    else:
        operations.record_refused(transfer_id=transfer.pk)


def is_void(transfer: Transfer) -> bool:
    """Whether none of what was signed for it happened or can happen any more: something else has its nonce."""
    attempts = [Signed(bytes(one.raw), one.tx_hash) for one in transfer.attempts.order_by("number")]
    return port_of(transfer.wallet).is_void(transfer.nonce, attempts)

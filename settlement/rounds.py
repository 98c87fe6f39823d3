"""What is done every minute about payments on chain that wait for something to change there."""

import logging
from datetime import timedelta

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Concat
from procrastinate.contrib.django import app

from settlement import ledger, operations, standings
from settlement.hands import Hand, payment_of
from settlement.models import Journal, NonceFill, Settlement, Transfer, TransferAttempt, Wallet
from settlement.wallets import NoPort, port_of
from settlement.wallets.base import CannotSign, Signed, Terms, Unreachable, WalletPort
from trading.lib import clock
from trading.lib.money import USDT

log = logging.getLogger(__name__)
LOOKED_AT_ONCE = 50
GAP_AFTER, DEARER_AFTER = timedelta(minutes=5), timedelta(minutes=2)
GAS_BOOKED_FOR = timedelta(days=7)
FOLLOWED_FOR, FOLLOWED_EVERY = timedelta(hours=24), timedelta(minutes=10)


@app.periodic(cron="* * * * *")
@app.task(name="settlement.resume_blocked", queue="money", lock="settlement.resume_blocked")
def resume_blocked(timestamp: int) -> None:  # noqa: ARG001 - procrastinate passes the tick
    """
    Every minute: let blocked settlements try again that would be paid by now; those first that waited for it longest.

    Each is looked at with its own address and amount. Where no wallet of its chain would pay anything, that is asked
    of the chain once for all.
    """
    shut: dict[str, Hand] = {}
    rows = Settlement.objects.filter(status=Settlement.Status.BLOCKED, destination__isnull=False)
    waiting = rows.select_related("destination").order_by(F("looked_at").asc(nulls_first=True), "pk")
    resumed = 0
    for settlement in waiting[:LOOKED_AT_ONCE]:
        assert settlement.destination is not None  # noqa: S101 - filtered
        chain = settlement.destination.chain
        hand = shut.get(chain) or shut.setdefault(chain, Hand([chain]))
        if not hand.is_empty:
            hand = _hand_for(settlement)
        looked_at = operations.resume_blocked(settlement_id=settlement.pk, hindrance=hand.hindrance, now=clock.now())
        resumed += looked_at.status == Settlement.Status.APPROVED
    log.info("%s blocked settlements try again", resumed)


def _hand_for(settlement: Settlement) -> Hand:
    assert settlement.destination is not None  # noqa: S101 - see the caller
    chain, to_address = settlement.destination.chain, settlement.destination.address
    minor, promised = ledger.minor(settlement.base_amount, USDT), operations.promised(chain)
    return Hand([chain], to_address=to_address, amount_minor=minor, promised_minor=promised)


@app.periodic(cron="* * * * *")
@app.task(name="settlement.follow_final", queue="money", lock="settlement.follow_final")
def follow_final(timestamp: int) -> None:  # noqa: ARG001 - procrastinate passes the tick
    """
    Every minute: see that the chain still has what it made final, each payment every ten minutes for a day.

    What no node has any more is sent again as it was: a reorganisation went deeper than the chain's settings allow for.
    """
    now = clock.now()
    is_due = Q(looked_at=None) | Q(looked_at__lt=now - FOLLOWED_EVERY)
    rows = Transfer.objects.filter(is_due, status=Transfer.Status.FINAL, final_at__gte=now - FOLLOWED_FOR)
    there: list[int] = []
    silent: set[str] = set()
    for transfer in rows.select_related("wallet").order_by(F("looked_at").asc(nulls_first=True), "pk")[:LOOKED_AT_ONCE]:
        if transfer.wallet.chain in silent:
            continue
        try:
            is_gone = _is_gone(transfer)
        except (Unreachable, NoPort) as error:
            log.warning("chain %s is not looked at: %s", transfer.wallet.chain, error)
            silent.add(transfer.wallet.chain)
            continue
        if is_gone:
            operations.record_undone(transfer_id=transfer.pk, now=clock.now())
            log.error("transfer %s was final, and no node has it any more", transfer.ref)
        else:
            there.append(transfer.pk)
    log.debug("%s final payments are there", operations.record_still_there(transfer_ids=there, now=clock.now()))


def _is_gone(transfer: Transfer) -> bool:
    """Whether every node agrees that the chain has no attempt of it any more, or one that did not pay it."""
    port, hashes = port_of(transfer.wallet), list(transfer.attempts.values_list("tx_hash", flat=True))
    receipts = [receipt for tx_hash in hashes if (receipt := port.receipt(tx_hash))]
    if any(receipt.pays == payment_of(transfer) for receipt in receipts):
        return False
    if receipts:
        return any(receipt.is_final for receipt in receipts)
    return all(port.is_unseen(tx_hash) for tx_hash in hashes)


@app.periodic(cron="* * * * *")
@app.task(name="settlement.fill_gaps", queue="money", lock="settlement.fill_gaps")
def fill_gaps(timestamp: int) -> None:  # noqa: ARG001 - procrastinate passes the tick
    """
    Every minute: use up the nonces of payments in review that the chain waits for, a while after people could look.

    Nothing behind such a nonce gets into a block; and what took its place is the proof that it can never happen.
    """
    in_review = Transfer.objects.filter(
        status=Transfer.Status.NEEDS_REVIEW, updated_at__lte=clock.now() - GAP_AFTER
    ).select_related("wallet")
    for transfer in in_review.order_by("wallet", "nonce")[:LOOKED_AT_ONCE]:
        try:
            _fill(transfer, port_of(transfer.wallet))
        except (Unreachable, NoPort, CannotSign) as error:
            log.warning("transfer %s: its nonce is not filled: %s", transfer.ref, error)


def _fill(transfer: Transfer, port: WalletPort) -> None:
    if port.nonce() != transfer.nonce:
        return  # it is used, or one before it is missing
    last = transfer.fills.order_by("number").last()
    if last is None or (last.broadcast_at and clock.now() - last.broadcast_at > DEARER_AFTER):
        terms = port.dearer(bytes(last.raw)) if last else port.empty_terms()
        last = _sign_empty(transfer, last.number if last else 0, terms) if terms else last
    if last is None:
        log.warning("transfer %s: its nonce is not filled: that cannot be paid for now", transfer.ref)
    elif operations.permit_fill(fill_id=last.pk):
        _send_empty(last, port)


def _sign_empty(transfer: Transfer, number: int, terms: Terms) -> NonceFill | None:
    def signer(wallet: Wallet, again: Transfer) -> Signed:
        return port_of(wallet).empty(again.nonce, terms)

    operations.fill_nonce(transfer_id=transfer.pk, number=number, signer=signer, now=clock.now())
    return transfer.fills.order_by("number").last()


def _send_empty(fill: NonceFill, port: WalletPort) -> None:
    raw = bytes(fill.raw)
    try:
        is_meant = port.reads_empty(raw) == fill.transfer.nonce
    except ValueError as error:
        log.error("transfer %s: %s", fill.transfer.ref, error)  # noqa: TRY400 - the sentence says it all
        return
    if is_meant:
        answer = port.broadcast(raw)
        operations.record_fill(fill_id=fill.pk, answer=f"{answer.outcome} {answer.said}".strip(), now=clock.now())


@app.periodic(cron="*/5 * * * *")
@app.task(name="settlement.book_gas", queue="money", lock="settlement.book_gas")
def book_gas(timestamp: int) -> None:  # noqa: ARG001 - procrastinate passes the tick
    """Every five minutes: book what failed payments and empty transactions cost; what paid is booked as it is final."""
    since = clock.now() - GAS_BOOKED_FOR
    status = Transfer.Status
    failed = TransferAttempt.objects.filter(
        transfer__status__in=[status.NEEDS_REVIEW, status.ABANDONED], transfer__updated_at__gte=since
    )
    fills = NonceFill.objects.filter(created_at__gte=since)
    rows: list[TransferAttempt | NonceFill] = [*_not_booked(failed), *_not_booked(fills)]
    for each in rows:
        wallet, ref = each.transfer.wallet, each.transfer.ref
        try:
            receipt = port_of(wallet).receipt(each.tx_hash)
        except (Unreachable, NoPort) as error:
            log.warning("transfer %s: what %s cost is not known: %s", ref, each.tx_hash, error)
            continue
        if receipt is not None and receipt.is_final and receipt.fee:
            operations.book_gas(wallet=wallet, tx_hash=each.tx_hash, fee=receipt.fee, subject=ref)


def _not_booked[Row: (TransferAttempt, NonceFill)](rows: QuerySet[Row]) -> list[Row]:
    """The oldest of those whose cost is not in the books."""
    booked = Journal.objects.filter(key=Concat(Value("gas:"), OuterRef("tx_hash")))
    return list(rows.exclude(Exists(booked)).select_related("transfer__wallet").order_by("pk")[:LOOKED_AT_ONCE])


@app.periodic(cron="* * * * *")
@app.task(name="settlement.fold_entries", queue="default", lock="settlement.fold_entries")
def fold_entries(timestamp: int) -> None:  # noqa: ARG001 - procrastinate passes the tick
    """Every minute: add up by day what was entered, so that pages need not."""
    while operations.fold_entries() >= standings.MOST_AT_ONCE:
        pass

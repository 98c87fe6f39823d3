"""
The watcher: what comes to the wallets on their chains is seen, and booked once it is final.

Every minute, in bounded steps. No transaction is open while a chain is asked, and what was seen is kept before any of
it is booked: whoever dies in between leaves it to the next.
"""

import logging
from collections.abc import Iterator
from datetime import timedelta

from django.db.models import F, Q
from procrastinate.contrib.django import app

from settlement import operations
from settlement.models import ArrivalWatch, Deposit, Wallet
from settlement.wallets import NoPort, port_of
from settlement.wallets.base import Arrival, Unreachable, WalletPort
from trading.lib import clock

log = logging.getLogger(__name__)
READS_AT_ONCE = 20
LOOKED_AT_AGAIN = 50  # a node that was late has them by now
SEEN_AT_ONCE = 100
FOLLOWED_FOR, FOLLOWED_EVERY, FOLLOWED_AT_ONCE = timedelta(hours=24), timedelta(minutes=10), 50

type Span = tuple[int, int]


@app.periodic(cron="* * * * *")
@app.task(name="settlement.watch", queue="money", lock="settlement.watch")
def watch(timestamp: int) -> None:  # noqa: ARG001 - procrastinate passes the tick
    """Every minute: see what came to each wallet, paused ones too, and book what is final."""
    for wallet in Wallet.objects.order_by("pk"):
        try:
            booked = watch_wallet(wallet, port_of(wallet))
            log.info("%s deposits to wallet %s were booked", booked, wallet.name)
        except (Unreachable, NoPort) as error:
            log.warning("wallet %s is not watched: %s", wallet.name, error)


def watch_wallet(wallet: Wallet, port: WalletPort) -> int:
    """
    Read on in the wallet's chain, book what is final; how much that was.

    :raises Unreachable: the chain does not answer; what was read so far is kept.
    """
    horizon = port.horizon()
    reading = operations.begin_watch(wallet_id=wallet.pk, height=horizon.head, now=clock.now())
    booked = 0
    for first, last in _spans(reading, horizon.head, port.blocks_at_once):
        arrivals = port.arrivals(first, last)
        until = min(last, horizon.final)
        unbooked = operations.record_arrivals(
            wallet_id=wallet.pk, arrivals=arrivals, until=until, head=horizon.head, now=clock.now()
        )
        booked += _book(wallet, arrivals, unbooked)
        _let_go(wallet, arrivals, (first, until))
    return booked


@app.periodic(cron="* * * * *")
@app.task(name="settlement.follow_arrivals", queue="money", lock="settlement.follow_arrivals")
def follow_arrivals(timestamp: int) -> None:  # noqa: ARG001 - procrastinate passes the tick
    """
    Every minute: see that the chain still has what was booked, each every ten minutes for a day; and what it undid.

    What no node has any more stops the payments of its chain: a reorganisation went deeper than its settings allow for.
    """
    now = clock.now()
    is_due = Q(looked_at=None) | Q(looked_at__lt=now - FOLLOWED_EVERY)
    is_kept = Q(status__in=operations.BOOKED_ARRIVALS, final_at__gte=now - FOLLOWED_FOR)
    rows = Deposit.objects.filter(is_due, is_kept | Q(status=Deposit.Status.UNDONE), wallet__isnull=False)
    rows = rows.select_related("wallet").order_by(F("looked_at").asc(nulls_first=True), "pk")[:FOLLOWED_AT_ONCE]
    looked_at: list[int] = []
    silent: set[str] = set()
    for deposit in rows:
        wallet = deposit.wallet
        if wallet is None or wallet.chain in silent:
            continue
        try:
            _follow(deposit, port_of(wallet))
            looked_at.append(deposit.pk)
        except (Unreachable, NoPort) as error:
            log.warning("chain %s is not looked at: %s", wallet.chain, error)
            silent.add(wallet.chain)
    operations.record_arrivals_looked_at(deposit_ids=looked_at, now=clock.now())


def _follow(deposit: Deposit, port: WalletPort) -> None:
    receipt = port.receipt(deposit.tx_hash)
    blocks = {deposit.block_number, receipt.block_number if receipt else None} - {None}
    found = next((one for block in blocks if block is not None for one in _same(deposit, block, port)), None)
    if found is not None:
        operations.record_arrival_back(deposit_id=deposit.pk, arrival=found, now=clock.now())
    elif receipt.is_final if receipt else port.is_unseen(deposit.tx_hash):
        done = operations.record_arrival_undone(deposit_id=deposit.pk, now=clock.now())
        log.error("deposit %s was booked, and no node has it any more: it is %s", done.ref, done.status)


def _same(deposit: Deposit, block: int, port: WalletPort) -> list[Arrival]:
    wanted = (deposit.tx_hash, deposit.position)
    return [one for one in port.arrivals(block, block) if (one.tx_hash, one.position) == wanted and one.is_final]


def _spans(reading: ArrivalWatch, head: int, size: int) -> Iterator[Span]:
    """The blocks to look at: those of what waits to be booked, then those not read yet and a few before them."""
    begin = max(reading.last + 1 - LOOKED_AT_AGAIN, reading.first + 1)
    waiting = Deposit.objects.filter(wallet=reading.wallet_id, status=Deposit.Status.SEEN, block_number__lt=begin)
    blocks = waiting.order_by("block_number").values_list("block_number", flat=True).distinct()
    yield from [(block, block) for block in blocks[:SEEN_AT_ONCE] if block is not None]
    for first in range(begin, min(begin + READS_AT_ONCE * size, head + 1), size):
        yield first, min(first + size - 1, head)


def _book(wallet: Wallet, arrivals: list[Arrival], unbooked: list[int]) -> int:
    final = {(one.tx_hash, one.position) for one in arrivals if one.is_final}
    booked = 0
    for deposit in Deposit.objects.filter(pk__in=unbooked).order_by("block_number", "log_index"):
        if (deposit.tx_hash, deposit.position) in final:
            done = operations.book_arrival(deposit_id=deposit.pk, now=clock.now())
            log.info("deposit %s to wallet %s is %s %s", done.ref, wallet.name, done.status, done.reason)
            booked += 1
    return booked


def _let_go(wallet: Wallet, arrivals: list[Arrival], span: Span) -> None:
    """What was seen in blocks that are final by now, and no node has in any of them."""
    there = {(one.tx_hash, one.position) for one in arrivals}
    for deposit in Deposit.objects.filter(wallet=wallet, status=Deposit.Status.SEEN, block_number__range=span):
        if (deposit.tx_hash, deposit.position) not in there:
            operations.record_gone(deposit_id=deposit.pk, now=clock.now())
            log.warning("deposit %s to wallet %s is gone from its chain", deposit.ref, wallet.name)

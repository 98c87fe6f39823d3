"""
The watcher: what comes to the wallets on their chains is seen, and booked once it is final.

Every minute, in bounded steps. No transaction is open while a chain is asked, and what was seen is kept before any of
it is booked: whoever dies in between leaves it to the next.
"""

import logging
from collections.abc import Iterator

from procrastinate.contrib.django import app

from settlement import operations
from settlement.models import ArrivalWatch, Deposit, Wallet
from settlement.wallets import NoPort, port_of
from settlement.wallets.base import Arrival, Unreachable, WalletPort
from trading.lib import clock

log = logging.getLogger(__name__)
BLOCKS_AT_ONCE = 1000  # what every provider answers in one question for logs
READS_AT_ONCE = 20
LOOKED_AT_AGAIN = 50  # a node that was late has them by now
SEEN_AT_ONCE = 100

type Span = tuple[int, int]


@app.periodic(cron="* * * * *")
@app.task(name="settlement.watch", queue="money", lock="settlement.watch")
def watch(timestamp: int) -> None:  # noqa: ARG001 - procrastinate passes the tick
    """Every minute: see what came to each wallet, paused ones too, and book what is final."""
    for wallet in Wallet.objects.order_by("pk"):
        try:
            port = port_of(wallet)
            if port.sees_arrivals:
                booked = watch_wallet(wallet, port)
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
    for first, last in _spans(reading, horizon.head):
        arrivals = port.arrivals(first, last)
        until = min(last, horizon.final)
        unbooked = operations.record_arrivals(wallet_id=wallet.pk, arrivals=arrivals, until=until, now=clock.now())
        booked += _book(wallet, arrivals, unbooked)
        _let_go(wallet, arrivals, (first, until))
    return booked


def _spans(reading: ArrivalWatch, head: int) -> Iterator[Span]:
    """The blocks to look at: those of what waits to be booked, then those not read yet and a few before them."""
    begin = max(reading.last + 1 - LOOKED_AT_AGAIN, reading.first + 1)
    waiting = Deposit.objects.filter(wallet=reading.wallet_id, status=Deposit.Status.SEEN, block_number__lt=begin)
    blocks = waiting.order_by("block_number").values_list("block_number", flat=True).distinct()
    yield from [(block, block) for block in blocks[:SEEN_AT_ONCE] if block is not None]
    for first in range(begin, min(begin + READS_AT_ONCE * BLOCKS_AT_ONCE, head + 1), BLOCKS_AT_ONCE):
        yield first, min(first + BLOCKS_AT_ONCE - 1, head)


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

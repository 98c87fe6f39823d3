"""
USDT that was booked as final, and that its chain then undid: nothing is paid there until two people have decided.

The calls to the chain are the watcher's. What the chain has again by itself is booked as it was; else two people take
it off again, from whose balance it is on or as a loss of the firm.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from settlement import ledger
from settlement.arrival_reasons import BACK, UNDONE
from settlement.ledger import InsufficientBalance, Posting
from settlement.models import Deposit, Wallet
from settlement.operations.arrivals import SeenArrival, locked_arrival, record
from settlement.operations.pausing import paused
from settlement.pauses import DEPOSIT_UNDONE
from trading.lib.errors import Conflict
from trading.lib.operations import operation

Status = Deposit.Status
BOOKED = (Status.CREDITED, Status.SUSPENSE)


class UsedAlready(Conflict):
    """The client has spent what its chain undid."""

    code = "deposit_used"
    text = _("The balance of {client} does not cover it any more. Let the firm bear it, and ask the client for it.")


@operation
def record_arrival_undone(*, deposit_id: int, now: datetime) -> Deposit:
    """
    No node has it any more, and it is booked: pause every wallet of its chain, and have people look. Once.

    The books keep it until it is there again or two people take it off.
    """
    deposit = locked_arrival(deposit_id)
    if deposit.status not in BOOKED:
        return deposit
    deposit.move(Status.UNDONE, at=now, reason=UNDONE)
    assert deposit.wallet is not None  # noqa: S101 - the database: it came on a chain
    for wallet in Wallet.objects.filter(chain=deposit.wallet.chain).order_by("pk").values_list("pk", flat=True):
        paused(wallet, DEPOSIT_UNDONE, now=now)
    record("deposit.undone", deposit, now=now)
    return deposit


@operation
def record_arrival_back(*, deposit_id: int, arrival: SeenArrival, now: datetime) -> Deposit:
    """The chain has it again, perhaps in another block: it is booked already. Its wallets stay paused."""
    deposit = locked_arrival(deposit_id)
    if deposit.status == Status.UNDONE:
        place = {"block_number": arrival.block_number, "log_index": arrival.log_index}
        was = Status.SUSPENSE if deposit.credited_at is None else Status.CREDITED
        deposit.move(was, at=now, reason=BACK, looked_at=now, **place)
        record("deposit.back", deposit, now=now)
    return deposit


@operation
def record_arrivals_looked_at(*, deposit_ids: Sequence[int], now: datetime) -> int:
    """Keep when the chain was asked for them last; the answer is how many."""
    return Deposit.objects.filter(pk__in=deposit_ids).update(looked_at=now)


def take_off(deposit: Deposit, *, is_firms_loss: bool, now: datetime) -> None:
    """
    Book that its wallet never had it. Assumes a transaction and the request that two people carried.

    :raises UsedAlready: the balance that it was put on does not cover it.
    """
    unit, client = deposit.asset.unit, deposit.client
    if is_firms_loss:
        bearer = ledger.desk("capital", unit)
    else:
        bearer = ledger.of(client, unit) if client else ledger.desk("suspense", unit)
    deposit.move(Status.TAKEN_OFF, at=now, reason=UNDONE)
    legs = ledger.pair_of(bearer, deposit.wallet_account, ledger.minor(deposit.amount or Decimal(0), unit))
    try:
        is_covered = ledger.post(Posting(f"deposit-undone:{deposit.ref}", "deposit_undone", deposit.ref, legs))
    except InsufficientBalance as error:
        raise UsedAlready(client=client.name if client else "") from error
    if not is_covered:
        raise UsedAlready(client=client.name if client else "")


def take_as_own(deposit: Deposit, *, reason: str, now: datetime) -> None:
    """Book what is in suspense as the firm's own money. Assumes the request that two people carried."""
    unit = deposit.asset.unit
    deposit.move(Status.LEFT_OUT, at=now, reason=reason)
    minor = ledger.minor(deposit.amount or Decimal(0), unit)
    legs = ledger.pair_of(ledger.desk("suspense", unit), ledger.desk("capital", unit), minor)
    ledger.post(Posting(f"deposit-left-out:{deposit.ref}", "deposit_left_out", deposit.ref, legs))

"""
USDT that comes to a wallet on its chain: seen, booked once its block is final, or gone with its block.

The calls to the chain are the watcher's. The chain is the proof of what came, and two people have approved the address
it came from: so it is credited at once, however much it is. Whatever is not clear waits in suspense for two people.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from django.conf import settings

from settlement import ledger
from settlement.arrival_reasons import (
    BELOW_MINIMUM,
    OF_LP,
    OWN_WALLET,
    REORGANISED,
    SENDER_OF_LP,
    SENDER_OF_SEVERAL,
    UNKNOWN_SENDER,
)
from settlement.ledger import Posting
from settlement.models import ArrivalWatch, Deposit, LpPayment, PayoutAddress, Wallet
from settlement.operations.deposits import credit
from settlement.operations.pausing import WalletSubject
from trading.lib.money import Money
from trading.lib.operations import operation
from users import audit
from users.models import Counterparty

log = logging.getLogger(__name__)
Status = Deposit.Status
UNSETTLED = (Status.SEEN, Status.GONE)


class SeenArrival(Protocol):
    """One transfer of the token to a wallet, as the nodes have it."""

    @property
    def tx_hash(self) -> str:
        """Its transaction."""

    @property
    def position(self) -> int:
        """Which of the transaction's transfers to the wallet it is, from 0."""

    @property
    def log_index(self) -> int:
        """Where its log is in the block."""

    @property
    def block_number(self) -> int:
        """The block it is in."""

    @property
    def sender(self) -> str:
        """The address it came from."""

    @property
    def amount_minor(self) -> int:
        """What came."""


@operation
def begin_watch(*, wallet_id: int, height: int, now: datetime) -> ArrivalWatch:
    """Watch a wallet from the block after this one. One that is watched already stays as it is."""
    begun = {"first": height, "last": height, "head": height, "looked_at": now}
    watch, is_new = ArrivalWatch.objects.get_or_create(wallet_id=wallet_id, defaults=begun)
    if is_new:
        wallet = Wallet.objects.get(pk=wallet_id)
        change = audit.Change(after={"chain": wallet.chain, "address": wallet.address, "height": height})
        audit.record("wallet.watched", actor=None, subject=WalletSubject(wallet.name), at=now, change=change)
    return watch


@operation
def record_arrivals(
    *, wallet_id: int, arrivals: Sequence[SeenArrival], until: int, head: int, now: datetime
) -> list[int]:
    """
    Keep what was seen, and how far the chain was read to where it is final. The answer: those that are to be booked.

    Two watchers at once come one after the other; what one has kept is there for the other.
    """
    watch = ArrivalWatch.objects.select_for_update().get(pk=wallet_id)
    watch.last, watch.head, watch.looked_at = max(watch.last, until), head, now
    watch.save(update_fields=["last", "head", "looked_at"])
    rows = Deposit.objects.filter(wallet=wallet_id, tx_hash__in={one.tx_hash for one in arrivals})
    known = {(row.tx_hash, row.position): row for row in rows}
    wallet = Wallet.objects.select_related("account__asset").get(pk=wallet_id)
    unbooked = []
    for arrival in arrivals:
        row = known.get((arrival.tx_hash, arrival.position))
        if row is None:
            row = _see(arrival, wallet, now=now)
        elif row.status in UNSETTLED:
            _see_again(row, arrival, now=now)
        elif row.block_number != arrival.block_number:
            log.error("deposit %s was final in block %s and is in another now", row.ref, row.block_number)
        if row.status == Status.SEEN:
            unbooked.append(row.pk)
    return unbooked


@operation
def book_arrival(*, deposit_id: int, now: datetime) -> Deposit:
    """
    Book what every node has in a block that is final: for its client, or in suspense with the reason.

    Booked already, it stays as it is. The database refuses what is not final (MN38) or not the client's (MN11).
    """
    deposit = locked_arrival(deposit_id)
    if deposit.status != Status.SEEN:
        return deposit
    client, reason = _whose(deposit)
    if client is not None:
        credit(deposit, client, actor=None, now=now)
    elif reason in {OWN_WALLET, OF_LP}:
        deposit.move(Status.LEFT_OUT, at=now, reason=reason, final_at=now)
        record("deposit.left_out", deposit, now=now)
    else:
        deposit.move(Status.SUSPENSE, at=now, reason=reason, final_at=now)
        _post(deposit, "deposit_suspense", deposit.wallet_account, ledger.desk("suspense", deposit.asset.unit))
        record("deposit.of_unknown", deposit, now=now)
    return deposit


@operation
def record_gone(*, deposit_id: int, now: datetime) -> Deposit:
    """No node has it any more, and its block is final: a reorganisation left it out. Nothing was credited."""
    deposit = locked_arrival(deposit_id)
    if deposit.status == Status.SEEN:
        deposit.move(Status.GONE, at=now, reason=REORGANISED)
        record("deposit.gone", deposit, now=now)
    return deposit


def leave_to_lp(payment: LpPayment, *, amount: Decimal, reference: str, now: datetime) -> None:
    """What an LP paid is no longer a deposit in suspense. Assumes the transaction that books the LP's payment."""
    same = reference[-64:].lower()
    rows = Deposit.objects.filter(wallet=payment.wallet, amount=amount, status=Status.SUSPENSE, tx_hash__iendswith=same)
    found = rows.select_related("asset", "wallet__account").select_for_update(of=("self",)).order_by("position").first()
    if payment.wallet is not None and found is not None:
        found.move(Status.LEFT_OUT, at=now, reason=OF_LP)
        _post(found, "deposit_left_out", ledger.desk("suspense", found.asset.unit), found.wallet_account)
        record("deposit.left_out", found, now=now)


def minimum_deposit() -> Decimal:
    """What comes to a wallet in one transfer and is less is not credited without people: USDT."""
    return Decimal(settings.DEPOSIT_MINIMUM_USDT)


def _whose(deposit: Deposit) -> tuple[Counterparty | None, str]:
    """The client whose approved address it came from; else why it is nobody's."""
    wallet, amount = deposit.wallet, deposit.amount or Decimal(0)
    assert wallet is not None  # noqa: S101 - the database: what was seen was seen at a wallet
    if Wallet.objects.filter(chain=wallet.chain, address=deposit.sender).exists():
        return None, OWN_WALLET
    if _is_of_lp(deposit):
        return None, OF_LP
    owners = PayoutAddress.objects.filter(
        chain=wallet.chain, address=deposit.sender, approved_at__isnull=False, revoked_at=None
    )
    parties = {one.counterparty for one in owners.select_related("counterparty")}
    if not parties:
        return None, UNKNOWN_SENDER if amount >= minimum_deposit() else BELOW_MINIMUM
    if len(parties) > 1:
        return None, SENDER_OF_SEVERAL
    (party,) = parties
    if party.kind != Counterparty.Kind.CLIENT:
        return None, SENDER_OF_LP
    return (party, "") if amount >= minimum_deposit() else (None, BELOW_MINIMUM)


def _is_of_lp(deposit: Deposit) -> bool:
    """Whether an LP payment has it: the LP's was booked before the watcher saw that it came."""
    same = deposit.tx_hash[-64:]
    theirs = LpPayment.objects.filter(
        direction=LpPayment.Direction.IN,
        status=LpPayment.Status.CONFIRMED,
        wallet=deposit.wallet,
        received=deposit.amount,
        reference__iendswith=same,
    )
    equal = Deposit.objects.filter(
        wallet=deposit.wallet, tx_hash=deposit.tx_hash, amount=deposit.amount, status=Status.LEFT_OUT
    )
    return theirs.exists() and not equal.exists()


def _see(arrival: SeenArrival, wallet: Wallet, *, now: datetime) -> Deposit:
    asset = wallet.account.asset
    deposit = Deposit(
        asset=asset,
        amount=Money.from_minor(arrival.amount_minor, asset.unit).amount,
        sender=arrival.sender,
        wallet=wallet,
        tx_hash=arrival.tx_hash,
        position=arrival.position,
        log_index=arrival.log_index,
        block_number=arrival.block_number,
        status=Status.SEEN,
        created_at=now,
        updated_at=now,
    )
    deposit.save(force_insert=True)
    record("deposit.seen", deposit, now=now)
    return deposit


def _see_again(row: Deposit, arrival: SeenArrival, *, now: datetime) -> None:
    """A reorganisation may have put it into another block, or back into one."""
    place = {"block_number": arrival.block_number, "log_index": arrival.log_index}
    if row.status == Status.GONE:
        row.move(Status.SEEN, at=now, reason="", **place)
        record("deposit.seen", row, now=now)
    elif (row.block_number, row.log_index) != (arrival.block_number, arrival.log_index):
        Deposit.objects.filter(pk=row.pk, status=Status.SEEN).update(updated_at=now, **place)


def locked_arrival(deposit_id: int) -> Deposit:
    """Lock what came on a chain. Assumes a transaction."""
    rows = Deposit.objects.select_related("asset", "wallet__account").select_for_update(of=("self",))
    return rows.get(pk=deposit_id)


def _post(deposit: Deposit, kind: str, debited: str, credited: str) -> None:
    unit = deposit.asset.unit
    legs = ledger.pair_of(debited, credited, ledger.minor(deposit.amount or Decimal(0), unit))
    ledger.post(Posting(f"{kind.replace('_', '-')}:{deposit.ref}", kind, deposit.ref, legs))


def record(event: str, deposit: Deposit, *, now: datetime) -> None:
    """Keep what became of it as evidence: nobody did it."""
    wallet = deposit.wallet
    after = {
        "amount": str(Money(deposit.amount or Decimal(0), deposit.asset.unit)),
        "wallet": wallet.name if wallet else "",
        "transaction": deposit.tx_hash,
        "block": deposit.block_number,
        "sender": deposit.sender,
    }
    audit.record(event, actor=None, subject=deposit, at=now, change=audit.Change(after=after, reason=deposit.reason))

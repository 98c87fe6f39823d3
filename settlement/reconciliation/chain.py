"""
Each hot wallet in the books against what its chain says: balance, nonce, and every transfer out of it.

They move one after the other: the chain takes a payment before the ledger hears that it is final. So the chain is
asked how it was at one block, and what that block had of payments the ledger still waits for is counted; so is what the
ledger has taken for final of later blocks. A difference counts only when it lasts.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal

from django.db import connection, transaction
from django.db.models import Sum

from settlement.models import Balance, ChainReading, Deposit, Transfer, TransferAttempt, Wallet
from settlement.reconciliation.differences import INCOMING, NONCE, OUTGOING, WALLET, Difference
from settlement.wallets import NoPort, port_of
from settlement.wallets.base import Standing, Unreachable, WalletPort
from trading.lib.money import Money

LOOKS, PAUSE_SECONDS = 3, 2.0
MOST_INCOMING_PAGES = 50
MOST_ASKED = 20  # payments that are not in what was read, of which the chain is asked for the receipt
SNAPSHOT = "set transaction isolation level repeatable read, read only"
ENDED = (Transfer.Status.FINAL, Transfer.Status.ABANDONED)

# Explained is what the desk signed, what settled a trade by hand, and what a correction names in its evidence.
UNKNOWN = """
select flow.tx_hash, flow.amount_minor, flow.to_address from settlement_outflow as flow
join settlement_wallet as wallet on wallet.id = flow.wallet_id
join settlement_ledgeraccount as account on account.id = wallet.account_id
where flow.wallet_id = %s and not exists (
    select from settlement_transferattempt as attempt join settlement_transfer as transfer
        on transfer.id = attempt.transfer_id
    where attempt.tx_hash = flow.tx_hash and transfer.wallet_id = flow.wallet_id and transfer.status <> 'abandoned'
        and (transfer.amount_minor, lower(transfer.to_address)) = (flow.amount_minor, lower(flow.to_address))
) and not exists (
    select from settlement_manualpayment as payment join settlement_paymentcheck as asked
        on asked.id = payment.check_made_id
    where payment.reference = flow.tx_hash and asked.wallet_id = flow.wallet_id
        and asked.amount_minor = flow.amount_minor
) and not exists (
    select from users_approvalrequest as request
    where request.act = 'ledger.adjust' and request.status = 'executed'
        and account.code in (request.payload ->> 'debit', request.payload ->> 'credit')
        and position(flow.tx_hash in lower(request.payload ->> 'evidence')) > 0
)
order by flow.block_number, flow.log_index
"""
# Final in the books, in blocks that were read, and not there.
UNSENT = """
select transfer.id from settlement_transfer as transfer
join settlement_chainreading as reading on reading.wallet_id = transfer.wallet_id
where transfer.wallet_id = %s and transfer.status = 'final'
    and transfer.block_number > reading.first and transfer.block_number <= reading.last and not exists (
        select from settlement_outflow as flow join settlement_transferattempt as attempt
            on attempt.tx_hash = flow.tx_hash
        where attempt.transfer_id = transfer.id and flow.wallet_id = transfer.wallet_id
    )
order by transfer.id desc limit %s
"""

AGREED = """
select wallets -> %s ->> 'height' from settlement_reconciliation
where wallets -> %s ->> 'gap_minor' = '0' order by id desc limit 1
"""


@dataclass(slots=True)
class Compared:
    """One wallet: what its chain said beside the books, what differs, or why it could not be looked at."""

    wallet: Wallet
    seen: dict[str, object] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    unseen: str = ""

    def differs(self, check: str, what: str) -> None:
        """Add a difference of this wallet."""
        self.differences.append(Difference(check, self.wallet.name, what, wallet=self.wallet.name))


@dataclass(frozen=True, slots=True)
class Books:
    """
    What the books have of a wallet at one moment; `late` is what became final in blocks above the one looked at.

    `confirming` is what came in up to that block and is booked once it is final.
    """

    posted: Decimal
    next_nonce: int
    late: Decimal
    confirming: Decimal
    waiting: Mapping[int, Sequence[TransferAttempt]]

    def expected(self, port: WalletPort, height: int) -> Decimal:
        """What the chain should have had at that height."""
        amount = self.posted + self.late
        for attempts in self.waiting.values():
            receipts = [port.receipt(attempt.tx_hash) for attempt in attempts]
            paid = [one.pays for one in receipts if one is not None and one.pays and one.block_number <= height]
            is_posted = attempts[0].transfer.final_at is not None  # once final, until the chain undid it
            if paid and not is_posted:
                amount -= paid[-1].amount_minor
            elif is_posted and not paid:
                amount += attempts[0].transfer.amount_minor
        return amount


def wallets(*, sleep: Callable[[float], None] = time.sleep) -> list[Compared]:
    """Compare every wallet; what differs counts when it lasts. Asks the chains, so hold no transaction."""
    return [_lasting(wallet, sleep) for wallet in all_wallets()]


def all_wallets() -> list[Wallet]:
    """Every wallet with what comparing needs, in the order of their names."""
    return list(Wallet.objects.select_related("account__asset").order_by("name"))


def _lasting(wallet: Wallet, sleep: Callable[[float], None]) -> Compared:
    for _ in range(LOOKS - 1):
        found = compared(wallet)
        if not found.differences:
            return found
        sleep(PAUSE_SECONDS)
    return compared(wallet)


def compared(wallet: Wallet) -> Compared:
    """Look at one wallet once. Asks its chain, so hold no transaction."""
    found = Compared(wallet)
    try:
        _compare(found, port_of(wallet))
    except NoPort:
        found.unseen = f"cannot be compared: nothing here speaks for the chain {wallet.chain}"
    except Unreachable:
        found.unseen = "cannot be compared: its chain does not answer"
    return found


def _compare(found: Compared, port: WalletPort) -> None:
    standing = port.standing()
    books = _books(found.wallet, standing.height)
    gap = standing.balance_minor - books.posted - books.late
    if gap:
        gap = standing.balance_minor - books.expected(port, standing.height)
        gap -= min(max(gap, Decimal(0)), books.confirming)  # a node may have claimed more than came
    _balance(found, port, standing, gap)
    if standing.nonce > books.next_nonce:
        found.differs(NONCE, f"has {standing.nonce} transactions on its chain, and {books.next_nonce} in the books")
    _outgoing(found, port)
    reading = ChainReading.objects.filter(wallet=found.wallet).first()
    found.seen = {
        **asdict(standing),
        "coins": None if standing.coins is None else f"{standing.coins:f}",
        "posted_minor": int(books.posted),
        "next_nonce": books.next_nonce,
        "waiting": len(books.waiting),
        "gap_minor": int(gap),
        "read_to": reading.last if reading else None,
    }


def _books(wallet: Wallet, height: int) -> Books:
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute(SNAPSHOT)
        late = Transfer.objects.filter(wallet=wallet, status=Transfer.Status.FINAL, block_number__gt=height)
        attempts = TransferAttempt.objects.filter(transfer__wallet=wallet).exclude(transfer__status__in=ENDED)
        waiting: dict[int, list[TransferAttempt]] = {}
        for attempt in attempts.select_related("transfer").order_by("pk"):
            waiting.setdefault(attempt.transfer_id, []).append(attempt)
        return Books(
            posted=Balance.objects.get(account=wallet.account_id).posted,
            next_nonce=Wallet.objects.values_list("next_nonce", flat=True).get(pk=wallet.pk),
            late=sum(late.values_list("amount_minor", flat=True), Decimal(0)),
            confirming=_confirming(wallet, height),
            waiting=waiting,
        )


def _confirming(wallet: Wallet, height: int) -> Decimal:
    seen = Deposit.objects.filter(wallet=wallet, status=Deposit.Status.SEEN, block_number__lte=height)
    total = seen.aggregate(total=Sum("amount"))["total"] or Decimal(0)
    return Decimal(Money(total, wallet.account.asset.unit).minor)


def _balance(found: Compared, port: WalletPort, standing: Standing, gap: Decimal) -> None:
    """Less than the books say, or more: the latter stops nothing where it came by a transfer that nobody booked."""
    if not gap:
        return
    amount = Money.from_minor(abs(gap), found.wallet.account.asset.unit)
    if gap < 0:
        found.differs(WALLET, f"has {amount} less on its chain than in the books")
    elif gap <= _came(found.wallet, port, standing.height):
        found.differs(INCOMING, f"was sent {amount} that nobody has booked")
    else:
        found.differs(WALLET, f"has {amount} more on its chain than in the books")


def _came(wallet: Wallet, port: WalletPort, height: int) -> int:
    """What came to it since chain and books agreed last, or since its chain is read; nothing when that is long ago."""
    reading = ChainReading.objects.filter(wallet=wallet).first()
    with connection.cursor() as cursor:
        cursor.execute(AGREED, [wallet.name, wallet.name])
        agreed = cursor.fetchone()
    first = int(agreed[0]) if agreed else reading.first if reading else height
    step = port.blocks_at_once
    if height - first > step * MOST_INCOMING_PAGES:
        return 0
    return sum(port.incoming(start, min(start + step - 1, height)) for start in range(first + 1, height + 1, step))


def _outgoing(found: Compared, port: WalletPort) -> None:
    """What left it that nobody here signed, and what the books think left and did not."""
    unit = found.wallet.account.asset.unit
    with connection.cursor() as cursor:
        cursor.execute(UNKNOWN, [found.wallet.pk])
        unknown = cursor.fetchall()
        cursor.execute(UNSENT, [found.wallet.pk, MOST_ASKED])
        unsent = [pk for (pk,) in cursor.fetchall()]
    for tx_hash, minor, to_address in unknown:
        paid = Money.from_minor(minor, unit)
        found.differs(OUTGOING, f"paid {paid} to {to_address} by {tx_hash}, which the desk did not sign")
    for transfer in Transfer.objects.filter(pk__in=unsent).prefetch_related("attempts"):
        receipts = (port.receipt(attempt.tx_hash) for attempt in transfer.attempts.all())
        if not any(receipt is not None and receipt.pays is not None for receipt in receipts):
            found.differs(OUTGOING, f"did not pay {transfer.ref} on its chain, which is final in the books")
